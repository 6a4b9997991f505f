-- Values for protected and for other columns, of declared and of inferred types.
PREPARE by_id (bigint) AS SELECT id, email, ssn, birth_date, balance FROM customers WHERE id = $1
EXECUTE by_id (1)
EXECUTE by_id ('2')
EXECUTE by_id (9223372036854775807)
EXECUTE by_id (2.4)
EXECUTE by_id (+2)
EXECUTE by_id (-1)
EXECUTE by_id (NULL)
EXECUTE by_id (1::smallint)
EXECUTE by_id ('1'::int)
EXECUTE by_id (CAST(2.5 AS numeric))
EXECUTE by_id (1.5e0)
PREPARE by_email AS SELECT id FROM customers WHERE email = $1 ORDER BY id
EXECUTE by_email ('bob@example.com')
EXECUTE by_email ('bob@example.com'::text)
EXECUTE by_email ('bob@example.com'::varchar)
EXECUTE by_email (E'bob\x40example.com')
EXECUTE by_email ($$bob@example.com$$)
EXECUTE by_email (5)
EXECUTE by_email (true)
EXECUTE by_email (NULL)
DEALLOCATE by_email
EXECUTE by_email ('bob@example.com')

-- Writing.
PREPARE ins (bigint, text, text, date, numeric) AS INSERT INTO customers (id, name, email, birth_date, balance) VALUES ($1, $2, $3, $4, $5) RETURNING id, birth_date, balance
BEGIN
EXECUTE ins (30, 'p', 'p@example.com', '2020-01-02', 12.345)
EXECUTE ins (31, 'p', 'p@example.com', '2020-01-02'::date, '1')
-- differs: the detail would show the row
EXECUTE ins (34, 'p', NULL, NULL, NULL)
ROLLBACK
BEGIN
EXECUTE ins (30, 'p', 'p@example.com', NULL, 7)
PREPARE up AS UPDATE customers SET ssn = $2, city = $3 WHERE id = $1
EXECUTE up (30, '123-99-9999', 'Kiel')
EXECUTE up (35, '123-99-9999', 'Kiel')
PREPARE del AS DELETE FROM customers WHERE id = $1
SELECT ssn, city FROM customers WHERE id = 30
EXECUTE del (30)
EXECUTE del (30)
ROLLBACK
EXECUTE del (99)

-- Prepared statements do not follow transactions.
BEGIN
PREPARE q AS SELECT 1 AS n
ROLLBACK
EXECUTE q
BEGIN
DEALLOCATE q
ROLLBACK
EXECUTE q

-- Names.
PREPARE "Mixed name" AS SELECT 1 AS n
EXECUTE "Mixed name"
EXECUTE mixed
PREPARE twice AS SELECT 1 AS n
PREPARE twice AS SELECT 2 AS n
PREPARE TWICE AS SELECT 2 AS n
EXECUTE twice
DEALLOCATE PREPARE twice
DEALLOCATE twice
DEALLOCATE nowhere
DEALLOCATE ALL
EXECUTE "Mixed name"

-- Errors.
PREPARE p AS SELECT nothing FROM customers
PREPARE p AS SELECT id FROM nowhere
-- differs: hint
PREPARE p AS SELEC
PREPARE p (nosuch) AS SELECT 1
-- differs: hint
PREPARE p AS BEGIN
PREPARE p (int) AS SELECT id FROM customers WHERE id = $1
EXECUTE p
EXECUTE p (1, 2)
EXECUTE p ($1)
-- differs: no value stands in a message
EXECUTE p ('x')
EXECUTE p (true)
-- differs: the message says which argument
EXECUTE p (99999999999)
EXECUTE p ('1'::text)
PREPARE later AS SELECT $1 AS x
EXECUTE later (1)
EXECUTE later ('x')
PREPARE more (int, text) AS SELECT id FROM customers WHERE id = $1
EXECUTE more (1, 'unused')
EXECUTE more (1)
PREPARE division AS SELECT 10 / $1::int AS n
EXECUTE division (0)
EXECUTE division (5)

-- In a failed block, and back.
BEGIN
PREPARE p AS SELECT id FROM customers WHERE id = $1
SAVEPOINT a
PREPARE p AS SELECT 1
EXECUTE p (1)
ROLLBACK TO a
EXECUTE p (1)
EXECUTE p (2)\; EXECUTE p (3)
COMMIT
EXECUTE p (1)\; DEALLOCATE p\; EXECUTE p (1)

-- Types, numbers and texts of arguments.
PREPARE t (text) AS SELECT $1 AS t
EXECUTE t (007)
EXECUTE t (1.50)
EXECUTE t (-5)
EXECUTE t (false)
EXECUTE t ('2024-1-2'::date)
EXECUTE t ('x'::text)
PREPARE n (numeric) AS SELECT $1 AS t
EXECUTE n (5)
EXECUTE n (1.50)
EXECUTE n ('1e3')
EXECUTE n (1e3)
EXECUTE n (true)
PREPARE b (bool) AS SELECT $1 AS t
EXECUTE b (true)
EXECUTE b ('f')
EXECUTE b (1)
PREPARE d (date) AS SELECT $1 AS t
EXECUTE d ('2024-2-29')
EXECUTE d (1)
PREPARE f (double precision) AS SELECT $1 AS t
EXECUTE f (1)
EXECUTE f (0.1)
PREPARE i (smallint) AS SELECT $1 AS t
EXECUTE i (1.5)
EXECUTE i (2.5)
EXECUTE i (-0.5)

DISCARD ALL
PREPARE p AS SELECT 1 AS n
DISCARD ALL
EXECUTE p
