-- Nothing but a block has savepoints.
SAVEPOINT a
ROLLBACK TO a
RELEASE a
ROLLBACK TO SAVEPOINT nowhere
SELECT 1\; SAVEPOINT a
SELECT 1\; ROLLBACK TO a

-- An error is taken back, what was before it stays.
BEGIN
INSERT INTO customers (id, name, email) VALUES (20, 'first', 'first@example.com')
SAVEPOINT a
INSERT INTO customers (id, name, email) VALUES (21, 'second', 'second@example.com')
SELECT id, email FROM customers WHERE id = 21
-- differs: the detail would show the key
INSERT INTO customers (id, name, email) VALUES (20, 'again', 'again@example.com')
SELECT id FROM customers WHERE id = 20
SAVEPOINT b
RELEASE a
SHOW TimeZone
ROLLBACK TO a
SELECT id, email FROM customers WHERE id = 20
SELECT id, email FROM customers WHERE id = 21
INSERT INTO customers (id, name, email) VALUES (21, 'third', 'third@example.com')
COMMIT
SELECT id, name FROM customers WHERE id IN (20, 21) ORDER BY id
DELETE FROM customers WHERE id = 20
DELETE FROM customers WHERE id = 21

-- Nesting: outer and inner, released and rolled back.
BEGIN
SAVEPOINT a
INSERT INTO customers (id, name, email) VALUES (20, 'a', 'a')
SAVEPOINT b
INSERT INTO customers (id, name, email) VALUES (21, 'b', 'b')
SAVEPOINT c
INSERT INTO customers (id, name, email) VALUES (24, 'c', 'c')
SELECT id, name FROM customers WHERE id IN (20, 21, 24) ORDER BY id
RELEASE c
SELECT id, name FROM customers WHERE id IN (20, 21, 24) ORDER BY id
ROLLBACK TO c
ROLLBACK TO b
SELECT id, name FROM customers WHERE id IN (20, 21, 24) ORDER BY id
ROLLBACK TO b
SELECT 1 / 0
ROLLBACK TO b
RELEASE b
SELECT id, name FROM customers WHERE id IN (20, 21, 24) ORDER BY id
ROLLBACK TO SAVEPOINT a
SELECT id, name FROM customers WHERE id IN (20, 21, 24) ORDER BY id
RELEASE SAVEPOINT a
ROLLBACK TO a
COMMIT

-- The same name twice: the inner one hides the outer, until it is released.
BEGIN
SAVEPOINT a
INSERT INTO customers (id, name, email) VALUES (20, 'outer', 'o')
SAVEPOINT a
INSERT INTO customers (id, name, email) VALUES (21, 'inner', 'i')
ROLLBACK TO a
SELECT id, name FROM customers WHERE id IN (20, 21) ORDER BY id
RELEASE a
ROLLBACK TO a
SELECT id, name FROM customers WHERE id IN (20, 21) ORDER BY id
RELEASE a
RELEASE a

-- Names are identifiers.
BEGIN
SAVEPOINT "Mixed case; and more"
SAVEPOINT UPPER
ROLLBACK TO upper
ROLLBACK TO "UPPER"
ROLLBACK TO "Mixed case; and more"
RELEASE "mixed case; and more"
ROLLBACK TO "Mixed case; and more"
RELEASE SAVEPOINT "Mixed case; and more"
ROLLBACK WORK

-- A syntax error, an unknown table and an unknown column are errors of the block like others.
BEGIN
SAVEPOINT a
SELECT nothing FROM customers
ROLLBACK TO a
SELECT id FROM nowhere
ROLLBACK TO a
-- differs: hint
SELEC
SAVEPOINT b
ROLLBACK TO a
SELECT id FROM customers WHERE id = 1
COMMIT

-- An unknown savepoint is an error too, and leaves the failed block failed.
BEGIN
SAVEPOINT a
ROLLBACK TO b
ROLLBACK TO b
RELEASE b
ROLLBACK TO a
RELEASE b
COMMIT

-- Settings return with the savepoint.
BEGIN
SET application_name = 'before'
SAVEPOINT a
SET application_name = 'behind'
SET LOCAL TimeZone = 'Asia/Tokyo'
SHOW application_name
SHOW TimeZone
SELECT created_at FROM customers WHERE id = 1
ROLLBACK TO a
SHOW application_name
SHOW TimeZone
SELECT created_at FROM customers WHERE id = 1
SET TimeZone = 'Asia/Tokyo'
SELECT created_at FROM customers WHERE id = 1
SELECT 1 / 0
SHOW application_name
ROLLBACK TO a
SHOW TimeZone
SELECT created_at FROM customers WHERE id = 1
SET TimeZone = 'Asia/Tokyo'
RELEASE a
SHOW TimeZone
SELECT created_at FROM customers WHERE id = 1
COMMIT
SHOW application_name
SHOW TimeZone
SELECT created_at FROM customers WHERE id = 1

BEGIN
SET application_name = 'before'
SELECT 1 / 0
ROLLBACK
SHOW application_name

-- COMMIT of a failed block is ROLLBACK, savepoints or not.
BEGIN
INSERT INTO customers (id, name, email) VALUES (20, 'a', 'a')
SAVEPOINT a
SELECT 1 / 0
COMMIT
SELECT id FROM customers WHERE id = 20
ROLLBACK TO a

-- Several statements in one string.
BEGIN\; SAVEPOINT a\; SELECT 1 / 0\; SELECT 2
ROLLBACK TO a\; SELECT 3\; RELEASE a\; SELECT 4
ROLLBACK TO a\; SELECT 3
SELECT 5
END

-- Savepoints do not outlive a block.
BEGIN
SAVEPOINT a
COMMIT
BEGIN
ROLLBACK TO a
END

-- Rows of several nodes, of one server and of another.
BEGIN
SELECT count(*) FROM customers WHERE id < 100
SAVEPOINT a
UPDATE customers SET city = 'Kiel' WHERE id = 2
SELECT id, city FROM customers WHERE id IN (1, 2, 3) ORDER BY id
SAVEPOINT b
SELECT count(*) FROM customers WHERE id < 100
ROLLBACK TO b
SELECT 1 / (id - 3) FROM customers WHERE id = 3
ROLLBACK TO b
SELECT id, city FROM customers WHERE id IN (1, 2, 3) ORDER BY id
ROLLBACK TO a
SELECT id, city FROM customers WHERE id IN (1, 2, 3) ORDER BY id
UPDATE customers SET city = 'Bonn' WHERE id = 1
SELECT id, city FROM customers WHERE id IN (1, 2, 3) ORDER BY id
ROLLBACK
SELECT id, city FROM customers WHERE id IN (1, 2, 3) ORDER BY id
