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

	"github.com/portcullisdb/portcullis/gateway/wire"
)

// names reads the names of all items in the transaction.
func names(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	rows, err := conn.Query(testContext(t), "all")
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (name string, err error) {
		var id int
		return name, row.Scan(&id, &name)
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(list)
}

// A server that joins a block late has the savepoints that are open: what it does behind them can be taken back.
func TestServersJoinWithTheSavepoints(t *testing.T) {
	conn := shopGateway(t).connect(t)
	mustExec(t, conn, "insert", 1, "one")
	mustExec(t, conn, "insert", 2, "two")
	mustExec(t, conn, "BEGIN")
	mustExec(t, conn, "SAVEPOINT a")
	mustExec(t, conn, "SAVEPOINT b")
	mustExec(t, conn, "insert", 3, "three")
	mustExec(t, conn, "ROLLBACK TO b")
	// Nothing is written now, so the other server may be.
	mustExec(t, conn, "insert", 4, "four")
	if got := names(t, conn); got != "[one two four]" {
		t.Error(got)
	}
	mustExec(t, conn, "SAVEPOINT c")
	// The gateway's own refusal is taken back as well.
	if _, err := conn.Exec(testContext(t), "insert", 5, "five"); code(err) != "0A000" {
		t.Error(err)
	}
	if conn.PgConn().TxStatus() != wire.StatusFailed {
		t.Errorf("status %c", conn.PgConn().TxStatus())
	}
	mustExec(t, conn, "ROLLBACK TO c")
	mustExec(t, conn, "insert", 6, "six")
	mustExec(t, conn, "RELEASE b")
	if got := names(t, conn); got != "[one two four six]" {
		t.Error(got)
	}
	// An error of one server takes back what the other did since, too.
	mustExec(t, conn, "SAVEPOINT d")
	mustExec(t, conn, "insert", 8, "eight")
	if _, err := conn.Exec(testContext(t), "insert", 8, "eight"); code(err) != "23505" {
		t.Error(err)
	}
	mustExec(t, conn, "ROLLBACK TO d")
	if got := names(t, conn); got != "[one two four six]" {
		t.Error(got)
	}
	if tag := mustExec(t, conn, "COMMIT"); tag.String() != "COMMIT" {
		t.Errorf("tag %q", tag)
	}
	if got := names(t, conn); got != "[one two four six]" {
		t.Error(got)
	}
}

// Nested transactions as pgx makes them.
func TestNestedTransactions(t *testing.T) {
	conn := shopGateway(t).connect(t)
	failure := errors.New("taken back")
	err := pgx.BeginFunc(testContext(t), conn, func(outer pgx.Tx) error {
		if _, err := outer.Exec(testContext(t), "insert", 1, "one"); err != nil {
			return err
		}
		for _, fails := range []bool{true, false} {
			err := pgx.BeginFunc(testContext(t), outer, func(inner pgx.Tx) error {
				if _, err := inner.Exec(testContext(t), "insert", 3, fmt.Sprint(fails)); err != nil {
					return err
				}
				if !fails {
					return nil
				}
				_, _ = inner.Exec(testContext(t), "insert", 3, "again")
				return failure
			})
			if (err != nil) != fails {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if got := names(t, conn); got != "[one false]" {
		t.Error(got)
	}
}

// When a server has lost its part of the block, no savepoint brings it back, and nothing is committed.
func TestLostServerCannotReturnToASavepoint(t *testing.T) {
	g := shopGateway(t)
	conn := g.connect(t)
	mustExec(t, conn, "BEGIN")
	mustExec(t, conn, "insert", 1, "one")
	mustExec(t, conn, "SAVEPOINT a")
	if err := cluster.Exec(testContext(t), "postgres",
		"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'shop_1'"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(testContext(t), "insert", 3, "three"); err == nil {
		t.Error("a lost server answered")
	}
	for range 2 {
		if _, err := conn.Exec(testContext(t), "ROLLBACK TO a"); code(err) != "08006" {
			t.Error(err)
		}
		if conn.PgConn().TxStatus() != wire.StatusFailed {
			t.Errorf("status %c", conn.PgConn().TxStatus())
		}
	}
	if tag := mustExec(t, conn, "COMMIT"); tag.String() != "ROLLBACK" {
		t.Errorf("tag %q", tag)
	}
	mustExec(t, conn, "insert", 3, "three")
	if got := names(t, conn); got != "[three]" {
		t.Error(got)
	}
}

// Settings that servers were given behind a savepoint are given again after a rollback to it.
func TestServersFollowSettingsThroughSavepoints(t *testing.T) {
	conn := shopGateway(t).connect(t)
	path := func(want string) {
		t.Helper()
		var got string
		if err := conn.QueryRow(testContext(t), "logical").Scan(&got); err != nil || got != want {
			t.Errorf("search_path of the logical connection: %q %v, want %q", got, err, want)
		}
	}
	mustExec(t, conn, "BEGIN")
	mustExec(t, conn, "SET search_path = one")
	path("one")
	mustExec(t, conn, "SAVEPOINT a")
	mustExec(t, conn, "SET search_path = two")
	path("two")
	mustExec(t, conn, "SAVEPOINT b")
	mustExec(t, conn, "SET search_path = three")
	path("three")
	mustExec(t, conn, "ROLLBACK TO b")
	path("two")
	mustExec(t, conn, "SET search_path = four")
	mustExec(t, conn, "RELEASE b")
	path("four")
	mustExec(t, conn, "ROLLBACK TO a")
	path("one")
	mustExec(t, conn, "COMMIT")
	path("one")
}

// Savepoints cost no message of their own: a server hears of them with the statement behind them, and of those that nothing
// ran behind never.
func TestSavepointsAreSentLazily(t *testing.T) {
	g := shopGateway(t)
	conn := g.connect(t)
	mustExec(t, conn, "BEGIN")
	mustExec(t, conn, "insert", 1, "one")
	for range 100 {
		mustExec(t, conn, "SAVEPOINT a")
		mustExec(t, conn, "RELEASE a")
	}
	direct, err := pgx.Connect(testContext(t), cluster.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = direct.Close(context.Background()) }()
	var told int
	err = direct.QueryRow(testContext(t), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = 'shop_1' AND query LIKE '%SAVEPOINT%'`).Scan(&told)
	if err != nil || told != 0 {
		t.Errorf("%d servers were told of savepoints, %v", told, err)
	}
	mustExec(t, conn, "COMMIT")
}

// A client can make only so many.
func TestSavepointsAreBounded(t *testing.T) {
	s := &Session{settings: newSettings("app", nil)}
	s.tx.block = true
	for range savepointsMax {
		if err := s.makeSavepoint("a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.makeSavepoint("a"); err == nil || err.Code.String() != "54000" {
		t.Error(err)
	}
	if err := s.rollbackTo(context.Background(), "a"); err != nil {
		t.Error(err)
	}
	if len(s.tx.savepoints) != savepointsMax {
		t.Errorf("%d savepoints", len(s.tx.savepoints))
	}
}

// Whichever read or write of a server's connection fails, a block with savepoints is committed whole, or not at all.
func TestServerFaultsWithSavepoints(t *testing.T) {
	g := shopGateway(t)
	var left atomic.Int64
	g.dialNet = func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &faultyClient{nc, &left}, err
	}
	reader := g.connect(t)
	ready := func() { // after a fault the pool pauses before it dials again
		for _, err := reader.Exec(testContext(t), "all"); err != nil; _, err = reader.Exec(testContext(t), "all") {
			if code(err) != "08006" {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	for n := int64(1); ; n++ {
		ready()
		for _, table := range []string{"shop_0.items_0", "shop_1.items_1"} {
			database, table, _ := strings.Cut(table, ".")
			if err := cluster.Exec(testContext(t), database, "TRUNCATE "+table); err != nil {
				t.Fatal(err)
			}
		}
		conn := g.connect(t)
		left.Store(n)
		tag, unknown := "", false
		for _, step := range []struct {
			sql   string
			args  []any
			fails bool
		}{{sql: "BEGIN"}, {sql: "insert", args: []any{1, "one"}}, {sql: "SAVEPOINT a"}, {sql: "insert", args: []any{3, "three"}},
			{sql: "select", args: []any{2}, fails: true}, {sql: "insert", args: []any{3, "again"}, fails: true},
			{sql: "ROLLBACK TO a"}, {sql: "insert", args: []any{5, "five"}}, {sql: "RELEASE a"}, {sql: "COMMIT"}} {
			result, err := conn.Exec(testContext(t), step.sql, step.args...)
			tag, unknown = result.String(), code(err) == "08007"
			if err != nil && !step.fails && conn.PgConn().TxStatus() == wire.StatusIdle {
				break // begun or ended by an error
			}
		}
		fired := left.Load() <= 0
		left.Store(0)
		_ = conn.Close(testContext(t))
		ready()
		got := names(t, reader)
		switch {
		case unknown && (got == "[]" || got == "[one five]"):
		case tag == "COMMIT" && got == "[one five]":
		case tag != "COMMIT" && got == "[]":
		default:
			t.Errorf("fault %d: COMMIT was answered %q, unknown %t, and there is %s", n, tag, unknown, got)
		}
		if !fired {
			if tag != "COMMIT" {
				t.Errorf("without a fault COMMIT was answered %q", tag)
			}
			t.Logf("%d operations", n-1)
			return
		}
	}
}
