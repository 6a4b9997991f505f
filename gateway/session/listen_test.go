package session

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/rewrite"
)

// listeningGateway has plans for LISTEN, NOTIFY and a lock.
func listeningGateway(t *testing.T) *testGateway {
	g := shopGateway(t)
	plan := func(command rewrite.Command, text string, holds, frees rewrite.Held) *rewrite.Plan {
		return &rewrite.Plan{Destination: rewrite.DestinationLogical, Command: command, Logical: string(command), Holds: holds, Frees: frees,
			Text: rewrite.Text{Fragments: []string{text}}, Route: rewrite.Route{Lead: -1}, Merge: rewrite.Merge{LimitInput: -1, OffsetInput: -1}}
	}
	g.planner.plans["listen"] = plan(rewrite.CommandListen, "LISTEN news", rewrite.HeldChannels, 0)
	g.planner.plans["unlisten"] = plan(rewrite.CommandUnlisten, "UNLISTEN *", 0, rewrite.HeldChannels)
	notify := plan(rewrite.CommandNotify, "SELECT pg_catalog.pg_notify('news', 'payload')", 0, 0)
	notify.Outputs = []rewrite.Output{{PhysicalOID: 2278}}
	g.planner.plans["notify"] = notify
	lock := plan(rewrite.CommandSelect, "SELECT pg_catalog.pg_try_advisory_lock(1)", rewrite.HeldLocks, 0)
	lock.Columns = []rewrite.Column{{Name: "locked", TypeOID: 16, TypeLen: 1, Typmod: -1}}
	lock.Outputs = []rewrite.Output{{PhysicalOID: 16}}
	g.planner.plans["lock"] = lock
	return g
}

// A session that listens is told while it waits for its client, and one in a transaction after that.
func TestNotificationsReachAWaitingClient(t *testing.T) {
	g := listeningGateway(t)
	listener, other := g.connect(t), g.connect(t)
	mustExec(t, listener, "listen")
	for range 3 {
		mustExec(t, other, "notify")
		n, err := listener.WaitForNotification(testContext(t))
		if err != nil || n.Channel != "news" || n.Payload != "payload" {
			t.Fatalf("%v %v", n, err)
		}
	}
	mustExec(t, listener, "BEGIN")
	mustExec(t, other, "notify")
	ctx, cancel := context.WithTimeout(testContext(t), 100*time.Millisecond)
	defer cancel()
	if n, err := listener.WaitForNotification(ctx); err == nil {
		t.Errorf("told in a block: %v", n)
	}
	listener = g.connect(t)
	mustExec(t, listener, "BEGIN")
	mustExec(t, listener, "listen")
	mustExec(t, listener, "notify")
	mustExec(t, listener, "COMMIT")
	if n, err := listener.WaitForNotification(testContext(t)); err != nil || n.Payload != "payload" {
		t.Errorf("%v %v", n, err)
	}
	// A connection on which nobody listens any more goes back.
	mustExec(t, listener, "unlisten")
	mustExec(t, listener, "logical")
	if stats := g.pools[execute.LogicalDatasource].Stats(); stats.Idle == 0 {
		t.Errorf("%+v", stats)
	}
}

// A lock is the session's: it is there in the next transaction, and gone with the session. When its server is lost, the
// session ends, for its client would believe that it has the lock.
func TestHeldLocks(t *testing.T) {
	g := listeningGateway(t)
	locked := func(conn interface {
		Exec(context.Context, string) *pgconn.MultiResultReader
	}) string {
		results, err := conn.Exec(testContext(t), "lock").ReadAll()
		if err != nil {
			return code(err)
		}
		return string(results[0].Rows[0][0])
	}
	first, second := g.connect(t).PgConn(), g.connect(t).PgConn()
	if got := locked(first); got != "t" {
		t.Fatal(got)
	}
	if got := locked(second); got != "f" {
		t.Fatal(got)
	}
	_ = first.Close(testContext(t))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if locked(second) == "t" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the lock outlives its session")
		}
	}
	if err := cluster.Exec(testContext(t), "postgres",
		"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'shop'"); err != nil {
		t.Fatal(err)
	}
	if got := locked(second); got != "08006" {
		t.Error(got)
	}
	if _, err := second.Exec(testContext(t), "SHOW role").ReadAll(); err == nil {
		t.Error("the session goes on without its lock")
	}
}
