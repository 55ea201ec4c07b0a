package torture_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

// fake is a tool that runs shell commands and shows their lines, and does wrong
// what its kind says. It returns its exit status.
func fake(kind string, commands []string) int {
	f := &fakeTool{kind: kind}
	var running sync.WaitGroup
	for i, command := range commands {
		cmd := exec.Command("sh", "-c", "exec 2>&1; "+command)
		out, in, err := os.Pipe()
		if err == nil {
			cmd.Stdout = in
			ownGroup(cmd)
			err = cmd.Start()
			in.Close()
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
		f.cmds = append(f.cmds, cmd)
		reader := &patientReader{file: out}
		running.Go(func() {
			var relay sync.WaitGroup
			relay.Go(func() { f.relay(reader, fmt.Sprintf("[%d] ", i)) })
			f.ended(cmd.Wait())
			reader.end()
			relay.Wait()
			killGroup(cmd)
		})
	}
	running.Wait()
	os.Stdout.Write(f.kept)
	switch kind {
	case "never ends":
		select {}
	case "leaves a process":
		_ = exec.Command("sleep", "1000").Start()
	case "has no status":
		return 0
	}
	return f.status
}

// patientReader reads a worker's pipe. When the worker has ended, it waits for
// others who still hold the pipe no longer than a moment.
type patientReader struct {
	file  *os.File
	ended atomic.Bool
}

const moment = time.Second

func (r *patientReader) Read(p []byte) (int, error) {
	if r.ended.Load() {
		_ = r.file.SetReadDeadline(time.Now().Add(moment))
	}
	return r.file.Read(p)
}

// end wakes a Read that waits already.
func (r *patientReader) end() {
	r.ended.Store(true)
	_ = r.file.SetReadDeadline(time.Now().Add(moment))
}

type fakeTool struct {
	kind string

	mu     sync.Mutex // guards what follows
	cmds   []*exec.Cmd
	status int
	kept   []byte
}

func (f *fakeTool) relay(out io.Reader, prefix string) {
	if f.kind == "shows what it reads" || f.kind == "shows reads as rows" {
		f.relayReads(out, prefix)
		return
	}
	var held []byte
	in := bufio.NewReader(out)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil && f.kind == "ends all with one" {
			f.killAll()
		}
		if err != nil && (len(line) == 0 || f.kind == "loses the last words") {
			f.show(held)
			return
		}
		row := append([]byte(prefix), bytes.TrimSuffix(line, []byte("\n"))...)
		row = append(row, '\n')
		switch f.kind {
		case "loses lines":
			if n%7 == 0 {
				continue
			}
		case "loses empty lines":
			if len(line) == 1 {
				continue
			}
		case "doubles lines":
			row = append(row, row...)
		case "changes bytes":
			row = bytes.ToValidUTF8(row, []byte("?"))
		case "changes places":
			if held == nil {
				held = row
				continue
			}
			row, held = append(row, held...), nil
		}
		f.show(row)
	}
}

func (f *fakeTool) relayReads(out io.Reader, prefix string) {
	chunk := make([]byte, 1000)
	for {
		n, err := out.Read(chunk)
		if err != nil {
			return
		}
		if f.kind == "shows what it reads" {
			f.show(chunk[:n])
		} else {
			f.show(fmt.Appendf(nil, "%s%s\n", prefix, bytes.TrimSuffix(chunk[:n], []byte("\n"))))
		}
	}
}

func (f *fakeTool) show(row []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kind == "shows all at the end" {
		f.kept = append(f.kept, row...)
		return
	}
	os.Stdout.Write(row)
}

func (f *fakeTool) ended(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.status == 0 {
		f.status = 1
	}
}

func (f *fakeTool) killAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, cmd := range f.cmds {
		_ = cmd.Process.Kill()
	}
}
