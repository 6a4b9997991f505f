package effect

import (
	"strings"
	"testing"
)

// names of effects, as the tables below write them.
var effectNames = []struct {
	effect Effects
	name   string
}{
	{Settings, "settings"}, {Role, "role"}, {Listen, "listen"}, {Temporary, "temporary"}, {Hold, "hold"}, {Advisory, "advisory"},
	{Prepare, "prepare"}, {Execute, "execute"}, {Deallocate, "deallocate"}, {Sequences, "sequences"}, {Unknown, "unknown"},
	{Discard, "discard"}, {Clean, "clean"},
}

func (e Effects) String() string {
	var names []string
	for _, n := range effectNames {
		if e&n.effect != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, " ")
}

func TestEffects(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		// What every application does leaves nothing behind.
		{"", ""},
		{"SELECT abalance FROM pgbench_accounts WHERE aid = 4711;", ""},
		{"INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 2, 3, 4, CURRENT_TIMESTAMP)", ""},
		{"UPDATE t SET (a, b) = (1, 2) WHERE id IN (SELECT id FROM u) AND EXISTS (SELECT 1)", ""},
		{"INSERT INTO public.t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = excluded.a RETURNING (a)", ""},
		{"SELECT count(*) FILTER (WHERE x), sum(y) OVER (PARTITION BY z ORDER BY lower(w)) FROM t GROUP BY (1)", ""},
		{"WITH recent (id) AS (SELECT max(id) FROM t) SELECT * FROM recent JOIN u USING (id)", ""},
		{"SELECT * FROM (VALUES (1, 'a')) v (n, s), unnest(ARRAY[1]) AS x(y), t alias(a)", ""},
		{"SELECT a FROM t GROUP BY GROUPING SETS ((a), ()), b, c", ""},
		{"SELECT coalesce(a, nullif(b, c)), cast(d AS numeric(10, 2)), left(e, 2), extract(year from f) FROM t", ""},
		{"SELECT pg_catalog.lower('x'), now(), nextval('s'), random(), gen_random_uuid()", ""},
		{"BEGIN; COMMIT; ROLLBACK; SAVEPOINT s; RELEASE s", ""},
		{"COPY t (a, b) FROM STDIN WITH (FORMAT csv)", ""},
		{"COPY (SELECT a FROM t) TO STDOUT", ""},
		{"CREATE TABLE IF NOT EXISTS shop.t (id int PRIMARY KEY, a varchar(20) REFERENCES u (id), UNIQUE (a))", ""},
		{"CREATE INDEX ON t (a)", "unknown"}, // the table could be a function: asking once more costs little
		{"NOTIFY news, 'x'; SELECT pg_notify('a', 'b')", ""},
		{"SELECT 'set_config(' || $$ LISTEN x $$ || E'\\'; LISTEN y; --' /* ; LISTEN z; */ -- ; LISTEN w", ""},
		{`SELECT "LISTEN", "a""b" FROM "t"; SELECT temp, "temp" FROM weather`, ""},
		{"DECLARE c CURSOR FOR SELECT 1; FETCH 1 FROM c; MOVE c", ""},
		{"PREPARE TRANSACTION 'x'; COMMIT PREPARED 'x'", ""},
		{"SELECT pg_advisory_xact_lock(1)", ""},
		{"VACUUM (ANALYZE) t", ""},
		{"EXPLAIN (ANALYZE) SELECT 1", ""},

		// Settings.
		{"SET work_mem = '1MB'", "settings"},
		{"/* c */ set session work_mem to 4; select 1", "settings"},
		{"SELECT 1; SET TIME ZONE 'UTC'", "settings"},
		{"SET LOCAL work_mem = '1MB'", ""},
		{"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SET CONSTRAINTS ALL DEFERRED", ""},
		{"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "settings"},
		{"RESET ALL", "settings"},
		{"SELECT set_config('a.b', 'c', false)", "settings role"},
		{"SELECT PG_CATALOG . Set_Config('a.b', 'c', false)", "settings role"},
		{"SET ROLE x", "settings role"},
		{"SET SESSION ROLE x", "settings role"},
		{"SET SESSION AUTHORIZATION x", "settings role"},
		{"RESET ROLE", "settings role"},
		{`RESET "role"`, "settings role"},
		{`SET "work_mem" = 1; SET "role" = x`, "settings role"},
		{"SET LOCAL ROLE x", "role"},
		{`SET "ROLE" = none`, "settings role"},
		{`RESET "Role"`, "settings role"},
		{`SET LOCAL "Session_Authorization" = x`, "role"},
		{`SET U&"r\006fle" = x`, "settings role unknown"},
		{"SET LOCAL SESSION AUTHORIZATION x", "role"},
		{"DISCARD ALL", "settings role deallocate discard clean"},
		{"DISCARD PLANS", "settings clean"},

		// What pins.
		{"LISTEN x; UNLISTEN *", "listen clean"},
		{"CREATE TEMP TABLE t (a int)", "temporary"},
		{"CREATE GLOBAL TEMPORARY TABLE t AS SELECT 1", "temporary"},
		{"CREATE OR REPLACE TEMP VIEW v AS SELECT 1", "temporary"},
		{"SELECT 1 INTO TEMP t", "temporary"},
		{"CREATE TABLE pg_temp.t (a int)", "temporary"},
		{"DROP TABLE t", "clean"},
		{"DECLARE c CURSOR WITH HOLD FOR SELECT 1", "hold"},
		{"CLOSE c", "clean"},
		{"SELECT pg_advisory_lock(1)", "advisory"},
		{"SELECT pg_try_advisory_lock(1, 2), pg_advisory_unlock_all()", "advisory clean"},
		{"PREPARE p AS SELECT 1", "prepare"},
		{"EXECUTE p (1)", "execute"},
		{"EXPLAIN EXECUTE p", "execute"},
		{"CREATE TABLE t AS EXECUTE p(1)", "execute"},
		{"DEALLOCATE p", "deallocate clean"},
		{"SELECT lastval()", "sequences"},

		// What nobody knows.
		{"SELECT a FROM t GROUP BY ROLLUP (a)", "unknown"}, // ORDER BY rollup(a) would be a function
		{"SELECT DISTINCT ON (a) f(b) FROM t", "unknown"},
		{"SELECT DISTINCT ON ((a), (b)) shop.f(b) FROM t", "unknown"},
		{"SELECT 1 OPERATOR(pg_catalog.+) f(2)", "unknown"},
		{"SELECT (((1))) FROM (VALUES (1)) v(a)", ""},
		{"SELECT f(1)", "unknown"},
		{"SELECT * FROM f(1) AS x(a int)", "unknown"},
		{"SELECT shop.lower('x')", "unknown"},
		{"SELECT a.b.lower('x')", "unknown"},
		{`SELECT "f" (1)`, "unknown"},
		{`SELECT "Lower"('x')`, "unknown"},
		{`SELECT U&"\0066"(1)`, "unknown"},
		{"SELECT query_to_xml('LISTEN x', true, true, '')", "unknown"},
		{"DO $$ BEGIN END $$; CALL p()", "unknown"},
		{"SELECT 1 WHERE f(2)", "unknown"},
		{"SELECT " + strings.Repeat("long", 40) + "()", "unknown"},
		{"LOAD 'x'", "unknown"},
	} {
		if got := Of([]byte(c.sql)).String(); got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.sql, got, c.want)
		}
	}
}

// What SET and set_config name is told, so that parameters can be read which pg_settings does not list.
func TestSettingNames(t *testing.T) {
	for _, c := range []struct {
		sql, want string
		known     bool
	}{
		{"SET work_mem = 1", "work_mem", true},
		{"SET SESSION app.user_id TO 'x'; set local a.b = 1; SET TIME ZONE 'UTC'", "app.user_id a.b timezone", true},
		{`SET "App"."User" = 1`, "App.User", true},
		{"SELECT set_config('app.a', 'x', false), pg_catalog.set_config ( 'app.b' , $1, true)", "app.a app.b", true},
		{"SELECT set_config($1, 'x', false)", "", false},
		{`SET U&"r\006fle" = x`, "", false},
		{"SELECT set_config('a' || 'b', 'x', false)", "", false},
		{"SELECT set_config(E'a', 'x', false)", "", false},
		{"RESET a.b; RESET ALL; SELECT 'SET x.y = 1'", "a.b", true},
		{"SET ROLE x; SET SESSION AUTHORIZATION y", "role", true},
		{"SET NAMES 'x'; SET SCHEMA 'y'; SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "client_encoding search_path", true},
	} {
		names, known := SettingNames([]byte(c.sql))
		if got := strings.Join(names, " "); got != c.want || known != c.known {
			t.Errorf("%s: %q %v", c.sql, got, known)
		}
	}
}

func TestStatementNames(t *testing.T) {
	for _, c := range []struct{ sql, spans, names string }{
		{"EXECUTE p (1, 'a')", "p", "p"},
		{"execute P;", "P", "p"},
		{`DEALLOCATE "My stmt"`, `"My stmt"`, "My stmt"},
		{"DEALLOCATE PREPARE a1 ; -- done", "a1", "a1"},
		{"EXPLAIN (ANALYZE) EXECUTE p(2)", "p", "p"},
		{"CREATE TABLE t AS EXECUTE p", "p", "p"},
		{"EXECUTE p; SELECT execute FROM t; DEALLOCATE q", "p q", "p q"},
		{"SELECT 1; PREPARE TRANSACTION 'x'", "", ""},
		{`EXECUTE "a""b"`, `"a""b"`, `a"b`},
		{`EXECUTE "a`, "", ""},
		{`EXECUTE "`, "", ""},
		{"PREPARE p (int) AS SELECT 1", "p", "p"},
		{"", "", ""},
	} {
		var spans, names []string
		for _, n := range StatementNames([]byte(c.sql)) {
			spans, names = append(spans, c.sql[n.Start:n.End]), append(names, n.Name)
		}
		if strings.Join(spans, " ") != c.spans || strings.Join(names, " ") != c.names {
			t.Errorf("%s: %q %q", c.sql, spans, names)
		}
	}
}

func TestOfAllocatesNothing(t *testing.T) {
	sql := []byte("SELECT count(*), f(x) FROM t WHERE a = 'x' AND lower(b) = $1 -- c")
	if n := testing.AllocsPerRun(100, func() { Of(sql) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzOf: whatever the bytes, an answer comes, and what stands in front of a statement of its own does not hide it.
func FuzzOf(f *testing.F) {
	f.Add([]byte("SELECT 'a'; SET x = 1"))
	f.Add([]byte("EXECUTE \"a\"\"b\"; SET \"ROLE\" = x; SELECT set_config('a"))
	f.Add([]byte("$a$ $b$ E'\\' \"\" /* */ -- \n U&\"x\" 1e5.f("))
	f.Fuzz(func(t *testing.T, sql []byte) {
		alone := Of(sql)
		twice := Of(append(append(append([]byte{}, sql...), "\n;"...), "LISTEN x"...))
		SettingNames(sql)
		for _, n := range StatementNames(sql) {
			if n.Start < 0 || n.Start >= n.End || n.End > len(sql) {
				t.Errorf("a name at %d:%d of %d bytes", n.Start, n.End, len(sql))
			}
		}
		if alone&^twice != 0 {
			t.Errorf("%v without, %v with a statement behind", alone, twice)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	sql := []byte("SELECT abalance FROM pgbench_accounts WHERE aid = 4711;")
	b.ReportAllocs()
	for b.Loop() {
		Of(sql)
	}
}
