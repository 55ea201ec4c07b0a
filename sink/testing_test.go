package sink_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/sink"
)

// fakeTest is a test whose end can be seen.
type fakeTest struct {
	out      bytes.Buffer
	ended    bool
	cleanups []func()
	errors   string
}

func (f *fakeTest) Output() io.Writer    { return f }
func (f *fakeTest) Cleanup(clean func()) { f.cleanups = append(f.cleanups, clean) }

func (f *fakeTest) Errorf(format string, args ...any) { f.errors += fmt.Sprintf(format, args...) }

func (f *fakeTest) Write(p []byte) (int, error) {
	if f.ended {
		return 0, errFull
	}
	return f.out.Write(p)
}

func TestAttachTest(t *testing.T) {
	var _ sink.TB = t
	var fake fakeTest
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "worker"}})
	a := sink.AttachTest(&fake, b)
	fmt.Fprintln(m, "one")
	fmt.Fprintln(m.Stderr(), "two")
	for _, clean := range fake.cleanups {
		clean()
	}
	fake.ended = true
	fmt.Fprintln(m, "too late")
	<-a.Done()
	if got, want := fake.out.String(), "worker | one\nworker | two\n"; got != want || fake.errors != "" || a.Err() != nil {
		t.Errorf("the log is %q, want %q; %s, %v", got, want, fake.errors, a.Err())
	}
}

// A log that fails is said by the test.
func TestAttachTestFails(t *testing.T) {
	fake := fakeTest{ended: true}
	b := syncstream.New(syncstream.Config{})
	sink.AttachTest(&fake, b)
	fmt.Fprintln(b.Mirror(syncstream.MirrorConfig{}), "one")
	for _, clean := range fake.cleanups {
		clean()
	}
	if want := "the log of the buffer: full"; fake.errors != want {
		t.Errorf("%q, want %q", fake.errors, want)
	}
}
