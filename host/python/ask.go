package python

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxAnswer is how many bytes an answer may have.
const maxAnswer = 256 << 20

// refusal is the answer of a host that does not do what it was asked.
type refusal struct {
	status int
	why    string
}

func (r *refusal) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.why) }

// passing reports whether the same request may be answered later: a proxy before
// the host says so.
func (r *refusal) passing() bool {
	switch r.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// notSent reports whether err means that the host has not got the request.
func notSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// ask sends a GET, and returns the answer's data.
func ask(ctx context.Context, c *http.Client, address string) (json.RawMessage, error) {
	body, err := send(ctx, c, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return decodeAnswer(body)
}

// send sends a request, and returns the answer's body. The error has no address.
func send(ctx context.Context, c *http.Client, method, address string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("bad address")
	}
	r.Header.Set("User-Agent", "syncstream")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // which has no address, and so no secret
		}
		return nil, err
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	case answer.StatusCode >= 300:
		return nil, &refusal{answer.StatusCode, reason(got)}
	case len(got) > maxAnswer:
		return nil, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	return got, nil
}

// reason returns why a host refuses something: Flask says it in a page of HTML.
func reason(body []byte) string {
	var answer struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Message != "" {
		return short(answer.Message)
	}
	if _, rest, ok := bytes.Cut(body, []byte("<title>")); ok {
		title, _, _ := bytes.Cut(rest, []byte("</title>"))
		return short(strings.TrimSpace(string(title)))
	}
	if !utf8.Valid(body) || len(body) == 0 {
		return "it gives no reason"
	}
	return short(string(body))
}

// errNoHost says that who answers is no host.
var errNoHost = errors.New("no answer of a host")

// decodeAnswer returns the data of a host's answer; nil if it has none.
func decodeAnswer(body []byte) (json.RawMessage, error) {
	o, err := object(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoHost, err)
	}
	if message, err := o.string("message"); err != nil || message != "success" {
		return nil, fmt.Errorf("%w: want the message success", errNoHost)
	}
	return o.fields["data"], nil
}

// decodeNumber returns a number of messages; -1 if the host has forgotten it.
func decodeNumber(data json.RawMessage) (int, error) {
	if data == nil || string(data) == "null" {
		return -1, nil
	}
	n, err := strconv.Atoi(string(data))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s: want a number of messages", describe(data))
	}
	return n, nil
}

// Probe reports whether a host of the Python package is at an address, by asking
// it for its state: it answers an unknown one with null, which no host of this
// module does. The error tells that nobody could be asked.
func Probe(ctx context.Context, c *http.Client, address string) (bool, error) {
	s, err := NewStore(address, StoreConfig{Client: c})
	if err != nil {
		return false, err
	}
	for _, q := range []struct {
		state string
		want  []string
	}{{"syncstream", []string{"null"}}, {"closed", []string{"true", "false"}}} {
		data, err := ask(ctx, s.config.Client, s.states+"?state="+q.state)
		_, refused := errors.AsType[*refusal](err)
		switch {
		case refused, errors.Is(err, errNoHost):
			return false, nil
		case err != nil:
			return false, s.failed("ask", err)
		case !slices.Contains(q.want, string(data)):
			return false, nil
		}
	}
	return true, nil
}

// request sends a request whose answer says nothing.
func (s *Store) request(ctx context.Context, method, address string, body []byte) error {
	_, err := send(ctx, s.config.Client, method, address, body)
	return err
}

func (s *Store) postState(ctx context.Context, closed bool) error {
	body := encode(struct {
		State string `json:"state"`
		Value string `json:"value"`
	}{"closed", strconv.FormatBool(closed)})
	return s.request(ctx, http.MethodPost, s.states, body)
}
