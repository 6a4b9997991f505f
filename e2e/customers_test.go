package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// modes are all the ways in which pgx sends a query: prepared and cached, described and cached, described each time,
// unnamed with text parameters, and the simple protocol.
var modes = map[string]pgx.QueryExecMode{
	"cache-statement": pgx.QueryExecModeCacheStatement,
	"cache-describe":  pgx.QueryExecModeCacheDescribe,
	"describe-exec":   pgx.QueryExecModeDescribeExec,
	"exec":            pgx.QueryExecModeExec,
	"simple":          pgx.QueryExecModeSimpleProtocol,
}

// eachMode runs a test in each mode, with a connection of the application and one of support.
func eachMode(t *testing.T, test func(t *testing.T, s *shop, app, support *pgx.Conn)) {
	s := theShop(t)
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) { test(t, s, s.connect(t, "app", mode), s.connect(t, "support", mode)) })
	}
}

// unique makes a value that no other test uses.
func unique(t *testing.T, prefix string) string {
	return fmt.Sprintf("%s-%s-%d", prefix, strings.ReplaceAll(strings.ToLower(t.Name()), "/", "-"), time.Now().UnixNano())
}

// sqlState returns the SQLSTATE of an error, "" if it has none.
func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

func refused(t *testing.T, err error, code, rule string) {
	t.Helper()
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != code {
		t.Fatalf("got %v, want SQLSTATE %s", err, code)
	}
	if rule != "" && pg.Routine != "rule:"+rule {
		t.Fatalf("got rule %q (%s), want %q", pg.Routine, pg.Message, rule)
	}
}

// TestCustomer walks one row through insert, select by id and by e-mail, update and delete.
func TestCustomer(t *testing.T) {
	eachMode(t, func(t *testing.T, s *shop, app, support *pgx.Conn) {
		ctx := context.Background()
		email, ssn := unique(t, "ada")+"@example.com", "123-45-6789"
		var id int64
		err := app.QueryRow(ctx, `INSERT INTO customers (name, email, ssn, phone, birth_date, balance, city, country)
			VALUES ($1, $2, $3, $4, $5, $6, 'Berlin', 'DE') RETURNING id`,
			"Ada", email, ssn, "+49 30 1234", "1990-01-02", "12.50").Scan(&id)
		if err != nil {
			t.Fatal(err)
		}
		for _, where := range []string{"id = $1", "email = $1", "email IN ($1)"} {
			argument := any(email)
			if where == "id = $1" {
				argument = id
			}
			var gotEmail, gotSSN, phone string
			var born time.Time
			var balance string
			q := "SELECT email, ssn, phone, birth_date, balance::text FROM customers WHERE " + where
			q = strings.Replace(q, "balance::text", "balance", 1)
			var numeric pgtype.Numeric
			if err := app.QueryRow(ctx, q, argument).Scan(&gotEmail, &gotSSN, &phone, &born, &numeric); err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			if text, err := numeric.Value(); err == nil {
				balance, _ = text.(string)
			}
			if gotEmail != email || gotSSN != ssn || phone != "+49 30 1234" || born.Format(time.DateOnly) != "1990-01-02" || balance != "12.50" {
				t.Fatalf("%s: application reads %q %q %q %v %q", where, gotEmail, gotSSN, phone, born, balance)
			}
			var maskedBorn *time.Time
			if err := support.QueryRow(ctx, "SELECT email, ssn, phone, birth_date FROM customers WHERE "+where, argument).
				Scan(&gotEmail, &gotSSN, &phone, &maskedBorn); err != nil {
				if where == "email IN ($1)" && sqlState(err) == "42501" {
					continue
				}
				t.Fatalf("%s: %v", where, err)
			}
			if gotEmail != "aXXX@XXXX.com" || gotSSN != "***-**-6789" || strings.Contains(phone, "30 12") || maskedBorn != nil {
				t.Fatalf("%s: support reads %q %q %q %v", where, gotEmail, gotSSN, phone, maskedBorn)
			}
		}
		rows := s.shards(t, "customers", "SELECT id, email, ssn, phone, birth_date, balance FROM %s WHERE id = $1", id)
		if len(rows) != 1 {
			t.Fatalf("the row stands on %d nodes", len(rows))
		}
		for i, cell := range rows[0][1:] {
			for _, clear := range []string{email, ssn, "30 12", "1990", "12.50"} {
				if strings.Contains(cell, clear) {
					t.Errorf("sealed column %d holds plaintext", i+1)
				}
			}
			if len(cell) < 30 || cell[0] != 1 {
				t.Errorf("column %d is not a sealed value: %q", i+1, cell)
			}
		}
		tag, err := app.Exec(ctx, "UPDATE customers SET ssn = $1, city = $2 WHERE id = $3", "999-88-7777", "Rome", id)
		if err != nil || tag.RowsAffected() != 1 {
			t.Fatalf("update: %v, %v", tag, err)
		}
		var city string
		if err := app.QueryRow(ctx, "SELECT ssn, city FROM customers WHERE id = $1", id).Scan(&ssn, &city); err != nil || ssn != "999-88-7777" || city != "Rome" {
			t.Fatalf("after the update: %q %q %v", ssn, city, err)
		}
		if tag, err = app.Exec(ctx, "DELETE FROM customers WHERE id = $1", id); err != nil || tag.RowsAffected() != 1 {
			t.Fatalf("delete: %v, %v", tag, err)
		}
		if rows := s.shards(t, "customers", "SELECT id FROM %s WHERE id = $1", id); len(rows) != 0 {
			t.Fatalf("the row is still there: %v", rows)
		}
	})
}

// insert adds a customer with given protected values and returns its id.
func insert(t *testing.T, conn *pgx.Conn, email string, ssn any) int64 {
	t.Helper()
	var id int64
	if err := conn.QueryRow(context.Background(), "INSERT INTO customers (name, email, ssn) VALUES ('x', $1, $2) RETURNING id", email, ssn).
		Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestValues: what goes in comes out, whatever it is.
func TestValues(t *testing.T) {
	values := map[string]any{
		"null":        nil,
		"empty":       "",
		"quotes":      `it's "quoted" ''twice''`,
		"backslashes": `C:\temp\n \\ \' E'\x41'`,
		"unicode":     "Ünïcödé 日本語 🙂 e\u0301",
		"long":        strings.Repeat("0123456789abcdef", 1<<16),
		"dollar":      "$1 $$ $tag$ ; DROP TABLE customers; --",
	}
	eachMode(t, func(t *testing.T, s *shop, app, support *pgx.Conn) {
		for name, value := range values {
			t.Run(name, func(t *testing.T) {
				id := insert(t, app, unique(t, "v"), value)
				var got *string
				if err := app.QueryRow(context.Background(), "SELECT ssn FROM customers WHERE id = $1", id).Scan(&got); err != nil {
					t.Fatal(err)
				}
				switch {
				case value == nil && got != nil, value != nil && (got == nil || *got != value):
					t.Fatal("the value is not the one that was stored")
				}
				if value == nil {
					var n int
					if err := support.QueryRow(context.Background(), "SELECT count(*) FROM customers WHERE id = $1 AND ssn IS NULL", id).Scan(&n); err != nil || n != 1 {
						t.Fatalf("IS NULL: %d, %v", n, err)
					}
					return
				}
				var found int64
				if err := app.QueryRow(context.Background(), "SELECT id FROM customers WHERE id = $1 AND ssn = $2", id, value).Scan(&found); err != nil || found != id {
					t.Fatalf("search by the value: %v", err)
				}
			})
		}
	})
}

// TestBadText: NUL and invalid UTF-8 are 22021, and the connection stays usable.
func TestBadText(t *testing.T) {
	s := theShop(t)
	conn := s.connect(t, "app", pgx.QueryExecModeExec)
	ctx := context.Background()
	for name, value := range map[string]string{"nul": "a\x00b", "invalid": "a\xffb", "overlong": "\xc0\x80", "surrogate": "\xed\xa0\x80"} {
		for _, q := range []string{"SELECT id FROM customers WHERE email = $1", "UPDATE customers SET ssn = $1 WHERE id = 1",
			"SELECT id FROM customers WHERE id = 1 AND name = $1"} {
			rr := conn.PgConn().ExecParams(ctx, q, [][]byte{[]byte(value)}, []uint32{25}, []int16{0}, nil).Read()
			if state := sqlState(rr.Err); state != "22021" {
				t.Errorf("%s in %s: SQLSTATE %q (%v), want 22021", name, q, state, rr.Err)
			}
		}
	}
	for _, sql := range []string{"SELECT id FROM customers WHERE email = 'a\xffb'", "SELECT 'a\xffb'"} {
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); sqlState(err) != "22021" {
			t.Errorf("invalid UTF-8 in a statement: %v, want 22021", err)
		}
	}
	var one int
	if err := conn.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil || one != 1 {
		t.Fatalf("the connection is not usable any more: %v", err)
	}
}

// TestPreparedReuse: one prepared statement, other values, other shards.
func TestPreparedReuse(t *testing.T) {
	s := theShop(t)
	ctx := context.Background()
	conn := s.connect(t, "app", pgx.QueryExecModeCacheStatement)
	byID, err := conn.Prepare(ctx, "by_id", "SELECT email FROM customers WHERE id = $1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Prepare(ctx, "by_email", "SELECT id FROM customers WHERE email = $1"); err != nil {
		t.Fatal(err)
	}
	if len(byID.ParamOIDs) != 1 || byID.ParamOIDs[0] != 20 || len(byID.Fields) != 1 || byID.Fields[0].DataTypeOID != 25 {
		t.Fatalf("described as %v %v, want logical types", byID.ParamOIDs, byID.Fields)
	}
	nodes := map[int64]bool{}
	for i := range 20 {
		email := unique(t, fmt.Sprint("p", i))
		id := insert(t, conn, email, "s")
		nodes[id%4] = true
		var gotEmail string
		var gotID int64
		if err := conn.QueryRow(ctx, "by_id", id).Scan(&gotEmail); err != nil || gotEmail != email {
			t.Fatalf("by id: %q %v", gotEmail, err)
		}
		if err := conn.QueryRow(ctx, "by_email", strings.ToUpper(email)).Scan(&gotID); err != nil || gotID != id {
			t.Fatalf("by e-mail in upper case: %d %v", gotID, err)
		}
	}
	if len(nodes) < 3 {
		t.Errorf("generated keys reach %d of 4 tables", len(nodes))
	}
}

func TestTransactions(t *testing.T) {
	eachMode(t, func(t *testing.T, s *shop, app, _ *pgx.Conn) {
		ctx := context.Background()
		count := func(email string) (n int) {
			t.Helper()
			if err := app.QueryRow(ctx, "SELECT count(*) FROM customers WHERE email = $1", email).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		rolledBack, failed, kept := unique(t, "rb"), unique(t, "failed"), unique(t, "kept")
		tx, err := app.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO customers (name, email) VALUES ('x', $1)", rolledBack); err != nil {
			t.Fatal(err)
		}
		if n := count(rolledBack); n != 1 {
			t.Fatalf("own writes are seen %d times", n)
		}
		if err := tx.Rollback(ctx); err != nil || count(rolledBack) != 0 {
			t.Fatalf("rollback: %v", err)
		}
		// An error of a shard, and one of the gateway, fail the block; COMMIT answers ROLLBACK.
		for _, bad := range []string{"SELECT 1/0", "SELECT name FROM customers WHERE ssn LIKE '1%'",
			"INSERT INTO orders (customer_id, id, amount) VALUES (1, 1, -1)"} {
			if _, err := app.Exec(ctx, "BEGIN"); err != nil {
				t.Fatal(err)
			}
			if _, err := app.Exec(ctx, "INSERT INTO customers (name, email) VALUES ('x', $1)", failed); err != nil {
				t.Fatal(err)
			}
			if _, err := app.Exec(ctx, bad); err == nil {
				t.Fatalf("%s succeeded", bad)
			}
			if _, err := app.Exec(ctx, "SELECT 1"); sqlState(err) != "25P02" {
				t.Fatalf("after %s: %v, want 25P02", bad, err)
			}
			if tag, err := app.Exec(ctx, "COMMIT"); err != nil || tag.String() != "ROLLBACK" {
				t.Fatalf("COMMIT of a failed block: %q, %v", tag, err)
			}
			if n := count(failed); n != 0 {
				t.Fatalf("after %s the block's row is there", bad)
			}
		}
		// A commit on one server.
		tx, err = app.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var id int64
		if err := tx.QueryRow(ctx, "INSERT INTO customers (name, email) VALUES ('x', $1) RETURNING id", kept).Scan(&id); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO orders (customer_id, id, amount) VALUES ($1, 1, 9.99)", id); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(ctx); err != nil || count(kept) != 1 {
			t.Fatalf("commit: %v", err)
		}
	})
}

// TestSecondServer: a transaction that would write on a second server is refused before anything is written there.
func TestSecondServer(t *testing.T) {
	s := theShop(t)
	ctx := context.Background()
	conn := s.connect(t, "app", pgx.QueryExecModeCacheStatement)
	base := time.Now().UnixNano() / 4 * 4
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO customers (id, name, email) VALUES ($1, 'x', 'a')", base); err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec(ctx, "INSERT INTO customers (id, name, email) VALUES ($1, 'x', 'b')", base+2)
	refused(t, err, "0A000", "second-shard")
	tx.Rollback(ctx)
	_, err = conn.Exec(ctx, "INSERT INTO customers (id, name, email) VALUES ($1, 'x', 'a'), ($2, 'x', 'b')", base, base+2)
	refused(t, err, "0A000", "second-shard")
	if rows := s.shards(t, "customers", "SELECT id FROM %s WHERE id >= $1 AND id <= $1 + 3", base); len(rows) != 0 {
		t.Fatalf("refused rows were written: %v", rows)
	}
}

// TestSharedParameter: one parameter may be compared with two protected columns, not with a protected and an open one.
func TestSharedParameter(t *testing.T) {
	eachMode(t, func(t *testing.T, s *shop, app, _ *pgx.Conn) {
		ctx := context.Background()
		both := unique(t, "both")
		id := insert(t, app, both, both)
		var got int64
		if err := app.QueryRow(ctx, "SELECT id FROM customers WHERE email = $1 AND ssn = $1", both).Scan(&got); err != nil || got != id {
			t.Fatalf("two protected columns: %d %v", got, err)
		}
		if app.Config().DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
			return // there each mention is a literal of its own
		}
		err := app.QueryRow(ctx, "SELECT id FROM customers WHERE email = $1 OR name = $1", both).Scan(&got)
		refused(t, err, "0A000", "mixed-parameter")
	})
}

// TestTwoStatements in one string are one transaction.
func TestTwoStatements(t *testing.T) {
	s := theShop(t)
	ctx := context.Background()
	conn := s.connect(t, "app", pgx.QueryExecModeSimpleProtocol)
	email := unique(t, "two")
	results, err := conn.PgConn().Exec(ctx, fmt.Sprintf(
		"INSERT INTO customers (id, name, email) VALUES (4004, 'x', '%s'); SELECT email FROM customers WHERE id = 4004", email)).ReadAll()
	if err != nil || len(results) != 2 || string(results[1].Rows[0][0]) != email {
		t.Fatalf("%v %v", results, err)
	}
	_, err = conn.PgConn().Exec(ctx, "DELETE FROM customers WHERE id = 4004; SELECT 1/0").ReadAll()
	if sqlState(err) != "22012" {
		t.Fatal(err)
	}
	var n int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM customers WHERE id = 4004").Scan(&n); err != nil || n != 1 {
		t.Fatalf("the error did not undo the statement before it: %d, %v", n, err)
	}
	_, err = conn.PgConn().Exec(ctx, "DELETE FROM customers WHERE id = 4004; SELEC 1").ReadAll()
	if sqlState(err) != "42601" {
		t.Fatal(err)
	}
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM customers WHERE id = 4004").Scan(&n); err != nil || n != 1 {
		t.Fatalf("a syntax error behind it did not stop the first statement: %d, %v", n, err)
	}
	if _, err := conn.Exec(ctx, "DELETE FROM customers WHERE id = 4004"); err != nil {
		t.Fatal(err)
	}
}

// TestBinary: parameters and results in binary, of every sealed type of the example.
func TestBinary(t *testing.T) {
	s := theShop(t)
	ctx := context.Background()
	conn := s.connect(t, "app", pgx.QueryExecModeCacheStatement)
	born := time.Date(1815, 12, 10, 0, 0, 0, 0, time.UTC)
	var balance pgtype.Numeric
	if err := balance.Scan("-1234567.89"); err != nil {
		t.Fatal(err)
	}
	var id int64
	if err := conn.QueryRow(ctx, "INSERT INTO customers (name, email, birth_date, balance) VALUES ('x', $1, $2, $3) RETURNING id",
		unique(t, "bin"), born, balance).Scan(&id); err != nil {
		t.Fatal(err)
	}
	for _, format := range []int16{0, 1} {
		result := conn.PgConn().ExecParams(ctx, "SELECT birth_date, balance FROM customers WHERE id = $1",
			[][]byte{fmt.Append(nil, id)}, nil, nil, []int16{format}).Read()
		if result.Err != nil || len(result.Rows) != 1 {
			t.Fatalf("%v, %d rows", result.Err, len(result.Rows))
		}
		if result.FieldDescriptions[0].DataTypeOID != pgtype.DateOID || result.FieldDescriptions[1].DataTypeOID != pgtype.NumericOID ||
			result.FieldDescriptions[0].Format != format {
			t.Errorf("described as %v", result.FieldDescriptions)
		}
		var gotBorn time.Time
		var gotBalance pgtype.Numeric
		m := conn.TypeMap()
		if err := m.Scan(pgtype.DateOID, format, result.Rows[0][0], &gotBorn); err != nil || !gotBorn.Equal(born) {
			t.Errorf("format %d: date %v %v", format, gotBorn, err)
		}
		if err := m.Scan(pgtype.NumericOID, format, result.Rows[0][1], &gotBalance); err != nil {
			t.Errorf("format %d: %v", format, err)
		}
		if v, _ := gotBalance.Value(); v != "-1234567.89" {
			t.Errorf("format %d: numeric %v", format, v)
		}
	}
}

// TestAcrossShards compares merged answers with what the rows themselves say.
func TestAcrossShards(t *testing.T) {
	s := theShop(t)
	ctx := context.Background()
	conn := s.connect(t, "app", pgx.QueryExecModeCacheStatement)
	city := unique(t, "city")
	var ids []int64
	for i := range 40 {
		var id int64
		if err := conn.QueryRow(ctx, "INSERT INTO customers (name, email, city) VALUES ('x', $1, $2) RETURNING id", unique(t, fmt.Sprint(i)), city).
			Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		if _, err := conn.Exec(ctx, "INSERT INTO orders (customer_id, id, amount, status) VALUES ($1, 1, $2, $3)", id, fmt.Sprintf("%d.25", i),
			[]string{"open", "paid"}[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	rows, _ := conn.Query(ctx, "SELECT id FROM customers WHERE city = $1 ORDER BY id DESC LIMIT 10 OFFSET 5", city)
	got, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(got) != 10 {
		t.Fatalf("%v %v", got, err)
	}
	for i, id := range got {
		if want := ids[len(ids)-1-5-i]; id != want {
			t.Errorf("row %d: id %d, want %d", i, id, want)
		}
	}
	var n int64
	var low, high int64
	if err := conn.QueryRow(ctx, "SELECT count(*), min(id), max(id) FROM customers WHERE city = $1", city).Scan(&n, &low, &high); err != nil ||
		n != 40 || low != ids[0] || high != ids[39] {
		t.Fatalf("count %d min %d max %d: %v", n, low, high, err)
	}
	var total pgtype.Numeric
	if err := conn.QueryRow(ctx, `SELECT sum(o.amount) FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.city = $1`, city).Scan(&total); err != nil {
		t.Fatal(err)
	}
	if v, _ := total.Value(); v != "790.00" {
		t.Errorf("sum %v, want 790.00", v)
	}
	grouped, _ := conn.Query(ctx, `SELECT o.status, count(*) FROM customers c JOIN orders o ON c.id = o.customer_id WHERE c.city = $1
		GROUP BY o.status`, city)
	counts := map[string]int64{}
	var status string
	if _, err := pgx.ForEachRow(grouped, []any{&status, &n}, func() error { counts[status] = n; return nil }); err != nil {
		t.Fatal(err)
	}
	if counts["open"] != 20 || counts["paid"] != 20 || len(counts) != 2 {
		t.Errorf("groups %v", counts)
	}
	var empty *string
	if err := conn.QueryRow(ctx, "SELECT count(*), max(amount) FROM orders WHERE amount < 0").Scan(&n, &empty); err != nil || n != 0 || empty != nil {
		t.Errorf("aggregates of no rows: %d %v %v", n, empty, err)
	}
}

// TestRestricted: what support may not do, by rule.
func TestRestricted(t *testing.T) {
	eachMode(t, func(t *testing.T, s *shop, app, support *pgx.Conn) {
		ctx := context.Background()
		for sql, rule := range map[string]string{
			"SELECT name FROM customers WHERE ssn LIKE '1%'":                             "masked-predicate",
			"SELECT name FROM customers WHERE ssn = '123-45-6789'":                       "masked-predicate",
			"SELECT name FROM customers ORDER BY ssn":                                    "masked-order",
			"SELECT ssn FROM customers ORDER BY 1":                                       "masked-order",
			"SELECT ssn AS s FROM customers ORDER BY s":                                  "masked-order",
			"SELECT ssn, count(*) FROM customers GROUP BY ssn":                           "masked-group",
			"SELECT min(ssn) FROM customers":                                             "masked-expression",
			"SELECT upper(ssn) FROM customers":                                           "masked-expression",
			"SELECT ssn || 'x' FROM customers":                                           "masked-expression",
			"SELECT ssn::text FROM customers":                                            "masked-expression",
			"SELECT length(x.s) FROM (SELECT ssn AS s FROM customers) x":                 "masked-expression",
			"SELECT balance FROM customers":                                              "denied-column",
			"SELECT * FROM customers":                                                    "denied-column",
			"UPDATE customers SET name = phone WHERE id = 1":                             "masked-laundering",
			"UPDATE customers SET ssn = 'x' WHERE id = 1":                                "masked-write",
			"INSERT INTO customers (name, email, ssn) VALUES ('x', 'y', 'z')":            "masked-write",
			"DELETE FROM customers WHERE ssn = 'x' AND id = 1":                           "masked-predicate",
			"UPDATE customers SET name = 'x' WHERE id = 1 RETURNING upper(ssn)":          "masked-expression",
			"SELECT c FROM customers c":                                                  "whole-row",
			"SELECT DISTINCT ssn FROM customers":                                         "distinct",
			"SELECT ssn FROM customers UNION SELECT ssn FROM customers":                  "set-operation",
			"SELECT name FROM customers WHERE EXISTS (SELECT 1 FROM customers)":          "subquery",
			"WITH x AS (SELECT ssn FROM customers) SELECT * FROM x":                      "cte",
			"SELECT name FROM customers WHERE id IN (SELECT id FROM customers)":          "subquery",
			"SELECT row_number() OVER (ORDER BY ssn) FROM customers":                     "function",
			"INSERT INTO orders (customer_id, id, amount) SELECT 1, 1, 1 FROM customers": "insert-select",
			"COPY customers TO STDOUT":                                                   "unknown-statement",
			"DO $$ BEGIN END $$":                                                         "unknown-statement",
			"SET ROLE postgres":                                                          "identity",
		} {
			_, err := support.Exec(ctx, sql)
			var pg *pgconn.PgError
			if !errors.As(err, &pg) {
				t.Errorf("%s: %v, want rule %s", sql, err, rule)
				continue
			}
			if pg.Routine != "rule:"+rule || pg.Code != "42501" && pg.Code != "0A000" {
				t.Errorf("%s: %s %s (%s), want rule %s", sql, pg.Code, pg.Routine, pg.Message, rule)
			}
		}
		var one int
		if err := support.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil {
			t.Fatal(err)
		}
	})
}
