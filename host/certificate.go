package host

import (
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
	stamp   stamp
	looked  time.Time
	err     error
}

// lookInterval is how often the files are looked at, at most.
const lookInterval = time.Second

// stamp tells one state of the files from another.
type stamp struct {
	certTime, keyTime time.Time
	certSize, keySize int64
}

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
		s, err := c.stat()
		if err == nil && s != c.stamp {
			err = c.load()
		}
		c.err = err
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

func (c *Certificate) load() error {
	s, err := c.stat() // before the reading: what changes meanwhile is read again
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("host: read the certificate %s with the key %s: %w", c.certFile, c.keyFile, err)
	}
	c.current, c.stamp = &pair, s
	return nil
}

func (c *Certificate) stat() (s stamp, err error) {
	cert, err := os.Stat(c.certFile)
	if err != nil {
		return s, fmt.Errorf("host: look for the certificate: %w", err)
	}
	key, err := os.Stat(c.keyFile)
	if err != nil {
		return s, fmt.Errorf("host: look for the key of the certificate: %w", err)
	}
	return stamp{cert.ModTime(), key.ModTime(), cert.Size(), key.Size()}, nil
}
