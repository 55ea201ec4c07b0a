package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// trip is a RoundTripper.
type trip func(*http.Request) (*http.Response, error)

func (t trip) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// A command whose answer is lost is asked for again, but done once: what came in
// between stays as it is.
func TestClientCommandsOnce(t *testing.T) {
	for _, op := range []string{"clear", "reset", "abandon", "stop"} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := start(t, Config{})
				h.append("a", 1, lines(1, "one"))
				asked := 0
				c, err := NewClient(ClientConfig{URL: "http://localhost/train", Stderr: io.Discard, HTTPClient: &http.Client{
					Transport: trip(func(r *http.Request) (*http.Response, error) {
						answer, err := h.client.Transport.RoundTrip(r)
						if asked++; asked > 1 || err != nil {
							return answer, err
						}
						answer.Body.Close()
						if op == "stop" {
							h.post("/train/v1/reset", "{}")
						}
						h.append("b", 1, lines(1, "two"))
						return nil, errors.New("the answer is lost")
					}),
				}})
				if err != nil {
					t.Fatal(err)
				}
				do := map[string]func(context.Context) error{
					"clear": c.Clear, "reset": c.Reset, "abandon": c.Abandon,
					"stop": func(ctx context.Context) error { return c.Stop(ctx, errors.New("enough")) },
				}[op]
				if err := do(t.Context()); err != nil || asked != 2 {
					t.Errorf("asked %d times: %v", asked, err)
				}
				if got := shorts(h.buffer()); !strings.HasSuffix(got, "b 1 two") {
					t.Errorf("there is %s", got)
				}
				if got := statuses(h.buffer()); !strings.HasSuffix(got, "b open") {
					t.Errorf("the sources are %s", got)
				}
				c.Close(t.Context())
			})
		})
	}
}

// A buffer remembers so many commands and no more. Who asks for one that is being
// done waits for it.
func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c commands
		did := 0
		for i := range 3 * maxCommands {
			for range 2 {
				c.once(t.Context(), fmt.Sprint(i), func() { did++ })
			}
		}
		if did != 3*maxCommands || len(c.names) != maxCommands || len(c.begun) != maxCommands {
			t.Errorf("%d were done; %d and %d are remembered", did, len(c.names), len(c.begun))
		}

		pass, answers := make(chan struct{}), make(chan error, 3)
		go func() { answers <- c.once(t.Context(), "slow", func() { <-pass }) }()
		synctest.Wait()
		gone, cancel := context.WithCancel(t.Context())
		for _, ctx := range []context.Context{t.Context(), gone} {
			go func() { answers <- c.once(ctx, "slow", func() { t.Error("it is done once more") }) }()
		}
		cancel()
		if err := <-answers; err != errGone {
			t.Errorf("who has gone gets %v", err)
		}
		synctest.Wait()
		if len(answers) > 0 {
			t.Error("an answer came before it was done")
		}
		close(pass)
		for range 2 {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
	})
}

// A name of a command that is too long is refused.
func TestCommandNames(t *testing.T) {
	h := start(t, Config{})
	status, text := h.do(http.MethodPost, "/train/v1/clear", "application/json", []byte(`{"once":"`+strings.Repeat("x", maxOnce+1)+`"}`))
	check(t, "the answer", fmt.Sprint(status, " ", text), `400 {"message":"once \"`+strings.Repeat("x", 60)+`\"…: it has 65 bytes, and may have 64"}`)
}
