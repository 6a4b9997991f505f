package e2e_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// parts are the numbers of rows that a portal is asked for, one Execute after the other.
var parts = []uint32{2, 3, 1, 0, 1}

// byParts reads the portals of all written statements without parameters by parts, also beyond their end, and compares
// the kinds of messages, the tags and the rows. The connections are good for nothing else afterwards.
func (o *oracle) byParts(t *testing.T) {
	plain, gateway := o.hijack(t, o.plain), o.hijack(t, o.gateway)
	files, err := filepath.Glob(filepath.Join("testdata", "oracle", "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, c := range readOracle(t, file) {
			if len(c.sql) == 1 && len(c.params) == 0 && c.refused == "" && c.differs == "" {
				for _, format := range []int16{0, 1} {
					c.compareParts(t, readByParts(plain, c.sql[0], format), readByParts(gateway, c.sql[0], format))
				}
			}
		}
	}
}

func (o *oracle) hijack(t *testing.T, conn *pgconn.PgConn) *pgproto3.Frontend {
	t.Helper()
	hijacked, err := conn.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hijacked.Conn.Close() })
	if _, err := exchange(hijacked.Frontend, &pgproto3.Query{String: "SELECT 1"}); err != nil {
		t.Fatal(err)
	}
	return hijacked.Frontend
}

// exchange sends messages and returns the answers up to ReadyForQuery, one line each: the kind and what counts of it.
func exchange(frontend *pgproto3.Frontend, messages ...pgproto3.FrontendMessage) ([]string, error) {
	for _, m := range messages {
		frontend.Send(m)
	}
	if err := frontend.Flush(); err != nil {
		return nil, err
	}
	var out []string
	for {
		m, err := frontend.Receive()
		if err != nil {
			return out, err
		}
		kind := strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
		switch m := m.(type) {
		case *pgproto3.DataRow:
			kind += fmt.Sprintf(" %q", m.Values)
		case *pgproto3.CommandComplete:
			kind += " " + string(m.CommandTag)
		case *pgproto3.ErrorResponse:
			kind += " " + m.Code
		case *pgproto3.NoticeResponse, *pgproto3.ParameterStatus:
			continue
		case *pgproto3.ReadyForQuery:
			return append(out, kind+" "+string(m.TxStatus)), nil
		}
		out = append(out, kind)
	}
}

// readByParts runs a statement in a block, by a portal of its own.
func readByParts(frontend *pgproto3.Frontend, sql string, format int16) []string {
	messages := []pgproto3.FrontendMessage{
		&pgproto3.Query{String: "BEGIN"},
		&pgproto3.Parse{Query: sql},
		&pgproto3.Bind{DestinationPortal: "parts", ResultFormatCodes: []int16{format}},
		&pgproto3.Describe{ObjectType: 'P', Name: "parts"},
	}
	for _, n := range parts {
		messages = append(messages, &pgproto3.Execute{Portal: "parts", MaxRows: n})
	}
	messages = append(messages, &pgproto3.Sync{})
	if _, err := exchange(frontend, messages[0]); err != nil {
		return []string{err.Error()}
	}
	out, err := exchange(frontend, messages[1:]...)
	if err == nil {
		_, err = exchange(frontend, &pgproto3.Query{String: "ROLLBACK"})
	}
	if err != nil {
		out = append(out, err.Error())
	}
	return out
}

func (c *oracleCase) compareParts(t *testing.T, want, got []string) {
	t.Helper()
	isError := func(line string) bool { return strings.HasPrefix(line, "ErrorResponse") }
	if i := slices.IndexFunc(want, isError); i >= 0 {
		if j := slices.IndexFunc(got, isError); j < 0 || want[i] != got[j] && !atEnd(want, i) {
			t.Errorf("%s: gateway answers\n  %s\nPostgreSQL\n  %s\n%s", c.place, strings.Join(got, "\n  "), strings.Join(want, "\n  "), c.sql[0])
		}
		return
	}
	row := func(line string) bool { return strings.HasPrefix(line, "DataRow") }
	wantRows, gotRows := filter(want, row), filter(got, row)
	if !c.ordered {
		slices.Sort(wantRows)
		slices.Sort(gotRows)
	}
	if !c.counted && !slices.Equal(wantRows, gotRows) {
		t.Errorf("%s: %s\n%s", c.place, c.sql[0], firstDifference(gotRows, wantRows))
	}
	kinds := func(lines []string) []string {
		out := make([]string, len(lines))
		for i, line := range lines {
			if out[i] = line; row(line) {
				out[i] = "DataRow"
			}
		}
		return out
	}
	if w, g := kinds(want), kinds(got); !slices.Equal(w, g) {
		t.Errorf("%s: gateway answers\n  %s\nPostgreSQL\n  %s\n%s", c.place, strings.Join(g, "\n  "), strings.Join(w, "\n  "), c.sql[0])
	}
}

// atEnd reports that an error came behind the answer, from asking a portal that has none left.
func atEnd(lines []string, at int) bool {
	return at > 0 && strings.HasPrefix(lines[at-1], "CommandComplete")
}

func filter(lines []string, keep func(string) bool) (out []string) {
	for _, line := range lines {
		if keep(line) {
			out = append(out, line)
		}
	}
	return out
}

// again executes one prepared statement with many values, which share a plan.
func (o *oracle) again(t *testing.T) {
	ctx := context.Background()
	for _, again := range []struct {
		sql    string
		values []string // "-" for NULL
	}{
		{"SELECT id, email, balance FROM customers WHERE id = $1", []string{"1", "2", "-", "-1", "424242", "9223372036854775807", "0", "5"}},
		{"SELECT id FROM customers WHERE id IN ($1, 5)", []string{"1", "5", "-", "-1", "424242", "9"}},
		{"SELECT id FROM customers WHERE ssn = $1", []string{"é", "", "-", "123-45-6789", "none", "é"}},
		{"SELECT id FROM customers WHERE ssn <> $1 ORDER BY id", []string{"é", "", "-", "123-45-6789", "none"}},
		{"SELECT id FROM customers ORDER BY id LIMIT $1", []string{"1", "0", "-", "100", "-5", "2"}},
		{"SELECT id FROM customers ORDER BY id OFFSET $1", []string{"1", "0", "-", "100", "-5", "2"}},
		{"SELECT count(*), sum(amount) FROM orders WHERE customer_id = $1", []string{"1", "-", "424242", "5", "3"}},
		{"SELECT count(*), sum(amount) FROM orders WHERE amount > $1", []string{"1", "-", "1e20", "0.005", "NaN", "x", "1"}},
	} {
		for _, conn := range []*pgconn.PgConn{o.plain, o.gateway} {
			if _, err := conn.Prepare(ctx, "again", again.sql, nil); err != nil {
				t.Fatal(err)
			}
		}
		for _, value := range again.values {
			params := [][]byte{[]byte(value)}
			if value == "-" {
				params[0] = nil
			}
			want, got := &answer{}, &answer{}
			want.take(o.plain.ExecPrepared(ctx, "again", params, nil, nil).Read())
			got.take(o.gateway.ExecPrepared(ctx, "again", params, nil, nil).Read())
			c := &oracleCase{place: fmt.Sprintf("$1 = %s", value), sql: []string{again.sql}, ordered: strings.Contains(again.sql, "ORDER BY")}
			c.judge(t, "again", want, got)
		}
		for _, conn := range []*pgconn.PgConn{o.plain, o.gateway} {
			if err := conn.Deallocate(ctx, "again"); err != nil {
				t.Fatal(err)
			}
		}
	}
}
