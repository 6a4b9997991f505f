package session

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/gateway/audit"
	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/shard"
)

// fetched reads from a cursor and returns the tag and the ids.
func fetched(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	rows, err := conn.Query(testContext(t), sql)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id int, err error) {
		var name string
		return id, row.Scan(&id, &name)
	})
	if err != nil {
		return code(err)
	}
	return fmt.Sprint(rows.CommandTag(), ids)
}

// A cursor over the nodes of two servers is merged as it is read, and each FETCH of protected columns has its event.
func TestCursorOverTwoServers(t *testing.T) {
	g := shopGateway(t)
	g.planner.plans["all"].Touched = g.planner.plans["select"].Touched
	conn := g.connect(t)
	for id := range 6 {
		mustExec(t, conn, "insert", id, "item")
	}
	mustExec(t, conn, "BEGIN")
	mustExec(t, conn, "DECLARE c FOR all")
	mustExec(t, conn, "insert", 6, "later")
	for _, want := range []string{"FETCH 2 [0 1]", "FETCH 2 [2 3]", "FETCH 2 [4 5]", "FETCH 0 []"} {
		if got := fetched(t, conn, "FETCH 2 c"); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
	mustExec(t, conn, "COMMIT")
	if n := len(g.events.kinds(audit.KindStatement)); n != 4 {
		t.Errorf("%d events", n)
	}
	if got := fetched(t, conn, "FETCH 2 c"); got != "34000" {
		t.Error(got)
	}
}

// What cursors hold in memory has a limit, for all cursors of a session together; beyond it the transaction is not committed.
func TestHeldCursorsAreBounded(t *testing.T) {
	g := shopGateway(t)
	runner, err := execute.NewRunner(execute.Options{Database: g.database.Policy, Clock: shard.SystemClock{},
		Limits: execute.Limits{MergeBytes: 400}})
	if err != nil {
		t.Fatal(err)
	}
	g.database.Runner = runner
	g.planner.plans["one by one"] = withoutMerge(g.planner.plans["all"])
	conn := g.connect(t)
	for id := range 10 {
		mustExec(t, conn, "insert", id, "item")
	}
	mustExec(t, conn, "DECLARE first HOLD FOR one by one")
	mustExec(t, conn, "BEGIN")
	mustExec(t, conn, "insert", 10, "later")
	mustExec(t, conn, "DECLARE second HOLD FOR one by one")
	if _, err := conn.Exec(testContext(t), "COMMIT"); code(err) != "54000" {
		t.Error(err)
	}
	if got := fetched(t, conn, "FETCH 1 second"); got != "34000" {
		t.Error(got)
	}
	if got := fetched(t, conn, "FETCH 11 first"); got != "FETCH 10 [0 2 4 6 8 1 3 5 7 9]" {
		t.Error(got)
	}
	if got := names(t, conn); len(got) != len("[item item item item item item item item item item]") {
		t.Error("the transaction was committed: " + got)
	}
	mustExec(t, conn, "BEGIN")
	if _, err := conn.Exec(testContext(t), "DECLARE third SCROLL FOR one by one"); code(err) != "54000" {
		t.Error(err)
	}
}

func withoutMerge(plan *rewrite.Plan) *rewrite.Plan {
	other := *plan
	other.Merge.Kind, other.Merge.Order = rewrite.MergeNone, nil
	return &other
}
