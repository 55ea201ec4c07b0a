package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/syncstream/syncstream/host/internal/wire"
)

// problem is why a request is refused.
type problem struct {
	status   int
	text     string
	progress *wire.Progress // how far the host got, where that is the matter
}

func (p problem) Error() string { return p.text }

func refuse(status int, format string, args ...any) error {
	return problem{status: status, text: fmt.Sprintf(format, args...)}
}

// errGone says that nobody is there any more who could get an answer.
var errGone = errors.New("the client has gone")

// answer sends v as JSON, in one write with the header.
func answer(w http.ResponseWriter, status int, v any) error {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	to := &pacedWriter{ResponseWriter: w}
	to.Header().Set("Content-Type", wire.JSON)
	to.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	to.WriteHeader(status)
	to.Write(body.Bytes())
	return nil
}

// writeTimeout is how long a client may take to read what it is sent, and paceTime
// how much longer for each MiB; one that takes longer is let go.
const (
	writeTimeout = 30 * time.Second
	paceTime     = time.Second
)

// pacedWriter is who gets an answer. Its limit stays for the next one on the
// connection, which has to have one too.
type pacedWriter struct {
	http.ResponseWriter
	begun time.Time // with the first write
	sent  int
}

func (w *pacedWriter) Write(p []byte) (int, error) {
	if w.begun.IsZero() {
		w.begun = time.Now()
	}
	w.sent += len(p)
	more := time.Duration(w.sent) * paceTime >> 20
	http.NewResponseController(w.ResponseWriter).SetWriteDeadline(w.begun.Add(writeTimeout + more)) // not every server can
	return w.ResponseWriter.Write(p)
}

func succeed(w http.ResponseWriter) error {
	return answer(w, http.StatusOK, wire.Problem{Message: wire.Success})
}

// problemOf returns why a request was refused.
func problemOf(err error) problem {
	if p, ok := errors.AsType[problem](err); ok {
		return p
	}
	return problem{status: http.StatusInternalServerError, text: err.Error()}
}

// answerProblem tells why a request was refused.
func answerProblem(w http.ResponseWriter, err error) {
	p := problemOf(err)
	switch p.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="syncstream"`)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "1")
	}
	answer(w, p.status, wire.Problem{Message: p.text, Progress: p.progress})
}

// short returns text of a client for an error: quoted, and not long.
func short(s string) string {
	const maxRunes = 60
	if r := []rune(s); len(r) > maxRunes {
		return strconv.Quote(string(r[:maxRunes])) + "…"
	}
	return strconv.Quote(s)
}
