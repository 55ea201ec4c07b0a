package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
)

// childVariable has the address of a buffer for a test binary that is to be a
// worker.
const childVariable = "SYNCSTREAM_TEST_WORKER"

func TestMain(m *testing.M) {
	if address := os.Getenv(childVariable); address != "" {
		os.Exit(child(address))
	}
	os.Exit(m.Run())
}

// child writes numbered lines until it is killed, and tells when some are at the
// host.
func child(address string) int {
	client, err := NewClient(ClientConfig{URL: address})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	b := syncstream.NewOver(client, syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "child"}})
	for n := 1; ; n++ {
		fmt.Fprintln(m, n)
		if n == 1000 {
			if err := m.Flush(context.Background()); err != nil {
				return 1
			}
			fmt.Println("flushed")
		}
	}
}

// A worker that is killed leaves what it had sent, in order, and is closed with an
// error when nothing was heard of it for some time.
func TestClientKilled(t *testing.T) {
	m := newMachine(t)
	m.stop()
	m.start(NewHandler(Config{Silence: 500 * time.Millisecond, Buffer: syncstream.Config{MaxMessages: 1 << 20}}))
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=http://"+m.addr+"/train")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "flushed\n" {
		t.Errorf("the child said %q, %v", line, err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	reader := m.connect(ClientConfig{})
	var failure *syncstream.Failure
	if err := reader.Wait(t.Context()); !errors.As(err, &failure) || !strings.Contains(err.Error(), "no sign of it for 500ms") {
		t.Errorf("Wait: %v", err)
	}
	stored := make(map[string]int)
	messages, _ := m.buffer().Last(t.Context(), 1<<20)
	for _, m := range messages {
		if m.Kind == syncstream.Line {
			follows(t, stored, m)
		} else if !strings.Contains(m.Text, "taken for lost") {
			t.Errorf("%s %q", m.Kind, m.Text)
		}
	}
	if stored["child"] < 1000 {
		t.Errorf("%d lines are stored, and 1000 were acknowledged", stored["child"])
	}
}
