package syncstream_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/syncstream/syncstream"
)

// Every exported type has an example whose output is checked.
func TestEveryTypeHasAnExample(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	types, examples := map[string]bool{}, map[string]bool{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Example") {
				examples[strings.TrimPrefix(f.Name.Name, "Example")] = true
			}
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE || strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, s := range g.Specs {
				if n := s.(*ast.TypeSpec).Name; n.IsExported() {
					types[n.Name] = true
				}
			}
		}
	}
	for name := range types {
		if !examples[name] {
			t.Errorf("the type %s has no example", name)
		}
	}
}

func ExampleLines() {
	for _, lines := range []syncstream.Lines{syncstream.Fold, syncstream.Split} {
		b := syncstream.New(syncstream.Config{})
		m := b.Mirror(syncstream.MirrorConfig{Lines: lines})
		fmt.Fprint(m, "10 %\r100 %\n")
		fmt.Println(lines, b.Len())
	}
	// Output:
	// fold 1
	// split 2
}

func ExampleEnd() {
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{})
	fmt.Fprint(m, "of Unix\nof DOS\r\nof a stream that ended")
	m.Close()
	messages, _ := b.Last(context.Background(), 3)
	for _, m := range messages {
		fmt.Printf("%s: %s %q\n", m.Text, m.End, m.End.Bytes())
	}
	// Output:
	// of Unix: lf "\n"
	// of DOS: crlf "\r\n"
	// of a stream that ended: none ""
}

func ExamplePart() {
	b := syncstream.New(syncstream.Config{MaxLine: 4})
	m := b.Mirror(syncstream.MirrorConfig{})
	fmt.Fprintln(m, "1234567890")
	messages, _ := b.Last(context.Background(), 3)
	for _, m := range messages {
		fmt.Println(m.Part, m.Text)
	}
	// Output:
	// first 1234
	// middle 5678
	// last 90
}

func ExampleStream() {
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{})
	fmt.Fprintln(m, "a result")
	fmt.Fprintln(m.Stderr(), "a note")
	m.Warn(errors.New("a warning"))
	messages, _ := b.Last(context.Background(), 3)
	for _, m := range messages {
		fmt.Println(m.Stream, m.Text)
	}
	// Output:
	// stdout a result
	// stderr a note
	// control a warning
}

func ExampleKind() {
	b := syncstream.New(syncstream.Config{MaxMessages: 2})
	m := b.Mirror(syncstream.MirrorConfig{})
	fmt.Fprint(m, "one\ntwo\nthree\n")
	m.CloseWithError(errors.New("out of numbers"))
	for m := range b.Follow(context.Background(), 1, syncstream.FollowUntilDone) {
		switch m.Kind {
		case syncstream.Gap:
			fmt.Println(m.Missing, "missing")
		default:
			fmt.Println(m.Kind, m.Text)
		}
	}
	// Output:
	// 1 missing
	// line three
	// error out of numbers
}

func ExamplePosition() {
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{})
	fmt.Fprint(m, "one\ntwo\nthree\n")
	m.Close()
	place := syncstream.Oldest
	for m := range b.Follow(context.Background(), place) {
		fmt.Println("first", m.Text)
		place = m.Position
		break
	}
	for m := range b.Follow(context.Background(), place, syncstream.FollowUntilDone) {
		fmt.Println("then", m.Text)
	}
	// Output:
	// first one
	// then two
	// then three
}

func ExampleFollowOption() {
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{})
	fmt.Fprint(m, "Password: ")
	for message := range b.Follow(context.Background(), syncstream.Oldest, syncstream.FollowUntilDone, syncstream.FollowPartials) {
		fmt.Printf("%s %q\n", message.Kind, message.Text)
		m.Close()
	}
	// Output:
	// partial "Password: "
	// line "Password: "
}

func ExampleState() {
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{})
	show := func() { fmt.Println(b.Sources()[0].State) }
	show()
	b.Stop(nil)
	show()
	fmt.Fprintln(m, "taken all the same")
	show()
	m.Close()
	show()
	// Output:
	// open
	// asked
	// acknowledged
	// exited
}

func ExampleCount() {
	b := syncstream.New(syncstream.Config{MaxMessages: 1})
	fmt.Fprint(b.Mirror(syncstream.MirrorConfig{}), "one\ntwo\n")
	s := b.Stats()
	fmt.Println(s.Kept.Messages, "kept,", s.Rotated.Messages, "rotated,", s.Written.Bytes, "bytes written")
	// Output: 1 kept, 1 rotated, 8 bytes written
}

// endings says when a source has ended, behind its last message.
type endings struct{}

func (endings) WriteBatches(batches []*syncstream.Batch) error {
	for _, b := range batches {
		for m := range b.All() {
			fmt.Println(m.Source, "says", m.Text)
		}
	}
	return nil
}

func (endings) CloseSource(s syncstream.SourceStatus) error {
	fmt.Println(s.Source, s.State, s.Err)
	return nil
}

func ExampleSourceCloser() {
	b := syncstream.New(syncstream.Config{})
	a := b.Attach(endings{})
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "worker"}})
	fmt.Fprint(m, "last words")
	m.Close()
	a.Drain(context.Background())
	// Output:
	// worker says last words
	// worker exited <nil>
}

// shouting prepares upper case for whole blocks of lines.
type shouting struct{}

func (shouting) Prepare(dst []byte, b *syncstream.Batch) []byte {
	return append(dst, strings.ToUpper(string(b.Text()))...)
}

func (s shouting) WriteBatches(batches []*syncstream.Batch) error {
	for _, b := range batches {
		text := b.Prepared()
		if text == nil { // few bytes are not prepared
			text = s.Prepare(nil, b)
		}
		fmt.Print(string(text))
	}
	return nil
}

func ExamplePreparer() {
	b := syncstream.New(syncstream.Config{})
	a := b.Attach(shouting{})
	fmt.Fprintln(b.Mirror(syncstream.MirrorConfig{}), "hello")
	a.Drain(context.Background())
	// Output: HELLO
}

func ExampleRedirect() {
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "main"}})
	restore, err := syncstream.Redirect(m)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("caught")
	fmt.Fprintln(os.Stderr, "caught, too")
	restore()
	fmt.Println("printed")
	for _, s := range b.Sources()[0].Tail {
		fmt.Printf("%s: %s\n", s.Stream, s.Text)
	}
	// Unordered output:
	// printed
	// stdout: caught
	// stderr: caught, too
}
