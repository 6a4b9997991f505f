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
