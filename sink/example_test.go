package sink_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/sink"
)

func ExampleText() {
	b := syncstream.New(syncstream.Config{})
	a := b.Attach(sink.NewText(os.Stdout, os.Stdout))
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "api"}})
	fmt.Fprintln(m, "listening")
	m.CloseWithError(errors.New("the port is in use"))
	a.Drain(context.Background())
	// Output:
	// api | listening
	// api ! the port is in use
}

func ExampleJSON() {
	b := syncstream.New(syncstream.Config{})
	out := &strings.Builder{}
	a := b.Attach(sink.NewJSON(out))
	fmt.Fprintln(b.Mirror(syncstream.MirrorConfig{}), "hello")
	a.Drain(context.Background())
	var m syncstream.Message
	fmt.Println(json.Unmarshal([]byte(out.String()), &m), m.Stream, m.Text)
	// Output: <nil> stdout hello
}

func ExampleFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file, err := sink.OpenFile(sink.FileConfig{Path: filepath.Join(dir, "workers.log"), MaxBytes: 30, MaxFiles: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	b := syncstream.New(syncstream.Config{})
	a := b.Attach(sink.NewText(file, file))
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "api"}})
	fmt.Fprint(m, "listening\nready\nserving\n")
	a.Drain(context.Background())
	file.Close()
	old, _ := os.ReadFile(filepath.Join(dir, "workers.log.1"))
	now, _ := os.ReadFile(filepath.Join(dir, "workers.log"))
	fmt.Printf("before: %q\nnow: %q\n", old, now)
	// Output:
	// before: "api | listening\napi | ready\n"
	// now: "api | serving\n"
}
