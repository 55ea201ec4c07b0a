package host

import (
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/syncstream/syncstream"
)

// console is a block of commands and what they print.
var console = regexp.MustCompile("(?s)\n```console\n(.*?)```\n")

var (
	times   = regexp.MustCompile(`"time":"[^"]*"`)
	buffers = regexp.MustCompile(`("buffer":"|id: )[a-z0-9]{8}`)
)

// What the pages' commands print is what stands there.
func TestProtocolPage(t *testing.T) { playPage(t, "../docs/protocol.md", 10) }
func TestHostsPage(t *testing.T)    { playPage(t, "../docs/hosts.md", 3) }

// playPage plays the commands of a page, at least so many, in their order, against
// a host of their own, and compares what they print with the page.
func playPage(t *testing.T, path string, atLeast int) {
	t.Parallel()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := NewHandler(Config{Buffer: syncstream.Config{MaxMessages: 100}})
	srv := NewServer("", h, ServerConfig{})
	go srv.Serve(listener)
	defer srv.Close()
	defer h.Shutdown(t.Context())

	played := 0
	for _, block := range console.FindAllStringSubmatch(string(page), -1) {
		for _, step := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, want := commandOf(step)
			c := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(command, "localhost:7575", listener.Addr().String()))
			c.Stderr = os.Stderr
			out, err := c.Output()
			if err != nil {
				t.Errorf("%s\n%v", command, err)
			}
			got := times.ReplaceAllString(string(out), `"time":"…"`)
			got = buffers.ReplaceAllString(got, `${1}…`)
			if strings.TrimRight(got, "\n") != strings.TrimRight(want, "\n") {
				t.Errorf("%s\nprints\n%s\nwant\n%s", command, got, want)
			}
			played++
		}
	}
	if played < atLeast {
		t.Errorf("only %d commands were played; does %s still have them?", played, path)
	}
}

// commandOf divides a step into the command, which goes on where a line begins
// with "> ", and what it prints.
func commandOf(step string) (command, want string) {
	lines := strings.Split(step, "\n")
	command = lines[0]
	i := 1
	for ; i < len(lines) && strings.HasPrefix(lines[i], "> "); i++ {
		command += "\n" + lines[i][2:]
	}
	return command, strings.Join(lines[i:], "\n")
}
