package host

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/syncstream/syncstream/host/internal/wire"
)

const (
	// maxAnswer is how much of an answer is read that is one JSON value.
	maxAnswer = 64 << 20
	// firstPause is how long the first try is waited for after a failure, and
	// maxPause any other.
	firstPause = 20 * time.Millisecond
	maxPause   = 2 * time.Second
)

// backoff is how long to wait after so many failures: between half and all of
// what doubles each time, so that many clients do not come at once.
func backoff(tries int) time.Duration {
	d := min(maxPause, firstPause<<min(max(tries-1, 0), 16))
	return d/2 + rand.N(d/2)
}

// refusal is an answer that is no success.
type refusal struct {
	status   int
	text     string
	progress *wire.Progress
}

func (r *refusal) Error() string { return fmt.Sprintf("%s (%d)", r.text, r.status) }

func isStatus(err error, status int) bool {
	var r *refusal
	return errors.As(err, &r) && r.status == status
}

// lasting reports whether it is no use to try again.
func lasting(err error) bool {
	var r *refusal
	if !errors.As(err, &r) {
		return false
	}
	switch r.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return r.status < 500
}

// send sends a request, and returns the answer, whose body the caller closes. An
// answer that is no success is a [*refusal].
func (c *Client) send(ctx context.Context, method, op string, q url.Values, header http.Header, body []byte) (*http.Response, error) {
	u := *c.base
	u.Path += "/v1/" + op
	u.RawQuery = q.Encode()
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), r)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	req.Header.Set("User-Agent", "syncstream")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err // the address is said elsewhere
		}
		return nil, err
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, c.refusalOf(resp)
	}
	return resp, nil
}

// refusalOf understands an answer that is no success. One without a host's
// message can come from another program, which then says what it is, or from a
// proxy that finds no host behind it.
func (c *Client) refusalOf(resp *http.Response) error {
	r := &refusal{status: resp.StatusCode}
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var p wire.Problem
	switch {
	case json.Unmarshal(data, &p) == nil && p.Message != "":
		r.text, r.progress = p.Message, p.Progress
		if resp.StatusCode == http.StatusUnauthorized && c.token == "" {
			r.text = "the host wants a token, and there is none in " + TokenVariable
		}
	case resp.StatusCode >= 500:
		r.text = http.StatusText(resp.StatusCode)
	default:
		r.text = cmp.Or(plainText(data), http.StatusText(resp.StatusCode)) + ": is a host of syncstream there?"
	}
	return r
}

// plainText returns what a program says that answers with one line for people.
func plainText(data []byte) string {
	text := strings.TrimRight(string(data), ".\r\n")
	printable := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
	if len(text) > 200 || !printable || strings.ContainsAny(text, "<{") {
		return ""
	}
	return text
}

// call sends a request, and decodes the answer.
func (c *Client) call(ctx context.Context, method, op string, q url.Values, kind string, body []byte, into any) error {
	header := http.Header{}
	if kind != "" {
		header.Set("Content-Type", kind)
	}
	resp, err := c.send(ctx, method, op, q, header, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("read the answer: %w", err)
	}
	if into == nil {
		return nil
	}
	if err := wire.Unmarshal(data, into); err != nil {
		return fmt.Errorf("the answer: %w", err)
	}
	return nil
}

func (c *Client) callJSON(ctx context.Context, method, op string, q url.Values, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.call(ctx, method, op, q, wire.JSON, data, into)
}

// keepTrying calls f until it succeeds, fails for good, or ctx ends.
func (c *Client) keepTrying(ctx context.Context, what string, f func() error) error {
	var before error // of the try before
	for tries := 1; ; tries++ {
		err := f()
		switch {
		case err == nil:
			c.health.succeed(c)
			return nil
		case ctx.Err() != nil:
			cause := context.Cause(ctx)
			if errors.Is(err, cause) {
				err = before
			}
			if err != nil {
				return fmt.Errorf("host: %s %s: %w (%v)", what, c, cause, err)
			}
			return fmt.Errorf("host: %s %s: %w", what, c, cause)
		case lasting(err):
			return fmt.Errorf("host: %s %s: %w", what, c, err)
		}
		before = err
		c.health.fail(c, time.Now(), err)
		timer := time.NewTimer(backoff(tries))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("host: %s %s: %w (%v)", what, c, context.Cause(ctx), err)
		}
	}
}
