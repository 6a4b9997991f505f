package session

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/audit"
	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
)

// The plans here are made by hand: they are what a planner would have to get wrong, and what it would never make.

const (
	oidInt4 = 23
	oidInt8 = 20
	oidText = 25
)

// shopGateway serves a table over two datasources, "items (id bigint, name text)", by MOD on id.
func shopGateway(t testing.TB) *testGateway {
	t.Helper()
	startCluster(t)
	name := policy.TableName{Schema: "public", Name: "items"}
	table := &policy.Table{Name: name, Placement: policy.Sharded, Binding: -1,
		Nodes: []policy.Node{{Datasource: "ds_0", Table: "items_0"}, {Datasource: "ds_1", Table: "items_1"}},
		Shard: &policy.ShardKey{Column: "id", Algorithm: policy.Algorithm{Name: "m", Type: "MOD", Props: map[string]string{"sharding-count": "2"}}}}
	db := &policy.Database{Name: "shop", Datasources: []string{"ds_0", "ds_1"}, Tables: map[policy.TableName]*policy.Table{name: table}}
	for i, n := range table.Nodes {
		database := fmt.Sprintf("shop_%d", i)
		for _, sql := range []string{"DROP TABLE IF EXISTS " + n.Table, "CREATE TABLE " + n.Table + " (id bigint PRIMARY KEY, name text)",
			"GRANT ALL ON " + n.Table + " TO " + backendRole} {
			if err := cluster.Exec(testContext(t), database, sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	g := newGateway(t, db, map[string]string{"ds_0": "shop_0", "ds_1": "shop_1", execute.LogicalDatasource: "shop"})
	route := func(rows []rewrite.Operand, c *rewrite.Condition, one bool) rewrite.Route {
		return rewrite.Route{Tables: []rewrite.RouteTable{{Table: table}}, Condition: c, Rows: rows, One: one}
	}
	id := rewrite.Operand{Source: rewrite.Source{Kind: rewrite.FromParam, TypeOID: oidInt8}, TypeOID: oidInt8}
	isID := &rewrite.Condition{Kind: rewrite.ConditionIn, Operands: []rewrite.Operand{id}}
	param := func(i int, oid uint32) rewrite.Input {
		return rewrite.Input{Source: rewrite.Source{Kind: rewrite.FromParam, Index: i, TypeOID: oid}, TypeOID: oid, Typmod: -1, PhysicalOID: oid}
	}
	text := func(before, after string) rewrite.Text {
		return rewrite.Text{Fragments: []string{before + " public.", after}, Tables: []int{0}}
	}
	rows := []rewrite.Column{{Name: "id", TypeOID: oidInt8, TypeLen: 8, Typmod: -1, Output: 0}, {Name: "name", TypeOID: oidText, TypeLen: -1, Typmod: -1, Output: 1}}
	outputs := []rewrite.Output{{PhysicalOID: oidInt8}, {PhysicalOID: oidText}}
	merge := rewrite.Merge{LimitInput: -1, OffsetInput: -1}
	plans := g.planner.plans
	plans["insert"] = &rewrite.Plan{Destination: rewrite.DestinationShards, Command: rewrite.CommandInsert, Logical: "insert", Writes: true,
		Params: []uint32{oidInt8, oidText}, Text: text("INSERT INTO", " (id, name) VALUES ($1, $2)"),
		Inputs: []rewrite.Input{param(0, oidInt8), param(1, oidText)}, Route: route([]rewrite.Operand{id}, nil, true), Merge: merge}
	plans["select"] = &rewrite.Plan{Destination: rewrite.DestinationShards, Command: rewrite.CommandSelect, Logical: "select",
		Params: []uint32{oidInt8}, Columns: rows, Outputs: outputs, Text: text("SELECT id, name FROM", " WHERE id = $1"),
		Inputs: []rewrite.Input{param(0, oidInt8)}, Route: route(nil, isID, false), Merge: merge,
		Touched: []rewrite.Touch{{Column: policy.ColumnName{Table: name, Column: "name"}, Use: "reveal", Rule: "default"}}}
	plans["all"] = &rewrite.Plan{Destination: rewrite.DestinationShards, Command: rewrite.CommandSelect, Logical: "all",
		Columns: rows, Outputs: outputs, Text: text("SELECT id, name FROM", ""), Route: route(nil, nil, false),
		Merge: rewrite.Merge{Kind: rewrite.MergeSorted, Order: []rewrite.SortKey{{Output: 0, TypeOID: oidInt8}}, LimitInput: -1, OffsetInput: -1}}
	plans["update everywhere"] = &rewrite.Plan{Destination: rewrite.DestinationShards, Command: rewrite.CommandUpdate, Logical: "update", Writes: true,
		Text: text("UPDATE", " SET name = 'changed'"), Route: route(nil, nil, true), Merge: merge}
	wrong := *plans["select"]
	wrong.Outputs = []rewrite.Output{{PhysicalOID: oidInt4}, {PhysicalOID: oidText}}
	plans["wrong shape"] = &wrong
	wrongInsert := *plans["insert"]
	wrongInsert.Text = text("INSERT INTO", " (id, name) VALUES ($1, $2) RETURNING id")
	wrongInsert.Columns, wrongInsert.Outputs = rows[:1], []rewrite.Output{{PhysicalOID: oidInt4}}
	plans["wrong shape insert"] = &wrongInsert
	plans["logical"] = &rewrite.Plan{Destination: rewrite.DestinationLogical, Command: rewrite.CommandSelect, Logical: "logical",
		Columns: []rewrite.Column{{Name: "current_setting", TypeOID: oidText, TypeLen: -1, Typmod: -1}}, Outputs: []rewrite.Output{{PhysicalOID: oidText}},
		Text: rewrite.Text{Fragments: []string{"SELECT pg_catalog.current_setting('search_path')"}}, Route: rewrite.Route{Lead: -1}, Merge: merge}
	return g
}

func code(err error) string {
	var told *pgconn.PgError
	if errors.As(err, &told) {
		return told.Code
	}
	return fmt.Sprint(err)
}

func TestHandMadePlansRun(t *testing.T) {
	conn := shopGateway(t).connect(t)
	for id := range 6 {
		if tag := mustExec(t, conn, "insert", id, fmt.Sprintf("item %d", id)); tag.String() != "INSERT 0 1" {
			t.Errorf("tag %q", tag)
		}
	}
	rows, err := conn.Query(testContext(t), "all")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id int, err error) { var name string; return id, row.Scan(&id, &name) })
	if err != nil || fmt.Sprint(ids) != "[0 1 2 3 4 5]" || rows.CommandTag().String() != "SELECT 6" {
		t.Errorf("%v %v %v", ids, rows.CommandTag(), err)
	}
	_, err = conn.Exec(testContext(t), "update everywhere")
	if code(err) != "0A000" {
		t.Error(err)
	}
	_, err = conn.Exec(testContext(t), "insert", nil, "no key")
	if code(err) != "23502" {
		t.Error(err)
	}
	var path string
	mustExec(t, conn, "SET search_path = public")
	if err := conn.QueryRow(testContext(t), "logical").Scan(&path); err != nil || path != "public" {
		t.Errorf("search_path of the logical connection: %q %v", path, err)
	}
}

// A node whose rows are not as the plan expects them answers nothing, and nothing of its transaction stays.
func TestOtherShapesAreRefused(t *testing.T) {
	conn := shopGateway(t).connect(t)
	mustExec(t, conn, "insert", 1, "one")
	for range 2 {
		if _, err := conn.Exec(testContext(t), "wrong shape", 1); code(err) != "55000" {
			t.Error(err)
		}
		if _, err := conn.Exec(testContext(t), "wrong shape insert", 3, "three"); code(err) != "55000" {
			t.Error(err)
		}
	}
	var id int
	var name string
	if err := conn.QueryRow(testContext(t), "select", 3).Scan(&id, &name); !errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("the insert was committed: %d %q %v", id, name, err)
	}
}

// When an audit event cannot be kept, no row leaves and nothing is written.
func TestWithoutAuditNothingLeaves(t *testing.T) {
	g := shopGateway(t)
	conn := g.connect(t)
	mustExec(t, conn, "insert", 1, "one")
	g.planner.plans["insert"].Touched = g.planner.plans["select"].Touched
	g.events.mu.Lock()
	g.events.fail = errors.New("the disk is full")
	g.events.mu.Unlock()
	var id int
	var name string
	if err := conn.QueryRow(testContext(t), "select", 1).Scan(&id, &name); code(err) != "58000" {
		t.Errorf("%d %q %v", id, name, err)
	}
	if _, err := conn.Exec(testContext(t), "insert", 3, "three"); code(err) != "58000" {
		t.Error(err)
	}
	g.events.mu.Lock()
	g.events.fail = nil
	g.events.mu.Unlock()
	if err := conn.QueryRow(testContext(t), "select", 3).Scan(&id, &name); !errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("the insert was committed: %d %q %v", id, name, err)
	}
	if n := len(g.events.kinds(audit.KindStatement)); n != 1 {
		t.Errorf("%d statements were recorded", n)
	}
}

// A panic ends the session in which it happened, and no other.
func TestPanicEndsOneSession(t *testing.T) {
	g := shopGateway(t)
	victim, other := g.connect(t), g.connect(t)
	mustExec(t, victim, "BEGIN")
	mustExec(t, victim, "insert", 1, "one")
	if _, err := victim.Exec(testContext(t), "PANIC"); code(err) != "XX000" {
		t.Error(err)
	}
	var id int
	var name string
	if err := other.QueryRow(testContext(t), "select", 1).Scan(&id, &name); !errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("what the session wrote was committed: %v", err)
	}
}

// A second datasource is refused before anything is sent there, in a block and in a pipeline.
func TestSecondDatasourceIsRefused(t *testing.T) {
	conn := shopGateway(t).connect(t)
	mustExec(t, conn, "BEGIN")
	mustExec(t, conn, "insert", 2, "two")
	if _, err := conn.Exec(testContext(t), "insert", 3, "three"); code(err) != "0A000" {
		t.Error(err)
	}
	if conn.PgConn().TxStatus() != wire.StatusFailed {
		t.Errorf("status %c", conn.PgConn().TxStatus())
	}
	if tag := mustExec(t, conn, "COMMIT"); tag.String() != "ROLLBACK" {
		t.Errorf("tag %q", tag)
	}
	batch := &pgx.Batch{}
	batch.Queue("insert", 2, "two")
	batch.Queue("select", 3)
	batch.Queue("insert", 3, "three")
	batch.Queue("select", 2)
	if err := conn.SendBatch(testContext(t), batch).Close(); code(err) != "0A000" {
		t.Error(err)
	}
	rows, err := conn.Query(testContext(t), "all")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		n++
	}
	if rows.Err() != nil || n != 0 {
		t.Errorf("%d rows were committed, %v", n, rows.Err())
	}
}

// Settings that are applied to servers do not disturb the isolation level of a block.
func TestBeginComesBeforeSettings(t *testing.T) {
	g := shopGateway(t)
	conn := g.connect(t)
	mustExec(t, conn, "insert", 1, "one")
	mustExec(t, conn, "SET TimeZone = 'Europe/Berlin'")
	tx, err := conn.Begin(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, conn, "SET transaction_isolation = 'serializable'")
	var id int
	var name string
	if err := tx.QueryRow(testContext(t), "select", 1).Scan(&id, &name); err != nil {
		t.Fatal(err)
	}
	var level string
	if err := tx.QueryRow(testContext(t), "SHOW transaction_isolation").Scan(&level); err != nil || level != "serializable" {
		t.Errorf("%q %v", level, err)
	}
	if err := tx.Commit(testContext(t)); err != nil {
		t.Fatal(err)
	}
}

// A session's own isolation level holds for its first statement on a connection, in and out of blocks.
func TestIsolationHoldsFromTheFirstStatement(t *testing.T) {
	g := shopGateway(t)
	g.planner.plans["isolation"] = &rewrite.Plan{Destination: rewrite.DestinationLogical, Command: rewrite.CommandSelect, Logical: "isolation",
		Columns: []rewrite.Column{{Name: "level", TypeOID: oidText, TypeLen: -1, Typmod: -1}}, Outputs: []rewrite.Output{{PhysicalOID: oidText}},
		Text:  rewrite.Text{Fragments: []string{"SELECT pg_catalog.current_setting('transaction_isolation')"}},
		Route: rewrite.Route{Lead: -1}, Merge: rewrite.Merge{LimitInput: -1, OffsetInput: -1}}
	conn, other := g.connect(t), g.connect(t)
	level := func(conn *pgx.Conn, want string) {
		t.Helper()
		var got string
		if err := conn.QueryRow(testContext(t), "isolation").Scan(&got); err != nil || got != want {
			t.Errorf("%q %v, not %q", got, err, want)
		}
		if status := conn.PgConn().TxStatus(); status != wire.StatusIdle {
			t.Errorf("status %c", status)
		}
	}
	level(conn, "read committed")
	mustExec(t, conn, "SET default_transaction_isolation = 'serializable'")
	level(conn, "serializable")
	level(conn, "serializable")
	level(other, "read committed")
	level(conn, "serializable")
	batch := &pgx.Batch{}
	batch.Queue("isolation")
	batch.Queue("isolation")
	level(other, "read committed")
	if err := conn.SendBatch(testContext(t), batch).Close(); err != nil {
		t.Error(err)
	}
	mustExec(t, conn, "insert", 1, "one")
	if got := names(t, other); got != "[one]" {
		t.Error(got)
	}
}
