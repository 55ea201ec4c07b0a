package python

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
)

// maxWhy is how many bytes of a reason an answer has: so it stays in one write.
const maxWhy = 500

// The bodies of most answers.
var (
	successBody = []byte(`{"message":"success"}` + "\n")
	falseBody   = []byte(`{"message":"success","data":false}` + "\n")
)

// answer sends all of an answer. Its length is known, so that net/http puts
// header and body into one write where both are small.
func answer(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	setHeader(h)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // to whom would an error be told?
}

func setHeader(h http.Header) {
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

func success(w http.ResponseWriter, status int) { answer(w, status, successBody) }

// succeed answers a GET with data.
func succeed(w http.ResponseWriter, data any) {
	if data == false {
		answer(w, http.StatusOK, falseBody) // as nearly all questions are answered
		return
	}
	answer(w, http.StatusOK, encode(struct {
		Message string `json:"message"`
		Data    any    `json:"data"`
	}{"success", data}))
}

// itemsSize is how many bytes of items are written at a time where there are more.
const itemsSize = 1 << 20

// sendItems is succeed with items, which can be many times as long when they are
// written as JSON.
func sendItems(w http.ResponseWriter, all []any) {
	out := append([]byte(nil), `{"message":"success","data":[`...)
	sent := false
	for i, it := range all {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, bytes.TrimSuffix(encode(it), []byte{'\n'})...)
		if len(out) >= itemsSize {
			sent = true
			setHeader(w.Header())
			if _, err := w.Write(out); err != nil {
				return // to whom would it be told?
			}
			out = out[:0]
		}
	}
	out = append(out, "]}\n"...)
	if sent {
		w.Write(out)
		return
	}
	answer(w, http.StatusOK, out)
}

func refuse(w http.ResponseWriter, status int, why string) {
	if len(why) > maxWhy {
		why = why[:maxWhy] + "…"
	}
	answer(w, status, encode(struct {
		Message string `json:"message"`
	}{why}))
}

func refuseMethod(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, POST, DELETE")
	refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("method %s: want GET, POST or DELETE", short(r.Method)))
}

// encode returns v, one of this package's, as JSON. What is not UTF-8 becomes
// U+FFFD.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("python: encode an answer: " + err.Error()) // strings and numbers can be
	}
	return b.Bytes()
}

// drainBody is how much of a body that is too long is read all the same: who
// still sends does not hear the answer.
const drainBody = 64 << 20

// body reads a request's body, and answers if it can't.
func (h *Handler) body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(h.config.MaxBody)+1))
	var tooLong *http.MaxBytesError
	switch {
	case len(body) > h.config.MaxBody || errors.As(err, &tooLong):
		io.CopyN(io.Discard, r.Body, drainBody)
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", h.config.MaxBody))
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusRequestTimeout, "the body came too slowly")
	case err != nil:
		refuse(w, http.StatusBadRequest, "read the body: "+err.Error())
	default:
		return body, true
	}
	return nil, false
}
