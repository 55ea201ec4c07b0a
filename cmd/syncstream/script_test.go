package main_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/cli"
	"github.com/syncstream/syncstream/process"
)

func TestMain(m *testing.M) {
	process.Main()
	testscript.Main(m, map[string]func(){
		"syncstream": func() { os.Exit(cli.Main()) },
		"worker":     worker,
	})
}

// worker is a worker that waits to be told to end: "worker polite FIFO" says its
// last words at SIGTERM and exits with status 7; "worker deaf FIFO" hears nothing
// of it. When it listens, it prints its process id and its parent's into the
// FIFO. "worker panic" does so.
func worker() {
	if os.Args[1] == "panic" {
		go panic("in a goroutine")
		select {}
	}
	term := make(chan os.Signal, 1)
	if os.Args[1] == "deaf" {
		signal.Ignore(syscall.SIGTERM)
	} else {
		signal.Notify(term, syscall.SIGTERM)
	}
	err := os.WriteFile(os.Args[2], fmt.Appendln(nil, os.Getpid(), os.Getppid()), 0)
	if err != nil {
		panic(err)
	}
	<-term
	fmt.Println("my last words")
	os.Exit(7)
}

// TestScript plays the stories in testdata/script.
func TestScript(t *testing.T) {
	// Under nohup the signal is ignored, which children would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Deadline:            time.Now().Add(50 * time.Second),
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "address": address, "certificate": certificate},
		Setup: func(env *testscript.Env) error {
			// Else the race detector has each syncstream sleep for a second as it ends.
			env.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
			python, err := filepath.Abs("../../host/python/testdata/host.py")
			env.Setenv("PYTHON_HOST", python)
			return err
		},
	})
}

// exits is the script command "exits STATUS PROGRAM [ARG]...": exec with the
// exit status that it shall have.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARG]...")
	}
	status := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		status = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("exit status %d; want %s", status, args[0])
	}
}

// address is the script command "address FIFO": it waits for the address that a
// host prints there, and sets URL to that of a buffer.
func address(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: address FIFO")
	}
	f, err := os.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	line, err := bufio.NewReader(f).ReadString('\n')
	ts.Check(err)
	ts.Setenv("URL", strings.TrimSpace(line)+"/train")
}

// certificate is the script command "certificate CERT KEY": it writes a certificate
// for 127.0.0.1, and its key.
func certificate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: certificate CERT KEY")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}
