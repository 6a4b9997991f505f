package pool

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// keysOf derives what a client with a password would tell of itself to who has the cluster's verifier.
func keysOf(t *testing.T, cluster *pgcluster.Cluster, role, password string) *wire.SCRAMKeys {
	t.Helper()
	conn, err := pgx.Connect(testContext(t), cluster.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var verifier string
	if err := conn.QueryRow(testContext(t), "SELECT rolpassword FROM pg_authid WHERE rolname = $1", role).Scan(&verifier); err != nil {
		t.Fatal(err)
	}
	parts := strings.FieldsFunc(verifier, func(r rune) bool { return r == '$' || r == ':' })
	iterations, err := strconv.Atoi(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	decode := func(text string) []byte {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	salted, err := pbkdf2.Key(sha256.New, password, decode(parts[2]), iterations, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, salted)
	mac.Write([]byte("Client Key"))
	return &wire.SCRAMKeys{ClientKey: mac.Sum(nil), ServerKey: decode(parts[4])}
}

func TestLoginByKeys(t *testing.T) {
	if err := cluster.CreateRole(testContext(t), "keyholder", "sesame"); err != nil {
		t.Fatal(err)
	}
	keys := keysOf(t, cluster, "keyholder", "sesame")
	c := config()
	c.User, c.Keys = "keyholder", keys
	s := dialTest(t, c)
	if got := value(t, s, "SELECT current_user || ' ' || session_user"); got != "keyholder keyholder" {
		t.Errorf("logged in as %s", got)
	}
	s.Query("SELECT pg_sleep(60)")
	flush(t, s)
	answered := make(chan struct{})
	go func() { // until it comes in time: the statement may not have begun
		for {
			select {
			case <-answered:
				return
			case <-time.After(20 * time.Millisecond):
				_ = s.Cancel(context.Background())
			}
		}
	}()
	if got := answers(t, s); !strings.HasSuffix(got, "EZ") {
		t.Errorf("after a cancel request: %q", got)
	}
	close(answered)

	for what, wrong := range map[string]*wire.SCRAMKeys{
		"client key": {ClientKey: make([]byte, sha256.Size), ServerKey: keys.ServerKey},
		"server key": {ClientKey: keys.ClientKey, ServerKey: make([]byte, sha256.Size)},
	} {
		c.Keys = wrong
		_, err := Dial(testContext(t), c)
		var state *sqlstate.Error
		switch {
		case what == "server key" && errors.Is(err, errNotTheServer):
		case what == "client key" && errors.As(err, &state) && state.Code == sqlstate.InvalidAuthorization && state.Hint != "":
		default:
			t.Errorf("a wrong %s: %v", what, err)
		}
	}
	c.User, c.Keys = "nobody", keys
	var state *sqlstate.Error
	if _, err := Dial(testContext(t), c); !errors.As(err, &state) || state.Code != sqlstate.InvalidAuthorization {
		t.Errorf("an unknown user: %v", err)
	}
	c.User, c.URL = "keyholder", strings.Replace(c.URL, "?", "?channel_binding=require&", 1)
	if _, err := Dial(testContext(t), c); !errors.As(err, &state) || state.Code != sqlstate.InvalidAuthorization {
		t.Errorf("channel binding is required, and there is no TLS: %v", err)
	}
}

// Over TLS the login is bound to the server's certificate.
func TestLoginByKeysBound(t *testing.T) {
	secure, err := pgcluster.Start(testContext(t), pgcluster.Options{Name: "secure"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = secure.Stop() }()
	if err := secure.CreateRole(testContext(t), "keyholder", "sesame"); err != nil {
		t.Fatal(err)
	}
	ca := certify(t, secure)
	for _, sql := range []string{"ALTER SYSTEM SET ssl = on", "CHECKPOINT"} {
		if err := secure.Exec(testContext(t), "postgres", sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := secure.Restart(testContext(t)); err != nil {
		t.Fatal(err)
	}
	keys := keysOf(t, secure, "keyholder", "sesame")
	for _, binding := range []string{"require", "prefer", "disable"} {
		c := Config{Datasource: "ds_0", User: "keyholder", Keys: keys,
			URL: strings.Replace(secure.URLFor("x", "y", "postgres"), "sslmode=disable",
				"sslmode=verify-full&sslrootcert="+ca+"&channel_binding="+binding, 1)}
		s := dialTest(t, c)
		if got := value(t, s, "SELECT ssl || ' ' || session_user FROM pg_stat_ssl WHERE pid = pg_backend_pid()"); got != "true keyholder" {
			t.Errorf("channel_binding=%s: %s", binding, got)
		}
		if s.socket.peek() != quiet || s.socket.raw == nil {
			t.Error("the socket below TLS cannot be looked at")
		}
	}
}

// certify gives a cluster a certificate and returns the file of the authority.
func certify(t *testing.T, c *pgcluster.Cluster) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "server"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.crt")
	owner, err := os.Stat(c.DataDir())
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		ca:                                       {Type: "CERTIFICATE", Bytes: der},
		filepath.Join(c.DataDir(), "server.crt"): {Type: "CERTIFICATE", Bytes: der},
		filepath.Join(c.DataDir(), "server.key"): {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if path != ca {
			giveTo(t, path, owner)
		}
	}
	return ca
}
