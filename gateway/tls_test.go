package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullisdb/portcullis/config"
)

// tlsFiles writes a certificate that signs itself, and its key.
func tlsFiles(t *testing.T, usage x509.ExtKeyUsage) *config.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{usage},
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &config.TLS{Cert: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}
	for path, block := range map[string]*pem.Block{c.Cert: {Type: "CERTIFICATE", Bytes: der}, c.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// shake makes a handshake and lets the client read one byte, with which tickets arrive.
func shake(t *testing.T, server, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		defer far.Close()
		encrypted := tls.Server(far, server)
		if encrypted.Handshake() == nil {
			_, _ = encrypted.Write([]byte{0})
		}
	}()
	encrypted := tls.Client(near, client)
	_, err := encrypted.Read(make([]byte, 1))
	return encrypted.ConnectionState(), err
}

// Tickets resume what one load of the certificate has begun, and end with the next.
func TestTicketsEndWithALoad(t *testing.T) {
	files := tlsFiles(t, x509.ExtKeyUsageServerAuth)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		first := mustLoad(t, files)
		client := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", MaxVersion: version,
			ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		for i, test := range []struct {
			server  *tls.Config
			resumed bool
		}{{first, false}, {first, true}, {mustLoad(t, files), false}} {
			state, err := shake(t, test.server, client)
			if err != nil || state.DidResume != test.resumed || state.Version != version {
				t.Errorf("%s, handshake %d: resumed %v, %v", tls.VersionName(version), i+1, state.DidResume, err)
			}
		}
	}
}

func TestLoadTLS(t *testing.T) {
	if loaded, err := loadTLS(nil); loaded != nil || err != nil {
		t.Errorf("without listen.tls: %v, %v", loaded, err)
	}
	files, client := tlsFiles(t, x509.ExtKeyUsageServerAuth), tlsFiles(t, x509.ExtKeyUsageClientAuth)
	own, err := tls.LoadX509KeyPair(client.Cert, client.Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		ca, require string
		shows, gets bool
	}{
		{"", "require", false, true},
		{client.Cert, "require", true, true}, {client.Cert, "require", false, false},
		{client.Cert, "optional", true, true}, {client.Cert, "optional", false, true},
		{files.Cert, "optional", true, false}, // of another authority
	} {
		loaded, err := loadTLS(&config.TLS{Cert: files.Cert, Key: files.Key, ClientCA: test.ca, ClientCert: test.require})
		if err != nil {
			t.Fatal(err)
		}
		c := &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if test.shows {
				return &own, nil
			}
			return &tls.Certificate{}, nil
		}}
		if _, err := shake(t, loaded, c); (err == nil) != test.gets {
			t.Errorf("%+v: %v", test, err)
		}
	}
	for want, broken := range map[string]*config.TLS{
		"certificate of the listener":        {Cert: files.Cert, Key: client.Key},
		"authorities of client certificates": {Cert: files.Cert, Key: files.Key, ClientCA: files.Key},
	} {
		if _, err := loadTLS(broken); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := shake(t, mustLoad(t, files), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11,
		MinVersion: tls.VersionTLS10}); err == nil {
		t.Error("TLS 1.1 was taken")
	}
}

func mustLoad(t *testing.T, c *config.TLS) *tls.Config {
	t.Helper()
	loaded, err := loadTLS(c)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}
