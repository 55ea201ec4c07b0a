package torture

import (
	"fmt"
	"slices"
	"strings"
)

// Rows returns all stories.
func Rows() []Row {
	return []Row{
		{
			Name: "half a line beside a noisy neighbour",
			Why:  "Whole: while one worker thinks in mid-line, another's thousand lines pass by, and neither line is cut.",
			Workers: []Worker{
				{Steps: []Step{
					Lines(1),
					Pieces(Text("half a "), Tells("half is written"), Seen{1, 1010}, Text("line,"), Seen{1, 2010}, Text(" and its other half")),
					Lines(1),
				}},
				{Steps: []Step{Lines(10), Await(Told("half is written")), Lines(1000), Lines(1000), Await(Seen{0, 3}), Lines(10)}},
			},
			Check: quiet,
		},
		{
			Name: "empty lines",
			Why:  "Whole: an empty line is a line.",
			Workers: []Worker{
				{Steps: []Step{Lines(1), Raw("\n"), Await(Seen{1, 100}), Lines(1), Raw("\n\n"), Lines(1), Raw("\n")}},
				{Steps: []Step{Await(Seen{0, 1}), Lines(200)}},
			},
			Empty: 4,
			Check: all(quiet, emptyAt(0, 1, 3, 4, 6)),
		},
		{
			Name: "bytes that are no text",
			Why:  "Bytes are truth: what is not UTF-8, NUL, and characters that come in two writes arrive as they are.",
			Workers: []Worker{
				{Steps: []Step{
					Pieces(Text("\xff\xfe \xc3( \xf0\x9f"), Seen{1, 10}, Text(" \x00 nul \x1b[31mred\x1b[0m")),
					Await(Seen{0, 1}), Tell("1"),
					Pieces(Text("Gr\xc3"), Seen{1, 110}, Text("\xbc\xc3"), Seen{1, 110}, Text("\x9fe")),
					Await(Seen{0, 2}), Tell("2"),
					Pieces(Text("\xf0"), Seen{1, 210}, Text("\x9f"), Seen{1, 210}, Text("\x98"), Seen{1, 210}, Text("\x80")),
				}},
				{Steps: []Step{Lines(10), Await(Told("1")), Lines(100), Await(Told("2")), Lines(100)}},
			},
			Check: quiet,
		},
		{
			Name: "CRLF in two writes",
			Why:  "Lines: CR and LF end one line, however far apart they come; it is not followed by an empty one.",
			Workers: []Worker{
				{Steps: []Step{
					Pieces(Text("from Windows"), Sum, Text("\r\n")),
					Tell("1"),
					Pieces(Text("with a rest between"), Sum, Text("\r"), Seen{1, 100}, Text("\n")),
					Await(Seen{0, 2}), Tell("2"),
					Pieces(Text("and again"), Sum, Text("\r"), Seen{1, 200}, Text("\n")),
					Lines(1),
				}},
				{Steps: []Step{Await(Told("1")), Lines(100), Await(Told("2")), Lines(100)}},
			},
			Check: all(quiet, emptyAt(0)),
		},
		{
			Name: "a progress bar",
			Why:  "Lines: what a CR starts again is one line, kept in its last state, as it would stand on a terminal.",
			Workers: []Worker{
				{Steps: []Step{
					Raw("10 %\r"), Tell("10 %"), Await(Seen{1, 100}),
					Raw("50 %\r"), Await(Seen{1, 100}), Raw("90 %\r"),
					Pieces(Text("done")),
					Raw("10 %"), Raw("\r50 %"), Raw("\r90 %\r"),
					Pieces(Text("done"), Seen{0, 1}, Text(" and done"), Sum, Text("\r\n")),
				}},
				{Steps: []Step{Await(Told("10 %")), Lines(100)}},
			},
			Check: all(quiet, emptyAt(0)),
		},
		{
			Name: "a line of 200 kB",
			Why:  "Whole: a line larger than any pipe is one row, though it comes in many reads.",
			Workers: []Worker{
				{Steps: []Step{
					Lines(1), Await(Seen{1, 100}), Long(200 << 10),
					Pieces(Text(filler(100<<10)), Tells("half is written"), Seen{2, 100}, Text(filler(100<<10))),
					Lines(1), Tell("long is written"),
				}},
				{Steps: []Step{Lines(100), Until(Told("long is written"))}},
				{Steps: []Step{Await(Told("half is written")), Lines(100)}},
			},
			Check: quiet,
		},
		{
			Name: "a line of 10 MiB",
			Why:  "Whole and Bounded: a line over the maximum comes in pieces that stay in one row while they keep coming.",
			Workers: []Worker{
				{Steps: []Step{Lines(1), Await(Seen{1, 100}), Long(10 << 20), Lines(1), Tell("long is written")}},
				{Steps: []Step{Lines(100), Until(Told("long is written"))}},
			},
			Check: quiet,
		},
		{
			Name: "last words without a line end",
			Why:  "The last words: text without a newline is delivered when its worker ends, though its neighbour goes on.",
			Workers: []Worker{
				{Steps: []Step{Lines(3), Pieces(Text("last words"), Sum)}},
				{Steps: []Step{Lines(100), Await(Seen{0, 4}), Lines(100)}},
			},
			Check: quiet,
		},
		{
			Name: "exit 3",
			Why:  "The first failure is named: behind the worker's last words, and as the exit status; the others go on.",
			Workers: []Worker{
				{Steps: []Step{Lines(200), Pieces(Text("it failed, since"), Sum), Exit(3)}},
				{Steps: []Step{Lines(50), Await(Seen{0, 201}), Lines(50)}},
			},
			Status: 3,
			Check:  endedWith(0, "exit status 3"),
		},
		{
			Name: "killed in mid-run",
			Why:  "The last words: all that a killed worker had written arrives, before its death does; three others go on to their end.",
			Workers: []Worker{
				{Steps: []Step{Lines(500), Tell("much is written"), Lines(8000), Pieces(Text("last words"), Sum), Die()}},
				{Steps: []Step{Lines(8000), Await(Seen{0, 8501}), Lines(100)}},
				{Steps: []Step{Lines(8000), Await(Seen{0, 8501}), Lines(100)}},
				{Steps: []Step{Lines(8000), Await(Seen{0, 8501}), Lines(100)}, Stderr: true},
			},
			Slow:   Told("much is written"), // so that it leaves full pipes behind
			Status: 128 + 9,
			Check:  endedWith(0, "SIGKILL"),
		},
		{
			Name: "a slow reader",
			Why:  "Bounded: a slow reader slows the workers; it loses nothing and gets all in order.",
			Workers: []Worker{
				{Steps: []Step{Lines(400), Tell("much is written"), Lines(40000)}},
				{Steps: []Step{Lines(40000)}},
				{Steps: []Step{Lines(40000)}, Stderr: true},
			},
			Slow:  Told("much is written"),
			Check: quiet,
		},
		{
			Name: "stdout and stderr in turn",
			Why:  "In order: what has been seen on one stream comes before what is then written on the other, whichever is first.",
			Workers: []Worker{
				{Steps: inTurn(0, 20)},
				{Steps: inTurn(1, 20), Stderr: true},
			},
			Check: quiet,
		},
		{
			Name: "a worker that closes its output and lives on",
			Why:  "No hang, and no early end: a worker has ended when it is dead, not when it is silent.",
			Workers: []Worker{
				{Steps: []Step{Lines(3), CloseOutput(), Await(Seen{1, 100}), Tell("alive"), Exit(3)}},
				{Steps: []Step{Await(Seen{0, 3}), Lines(100), Await(Told("alive")), Lines(10)}},
			},
			Status: 3,
			Check:  endedWith(0, "exit status 3"),
		},
		{
			Name: "a grandchild that keeps the pipe",
			Why:  "No hang: who keeps a dead worker's output is waited for a moment, and named.",
			Workers: []Worker{
				{Steps: []Step{Lines(3), Leave(), Pieces(Text("last words"), Sum)}},
				{Steps: []Step{Lines(100), Await(Seen{0, 4}), Lines(100)}},
			},
			Check: endedWith(0, `("sleep 1000") still holds the output`),
		},
		{
			Name:    "a crowd of 500",
			Why:     "Whole and In order, with more workers than any table of descriptors likes, all alive at once.",
			Workers: crowd(500),
			Gate:    SeenAll(500),
			Check:   quiet,
		},
	}
}

// inTurn returns steps that write n lines on the two streams in turn, each when
// the last one has been seen.
func inTurn(worker, n int) []Step {
	var steps []Step
	for i := range n {
		steps = append(steps, Lines(1), Await(Seen{worker, i + 1}), Other())
	}
	return steps
}

// crowd returns n shells that each print a line, wait at the gate, and print
// three more. No line stands in the script as it is printed: a tool may show the
// commands that it runs.
func crowd(n int) []Worker {
	script := func(worker int) string {
		var b strings.Builder
		add := func(lines ...int) {
			fmt.Fprintf(&b, `printf 'w%%s n%%s here #%%s\n'`)
			for _, n := range lines {
				_, sum, _ := strings.Cut(line(worker, n, "here"), "#")
				fmt.Fprintf(&b, " %d %d %s", worker, n, strings.TrimSpace(sum))
			}
		}
		add(1)
		fmt.Fprintf(&b, `; read _ <"$%s/gate"; `, envDir)
		add(2, 3, 4)
		return b.String()
	}
	return slices.Repeat([]Worker{{Script: script, Lines: 4}}, n)
}

// all is several checks.
func all(checks ...func(*Output) error) func(*Output) error {
	return func(o *Output) error {
		for _, check := range checks {
			if err := check(o); err != nil {
				return err
			}
		}
		return nil
	}
}

// emptyAt checks which of a worker's rows, from 0, are empty.
func emptyAt(worker int, want ...int) func(*Output) error {
	return func(o *Output) error {
		var empty []int
		for i, text := range o.Of(worker) {
			if strings.TrimSuffix(text, "\r") == "" {
				empty = append(empty, i)
			}
		}
		if !slices.Equal(empty, want) {
			return fmt.Errorf("lost or torn: worker %d's empty rows are %v; want %v", worker, empty, want)
		}
		return nil
	}
}
