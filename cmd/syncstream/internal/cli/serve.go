package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream/host"
)

// serveOptions are what serve was told.
type serveOptions struct {
	limitOptions
	listen        string
	tokenFile     string
	insecure      bool
	cert, key     string
	json          bool
	tokens        []host.Token
	certificate   *host.Certificate
	stdout, notes *os.File
}

func newServe() *cobra.Command {
	o := &serveOptions{listen: "127.0.0.1:7575", stdout: os.Stdout, notes: os.Stderr}
	cmd := &cobra.Command{
		Use:   "serve [flags]",
		Short: "Keep buffers for workers on other machines",
		Long:  "Be a host: keep buffers in memory, each made when it is first used, over HTTP.",
		Example: `  syncstream serve                     a buffer is http://127.0.0.1:7575/NAME
  syncstream serve --listen :7575 --token-file tokens
  syncstream serve --listen :443 --tls-cert cert.pem --tls-key key.pem`,
		GroupID:           groupHosts,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		Annotations:       map[string]string{footerOf: `Exits with 0 after Ctrl-C or SIGTERM; again ends it at once. 1: it can't listen.`},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.complete(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	f := flags{cmd.Flags(), "Serve"}
	f.add("listen", o.listen, "listen at `HOST:PORT`; without HOST, at all addresses", text(&o.listen))
	f.add("token-file", "", "tokens are in `FILE`, made if there is none; each line is a token, and read, write or all for what it lets do", text(&o.tokenFile))
	f.onOff("insecure", "need no token, at whatever address", func(on bool) { o.insecure = on })
	f.add("tls-cert", "", "the certificate is in `FILE`; it is PEM, and read anew when it changes", text(&o.cert))
	f.add("tls-key", "", "its key is in `FILE`; read as --tls-cert is", text(&o.key))
	f.onOff("json", "print the address as JSON", func(on bool) { o.json = on })
	o.limitOptions.define(flags{cmd.Flags(), "Limit"})
	return cmd
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef(cmd, "want no argument, not %q", args[0])
	}
	return nil
}

// limitOptions are the limits of a host.
type limitOptions struct {
	config                     host.Config
	maxBytes, maxLine, maxBody int64
	server                     host.ServerConfig
	maxHeader                  int64
}

func (o *limitOptions) define(f flags) {
	c := &o.config
	f.add("max-messages", "1000", "keep the last `N` messages of a buffer", count(&c.Buffer.MaxMessages, 1))
	f.add("max-bytes", "64Mi", "and so many `BYTES` of them", size(&o.maxBytes))
	f.add("max-line", "1Mi", "`BYTES` of a line (413)", size(&o.maxLine))
	f.add("max-buffers", "100", "`N` buffers (507)", count(&c.MaxBuffers, 1))
	f.add("max-open", "10000", "`N` open workers of a buffer (507)", count(&c.MaxOpen, 1))
	f.add("max-body", "4Mi", "`BYTES` of a request (413)", size(&o.maxBody))
	f.add("max-header", "16Ki", "`BYTES` of its headers (431)", size(&o.maxHeader))
	f.add("max-waiting", "4096", "`N` waiting requests of one address (429)", count(&c.MaxWaiting, 1))
	f.add("max-connections", "4096", "`N` connections of one address (429)", count(&o.server.MaxConnections, 1))
	f.add("silence", "15s", "`TIME` until a silent worker is lost", someTime(&c.Silence))
	f.add("body-timeout", "30s", "`TIME` for its body (408); headers: 10s at most", someTime(&c.BodyTimeout))
}

// complete turns the limits into the host's.
func (o *limitOptions) complete() host.Config {
	c := o.config
	c.Buffer.MaxBytes, c.Buffer.MaxLine, c.MaxBody = int(o.maxBytes), int(o.maxLine), int(o.maxBody)
	o.server.MaxHeader, o.server.HeaderTimeout = int(o.maxHeader), min(c.BodyTimeout, host.DefaultHeaderTimeout)
	return c
}

func (o *serveOptions) complete(cmd *cobra.Command) error {
	name, _, err := net.SplitHostPort(o.listen)
	switch {
	case err != nil:
		return usagef(cmd, "--listen %s: want HOST:PORT, as in 127.0.0.1:7575 or :7575", shownValue(o.listen))
	case (o.cert == "") != (o.key == ""):
		return usagef(cmd, "want both --tls-cert and --tls-key, or neither")
	case o.insecure && o.tokenFile != "":
		return usagef(cmd, "want either --insecure or --token-file, not both")
	}
	if o.cert != "" {
		if o.certificate, err = host.LoadCertificate(o.cert, o.key); err != nil {
			return usagef(cmd, "--tls-cert %s, --tls-key %s: %w", shownValue(o.cert), shownValue(o.key), err)
		}
	}
	return o.completeTokens(cmd, isLoopback(name))
}

// isLoopback reports whether a name to listen at is this machine's own.
func isLoopback(name string) bool {
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// completeTokens finds the tokens. At an address that others reach there must be
// one.
func (o *serveOptions) completeTokens(cmd *cobra.Command, loopback bool) error {
	secret := os.Getenv(host.TokenVariable)
	switch {
	case o.insecure:
		return nil
	case o.tokenFile == "" && secret != "":
		if err := host.CheckSecret(secret); err != nil {
			return usagef(cmd, "%s: %v", host.TokenVariable, err)
		}
		o.tokens = []host.Token{{Secret: secret, Access: host.Full}}
		return nil
	case o.tokenFile == "" && loopback:
		return nil
	case o.tokenFile == "":
		dir, err := os.UserConfigDir()
		if err != nil {
			return usagef(cmd, "--listen %s: others reach it; want --token-file, %s or --insecure", shownValue(o.listen), host.TokenVariable)
		}
		o.tokenFile = filepath.Join(dir, "syncstream", "tokens")
		if _, err := os.Stat(o.tokenFile); err == nil {
			fmt.Fprintf(o.notes, "syncstream: the tokens are in %s\n", shownValue(o.tokenFile))
		}
	}
	made, err := o.makeToken()
	if err == nil {
		o.tokens, err = readTokens(o.tokenFile)
	}
	if err != nil {
		return usagef(cmd, "--token-file %s: %v", shownValue(o.tokenFile), reason(err))
	}
	if info, err := os.Stat(o.tokenFile); !made && err == nil && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		fmt.Fprintf(o.notes, "syncstream: others can read %s: chmod 600 would keep them out\n", shownValue(o.tokenFile))
	}
	return nil
}

// makeToken makes a file with one token, unless it is there, and shows it.
func (o *serveOptions) makeToken() (made bool, err error) {
	if _, err := os.Stat(o.tokenFile); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(o.tokenFile), 0o700); err != nil {
		return false, err
	}
	f, err := os.OpenFile(o.tokenFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false, err
	}
	secret := rand.Text()
	_, err = f.WriteString(secret + " all\n")
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(o.tokenFile) // the next start would find no token in it
		return false, err
	}
	fmt.Fprintf(o.notes, "syncstream: a new token, shown this once, is in %s: %s\n", shownValue(o.tokenFile), secret)
	return true, nil
}

// run serves until a signal comes.
func (o *serveOptions) run(ctx context.Context) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		return &exitStatus{code: exitFailure, err: err}
	}
	config := o.limitOptions.complete()
	config.Tokens = o.tokens
	h := host.NewHandler(config)
	srv := host.NewServer(o.listen, h, o.server)
	served := make(chan error, 1)
	go func() { served <- o.serve(srv, l) }()
	if err := o.tell(l.Addr().(*net.TCPAddr)); err != nil {
		return &exitStatus{code: exitFailure, err: fmt.Errorf("write the address: %w", err)}
	}
	select {
	case err := <-served:
		return &exitStatus{code: exitFailure, err: err}
	case <-signals:
	}
	go func() {
		<-signals
		os.Exit(exitSignal + int(syscall.SIGINT))
	}()
	return shutdown(ctx, h, srv)
}

func (o *serveOptions) serve(srv *http.Server, l net.Listener) error {
	if o.certificate == nil {
		return srv.Serve(l)
	}
	srv.TLSConfig = o.certificate.Config()
	return srv.ServeTLS(l, "", "")
}

// serveGrace is how long requests that bring messages may take at the end.
const serveGrace = 5 * time.Second

// shutdown tells all who wait, and returns when they have their answers.
func shutdown(ctx context.Context, h *host.Handler, srv *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, serveGrace)
	defer cancel()
	if err := errors.Join(h.Shutdown(ctx), srv.Shutdown(ctx)); err != nil {
		srv.Close()
		return &exitStatus{code: exitFailure, err: fmt.Errorf("end the requests: %w", err)}
	}
	return nil
}

// served is what --json prints.
type served struct {
	Version int    `json:"v"`
	URL     string `json:"url"`
	Tokens  int    `json:"tokens"` // how many there are; none is needed if there is none
}

// tell prints the address, as soon as it is listened at.
func (o *serveOptions) tell(at *net.TCPAddr) error {
	scheme, name := "http", at.IP.String()
	if o.certificate != nil {
		scheme = "https"
	}
	if at.IP.IsUnspecified() {
		if own, err := os.Hostname(); err == nil {
			name = own
		}
	}
	if given, _, _ := net.SplitHostPort(o.listen); given != "" && net.ParseIP(given) == nil {
		name = given // which a certificate may be for
	}
	url := fmt.Sprintf("%s://%s", scheme, net.JoinHostPort(name, fmt.Sprint(at.Port)))
	switch {
	case o.certificate == nil && len(o.tokens) > 0 && !at.IP.IsLoopback():
		fmt.Fprintln(o.notes, "syncstream: tokens and lines cross the network for anyone to read: --tls-cert and --tls-key hide them")
	case o.insecure && !at.IP.IsLoopback():
		fmt.Fprintln(o.notes, "syncstream: --insecure: whoever reaches this address may read, write, stop and clear")
	}
	if o.json {
		return printJSON(o.stdout, served{1, url, len(o.tokens)})
	}
	_, err := fmt.Fprintln(o.stdout, url)
	return err
}
