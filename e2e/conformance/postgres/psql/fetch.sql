-- Results by parts, formats, wide and large ones.
\set FETCH_COUNT 3
SELECT g, repeat('x', g) FROM generate_series(1, 10) g;
SELECT g FROM generate_series(1, 6) g;
SELECT 1 WHERE false;
SELECT 10 / (5 - g) FROM generate_series(1, 10) g;
WITH w AS (SELECT g FROM generate_series(1, 4) g) SELECT * FROM w;
VALUES (1), (2), (3), (4);
SELECT 1; SELECT 2 \; SELECT 3;
BEGIN; SELECT g FROM generate_series(1, 4) g; SELECT missing; ROLLBACK;
CREATE TEMP TABLE f (a int); INSERT INTO f SELECT generate_series(1, 5); INSERT INTO f VALUES (6) RETURNING a; UPDATE f SET a = a + 1; SELECT a FROM f ORDER BY a; DELETE FROM f; SHOW work_mem; EXPLAIN (COSTS OFF) SELECT * FROM f;
SELECT g FROM generate_series(1, 4) g \gx
SELECT g FROM generate_series(1, 4) g \g |cat
\pset format unaligned
SELECT g, g + 1 FROM generate_series(1, 7) g;
\pset format csv
SELECT g, 'a,b' FROM generate_series(1, 7) g;
\pset format aligned
\set FETCH_COUNT 0
\pset border 2
\pset linestyle unicode
SELECT 1 AS "ä b", E'two\nlines' AS t, NULL AS n;
\pset null '∅'
\pset expanded on
SELECT 1 AS "ä b", E'two\nlines' AS t, NULL AS n;
\pset expanded auto
SELECT repeat('x', 200) AS a, repeat('y', 200) AS b;
\pset expanded off
\pset format html
SELECT 1 AS a, '<&>' AS b;
\pset format latex
SELECT 1 AS a, '$_%' AS b;
\pset format asciidoc
SELECT 1 AS a, '|' AS b;
\pset format troff-ms
SELECT 1 AS a;
\pset format wrapped
\pset columns 40
SELECT repeat('word ', 30) AS text;
\pset format aligned
\pset border 1
\pset linestyle ascii
\pset title 'a title'
\pset footer off
SELECT 1;
\pset title
\pset footer on
\t on
SELECT 1, 2;
\t off
\a
SELECT 1, 2;
\a
\f ';'
\x
SELECT 1 AS one;
\x
\timing off
SELECT g, md5(g::text) FROM generate_series(1, 5000) g;
SELECT repeat('0123456789', 200000) AS two_megabytes \g |md5sum
SELECT g, repeat('z', 1000) FROM generate_series(1, 5000) g \g |md5sum
SELECT string_agg('c' || g, ', ') AS wide FROM generate_series(1, 1600) g \gset
SELECT 'SELECT ' || string_agg(g || ' AS c' || g, ', ') FROM generate_series(1, 1600) g \gexec
SELECT;
SELECT FROM generate_series(1, 3);
\pset
