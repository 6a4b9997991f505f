package scan

import "testing"

// corpus is valid SQL, by construct. TestCorpus compares each statement with the parser, FuzzScan starts from them.
var corpus = []string{
	// White space, comments.
	"", " ", ";", ";;", " ; ; ", "-- only a comment", "/* only */", "SELECT 1;", "SELECT 1;;SELECT 2", "SELECT 1; -- done",
	"SELECT\t1\n\r\f+ 2", "SELECT 1 -- one\n+ 2", "SELECT 1 /* a /* b */ c */ + 2", "SELECT 1 /* ; */; SELECT 2 -- ;\n;",
	"SELECT 1--2", "SELECT 1/**/+/***/2", "SELECT 2*/*x*/3", "SELECT 1 -- ' \n, 2", "SELECT 1 /* ' */, 2", "SELECT 1;/* x */",
	"/* trace=1 */ SELECT 1 /* end */", "SELECT/**/1", "SELECT 1 /*/ still */ + 1", "SELECT -- /*\n 1",
	// Names.
	`SELECT a, A, "A", "a b", "a""b", "a;b", "--", "/*", t.a, "T"."A", t . a FROM t`, "SELECT ünder, Größe, 名前 FROM tabelle",
	`SELECT U&"d\0061t\+000061", U&"d!0061t" UESCAPE '!', u&"a\\b" FROM t`, "SELECT a$1, _a, a1 FROM t", `SELECT e, b, x, n, u FROM t`,
	`SELECT u&1 FROM t`, `SELECT u & 1`, "SELECT U FROM t", `SELECT n 'x', e.a, N'x'`, "SELECT nchar 'x', NCHAR(3) 'x'",
	`SELECT "select" AS "from", t."union", t.union, t.case, t.end FROM t`, `SELECT 1 AS union, 2 AS case, 3 AS end`, "SELECT 1 case",
	`SELECT "` + longName + `"`, "SELECT " + longName,
	// Strings.
	"SELECT '', 'a', 'it''s', '''', ''''''", `SELECT '\', '\\', 'a\'`, "SELECT 'a\nb'", "SELECT 'a'\n'b'", "SELECT 'a'\r\n\t 'b'\n'c'",
	"SELECT 'a' 	\n 'b', 1", "SELECT 'a' AS b", "SELECT 'a'::text", "SELECT 'a'||'b'", "SELECT 'a;b'; SELECT 'c'",
	`SELECT E'', E'a', e'\n\t\r\b\f\\\'\q', E'it''s', E'\101\60\7', E'\x41\x4', E'\xg', E'A\U0001F600', E'\uD83D\uDE00', E'\U0000D83D\uDE00'`,
	`SELECT E'\303\244', E'\xc3\xa4', E'ä\x41'`, "SELECT E'a\\\nb'", "SELECT E'a'\n'\\n'", `SELECT E'a\\', 'b'`,
	`SELECT U&'', U&'a', U&'d\0061t\+000061', u&'\\', U&'it''s', U&'\D83D\DE00', U&'\+00D83D\+00DE00'`,
	`SELECT U&'d!0061t' UESCAPE '!', U&'a!!b' UESCAPE '!', U&'a\0061' UESCAPE '!', U&'x' UESCAPE E'#', U&'x' UESCAPE $$#$$`,
	"SELECT U&'a'\n'\\0062'", "SELECT U&'a' AS uescape_, 1",
	"SELECT $$$$, $$a$$, $$it's$$, $$a;b$$, $t$a$$b$t$, $t$ $tt$ $t$, $_1$x$_1$, $ä$x$ä$", "SELECT $a$ $b$ $a$, $a$$$a$",
	"SELECT $1, $2, $1+$2, $1::int", "SELECT a$$, 1 AS b$$", "SELECT $$-- not a comment$$, $$/* nor this$$",
	"SELECT N'abc', n'it''s', N''\n'b'", "SELECT B'', B'0101', b'01'\n'10', X'', X'1F', x'1f'\n'2e'",
	"SELECT date '2020-01-01', interval '1' day, interval(3) '1 s', timestamp with time zone '2020-01-01', bit '1', bit(3) '101', f('a') 'b'",
	// Numbers.
	"SELECT 0, 1, 007, 42, 2147483647, 2147483648, 9223372036854775807, 9223372036854775808, 99999999999999999999",
	"SELECT -'-1', - $$-$$", "SELECT -1, - 1, -2147483648, -9223372036854775808, - -1, -(-1), +1, -0, -1.5, -.5",
	"SELECT 1.5, .5, 5., 1e10, 1E+10, 1.e-10, .5e1, 1.5e10, 1e1, 0.0, 00.10", "SELECT 0x1F, 0XfF, 0o17, 0O7, 0b11, 0B1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFFFF",
	"SELECT 0xFFFFFFFFFFFFFFFFFFFF, 0b1111111111111111111111111111111111111111, 0o7777777777777777777777",
	"SELECT 1_000, 0x_FF, 0o1_7, 0b1_1, 1_0.0_1, 1_0e1_0, 1_0_0", "SELECT a[1:2], a[1], a[:2], a[1:], (a)[1].b",
	"SELECT x::float(24), x::float(25), float(1) '1', CAST(1 AS float(53)), x::float", `SELECT "float"(24), t.float(24)`, "SELECT x::float /* c */ ( 24 )",
	"SELECT x::numeric(10,2), x::varchar(10), x::bit(3), x::timestamp(3), x::interval(3), x::interval second(3), x::char(5)[3]",
	// Operators.
	"SELECT 1+1, 1-1, 1*1, 1/1, 1%1, 1^1, a<b, a>b, a=b, a<=b, a>=b, a<>b, a!=b", "SELECT a=-1, a<-1, a*-1, a@-1, a ?- b, a<=-1, a=+-+1, a<>-1, a->'b'->>'c'",
	"SELECT @-1, !!1, |/ 4, @ -5, ~1", "SELECT a||b, a#>>'{b}', a@>b, a<@b, a?b, a?|b, a&&b, a<->b, a~*b, a!~b, a!~~b, a~=-1, a&-1",
	"SELECT a OPERATOR(pg_catalog.+) b, a OPERATOR(pg_catalog.=) ANY (c)", "SELECT 1::int::text, a::int[]", "SELECT f(a => 1, b := 2)",
	"SELECT 1 +/* c */-1", "SELECT 1 *-- c\n-1", "SELECT a<-- c\nb", "SELECT 1 +-+-+ 1", "SELECT a =@ b, a /=@- b",
	"SELECT count(*), t.*, (t).* FROM t", "SELECT a . b . c, a.b[1].c, a [1]",
	// Statements.
	"SELECT CASE a WHEN 1 THEN 'x' WHEN 2 THEN 'y' ELSE CASE WHEN b THEN 'z' END END FROM t", "SELECT a BETWEEN 1 AND 2 AND b, a NOT BETWEEN SYMMETRIC 1 AND 2",
	"SELECT a IS NULL, a IS NOT NULL, a ISNULL, a NOTNULL, a IS DISTINCT FROM b, a IN (1,2), a NOT IN (SELECT 1), a LIKE 'x' ESCAPE '!', NOT a",
	"SELECT * FROM a JOIN b ON a.x = b.x LEFT JOIN c USING (y) CROSS JOIN d NATURAL JOIN e, LATERAL (SELECT 1) f",
	"SELECT 1 UNION ALL SELECT 2 INTERSECT SELECT 3 EXCEPT VALUES (4) ORDER BY 1 LIMIT 5 OFFSET 6", "WITH RECURSIVE a AS (SELECT 1 UNION SELECT x+1 FROM a) TABLE a",
	"SELECT DISTINCT ON (a) b, sum(c) FILTER (WHERE d > 0) OVER (PARTITION BY e ORDER BY f ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t GROUP BY GROUPING SETS ((a), (b)) HAVING 1 = 1",
	"SELECT * FROM t WHERE a = $1 AND b IN ($2, $3) FOR UPDATE OF t SKIP LOCKED FETCH FIRST 5 ROWS ONLY", "SELECT EXTRACT(year FROM a), EXTRACT('month' FROM a), POSITION('a' IN b), SUBSTRING(a FROM 1 FOR 2), TRIM(BOTH 'x' FROM a), OVERLAY(a PLACING 'b' FROM 1)",
	"SELECT a AT TIME ZONE 'UTC', a COLLATE \"C\", ARRAY[1,2], ARRAY[[1],[2]], ROW(1,'a'), (1,'a'), (a,b) OVERLAPS (c,d)",
	"SELECT xmlelement(name a, xmlattributes('x' AS b), 'c'), xmlforest(a AS b), JSON_OBJECT('a': 1, 'b' VALUE 2), JSON_ARRAY(1, 'x'), JSON_ARRAYAGG(a ORDER BY b)",
	"INSERT INTO t (a, b) VALUES (1, 'x'), (2, E'y\\n'), (DEFAULT, NULL) ON CONFLICT (a) DO UPDATE SET b = excluded.b WHERE t.a > 0 RETURNING a, b AS c",
	"INSERT INTO t DEFAULT VALUES", "UPDATE t SET a = 1, (b, c) = (2, 'x'), d[1] = 3 FROM u WHERE t.a = u.a RETURNING *", "DELETE FROM t USING u WHERE t.a = u.a AND t.b = 'x'",
	"MERGE INTO t USING u ON t.a = u.a WHEN MATCHED AND t.b = 1 THEN UPDATE SET b = 2 WHEN NOT MATCHED THEN INSERT (a) VALUES (3)",
	"BEGIN; INSERT INTO t VALUES ('a;b'); COMMIT", "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY; END", "START TRANSACTION; SAVEPOINT a; ROLLBACK TO a; COMMIT AND CHAIN",
	"SET search_path = a, 'b'; SET TIME ZONE 'UTC'; SET TIME ZONE INTERVAL '1' HOUR; SET x.y TO 1.5, -1, on; RESET ALL; SHOW x",
	"PREPARE p (int) AS SELECT $1; EXECUTE p (1); DEALLOCATE p", "DECLARE c CURSOR FOR SELECT 1; FETCH 5 FROM c; FETCH BACKWARD -3 FROM c; MOVE ABSOLUTE 0 IN c; CLOSE c",
	"COPY t (a) FROM STDIN WITH (FORMAT csv, DELIMITER ',', NULL '')", "COPY (SELECT 1) TO STDOUT", "EXPLAIN (ANALYZE, FORMAT 'json') SELECT 1", "LISTEN a; NOTIFY a, 'payload'; UNLISTEN *",
	"CREATE TABLE t (a int PRIMARY KEY, b text DEFAULT 'x' CHECK (b <> ''), c numeric(10,2) GENERATED ALWAYS AS (a * 2) STORED, CONSTRAINT u UNIQUE (a, b)) WITH (fillfactor = 70)",
	"CREATE TABLE p PARTITION OF t FOR VALUES FROM (1, 'a') TO (MAXVALUE, 'b'); CREATE TABLE h PARTITION OF t FOR VALUES WITH (MODULUS 4, REMAINDER 1)",
	"CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO u VALUES (1); DELETE FROM v WHERE a = 'x')", "CREATE SCHEMA s CREATE TABLE t (a int DEFAULT 1) CREATE VIEW v AS SELECT 1",
	"CREATE FUNCTION f(a int DEFAULT 1, b text = 'x') RETURNS int LANGUAGE sql AS $$ SELECT 1; SELECT 2 $$ COST 10 SET x = 'y'; SELECT 3",
	"CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a THEN 1 ELSE 2 END FROM t; END; SELECT 4",
	"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC END; SELECT 4", "CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); SELECT 1 end; END; SELECT 5; SELECT 6",
	"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT 1; END; SELECT 2; END; SELECT 3", "CREATE FUNCTION begin() RETURNS begin RETURN 1; SELECT 2",
	"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT begin atomic FROM t; END; SELECT 3", "CREATE PROCEDURE p() BEGIN ATOMIC DELETE FROM t WHERE a = (SELECT 1); END",
	"DO $$ BEGIN PERFORM 1; END $$; DO LANGUAGE plpgsql 'BEGIN END'", "CALL p(1, 'x')", "CREATE ROLE r PASSWORD 'x' CONNECTION LIMIT 5 VALID UNTIL 'infinity'", "ALTER ROLE r SET x = 'y'; GRANT SELECT (a) ON t TO r",
	"COMMENT ON TABLE t IS 'x'; SECURITY LABEL FOR a ON TABLE t IS 'y'", "CREATE TYPE e AS ENUM ('a', 'b'); ALTER TYPE e ADD VALUE 'c' BEFORE 'a'; CREATE TYPE t AS (a int, b text)",
	"CREATE TRIGGER a BEFORE UPDATE OF b ON t FOR EACH ROW WHEN (old.a <> 1) EXECUTE FUNCTION f('x', 1, 2.5)", "CREATE INDEX i ON t USING btree (lower(a) COLLATE \"C\" DESC, (b + 1)) WHERE c > 1",
	"ALTER TABLE t ADD COLUMN a int DEFAULT 1, ALTER COLUMN b SET STATISTICS 100, ALTER c TYPE text USING c || 'x'", "CREATE SEQUENCE s START WITH -5 INCREMENT BY 2 CACHE 10; ALTER SYSTEM SET a = 'b'",
	"CREATE VIEW v AS SELECT 'a' AS b WITH CHECK OPTION; CREATE MATERIALIZED VIEW m AS SELECT 1 WITH NO DATA; REFRESH MATERIALIZED VIEW m", "VACUUM (FULL, PARALLEL 2) t; ANALYZE t (a); LOCK TABLE t IN SHARE MODE NOWAIT",
	"SELECT * FROM t TABLESAMPLE bernoulli (10) REPEATABLE (5), generate_series(1, 10) WITH ORDINALITY AS g (a, b), ROWS FROM (f(1) AS (a int)), XMLTABLE('/a' PASSING b COLUMNS c int PATH '/d' DEFAULT 1)",
}

const longName = "a_name_that_is_longer_than_the_sixty_three_bytes_that_postgresql_keeps_of_a_name"

func TestCorpus(t *testing.T) {
	for _, sql := range corpus {
		if !oracle(t, sql) {
			t.Errorf("%q is not valid", sql)
		}
	}
}

// FuzzScan: the scanner and libpg_query agree on tokens, statements and constants, no literal survives in a skeleton, and
// a skeleton has one tree.
func FuzzScan(f *testing.F) {
	for _, sql := range corpus {
		f.Add(sql)
	}
	for _, sql := range []string{"SELECT '", "SELECT \"", "/*", "$a$", "SELECT (1;2)", ")", "E'\\u00", "U&'\\zzzz'", "\xff", "\x00", "1x", "$1x", "0x", "{", "\\"} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) { oracle(t, sql) })
}
