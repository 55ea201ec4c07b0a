package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
	"github.com/syncstream/syncstream/host"
)

// hostOptions say which buffer of which host is meant, and what lets us in.
type hostOptions struct {
	address   string
	tokenFile string
	token     string // of that file
	whenFull  string // block if empty, or drop
}

func (o *hostOptions) define(f flags) {
	f.add("token-file", "", "the token that the host wants is in `FILE`; else in "+host.TokenVariable, text(&o.tokenFile))
}

// defineQueue defines what those need who bring lines to the host.
func (o *hostOptions) defineQueue(f flags) {
	f.choice("when-full", "`WHAT` while 64 MiB wait for the host, block or drop; to block has who writes wait, to drop lets the oldest lines go, and counts them", &o.whenFull, "block", "drop")
}

// complete takes the address, which what calls: it checks it before anything is
// sent.
func (o *hostOptions) complete(cmd *cobra.Command, what, address string) error {
	const want = "want http://HOST:PORT/NAME"
	shown := shownValue(host.Redact(address))
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "", strings.Trim(u.Path, "/") == "":
		return usagef(cmd, "%s %s: %s", what, shown, want)
	case shown != shownValue(address):
		return usagef(cmd, "%s %s: it has a token in it, which others can see in the list of processes; %s, and --token-file or %s", what, shown, want, host.TokenVariable)
	}
	o.address = address
	if o.tokenFile == "" {
		return nil
	}
	tokens, err := readTokens(o.tokenFile) // once: it may be a pipe
	if err != nil {
		return usagef(cmd, "--token-file %s: %v", shownValue(o.tokenFile), reason(err))
	}
	o.token = tokens[0].Secret
	return nil
}

// open opens the buffer, which tells stderr when the host is gone and back.
func (o *hostOptions) open(ctx context.Context, stderr io.Writer) (syncstream.Store, error) {
	c := host.ClientConfig{URL: o.address, Token: o.token, Stderr: wordsWriter{stderr}}
	if o.whenFull == "drop" {
		c.WhenFull = host.DropOldest
	}
	return host.OpenStore(ctx, c)
}

// wordsWriter takes what a client says, some of which are words of a host.
type wordsWriter struct{ to io.Writer }

func (w wordsWriter) Write(p []byte) (int, error) {
	if _, err := fmt.Fprintln(w.to, words(strings.TrimSuffix(string(p), "\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// words are those of a host, for people: without anything that a terminal would
// obey, and with no row that could be taken for one of ours.
func words(text string) string { return strings.ReplaceAll(view.Safe(text), "\n", "\n  ") }

// addressArgs takes the one argument of a verb about a buffer.
func (o *hostOptions) addressArgs(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef(cmd, "want one address, http://HOST:PORT/NAME, not %d", len(args))
	}
	return o.complete(cmd, "the address", args[0])
}

// patienceOptions say how long a host is tried that can't be reached.
type patienceOptions struct{ patience time.Duration }

func (o *patienceOptions) define(f flags) {
	o.patience = 10 * time.Second
	f.add("patience", "10s", "give up on a host that does not answer after this `TIME`", someTime(&o.patience))
}

var errPatience = errors.New("the time of --patience is over")

// maxTokens is how many bytes a file with tokens may have.
const maxTokens = 64 << 10

// readTokens reads a file with a token in each line, and what it is for: read,
// write or all, which it is without a word. Lines that begin with # are left out.
func readTokens(path string) ([]host.Token, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxTokens+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxTokens:
		return nil, errors.New("it has more than 64 KiB: want a token in each line")
	}
	var tokens []host.Token
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		access, err := accessOf(fields[1:])
		if err == nil {
			err = host.CheckSecret(fields[0])
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		tokens = append(tokens, host.Token{Secret: fields[0], Access: access})
	}
	if len(tokens) == 0 {
		return nil, errors.New("there is no token in it")
	}
	return tokens, nil
}

// accessOf understands the words behind a token. Its error repeats none: they
// can be a secret that was torn apart.
func accessOf(words []string) (host.Access, error) {
	access, ok := host.Full, len(words) <= 1
	if len(words) == 1 {
		access, ok = map[string]host.Access{"read": host.Read, "write": host.Write, "all": host.Full}[words[0]]
	}
	if !ok {
		return 0, errors.New("behind the token: want read, write or all, or nothing for all")
	}
	return access, nil
}
