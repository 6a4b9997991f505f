package gateway

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var modes = []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe,
	pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol}

func insertCustomers(t testing.TB, conn *pgx.Conn, n int) {
	t.Helper()
	ctx := testContext(t)
	pipeline := conn.PgConn().StartPipeline(ctx)
	for i := 1; i <= n; i++ {
		pipeline.SendQueryParams("INSERT INTO customers (id, name, email, ssn, phone, birth_date, balance, points)"+
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", params(i, fmt.Sprintf("name %d", i), fmt.Sprintf("user%d@example.com", i),
			fmt.Sprintf("%03d-00-%04d", i, i), fmt.Sprintf("+49 30 %d", i), "1980-01-02", fmt.Sprintf("%d.50", i), i),
			nil, nil, nil)
		if err := pipeline.Sync(); err != nil { // each row may lie on another server
			t.Fatal(err)
		}
		for range 2 {
			result, err := pipeline.GetResults()
			if reader, ok := result.(*pgconn.ResultReader); ok {
				_, err = reader.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := pipeline.Close(); err != nil {
		t.Fatal(err)
	}
}

func params(values ...any) [][]byte {
	texts := make([][]byte, len(values))
	for i, v := range values {
		texts[i] = fmt.Append(nil, v)
	}
	return texts
}

func TestTheWholeWay(t *testing.T) {
	s := newShop(t)
	app, carol := s.connect("app"), s.connect("carol")
	insertCustomers(t, app, 20)
	for _, mode := range modes {
		got := rows(t, app, "SELECT name, email, birth_date, balance FROM customers WHERE id = $1", mode, 7)
		if got != "name 7 user7@example.com 1980-01-02 7.50" {
			t.Errorf("%v: by id: %q", mode, got)
		}
		if got := rows(t, app, "SELECT id FROM customers WHERE email = $1", mode, "USER7@example.com"); got != "7" {
			t.Errorf("%v: by e-mail: %q", mode, got)
		}
		got = rows(t, carol, "SELECT ssn, email, phone FROM customers WHERE id = $1", mode, 7)
		if !strings.HasPrefix(got, "***-**-0007") || strings.Contains(got, "user7") || !strings.HasSuffix(got, "<null>") {
			t.Errorf("%v: masked: %q", mode, got)
		}
		if got := rows(t, app, "SELECT id FROM customers ORDER BY id DESC LIMIT 3 OFFSET $1", mode, 1); got != "19\n18\n17" {
			t.Errorf("%v: over all shards: %q", mode, got)
		}
		if got := rows(t, app, "SELECT count(*), sum(points), min(points), max(points) FROM customers WHERE points > $1", mode, 10); got != "10 155 11 20" {
			t.Errorf("%v: aggregates: %q", mode, got)
		}
	}
}

func TestShardsHoldSealedBytesOnly(t *testing.T) {
	s := newShop(t)
	app := s.connect("app")
	insertCustomers(t, app, 8)
	count := 0
	for suffix, tables := range map[string][]string{"_0": {"customers_0", "customers_1"}, "_1": {"customers_2", "customers_3"}} {
		direct := s.direct(suffix)
		for _, table := range tables {
			got := rows(t, direct, "SELECT id, encode(email::bytea, 'hex') FROM "+table)
			count += len(strings.Split(got, "\n"))
			if strings.Contains(got, hex.EncodeToString([]byte("example.com"))) {
				t.Errorf("%s holds clear text", table)
			}
		}
	}
	if count != 8 {
		t.Errorf("%d rows on the shards", count)
	}
}

func TestTransactions(t *testing.T) {
	s := newShop(t)
	app := s.connect("app")
	ctx := testContext(t)
	insertCustomers(t, app, 4)

	mustExec(t, app, "BEGIN")
	mustExec(t, app, "UPDATE customers SET name = 'changed' WHERE id = 1")
	if got := rows(t, app, "SELECT name FROM customers WHERE id = 1"); got != "changed" {
		t.Errorf("in the transaction: %q", got)
	}
	mustExec(t, app, "ROLLBACK")
	if got := rows(t, app, "SELECT name FROM customers WHERE id = 1"); got != "name 1" {
		t.Errorf("after ROLLBACK: %q", got)
	}

	mustExec(t, app, "BEGIN")
	mustExec(t, app, "UPDATE customers SET name = 'changed' WHERE id = 1")
	_, err := app.Exec(ctx, "SELECT nothing FROM customers")
	wantCode(t, err, "42703")
	_, err = app.Exec(ctx, "SELECT 1")
	wantCode(t, err, "25P02")
	if tag := mustExec(t, app, "COMMIT"); tag.String() != "ROLLBACK" {
		t.Errorf("COMMIT of a failed block: %v", tag)
	}
	if got := rows(t, app, "SELECT name FROM customers WHERE id = 1"); got != "name 1" {
		t.Errorf("after the failed block: %q", got)
	}

	mustExec(t, app, "BEGIN")
	mustExec(t, app, "UPDATE customers SET name = 'changed' WHERE id = 1")
	_, err = app.Exec(ctx, "UPDATE customers SET name = 'changed' WHERE id = 2")
	if e := wantCode(t, err, "0A000"); e.Routine != "rule:second-shard" {
		t.Errorf("rule %q", e.Routine)
	}
	mustExec(t, app, "ROLLBACK")

	// Two statements in one string are one transaction.
	_, err = app.Exec(ctx, "UPDATE customers SET name = 'changed' WHERE id = 1;"+
		" UPDATE customers SET points = 1 / (points - points) WHERE id = 1", pgx.QueryExecModeSimpleProtocol)
	wantCode(t, err, "22012")
	if got := rows(t, app, "SELECT name FROM customers WHERE id = 1"); got != "name 1" {
		t.Errorf("after the failed string: %q", got)
	}
}

func TestGeneratedKeysAndReturning(t *testing.T) {
	s := newShop(t)
	app := s.connect("app")
	seen := map[string]bool{}
	for range 20 {
		id, email, _ := strings.Cut(rows(t, app, "INSERT INTO customers (name, email) VALUES ($1, $2) RETURNING id, email",
			"n", fmt.Sprintf("a%d@b.c", len(seen))), " ")
		if seen[id] || !strings.HasSuffix(email, "@b.c") {
			t.Errorf("id %s, e-mail %s", id, email)
		}
		seen[id] = true
		if got := rows(t, app, "SELECT email FROM customers WHERE id = "+id); got != email {
			t.Errorf("id %s has e-mail %q, not %q", id, got, email)
		}
	}
}

func TestRowLimits(t *testing.T) {
	s := newShop(t)
	app := s.connect("app")
	insertCustomers(t, app, 50)
	for _, sql := range []string{"SELECT id FROM customers", "SELECT id FROM customers ORDER BY id"} {
		// pgx does not set row limits: the raw protocol does.
		raw := dialRaw(t, s)
		raw.parse("", sql)
		raw.bind("p", "")
		total := 0
		for {
			raw.execute("p", 7)
			raw.flush()
			n, suspended := raw.rows()
			total += n
			if !suspended {
				break
			}
			if n != 7 {
				t.Fatalf("%d rows, not 7", n)
			}
		}
		raw.sync()
		if total != 50 {
			t.Errorf("%s: %d rows", sql, total)
		}
	}
}

func TestAuditAndLogsHoldNoValues(t *testing.T) {
	s := newShop(t)
	app, carol := s.connect("app"), s.connect("carol")
	insertCustomers(t, app, 3)
	const canary = "canary-4711"
	ctx := testContext(t)
	_, _ = app.Exec(ctx, "INSERT INTO customers (id, name, email) VALUES (99, 'x', '"+canary+"')", pgx.QueryExecModeSimpleProtocol)
	_, _ = app.Exec(ctx, "INSERT INTO customers (id, name, email) VALUES (99, 'x', $1)", canary)
	_, _ = app.Exec(ctx, "SELECT id FROM customers WHERE birth_date = '"+canary+"'", pgx.QueryExecModeSimpleProtocol)
	_, _ = carol.Exec(ctx, "SELECT id FROM customers WHERE ssn LIKE '"+canary+"'", pgx.QueryExecModeSimpleProtocol)
	_, err := carol.Exec(ctx, "SELECT id FROM customers WHERE ssn LIKE '1%'")
	wantCode(t, err, "42501")
	audit, err := os.ReadFile(filepath.Join(s.folder, "audit.jsonl"))
	s.must(err)
	for where, text := range map[string]string{"audit log": string(audit), "log": s.log.String()} {
		if strings.Contains(text, canary) {
			t.Errorf("the %s holds a value", where)
		}
	}
	for _, want := range []string{`"kind":"session"`, `"kind":"statement"`, `"kind":"refusal"`} {
		if !strings.Contains(string(audit), want) {
			t.Errorf("the audit log has no %s", want)
		}
	}
	server, err := os.ReadFile(cluster.LogPath())
	s.must(err)
	if strings.Contains(string(server), canary) {
		t.Error("the servers' log holds a value")
	}
}

func TestShutdownLetsTransactionsEnd(t *testing.T) {
	s := newShop(t)
	app := s.connect("app")
	insertCustomers(t, app, 1)
	mustExec(t, app, "BEGIN")
	mustExec(t, app, "UPDATE customers SET name = 'last' WHERE id = 1")
	done := make(chan error)
	go func() { done <- s.gateway.Shutdown(context.Background()) }()
	mustExec(t, app, "COMMIT")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := <-s.served; err != ErrClosed {
		t.Errorf("Serve returned %v", err)
	}
}
