package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// plainDatabase is a database beside the shop that protects nothing, before the first shard's server.
const plainDatabase = "databases:\n  plain:\n    logical: \"${LOGICAL}\"\n    datasources: {only: {url: \"${DS_0}\"%s}}\n    pool: {%s}\n"

func (s *shop) plainURL(user string) string {
	return strings.Replace(s.clientURL(user), "/shop?", "/plain?", 1)
}

// serverRole makes a role on the servers that is called like a client, with the client's password, and returns its verifier as
// configurations of tests write it.
func serverRole(t *testing.T, name string) (verifier string) {
	t.Helper()
	ctx := testContext(t)
	conn, err := pgx.Connect(ctx, cluster.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	mustExec(t, conn, "DROP ROLE IF EXISTS "+name)
	if err := cluster.CreateRole(ctx, name, password); err != nil {
		t.Fatal(err)
	}
	mustExec(t, conn, "GRANT "+name+" TO "+backendRole)
	t.Cleanup(func() {
		for _, database := range strings.Fields(rows(t, reopen(t), "SELECT datname FROM pg_database WHERE datallowconn")) {
			_ = cluster.Exec(testContext(t), database, "DROP OWNED BY "+name)
		}
		_ = cluster.Exec(testContext(t), "postgres", "DROP ROLE "+name)
	})
	verifier = rows(t, conn, "SELECT rolpassword FROM pg_authid WHERE rolname = $1", name)
	return strings.ReplaceAll(verifier, "$", "${DOLLAR}")
}

func reopen(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(testContext(t), cluster.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// A datasource that is down at the start, or later, does not stop the gateway: clients are told, until it is back.
func TestDatasourceDown(t *testing.T) {
	var down atomic.Bool
	var dials atomic.Int64
	d := net.Dialer{}
	options := Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		if down.Load() {
			return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}
		return d.DialContext(ctx, network, address)
	}}
	s := newShopWith(t, options, "databases:\n", fmt.Sprintf(plainDatabase, ", pool: {min: 1, backoff_min: 20ms, backoff_max: 50ms}", ""))
	// The pool of the new generation differs from the one before, so it has to begin anew.
	text, err := os.ReadFile(s.path())
	s.must(err)
	s.must(os.WriteFile(s.path(), []byte(strings.Replace(string(text), "min: 1,", "min: 2,", 1)), 0o600))
	down.Store(true)
	s.load()
	s.must(s.gateway.Reload(testContext(t), s.config, s.policy))
	_, err = pgx.Connect(testContext(t), s.plainURL("app"))
	if told := wantCode(t, err, "08006"); told.Detail != "Connection refused." || strings.Contains(fmt.Sprint(told), "127.0.0.1") {
		t.Errorf("%+v", told)
	}
	before := dials.Load()
	for range 100 {
		_, err := pgx.Connect(testContext(t), s.plainURL("app"))
		wantCode(t, err, "08006")
	}
	t.Logf("%d dials for 100 clients", dials.Load()-before)
	down.Store(false)
	for {
		conn, err := pgx.Connect(testContext(t), s.plainURL("app"))
		if err == nil {
			mustExec(t, conn, "SELECT 1")
			_ = conn.Close(testContext(t))
			break
		}
		wantCode(t, err, "08006")
	}
	for { // those that are kept warm come by themselves
		i := slices.IndexFunc(s.gateway.PoolStats(), func(p PoolStats) bool { return p.Database == "plain" && p.Datasource == "only" && p.Idle >= 2 })
		if i >= 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Servers can be told who the client is.
func TestIdentities(t *testing.T) {
	for _, mode := range []string{"session", "transaction"} {
		t.Run("set-role, "+mode, func(t *testing.T) {
			serverRole(t, "app")
			s := newShopWith(t, Options{}, "databases:\n", fmt.Sprintf(plainDatabase, "", "mode: "+mode+", identity: set-role"))
			conn, err := pgx.Connect(testContext(t), s.plainURL("app"))
			s.must(err)
			defer conn.Close(context.Background())
			if got := rows(t, conn, "SELECT current_user, session_user"); got != "app gateway" {
				t.Errorf("%q", got)
			}
		})
		t.Run("client-keys, "+mode, func(t *testing.T) {
			verifier := serverRole(t, "app")
			s := newShopWith(t, Options{}, "name: app, verifier: \"${VERIFIER}\"", "name: app, verifier: \""+verifier+"\"",
				"databases:\n", fmt.Sprintf(plainDatabase, "", "mode: "+mode+", identity: client-keys"))
			for range 3 {
				conn, err := pgx.Connect(testContext(t), s.plainURL("app"))
				s.must(err)
				if got := rows(t, conn, "SELECT current_user, session_user"); got != "app app" {
					t.Errorf("%q", got)
				}
				_ = conn.Close(testContext(t))
			}
			for _, p := range s.gateway.PoolStats() {
				if p.User == "app" && p.Datasource == "only" && p.Dials != 1 {
					t.Errorf("%d connections for one client after the other", p.Dials)
				}
			}
			// The verifier of the gateway for carol is none of the server's.
			conn, err := pgx.Connect(testContext(t), s.plainURL("carol"))
			if err == nil { // the first statement may be the first that needs a server
				defer conn.Close(context.Background())
				if as := conn.PgConn().ParameterStatus("session_authorization"); as == "app" {
					t.Errorf("carol is told to be %q", as)
				}
				_, err = conn.Exec(testContext(t), "SELECT 1")
			}
			var told *pgconn.PgError
			if !errors.As(err, &told) || told.Code != "28000" || told.Hint == "" {
				t.Errorf("%v", err)
			}
		})
	}
}

// A protected database is used as the client as well: the server judges what it may.
func TestIdentitiesOfProtectedDatabases(t *testing.T) {
	for _, identity := range []string{"set-role", "client-keys"} {
		t.Run(identity, func(t *testing.T) {
			verifier := serverRole(t, "app")
			s := newShopWith(t, Options{}, "name: app, verifier: \"${VERIFIER}\"", "name: app, verifier: \""+verifier+"\"",
				"  shop:\n", "  shop:\n    pool: {identity: "+identity+"}\n")
			app := s.connect("app")
			_, err := app.Exec(testContext(t), "SELECT count(*) FROM customers")
			wantCode(t, err, "42501")
			for _, suffix := range []string{"_0", "_1"} {
				for _, sql := range []string{"GRANT ALL ON ALL TABLES IN SCHEMA public TO app", "GRANT USAGE ON SCHEMA portcullis TO app"} {
					s.must(cluster.Exec(testContext(t), s.prefix+suffix, sql))
				}
			}
			insertCustomers(t, app, 4)
			if got := rows(t, app, "SELECT count(*) FROM customers WHERE email = 'user2@example.com'"); got != "1" {
				t.Errorf("%q", got)
			}
			mustExec(t, app, "BEGIN")
			mustExec(t, app, "SET statement_timeout = '5s'")
			if got := rows(t, app, "SELECT count(*) FROM customers"); got != "4" {
				t.Errorf("%q", got)
			}
			mustExec(t, app, "ROLLBACK")
			if got := rows(t, app, "SELECT count(*) FROM customers"); got != "4" {
				t.Errorf("%q", got)
			}
		})
	}
}
