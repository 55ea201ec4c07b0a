//go:build unix

package view_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/mask"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
)

// frames are stories that are played on a real terminal (tmux). After each step
// the window is compared with the frame of that name in testdata/frames; with
// VIEW_UPDATE=1 it is written there instead, to be looked at.
var frames = []played{
	{
		"bars", 40, 8, view.Config{Color: true}, []frame{
			{name: "two workers with a bar each", do: func(p *player) { p.write("web", "web: 10%"); p.write("db", "db: 50%") }},
			{name: "they move", do: func(p *player) { p.write("web", "\rweb: 20%"); p.write("db", "\rdb: 60%") }},
			{name: "a line stands above them", do: func(p *player) { p.write("api", "listening\n") }},
			{name: "a notice and a status", do: func(p *player) {
				p.view.Notice("syncstream: stopping")
				p.view.SetStatus("waiting for web")
			}},
			{name: "one is done", do: func(p *player) { p.write("web", "\rweb: done\n") }},
			{name: "many lines", do: func(p *player) {
				for i := range 10 {
					p.write("api", fmt.Sprintf("request %d\n", i))
				}
			}},
			{name: "the end", do: func(p *player) { p.end() }},
		},
	},
	{
		"narrow", 12, 6, view.Config{}, []frame{
			{name: "a bar is cut, a line is not", do: func(p *player) {
				p.write("web", "a line that is wider than the window\n")
				p.write("db", "[=========>        ] 50%")
			}},
			{name: "more bars than rows", do: func(p *player) {
				for i := range 6 {
					p.write(strconv.Itoa(i), "waiting")
				}
			}},
			{name: "the end", do: func(p *player) { p.end() }},
		},
	},
	{
		"wide", 20, 6, view.Config{}, []frame{
			{name: "wide characters fill the row", do: func(p *player) { p.write("w", "世界世界世界世界世界") }},
			{name: "one column is left over", do: func(p *player) { p.write("w", "\rx世界世界世界世界世界") }},
			{name: "combining accents take none", do: func(p *player) { p.write("w", "\re\u0301e\u0301e\u0301e\u0301e\u0301 🚀🚀🚀🚀🚀🚀") }},
			{name: "a line, and the row again", do: func(p *player) { p.write("v", "世界\n") }},
		},
	},
	{
		"resize", 40, 8, view.Config{}, []frame{
			{name: "bars", do: func(p *player) {
				p.write("web", "first line\nsecond line\n")
				p.write("web", "[===============>               ] 50% of it")
				p.write("db", "[==>                            ] 10% of it")
			}},
			{name: "narrower", resize: [2]int{20, 8}, do: func(*player) {}},
			{name: "a line", do: func(p *player) { p.write("api", "third line\n") }},
			{name: "wider and lower", resize: [2]int{50, 5}, do: func(*player) {}},
			{name: "another line", do: func(p *player) { p.write("api", "fourth line\n") }},
			{name: "a line where a bar was", do: func(p *player) { p.write("web", "\rdone\n") }},
			{name: "narrower again", resize: [2]int{20, 8}, do: func(*player) {}},
			{name: "the end", do: func(p *player) { p.end() }},
		},
	},
	{
		"typed", 40, 8, view.Config{Typed: "ask"}, []frame{
			{name: "a bar, and nothing asked", do: func(p *player) { p.write("dl", "10%") }},
			{name: "something typed", keys: []string{"r", "s", "Enter"}, do: func(p *player) { p.write("dl", "\r20%") }},
			{name: "a question", do: func(p *player) { p.write("ask", "name? ") }},
			{name: "half an answer", keys: []string{"E", "v"}, do: func(*player) {}},
			{name: "the answer", keys: []string{"e", "Enter"}, do: func(p *player) { p.write("ask", "hello Eve\n") }},
			{name: "keys that a notice answers", keys: []string{"x"}, do: func(p *player) {
				p.write("dl", "\rdone\n")
				p.view.Notice("syncstream: heard")
			}},
			{name: "without live rows", keys: []string{"y"}, do: func(p *player) { p.view.Notice("syncstream: heard again") }},
			{name: "the end", do: func(p *player) { p.end() }},
		},
	},
	{
		"masked", 40, 4, view.Config{Mask: secrets()}, []frame{
			{name: "the beginning of a secret", do: func(p *player) { p.write("web", "key to") }},
			{name: "more of it", do: func(p *player) { p.write("web", "k_abc") }},
			{name: "what follows it", do: func(p *player) { p.write("web", "d is it") }},
			{name: "no secret", do: func(p *player) { p.write("web", "\rtomorrow") }},
			{name: "the end", do: func(p *player) { p.write("web", "\rkey tok_", "z\n"); p.end() }},
		},
	},
	{
		"raw", 40, 6, view.Config{Raw: true}, []frame{
			{name: "it moves", do: func(p *player) { p.write("web", "one\n", "\x1b[31mred\x1b[5Cfar\x1b[0m\n", "two\x1b[1Kgone\n") }},
			{name: "a live row", do: func(p *player) { p.write("db", "50%\x1b[2Jx") }},
			{name: "the end", do: func(p *player) { p.end() }},
		},
	},
	{
		"dumb", 40, 6, view.Config{Dumb: true}, []frame{
			{name: "no live rows", do: func(p *player) {
				p.write("web", "50%", "\r60%")
				p.write("db", "\x1b[31mred\n")
				p.view.SetStatus("waiting for web")
			}},
			{name: "the end", do: func(p *player) { p.end() }},
		},
	},
	{
		"prefixed", 40, 6, view.Config{Color: true, Prefix: template("[{index} {name}] "), Workers: []view.Worker{{Name: "web"}, {Name: "世界"}}}, []frame{
			{name: "padded", do: func(p *player) { p.write("web", "one\n"); p.write("世界", "two\n") }},
			{name: "live", do: func(p *player) { p.write("web", "three"); p.write("世界", "四") }},
			{name: "the end", do: func(p *player) { p.end() }},
		},
	},
	{
		"hostile", 40, 8, view.Config{}, []frame{
			{name: "a line that would erase, move and rename", do: func(p *player) {
				p.write("web", "before\n", "\x1b[2J\x1b[1;1Hforged\x1b]0;title\x07\u009b2J\x9b2J\x0e\n", "after\n")
			}},
			{name: "a live row that would too", do: func(p *player) { p.write("web", "\x1b[3A\x1b[2Kgone\x08\x08") }},
			{name: "the end", do: func(p *player) { p.end() }},
		},
	},
	{
		"styles", 40, 8, view.Config{Color: true, Workers: []view.Worker{{Name: "web"}, {Name: "db"}}}, []frame{
			{name: "a style over lines", do: func(p *player) {
				p.write("web", "\x1b[1;31mred\n")
				p.write("db", "plain\n")
				p.write("web", "still red\n", "\x1b[42mon green\x1b[0m plain\n", "plain\n")
			}},
			{name: "a live row has it too", do: func(p *player) { p.write("web", "\x1b[35mmagenta\n", "also ") }},
			{name: "below a line of another", do: func(p *player) { p.write("db", "plain\n") }},
		},
	},
}

func secrets() *mask.Mask {
	m, err := mask.New("tok_[a-z]+")
	if err != nil {
		panic(err)
	}
	return m
}

func template(s string) view.Prefix {
	p, err := view.ParsePrefix(s)
	if err != nil {
		panic(err)
	}
	return p
}

// hurry is not compared with a frame: two workers write lines while two others
// redraw their bars, as fast as they can.
func hurry(p *player) {
	var writers sync.WaitGroup
	var stop atomic.Bool
	for _, name := range []string{"bar1", "bar2"} {
		p.write(name, "0")
		m := p.mirrors[name]
		go func() {
			for i := 0; !stop.Load(); i++ {
				fmt.Fprintf(m, "\r%d%% of a row that is wider than the window at times", i)
			}
		}()
	}
	for _, name := range []string{"a", "b"} {
		p.write(name, "start\n")
		m := p.mirrors[name]
		writers.Go(func() {
			for i := range hurryLines {
				fmt.Fprintf(m, "line %d\n", i)
			}
		})
	}
	writers.Wait()
	stop.Store(true)
	p.end()
	fmt.Println("all done")
}

const hurryLines = 5000

// No line is lost or torn, whatever is redrawn below it and however the window
// changes meanwhile.
func TestLinesStayWhole(t *testing.T) {
	w := openWindow(t, "hurry", 60, 10)
	fmt.Fprintln(w.steps, "go")
	got := ""
	for i, end := 0, time.Now().Add(3*patience); !strings.HasSuffix(got, "all done") && time.Now().Before(end); i++ {
		w.tmux("resize-window", "-x", strconv.Itoa(40+i%3*10), "-y", strconv.Itoa(6+i%2*4))
		got = strings.TrimRight(w.tmux("capture-pane", "-p", "-J", "-S", "-"), "\n ")
	}
	next := map[string]int{}
	for line := range strings.Lines(got) {
		var name string
		var i int
		line = strings.TrimRight(line, "\n ")
		if n, _ := fmt.Sscanf(line, "%s | line %d", &name, &i); n != 2 {
			continue
		}
		if i != next[name] || line != fmt.Sprintf("%s | line %d", name, i) {
			t.Fatalf("%q, after line %d of %s", line, next[name]-1, name)
		}
		next[name]++
	}
	if next["a"] != hurryLines || next["b"] != hurryLines {
		t.Errorf("%v; want %d lines of each", next, hurryLines)
	}
}

// played is a story and the window in which it is played.
type played struct {
	name          string
	columns, rows int
	config        view.Config
	steps         []frame
}

// frame is what happens, and a name for what is to be seen then.
type frame struct {
	name   string
	resize [2]int   // of the window, before
	keys   []string // that are pressed before
	do     func(*player)
}

// player plays a story in a terminal.
type player struct {
	buf     *syncstream.Buffer
	view    *view.View
	sink    *syncstream.Attachment
	mirrors map[string]*syncstream.Mirror
}

// write writes as the worker of that name; each text is a batch of its own.
func (p *player) write(name string, texts ...string) {
	m := p.mirrors[name]
	if m == nil {
		m = p.buf.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: name}})
		p.mirrors[name] = m
	}
	for _, text := range texts {
		m.Write([]byte(text))
		p.sink.Drain(context.Background())
	}
}

func (p *player) end() {
	p.view.SetStatus("")
	p.buf.Close()
	<-p.sink.Done()
}

func TestMain(m *testing.M) {
	if name := os.Getenv("VIEW_PLAY"); name != "" {
		playFrames(name, os.Getenv("VIEW_STEPS"))
		return
	}
	os.Exit(m.Run())
}

// playFrames plays a story's next step for each line that can be read from a
// FIFO.
func playFrames(name, fifo string) {
	steps, err := os.Open(fifo)
	if err != nil {
		panic(err)
	}
	next := bufio.NewScanner(steps)
	stories := append(slices.Clone(frames), played{name: "hurry", steps: []frame{{do: hurry}}})
	for _, f := range stories {
		if f.name != name {
			continue
		}
		f.config.Stdout, f.config.Stderr = os.Stdout, os.Stderr
		p := &player{buf: syncstream.New(syncstream.Config{}), view: view.New(f.config), mirrors: map[string]*syncstream.Mirror{}}
		if f.config.Mask != nil {
			p.buf = syncstream.New(syncstream.Config{Parse: f.config.Mask.Parse})
		}
		p.sink = p.buf.Attach(p.view)
		go p.view.Follow(context.Background(), p.buf)
		size := make(chan os.Signal, 1)
		signal.Notify(size, syscall.SIGWINCH)
		go func() {
			for range size {
				p.view.Resize()
			}
		}()
		for i := 0; next.Scan(); i++ {
			f.steps[i].do(p)
		}
	}
}

func TestFrames(t *testing.T) {
	for _, f := range frames {
		t.Run(f.name, func(t *testing.T) {
			w := openWindow(t, f.name, f.columns, f.rows)
			golden := filepath.Join("testdata", "frames", f.name+".txt")
			want := readFrames(t, golden)
			var all strings.Builder
			for _, step := range f.steps {
				if step.resize != [2]int{} {
					w.tmux("resize-window", "-x", strconv.Itoa(step.resize[0]), "-y", strconv.Itoa(step.resize[1]))
				}
				w.press(step.keys)
				fmt.Fprintln(w.steps, step.name)
				if os.Getenv("VIEW_UPDATE") != "" {
					fmt.Fprintf(&all, "== %s\n%s\n", step.name, w.settled())
					continue
				}
				if got := w.wait(want[step.name]); got != want[step.name] {
					t.Fatalf("%s:\n%s\nwant\n%s", step.name, got, want[step.name])
				}
			}
			if all.Len() > 0 {
				if err := os.WriteFile(golden, []byte(all.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// readFrames returns the frames of a file by their names.
func readFrames(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && os.Getenv("VIEW_UPDATE") == "" {
		t.Fatal(err)
	}
	all := map[string]string{}
	for part := range strings.SplitSeq(string(text), "== ") {
		name, frame, _ := strings.Cut(part, "\n")
		all[name] = strings.TrimSuffix(frame, "\n")
	}
	return all
}

// window is a terminal in which a story is played.
type window struct {
	*testing.T
	server string   // the socket of a tmux of its own
	steps  *os.File // where the player reads them
}

func openWindow(t *testing.T, story string, columns, rows int) *window {
	dir, err := os.MkdirTemp("", "") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &window{T: t, server: filepath.Join(dir, "tmux")}
	fifo := filepath.Join(dir, "steps")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	w.steps, err = os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.tmux("kill-server")
		w.steps.Close()
	})
	w.tmux("start-server", ";", "set", "-g", "history-limit", "100000", ";", "set", "-g", "status", "off", ";",
		"set", "-g", "remain-on-exit", "on", ";", "new-session", "-d", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows),
		"-e", "VIEW_PLAY="+story, "-e", "VIEW_STEPS="+fifo, os.Args[0])
	return w
}

// tmux gives the window's own tmux a command, and returns what it prints.
func (w *window) tmux(args ...string) string {
	w.Helper()
	cmd := exec.Command("tmux", append([]string{"-u", "-S", w.server, "-f", "/dev/null"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		w.Fatalf("tmux %s: %v: %s", args[0], err, stderr.String())
	}
	return string(out)
}

// capture returns what is seen and what has been scrolled away, with colours
// and styles.
func (w *window) capture() string {
	return strings.TrimRight(w.tmux("capture-pane", "-p", "-e", "-S", "-"), "\n")
}

// press types keys, of which only the last may be Enter, and waits until the
// cursor is behind them.
func (w *window) press(keys []string) {
	if len(keys) == 0 {
		return
	}
	var x, y int
	fmt.Sscan(w.cursor(), &x, &y)
	x += len(keys)
	if keys[len(keys)-1] == "Enter" {
		x, y = 0, y+1
	}
	w.tmux(append([]string{"send-keys"}, keys...)...)
	for want, end := fmt.Sprint(x, " ", y), time.Now().Add(patience); w.cursor() != want; {
		if time.Now().After(end) {
			w.Fatalf("the cursor is at %s; want %s", w.cursor(), want)
		}
	}
}

// cursor returns the column and the row of the cursor.
func (w *window) cursor() string {
	return strings.TrimSpace(w.tmux("display-message", "-p", "#{cursor_x} #{cursor_y}"))
}

// patience is how long a frame is waited for that does not come.
const patience = 10 * time.Second

// wait returns what is seen once it is want, or at last.
func (w *window) wait(want string) (got string) {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if got = w.capture(); got == want {
			break
		}
	}
	return got
}

// settled returns what is seen once that has not changed for a while.
func (w *window) settled() (got string) {
	for since := time.Now(); time.Since(since) < time.Second; {
		if now := w.capture(); now != got {
			got, since = now, time.Now()
		}
	}
	return got
}
