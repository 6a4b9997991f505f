-- \crosstabview, and results again and again.
CREATE TABLE x (v text, h text, c text, n int);
INSERT INTO x VALUES ('a', 'one', '1a', 1), ('b', 'two', '2b', 2), ('a', 'two', '2a', 3), ('c', 'three', NULL, 4), ('b', 'one', '', 5);
SELECT v, h, c FROM x ORDER BY 1, 2 \crosstabview
SELECT v, h, c, n FROM x ORDER BY n \crosstabview v h c n
SELECT v, h, c, n FROM x ORDER BY n \crosstabview 2 1 n
SELECT v, h FROM x \crosstabview
SELECT v, h, c FROM x UNION ALL SELECT 'a', 'one', 'again' \crosstabview
SELECT v, h, c, n FROM x \crosstabview v missing
SELECT 1 / 0, 2, 3 \crosstabview
SELECT 1 AS v, g AS h, 'x' AS c FROM generate_series(1, 1601) g \crosstabview
\pset null '(null)'
SELECT v, h, c FROM x ORDER BY 1, 2 DESC \crosstabview
INSERT INTO x VALUES ('z', 'z', 'z', 0) RETURNING v, h, c \crosstabview
-- \watch ends when its statement fails.
CREATE SEQUENCE w;
\t on
SELECT 10 / (4 - nextval('w')) \watch 0.01
\if :VERSION_NUM >= 160000
SELECT nextval('w') \watch c=3 i=0.01
\endif
\t off
DROP TABLE x; DROP SEQUENCE w;
