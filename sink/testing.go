package sink

import (
	"context"
	"io"
	"time"

	"github.com/syncstream/syncstream"
)

// TB is what [AttachTest] needs of a testing.TB. (Package testing would add
// flags to programs that import this one.)
type TB interface {
	Output() io.Writer
	Cleanup(func())
	Errorf(format string, args ...any)
}

// drainTest is how long the end of a test waits for its log.
const drainTest = 5 * time.Second

// AttachTest has a test's log show all messages of b, as [Text] does. When the
// test ends, it waits until the log has what came so far, and detaches. An error
// of the log is one of the test.
func AttachTest(t TB, b *syncstream.Buffer) *syncstream.Attachment {
	out := t.Output()
	a := b.Attach(NewText(out, out))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainTest)
		defer cancel()
		if err := a.Drain(ctx); err != nil {
			t.Errorf("the log of the buffer: %v", err)
		}
		a.Detach()
		<-a.Done() // nothing may be written when the test has ended
	})
	return a
}
