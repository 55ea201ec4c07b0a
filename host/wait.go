package host

import (
	"context"
	"errors"
	"net/http"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// wait answers when no source is open, or after a while.
func (h *Handler) wait(s *served, w http.ResponseWriter, r *http.Request) error {
	seconds, err := number(r, "seconds", wire.MaxHold.Seconds())
	if err != nil {
		return err
	}
	release, err := h.hold(r, 1)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := h.context(r)
	defer cancel()
	ctx, stop := context.WithTimeoutCause(ctx, holdTime(seconds), errHeld)
	defer stop()
	outcome, err := s.outcome(ctx)
	if err != nil {
		return h.ending(ctx)
	}
	return answer(w, http.StatusOK, outcome)
}

// errHeld says that a request has waited as long as it may.
var errHeld = errors.New("held long enough")

// outcome waits until no source is open. The error says that the request, or the
// host, has come to its end before.
func (s *served) outcome(ctx context.Context) (wire.Outcome, error) {
	o := wire.Outcome{Done: true}
	err := s.buffer.Wait(ctx)
	o.Sources = s.buffer.Stats().Sources
	if waiting, ok := errors.AsType[*syncstream.WaitError](err); ok {
		if waiting.Err != errHeld {
			return o, err
		}
		o.Done = false
		for i := range waiting.Open {
			waiting.Open[i].Tail = nil
			o.Open = append(o.Open, wire.SourceStatusOf(&waiting.Open[i]))
		}
		return o, nil
	}
	if f, ok := errors.AsType[*syncstream.Failure](err); ok {
		o.Failure = &wire.Failure{Source: wire.SourceOf(f.Source), Error: f.Err.Error(), Time: f.Time.UTC()}
		return o, nil
	}
	switch err {
	case nil:
	case syncstream.ErrAbandoned:
		o.Abandoned = true
	default:
		o.Stopped = err.Error()
	}
	return o, nil
}
