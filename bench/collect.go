//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

// kept is how many messages the measured buffers keep.
const kept = 1000

// collect is the helper `collect N LINES PROG ARGS...`: it runs PROG N times into one
// buffer and fails unless LINES lines of lineBytes came in all.
func collect(ctx context.Context, args []string) error {
	if len(args) < 3 {
		return errors.New("usage: collect N LINES PROG [ARG]…")
	}
	n, lines, err := twoNumbers(args)
	if err != nil {
		return err
	}
	b := syncstream.New(syncstream.Config{MaxMessages: kept})
	if err := startAll(ctx, b, n, args[2:]); err != nil {
		return err
	}
	if err := b.Wait(ctx); err != nil {
		return err
	}
	if got := b.Stats().Written; got.Messages != uint64(lines) || got.Bytes != uint64(lines*lineBytes) {
		return fmt.Errorf("the buffer was written %d lines, %d bytes, not %d and %d", got.Messages, got.Bytes, lines, lines*lineBytes)
	}
	return checkLast(ctx, b, min(kept, lines))
}

func checkLast(ctx context.Context, b *syncstream.Buffer, want int) error {
	last, err := b.Last(ctx, kept)
	if err != nil {
		return err
	}
	if len(last) != want {
		return fmt.Errorf("the buffer kept %d messages, not %d", len(last), want)
	}
	return nil
}

// startAll starts n times argv; the buffer's Wait then waits for them.
func startAll(ctx context.Context, b *syncstream.Buffer, n int, argv []string) error {
	for i := range n {
		cmd := exec.Command(argv[0], argv[1:]...)
		source := syncstream.Source{Name: "gen." + strconv.Itoa(i)}
		if _, err := process.Start(ctx, b, cmd, process.Config{Source: source}); err != nil {
			return fmt.Errorf("starting generator %d: %w", i, err)
		}
	}
	return nil
}

func twoNumbers(args []string) (a, b int, err error) {
	a, errA := strconv.Atoi(args[0])
	b, errB := strconv.Atoi(args[1])
	return a, b, errors.Join(errA, errB)
}
