-- What psql makes of results: \gset, \gexec, \gdesc, \gx, \g to files, variables in statements, conditions.
SELECT 1 AS a, 'two' AS b, NULL AS c \gset
\echo :a :b :c
SELECT 3 AS x, 'it''s' AS y \gset pre_
\echo :pre_x :pre_y :'pre_y' :"pre_y"
SELECT :a + :pre_x, :'pre_y', :'b' AS :"b";
SELECT 1 WHERE false \gset
SELECT g FROM generate_series(1, 2) g \gset
SELECT 1/0 AS z \gset
\echo :ERROR :SQLSTATE :ROW_COUNT :LAST_ERROR_MESSAGE :LAST_ERROR_SQLSTATE
SELECT 1; \echo :ERROR :SQLSTATE :ROW_COUNT
SELECT 'DROP TABLE IF EXISTS ' || x FROM (VALUES ('g1'), ('g2')) v (x) \gexec
SELECT 'CREATE TABLE g' || i || ' (a int)', 'INSERT INTO g' || i || ' VALUES (' || i || ')' FROM generate_series(1, 2) i \gexec
SELECT 'SELECT a FROM g1', NULL, 'SELECT nothing', 'SELECT a FROM g2' \gexec
SELECT 1 AS one, 'x'::varchar(10) AS two, now() AS three, ARRAY[1.5::numeric(4,2)], NULL, '{}'::jsonb AS j \gdesc
SELECT $1::int + 1 AS s, $2::text \gdesc
SELECT missing \gdesc
CREATE TABLE g3 (a int) \gdesc
 \gdesc
INSERT INTO g1 VALUES (9) RETURNING a AS nine \gdesc
SELECT count(*) FROM g1;
SELECT * FROM g1 UNION ALL SELECT * FROM g2 \gx
SELECT g, g * g AS square FROM generate_series(1, 3) g \g (format=csv footer=off)
SELECT g FROM generate_series(1, 3) g \g out.txt
\! cat out.txt
SELECT g FROM generate_series(1, 3) g \g |sort -r
SELECT 1 \; SELECT 2 \; SELECT 3 \g
SELECT 1 AS p \; SELECT 2 AS p \gset
\echo :p
SELECT 4 \r
SELECT 5;
\p
SELECT 6
\w query.txt
\! cat query.txt
;
\if :{?missing}
	SELECT 'wrong';
\elif :a
	SELECT 'right';
\else
	SELECT 'wrong';
\endif
\set AUTOCOMMIT off
INSERT INTO g1 VALUES (10);
ROLLBACK;
SELECT count(*) FROM g1; COMMIT;
\set AUTOCOMMIT on
\i included.sql
\ir included.sql
\set x '\'quoted\''
SELECT :x, :'x';
\unset x
SELECT :x;
\set SINGLELINE on
SELECT 7
\set SINGLELINE off
\set HISTFILE none
\o out2.txt
SELECT 'to a file';
\o
\qecho said
\warn warned
\! cat out2.txt
\if :VERSION_NUM >= 160000
	SELECT $1, $2 \bind 1 'two' \g
	SELECT $1::int \bind x \g
	SELECT $1 \bind 'described' \gdesc
	SELECT 1 \bind 1 \g
\endif
\cd .
\setenv NOBODY nobody
\getenv nobody NOBODY
\echo :nobody
DROP TABLE g1, g2;
