package gateway

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// What several nodes answer together is what one PostgreSQL answers that has all rows.
func TestMergesAsPostgreSQLDoes(t *testing.T) {
	s := newShop(t)
	app, one := s.connect("app"), s.direct("")
	mustExec(t, one, "CREATE TEMP TABLE samples (id bigint, i2 smallint, i4 int, i8 bigint, n numeric, f4 real, f8 float8, b bool,"+
		" d date, ts timestamp, tz timestamptz, u uuid, t text COLLATE \"C\", s text)")
	for _, c := range []*pgx.Conn{app, one} {
		mustExec(t, c, "SET TIME ZONE 'Asia/Kathmandu'")
	}
	random := rand.New(rand.NewPCG(1, 2))
	const rowsTotal = 120
	for id := range rowsTotal {
		sql := "INSERT INTO samples (id, i2, i4, i8, n, f4, f8, b, d, ts, tz, u, t, s) VALUES (" + strings.Join(sample(random, id), ", ") + ")"
		for _, c := range []*pgx.Conn{app, one} {
			mustExec(t, c, sql, pgx.QueryExecModeSimpleProtocol)
		}
	}
	for _, sql := range mergedQueries(random) {
		for _, mode := range modes {
			want, err := tryRows(t, one, sql, mode)
			if err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			got, err := tryRows(t, app, sql, mode)
			if err != nil {
				t.Errorf("%s: %v", sql, err)
				break
			}
			if got != want {
				t.Errorf("%v: %s:\n%s\nnot\n%s", mode, sql, got, want)
				break
			}
		}
	}
}

// What cannot be answered is the error that PostgreSQL gives, also where several nodes are asked.
func TestMergeErrors(t *testing.T) {
	s := newShop(t)
	app := s.connect("app")
	for sql, code := range map[string]string{
		"SELECT id FROM samples ORDER BY id LIMIT -1":  "2201W",
		"SELECT id FROM samples ORDER BY id OFFSET -1": "2201X",
		"SELECT id FROM samples WHERE id = 1 LIMIT -1": "2201W",
		"SELECT id FROM samples WHERE id = 'one'":      "22P02",
		"INSERT INTO samples (id) VALUES (1), (2)":     "0A000",
		"INSERT INTO samples (id) VALUES (NULL)":       "23502",
		"UPDATE samples SET i4 = 1":                    "0A000",
	} {
		for _, mode := range modes {
			_, err := tryRows(t, app, sql, mode)
			if e := wantCode(t, err, code); e == nil {
				t.Errorf("%s: no error", sql)
			}
		}
	}
	mustExec(t, app, "INSERT INTO samples (id, i8) VALUES (1, 9223372036854775807)")
	mustExec(t, app, "INSERT INTO samples (id, i8) VALUES (2, 9223372036854775807)")
	if got := rows(t, app, "SELECT sum(i8) FROM samples"); got != "18446744073709551614" {
		t.Errorf("sum %q", got)
	}
}

// Groups that need more memory than the limit are an error, and the session goes on.
func TestMergeMemoryIsBounded(t *testing.T) {
	s := newShopWith(t, Options{}, "audit:", "limits: {merge_bytes: 64kB}\naudit:")
	app := s.connect("app")
	for id := range 12 {
		mustExec(t, app, "INSERT INTO samples (id, t) VALUES ($1, $2)", id, strings.Repeat(fmt.Sprint(id), 10_000))
	}
	_, err := tryRows(t, app, "SELECT t, count(*) FROM samples GROUP BY t")
	wantCode(t, err, "54000")
	if got := rows(t, app, "SELECT count(*) FROM samples"); got != "12" {
		t.Errorf("afterwards: %q", got)
	}
}

// Where each node has a connection of its own, the rows that LIMIT leaves over are not taken for the answer to the next
// statement of the transaction.
func TestLimitLeavesConnectionsFree(t *testing.T) {
	s := newShopWith(t, Options{},
		"algorithms:\n", "algorithms:\n      by_half: {type: MOD, props: {sharding-count: 2}}\n",
		"nodes: \"ds_0.samples_${0..1},ds_1.samples_${2..3}\"\n        shard: {column: id, algorithm: by_customer}",
		"nodes: \"ds_0.samples_0,ds_1.samples_1\"\n        shard: {column: id, algorithm: by_half}")
	app := s.connect("app")
	for id := range 40 {
		mustExec(t, app, "INSERT INTO samples (id, i4) VALUES ($1, $2)", id, id)
	}
	for _, mode := range modes {
		mustExec(t, app, "BEGIN")
		mustExec(t, app, "UPDATE samples SET i4 = i4 + 1 WHERE id = 1")
		for _, limit := range []string{"5", "0", "40"} {
			got, err := tryRows(t, app, "SELECT id FROM samples ORDER BY id LIMIT "+limit, mode)
			if err != nil || limit != "0" && !strings.HasPrefix(got, "0\n1\n2\n3\n4") {
				t.Fatalf("%v: LIMIT %s: %q, %v", mode, limit, got, err)
			}
		}
		mustExec(t, app, "COMMIT")
	}
}

// sample makes the values of a row, many of them equal and some NULL.
func sample(r *rand.Rand, id int) []string {
	or := func(format string, args ...any) string {
		if r.IntN(8) == 0 {
			return "NULL"
		}
		return fmt.Sprintf(format, args...)
	}
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	return []string{fmt.Sprint(id), or("%d", r.IntN(20)-10), or("%d", r.IntN(2000)-1000), or("%d", r.Int64N(1<<60)),
		or("%s", pick("1.0", "1.00", "-1", "0", "0.00", "12345678901234567890.123", "-0.001", "'NaN'", "1e20", "99.5")),
		or("%s", pick("1.5", "-2.25", "'NaN'", "'Infinity'", "0", "1e10")),
		or("%s", pick("1.1", "-2.2", "'NaN'", "'-Infinity'", "0", "1e100", "123456789.123")),
		or("%s", pick("true", "false")), or("'%s'", pick("2020-01-31", "1999-12-31", "infinity", "0044-03-15 BC", "2020-02-01")),
		or("'%s'", pick("2020-01-31 10:00:00.5", "1999-12-31 23:59:59", "-infinity", "2020-01-31 10:00:00")),
		or("'%s'", pick("2020-01-31 10:00:00.5+00", "1999-12-31 23:59:59+02", "2020-06-01 00:00:00-07")),
		or("'%08x-0000-4000-8000-000000000000'", r.IntN(1<<31)), or("'%s'", pick("a", "B", "ä", "", "zz", "Z", "a b")),
		or("'secret %d'", id)}
}

func mergedQueries(r *rand.Rand) []string {
	queries := []string{
		"SELECT count(*), count(i4), sum(i2), sum(i4), sum(i8), sum(n) FROM samples WHERE n IS NULL OR n <> 'NaN'",
		"SELECT sum(n) FROM samples",
		"SELECT min(i2), max(i4), min(i8), max(n), min(d), max(ts), min(tz) FROM samples",
		"SELECT count(*), sum(i4), min(d) FROM samples WHERE id < 0",
		"SELECT i2, count(*), sum(i8), max(tz) FROM samples GROUP BY i2 ORDER BY i2",
		"SELECT i2, count(*) FROM samples GROUP BY i2 ORDER BY i2 DESC LIMIT 3 OFFSET 2",
		"SELECT b, d, count(*) FROM samples GROUP BY b, d ORDER BY d DESC, b NULLS FIRST",
		"SELECT id, s FROM samples ORDER BY id LIMIT 10",
		"SELECT id FROM samples WHERE s = 'secret 17'",
		"SELECT id FROM samples WHERE id IN (3, 5, 1000, 8) ORDER BY id",
		"SELECT id FROM samples WHERE id = 3 OR id = 4 ORDER BY id DESC",
		"SELECT id FROM samples WHERE id = 3 AND id = 4",
		"SELECT id FROM samples WHERE id = NULL",
		"SELECT id FROM samples WHERE id = 99999999999999999999",
		"SELECT id FROM samples ORDER BY id LIMIT 0",
		"SELECT id FROM samples ORDER BY id LIMIT NULL OFFSET 115",
		"SELECT id FROM samples ORDER BY id OFFSET 9223372036854775807 LIMIT 9223372036854775807",
	}
	for _, column := range []string{"i2", "i4", "i8", "n", "b", "d", "ts", "tz", "u", "t"} {
		for _, order := range []string{"", " DESC", " NULLS FIRST", " DESC NULLS LAST"} {
			queries = append(queries, fmt.Sprintf("SELECT %s, id FROM samples ORDER BY %s%s, id LIMIT %d OFFSET %d", column, column,
				order, r.IntN(60), r.IntN(60)))
		}
		queries = append(queries, fmt.Sprintf("SELECT id FROM samples ORDER BY %s, id DESC", column))
	}
	return queries
}
