package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// canary is a value that stands nowhere by chance.
const canary = "CANARY-7f3a9c-Zebra"

// forms are the ways in which a value may be written somewhere.
func forms(value string) map[string]string {
	return map[string]string{"clear": value, "hex": hex.EncodeToString([]byte(value)),
		"base64":       strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(value)), "="),
		"base64 url":   strings.TrimRight(base64.URLEncoding.EncodeToString([]byte(value)), "="),
		"escaped utf8": strings.ReplaceAll(value, "-", `\x2d`)}
}

// search reports each form of the canary in a text, in any case of letters but for base64.
func search(t *testing.T, where, text string) {
	t.Helper()
	for form, needle := range forms(canary) {
		haystack := text
		if !strings.HasPrefix(form, "base64") {
			haystack, needle = strings.ToLower(text), strings.ToLower(needle)
		}
		if i := strings.Index(haystack, needle); i >= 0 {
			t.Errorf("%s holds the canary in %s: ...%.80q", where, form, text[max(0, i-60):i])
		}
	}
}

// TestCanary sends a protected value through every kind of statement, and every kind of failure, in every mode of the
// protocol, and then looks for it everywhere: dumps and logs of servers, activity views, the gateway's log, the audit
// log, error texts, and what support was given.
func TestCanary(t *testing.T) {
	s := theShop(t)
	ctx := context.Background()
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			app, support := s.connect(t, "app", mode), s.connect(t, "support", mode)
			id := insert(t, app, canary+name, canary)
			for _, step := range []struct {
				sql  string
				args []any
			}{
				{"SELECT id FROM customers WHERE email = $1", []any{canary + name}},
				{"SELECT id FROM customers WHERE ssn = $1 AND email IN ($1, $2)", []any{canary, canary + name}},
				{"UPDATE customers SET ssn = $1, phone = $1 WHERE id = $2 RETURNING ssn", []any{canary, id}},
				{"UPDATE customers SET ssn = $1 WHERE ssn = $1 AND id = $2", []any{canary, id}},
				{"DELETE FROM customers WHERE ssn = $1 AND id = $2", []any{canary, id + 1}},
				{fmt.Sprintf("SELECT id FROM customers WHERE email = '%s'", canary), nil},
				{fmt.Sprintf("UPDATE customers SET ssn = '%s' WHERE id = %d", canary, id), nil},
				{fmt.Sprintf("INSERT INTO customers (name, email, ssn) VALUES ('x', E'\\x43%s', $$%s$$)", canary[1:], canary), nil},
				{fmt.Sprintf("SELECT id FROM customers WHERE ssn IN ('a', '%s'::text, U&'%s')", canary, canary), nil},
				{"PREPARE by_ssn (text) AS SELECT id, ssn FROM customers WHERE ssn = $1", nil},
				{fmt.Sprintf("EXECUTE by_ssn ('%s')", canary), nil},
				{fmt.Sprintf("EXECUTE by_ssn ('%s'::varchar)", canary), nil},
				{fmt.Sprintf("PREPARE fixed AS UPDATE customers SET phone = '%s' WHERE id = $1", canary), nil},
				{fmt.Sprintf("EXECUTE fixed (%d)", id), nil},
				{"PREPARE birth (date) AS UPDATE customers SET birth_date = $1 WHERE id = 1", nil},
				{fmt.Sprintf("DECLARE held CURSOR WITH HOLD FOR SELECT id, ssn FROM customers WHERE ssn = '%s'", canary), nil},
				{"FETCH ALL FROM held", nil},
				{"CLOSE held", nil},
			} {
				if _, err := app.Exec(ctx, step.sql, step.args...); err != nil {
					t.Errorf("%.60s: %v", strings.ReplaceAll(step.sql, canary, "?"), err)
				}
			}
			for _, step := range []struct {
				conn *pgx.Conn
				sql  string
				args []any
			}{
				{app, "SELECT id FROM customers WHERE upper(ssn) = $1", []any{canary}},
				{app, "SELECT id FROM customers WHERE ssn LIKE $1", []any{canary}},
				{app, "UPDATE customers SET balance = $1 WHERE id = $2", []any{canary, id}},
				{app, "UPDATE customers SET birth_date = $1 WHERE id = $2", []any{canary, id}},
				{app, "SELECT id FROM customers WHERE email = $1 OR upper(ssn) = $1", []any{canary}},
				{app, "INSERT INTO customers (id, name, email, ssn) VALUES ($1, 'x', $2, $2)", []any{id, canary}},
				{app, "INSERT INTO customers (name, email, ssn) VALUES (NULL, $1, $1)", []any{canary}},
				{app, "SELECT id FROM customers WHERE nosuch = $1", []any{canary}},
				{app, fmt.Sprintf("SELECT '%s' FROM customers WHERE nosuch = 1", canary), nil},
				{app, fmt.Sprintf("UPDATE customers SET birth_date = '%s' WHERE id = 1", canary), nil},
				{app, fmt.Sprintf("UPDATE customers SET ssn = lower('%s') WHERE id = 1", canary), nil},
				{app, fmt.Sprintf("SELECT * FROM customers WHERE ssn = '%s", canary), nil},
				{app, fmt.Sprintf("SELECT * FROM customers WHERE ssn == '%s'", canary), nil},
				{app, fmt.Sprintf("SELECT ssn '%s' FROM customers", canary), nil},
				{app, fmt.Sprintf("INSERT INTO customers (name, email) VALUES ('x', '%s', 3)", canary), nil},
				{app, fmt.Sprintf("CALL p('%s')", canary), nil},
				{app, fmt.Sprintf("COMMENT ON TABLE customers IS '%s'", canary), nil},
				{app, fmt.Sprintf("EXECUTE s('%s')", canary), nil},
				{app, fmt.Sprintf("EXECUTE birth ('%s')", canary), nil},
				{app, fmt.Sprintf("EXECUTE birth (lower('%s'))", canary), nil},
				{app, fmt.Sprintf("EXECUTE birth ('%s'::int)", canary), nil},
				{app, fmt.Sprintf("PREPARE s AS SELECT id FROM customers WHERE upper(ssn) = '%s'", canary), nil},
				{app, fmt.Sprintf("DECLARE c CURSOR FOR SELECT id FROM customers WHERE ssn = '%s'", canary), nil},
				{app, fmt.Sprintf("DECLARE c CURSOR WITH HOLD FOR SELECT id FROM customers WHERE upper(ssn) = '%s'", canary), nil},
				{app, fmt.Sprintf("SELECT set_config('TimeZone', '%s', false)", canary), nil},
				{app, fmt.Sprintf("SELECT current_setting('%s')", canary), nil},
				{app, fmt.Sprintf("SELECT pg_notify(ssn, '%s') FROM customers", canary), nil},
				{support, fmt.Sprintf("NOTIFY c, '%s'", canary), nil},
				{support, fmt.Sprintf("SELECT pg_notify('c', '%s')", canary), nil},
				{app, fmt.Sprintf("DO '%s'", canary), nil},
				{app, fmt.Sprintf("SET DateStyle TO '%s'", canary), nil},
				{app, fmt.Sprintf("COPY (SELECT '%s') TO STDOUT", canary), nil},
				{support, fmt.Sprintf("SELECT name FROM customers WHERE ssn = '%s'", canary), nil},
				{support, "SELECT name FROM customers WHERE ssn = $1", []any{canary}},
				{support, fmt.Sprintf("UPDATE customers SET ssn = '%s' WHERE id = 1", canary), nil},
			} {
				_, err := step.conn.Exec(ctx, step.sql, step.args...)
				if err == nil {
					t.Errorf("%.60s succeeded", strings.ReplaceAll(step.sql, canary, "?"))
					continue
				}
				search(t, "an error text", fmt.Sprintf("%#v %v", err, err))
				if _, err := step.conn.Exec(ctx, "SELECT 1"); err != nil {
					t.Errorf("after %.60s the connection is not usable: %v", strings.ReplaceAll(step.sql, canary, "?"), err)
				}
			}
			rows, err := support.Query(ctx, "SELECT email, ssn, phone FROM customers WHERE id = $1", id)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				values, _ := rows.Values()
				search(t, "what support reads", fmt.Sprint(values...))
			}
			if err := rows.Err(); err != nil {
				t.Error(err)
			}
			s.searchActivity(t)
		})
	}
	s.searchDumps(t)
	search(t, "the gateway's log", s.log.String())
	for _, c := range s.clusters {
		text, err := os.ReadFile(c.LogPath())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), `INSERT INTO public."customers_`) {
			t.Error("the server's log holds no statement of the gateway: the search proves nothing")
		}
		search(t, "a server's log", string(text))
	}
	audit, err := os.ReadFile(filepath.Join(s.dir, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(audit), "customers") {
		t.Error("the audit log holds no event of the table: the search proves nothing")
	}
	search(t, "the audit log", string(audit))
}

// searchActivity looks at what the servers show of the gateway's connections.
func (s *shop) searchActivity(t *testing.T) {
	t.Helper()
	for _, c := range s.clusters {
		conn, err := pgx.Connect(context.Background(), c.URL("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := conn.Query(context.Background(), "SELECT coalesce(query, '') || ' ' || coalesce(application_name, '') FROM pg_stat_activity")
		if err != nil {
			t.Fatal(err)
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		search(t, "pg_stat_activity", strings.Join(texts, "\n"))
		conn.Close(context.Background())
	}
}

// searchDumps looks through dumps of every database, and of the roles.
func (s *shop) searchDumps(t *testing.T) {
	t.Helper()
	for i, c := range s.clusters {
		for _, database := range []string{"shop", fmt.Sprintf("shop_%d", i)} {
			if i == 1 && database == "shop" {
				continue
			}
			out, err := exec.Command(c.Binaries.Path("pg_dump"), "-d", c.URL(database)).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %.300s", err, out)
			}
			if !strings.Contains(string(out), "customers") {
				t.Error("the dump holds no customers: the search proves nothing")
			}
			search(t, "a dump of "+database, string(out))
		}
	}
}
