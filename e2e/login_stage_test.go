package e2e_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
)

// Passwords of the login stage.
const (
	loginPassword = "pass wörd of a login"
	foundPassword = "password of a user who is found"
)

// loginStage is a PostgreSQL server and a gateway before it, both with TLS, and with users and rules that mean the same.
type loginStage struct {
	*shop
	port string // of the gateway
}

// The rules of both. The gateway has users of its own: app (whom PostgreSQL knows too), alice and mapped, who log in by
// certificate, mallory, who is refused, and guest, who has a role that is. PostgreSQL has carol as well, whom the gateway
// finds there.
const (
	loginHBA = `
host     all        postgres,gateway  127.0.0.1/32  scram-sha-256
host     all        mallory           127.0.0.1/32  reject
host     guarded    all               127.0.0.1/32  reject
hostssl  all        alice             127.0.0.1/32  cert
hostssl  all        mapped            127.0.0.1/32  cert map=people
hostssl  all        all               127.0.0.1/32  scram-sha-256
hostnossl shop      app,nobody        127.0.0.1/32  scram-sha-256
local    all        all                             scram-sha-256
`
	loginIdent  = "people \"/^(.*)@corp.example$\" \\1\n"
	loginConfig = `
listen: {address: %q, tls: {cert: server.crt, key: server.key, client_ca: ca.crt, client_cert: optional}, unix: {path: "."}}
users:
  - {name: app, verifier: "env:APP_VERIFIER"}
  - {name: mallory, verifier: "env:APP_VERIFIER"}
  - {name: guest, verifier: "env:APP_VERIFIER", roles: [guests]}
  - {name: alice}
  - {name: mapped}
hba:
  - {type: host, users: [mallory], method: reject}
  - {type: host, databases: [guarded], method: reject}
  - {type: hostssl, users: [alice], method: cert}
  - {type: hostssl, users: [mapped], method: cert, map: people}
  - {users: [+guests], databases: [found], method: reject}
  - {type: hostssl, method: scram-sha-256}
  - {type: hostnossl, users: [app, nobody], databases: [shop], method: scram-sha-256}
  - {type: local, method: scram-sha-256}
cert_maps:
  people: [{certificate: "/^CN=(.*)@corp.example$/", user: '\1'}]
databases:
  shop: &shop
    logical: "env:LOGICAL_URL"
    datasources: {plain: {url: "env:PLAIN_URL", pool: {max: 20}}}
  guarded: *shop
  found:
    logical: "env:LOGICAL_URL"
    datasources: {plain: {url: "env:PLAIN_URL", pool: {max: 20}}}
    auth_query: {url: "env:AUTH_URL", query: "SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1 AND rolcanlogin", cache: 0s}
audit: {file: {path: audit.jsonl}}
`
)

func startLogins(t *testing.T) *loginStage {
	t.Helper()
	ctx := context.Background()
	s := &shop{log: &lockedBuffer{}}
	t.Cleanup(s.stop)
	var err error
	if s.dir, err = os.MkdirTemp("", "portcullis-e2e-"); err != nil {
		t.Fatal(err)
	}
	newAuthority(t, "authority").issue(t, s.dir)
	if s.clusters[0], err = pgcluster.Start(ctx, pgcluster.Options{Name: "logins"}); err != nil {
		t.Fatal(err)
	}
	c := s.clusters[0]
	if err := c.CreateRole(ctx, "gateway", backendPassword); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"shop", "guarded", "found", "logical"} {
		if err := c.CreateDatabase(ctx, name, "gateway"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Exec(ctx, "postgres", fmt.Sprintf(`
CREATE ROLE app LOGIN PASSWORD '%s'; CREATE ROLE mallory LOGIN PASSWORD '%[1]s'; CREATE ROLE alice LOGIN; CREATE ROLE mapped LOGIN;
CREATE ROLE carol LOGIN PASSWORD '%s'; CREATE ROLE mute LOGIN;
SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD '%[2]s';`, loginPassword, foundPassword)); err != nil {
		t.Fatal(err)
	}
	s.withTLS(t, c)
	s.environ = append(os.Environ(), "PLAIN_URL="+c.URLFor("gateway", backendPassword, "shop"),
		"LOGICAL_URL="+c.URLFor("gateway", backendPassword, "logical"), "AUTH_URL="+c.URL("postgres"))
	verifier, code := s.run(loginPassword+"\n", "user", "verifier")
	if code != 0 {
		t.Fatalf("portcullis user verifier: exit code %d: %s", code, verifier)
	}
	s.environ = append(s.environ, "APP_VERIFIER="+strings.TrimSpace(verifier))
	stage := &loginStage{shop: s}
	s.address = freeAddress(t)
	_, stage.port, _ = net.SplitHostPort(s.address)
	stage.configure(t, loginConfig)
	if err := s.startGateway(); err != nil {
		t.Fatal(err)
	}
	return stage
}

// configure writes the configuration and has it checked. config has a place for the address.
func (s *loginStage) configure(t *testing.T, config string) {
	t.Helper()
	config = fmt.Sprintf(config, s.address)
	if err := os.WriteFile(filepath.Join(s.dir, "portcullis.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := s.run("", "check"); code != 0 {
		t.Fatalf("portcullis check: exit code %d: %s", code, out)
	}
}

// withTLS gives a cluster the stage's certificates and rules.
func (s *shop) withTLS(t *testing.T, c *pgcluster.Cluster) {
	t.Helper()
	owner, err := os.Stat(filepath.Join(c.DataDir(), "PG_VERSION"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"pg_hba.conf": loginHBA, "pg_ident.conf": loginIdent,
		"server.crt": "", "server.key": "", "ca.crt": ""} {
		if content == "" {
			read, err := os.ReadFile(filepath.Join(s.dir, name))
			if err != nil {
				t.Fatal(err)
			}
			content = string(read)
		}
		path := filepath.Join(c.DataDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if stat := owner.Sys().(*syscall.Stat_t); os.Getuid() == 0 {
			if err := os.Chown(path, int(stat.Uid), int(stat.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, setting := range []string{"ssl = on", "ssl_cert_file = 'server.crt'", "ssl_key_file = 'server.key'", "ssl_ca_file = 'ca.crt'",
		"authentication_timeout = '10s'"} {
		if err := c.Exec(context.Background(), "postgres", "ALTER SYSTEM SET "+setting); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Exec(context.Background(), "postgres", "CHECKPOINT"); err != nil { // Restart is a crash
		t.Fatal(err)
	}
	if err := c.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue writes ca.crt, server.crt and server.key, and a certificate with its key for each client of the stage.
func (a *authority) issue(t *testing.T, dir string) {
	t.Helper()
	writePEM(t, filepath.Join(dir, "ca.crt"), "CERTIFICATE", a.certificate.Raw)
	a.write(t, dir, "server", &x509.Certificate{Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	for _, name := range []string{"alice", "app", "nobody", "mapped@corp.example"} {
		a.write(t, dir, name, &x509.Certificate{Subject: pkix.Name{CommonName: name, Organization: []string{"Corp"}},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	}
}

func (a *authority) write(t *testing.T, dir, name string, template *x509.Certificate) {
	t.Helper()
	key := newKey(t)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name+".crt"), "CERTIFICATE", der)
	writePEM(t, filepath.Join(dir, name+".key"), "PRIVATE KEY", private)
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
