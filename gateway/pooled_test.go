package gateway

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Many sessions with settings of their own share few connections: none sees what another has set, whether its transactions
// end well or not.
func TestSessionsOfProtectedDatabasesShareConnections(t *testing.T) {
	s := newShopWith(t, Options{}, `ds_0: {url: "${DS_0}"}`, `ds_0: {url: "${DS_0}", pool: {max: 2}}`,
		`ds_1: {url: "${DS_1}"}`, `ds_1: {url: "${DS_1}", pool: {max: 2}}`)
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Asia/Kolkata", "Africa/Nairobi"}
	const zone = "SELECT to_char(now(), 'TZ') FROM countries LIMIT 1"
	insertCustomers(t, s.connect("app"), 8)
	var sessions sync.WaitGroup
	var rounds atomic.Int64
	for i := range 12 {
		conn := s.connect("app")
		name := zones[i%len(zones)]
		location, err := time.LoadLocation(name)
		s.must(err)
		want := time.Now().In(location).Format("MST")
		if i%2 == 0 {
			mustExec(t, conn, "SET TimeZone = '"+name+"'")
		}
		sessions.Go(func() {
			for round := range 40 {
				block := round%4 != 0
				if block {
					mustExec(t, conn, "BEGIN")
				}
				if i%2 != 0 {
					mustExec(t, conn, map[bool]string{true: "SET LOCAL TimeZone = '", false: "SET TimeZone = '"}[block]+name+"'")
				}
				if got := rows(t, conn, zone); got != want {
					t.Errorf("the time zone is %q, not %q", got, want)
				}
				mustExec(t, conn, "UPDATE customers SET name = $1 WHERE id = $2", want, i%8+1)
				if round%3 == 0 {
					if _, err := conn.Exec(testContext(t), "SELECT no_such_column FROM customers"); err == nil {
						t.Error("no error")
					}
				}
				if block {
					mustExec(t, conn, []string{"COMMIT", "ROLLBACK"}[round%2])
				}
				rounds.Add(1)
			}
		})
	}
	sessions.Wait()
	for _, p := range s.gateway.PoolStats() {
		if strings.HasPrefix(p.Datasource, "ds_") && (p.Used != 0 || p.Idle > 2 || p.Dials > 2) {
			t.Errorf("%d rounds: %+v", rounds.Load(), p)
		}
	}
}

// Who waits in vain is told what is short, and the session goes on.
func TestNoFreeConnection(t *testing.T) {
	s := newShopWith(t, Options{}, `ds_0: {url: "${DS_0}"}`, `ds_0: {url: "${DS_0}", pool: {max: 1, wait: 50ms}}`)
	holder, waiter := s.connect("app"), s.connect("app")
	insertCustomers(t, holder, 4)
	mustExec(t, holder, "BEGIN")
	rows(t, holder, "SELECT count(*) FROM customers")
	_, err := waiter.Exec(testContext(t), "SELECT count(*) FROM customers")
	if told := wantCode(t, err, "53300"); !strings.Contains(told.Message, `"ds_0"`) || told.Hint == "" {
		t.Errorf("%+v", told)
	}
	mustExec(t, holder, "COMMIT")
	if got := rows(t, waiter, "SELECT count(*) FROM customers"); got != "4" {
		t.Errorf("afterwards: %q", got)
	}
	// A client that goes in the middle of its transaction leaves its place to others.
	gone, err := pgx.Connect(testContext(t), s.clientURL("app"))
	s.must(err)
	mustExec(t, gone, "BEGIN")
	mustExec(t, gone, "UPDATE customers SET name = 'gone' WHERE id = 1")
	_ = gone.PgConn().Conn().Close()
	for {
		var names int
		err := waiter.QueryRow(testContext(t), "SELECT count(*) FROM customers WHERE name = 'gone'").Scan(&names)
		if err == nil {
			if names != 0 {
				t.Errorf("%d rows of a transaction that was not committed", names)
			}
			break
		}
		wantCode(t, err, "53300")
	}
	_ = gone.Close(context.Background())
	if status := waiter.PgConn().TxStatus(); status != 'I' {
		t.Errorf("the session is in state %q", status)
	}
}

// A client that goes while it waits leaves the queue.
func TestClientsThatGoWhileTheyWait(t *testing.T) {
	s := newShopWith(t, Options{}, `ds_0: {url: "${DS_0}"}`, `ds_0: {url: "${DS_0}", pool: {max: 1, wait: 1m}}`)
	holder := s.connect("app")
	mustExec(t, holder, "BEGIN")
	rows(t, holder, "SELECT count(*) FROM customers")
	stats := func() PoolStats {
		all := s.gateway.PoolStats()
		return all[slices.IndexFunc(all, func(p PoolStats) bool { return p.Datasource == "ds_0" })]
	}
	until := func(done func(PoolStats) bool) {
		t.Helper()
		for ctx := testContext(t); !done(stats()); time.Sleep(time.Millisecond) {
			if ctx.Err() != nil {
				t.Fatalf("%+v", stats())
			}
		}
	}
	waiter, err := pgx.Connect(testContext(t), s.clientURL("app"))
	s.must(err)
	var clients sync.WaitGroup
	clients.Go(func() { _, _ = waiter.Exec(context.Background(), "SELECT count(*) FROM customers") })
	until(func(p PoolStats) bool { return p.Waiting == 1 })
	_ = waiter.PgConn().Conn().Close()
	until(func(p PoolStats) bool { return p.Waiting == 0 })
	clients.Wait()
	if p := stats(); p.Cancelled != 1 || p.Used != 1 {
		t.Errorf("%+v", p)
	}
	mustExec(t, holder, "COMMIT")
}
