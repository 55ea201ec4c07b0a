package host

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// Certificate is a certificate for TLS in two files, which is read again when
// they have changed, as when it was renewed. All its methods may be called by
// any goroutine at any time.
type Certificate struct {
	certFile, keyFile string

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	cert    []byte // the files that current was made of
	key     []byte
	looked  time.Time
	err     error
}

// lookInterval is how often the files are looked at, at most.
const lookInterval = time.Second

// LoadCertificate reads a certificate and its key, both PEM.
func LoadCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
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
// in place; see Err.
func (c *Certificate) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookInterval {
		c.looked = now
		c.err = c.load()
	}
	return c.current, nil
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
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return fmt.Errorf("host: read the certificate: %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
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
	c.current, c.cert, c.key = &pair, cert, key
	return nil
}
