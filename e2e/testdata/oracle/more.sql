SELECT;

SELECT FROM customers;

SELECT count(*) FROM (SELECT FROM customers) x;

SELECT NULL AS a, NULL::int FROM customers;

SELECT 'a' 'b' FROM customers WHERE id = 1;

SELECT 'a'
'b' FROM customers WHERE id = 1;

SELECT -5, - 5, +5, -(-5), 5 - -5 FROM customers WHERE id = 1;

SELECT -9223372036854775808, 2147483648, -2147483648, 99999999999999999999 FROM customers WHERE id = 1;

SELECT 1e10, .5, 5. FROM customers WHERE id = 1;

SELECT B'101', X'1f' FROM customers WHERE id = 1;

SELECT DATE '2024-02-29', TIMESTAMP '2024-02-29 10:00', INTERVAL '1 day', INTERVAL '1 hour', TIME '10:00' FROM customers WHERE id = 1;

SELECT interval '1.5 hours', interval(0) '1.5 seconds', timestamp(2) '2024-01-01 00:00:00.129' FROM customers WHERE id = 1;

SELECT true, false, TRUE AND NULL, NOT true, true IS TRUE, NULL IS UNKNOWN FROM customers WHERE id = 1;

SELECT id, id AS id FROM customers;

SELECT c.id, o.id FROM customers c JOIN orders o ON c.id = o.customer_id;

SELECT id FROM customers, orders WHERE customers.id = orders.customer_id;

SELECT customers.id, orders.id FROM customers, orders WHERE customers.id = orders.customer_id AND customers.id > 4;

SELECT public.customers.id FROM public.customers;

SELECT "customers"."id" FROM "public"."customers" WHERE "customers"."city" = 'Rome';

SELECT ID FROM CUSTOMERS;

SELECT "ID" FROM customers;

SELECT upper(lower(initcap(name))), substring(name FROM 2 FOR 3), position('a' IN name), trim(BOTH ' ' FROM name) FROM customers;

SELECT overlay(name PLACING 'xx' FROM 1), extract(epoch FROM created_at), substring(name, 1, 2), char_length(name) FROM customers;

SELECT length(name), octet_length(name), reverse(name), md5(name), left(name, 2), right(name, -1), lpad(name, 5, '*') FROM customers;

-- refused: collate
SELECT name COLLATE "C" FROM customers;

-- refused: unknown-node
SELECT id FROM customers WHERE (id, city) = (10, 'Rome');

-- refused: unknown-node
SELECT id FROM customers WHERE (id, city) IN ((10, 'Rome'), (11, 'Oslo'));

-- refused: unknown-node
SELECT ROW(1, 2) FROM customers;

SELECT id FROM customers WHERE id IS NOT NULL AND name IS NOT NULL;

SELECT id FROM customers WHERE NOT NOT id = 5;

SELECT id FROM customers WHERE id <> ALL (ARRAY[1, 2, 3]);

SELECT id FROM customers WHERE id BETWEEN SYMMETRIC 9 AND 2;

SELECT id FROM customers WHERE id NOT BETWEEN 2 AND 9;

-- refused: function
SELECT id FROM customers WHERE name SIMILAR TO '(A|B)%';

SELECT id FROM customers WHERE name ~ '^[AB]';

SELECT id FROM customers WHERE name LIKE 'O''H%' ESCAPE '#';

SELECT id FROM customers WHERE name LIKE '%\\%';

SELECT id FROM customers WHERE created_at > now() - interval '1 year' OR id = 3;

SELECT id FROM customers WHERE created_at::date = current_date;

SELECT id, created_at + interval '1 month', age(created_at, '2000-01-01') FROM customers WHERE isfinite(created_at);

SELECT to_char(amount, 'FM999,999,990.00'), to_char(placed_at, 'YYYY-MM-DD BC') FROM orders WHERE amount <> 'NaN';

SELECT concat(name, NULL, city), concat_ws('-', name, city), name || NULL FROM customers;

SELECT id % 4, count(*), sum(id) FROM customers GROUP BY id % 4;

SELECT id % 4 AS k, count(*) FROM customers GROUP BY k ORDER BY count(*) DESC, k;

SELECT id % 4 AS k, count(*) FROM customers GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 2;

SELECT count(*) AS n FROM customers ORDER BY n;

SELECT count(*) FROM customers ORDER BY count(*);

-- refused: grouping-sets
SELECT count(*) FROM customers GROUP BY ();

SELECT sum(amount) AS total, customer_id FROM orders GROUP BY customer_id ORDER BY total DESC, customer_id;

SELECT customer_id, id, sum(amount) FROM orders GROUP BY customer_id, id ORDER BY customer_id DESC, id DESC OFFSET 3;

SELECT created_at::date AS d, count(*) FROM customers GROUP BY d ORDER BY d;

SELECT date_trunc('year', placed_at) AS y, max(amount), min(amount) FROM orders GROUP BY y ORDER BY y DESC;

SELECT (amount > 10) AS big, count(*), sum(amount) FROM orders GROUP BY big;

SELECT amount * 1.0 AS a, count(*) FROM orders GROUP BY a;

-- refused: merge-aggregate
SELECT country, country, count(*) FROM customers GROUP BY country;

-- refused: merge-aggregate
SELECT country, 'x', count(*) FROM customers GROUP BY country;

SELECT min(id) AS a, max(id) AS b, min(id) AS c FROM customers WHERE city = 'Rome';

SELECT sum(id::smallint) FROM orders;

-- refused: merge-aggregate
SELECT sum(amount::float8) FROM orders;

-- refused: collate
SELECT min(name COLLATE "C") FROM customers;

SELECT min(amount::int) FROM orders WHERE amount < 100;

SELECT max(id) FROM customers WHERE id < 0;

SELECT sum(id) FROM customers;

-- refused: whole-row
SELECT sum(c.id), count(o.*) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id;

-- refused: subselect-scatter
SELECT c.id, x.n FROM customers c LEFT JOIN (SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id) x ON x.customer_id = c.id;

SELECT c.id, x.s IS NULL, x.s FROM customers c LEFT JOIN (SELECT id, ssn AS s FROM customers WHERE ssn <> '999') x ON x.id = c.id ORDER BY c.id;

SELECT c.id, x.s FROM customers c LEFT JOIN (SELECT id, ssn AS s FROM customers) x ON x.id = c.id WHERE x.s = 'é' OR x.s IS NULL ORDER BY c.id;

SELECT o.id, x.email FROM orders o LEFT JOIN (SELECT c.id, c.email, k.name FROM customers c LEFT JOIN countries k ON k.code = c.country) x ON x.id = o.customer_id AND x.email <> 'null' ORDER BY o.customer_id, o.id;

SELECT c.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE o.customer_id = 5 OR c.id = 3;

SELECT c.id, o.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.customer_id = 5;

SELECT c.id, o.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND c.id = 5;

SELECT c.id, o.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND c.ssn = 'é';

SELECT c.id, count(o.id) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE c.id IN (1, 3, 5) GROUP BY c.id ORDER BY c.id;

-- refused: merge-aggregate
SELECT c.id, c.email, count(*) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id;

-- refused: unbound-join
SELECT c.id, count(*) FROM customers c LEFT JOIN orders o ON false GROUP BY c.id;

-- refused: unbound-join
SELECT c.id FROM customers c JOIN orders o ON true WHERE o.customer_id = 5 AND c.id = 5;

-- refused: unbound-join
SELECT c.id FROM customers c JOIN orders o ON o.customer_id = 5 AND c.id = 5;

SELECT c.id FROM (customers c JOIN orders o ON o.customer_id = c.id) JOIN countries k ON k.code = c.country;

SELECT a.id FROM customers a JOIN customers b ON a.id = b.id JOIN orders o ON o.customer_id = b.id WHERE b.email = 'ada@example.com';

SELECT x.* FROM (SELECT id, ssn, email FROM customers) x WHERE x.ssn IN ('é');

SELECT x.* FROM (SELECT * FROM customers) x WHERE x.id = 5;

SELECT x.a FROM (SELECT id + 1 AS a FROM customers) x WHERE x.a > 5 ORDER BY x.a;

SELECT x.a, count(*) FROM (SELECT id % 3 AS a FROM customers) x GROUP BY x.a ORDER BY x.a;

-- unordered
SELECT x.id FROM (SELECT id FROM customers ORDER BY id) x;

-- refused: sealed-group
SELECT x.ssn FROM (SELECT ssn, count(*) FROM customers WHERE id = 5 GROUP BY ssn) x;

SELECT * FROM (SELECT customer_id, max(amount) AS m FROM orders WHERE customer_id = 5 GROUP BY customer_id) x JOIN customers c ON c.id = x.customer_id WHERE c.id = 5;

-- refused: locking
SELECT id FROM customers FOR UPDATE;

-- refused: only
SELECT id FROM ONLY customers;

-- refused: unknown-node
SELECT id FROM customers TABLESAMPLE SYSTEM (100);

TABLE countries;

VALUES (1, 2);

SELECT c.code FROM countries c WHERE c.code > 'U' ORDER BY c.name;

SELECT count(*), code FROM countries GROUP BY code HAVING code < 'B' ORDER BY code;

-- refused: distinct
SELECT DISTINCT left(code, 1) FROM countries;

-- refused: set-operation
SELECT code FROM countries UNION ALL SELECT name FROM countries;

-- refused: subquery
SELECT code FROM countries WHERE code IN (SELECT 'DE');

-- refused: broadcast-write
UPDATE countries SET name = 'x' WHERE code = 'DE';

-- refused: broadcast-write
INSERT INTO countries (code, name) VALUES ('QQ', 'Q');

UPDATE customers c SET name = 'x' WHERE c.id = 5 RETURNING c.name, name, *;

-- refused: multi-assign
UPDATE customers SET (name, city) = ('x', 'y') WHERE id = 5 RETURNING name, city;

UPDATE customers SET name = DEFAULT WHERE id = 5;

UPDATE customers SET created_at = DEFAULT WHERE id = 5 RETURNING id;

UPDATE customers SET ssn = ssn, balance = balance WHERE id = 5 RETURNING ssn, balance;

-- refused: sealed-write
UPDATE customers SET ssn = phone WHERE id = 5 RETURNING ssn;

UPDATE customers SET city = CASE WHEN ssn = '123-45-6789' THEN 'yes' ELSE 'no' END WHERE id = 5 RETURNING city;

-- refused: second-shard
UPDATE customers SET city = 'x' WHERE ssn = '123-45-6789';

-- refused: sealed-conversion
UPDATE customers SET ssn = 5 WHERE id = 5 RETURNING ssn;

-- refused: sealed-conversion
UPDATE customers SET ssn = 1.50 WHERE id = 5 RETURNING ssn;

-- refused: sealed-write
UPDATE customers SET ssn = true WHERE id = 5 RETURNING ssn;

-- refused: sealed-conversion
UPDATE customers SET balance = 5::smallint WHERE id = 5 RETURNING balance;

UPDATE customers SET balance = 5.555::numeric WHERE id = 5 RETURNING balance;

-- refused: sealed-conversion
UPDATE customers SET balance = '5.555'::float8 WHERE id = 5 RETURNING balance;

-- refused: sealed-conversion
UPDATE customers SET birth_date = '2000-01-01'::timestamp WHERE id = 5 RETURNING birth_date;

UPDATE customers SET birth_date = DATE '2000-01-01' WHERE id = 5 RETURNING birth_date;

UPDATE customers SET birth_date = 'today' WHERE id = 5 RETURNING id;

-- refused: sealed-write
UPDATE customers SET birth_date = now() WHERE id = 5 RETURNING id;

INSERT INTO customers (id, name, email, balance) VALUES (500, 'n', 'e', NULL), (504, 'n', 'e', DEFAULT), (508, 'n', 'e', 5) RETURNING id, balance;

-- refused: sealed-write
INSERT INTO customers (id, name, email) VALUES (500, 'n' || 'm', lower('E')) RETURNING name;

INSERT INTO customers (id, name, email) VALUES (500, upper('n'), 'e') RETURNING name;

INSERT INTO customers (id, name, email) VALUES (500::bigint, 'n'::varchar, 'e'::varchar) RETURNING id, name, email;

-- refused: shard-key-expression
INSERT INTO customers (id, name, email) VALUES (500.4, 'n', 'e') RETURNING id;

-- refused: shard-key-expression
INSERT INTO customers (id, name, email) VALUES (500.5, 'n', 'e') RETURNING id;

-- refused: shard-key-expression
INSERT INTO customers (id, name, email) VALUES (99999999999999999999, 'n', 'e') RETURNING id;

INSERT INTO customers (id, name, email) VALUES ('x', 'n', 'e') RETURNING id;

INSERT INTO customers (id, name, email) VALUES (true, 'n', 'e') RETURNING id;

-- refused: default-values
INSERT INTO customers DEFAULT VALUES;

INSERT INTO customers (id, id, name, email) VALUES (1, 2, 'n', 'e');

INSERT INTO customers (id, name, email) VALUES (500, 'n', 'e') RETURNING id AS x, email AS y, length(name), ssn IS NULL, ssn = 'x';

DELETE FROM orders o WHERE o.customer_id = 5 AND o.amount > 1 RETURNING o.*, amount + 1;

DELETE FROM orders WHERE customer_id = 5 AND id IN (1, 2, NULL);

SELECT id FROM customers WHERE id = 5; SELECT 1;

-- refused: interval-fields
SELECT INTERVAL '1' HOUR;

-- refused: interval-fields
SELECT '1'::interval minute FROM customers WHERE id = 1;

SELECT interval(1) '1.55 seconds', '1.555 seconds'::interval(2) FROM customers WHERE id = 1;

SELECT id FROM customers ORDER BY 'x';

SELECT count(*) FROM customers GROUP BY 'x';

-- refused: merge-order
SELECT id FROM customers ORDER BY id, 'x' || name;

SELECT id FROM customers ORDER BY NULL;

SELECT id FROM customers ORDER BY true;

SELECT id FROM customers ORDER BY 1.5;

SELECT id FROM customers ORDER BY -1;

-- refused: text-order
SELECT 'x' AS a, id FROM customers ORDER BY a, id;

-- refused: merge-aggregate
SELECT 'x', count(*) FROM customers;

-- refused: type
SELECT 1.50::numeric(5,1), 'abc'::char(2), 'abc'::varchar(2), 'a'::char, '101'::bit(2), '1'::"char" FROM customers WHERE id = 1;

SELECT '12:00:00.555'::time(1), '2024-01-01 00:00:00.55'::timestamptz(1) FROM customers WHERE id = 1;

SELECT 'abc' = 'abc ', 'abc'::char(5) = 'abc', 5 = 5.0, '5' = 5, 'x' < 'y' FROM customers WHERE id = 1;

SELECT now() - '1 day'::interval < now(), '2024-01-01'::timestamptz - '1 day', '2024-01-02'::date - '2024-01-01' FROM customers WHERE id = 1;

SELECT length('abc '), abs(-5), abs(-5.5), round(2.5), round(-2.5), round(2.567, 2), 7 / 2, -7 / 2, 7 % -3, 2 ^ 3 FROM customers WHERE id = 1;

SELECT coalesce('1', 2), coalesce(NULL, 'x'), nullif(1, 1.0), greatest('a', 'b'), least(1, 2.5, NULL) FROM customers WHERE id = 1;

SELECT CASE 1 WHEN 1.0 THEN 'a' END, CASE 'x' WHEN 'x' THEN 1 ELSE 2.5 END, CASE WHEN NULL THEN 1 END FROM customers WHERE id = 1;

SELECT ARRAY['a', 'b'], ARRAY[1, 2.5], '{1,2}'::int[], ARRAY[]::text[] FROM customers WHERE id = 1;

SELECT '{"a": [1, 2]}'::jsonb -> 'a' -> 1, '{"a": 1}'::json ->> 'a', '[1,2]'::jsonb @> '[1]' FROM customers WHERE id = 1;

-- refused: print-differs
SELECT (ARRAY[1, 2])[1] FROM customers WHERE id = 1;

SELECT 1::int2 + 1, 1::int8 + 1, 1::float4 + 1, 1.0 + 1, 1 + '2' FROM customers WHERE id = 1;

SELECT true::int, 1::boolean, 't'::boolean, 'yes'::bool, 5::text, 5.0::int, 5.5::int, '5'::int FROM customers WHERE id = 1;

SELECT 'x'::boolean FROM customers WHERE id = 1;

SELECT 'x' + 1 FROM customers;

SELECT 1 + 'x' FROM customers WHERE id = 1;

SELECT 2147483647 + 1 FROM customers WHERE id = 1;

SELECT 32768::int2 FROM customers WHERE id = 1;

SELECT 'a' || 1, 1 || 'a', 'a' || NULL, 'a' || true FROM customers WHERE id = 1;

SELECT E'a\nb\tc\\', E'\x41\101\u0041', U&'d\0061t\+000061', $$a'b$$, $x$a$$b$x$, 'a''b' FROM customers WHERE id = 1;

SELECT id /* a /* nested */ comment */ FROM customers -- to the end
WHERE id = 1;

SELECT id FROM customers WHERE name = 'a;b' OR id = 1 /* ; */;

SELECT current_date = now()::date, localtimestamp = now()::timestamp, current_timestamp = now() FROM customers WHERE id = 1;

SELECT extract(year FROM date '2024-05-06'), extract(epoch FROM interval '1 day'), date_part('month', date '2024-05-06') FROM customers WHERE id = 1;

SELECT 'b' IN ('a', 'b'), 1 IN (1, NULL), 2 IN (1, NULL), 2 NOT IN (1, NULL), NULL IN (1) FROM customers WHERE id = 1;

SELECT id IN (1, 5), city IN ('Rome', 'Oslo') FROM customers;

SELECT ssn IN ('é', '0'), ssn NOT IN ('é', '0'), ssn <> 'é', ssn IS NULL, 'é' = ssn FROM customers ORDER BY id;

SELECT count(*) FROM customers WHERE (ssn = 'é') = (email = 'zoe@example.com');

-- refused: merge-group
SELECT count(ssn), count(*) FROM customers GROUP BY ssn IS NULL;

SELECT min(CASE WHEN ssn = 'é' THEN id END), sum(CASE WHEN ssn IS NULL THEN 1 ELSE 0 END) FROM customers;

SELECT id FROM customers WHERE id = 1 ORDER BY 'x';

SELECT count(*) FROM customers WHERE id = 1 GROUP BY 'x';

SELECT id FROM customers WHERE id = 1 ORDER BY 1.5;

SELECT id FROM customers WHERE id = 1 ORDER BY NULL;

SELECT code FROM countries ORDER BY 'x', code;

SELECT 'x' AS a, id FROM customers WHERE id = 1 GROUP BY a, id ORDER BY a;

SELECT name, count(*) FROM customers WHERE id = 1 GROUP BY name, 1;

SELECT upper('x' || name), count(*) FROM customers WHERE id = 1 GROUP BY upper('x' || name) ORDER BY upper('x' || name);

SELECT id + 1, count(*) FROM customers WHERE id = 1 GROUP BY id + 2;

SELECT id + 1 FROM customers WHERE id = 1 GROUP BY id;

SELECT name FROM customers WHERE id = 1 GROUP BY id;

SELECT id FROM customers WHERE id = 1 GROUP BY city;

SELECT count(*) FROM customers WHERE count(*) > 1;

SELECT sum(count(*)) FROM customers WHERE id = 1;

SELECT length(5) FROM customers WHERE id = 1;

SELECT nothing(5) FROM customers WHERE id = 1;

SELECT id FROM customers c WHERE c.id = 1 AND d.id = 1;

SELECT id FROM customers c, orders o WHERE c.id = o.customer_id;

SELECT c.id FROM customers c, customers c WHERE c.id = 1;

SELECT id FROM customers WHERE id = 1 LIMIT 1 LIMIT 2;

SELECT id FROM customers WHERE id = ;

SELECT id FROM customers WHERE name = 'x;

SELECT id FROM customers WHERE name = $1;

SELECT $1;
