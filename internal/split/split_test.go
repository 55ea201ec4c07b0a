package split

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// item is one message: a line, or a piece of one.
type item struct {
	text    string
	end     End
	part    Part
	redraws int
}

var modes = map[string]Mode{"fold": Fold, "split": Split, "keep": Keep, "python": Python}

// feed gives the writes to a Splitter as a mirror does, and returns the items.
// It checks on the way what a caller relies on: each run lies inside what was
// used, its lines are exactly its bytes, only a run by itself has a part or
// redraws, and what is held stays small.
func feed(t testing.TB, mode Mode, max int, writes []string) []item {
	t.Helper()
	sp := Splitter{Mode: mode, Max: max}
	var (
		items   []item
		partial []byte
	)
	for w := range len(writes) + 1 {
		final := w == len(writes)
		held := len(partial)
		data := slices.Clone(partial)
		if !final {
			data = append(data, writes[w]...)
		}
		for {
			run, used := sp.Next(data, held, final)
			if run.Lines == 0 {
				if run != (Run{}) {
					t.Fatalf("Next(%q, %d, %t): no lines, but %+v", data, held, final, run)
				}
				data = data[used:]
				break
			}
			if used <= 0 || run.Off < 0 || run.Off+run.Len != used || used > len(data) {
				t.Fatalf("Next(%q, %d, %t) = %+v, used %d", data, held, final, run, used)
			}
			if run.Lines > 1 && (run.Part != Whole || run.Redraws != 0) {
				t.Fatalf("Next(%q, %d, %t) = %+v: several lines are ordinary ones", data, held, final, run)
			}
			rest := data[run.Off : run.Off+run.Len]
			for range run.Lines {
				text, end, n := mode.Cut(rest)
				items = append(items, item{string(text), end, run.Part, run.Redraws})
				rest = rest[n:]
			}
			if len(rest) > 0 {
				t.Fatalf("Next(%q, %d, %t) = %+v: %q is in none of the lines", data, held, final, run, rest)
			}
			data, held = data[used:], 0 // as Writer.cut does
		}
		if final && len(data) > 0 {
			t.Fatalf("%q is left at the end of input", data)
		}
		partial = sp.Hold(data)
		// Without this bound a stream without line ends would be held whole,
		// and looked at again with each write.
		if len(partial) > max+maxEnd {
			t.Fatalf("%d bytes are held, Max is %d: %q", len(partial), max, partial)
		}
	}
	return items
}

// ref is the reference: a machine that takes one byte or one line end at a
// time from the whole input.
type ref struct {
	mode    Mode
	max     int
	items   []item
	text    string
	redraws int
	chain   bool
}

func reference(mode Mode, max int, data string) []item {
	r := &ref{mode: mode, max: max}
	if mode == Fold {
		r.fold(data)
	} else {
		r.other(data)
	}
	return r.items
}

func (r *ref) fold(data string) {
	mark := false
	for i := range len(data) {
		switch c := data[i]; {
		case c == '\n' && mark:
			r.emit(CRLF)
			mark = false
		case c == '\n':
			r.emit(LF)
		case c == '\r':
			mark = true
		default:
			if mark {
				r.text, mark = "", false
				r.redraws++
			}
			r.add(c)
		}
	}
	switch {
	case mark:
		r.emit(CR)
	case r.text != "":
		r.emit(None)
	}
}

// The longer of two ends that begin alike comes first.
var refEnds = map[Mode][]End{
	Keep:   {CRLF, LF},
	Split:  {CRLF, LF, CR},
	Python: {CRLF, LF, CR, VT, FF, FS, GS, RS, NEL, LS, PS},
}

var refBytes = map[End]string{
	LF: "\n", CRLF: "\r\n", CR: "\r", VT: "\x0b", FF: "\x0c", FS: "\x1c", GS: "\x1d",
	RS: "\x1e", NEL: "\xc2\x85", LS: "\xe2\x80\xa8", PS: "\xe2\x80\xa9", None: "",
}

func (r *ref) other(data string) {
next:
	for data != "" {
		for _, end := range refEnds[r.mode] {
			if rest, ok := strings.CutPrefix(data, refBytes[end]); ok {
				r.emit(end)
				data = rest
				continue next
			}
		}
		r.add(data[0])
		data = data[1:]
	}
	if r.text != "" {
		r.emit(None)
	}
}

func (r *ref) add(c byte) {
	if len(r.text) == r.max {
		n := r.max
		for back := 1; back <= 3 && back < r.max; back++ {
			if incomplete(r.text[r.max-back:]) {
				n = r.max - back
			}
		}
		part := Middle
		if !r.chain {
			part = First
		}
		r.items = append(r.items, item{text: r.text[:n], end: None, part: part})
		r.text, r.chain = r.text[n:], true
	}
	r.text += string([]byte{c})
}

func (r *ref) emit(end End) {
	part := Whole
	if r.chain {
		part = Last
	}
	r.items = append(r.items, item{r.text, end, part, r.redraws})
	r.text, r.chain, r.redraws = "", false, 0
}

// incomplete reports whether s lacks bytes to be one character. The tails are
// such that each beginning of a character fits one of them.
func incomplete(s string) bool {
	for _, tail := range []string{"\x80", "\x80\x80", "\xa0\x80", "\x80\x80\x80", "\x90\x80\x80"} {
		if c, n := utf8.DecodeRuneInString(s + tail); c != utf8.RuneError && n == len(s+tail) {
			return true
		}
	}
	return false
}

// check compares the Splitter with the reference.
func check(t testing.TB, mode Mode, max int, writes []string) {
	t.Helper()
	data := strings.Join(writes, "")
	got, want := feed(t, mode, max, writes), reference(mode, max, data)
	if !slices.Equal(got, want) {
		t.Fatalf("mode %d, Max %d, writes %q:\n got %v\nwant %v", mode, max, writes, show(got), show(want))
	}
	if mode == Fold {
		return // it drops bytes by design
	}
	var all strings.Builder
	for _, it := range got {
		all.WriteString(it.text)
		all.WriteString(it.end.Bytes())
	}
	if all.String() != data {
		t.Fatalf("mode %d, Max %d, writes %q: the items are %q", mode, max, writes, all.String())
	}
}

func show(items []item) string {
	var b strings.Builder
	for _, it := range items {
		fmt.Fprintf(&b, "\n\t%q end %q part %d redraws %d", it.text, it.end.Bytes(), it.part, it.redraws)
		if it.end == None {
			b.WriteString(" (none)")
		}
	}
	return b.String()
}

// cut divides data into writes at random places; some writes are empty.
func cut(rng *rand.Rand, data string) []string {
	var writes []string
	longest := 1 + rng.IntN(1+rng.IntN(1+len(data)))
	for data != "" {
		n := min(len(data), rng.IntN(longest+1))
		writes = append(writes, data[:n])
		data = data[n:]
	}
	return writes
}

func whole(text string, end End) item { return item{text: text, end: end} }

func TestSplitter(t *testing.T) {
	for _, tt := range []struct {
		name   string
		mode   string // the modes in which the row holds
		max    int
		writes []string
		want   []item
		why    string
	}{
		{"empty input", "fold split keep python", 9, nil, nil, "no bytes are no line"},
		{"empty writes", "fold split keep python", 9, []string{"", "a", "", "\n", ""}, []item{whole("a", LF)}, "a write is not a line"},
		{"two lines", "fold split keep python", 9, []string{"a\nbc\n"}, []item{whole("a", LF), whole("bc", LF)}, "LF ends a line"},
		{"empty lines", "fold split keep python", 9, []string{"\n\r\n\n"}, []item{whole("", LF), whole("", CRLF), whole("", LF)}, "an empty line is a line"},
		{"line in three writes", "fold split keep python", 9, []string{"a", "b", "c\nd", "\n"}, []item{whole("abc", LF), whole("d", LF)}, "the partial line waits for its end"},
		{"CRLF in two writes", "fold split keep python", 9, []string{"a\r", "\nb\r\n"}, []item{whole("a", CRLF), whole("b", CRLF)}, "CRLF is one end, also when it comes in two writes"},
		{"CRLF alone in two writes", "fold split keep python", 9, []string{"\r", "\n"}, []item{whole("", CRLF)}, "CRLF is one end, also without text"},
		{"LF CR LF", "fold split keep python", 9, []string{"\n\r", "\n"}, []item{whole("", LF), whole("", CRLF)}, "LF CR is not an end"},
		{"last text", "fold split keep python", 9, []string{"a\nb"}, []item{whole("a", LF), whole("b", None)}, "the last text is delivered without a line end"},
		{"NUL and a byte that is not UTF-8", "fold split keep python", 9, []string{"\x00a\n\xff\n\xfe", "\xff"}, []item{whole("\x00a", LF), whole("\xff", LF), whole("\xfe\xff", None)}, "any byte is text"},

		{"lone CR", "fold", 9, []string{"a\rb\n"}, []item{{"b", LF, Whole, 1}}, "the byte after a CR starts the text again"},
		{"lone CR", "split python", 9, []string{"a\rb\n"}, []item{whole("a", CR), whole("b", LF)}, "a CR ends the line"},
		{"lone CR", "keep", 9, []string{"a\rb\n"}, []item{whole("a\rb", LF)}, "a CR is text"},
		{"lone CR between ordinary lines", "fold", 9, []string{"x\na\rb\r\ny\r\n"}, []item{whole("x", LF), {"b", CRLF, Whole, 1}, whole("y", CRLF)}, "redraws belong to one line"},
		{"CR ends a write", "fold", 9, []string{"a\r", "b\n"}, []item{{"b", LF, Whole, 1}}, "the mark waits for the next write"},
		{"CR ends a write", "split python", 9, []string{"a\r", "b\n"}, []item{whole("a", CR), whole("b", LF)}, "a CR may be half of CRLF until the next byte comes"},
		{"CR ends a write", "keep", 9, []string{"a\r", "b\n"}, []item{whole("a\rb", LF)}, "a CR is text unless LF follows"},
		{"CR first", "fold", 9, []string{"\ra\n"}, []item{{"a", LF, Whole, 1}}, "also an empty text starts again"},
		{"CR run and LF", "fold", 9, []string{"a\r\r", "\r\n"}, []item{whole("a", CRLF)}, "several CR are one mark, and the text stands"},
		{"CR run and LF", "split python", 9, []string{"a\r\r", "\r\n"}, []item{whole("a", CR), whole("", CR), whole("", CRLF)}, "each CR ends a line; the last has an LF"},
		{"CR run and LF", "keep", 9, []string{"a\r\r", "\r\n"}, []item{whole("a\r\r", CRLF)}, "one CR belongs to the LF"},
		{"CR run and text", "fold", 9, []string{"a\r", "\r\rb\n"}, []item{{"b", LF, Whole, 1}}, "a run of CR starts the text once"},
		{"more CR than Max", "fold", 2, []string{"a\r\r\r\r", "\r\r\r\r\n"}, []item{whole("a", CRLF)}, "CR takes no room"},
		{"progress bar", "fold", 9, []string{"0 %\r50", " %\r", "100 %", "\nok\n"}, []item{{"100 %", LF, Whole, 2}, whole("ok", LF)}, "a bar is one line in its last state, and its states are counted"},
		{"progress bar that ends its states with CR", "fold", 9, []string{"1\r2\r3\r", "\n"}, []item{{"3", CRLF, Whole, 2}}, "the last state stands until a byte follows"},

		{"CR at end of input", "fold split python", 9, []string{"a\r"}, []item{whole("a", CR)}, "no LF can follow"},
		{"CR at end of input", "keep", 9, []string{"a\r"}, []item{whole("a\r", None)}, "CR is text"},
		{"only CR", "fold split python", 9, []string{"\r"}, []item{whole("", CR)}, "a mark is a line, though it has no text"},
		{"only CR", "keep", 9, []string{"\r"}, []item{whole("\r", None)}, "CR is text"},
		{"CR run at end of input", "fold", 9, []string{"a\r\r", "\r"}, []item{whole("a", CR)}, "a run of CR is one mark"},
		{"bar at end of input", "fold", 9, []string{"1\r2\r"}, []item{{"2", CR, Whole, 1}}, "the last state is delivered"},

		{"Python's ends", "python", 9, []string{"a\vb\fc\x1cd\x1de\x1ef\u0085g\u2028h\u2029i"}, []item{whole("a", VT), whole("b", FF), whole("c", FS), whole("d", GS), whole("e", RS), whole("f", NEL), whole("g", LS), whole("h", PS), whole("i", None)}, "str.splitlines ends lines there"},
		{"Python's ends", "split keep", 40, []string{"a\v\f\x1c\x1d\x1e\u0085\u2028\u2029\n"}, []item{whole("a\v\f\x1c\x1d\x1e\u0085\u2028\u2029", LF)}, "they are text in other modes"},
		{"Python's ends", "fold", 40, []string{"a\v\f\x1c\x1d\x1e\u0085\u2028\u2029\n"}, []item{whole("a\v\f\x1c\x1d\x1e\u0085\u2028\u2029", LF)}, "they are text in other modes"},
		{"US is not an end", "python", 9, []string{"a\x1fb\n"}, []item{whole("a\x1fb", LF)}, "splitlines stops at 1E"},
		{"U+2028 in three writes", "python", 9, []string{"a\xe2", "\x80", "\xa8b"}, []item{whole("a", LS), whole("b", None)}, "an end is one, however it is cut"},
		{"U+0085 in two writes", "python", 9, []string{"a\xc2", "\x85"}, []item{whole("a", NEL)}, "an end is one, however it is cut"},
		{"a bare 85", "python", 9, []string{"\x85\n"}, []item{whole("\x85", LF)}, "85 is U+0085 in Latin-1, not in UTF-8"},
		{"almost U+2028", "python", 9, []string{"\xe2", "\x80", "\xa7\xe2\x80", "\nb\xe2", "\n"}, []item{whole("\u2027\xe2\x80", LF), whole("b\xe2", LF)}, "bytes that begin like an end are text"},
		{"half of U+2028 at end of input", "python", 9, []string{"a\xe2\x80"}, []item{whole("a\xe2\x80", None)}, "no byte can make it an end"},

		{"exactly Max", "fold split keep python", 4, []string{"abcd\n"}, []item{whole("abcd", LF)}, "Max bytes of text are a whole line"},
		{"exactly Max, then its end", "fold split keep python", 4, []string{"abcd", "\n"}, []item{whole("abcd", LF)}, "a full text is not a piece before a byte follows"},
		{"exactly Max, CRLF", "fold split keep python", 4, []string{"abcd\r\n"}, []item{whole("abcd", CRLF)}, "a line end takes no room"},
		{"exactly Max, CRLF in two writes", "fold split keep python", 4, []string{"abcd\r", "\n"}, []item{whole("abcd", CRLF)}, "a line end takes no room"},
		{"exactly Max, U+2028 in three writes", "python", 4, []string{"abcd\xe2", "\x80", "\xa8"}, []item{whole("abcd", LS)}, "a line end takes no room"},
		{"exactly Max at end of input", "fold split keep python", 4, []string{"abcd"}, []item{whole("abcd", None)}, "Max bytes of text are a whole line"},
		{"Max + 1", "fold split keep python", 4, []string{"abcde\n"}, []item{{"abcd", None, First, 0}, {"e", LF, Last, 0}}, "a longer line comes in pieces"},
		{"Max + 1, CRLF", "fold split keep python", 4, []string{"abcde\r", "\n"}, []item{{"abcd", None, First, 0}, {"e", CRLF, Last, 0}}, "the last piece has the line's end"},
		{"three pieces and a line", "fold split keep python", 2, []string{"a", "bcd", "ef\ng\n"}, []item{{"ab", None, First, 0}, {"cd", None, Middle, 0}, {"ef", LF, Last, 0}, whole("g", LF)}, "a chain ends with its line"},
		{"two chains", "fold split keep python", 2, []string{"abc\ndef\n"}, []item{{"ab", None, First, 0}, {"c", LF, Last, 0}, {"de", None, First, 0}, {"f", LF, Last, 0}}, "each line has a first piece"},
		{"chain at end of input", "fold split keep python", 2, []string{"abc"}, []item{{"ab", None, First, 0}, {"c", None, Last, 0}}, "a chain is completed"},
		{"long after short", "fold split keep python", 3, []string{"a\nb\ncdef\ng\n"}, []item{whole("a", LF), whole("b", LF), {"cde", None, First, 0}, {"f", LF, Last, 0}, whole("g", LF)}, "lines before a long one are whole"},
		{"CR after Max at end of input", "keep", 4, []string{"abcd\r"}, []item{{"abcd", None, First, 0}, {"\r", None, Last, 0}}, "CR is text, and takes room"},
		{"CR after Max", "fold split python", 4, []string{"abcd\r"}, []item{whole("abcd", CR)}, "CR takes no room"},
		{"half of U+2028 after Max", "python", 4, []string{"abcd\xe2", "\x80", "x\n"}, []item{{"abcd", None, First, 0}, {"\xe2\x80x", LF, Last, 0}}, "it takes room once it is text"},

		{"piece would cut two bytes", "fold split keep python", 4, []string{"abcé\n"}, []item{{"abc", None, First, 0}, {"é", LF, Last, 0}}, "a piece ends between characters"},
		{"piece would cut three bytes", "fold split keep python", 4, []string{"ab€\n"}, []item{{"ab", None, First, 0}, {"€", LF, Last, 0}}, "a piece ends between characters"},
		{"piece would cut four bytes", "fold split keep python", 4, []string{"a\xf0\x9f", "\x98\x80b\n"}, []item{{"a", None, First, 0}, {"😀", None, Middle, 0}, {"b", LF, Last, 0}}, "a piece ends between characters"},
		{"character larger than Max", "fold split keep python", 2, []string{"😀\n"}, []item{{"\xf0\x9f", None, First, 0}, {"\x98\x80", LF, Last, 0}}, "a piece is never empty"},
		{"Max of one", "fold split keep python", 1, []string{"é\n"}, []item{{"\xc3", None, First, 0}, {"\xa9", LF, Last, 0}}, "a piece is never empty"},
		{"bytes that no character begins with", "fold split keep python", 4, []string{"abc\xffd\n"}, []item{{"abc\xff", None, First, 0}, {"d", LF, Last, 0}}, "only a valid beginning is kept together"},
		{"a surrogate is no character", "fold split keep python", 4, []string{"ab\xed\xa0\x80\n"}, []item{{"ab\xed\xa0", None, First, 0}, {"\x80", LF, Last, 0}}, "only a valid beginning is kept together"},
		{"continuation bytes only", "fold split keep python", 4, []string{"\x80\x80\x80\x80\x80\n"}, []item{{"\x80\x80\x80\x80", None, First, 0}, {"\x80", LF, Last, 0}}, "only a valid beginning is kept together"},

		{"restart within Max", "fold", 4, []string{"abcd\refgh\n"}, []item{{"efgh", LF, Whole, 1}}, "only the text that stands counts against Max"},
		{"restart after a piece", "fold", 4, []string{"abcde\rf\n"}, []item{{"abcd", None, First, 0}, {"f", LF, Last, 1}}, "a restart drops what was not yet given"},
		{"restart before a piece", "fold", 4, []string{"a\rb", "cdef\n"}, []item{{"bcde", None, First, 0}, {"f", LF, Last, 1}}, "redraws are told at the line's end"},
		{"restarts before and after a piece", "fold", 2, []string{"a\rbcd\re", "\rfgh\n"}, []item{{"bc", None, First, 0}, {"fg", None, Middle, 0}, {"h", LF, Last, 3}}, "redraws are all of the line"},
		{"CR after a piece at end of input", "fold", 2, []string{"abc\r"}, []item{{"ab", None, First, 0}, {"c", CR, Last, 0}}, "the mark ends the chain"},
	} {
		for name := range strings.FieldsSeq(tt.mode) {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				// The whole input and single bytes must give the same.
				data := strings.Join(tt.writes, "")
				for _, writes := range [][]string{tt.writes, {data}, strings.SplitAfter(data, "\n"), single(data)} {
					if got := feed(t, modes[name], tt.max, writes); !slices.Equal(got, tt.want) {
						t.Errorf("%s\nwrites %q, Max %d:\n got %v\nwant %v", tt.why, writes, tt.max, show(got), show(tt.want))
					}
				}
				// So a wrong reference is found here, not believed.
				if got := reference(modes[name], tt.max, data); !slices.Equal(got, tt.want) {
					t.Errorf("%s\nthe reference gives %v\nwant %v", tt.why, show(got), show(tt.want))
				}
			})
		}
	}
}

func single(data string) []string {
	var writes []string
	for i := range len(data) {
		writes = append(writes, data[i:i+1])
	}
	return writes
}

func TestPartial(t *testing.T) {
	for held, want := range map[string]string{"": "", "a": "a", "a\r": "a", "\r": "", "a\rb": "a\rb"} {
		if got := string(Partial([]byte(held))); got != want {
			t.Errorf("Partial(%q) = %q, want %q", held, got, want)
		}
	}
}

func TestHold(t *testing.T) {
	for _, tt := range []struct {
		mode    Mode
		partial string
		want    string
	}{
		{Fold, "a\r\r\r", "a\r"},
		{Fold, "a", "a"},
		{Fold, "\r\r", "\r"},
		{Keep, "a\r\r", "a\r\r"},
		{Split, "a\r", "a\r"},
		{Python, "a\xe2\x80", "a\xe2\x80"},
	} {
		sp := Splitter{Mode: tt.mode, Max: 9}
		if got := string(sp.Hold([]byte(tt.partial))); got != tt.want {
			t.Errorf("mode %d: Hold(%q) = %q, want %q", tt.mode, tt.partial, got, tt.want)
		}
	}
}

func TestEndBytes(t *testing.T) {
	for end, want := range refBytes {
		if got := end.Bytes(); got != want {
			t.Errorf("End %d: %q, want %q", end, got, want)
		}
	}
	if got := End(len(refBytes)).Bytes(); got != "" {
		t.Errorf("the end after the last one has bytes %q", got)
	}
}

// letters are those that matter, doubled where a common one makes longer
// lines; the halves of characters meet by chance.
var letters = []string{
	"a", "a", "b", "\n", "\n", "\r", "\r", "\r\n", "\x00", "\xff", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x1f",
	"\xe2", "\x80", "\xa8", "\xa9", "\xc2", "\x85", "\u2028", "\u2029", "\u0085", "é", "€", "😀", "\xf0", "\x9f", "\xed\xa0",
}

func TestRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 40_000 {
		some := letters
		if rng.IntN(2) == 0 { // the few that every mode has
			some = letters[:8]
		}
		var b strings.Builder
		for range rng.IntN(40) {
			b.WriteString(some[rng.IntN(len(some))])
		}
		max := 1 + rng.IntN(12)
		if rng.IntN(4) == 0 {
			max = 1000
		}
		check(t, Mode(rng.IntN(4)), max, cut(rng, b.String()))
	}
}

// TestExhaustive leaves nothing short to chance.
func TestExhaustive(t *testing.T) {
	const alphabet = "ab\r\n"
	var all func(data string, n int)
	all = func(data string, n int) {
		for mode := Fold; mode <= Keep; mode++ {
			for _, max := range []int{1, 2, 99} {
				for at := range max1(len(data)) {
					check(t, mode, max, []string{data[:at], data[at:]})
				}
			}
		}
		if n > 0 {
			for i := range len(alphabet) {
				all(data+alphabet[i:i+1], n-1)
			}
		}
	}
	all("", 5)
}

// max1 stands apart since a variable hides max where it is called.
func max1(n int) int { return max(1, n) }

// TestLinear has lines whose end is near while another kind of end is far, or
// nowhere. It looks at no clock: who searches all that is far for each line
// that is near comes to its end long after go test's own limit.
func TestLinear(t *testing.T) {
	const n = 1 << 19
	far := strings.Repeat("x", 32<<20)
	for _, tt := range []struct {
		mode  Mode
		line  string
		lines int // that n times line are
	}{
		{Fold, "a\r", 0},
		{Split, "a\r", n},
		{Split, "a\n", n},
		{Fold, "a\rb\n", n},
	} {
		data := []byte(strings.Repeat(tt.line, n) + far)
		sp := Splitter{Mode: tt.mode, Max: len(far)}
		lines := 0
		for {
			run, used := sp.Next(data, 0, false)
			if run.Lines == 0 {
				break
			}
			lines += run.Lines
			data = data[used:]
		}
		if lines != tt.lines {
			t.Errorf("mode %d: %d times %q is %d lines, want %d", tt.mode, n, tt.line, lines, tt.lines)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, data := range []string{
		"", "\n", "\r", "\r\n", "a\r\nb\rc\n", "a\r\r\r\nb\r\r\rc", "10 %\r20 %\r30 %\n",
		"a\xe2\x80\xa8b\xe2\x80\xa9c\xc2\x85d\ve\ff\x1cg\x1dh\x1ei",
		"\xe2\x80\xe2\x80\xa8\xc2\xc2\x85\xe2\r\n\xc2\n\xe2\x80\r\n",
		"é€😀é€😀é€😀\n\xf0\x9f\x98\n\xed\xa0\x80\xff\x00\n",
		strings.Repeat("abcdefgh", 12) + "\r\n" + strings.Repeat("ij\r", 12) + "\n",
		strings.Repeat("a\n", 30) + "b\rc\r\n" + strings.Repeat("d\r\n", 30) + "e\r",
	} {
		for mode := range byte(4) {
			for _, max := range []uint16{0, 1, 3, 7, 1000} {
				f.Add([]byte(data), mode, max, uint64(max)+uint64(mode))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, mode byte, max uint16, seed uint64) {
		limit := 1 + int(max)%40
		if max >= 1000 { // most inputs then have no long line
			limit = int(max)
		}
		check(t, Mode(mode%4), limit, cut(rand.New(rand.NewPCG(seed, 0)), string(data)))
	})
}
