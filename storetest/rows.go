package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/syncstream/syncstream"
)

// Rows returns all rows, in the order of the promises.
func Rows() []Row {
	return slices.Concat(whole, inOrder, nothingSilent, lastWords, noHang, bounded, bytesAreTruth, stopIsHeard, firstFailure)
}

var whole = []Row{
	{
		Name: "1 whole/two workers write in turns", Why: "bytes of two mirrors never meet in one line",
		Writes: []Step{out("a", "on"), out("b", "tw"), out("a", "e\nth"), out("b", "o\n"), out("a", "ree\n")},
		Want:   []string{`a1 "one"`, `b1 "two"`, `a2 "three"`},
	},
	{
		Name: "1 whole/two streams of a worker", Why: "each stream has a partial line of its own",
		Writes: []Step{out("a", "on"), stderr("a", "tw"), out("a", "e\n"), stderr("a", "o\n")},
		Want:   []string{`a1 "one"`, `a2 stderr "two"`},
	},
	{
		Name: "1 whole/a line end in two writes", Why: "CR and LF are one line end, also when they come apart",
		Writes: []Step{out("a", "one\r"), out("b", "two\n"), out("a", "\n")},
		Want:   []string{`b1 "two"`, `a1 crlf "one"`},
	},
	{
		Name: "1 whole/a warning beside half a line", Why: "what a mirror says does not cut the line that is being written",
		Writes: []Step{out("a", "on"), warn("a", "low\ndisk"), out("a", "e\n")},
		Want:   []string{`a1 control warning "low\ndisk"`, `a2 "one"`},
	},
}

// numbers is n lines.
func numbers(n int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintln(&s, i+1)
	}
	return s.String()
}

var inOrder = []Row{
	{
		Name: "2 in order/of one worker", Why: "one mirror's messages come in the order in which it wrote them",
		Writes: []Step{out("a", "1\n"), stderr("a", "2\n"), warn("a", "3"), out("a", "4\n5\n"), out("b", "x\n"), out("a", "6\n")},
		Want:   []string{`a1 "1"`, `a2 stderr "2"`, `a3 control warning "3"`, `a4 "4"`, `a5 "5"`, `b1 "x"`, `a6 "6"`},
	},
	{
		Name: "2 in order/history and live tail", Why: "history and live tail are one sequence; nothing falls between",
		Writes: []Step{out("a", numbers(100))},
		Check: func(p *Play) error {
			reading := start(func() ([]syncstream.Message, error) { return p.follow(300, syncstream.Oldest) })
			for i := range 200 {
				fmt.Fprintln(p.Mirror("a"), 101+i)
			}
			o, err := p.end("Follow", reading)
			if err = errors.Join(err, o.err); err != nil {
				return err
			}
			for i, m := range o.messages {
				if m.Text != fmt.Sprint(i+1) || m.Num != uint64(i+1) || m.Position != o.messages[0].Position+syncstream.Position(i) {
					return fmt.Errorf("message %d is %+v", i+1, m)
				}
			}
			return nil
		},
	},
	{
		Name: "2 in order/going on", Why: "who passes the position of the last message goes on behind it",
		Writes: []Step{out("a", "1\n2\n3\n")},
		Check: func(p *Play) error {
			first, err := p.follow(1, syncstream.Oldest)
			if err != nil {
				return err
			}
			rest, err := p.follow(2, first[0].Position)
			if err != nil {
				return err
			}
			return compare(append(first, rest...), []string{`a1 "1"`, `a2 "2"`, `a3 "3"`})
		},
	},
}

var nothingSilent = []Row{
	{
		Name: "3 nothing silent/what has left is counted", Why: "written is kept, rotated, parsed away, cleared and lost",
		Config: syncstream.Config{MaxMessages: 3},
		Writes: []Step{out("a", numbers(5)), warn("a", "six")},
		Want:   []string{`a4 "4"`, `a5 "5"`, `a6 control warning "six"`},
		Check: func(p *Play) error {
			return stats(p, syncstream.Stats{
				Open: 1, Sources: 1, Written: count(6, 13), Kept: count(3, 7), Rotated: count(3, 6),
			})
		},
	},
	{
		Name: "3 nothing silent/what was cleared is counted", Why: "written is kept, rotated, parsed away, cleared and lost",
		Writes: []Step{out("a", numbers(5)), func(p *Play) { p.Buffer.Clear() }, out("a", "6\n")},
		Want:   []string{`a6 "6"`},
		Check: func(p *Play) error {
			return stats(p, syncstream.Stats{Open: 1, Sources: 1, Written: count(6, 12), Kept: count(1, 2), Cleared: count(5, 10)})
		},
	},
	{
		Name: "3 nothing silent/what was parsed away is counted", Why: "written is kept, rotated, parsed away, cleared and lost",
		Config: syncstream.Config{Parse: func(m *syncstream.Message) bool { return m.Text != "2" }},
		Writes: []Step{out("a", numbers(3))},
		Want:   []string{`a1 "1"`, `a2 "3"`},
		Check: func(p *Play) error {
			return stats(p, syncstream.Stats{Open: 1, Sources: 1, Written: count(3, 6), Kept: count(2, 4), Parsed: count(1, 2)})
		},
	},
	{
		Name: "3 nothing silent/what comes too late is counted", Why: "what is refused is counted as lost",
		Writes: []Step{out("a", "1\n"), end("a"), refused("a", "2\n3\n")},
		Want:   []string{`a1 "1"`},
		Check: func(p *Play) error {
			return stats(p, syncstream.Stats{Sources: 1, Written: count(3, 6), Kept: count(1, 2), Lost: count(2, 4)})
		},
	},
	{
		Name: "3 nothing silent/a gap", Why: "a hole becomes a gap message where it happened, with its count",
		Config: syncstream.Config{MaxMessages: 2},
		Writes: []Step{out("a", numbers(5))},
		Check: func(p *Play) error {
			messages, err := p.follow(3, 1)
			if err != nil {
				return err
			}
			return compare(messages, []string{`2 missing`, `a4 "4"`, `a5 "5"`})
		},
	},
}

func count(messages, bytes uint64) syncstream.Count {
	return syncstream.Count{Messages: messages, Bytes: bytes}
}

func stats(p *Play, want syncstream.Stats) error {
	if got := p.Buffer.Stats(); got != want {
		return fmt.Errorf("the account is\n\t%+v\nwant\n\t%+v", got, want)
	}
	return nil
}

var lastWords = []Row{
	{
		Name: "4 the last words/at the end", Why: "text without a final newline is delivered",
		Writes: []Step{out("a", "one\nlast"), stderr("a", "words"), end("a")},
		Want:   []string{`a1 "one"`, `a2 none "last"`, `a3 stderr none "words"`},
	},
	{
		Name: "4 the last words/before the error", Why: "and stands before the closing error",
		Writes: []Step{out("a", "last words"), fail("a", "broke")},
		Want:   []string{`a1 none "last words"`, `a2 control error "broke"`},
	},
	{
		Name: "4 the last words/of an abandoned worker", Why: "also of one that nobody waits for",
		Writes: []Step{out("a", "last words"), abandon, refused("a", "more\n")},
		Want:   []string{`a1 none "last words"`},
	},
	{
		Name: "4 the last words/when the buffer is closed", Why: "and when the buffer takes no more",
		Writes: []Step{out("a", "last words"), out("b", "one\n"), closeBuffer, refused("b", "two\n")},
		Want:   []string{`b1 "one"`, `a1 none "last words"`},
	},
}

// waiting is the outcome of Wait, begun before f does something.
func waiting(p *Play, f func()) error {
	result := start(func() ([]syncstream.Message, error) { return nil, p.Buffer.Wait(p.Ctx) })
	f()
	o, err := p.end("Wait", result)
	return errors.Join(err, o.err)
}

var noHang = []Row{
	{
		Name: "5 no hang/Wait with nobody", Why: "Wait returns at once when no mirror was ever opened",
		Check: func(p *Play) error { return p.Buffer.Wait(p.Ctx) },
	},
	{
		Name: "5 no hang/Wait for the last", Why: "Wait ends when all mirrors are closed",
		Check: func(p *Play) error {
			for i := range 30 { // as for readers, below
				name := fmt.Sprint("worker ", i)
				fmt.Fprintln(p.Mirror(name), "1")
				if err := waiting(p, func() { runtime.Gosched(); p.Mirror(name).Close() }); err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		Name: "5 no hang/Wait with its context", Why: "Wait ends with its context, and says for whom it waits",
		Writes: []Step{out("a", "1\n"), out("b", "1\n"), end("b")},
		Check: func(p *Play) error {
			ctx, cancel := context.WithCancelCause(p.Ctx)
			result := start(func() ([]syncstream.Message, error) { return nil, p.Buffer.Wait(ctx) })
			cancel(errEnough)
			o, err := p.end("Wait", result)
			var waited *syncstream.WaitError
			if err != nil || !errors.As(o.err, &waited) || !errors.Is(o.err, errEnough) || len(waited.Open) != 1 || waited.Open[0].Source.Name != "a" {
				return fmt.Errorf("wait: %v %w", o.err, err)
			}
			return nil
		},
	},
	{
		Name: "5 no hang/Wait with Abandon", Why: "Wait does not wait for who is abandoned",
		Writes: []Step{out("a", "1\n")},
		Check: func(p *Play) error {
			if err := waiting(p, p.Buffer.Abandon); !errors.Is(err, syncstream.ErrAbandoned) {
				return fmt.Errorf("wait: %w", err)
			}
			return nil
		},
	},
	{
		Name: "5 no hang/Wait with Close", Why: "Close ends Wait",
		Writes: []Step{out("a", "1\n")},
		Check:  func(p *Play) error { return waiting(p, func() { p.Buffer.Close() }) },
	},
	{
		Name: "5 no hang/a reader hears of one message", Why: "a reader that waits is woken by a single message",
		Check: func(p *Play) error {
			// Whether a reader waits already can't be seen from here, so each is
			// given many chances.
			const rounds = 30
			next := make(chan error)
			reading := start(func() ([]syncstream.Message, error) {
				n := 0
				for _, err := range p.Buffer.Follow(p.Ctx, syncstream.Oldest) {
					next <- err
					if n++; n == rounds || err != nil {
						break
					}
				}
				return nil, nil
			})
			for range rounds {
				fmt.Fprintln(p.Mirror("a"), "x")
				if err := <-next; err != nil {
					return err
				}
			}
			_, err := p.end("Follow", reading)
			return err
		},
	},
	{
		Name: "5 no hang/a reader's end", Why: "Follow ends with its context, with Close, and when all is done if asked so",
		Writes: []Step{out("a", "1\n")},
		Check: func(p *Play) error {
			ctx, cancel := context.WithCancelCause(p.Ctx)
			cancelled := start(func() ([]syncstream.Message, error) {
				for _, err := range p.Buffer.Follow(ctx, syncstream.Latest) {
					return nil, err
				}
				return nil, nil
			})
			done := start(func() ([]syncstream.Message, error) {
				return p.follow(-1, syncstream.Oldest, syncstream.FollowUntilDone)
			})
			closed := start(func() ([]syncstream.Message, error) { return p.follow(-1, syncstream.Oldest) })
			cancel(errEnough)
			if o, err := p.end("Follow with a context", cancelled); err != nil || !errors.Is(o.err, errEnough) {
				return fmt.Errorf("follow: %v %w", o.err, err)
			}
			fmt.Fprint(p.Mirror("a"), "last words")
			p.Mirror("a").Close()
			want := []string{`a1 "1"`, `a2 none "last words"`}
			if o, err := p.end("Follow until done", done); err != nil || o.err != nil {
				return errors.Join(err, o.err)
			} else if err := compare(o.messages, want); err != nil {
				return err
			}
			p.Buffer.Close()
			o, err := p.end("Follow until Close", closed)
			if err = errors.Join(err, o.err); err != nil {
				return err
			}
			return compare(o.messages, want)
		},
	},
}

var bounded = []Row{
	{
		Name: "6 bounded/by messages", Why: "the last N messages are kept",
		Config: syncstream.Config{MaxMessages: 2},
		Writes: []Step{out("a", "1\n2\n3\n"), out("b", "4\n")},
		Want:   []string{`a3 "3"`, `b1 "4"`},
	},
	{
		Name: "6 bounded/by bytes", Why: "and no more than so many bytes",
		Config: syncstream.Config{MaxBytes: 10},
		Writes: []Step{out("a", "1234\n5678\n"), out("b", "9\n")},
		Want:   []string{`a2 "5678"`, `b1 "9"`},
	},
	{
		Name: "6 bounded/a long line", Why: "a line over the maximum comes in pieces that say so",
		Config: syncstream.Config{MaxLine: 4},
		Writes: []Step{out("a", "1234567890\n1234\n")},
		Want:   []string{`a1 first none "1234"`, `a2 middle none "5678"`, `a3 last "90"`, `a4 "1234"`},
	},
}

var bytesAreTruth = []Row{
	{
		Name: "7 bytes are truth/what is no text", Why: "invalid UTF-8, NUL and escape sequences are stored as they came",
		Writes: []Step{out("a", "\xff\xfe\x00\x1b[31mred\x1b[0m\xe4\n")},
		Want:   []string{`a1 "\xff\xfe\x00\x1b[31mred\x1b[0m\xe4"`},
	},
	{
		Name: "7 bytes are truth/line ends, folded", Why: "the kind of line end is kept; a CR starts the text again",
		Writes: []Step{outIn(syncstream.Fold, "a", "1\n2\r\n3\r4\n5")},
		Want:   []string{`a1 "1"`, `a2 crlf "2"`, `a3 "4"`},
	},
	{
		Name: "7 bytes are truth/line ends, split", Why: "the kind of line end is kept; a CR ends a line",
		Writes: []Step{outIn(syncstream.Split, "a", "1\n2\r\n3\r4\n5")},
		Want:   []string{`a1 "1"`, `a2 crlf "2"`, `a3 cr "3"`, `a4 "4"`},
	},
	{
		Name: "7 bytes are truth/line ends, kept", Why: "the kind of line end is kept; a CR is text",
		Writes: []Step{outIn(syncstream.Keep, "a", "1\n2\r\n3\r4\n5")},
		Want:   []string{`a1 "1"`, `a2 crlf "2"`, `a3 "3\r4"`},
	},
	{
		Name: "7 bytes are truth/line ends of Python", Why: "the kind of line end is kept, as str.splitlines knows them",
		Writes: []Step{outIn(syncstream.Python, "a", "1\v2\f3\x1c4\u00855\u20286\n")},
		Want:   []string{`a1 vt "1"`, `a2 ff "2"`, `a3 fs "3"`, `a4 nel "4"`, `a5 ls "5"`, `a6 "6"`},
	},
}

var stopIsHeard = []Row{
	{
		Name: "8 stop is heard/by a worker that never writes", Why: "stop is heard, also by workers that never write",
		Writes: []Step{begin("a"), stop},
		Check: func(p *Play) error {
			select {
			case <-p.Mirror("a").Context().Done():
				return cause(p, "a", errEnough)
			case <-p.Ctx.Done():
				return errors.New("the worker's context does not end")
			}
		},
	},
	{
		Name: "8 stop is heard/by a worker that comes later", Why: "and by those that begin afterwards",
		Writes: []Step{stop, begin("b")},
		Check:  func(p *Play) error { return cause(p, "b", errEnough) },
	},
	{
		Name: "8 stop is heard/and nothing is lost", Why: "after a stop Write takes everything and says ErrStopped",
		Writes: []Step{out("a", "1\n"), stop, func(p *Play) {
			if n, err := p.Mirror("a").Write([]byte("2\n")); n != 2 || !errors.Is(err, syncstream.ErrStopped) {
				p.try("Write after Stop", fmt.Errorf("%d, %v; want 2 and ErrStopped", n, err))
			}
		}},
		Want: []string{`a1 "1"`, `a2 "2"`},
	},
	{
		Name: "8 stop is heard/and answered", Why: "each answer is known: asked, acknowledged, exited, lost",
		Writes: []Step{
			begin("silent"), begin("hears"), begin("exits"), begin("late"), stop,
			func(p *Play) { p.Mirror("hears").Acknowledge() }, end("exits"),
			func(p *Play) { p.Mirror("late").Write([]byte("x\n")) },
		},
		Check: func(p *Play) error {
			states := func(want string) error {
				var got []string
				for _, s := range p.Buffer.Sources() {
					got = append(got, s.Source.Name+" "+s.State.String())
				}
				if s := strings.Join(got, ", "); s != want {
					return fmt.Errorf("the answers are %s; want %s", s, want)
				}
				return nil
			}
			if err := states("silent asked, hears acknowledged, exits exited, late acknowledged"); err != nil {
				return err
			}
			p.Buffer.Abandon()
			return states("silent lost, hears lost, exits exited, late lost")
		},
	},
}

func cause(p *Play, name string, want error) error {
	if got := context.Cause(p.Mirror(name).Context()); !errors.Is(got, want) {
		return fmt.Errorf("the worker's context ends with %v; want %v", got, want)
	}
	return nil
}

var firstFailure = []Row{
	{
		Name: "9 the first failure/of two", Why: "the first failure is named, with its cause",
		Writes: []Step{begin("a"), begin("b"), begin("c"), end("a"), fail("b", "broke"), fail("c", "broke too")},
		Check:  func(p *Play) error { return failure(p, "b", "broke") },
	},
	{
		Name: "9 the first failure/before a stop", Why: "also when the others were stopped for it",
		Writes: []Step{begin("a"), begin("b"), fail("b", "broke"), stop, fail("a", "interrupted")},
		Check:  func(p *Play) error { return failure(p, "b", "broke") },
	},
	{
		Name: "9 the first failure/not of our making", Why: "an end that our own stop brought about is no failure",
		Writes: []Step{begin("a"), stop, fail("a", "interrupted")},
		Check: func(p *Play) error {
			if err := p.Buffer.Wait(p.Ctx); !errors.Is(err, errEnough) {
				return fmt.Errorf("wait: %w; want the cause of the stop", err)
			}
			return nil
		},
	},
}

func failure(p *Play, name, text string) error {
	err := p.Buffer.Wait(p.Ctx)
	var f *syncstream.Failure
	if !errors.As(err, &f) || f.Source.Name != name || f.Err.Error() != text {
		return fmt.Errorf("wait: %v; want a failure of %s: %s", err, name, text)
	}
	return nil
}
