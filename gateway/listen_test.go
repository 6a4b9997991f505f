package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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

	"github.com/jackc/pgx/v5"
)

// writeCertificate makes a certificate for 127.0.0.1 and returns the paths of certificate and key.
func writeCertificate(t testing.TB) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gateway"}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	certificate, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

func TestClientsByTLS(t *testing.T) {
	certificate, key := writeCertificate(t)
	s := newShopWith(t, Options{}, `{address: "127.0.0.1:0"}`,
		`{address: "127.0.0.1:0", tls: {cert: "`+certificate+`", key: "`+key+`"}}`)
	url := strings.Replace(s.clientURL("app"), "sslmode=disable", "sslmode=verify-full&sslrootcert="+certificate, 1)
	conn, err := pgx.Connect(testContext(t), url)
	s.must(err)
	defer conn.Close(context.Background())
	insertCustomers(t, conn, 2)
	if got := rows(t, conn, "SELECT email FROM customers WHERE id = 2"); got != "user2@example.com" {
		t.Errorf("%q", got)
	}
	if err := conn.PgConn().CancelRequest(testContext(t)); err != nil {
		t.Error(err)
	}
	if got := rows(t, conn, "SELECT count(*) FROM customers"); got != "2" {
		t.Errorf("%q", got)
	}
	if err := conn.Ping(testContext(t)); err != nil {
		t.Error(err)
	}
}

// A database that protects and shards nothing is PostgreSQL itself, beside a protected one.
func TestTransparentBesideProtected(t *testing.T) {
	s := newShopWith(t, Options{}, "databases:\n", "databases:\n  plain:\n    logical: \"${LOGICAL}\"\n    datasources: {only: {url: \"${DS_0}\"}}\n")
	url := strings.Replace(s.clientURL("app"), "/shop?", "/plain?", 1)
	for _, mode := range modes {
		conn, err := pgx.Connect(testContext(t), url)
		s.must(err)
		mustExec(t, conn, "CREATE TEMP TABLE notes (id int, body text)", mode)
		mustExec(t, conn, "INSERT INTO notes VALUES ($1, $2)", mode, 1, "one")
		if got := rows(t, conn, "SELECT upper(body) || $1::text FROM notes", mode, "!"); got != "ONE!" {
			t.Errorf("%v: %q", mode, got)
		}
		_ = conn.Close(testContext(t))
	}
}
