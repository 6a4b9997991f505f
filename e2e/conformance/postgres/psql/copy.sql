-- COPY by psql and by SQL, in each format, with data that needs quoting and with errors.
CREATE TABLE c (id int, t text, n numeric, b bytea, at timestamptz, a int[]);
INSERT INTO c VALUES (1, 'plain', 1.50, '\x00ff', '2020-02-29 12:00:00+00', '{1,NULL,3}'), (2, E'tab\tand\nnewline\\ and "quotes", commas', NULL, '', 'infinity', '{}'),
	(3, '', 'NaN', NULL, NULL, NULL), (4, NULL, -0.001, '\x5c2e', '4713-01-01 BC', '{{1,2},{3,4}}'), (5, '\N', 0, '\x0a', 'epoch', '{5}'), (6, '\.', 1e20, NULL, NULL, NULL);
CREATE TABLE d (LIKE c);
SET TimeZone = 'UTC';
\copy c to 'c.txt'
\copy d from 'c.txt'
SELECT * FROM c EXCEPT SELECT * FROM d;
\copy c to 'c.csv' with (format csv, header, force_quote *)
TRUNCATE d;
\copy d from 'c.csv' with (format csv, header match)
SELECT count(*) FROM d; SELECT * FROM d ORDER BY id;
\copy c to 'c.bin' with (format binary)
TRUNCATE d;
\copy d from 'c.bin' with (format binary)
SELECT * FROM c EXCEPT SELECT * FROM d;
\copy c (id, t) to stdout with (format csv, delimiter '|', quote '''', null 'nothing')
\copy (SELECT id, t FROM c WHERE id < 3 ORDER BY id DESC) to stdout
\copy c to program 'cat | wc -l'
\copy d (id, t) from program 'printf "10\tten\n11\televen\n"'
\copy d (id, t) from stdin
20	twenty
21	\N
22	with \t and \\
\.
\copy d (id, t) from stdin with (format csv)
30,"thirty, and ""more"""
31,
32,""
\.
COPY d (id, t) FROM STDIN;
40	forty
\.
SELECT id, t, t IS NULL FROM d WHERE id >= 10 ORDER BY id;
COPY c (id, t) TO STDOUT (FORMAT csv, HEADER);
COPY (SELECT 1, 2) TO STDOUT \; COPY (VALUES (3), (4)) TO STDOUT \; SELECT 5;
COPY d (id) FROM STDIN WHERE id > 50;
49
51
\.
SELECT count(*) FROM d;
-- Errors.
\copy d from 'missing.txt'
\copy missing from 'c.txt'
\copy d (id, t) from stdin
x	not a number
\.
\copy d (id, t) from stdin
60	a	too many
\.
\copy d (id, t) from stdin
61
\.
\copy d (id, t) from stdin with (format csv)
62,"never closed
\.
\copy d from 'c.txt' with (format binary)
\copy d (missing) from stdin
\.
COPY d FROM '/etc/passwd';
COPY d TO PROGRAM 'cat';
COPY d (id) FROM STDIN;
70
oops
\.
SELECT 'still here', count(*) FROM d;
BEGIN; COPY d (id) FROM STDIN;
80
bad
\.
SELECT 1; ROLLBACK;
BEGIN;
\copy d (id) from stdin
81
\.
SELECT count(*) FROM d WHERE id = 81; ROLLBACK;
-- A trigger's error, a constraint's, a deferred one's.
CREATE TABLE e (id int PRIMARY KEY, n int CHECK (n > 0), UNIQUE (n) DEFERRABLE INITIALLY DEFERRED);
COPY e FROM STDIN;
1	1
1	2
\.
COPY e FROM STDIN;
1	0
\.
COPY e FROM STDIN;
1	1
2	1
\.
SELECT * FROM e;
-- Much.
CREATE TABLE big (id int, filler text);
INSERT INTO big SELECT g, repeat(chr(97 + g % 26), g % 500) FROM generate_series(1, 20000) g;
\copy big to 'big.txt'
CREATE TABLE big2 (LIKE big);
\copy big2 from 'big.txt'
SELECT count(*), sum(length(filler)), md5(string_agg(filler, '' ORDER BY id)) FROM big2;
\copy big to 'big.bin' (format binary)
TRUNCATE big2;
\copy big2 from 'big.bin' (format binary)
SELECT count(*), sum(length(filler)), md5(string_agg(filler, '' ORDER BY id)) FROM big2;
INSERT INTO big2 SELECT 0, repeat('x', 3000000);
\copy (SELECT * FROM big2 WHERE id = 0) to 'one.txt'
\copy big2 from 'one.txt'
SELECT count(*), max(length(filler)) FROM big2 WHERE id = 0;
COPY (SELECT g FROM generate_series(1, 100000) g) TO STDOUT \g big.out
\! md5sum big.out big.txt big.bin one.txt c.txt c.csv c.bin
COPY (SELECT 1 / (5 - g) FROM generate_series(1, 10) g) TO STDOUT;
\set ON_ERROR_ROLLBACK on
BEGIN; COPY e FROM STDIN;
7	7
7	8
\.
SELECT count(*) FROM e; COMMIT;
DROP TABLE c, d, e, big, big2;
