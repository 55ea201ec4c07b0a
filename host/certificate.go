package host

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Certificate is a certificate for TLS in two files, which is read again when
// they have changed, as when it was renewed. All its methods may be called by
// any goroutine at any time.
type Certificate struct {
	// Stderr is told when the files can't be used any more, at the second look,
	// since one of them may just have been written before the other; and when
	// they can again. If nil, os.Stderr. Set it before the first handshake.
	Stderr io.Writer

	certFile, keyFile string
	readFile          func(string) ([]byte, error)

	mu      sync.Mutex // guards what follows; not held while files are read
	current *tls.Certificate
	looked  time.Time
	looking bool   // somebody reads the files, to whom the rest belongs meanwhile
	cert    []byte // the files that current was made of
	key     []byte
	err     error
	failed  int // looks in a row
}

// lookInterval is how often the files are looked at, at most.
const lookInterval = time.Second

// LoadCertificate reads a certificate and its key, both PEM.
func LoadCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, readFile: os.ReadFile}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// Config returns what a server needs: its [net/http.Server] field TLSConfig;
// then ListenAndServeTLS is called without files.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.Get}
}

// Get is for [tls.Config.GetCertificate]. A certificate that has become
// unreadable, or of which only one file has changed yet, leaves the one before
// in place; see Err. At most one handshake a second waits for the files to be
// read, and one at a time; the others go on with what there is.
func (c *Certificate) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.begin() {
		c.look()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current, nil
}

// begin reports whether it is time to look at the files; then look is to be called.
func (c *Certificate) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.looking || now.Sub(c.looked) < lookInterval {
		return false
	}
	c.looked, c.looking = now, true
	return true
}

// look reads the files, and tells people what is new.
func (c *Certificate) look() {
	err := c.load()
	c.mu.Lock()
	failed := c.failed
	if c.failed++; err == nil {
		c.failed = 0
	}
	c.err, c.looking = err, false
	c.mu.Unlock()
	out := c.Stderr
	if out == nil {
		out = os.Stderr
	}
	switch {
	case err != nil && failed == 1:
		fmt.Fprintf(out, "%v; the certificate before stays in use\n", err)
	case err == nil && failed > 1:
		fmt.Fprintf(out, "host: the certificate %s and its key are good again\n", c.certFile)
	}
}

// Err returns why the files could not be read when they were last looked at; nil,
// if they could.
func (c *Certificate) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// load reads the files, which are small: times and sizes do not tell all states of
// them apart.
func (c *Certificate) load() error {
	cert, err := c.readFile(c.certFile)
	if err != nil {
		return fmt.Errorf("host: read the certificate: %w", err)
	}
	key, err := c.readFile(c.keyFile)
	if err != nil {
		return fmt.Errorf("host: read the key of the certificate: %w", err)
	}
	if bytes.Equal(cert, c.cert) && bytes.Equal(key, c.key) {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("host: take the certificate %s with the key %s: %w", c.certFile, c.keyFile, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current, c.cert, c.key = &pair, cert, key
	return nil
}
