-- Words for begin and end.
BEGIN WORK
END WORK
BEGIN TRANSACTION
COMMIT TRANSACTION
START TRANSACTION
ABORT WORK
COMMIT
ROLLBACK
END
ABORT

-- Twice, and what its modes do.
BEGIN
BEGIN
START TRANSACTION READ ONLY
SHOW transaction_read_only
COMMIT

-- Isolation.
BEGIN ISOLATION LEVEL SERIALIZABLE
SHOW transaction_isolation
SELECT id FROM customers WHERE id = 1
SHOW transaction_isolation
COMMIT
SHOW transaction_isolation
BEGIN
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ
SHOW transaction_isolation
SELECT id FROM customers WHERE id = 1
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE
ROLLBACK
BEGIN
SAVEPOINT a
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE
ROLLBACK TO a
SET TRANSACTION ISOLATION LEVEL READ COMMITTED
SET TRANSACTION DEFERRABLE
ROLLBACK TO a
SHOW transaction_isolation
COMMIT
SET transaction_isolation = 'serializable'
SHOW transaction_isolation
BEGIN
SET transaction_isolation = 'serializable'
SHOW transaction_isolation
-- differs: no value stands in a message
SET transaction_isolation = 'nonsense'
ROLLBACK
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE
SET LOCAL application_name = 'nobody'

-- The defaults of a session.
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE
SHOW default_transaction_isolation
SHOW default_transaction_read_only
SHOW default_transaction_deferrable
SHOW transaction_isolation
SHOW transaction_read_only
BEGIN
SHOW transaction_isolation
SHOW transaction_read_only
SHOW transaction_deferrable
SELECT id FROM customers WHERE id = 1
INSERT INTO customers (id, name, email) VALUES (20, 'a', 'a')
ROLLBACK
UPDATE customers SET city = 'Bonn' WHERE id = 1
BEGIN READ WRITE
INSERT INTO customers (id, name, email) VALUES (20, 'a', 'a')
ROLLBACK
SET default_transaction_isolation = 'repeatable read'
BEGIN
SHOW transaction_isolation
END

-- Read only.
BEGIN READ ONLY
SELECT id FROM customers WHERE id = 1
INSERT INTO customers (id, name, email) VALUES (20, 'a', 'a')
ROLLBACK
BEGIN READ ONLY
UPDATE customers SET city = 'Bonn' WHERE id = 1
COMMIT
BEGIN READ ONLY
SAVEPOINT a
DELETE FROM customers WHERE id = 99
ROLLBACK TO a
SET TRANSACTION READ WRITE
ROLLBACK TO a
SELECT id FROM customers WHERE id = 1
COMMIT
BEGIN READ ONLY
SET TRANSACTION READ WRITE
INSERT INTO customers (id, name, email) VALUES (20, 'a', 'a')
SET TRANSACTION READ ONLY
INSERT INTO customers (id, name, email) VALUES (21, 'a', 'a')
ROLLBACK
BEGIN READ ONLY
SELECT id FROM customers WHERE id = 1
SET TRANSACTION READ WRITE
ROLLBACK
BEGIN
SAVEPOINT a
SET TRANSACTION READ ONLY
SHOW transaction_read_only
INSERT INTO customers (id, name, email) VALUES (20, 'a', 'a')
ROLLBACK TO a
SHOW transaction_read_only
INSERT INTO customers (id, name, email) VALUES (20, 'a', 'a')
SELECT id FROM customers WHERE id = 2
ROLLBACK
BEGIN
SET LOCAL transaction_read_only = on
DELETE FROM customers WHERE id = 99
ROLLBACK

-- Chains.
COMMIT AND CHAIN
ROLLBACK AND CHAIN
BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY
COMMIT AND CHAIN
SHOW transaction_isolation
SHOW transaction_read_only
ROLLBACK AND CHAIN
SHOW transaction_isolation
SELECT 1 / 0
COMMIT AND CHAIN
SHOW transaction_isolation
SELECT id FROM customers WHERE id = 1
COMMIT AND NO CHAIN
SHOW transaction_isolation
BEGIN
INSERT INTO customers (id, name, email) VALUES (20, 'a', 'a')
SAVEPOINT a
ROLLBACK AND CHAIN
ROLLBACK TO a
ROLLBACK
SELECT id FROM customers WHERE id = 20

-- Implicit transactions.
SELECT 1\; BEGIN\; SELECT 2
COMMIT
SELECT id FROM customers WHERE id = 1\; BEGIN ISOLATION LEVEL SERIALIZABLE\; SELECT 2
ROLLBACK
INSERT INTO customers (id, name, email) VALUES (20, 'a', 'a')\; ROLLBACK\; SELECT id FROM customers WHERE id = 20
INSERT INTO customers (id, name, email) VALUES (20, 'a', 'a')\; SELECT 1 / 0
SELECT id FROM customers WHERE id = 20
