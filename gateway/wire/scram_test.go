package wire

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// The exchange of RFC 7677, section 3, for the user "user" with the password "pencil".
func TestVerifierOfRFC7677(t *testing.T) {
	decode := func(s string) []byte {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const (
		nonce   = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
		salt    = "W22ZaJ0SNY7soEsUEjb6gQ=="
		message = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=" + nonce + ",s=" + salt + ",i=4096,c=biws,r=" + nonce
	)
	v, err := Verifier("pencil", bytes.NewReader(decode(salt)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(v, "SCRAM-SHA-256$4096:"+salt+"$") {
		t.Errorf("verifier %s", v)
	}
	keys, err := parseVerifier(v)
	if err != nil {
		t.Fatal(err)
	}
	if got := hmacOf(keys.serverKey[:], message); !bytes.Equal(got, decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")) {
		t.Error("the server's signature is not the RFC's")
	}
	clientKey := decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
	for i, b := range hmacOf(keys.storedKey[:], message) {
		clientKey[i] ^= b
	}
	if hash := sha256.Sum256(clientKey); hash != keys.storedKey {
		t.Error("the client's proof is not the RFC's")
	}
}

func hmacOf(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

func TestCheckVerifier(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	good := "SCRAM-SHA-256$4096:c2FsdA==$" + key + ":" + key
	if err := CheckVerifier(good); err != nil {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{
		"", "md5abc", "secret", "SCRAM-SHA-256", "SCRAM-SHA-256$", "SCRAM-SHA-1" + good[13:], good + ":", good + "A",
		strings.Replace(good, "4096", "0", 1), strings.Replace(good, "4096", "-1", 1), strings.Replace(good, "4096", "x", 1),
		strings.Replace(good, "c2FsdA==", "", 1), strings.Replace(good, "c2FsdA==", "*", 1),
		"SCRAM-SHA-256$4096:c2FsdA==$c2FsdA==:" + key, "SCRAM-SHA-256$4096:c2FsdA==$" + key + ":c2FsdA==",
	} {
		if err := CheckVerifier(bad); err != ErrVerifier {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// serveOnce authenticates one client and lets it in, until the client goes. verifiers holds the users that exist.
func serveOnce(nc net.Conn, scram *SCRAM, verifiers map[string]string, limits Limits) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := NewConn(nc, limits, nil)
	defer c.Close()
	s, err := c.ReadStartup(ctx, nil)
	if err == nil {
		_, err = scram.Authenticate(ctx, c, s.User, verifiers[s.User])
	}
	if state := (*sqlstate.Error)(nil); errors.As(err, &state) {
		c.Out.ErrorResponse(SeverityFatal, state)
		return errors.Join(err, c.Flush(ctx))
	}
	if err != nil {
		return err
	}
	c.Out.ParameterStatus("server_version", "15")
	c.Out.BackendKeyData(1, []byte{0, 0, 0, 1})
	c.Out.ReadyForQuery(StatusIdle)
	if err := c.Flush(ctx); err != nil {
		return err
	}
	_, err = c.Read(ctx)
	return err
}

func TestAuthenticateClientsOfPgx(t *testing.T) {
	verifiers := map[string]string{}
	passwords := map[string]string{"app": "secret", "unicode": "pass\u00a0w\u00f6rt", "unprepared": "a\u0007b"}
	for user, password := range passwords {
		v, err := Verifier(password, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		verifiers[user] = v
	}
	scram := NewSCRAM([]byte("server secret"), rand.Reader)
	for _, test := range []struct {
		user, password string
		enters         bool
	}{
		{"app", "secret", true}, {"app", "Secret", false}, {"app", "", false}, {"nobody", "secret", false},
		{"unicode", "pass w\u00f6rt", true}, // SASLprep makes a space of U+00A0
		{"unprepared", "a\u0007b", true},
	} {
		near, far := tcpPair(t)
		done := make(chan error, 1)
		go func() { done <- serveOnce(far, scram, verifiers, Limits{}) }()
		config, err := pgconn.ParseConfig("host=127.0.0.1 sslmode=disable dbname=shop")
		if err != nil {
			t.Fatal(err)
		}
		config.User, config.Password = test.user, test.password
		config.DialFunc = func(context.Context, string, string) (net.Conn, error) { return near, nil }
		pg, err := pgconn.ConnectConfig(context.Background(), config)
		if test.enters {
			if err != nil {
				t.Errorf("%s: %v", test.user, err)
			} else {
				_ = pg.Close(context.Background())
			}
		} else if test.password != "" { // without one pgx does not start the exchange
			var refused *pgconn.PgError
			if !errors.As(err, &refused) || refused.Code != "28P01" ||
				refused.Message != fmt.Sprintf("password authentication failed for user %q", test.user) {
				t.Errorf("%s: got %v, want 28P01", test.user, err)
			}
		}
		<-done
	}
}

// What a client sees of a user who does not exist is what it sees of a wrong password, but for the name: the same
// messages with the same fields, and a salt that stays the same.
func TestUnknownUserLooksLikeAWrongPassword(t *testing.T) {
	v, err := Verifier("secret", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	scram := NewSCRAM([]byte("server secret"), rand.Reader)
	exchange := func(user, verifier string) (shape string, salt string) {
		near, far := net.Pipe()
		go func() { _ = serveOnce(far, scram, map[string]string{user: verifier}, Limits{}) }()
		c := NewConn(near, Limits{}, nil)
		c.Authenticated()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		var log strings.Builder
		read := func() string {
			m, err := c.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&log, "%c %d bytes\n", m.Type, len(m.Body))
			return string(m.Body)
		}
		send := func(frames []byte) {
			if _, err := near.Write(frames); err != nil {
				t.Fatal(err)
			}
		}
		send(packet(version30, "user\x00"+user+"\x00\x00"))
		log.WriteString(read())
		var o Output
		start := o.begin(TypePassword)
		o.text("SCRAM-SHA-256")
		o.int32(int32(len("n,,n=,r=clientnonce")))
		o.bytes([]byte("n,,n=,r=clientnonce"))
		o.end(start)
		send(o.Bytes())
		challenge := read()[4:]
		fields := strings.Split(challenge, ",")
		o.Reset()
		start = o.begin(TypePassword)
		o.bytes([]byte("c=biws," + fields[0] + ",p=" + base64.StdEncoding.EncodeToString(make([]byte, 32))))
		o.end(start)
		send(o.Bytes())
		log.WriteString(strings.ReplaceAll(read(), user, "USER"))
		return log.String() + fields[2], fields[1]
	}
	known, salt1 := exchange("alice", v)
	unknown, salt2 := exchange("trudy", "")
	if known != unknown {
		t.Errorf("a user who exists:\n%q\nand one who does not:\n%q", known, unknown)
	}
	if len(salt1) != len(salt2) {
		t.Errorf("salts %q and %q", salt1, salt2)
	}
	if _, again := exchange("trudy", ""); again != salt2 {
		t.Error("the salt of a user who does not exist changes")
	}
	if _, other := exchange("wendy", ""); other == salt2 {
		t.Error("users who do not exist share a salt")
	}
}

func TestBrokenExchanges(t *testing.T) {
	v, err := Verifier("secret", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	initial := func(mechanism, response string) []byte {
		var o Output
		start := o.begin(TypePassword)
		o.text(mechanism)
		o.int32(int32(len(response)))
		o.bytes([]byte(response))
		o.end(start)
		return o.Bytes()
	}
	response := func(data string) []byte {
		var o Output
		start := o.begin(TypePassword)
		o.bytes([]byte(data))
		o.end(start)
		return o.Bytes()
	}
	begin := initial("SCRAM-SHA-256", "n,,n=,r=clientnonce")
	var query Output
	query.Query("SELECT 1")
	for name, test := range map[string]struct {
		sent [][]byte
		text string
	}{
		"another message": {[][]byte{query.Bytes()}, "08P01 expected SASL response, got message type 81"},
		"no message":      {[][]byte{{0xff, 0, 0, 0, 4}}, "08P01 expected SASL response, got message type 255"},
		"another mechanism": {[][]byte{initial("PLAIN", "x")},
			"08P01 client selected an invalid SASL authentication mechanism"},
		"nonsense":  {[][]byte{initial("SCRAM-SHA-256", "x")}, "08P01 malformed SCRAM message"},
		"no length": {[][]byte{response("SCRAM-SHA-256\x00")}, "08P01 insufficient data left in message"},
		"a length beyond": {[][]byte{response("SCRAM-SHA-256\x00\x00\x00\x00\x09abc")},
			"08P01 insufficient data left in message"},
		"no end of the mechanism": {[][]byte{response("SCRAM-SHA-256")}, "08P01 invalid string in message"},
		"more behind the end":     {[][]byte{response("SCRAM-SHA-256\x00\x00\x00\x00\x03n,,xx")}, "08P01 invalid message format"},
		"a later nonsense":        {[][]byte{begin, response("x")}, "08P01 malformed SCRAM message"},
		"1020 bytes": {[][]byte{initial("SCRAM-SHA-256", "n,,n=,r="+strings.Repeat("x", 1020-14-4-8)), response("x")},
			"08P01 malformed SCRAM message"},
		"1021 bytes": {[][]byte{initial("SCRAM-SHA-256", "n,,n=,r="+strings.Repeat("x", 1021-14-4-8))},
			"28P01 password authentication failed for user \"app\""},
		"more than 10 KB": {[][]byte{initial("SCRAM-SHA-256", strings.Repeat("x", 10_001))},
			"28P01 password authentication failed for user \"app\""},
		"an empty first message": {[][]byte{response("SCRAM-SHA-256\x00\xff\xff\xff\xff"), response("x")},
			"08P01 malformed SCRAM message"},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := tcpPair(t)
			done := make(chan error, 1)
			go func() {
				done <- serveOnce(far, NewSCRAM([]byte("s"), rand.Reader), map[string]string{"app": v}, Limits{})
			}()
			if _, err := near.Write(packet(version30, "user\x00app\x00\x00")); err != nil {
				t.Fatal(err)
			}
			c := authenticated(near, Limits{})
			for _, frames := range test.sent {
				if _, err := c.Read(context.Background()); err != nil { // the server speaks first
					t.Fatal(err)
				}
				_, _ = near.Write(frames)
			}
			err := <-done
			var state *sqlstate.Error
			if !errors.As(err, &state) || state.Code.String()+" "+state.Message != test.text {
				t.Errorf("got %v, want %s", err, test.text)
			}
		})
	}
}

func TestAuthenticateTellsItsOwnFaults(t *testing.T) {
	c := NewConn(&memory{}, Limits{}, nil)
	_, err := NewSCRAM(nil, rand.Reader).Authenticate(context.Background(), c, "app", "no verifier")
	if !errors.Is(err, ErrVerifier) || strings.Contains(err.Error(), "no verifier") {
		t.Errorf("got %v", err)
	}
	v, _ := Verifier("x", rand.Reader)
	if _, err := NewSCRAM(nil, strings.NewReader("short")).Authenticate(context.Background(), c, "app", v); err == nil {
		t.Error("a nonce that could not be drawn was used")
	}
	if _, err := Verifier("x", strings.NewReader("short")); err == nil {
		t.Error("a salt that could not be drawn was used")
	}
}

// Whatever a client says, it is not let in unless it knows the password, and the exchange ends.
func FuzzSCRAM(f *testing.F) {
	v, err := Verifier("secret", bytes.NewReader(make([]byte, scramSaltBytes)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("SCRAM-SHA-256", "n,,n=,r=clientnonce", "c=biws,r=clientnonce,p=AAAA", true)
	f.Add("SCRAM-SHA-256", "y,a=x,n=user,r=,m=1", "c=biws,r=AAAAAAAAAAAAAAAAAAAAAAAA,p=", false)
	f.Add("SCRAM-SHA-256", "p=tls-server-end-point,,n==2C,r=x", "", true)
	f.Fuzz(func(t *testing.T, mechanism, first, last string, exists bool) {
		var o Output
		start := o.begin(TypePassword)
		o.text(mechanism)
		o.int32(int32(len(first)))
		o.bytes([]byte(first))
		o.end(start)
		start = o.begin(TypePassword)
		o.bytes([]byte(last))
		o.end(start)
		c := NewConn(&memory{input: o.Bytes()}, Limits{}, nil)
		verifier := ""
		if exists {
			verifier = v
		}
		scram := NewSCRAM([]byte("server secret"), bytes.NewReader(make([]byte, nonceBytes)))
		if _, err := scram.Authenticate(context.Background(), c, "app", verifier); err == nil {
			t.Fatal("let in without a proof")
		} else if strings.Contains(err.Error(), "secret") {
			t.Fatalf("the error tells too much: %v", err)
		}
	})
}
