package host

import (
	"net/http"
)

const (
	// maxLarge is how many large answers may be under way at a time: each is a copy
	// of all that a buffer keeps, until its client has read it.
	maxLarge = 4
	// An answer is large that has more than largeCount messages, partial lines, or
	// sources with their last messages, where more than largeSize bytes or so many
	// sources are kept.
	largeCount = 16
	largeSize  = 1 << 20
)

// large has an answer of at most n parts wait for its turn, if it is large. The
// turn ends when the function is called that it returns.
func (h *Handler) large(s *served, r *http.Request, n int) (func(), error) {
	if all := s.buffer.Stats(); n <= largeCount || all.Kept.Bytes <= largeSize && all.Sources <= largeCount {
		return func() {}, nil
	}
	release, err := h.hold(r, 1)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := h.context(r)
	defer cancel()
	select {
	case h.answerTurns <- struct{}{}:
		return func() { <-h.answerTurns }, nil
	case <-ctx.Done():
		return nil, h.ending(ctx)
	}
}
