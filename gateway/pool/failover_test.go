package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// hosts is a URL of several clusters.
func hosts(t *testing.T, attrs string, clusters ...*pgcluster.Cluster) string {
	t.Helper()
	var list []string
	for _, c := range clusters {
		list = append(list, fmt.Sprintf("127.0.0.1:%d", c.Port))
	}
	u, err := url.Parse(clusters[0].URLFor(backendRole, backendPassword, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	u.Host, u.RawQuery = strings.Join(list, ","), "sslmode=disable&target_session_attrs="+attrs
	return u.String()
}

// realPool is a pool before real servers.
func realPool(t *testing.T, url string, o Options) *Pool {
	t.Helper()
	o.Datasource, o.Log = "ds_0", slog.New(slog.NewTextHandler(io.Discard, nil))
	o.Dial = func(ctx context.Context, startup *Startup) (*Server, error) {
		return Dial(ctx, Config{Datasource: "ds_0", URL: url})
	}
	p := New(o)
	t.Cleanup(p.Close)
	return p
}

func acquire(t *testing.T, p *Pool) *Server {
	t.Helper()
	s, err := p.Acquire(testContext(t), &Claim{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Whatever ends a connection while it is idle, the client is not given it.
func TestStaleConnectionsAreReplaced(t *testing.T) {
	p := realPool(t, config().URL, Options{Max: 2})
	first := acquire(t, p)
	pid := first.PID()
	p.Release(first)
	if s := acquire(t, p); s.PID() != pid {
		t.Fatal("the connection was not used again")
	} else {
		p.Release(s)
	}
	if err := cluster.Exec(testContext(t), "postgres", fmt.Sprintf("SELECT pg_terminate_backend(%d, 10000)", pid)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * peekAfter)
	second := acquire(t, p)
	if second.PID() == pid || value(t, second, "SELECT 1") != "1" {
		t.Error("a connection that had ended was handed out")
	}
	p.Release(second)

	crashed, err := pgcluster.Start(testContext(t), pgcluster.Options{Name: "crashed"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = crashed.Stop() }()
	for _, sql := range []string{"CREATE ROLE " + backendRole + " LOGIN PASSWORD '" + backendPassword + "'", "CHECKPOINT"} {
		if err := crashed.Exec(testContext(t), "postgres", sql); err != nil {
			t.Fatal(err)
		}
	}
	p = realPool(t, crashed.URLFor(backendRole, backendPassword, "postgres"), Options{Max: 3})
	a, b := acquire(t, p), acquire(t, p)
	p.Release(a)
	p.Release(b)
	if err := crashed.Restart(testContext(t)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * peekAfter)
	for range 3 {
		if s := acquire(t, p); value(t, s, "SELECT 1") != "1" {
			t.Error("a connection of before the crash was handed out")
		}
	}
	if s := p.Stats(); s.Stale != 2 {
		t.Errorf("%+v", s)
	}
}

// A pool finds the server that has the role it is for, and leaves one that has lost it.
func TestFailover(t *testing.T) {
	ctx := testContext(t)
	primary, err := pgcluster.Start(ctx, pgcluster.Options{Name: "primary"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = primary.Stop() }()
	if err := primary.CreateRole(ctx, backendRole, backendPassword); err != nil {
		t.Fatal(err)
	}
	standby, err := primary.StartStandby(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = standby.Stop() }()
	for { // until the role has come there
		s, err := Dial(ctx, Config{Datasource: "ds_0", URL: hosts(t, "any", standby)})
		if err == nil {
			_ = s.Close()
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	options := Options{Max: 2, CheckAfter: time.Nanosecond, BackoffMin: time.Millisecond, BackoffMax: 20 * time.Millisecond, Wait: 10 * time.Second}
	writes := realPool(t, hosts(t, "read-write", standby, primary), options)
	reads := realPool(t, hosts(t, "standby", primary, standby), options)
	prefers := realPool(t, hosts(t, "prefer-standby", primary, standby), options)
	anywhere := realPool(t, hosts(t, "any", primary, standby), options)
	const where = "SELECT inet_server_port() || ' ' || pg_is_in_recovery()"
	onPrimary, onStandby := fmt.Sprintf("%d false", primary.Port), fmt.Sprintf("%d true", standby.Port)
	for _, c := range []struct {
		pool *Pool
		want string
	}{{writes, onPrimary}, {reads, onStandby}, {prefers, onStandby}, {anywhere, onPrimary}} {
		s := acquire(t, c.pool)
		if got := value(t, s, where); got != c.want {
			t.Errorf("connected to %q, not %q", got, c.want)
		}
		c.pool.Release(s)
	}

	held := acquire(t, reads) // during the promotion
	if err := primary.Stop(); err != nil {
		t.Fatal(err)
	}
	claim := &Claim{}
	var state *sqlstate.Error
	if _, err := writes.Acquire(ctx, claim); !errors.As(err, &state) ||
		state.Code != sqlstate.ConnectionFailure && state.Code != sqlstate.CannotConnectNow {
		t.Fatalf("there is no primary: %v", err)
	}
	if err := standby.Exec(ctx, "postgres", "SELECT pg_promote()"); err != nil {
		t.Fatal(err)
	}
	promoted := fmt.Sprintf("%d false", standby.Port)
	for {
		s, err := writes.Acquire(ctx, claim)
		if err == nil {
			if got := value(t, s, where); got != promoted {
				t.Errorf("after the promotion writes go to %q", got)
			}
			writes.Release(s)
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	if got := value(t, held, "SELECT pg_is_in_recovery()"); got != "f" {
		t.Errorf("the standby was not promoted: %s", got)
	}
	before := reads.Stats()
	reads.Release(held)
	if after := reads.Stats(); after.Closed != before.Closed+1 || after.Idle != 0 {
		t.Errorf("a connection to what was a standby was kept: %+v", after)
	}
	if _, err := reads.Acquire(ctx, claim); !errors.As(err, &state) || state.Code != sqlstate.ConnectionFailure {
		t.Errorf("there is no standby: %v", err)
	}
	s := acquire(t, prefers) // its idle connection was to the standby: it is checked, and dialled anew
	if got := value(t, s, where); got != promoted || prefers.Stats().Stale != 1 {
		t.Errorf("who prefers a standby is on %q: %+v", got, prefers.Stats())
	}
	prefers.Release(s)

	// A server that takes no writes any more is found by the first that it refuses.
	s = acquire(t, writes)
	for _, sql := range []string{"ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"} {
		if err := standby.Exec(ctx, "postgres", sql); err != nil {
			t.Fatal(err)
		}
	}
	for {
		// Until it has heard of it. The role may create nothing in the schema: 42501 before, 25006 then.
		if err := s.Exec(ctx, "CREATE TABLE public.t ()"); errors.As(err, &state) && state.Code.String() == "25006" {
			break
		}
	}
	before = writes.Stats()
	writes.Release(s)
	if after := writes.Stats(); after.Closed != before.Closed+1 {
		t.Errorf("a connection to a server that takes no writes was kept: %+v", after)
	}
}
