-- param: 5
SELECT id, email FROM customers WHERE id = $1;

-- null
SELECT id, email FROM customers WHERE id = $1;

-- param: x
SELECT id FROM customers WHERE id = $1;

-- param: 5
SELECT id FROM customers WHERE id = $1::int;

-- param: 5
SELECT id FROM customers WHERE id = $1::smallint;

-- param: 5.5
SELECT id FROM customers WHERE id > $1::numeric;

-- param: bob@example.com
SELECT id, name FROM customers WHERE email = $1;

-- param: é
-- param: 
-- null
SELECT id FROM customers WHERE ssn IN ($1, $2, $3);

-- param: é
-- null
SELECT id FROM customers WHERE ssn NOT IN ($1, $2);

-- param: 12.5000
SELECT customer_id, id, amount + $1 FROM orders WHERE amount < $1;

-- param: NaN
SELECT customer_id, id FROM orders WHERE amount = $1;

-- param: 2024-03-10 03:00:00
SELECT id FROM customers WHERE created_at > $1;

-- param: 2024-03-10
SELECT id, created_at::date = $1 FROM customers WHERE created_at::date > $1;

-- param: infinity
SELECT id FROM customers WHERE created_at = $1;

-- param: 3
-- param: 2
SELECT id FROM customers ORDER BY id LIMIT $1 OFFSET $2;

-- null
-- null
SELECT id FROM customers ORDER BY id LIMIT $1 OFFSET $2;

-- param: -1
SELECT id FROM customers ORDER BY id LIMIT $1;

-- param: t
SELECT id, $1::boolean FROM customers WHERE (id > 4) = $1;

-- param: Rome
SELECT count(*), $1::text || 'x' FROM countries WHERE name <> $1;

-- param: {1,5,7}
SELECT id FROM customers WHERE id = ANY ($1::bigint[]);

-- param: {"a":[1,2.50]}
SELECT $1::jsonb, $1::jsonb -> 'a' FROM customers WHERE id = 1;

-- param: \x00ff
SELECT $1::bytea FROM customers WHERE id = 1;

-- param: 1.5
SELECT $1::float8 * 2 FROM customers WHERE id = 1;

-- param: 0aee10fc-0d54-4c6c-b5d4-a1f0d6d0c1f6
SELECT $1::uuid, id FROM customers;

-- param: 1 day 2 hours
SELECT created_at + $1::interval FROM customers WHERE id = 1;

-- param: 12:30:00
SELECT $1::time FROM customers WHERE id = 1;

-- param: 2
SELECT id FROM customers WHERE $1 = 2 AND id < 5;

-- param: a
-- param: b
SELECT id FROM customers WHERE name = $2;

-- param: %a%
SELECT id FROM customers WHERE name LIKE $1;

-- param: 7
-- param: x
INSERT INTO orders (customer_id, id, amount, status, placed_at) VALUES ($1, 99, 1.005, 'open', '2024-01-01') RETURNING customer_id, amount, placed_at, $2::text;

-- param: 900
-- param: new@example.com
-- null
-- param: 0044-03-15 BC
-- param: 1.005
INSERT INTO customers (id, name, email, ssn, birth_date, balance) VALUES ($1, 'n', $2, $3, $4, $5) RETURNING id, email, ssn, birth_date, balance;

-- param: 12345678901.00
INSERT INTO customers (id, name, email, balance) VALUES (901, 'n', 'e', $1);

-- param: 2024-02-30
INSERT INTO customers (id, name, email, birth_date) VALUES (901, 'n', 'e', $1);

-- param: 2024-02-30
-- null
UPDATE customers SET birth_date = $2, city = 'x' WHERE id = 5 AND city <> $1 RETURNING id, birth_date, city;

-- param: 5
-- param: 6
DELETE FROM orders WHERE customer_id = $1 AND id < $2 RETURNING *;

-- param int4: 5
SELECT id, email FROM customers WHERE id = $1;

-- param int2: 5
SELECT id, email FROM customers WHERE id = $1;

-- param numeric: 5.0
SELECT id, email FROM customers WHERE id = $1;

-- param numeric: 5.5
SELECT id, email FROM customers WHERE id = $1;

-- param numeric: 1e30
SELECT id, email FROM customers WHERE id IN ($1, 5);

-- param float8: 5
SELECT id, email FROM customers WHERE id = $1;

-- param text: 5
SELECT id, email FROM customers WHERE id = $1;

-- null int4
SELECT id, email FROM customers WHERE id = $1;

-- param varchar: bob@example.com
SELECT id FROM customers WHERE email = $1;

-- param varchar: é
-- param text: 0
SELECT id, ssn FROM customers WHERE ssn IN ($1, $2);

-- param int4: 5
SELECT id FROM customers WHERE ssn = $1;

-- param int4: 2
-- param int2: 1
SELECT id FROM customers ORDER BY id LIMIT $1 OFFSET $2;

-- param text: 2
SELECT id FROM customers WHERE id = 5 LIMIT $1;

-- param int4: 5
-- param float8: 2.5
-- param text: y
-- param bool: t
-- refused: function
SELECT $1, $2, $3, $4, pg_typeof($1) FROM customers WHERE id = 1;

-- param int4: 5
-- param float8: 2.5
-- param text: y
-- param bool: t
-- param timestamptz: 2024-01-01 00:00:00+00
-- param bytea: \x00ff
-- param jsonb: {"a": 1}
-- param uuid: 0aee10fc-0d54-4c6c-b5d4-a1f0d6d0c1f6
-- null date
-- param numeric: -12.3400
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM customers WHERE id = 1;

-- param int4: 501
-- param varchar: n
-- param int4: 12
-- refused: mixed-parameter
INSERT INTO customers (id, name, email, balance) VALUES ($1, $2, $2, $3) RETURNING id, name, balance;

-- param int4: 501
-- param varchar: n
-- param varchar: m
-- param int4: 12
-- param date: 0044-03-15 BC
INSERT INTO customers (id, name, email, balance, birth_date) VALUES ($1, $2, $3, $4, $5) RETURNING id, name, email, balance, birth_date;

-- param int4: 501
-- param timestamp: 2001-02-03 04:05:06
-- refused: sealed-conversion
INSERT INTO customers (id, name, email, birth_date) VALUES ($1, 'n', 'e', $2) RETURNING birth_date;

-- param numeric: 12345.678
UPDATE customers SET balance = $1 WHERE id = 5 RETURNING balance;

-- param float8: 12345.678
-- refused: sealed-conversion
UPDATE customers SET balance = $1 WHERE id = 5 RETURNING balance;

-- param text: 12
UPDATE customers SET balance = $1 WHERE id = 5;
