package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream"
)

// sendOptions are what send was told.
type sendOptions struct {
	hostOptions
	closeTimeout time.Duration
	name         string
	json         bool
}

func newSend() *cobra.Command {
	o := &sendOptions{name: "stdin", closeTimeout: syncstream.DefaultCloseTimeout}
	cmd := &cobra.Command{
		Use:   "send [flags] URL",
		Short: "Send the lines of stdin to a host's buffer",
		Long: `Send the lines of stdin to a buffer, as one worker's. A host that is gone is
tried again. When the host stops its workers, send ends, and whoever writes to
it finds that nobody reads.`,
		Example: `  make 2>&1 | syncstream send --name build http://node1:7575/train
  tail -F app.log | syncstream send --name app http://node1:7575/logs
  syncstream send http://node1:7575/train            what you type, until Ctrl-D`,
		GroupID:           groupHosts,
		ValidArgsFunction: cobra.NoFileCompletions,
		Annotations: map[string]string{footerOf: `Exits with 0; 1 if lines were not delivered, and says how many; 130 or 143 after
Ctrl-C or SIGTERM, at the end of stdin or 1 s later; 2 for wrong usage.`},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context(), os.Stdin)
		},
	}
	o.hostOptions.define(flags{cmd.Flags(), "Host"})
	f := flags{cmd.Flags(), "Send"}
	f.add("close-timeout", "5s", "at the end, wait this `TIME` for the host", someTime(&o.closeTimeout))
	o.hostOptions.defineQueue(f)
	f.add("name", "stdin", "the worker's `NAME`", text(&o.name))
	f.onOff("json", "print what came of it as JSON", func(on bool) { o.json = on })
	return cmd
}

func (o *sendOptions) complete(cmd *cobra.Command, args []string) error {
	if err := nameWorkers(cmd, make([]worker, 1), o.name); err != nil {
		return err
	}
	return o.addressArgs(cmd, args)
}

// sent is what came of it, as JSON.
type sent struct {
	Version   int    `json:"v"`
	Bytes     int64  `json:"bytes"` // that were read
	Delivered bool   `json:"delivered"`
	Error     string `json:"error,omitempty"`
	Stopped   string `json:"stopped,omitempty"` // why
}

func (o *sendOptions) run(ctx context.Context, stdin io.Reader) error {
	client, err := o.open(ctx, os.Stderr)
	if err != nil {
		return &exitStatus{code: exitFailure, err: err}
	}
	buf := syncstream.NewOver(client, syncstream.Config{CloseTimeout: o.closeTimeout})
	m := buf.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: o.name}, Partial: true})
	in := input{mirror: m, ended: make(chan struct{})}
	go in.read(stdin) // which may go on for ever, where nobody ends stdin
	signaled := in.await()
	result := sent{Version: 1, Bytes: in.bytes(), Stopped: stopOf(m)}
	err = in.close()
	if err == nil {
		err = buf.Close()
	}
	if result.Delivered = err == nil; err != nil {
		result.Error = err.Error()
	}
	return o.tell(&result, signaled)
}

// tell says what came of it, and returns the exit status as an error.
func (o *sendOptions) tell(result *sent, signaled int) error {
	if o.json {
		if err := printJSON(os.Stdout, result); err != nil {
			return &exitStatus{code: exitFailure, err: fmt.Errorf("write what came of it: %w", err)}
		}
	}
	if result.Stopped != "" {
		complain(os.Stderr, errors.New("the host stops its workers: "+words(result.Stopped)))
	}
	if result.Error != "" {
		return &exitStatus{code: exitFailure, err: errors.New(words(result.Error))}
	}
	return exitWith(signaled)
}

// stopOf returns why the host stops a mirror, and tells it that we have heard;
// empty, if it does not.
func stopOf(m *syncstream.Mirror) string {
	cause := context.Cause(m.Context())
	if !errors.Is(cause, syncstream.ErrStopped) {
		return ""
	}
	m.Acknowledge()
	return cause.Error()
}

// input is what a mirror is written to from.
type input struct {
	mirror *syncstream.Mirror
	ended  chan struct{} // closed when there is no more
	n      atomic.Int64  // bytes that have come
	err    error         // why there is no more, if that is no end; set before ended is closed
}

// counted is a reader whose bytes are counted.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func (in *input) bytes() int64 { return in.n.Load() }

func (in *input) read(r io.Reader) {
	defer close(in.ended)
	_, in.err = in.mirror.ReadFrom(counted{r, &in.n})
}

// lastWordsTime is how long, after a signal, those who write to us may take to
// end.
const lastWordsTime = time.Second

// await returns when there is no more to send, the host wants no more, or after
// a signal, whose exit status it returns. A second one ends the program.
func (in *input) await() (status int) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var patience <-chan time.Time
	for {
		select {
		case <-in.ended:
			return status
		case <-in.mirror.Context().Done():
			return status
		case <-patience:
			return status
		case sig := <-signals:
			status = signalStatus(sig)
			signal.Stop(signals)
			patience = time.After(lastWordsTime)
		}
	}
}

// close closes the mirror; the error says what of it was not delivered.
func (in *input) close() error {
	var failed error
	select {
	case <-in.ended:
		failed = in.err
	default:
	}
	if errors.Is(failed, syncstream.ErrStopped) || errors.Is(failed, syncstream.ErrClosed) {
		failed = nil // the mirror says more
	}
	err := in.mirror.CloseWithError(failed)
	if errors.Is(err, syncstream.ErrStopped) {
		err = nil
	}
	if failed != nil {
		failed = fmt.Errorf("read stdin: %w", reason(failed))
	}
	return errors.Join(failed, err)
}
