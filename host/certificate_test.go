package host

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// writePEM writes one block to a file, as it is renewed: into another file, which
// then takes its name.
func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// newCertificate returns a certificate and its key.
func newCertificate(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err = x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err = x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// A certificate that is renewed is used from then on; while the files don't fit,
// the one before.
func TestCertificate(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if _, err := LoadCertificate(certFile, keyFile); err == nil {
		t.Error("a file that is not there is loaded")
	}
	cert, key := newCertificate(t, 1)
	writePEM(t, certFile, "CERTIFICATE", cert)
	writePEM(t, keyFile, "EC PRIVATE KEY", key)
	c, err := LoadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		t.Helper()
		c.looked = time.Time{} // a second has passed
		current, err := c.Get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return current.Leaf.SerialNumber.Int64()
	}
	if n := serial(); n != 1 || c.Err() != nil {
		t.Errorf("at first: %d, %v", n, c.Err())
	}
	cert, key = newCertificate(t, 1234567890)
	writePEM(t, certFile, "CERTIFICATE", cert)
	if n := serial(); n != 1 || c.Err() == nil {
		t.Errorf("half renewed: %d, %v", n, c.Err())
	}
	writePEM(t, keyFile, "EC PRIVATE KEY", key)
	if n := serial(); n != 1234567890 || c.Err() != nil {
		t.Errorf("renewed: %d, %v", n, c.Err())
	}
	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	if n := serial(); n != 1234567890 || c.Err() == nil {
		t.Errorf("gone: %d, %v", n, c.Err())
	}
}

// A disk that is slow holds up one handshake; the others go on.
func TestCertificateSlowDisk(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert, key := newCertificate(t, 1)
	writePEM(t, certFile, "CERTIFICATE", cert)
	writePEM(t, keyFile, "EC PRIVATE KEY", key)
	c, err := LoadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		pass := make(chan struct{})
		c.readFile = func(string) ([]byte, error) {
			<-pass
			return nil, errors.New("slow and broken")
		}
		c.looked = time.Time{}
		go c.Get(nil)
		synctest.Wait()
		if !c.mu.TryLock() {
			t.Error("it is locked while a file is read")
		} else {
			c.looked = time.Time{} // a second has passed
			c.mu.Unlock()
			if current, err := c.Get(nil); err != nil || current.Leaf.SerialNumber.Int64() != 1 {
				t.Errorf("%+v, %v", current, err)
			}
		}
		close(pass)
		synctest.Wait()
		if c.Err() == nil {
			t.Error("nothing tells of the error")
		}
	})
}

// Who runs the host is told once of files that stay wrong, and not of one that is
// renewed just before the other.
func TestCertificateTells(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write := func(serial int64) (second func()) {
		cert, key := newCertificate(t, serial)
		writePEM(t, certFile, "CERTIFICATE", cert)
		return func() { writePEM(t, keyFile, "EC PRIVATE KEY", key) }
	}
	write(1)()
	c, err := LoadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	c.Stderr = &told
	looks := func(n int) {
		for range n {
			c.looked = time.Time{} // a second has passed
			c.Get(nil)
		}
	}
	second := write(2)
	looks(1)
	second()
	looks(2)
	check(t, "renewed", told.String(), "")
	second = write(3)
	looks(4)
	second()
	looks(2)
	check(t, "wrong for long", told.String(), "host: take the certificate "+certFile+" with the key "+keyFile+
		": tls: private key does not match public key; the certificate before stays in use\n"+
		"host: the certificate "+certFile+" and its key are good again")
}

// A host speaks TLS, and both versions of HTTP.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert, key := newCertificate(t, 1)
	writePEM(t, certFile, "CERTIFICATE", cert)
	writePEM(t, keyFile, "EC PRIVATE KEY", key)
	c, err := LoadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := NewHandler(Config{})
	srv := NewServer("", h, ServerConfig{})
	srv.TLSConfig = c.Config()
	go srv.ServeTLS(listener, "", "")
	defer srv.Close()
	roots := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(parsed)
	for _, two := range []bool{false, true} {
		transport := &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}, ForceAttemptHTTP2: two,
		}
		defer transport.CloseIdleConnections()
		answer, err := (&http.Client{Transport: transport}).Get("https://" + listener.Addr().String() + "/train/v1/status")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK || two != (answer.ProtoMajor == 2) {
			t.Errorf("%s %s", answer.Proto, answer.Status)
		}
	}
}
