package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

// section returns the examples of one section of docs/protocol.md.
func section(t *testing.T, title string) []string {
	t.Helper()
	text, err := os.ReadFile("../../../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := bytes.Cut(text, []byte(title+"\n"))
	if !found {
		t.Fatalf("there is no section %q", title)
	}
	var examples []string
	for rest := string(text); ; {
		_, after, found := strings.Cut(rest, "```json\n")
		if !found {
			return examples
		}
		example, after, _ := strings.Cut(after, "```")
		examples, rest = append(examples, example), after
	}
}

// An event is a message to those who know messages only, and the form is as the
// documentation has it.
func TestEventIsMessage(t *testing.T) {
	example := section(t, "### What happens to workers")[0]
	var out bytes.Buffer
	source := &syncstream.Source{ID: "a81c07", Name: "db", Host: "node7", PID: 4712, Rank: 1, Size: 2}
	at := time.Date(2026, 11, 22, 21, 33, 23, 0, time.UTC)
	r := process.Result{
		Source: source, Err: &process.ExitError{Code: 3}, Started: at.Add(-1250 * time.Millisecond), Ended: at,
		Usage: process.Usage{User: 310 * time.Millisecond, PeakMemory: 7184384},
	}
	newJSONSink(&out, nil, nil, &asides{}).exited(r, time.Time{})
	var m syncstream.Message
	if err := m.UnmarshalJSON(out.Bytes()); err != nil {
		t.Fatal(err)
	}
	if m.Num != 0 || m.Text != "exit status 3" || m.Stream != syncstream.Control {
		t.Errorf("the message is %+v", m)
	}
	if got := out.String(); got != example {
		t.Errorf("the event is\n%s; the documentation has\n%s", got, example)
	}
}

// The verdict's form is as the documentation has it.
func TestVerdictJSON(t *testing.T) {
	example := section(t, "## Verdict as JSON")[0]
	decoder := json.NewDecoder(strings.NewReader(example))
	decoder.DisallowUnknownFields()
	var v verdict
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/verdict.json"
	if err := v.writeFile(path); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != example {
		t.Errorf("the verdict is\n%s; the documentation has\n%s", got, example)
	}
}

// The last words of the first to fail are kept, however much others write after
// them; ten lines are known of anybody.
func TestLastWords(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	one := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "one"}})
	other := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "other"}})
	one.Write(bytes.Repeat([]byte("line\n"), 100))
	var words lastWords
	words.keep(b, one.Source())
	other.Write(bytes.Repeat([]byte("line\n"), 2*syncstream.DefaultMaxMessages))
	for i, want := range []int{100, 10} {
		if got := len(words.of(b.Sources()[i])); got != want {
			t.Errorf("source %d has %d last words; want %d", i, got, want)
		}
	}
}

// That a worker has started is told once, and before its first line, whoever
// comes first.
func TestStartedComesFirst(t *testing.T) {
	var out bytes.Buffer
	j := newJSONSink(&out, []string{"echo one"}, nil, &asides{})
	b := syncstream.New(syncstream.Config{})
	a := b.Attach(j)
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "w", Size: 1}})
	m.Write([]byte("one\n"))
	if err := a.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.started(m.Source())
	var texts []string
	for line := range bytes.Lines(out.Bytes()) {
		var m syncstream.Message
		if err := m.UnmarshalJSON(line); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, m.Text)
	}
	if got := strings.Join(texts, ", "); got != "started, one" {
		t.Errorf("the messages are %s", got)
	}
	b.Close()
}
