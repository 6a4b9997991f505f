package e2e_test

import (
	"context"
	"crypto/tls"
	endian "encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestLogins logs in with psql and with pgx, directly and through the gateway, in each way that is allowed and in many that
// are not, and compares what they are told.
func TestLogins(t *testing.T) {
	s := startLogins(t)
	t.Run("psql", s.psqlLogins)
	t.Run("Unix socket", s.unixLogins)
	t.Run("messages", s.rawLogins)
	t.Run("pgx", s.pgxLogins)
	t.Run("users who do not exist", s.unknownUsers)
	t.Run("users who are found", s.foundUsers)
	t.Run("roles", s.rolesOfLogins)
	t.Run("cancel", s.cancelOverTLS)
	t.Run("audit", s.auditOfLogins)
	t.Run("TLS required", s.requiredTLS)
	t.Run("new certificates", s.newCertificates)
	for _, secret := range []string{loginPassword, foundPassword, backendPassword} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("a password stands in the log: %s", s.log)
		}
	}
}

// psqlLogins lets libpq log in with each of its settings.
func (s *loginStage) psqlLogins(t *testing.T) {
	for _, test := range []struct{ name, conninfo string }{
		{"TLS", "sslmode=require user=app"},
		{"no TLS", "sslmode=disable user=app"},
		{"TLS if there is", "sslmode=prefer user=app"},
		{"TLS if nothing else goes", "sslmode=allow user=app"},
		{"the server's name", "sslmode=verify-full user=app"},
		{"the server's authority", "sslmode=verify-ca user=app"},
		{"another authority", "sslmode=verify-full user=app sslrootcert=app.crt"},
		{"channel binding", "sslmode=require channel_binding=require user=app"},
		{"channel binding without TLS", "sslmode=disable channel_binding=require user=app"},
		{"no channel binding", "sslmode=require channel_binding=disable user=app"},
		{"TLS 1.2", "sslmode=require ssl_max_protocol_version=TLSv1.2 channel_binding=require user=app"},
		{"TLS 1.1", "sslmode=require ssl_min_protocol_version=TLSv1.1 ssl_max_protocol_version=TLSv1.1 user=app"},
		{"a wrong password", "sslmode=require user=app password=wrong"},
		{"a wrong password without TLS", "sslmode=disable user=app password=wrong"},
		{"no password", "sslmode=require user=app password=''"},
		{"a user who does not exist", "sslmode=require user=nobody"},
		{"a user who does not exist, without TLS", "sslmode=disable user=nobody"},
		{"a user who is refused", "sslmode=require user=mallory"},
		{"a user who is refused, without TLS", "sslmode=disable user=mallory"},
		{"a database that is refused", "sslmode=require user=app dbname=guarded"},
		{"no rule", "sslmode=disable user=someone"},
		{"no rule with or without TLS first", "sslmode=prefer user=mallory"},
		{"a database that does not exist", "sslmode=require user=app dbname=absent"},
		{"a database that does not exist, a wrong password", "sslmode=require user=app dbname=absent password=wrong"},
		{"a certificate", "sslmode=require user=alice sslcert=alice.crt sslkey=alice.key"},
		{"a certificate and a name verified", "sslmode=verify-full user=alice sslcert=alice.crt sslkey=alice.key"},
		{"a certificate, TLS 1.2", "sslmode=require ssl_max_protocol_version=TLSv1.2 user=alice sslcert=alice.crt sslkey=alice.key"},
		{"no certificate", "sslmode=require user=alice"},
		{"another's certificate", "sslmode=require user=alice sslcert=app.crt sslkey=app.key"},
		{"a certificate without TLS", "sslmode=disable user=alice sslcert=alice.crt sslkey=alice.key"},
		{"a certificate by a map", "sslmode=require user=mapped sslcert=mapped@corp.example.crt sslkey=mapped@corp.example.key"},
		{"a certificate that the map does not have", "sslmode=require user=mapped sslcert=alice.crt sslkey=alice.key"},
		{"a certificate and a password", "sslmode=require user=app sslcert=app.crt sslkey=app.key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			login := func(port string) string {
				cmd := exec.Command(s.clusters[0].Psql(), "-X", "-A", "-t", "-d",
					"host=127.0.0.1 port="+port+" dbname=shop sslrootcert=ca.crt "+test.conninfo,
					"-c", "SELECT current_database(), 'in'")
				cmd.Dir = s.dir
				cmd.Env = append(os.Environ(), "PGPASSWORD="+loginPassword)
				out, err := cmd.CombinedOutput()
				if err != nil && cmd.ProcessState == nil {
					t.Fatal(err)
				}
				return strings.ReplaceAll(string(out), port, "PORT")
			}
			direct := login(strconv.Itoa(s.clusters[0].Port))
			if got := login(s.port); got != direct {
				t.Errorf("through the gateway:\n%s\ndirect:\n%s", got, direct)
			}
		})
	}
}

// unixLogins does the same by Unix socket, where there is no TLS, and cancels by it.
func (s *loginStage) unixLogins(t *testing.T) {
	login := func(dir, port, conninfo string) string {
		cmd := exec.Command(s.clusters[0].Psql(), "-X", "-A", "-t", "-d", "host="+dir+" port="+port+" dbname=shop "+conninfo, "-c", "SELECT 'in'")
		cmd.Env = append(os.Environ(), "PGPASSWORD="+loginPassword)
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return strings.NewReplacer(dir, "DIR", port, "PORT").Replace(string(out))
	}
	for _, conninfo := range []string{"user=app", "user=app password=wrong", "user=nobody", "user=mallory", "user=alice",
		"user=app dbname=guarded", "user=app sslmode=require", "user=app dbname=absent", "user=app channel_binding=require"} {
		direct := login(s.clusters[0].SocketDir(), strconv.Itoa(s.clusters[0].Port), conninfo)
		if got := login(s.dir, s.port, conninfo); got != direct {
			t.Errorf("%s: through the gateway:\n%s\ndirect:\n%s", conninfo, got, direct)
		}
	}
}

// pgxLogins lets pgx log in.
func (s *loginStage) pgxLogins(t *testing.T) {
	for conninfo, code := range map[string]string{
		"user=app sslmode=disable":                                            "",
		"user=app sslmode=verify-full":                                        "",
		"user=app sslmode=verify-full channel_binding=require":                "",
		"user=app sslmode=verify-full channel_binding=disable":                "",
		"user=app sslmode=verify-full sslnegotiation=direct":                  "",
		"user=alice sslmode=verify-full sslcert=alice.crt sslkey=alice.key":   "",
		"user=alice sslmode=verify-full sslcert=app.crt sslkey=app.key":       "28000",
		"user=nobody sslmode=verify-full channel_binding=require":             "28P01",
		"user=app password=wrong sslmode=verify-full channel_binding=require": "28P01",
	} {
		if !strings.Contains(conninfo, "password=") {
			conninfo += " password='" + loginPassword + "'"
		}
		config, err := pgx.ParseConfig("host=127.0.0.1 port=" + s.port + " dbname=shop sslrootcert=" + filepath.Join(s.dir, "ca.crt") + " " +
			strings.NewReplacer("sslcert=", "sslcert="+s.dir+"/", "sslkey=", "sslkey="+s.dir+"/").Replace(conninfo))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.ConnectConfig(t.Context(), config)
		var refused *pgconn.PgError
		switch {
		case err == nil:
			if _, err := conn.Exec(t.Context(), "SELECT 1"); err != nil || code != "" {
				t.Errorf("%s: got in; %v", conninfo, err)
			}
			conn.Close(t.Context())
		case !errors.As(err, &refused) || refused.Code != code:
			t.Errorf("%s: %v, want %q", conninfo, err, code)
		}
	}
}

// unknownUsers compares what is seen of a user who does not exist with what is seen of a wrong password, byte by byte but
// for the name and the nonces.
func (s *loginStage) unknownUsers(t *testing.T) {
	proof := func(user string) string { return s.transcript(t, s.address, loginScript{user: user}.wrongPassword()) }
	known, unknown := proof("app"), proof("nobody")
	if known != strings.ReplaceAll(unknown, "nobody", "app") || !strings.Contains(known, "28P01") {
		t.Errorf("a user who exists:\n%s\none who does not:\n%s", known, unknown)
	}
	salt := func(user string) string { return s.salt(t, user) }
	first, known := salt("nobody"), salt("app")
	if first != salt("nobody") || first == salt("somebody") || known != salt("app") {
		t.Error("salts tell who exists")
	}
	if err := s.gateway.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.gateway.Wait()
	if err := s.startGateway(); err != nil {
		t.Fatal(err)
	}
	if salt("nobody") != first {
		t.Error("the salt of a user who does not exist changes with a restart")
	}
}

// foundUsers logs in users whom only the server knows.
func (s *loginStage) foundUsers(t *testing.T) {
	for _, test := range []struct{ user, password, database, code string }{
		{"carol", foundPassword, "found", ""},
		{"carol", "wrong", "found", "28P01"},
		{"carol", foundPassword, "shop", "28P01"}, // whose users are those of the file
		{"app", loginPassword, "found", ""},       // of the file
		{"nobody", foundPassword, "found", "28P01"},
		{"mute", foundPassword, "found", "28P01"}, // has no password
		{"old", foundPassword, "found", "28P01"},  // has one that is not stored for SCRAM
	} {
		if code := s.try(t, test.user, test.password, test.database); code != test.code {
			t.Errorf("%s on %s: %q, want %q", test.user, test.database, code, test.code)
		}
	}
	ctx := context.Background()
	if err := s.clusters[0].Exec(ctx, "postgres", "ALTER ROLE carol PASSWORD 'another one'"); err != nil {
		t.Fatal(err)
	}
	if code := s.try(t, "carol", foundPassword, "found"); code != "28P01" {
		t.Errorf("a password that was changed: %q", code)
	}
	if code := s.try(t, "carol", "another one", "found"); code != "" {
		t.Errorf("the new password: %q", code)
	}
	conn := s.connectAs(t, "carol", "another one", "found")
	s.reload(t, loginConfig)
	if _, err := conn.Exec(ctx, "SELECT 1"); err != nil {
		t.Errorf("a session of a user who was found does not outlive a reload: %v", err)
	}
}

// rolesOfLogins: a rule for a role counts only for who has proved that he is it.
func (s *loginStage) rolesOfLogins(t *testing.T) {
	for _, test := range []struct{ user, password, code string }{
		{"guest", loginPassword, "28000"}, {"guest", "wrong", "28P01"}, {"nobody", loginPassword, "28P01"},
	} {
		if code := s.try(t, test.user, test.password, "found"); code != test.code {
			t.Errorf("%s: %q, want %q", test.user, code, test.code)
		}
	}
	if code := s.try(t, "guest", loginPassword, "shop"); code != "" {
		t.Errorf("a database that the rule does not name: %q", code)
	}
}

// cancelOverTLS cancels a statement by requests in clear and over TLS, and not by a wrong key.
func (s *loginStage) cancelOverTLS(t *testing.T) {
	conn := s.connectAs(t, "app", loginPassword, "shop")
	request := endian.BigEndian.AppendUint32([]byte{0, 0, 0, 16, 4, 210, 22, 46}, conn.PgConn().PID())
	wrong := append(append([]byte(nil), request...), 0, 0, 0, 0)
	if string(conn.PgConn().SecretKey()) == "\x00\x00\x00\x00" {
		wrong[len(wrong)-1] = 1
	}
	request = append(request, conn.PgConn().SecretKey()...)
	for name, send := range map[string]func(){
		"in clear":       func() { s.exchange(t, s.address, nil, request) },
		"by Unix socket": func() { s.exchange(t, filepath.Join(s.dir, ".s.PGSQL."+s.port), nil, request) },
		"over TLS":       func() { s.exchange(t, s.address, &tls.Config{InsecureSkipVerify: true}, request) },
	} {
		done := make(chan error, 1)
		go func() {
			_, err := conn.Exec(context.Background(), "SELECT pg_sleep(60)")
			done <- err
		}()
		s.waitForQuery(t, "SELECT pg_sleep(60)")
		s.exchange(t, s.address, nil, wrong)
		select {
		case err := <-done:
			t.Fatalf("%s: a wrong key ended the statement: %v", name, err)
		case <-time.After(100 * time.Millisecond):
		}
		send()
		var canceled *pgconn.PgError
		if err := <-done; !errors.As(err, &canceled) || canceled.Code != "57014" {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func (s *loginStage) waitForQuery(t *testing.T, query string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.clusters[0].URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for end := time.Now().Add(stepTimeout); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var n int
		if err := conn.QueryRow(context.Background(), "SELECT count(*) FROM pg_stat_activity WHERE query = $1 AND state = 'active'",
			query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
	}
	t.Fatalf("%s does not run", query)
}

// auditOfLogins looks for the subject of a certificate, and for refusals.
func (s *loginStage) auditOfLogins(t *testing.T) {
	log, err := os.ReadFile(filepath.Join(s.dir, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"user":"alice"`, `"certificate":"CN=alice,O=Corp"`, `"sqlstate":"28000"`, `"sqlstate":"28P01"`} {
		if !strings.Contains(string(log), want) {
			t.Errorf("the audit log does not have %s", want)
		}
	}
}

// requiredTLS has the gateway refuse clients without TLS, and then those without a certificate.
func (s *loginStage) requiredTLS(t *testing.T) {
	required := strings.Replace(loginConfig, "client_cert: optional", "client_cert: optional, require: true", 1)
	required = strings.Replace(required, "type: hostnossl", "type: any", 1) // which would contradict it
	login := func(conninfo string) string {
		cmd := exec.Command(s.clusters[0].Psql(), "-X", "-A", "-t", "-d", "port="+s.port+" dbname=shop "+conninfo, "-c", "SELECT 'in'")
		cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "PGPASSWORD="+loginPassword)
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out)
	}
	for _, step := range []struct {
		config string
		want   map[string]string
	}{
		{required, map[string]string{
			"host=127.0.0.1 user=app sslmode=require": "in",
			"host=127.0.0.1 user=app sslmode=disable": `FATAL:  no pg_hba.conf entry for host "127.0.0.1", user "app", database "shop", no encryption`,
			"host=" + s.dir + " user=app":             "in",
		}},
		{strings.Replace(loginConfig, "client_cert: optional", "client_cert: require", 1), map[string]string{
			"host=127.0.0.1 user=app sslmode=require sslcert=app.crt sslkey=app.key": "in",
			"host=127.0.0.1 user=app sslmode=require sslcert=none":                   "certificate required",
			"host=127.0.0.1 user=app sslmode=disable":                                "in",
		}},
		{loginConfig, map[string]string{"host=127.0.0.1 user=app sslmode=require sslcert=none": "in"}},
	} {
		s.reload(t, step.config)
		for conninfo, want := range step.want {
			if got := login(conninfo); !strings.Contains(got, want) {
				t.Errorf("%s: %s, want %s", conninfo, got, want)
			}
		}
	}
}

// newCertificates changes certificates and authority under a running gateway.
func (s *loginStage) newCertificates(t *testing.T) {
	old := s.connectAs(t, "app", loginPassword, "shop")
	next := newAuthority(t, "another authority")
	dir := t.TempDir()
	next.issue(t, dir)
	verify := func(ca string) error {
		conn, err := pgx.Connect(t.Context(), fmt.Sprintf("host=127.0.0.1 port=%s dbname=shop user=app password='%s' sslmode=verify-full "+
			"channel_binding=require sslrootcert=%s", s.port, loginPassword, ca))
		if err == nil {
			conn.Close(t.Context())
		}
		return err
	}
	before := filepath.Join(t.TempDir(), "ca.crt")
	copyFile(t, filepath.Join(s.dir, "ca.crt"), before)

	// A key that does not belong to the certificate changes nothing.
	copyFile(t, filepath.Join(dir, "server.key"), filepath.Join(s.dir, "server.key"))
	s.signal(t, "the listener")
	if err := verify(before); err != nil {
		t.Errorf("after a reload that failed: %v", err)
	}
	for _, name := range []string{"ca.crt", "server.crt", "alice.crt", "alice.key"} {
		copyFile(t, filepath.Join(dir, name), filepath.Join(s.dir, name))
	}
	s.signal(t, "msg=reloaded")
	if err := verify(before); err == nil {
		t.Error("the old certificate is still shown")
	}
	if err := verify(filepath.Join(dir, "ca.crt")); err != nil {
		t.Errorf("the new certificate: %v", err)
	}
	if _, err := old.Exec(context.Background(), "SELECT 1"); err != nil {
		t.Errorf("a session from before: %v", err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload writes a configuration and has it taken.
func (s *loginStage) reload(t *testing.T, config string) {
	t.Helper()
	s.configure(t, config)
	s.signal(t, "msg=reloaded")
}

// signal asks for a reload and waits for a line of the log.
func (s *loginStage) signal(t *testing.T, want string) {
	t.Helper()
	before := strings.Count(s.log.String(), want)
	if err := s.gateway.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); strings.Count(s.log.String(), want) == before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the gateway does not say %q: %s", want, s.log)
		}
	}
}

func (s *loginStage) connectAs(t *testing.T, user, password, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.conninfo(user, password, database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func (s *loginStage) conninfo(user, password, database string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%s dbname=%s user=%s password='%s' sslmode=require", s.port, database, user, password)
}

// try logs in and returns the code of the refusal; "" if there is none.
func (s *loginStage) try(t *testing.T, user, password, database string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.conninfo(user, password, database))
	if err == nil {
		conn.Close(t.Context())
		return ""
	}
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		t.Fatalf("%s on %s: %v", user, database, err)
	}
	return refused.Code
}

// TestUsersFoundHaveTheirRoles: a user who is found on a protected database sees what the roles of the auth_query see, and what
// a reload leaves of it.
func TestUsersFoundHaveTheirRoles(t *testing.T) {
	s := ownShop(t)
	id, _ := victim(t, s)
	ctx := context.Background()
	if err := s.clusters[0].Exec(ctx, "postgres", "CREATE ROLE dora LOGIN PASSWORD '"+foundPassword+"'"); err != nil {
		t.Fatal(err)
	}
	const logical = `    logical: "env:SHOP_LOGICAL_URL"`
	query := func(role string) string {
		return fmt.Sprintf("    auth_query: {url: %q, query: \"SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1\", roles: [%s]}\n",
			s.clusters[0].URL("postgres"), role) + logical
	}
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(ctx, fmt.Sprintf("postgres://dora:%s@%s/shop?sslmode=disable", strings.ReplaceAll(foundPassword, " ", "%20"), s.address))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(ctx) })
		return conn
	}
	ssn := func(conn *pgx.Conn) (text string, err error) {
		err = conn.QueryRow(ctx, "SELECT ssn FROM customers WHERE id = $1", id).Scan(&text)
		return text, err
	}
	s.reload(t, "msg=reloaded", logical, query("support"))
	conn := connect()
	if got, err := ssn(conn); err != nil || got != "***-**-4481" {
		t.Errorf("as support: %q, %v", got, err)
	}
	s.reload(t, "msg=reloaded", logical, query("service"))
	if got, err := ssn(conn); err != nil || got != "912-07-4481" {
		t.Errorf("as service, in a session from before: %q, %v", got, err)
	}
	s.reload(t, "msg=reloaded")
	if got, err := ssn(conn); err == nil {
		t.Errorf("a user of an auth_query that there is no more sees %q", got)
	}
}
