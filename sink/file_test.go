package sink_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/syncstream/syncstream/sink"
)

func openFile(t *testing.T, c sink.FileConfig) *sink.File {
	t.Helper()
	f, err := sink.OpenFile(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// files shows what stands in the folder: name=content, by name.
func files(t *testing.T, path string) string {
	t.Helper()
	names, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s=%q", filepath.Base(name), text))
	}
	return strings.Join(all, " ")
}

func TestFile(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config sink.FileConfig
		before string
		writes []string
		want   string
	}{
		{"grows without end", sink.FileConfig{}, "old\n", []string{"a\n", "b\n"}, `log="old\na\nb\n"`},
		{"rotates when it is full", sink.FileConfig{MaxBytes: 4}, "", []string{"a\n", "b\n", "c\n"}, `log="c\n" log.1="a\nb\n"`},
		{"counts what was there", sink.FileConfig{MaxBytes: 6}, "old\n", []string{"aa\n"}, `log="aa\n" log.1="old\n"`},
		{"ends a row that a crash has torn", sink.FileConfig{}, "hal", []string{"a", "b\n", "c\n"}, `log="hal\nab\nc\n"`},
		{"rotates behind a torn row", sink.FileConfig{MaxBytes: 4}, "hal", []string{"a\n"}, `log="a\n" log.1="hal\n"`},
		{"adds nothing where nothing is written", sink.FileConfig{}, "hal", []string{""}, `log="hal"`},
		{"divides a write behind a row", sink.FileConfig{MaxBytes: 4}, "", []string{"a\nb\nc\nd\ne\n"}, `log="e\n" log.1="c\nd\n" log.2="a\nb\n"`},
		{"keeps a long row whole", sink.FileConfig{MaxBytes: 4}, "", []string{"a\n1234567\nb\n"}, `log="b\n" log.1="1234567\n" log.2="a\n"`},
		{"keeps the newest", sink.FileConfig{MaxBytes: 2, MaxFiles: 3}, "", []string{"a\nb\nc\nd\n"}, `log="d\n" log.1="c\n" log.2="b\n"`},
		{"keeps one", sink.FileConfig{MaxBytes: 2, MaxFiles: 1}, "", []string{"a\nb\n"}, `log="b\n"`},
		{"takes what has no line end", sink.FileConfig{MaxBytes: 3}, "", []string{"12345", "6"}, `log="123456"`},
		{"keeps a row that comes in pieces whole", sink.FileConfig{MaxBytes: 3}, "", []string{"a\nb", "c", "d\ne\nf", "g\n"}, `log="e\nfg\n" log.1="a\nbcd\n"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.config.Path = filepath.Join(t.TempDir(), "log")
			if tt.before != "" {
				if err := os.WriteFile(tt.config.Path, []byte(tt.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f := openFile(t, tt.config)
			for _, w := range tt.writes {
				if n, err := f.Write([]byte(w)); n != len(w) || err != nil {
					t.Errorf("%q: %d, %v", w, n, err)
				}
			}
			if got := files(t, tt.config.Path); got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
}

// Another program renames the file and says so.
func TestFileReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f := openFile(t, sink.FileConfig{Path: path})
	f.Write([]byte("a\n"))
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("b\n"))
	if err := f.Reopen(); err != nil {
		t.Error(err)
	}
	f.Write([]byte("c\n"))
	if got, want := files(t, path), `log="c\n" log.old="a\nb\n"`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.Write([]byte("d\n")); !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), path) {
		t.Errorf("Write after Close: %v", err)
	}
	if err := f.Reopen(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Reopen after Close: %v", err)
	}
}

// A row that is begun goes on where the same file is opened anew.
func TestFileReopenInsideRow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f := openFile(t, sink.FileConfig{Path: path, MaxBytes: 3})
	f.Write([]byte("12"))
	if err := f.Reopen(); err != nil {
		t.Error(err)
	}
	f.Write([]byte("345\n"))
	if got, want := files(t, path), `log="12345\n"`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// A file that can't be rotated takes everything all the same, and says so; one
// that can't be opened anew stays in use.
func TestFileErrors(t *testing.T) {
	if _, err := sink.OpenFile(sink.FileConfig{Path: filepath.Join(t.TempDir(), "no", "log")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenFile: %v", err)
	}
	path := filepath.Join(t.TempDir(), "log")
	if err := os.MkdirAll(path+".1/in the way", 0o700); err != nil {
		t.Fatal(err)
	}
	f := openFile(t, sink.FileConfig{Path: path, MaxBytes: 2, MaxFiles: 2})
	n, err := f.Write([]byte("a\nb\nc\n"))
	if n != 6 || err == nil || !strings.Contains(err.Error(), "rotate the log") {
		t.Errorf("Write: %d, %v", n, err)
	}
	if text, err := os.ReadFile(path); string(text) != "a\nb\nc\n" || err != nil {
		t.Errorf("the file has %q, %v", text, err)
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Reopen(); err == nil || !strings.Contains(err.Error(), "reopen the log "+path) {
		t.Errorf("Reopen: %v", err)
	}
}

// A log behind a link is rotated beside the file that it leads to, and the link
// stays.
func TestFileBehindLink(t *testing.T) {
	dir := t.TempDir()
	link, real := filepath.Join(dir, "link"), filepath.Join(dir, "log")
	if err := os.Symlink("log", link); err != nil {
		t.Fatal(err)
	}
	f := openFile(t, sink.FileConfig{Path: link, MaxBytes: 2, MaxFiles: 2})
	f.Write([]byte("a\nb\nc\n"))
	if got, want := files(t, real), `log="c\n" log.1="b\n"`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if to, err := os.Readlink(link); to != "log" || err != nil {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if got, want := files(t, link), `link="c\n"`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// What is no regular file is written to and never renamed.
func TestFileThatCannotBeRotated(t *testing.T) {
	dir := t.TempDir()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	link := filepath.Join(dir, "log")
	target := fmt.Sprintf("/dev/fd/%d", w.Fd())
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	f := openFile(t, sink.FileConfig{Path: link, MaxBytes: 2, MaxFiles: 2})
	if n, err := f.Write([]byte("a\nb\nc\n")); n != 6 || err != nil {
		t.Errorf("Write: %d, %v", n, err)
	}
	if to, err := os.Readlink(link); to != target || err != nil {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if names, _ := filepath.Glob(link + "*"); len(names) != 1 {
		t.Errorf("there are %q", names)
	}
	if err := errors.Join(f.Close(), w.Close()); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(r); string(got) != "a\nb\nc\n" || err != nil {
		t.Errorf("the pipe has %q, %v", got, err)
	}
}

// A full disk says so, and what is in the file are whole rows.
func TestFileOnFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Fatal("this test needs /dev/full: ", err)
	}
	f := openFile(t, sink.FileConfig{Path: "/dev/full"})
	if n, err := f.Write([]byte("a\n")); n != 0 || err == nil || !strings.Contains(err.Error(), "/dev/full") {
		t.Errorf("%d, %v", n, err)
	}
}

func TestFileConfigPanics(t *testing.T) {
	for field, c := range map[string]sink.FileConfig{
		"FileConfig.MaxBytes is -1": {MaxBytes: -1},
		"FileConfig.MaxFiles is -2": {MaxFiles: -2},
	} {
		func() {
			defer func() {
				if v := fmt.Sprint(recover()); !strings.Contains(v, field) {
					t.Errorf("%s: panic %s", field, v)
				}
			}()
			sink.OpenFile(c)
		}()
	}
}

// Rows of many goroutines are whole, and each is there once, whatever rotates
// and reopens meanwhile.
func TestFileIsShared(t *testing.T) {
	const writers, rows = 4, 500
	path := filepath.Join(t.TempDir(), "log")
	f := openFile(t, sink.FileConfig{Path: path, MaxBytes: 1000, MaxFiles: 1000})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rows {
				if _, err := fmt.Fprintf(f, "row %d of %d\n", i, w); err != nil {
					t.Error(err)
				}
				if i%50 == 0 {
					if err := f.Reopen(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	names, _ := filepath.Glob(path + "*")
	seen := map[string]int{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil || len(text) > 1000 {
			t.Errorf("%s has %d bytes, %v", name, len(text), err)
		}
		for line := range strings.Lines(string(text)) {
			seen[line]++
		}
	}
	for w := range writers {
		for i := range rows {
			if line := fmt.Sprintf("row %d of %d\n", i, w); seen[line] != 1 {
				t.Fatalf("%q is there %d times", line, seen[line])
			}
		}
	}
	if len(seen) != writers*rows {
		t.Errorf("%d different rows, want %d", len(seen), writers*rows)
	}
}
