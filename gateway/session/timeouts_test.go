package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// sweepBy lets the registry of a gateway sweep by timeouts that the test may change.
func (g *testGateway) sweepBy(t testing.TB, first Timeouts) (change func(Timeouts)) {
	t.Helper()
	var now atomic.Pointer[Timeouts]
	now.Store(&first)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.options.Registry.Sweep(ctx, func() Timeouts { return *now.Load() })
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return func(next Timeouts) { now.Store(&next) }
}

// told returns what a client is told that waits, as an error.
func told(t testing.TB, conn *pgx.Conn) *pgconn.PgError {
	t.Helper()
	message, err := conn.PgConn().ReceiveMessage(testContext(t))
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		t.Fatalf("%T, %v", message, err)
	}
	return server
}

func wantError(t testing.TB, err error, severity, code, message string) {
	t.Helper()
	var server *pgconn.PgError
	if !errors.As(err, &server) || server.Severity != severity || server.Code != code || server.Message != message {
		t.Errorf("got %v, want %s: %s (SQLSTATE %s)", err, severity, message, code)
	}
}

// A statement that takes too long is cancelled in PostgreSQL's words for a timeout; the session goes on. What the user cancels
// has other words.
func TestQueryTimeout(t *testing.T) {
	const message = "canceling statement due to statement timeout"
	eachMode(t, func(t *testing.T, g *testGateway) {
		change := g.sweepBy(t, Timeouts{Query: 200 * time.Millisecond})
		conn := g.connect(t)
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec} {
			_, err := conn.Exec(testContext(t), "SELECT pg_sleep(20)", mode)
			wantError(t, err, "ERROR", "57014", message)
			if _, err := conn.Exec(testContext(t), "SELECT 1", mode); err != nil {
				t.Error("the session does not go on:", err)
			}
		}
		if n := g.options.Registry.TimedOut(TimeoutQuery); n != 2 {
			t.Errorf("%d timeouts were counted", n)
		}
		change(Timeouts{})
		asked := make(chan error, 1)
		go func() {
			_, err := conn.Exec(testContext(t), "SELECT pg_sleep(20)", pgx.QueryExecModeSimpleProtocol)
			asked <- err
		}()
		for err := error(nil); err == nil; {
			select {
			case err = <-asked:
				wantError(t, err, "ERROR", "57014", "canceling statement due to user request")
			case <-time.After(20 * time.Millisecond):
				_ = conn.PgConn().CancelRequest(testContext(t))
			}
		}
	})
}

// A client that is in a transaction and says nothing is disconnected, one in a failed transaction too, and its locks are gone.
func TestIdleInTransactionTimeout(t *testing.T) {
	const message = "terminating connection due to idle-in-transaction timeout"
	eachMode(t, func(t *testing.T, g *testGateway) {
		g.sweepBy(t, Timeouts{IdleInTransaction: 200 * time.Millisecond})
		outside := g.connect(t)
		for _, last := range []string{"SELECT pg_advisory_xact_lock(4711)", "SELECT 1/0"} {
			conn := g.connect(t)
			mustExec(t, conn, "BEGIN")
			_, _ = conn.Exec(testContext(t), last) // one of them fails
			wantError(t, told(t, conn), "FATAL", "25P03", message)
		}
		mustExec(t, outside, "SELECT pg_advisory_lock(4711)") // waits until the server has rolled back
		if n := g.options.Registry.TimedOut(TimeoutIdleInTransaction); n != 2 {
			t.Errorf("%d timeouts were counted", n)
		}
	})
}

func TestIdleClientTimeout(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		g.sweepBy(t, Timeouts{IdleClient: 300 * time.Millisecond})
		fresh, used, busy := g.connect(t), g.connect(t), g.connect(t)
		mustExec(t, used, "SELECT 1")
		mustExec(t, busy, "BEGIN")
		for _, conn := range []*pgx.Conn{fresh, used} {
			wantError(t, told(t, conn), "FATAL", "57P05", "terminating connection due to idle-session timeout")
		}
		mustExec(t, busy, "COMMIT") // who is in a transaction is not idle
	})
}

// The same for a session that plans.
func TestTimeoutsOfProtectedSessions(t *testing.T) {
	g := shopGateway(t)
	sleep := *g.planner.plans["all"]
	sleep.Text = rewrite.Text{Fragments: []string{"SELECT 1::bigint, pg_sleep(20)::text FROM (SELECT count(*) FROM public.", ") c"}, Tables: []int{0}}
	g.planner.plans["sleep"] = &sleep
	change := g.sweepBy(t, Timeouts{Query: 200 * time.Millisecond})
	conn := g.connect(t)
	_, err := conn.Exec(testContext(t), "sleep", pgx.QueryExecModeSimpleProtocol)
	wantError(t, err, "ERROR", "57014", "canceling statement due to statement timeout")
	mustExec(t, conn, "BEGIN")
	change(Timeouts{IdleInTransaction: 200 * time.Millisecond})
	wantError(t, told(t, conn), "FATAL", "25P03", "terminating connection due to idle-in-transaction timeout")
	change(Timeouts{IdleClient: 200 * time.Millisecond})
	wantError(t, told(t, g.connect(t)), "FATAL", "57P05", "terminating connection due to idle-session timeout")
}

// registryOf makes a registry with so many sessions in a phase since a time.
func registryOf(n int, p phase, since int64) *Registry {
	r := NewRegistry()
	user, database := &policy.User{Name: "app"}, &Database{Policy: &policy.Database{Name: "plain"}}
	state := &State{}
	for range n {
		left, right := net.Pipe()
		_ = right.Close()
		s := &Session{options: &Options{Registry: r}, user: user, database: database, state: state,
			conn: wire.NewConn(left, wire.Limits{}, nil)}
		s.working, s.stopWorking = context.WithCancelCause(context.Background())
		s.reading, s.stopReading = context.WithCancelCause(s.working)
		if err := r.add(s, strings.NewReader("1234"), n); err != nil {
			panic(err)
		}
		s.activity.phase.Store(uint32(p))
		s.since.Store(since)
	}
	return r
}

// A sweep ends what is overdue, and nothing else, whatever the order in which sessions came and went.
func TestSweepFindsEverySession(t *testing.T) {
	const n = 3*sweepChunk + 17
	r := registryOf(n, phaseIdle, 0)
	for i, s := range append([]*Session(nil), r.list...) {
		switch i % 3 {
		case 0:
			r.remove(s)
			r.remove(s) // after a panic it is removed twice
		case 1:
			s.since.Store(5000)
		}
	}
	r.now.Store(6000)
	r.sweep(context.Background(), Timeouts{IdleClient: 2 * time.Second, IdleInTransaction: time.Millisecond, Query: time.Millisecond})
	ended := 0
	for s := range r.all() {
		if s.ending.Load() != nil {
			ended++
			if s.since.Load() != 0 {
				t.Error("a session was ended before its time")
			}
		}
	}
	if ended != n/3 || r.TimedOut(TimeoutIdleClient) != uint64(ended) || r.Len() != n-(n+2)/3 {
		t.Errorf("%d sessions were ended, %d counted, %d are there", ended, r.TimedOut(TimeoutIdleClient), r.Len())
	}
	sessions, _ := r.Census()
	if len(sessions) != 1 || sessions[Group{"plain", "session", "idle"}] != r.Len() {
		t.Errorf("counted: %v", sessions)
	}
}

// What sessions have done is not forgotten with them.
func TestCensusNeverGoesBack(t *testing.T) {
	r := registryOf(3, phaseIdle, 0)
	for i, s := range r.list {
		s.transactionCount.Store(uint64(i + 1))
		s.statementCount.Store(uint64(10 * (i + 1)))
	}
	want := Traffic{Transactions: 6, Statements: 60}
	for len(r.list) > 0 {
		if _, traffic := r.Census(); traffic["plain"] != want {
			t.Errorf("with %d sessions: %+v", len(r.list), traffic)
		}
		r.remove(r.list[0])
	}
	if sessions, traffic := r.Census(); traffic["plain"] != want || len(sessions) != 0 {
		t.Errorf("at the end: %+v, %v", traffic, sessions)
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	r := NewRegistry()
	for i := range 2 * refusedRulesMax {
		r.counts.refusal(fmt.Sprint(i))
	}
	refusals := r.Counts().Refusals
	if len(refusals) != refusedRulesMax+1 || refusals["other"] != refusedRulesMax {
		t.Errorf("%d rules, %d others", len(refusals), refusals["other"])
	}
}

// Who logs in while the gateway drains is told so.
func TestLoginDuringDrain(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		g.options.Registry.Drain()
		_, err := pgx.Connect(testContext(t), g.url())
		wantError(t, err, "FATAL", "57P03", "the database system is shutting down")
	})
}

// While a gateway is replaced, who has done nothing yet may still begin.
func TestRetireSparesWhoHasJustCome(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		fresh, used, busy := g.connect(t), g.connect(t), g.connect(t)
		mustExec(t, used, "SELECT 1")
		mustExec(t, busy, "BEGIN")
		if !g.options.Registry.Retire(context.Background()) {
			t.Error("it is not to be called again")
		}
		wantError(t, told(t, used), "FATAL", "57P01", "terminating connection due to administrator command")
		mustExec(t, fresh, "SELECT 1")
		late := g.connect(t)
		mustExec(t, busy, "COMMIT")
		for range 3 {
			g.options.Registry.Retire(context.Background())
		}
		wantError(t, told(t, fresh), "FATAL", "57P01", "terminating connection due to administrator command")
		wantError(t, told(t, busy), "FATAL", "57P01", "terminating connection due to administrator command")
		mustExec(t, late, "SELECT 1")
	})
}

// terminate ends a session whatever it does, with the first reason.
func TestTerminate(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		idle, active := g.connect(t), g.connect(t)
		asked := make(chan error, 1)
		go func() {
			_, err := active.Exec(testContext(t), "SELECT pg_sleep(20)", pgx.QueryExecModeSimpleProtocol)
			asked <- err
		}()
		for phases := 0; phases == 0; {
			for s := range g.options.Registry.all() {
				if phase(s.activity.phase.Load()) == phaseActive {
					phases++
				}
			}
		}
		for s := range g.options.Registry.all() {
			s.terminate(sqlstate.New(sqlstate.AdminShutdown, "first"))
			s.terminate(sqlstate.New(sqlstate.AdminShutdown, "second"))
		}
		wantError(t, told(t, idle), "FATAL", "57P01", "first")
		wantError(t, <-asked, "FATAL", "57P01", "first")
	})
}

// BenchmarkSweep is a sweep of ten thousand idle sessions, of which none is overdue.
func BenchmarkSweep(b *testing.B) {
	r := registryOf(10_000, phaseIdle, 0)
	timeouts := Timeouts{IdleClient: time.Hour, IdleInTransaction: time.Hour, Query: time.Hour}
	b.ReportAllocs()
	for b.Loop() {
		r.sweep(context.Background(), timeouts)
	}
}

// A statement that ends while it is being cancelled for its time leaves nothing behind that meets the next one.
func TestQueryTimeoutMeetsNoLaterStatement(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		g.sweepBy(t, Timeouts{Query: 100 * time.Millisecond})
		conn := g.connect(t)
		for i := range 10 {
			_, err := conn.Exec(testContext(t), fmt.Sprintf("SELECT pg_sleep(%g)", 0.1+0.02*float64(i)), pgx.QueryExecModeSimpleProtocol)
			if err != nil {
				wantError(t, err, "ERROR", "57014", "canceling statement due to statement timeout")
			}
			for range 3 {
				mustExec(t, conn, "SELECT pg_sleep(0.005)")
			}
		}
	})
}
