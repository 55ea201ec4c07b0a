//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// commandTimeout ends a measured program that hangs.
const commandTimeout = 3 * time.Minute

// ran is what a program, or two with a pipe between them, took and printed.
type ran struct {
	elapsed time.Duration // from before the start to after the exit
	stdout  []byte
}

// command prepares a program in a process group of its own. When ctx ends, the whole
// group is killed: the generators as well.
func command(ctx context.Context, argv []string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	said := new(bytes.Buffer)
	cmd.Stderr = said
	return cmd, said
}

// run takes what the program prints.
func run(ctx context.Context, argv ...string) (ran, error) {
	var stdout bytes.Buffer
	return runInto(ctx, func(cmd *exec.Cmd) { cmd.Stdout = &stdout }, &stdout, argv)
}

// runToNull gives the program /dev/null itself, no pipe of ours, as standard output.
func runToNull(ctx context.Context, argv ...string) (ran, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return ran{}, err
	}
	defer null.Close()
	return runInto(ctx, func(cmd *exec.Cmd) { cmd.Stdout = null }, new(bytes.Buffer), argv)
}

func runInto(ctx context.Context, prepare func(*exec.Cmd), stdout *bytes.Buffer, argv []string) (ran, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd, said := command(ctx, argv)
	prepare(cmd)
	began := time.Now()
	err := cmd.Run()
	elapsed := time.Since(began)
	return ran{elapsed, stdout.Bytes()}, failed(ctx, argv, err, said)
}

// runPipeline is `from | to`; it takes what `to` prints. The pipe between them is
// as the kernel makes it.
func runPipeline(ctx context.Context, from, to []string) (ran, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		return ran{}, fmt.Errorf("making a pipe: %w", err)
	}
	defer r.Close()
	defer w.Close()
	writer, writerSaid := command(ctx, from)
	reader, readerSaid := command(ctx, to)
	var stdout bytes.Buffer
	writer.Stdout, reader.Stdin, reader.Stdout = w, r, &stdout

	began := time.Now()
	if err := reader.Start(); err != nil {
		return ran{}, failed(ctx, to, err, readerSaid)
	}
	startErr := writer.Start()
	r.Close()
	w.Close()
	if startErr == nil {
		startErr = writer.Wait()
	}
	readerErr := reader.Wait()
	elapsed := time.Since(began)
	return ran{elapsed, stdout.Bytes()}, errors.Join(
		failed(ctx, from, startErr, writerSaid), failed(ctx, to, readerErr, readerSaid))
}

// failed says which program failed and its last words.
func failed(ctx context.Context, argv []string, err error, said *bytes.Buffer) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = errors.Join(err, context.Cause(ctx))
	}
	return fmt.Errorf("running %s %s: %w", filepath.Base(argv[0]), strings.Join(argv[1:], " "), withLastWords(err, said.Bytes()))
}

func withLastWords(err error, said []byte) error {
	const most = 500
	said = bytes.TrimSpace(said)
	if err == nil || len(said) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s", err, said[max(0, len(said)-most):])
}
