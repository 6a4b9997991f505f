\pset null '<null>'
\echo insert, select by id, select by e-mail in another case, update
DELETE FROM customers WHERE id = 9001;
INSERT INTO customers (id, name, email, ssn, phone, birth_date, balance, city, country)
  VALUES (9001, 'Ada', 'Ada@psql.example', '123-45-6789', '+49 30 1234', '1990-01-02', 12.50, 'Berlin', 'DE')
  RETURNING id, email, ssn, birth_date, balance;
SELECT id, name, email, ssn, phone, birth_date, balance FROM customers WHERE id = 9001;
SELECT id, email, ssn FROM customers WHERE email = 'ADA@PSQL.example';
SELECT id FROM customers WHERE ssn IN ('123-45-6789', 'x') AND id = 9001;
SELECT c.name, k.name AS country FROM customers c JOIN countries k ON k.code = c.country WHERE c.id = 9001;
UPDATE customers SET ssn = '987-65-4321', city = 'Rome' WHERE email = 'ada@psql.example' AND id = 9001 RETURNING ssn, city;

\echo what the statement would return
SELECT id, email, birth_date, balance FROM customers WHERE id = 9001 \gdesc

\echo a transaction rolled back
BEGIN;
UPDATE customers SET ssn = '000-00-0000' WHERE id = 9001;
SELECT ssn FROM customers WHERE id = 9001;
ROLLBACK;
SELECT ssn FROM customers WHERE id = 9001;

\echo an error in a transaction, then COMMIT
BEGIN;
UPDATE customers SET ssn = '000-00-0000' WHERE id = 9001;
SELECT nosuch FROM customers;
SELECT ssn FROM customers WHERE id = 9001;
COMMIT;
SELECT ssn FROM customers WHERE id = 9001;

\echo two statements in one string; the second fails and takes the first along
UPDATE customers SET city = 'Oslo' WHERE id = 9001 \; SELECT city FROM customers WHERE id = 9001;
UPDATE customers SET city = 'Kiel' WHERE id = 9001 \; SELECT 1 / 0;
SELECT city FROM customers WHERE id = 9001;

\echo NULL, empty strings, quotes, backslashes, Unicode
DELETE FROM customers WHERE id = 9002;
INSERT INTO customers (id, name, email, ssn, phone, birth_date) VALUES (9002, 'Odd', '', NULL, '''"\ \\ \x41 C:\temp', NULL);
SELECT email, ssn, phone, birth_date, ssn IS NULL AS no_ssn, birth_date IS NOT NULL AS has_date FROM customers WHERE id = 9002;
UPDATE customers SET ssn = E'tab\tnew\\line', phone = U&'\00e9 e\0301', email = $q$ $1 '; DROP TABLE customers; -- 日本語 🙂 $q$ WHERE id = 9002;
SELECT email, ssn, phone FROM customers WHERE id = 9002;
SELECT id FROM customers WHERE ssn = E'tab\tnew\\line';

\echo a text of 1 MB
\set long `printf '%01048576d' 7`
UPDATE customers SET phone = :'long' WHERE id = 9002;
SELECT phone AS got FROM customers WHERE id = 9002 \gset
SELECT length(:'got'), :'got' = :'long' AS equal;

\echo bytes that are no text, values that are of no date and no number
UPDATE customers SET ssn = E'\377' WHERE id = 9002;
UPDATE customers SET ssn = E'a\000b' WHERE id = 9002;
UPDATE customers SET birth_date = 'yesterdaz' WHERE id = 9002;
UPDATE customers SET birth_date = '2023-02-29' WHERE id = 9002;
UPDATE customers SET balance = 12345678901.00 WHERE id = 9002;
UPDATE customers SET balance = 0.005, birth_date = '4713-01-01 BC' WHERE id = 9002 RETURNING balance, birth_date;

\echo what cannot be done over encrypted columns
SELECT id FROM customers WHERE upper(email) = 'X';
SELECT id FROM customers WHERE phone = 'x';
SELECT id FROM customers ORDER BY email;
SELECT email, count(*) FROM customers GROUP BY email;
UPDATE customers SET ssn = upper(name) WHERE id = 9001;
UPDATE customers SET email = ssn WHERE id = 9001;
UPDATE customers SET city = 'x';
COPY customers TO STDOUT;

\echo over shards
SELECT count(*) FROM countries WHERE code IN ('DE', 'CH');
SELECT id FROM customers WHERE id IN (9001, 9002) ORDER BY id DESC LIMIT 1;
SELECT count(*), min(id), max(id) FROM customers WHERE id IN (9001, 9002);

\echo savepoints, by hand and by psql
BEGIN;
UPDATE customers SET city = 'Bari' WHERE id = 9001;
SAVEPOINT "a b";
UPDATE customers SET ssn = 'behind', city = 'Pisa' WHERE id = 9001 RETURNING ssn, city;
SELECT 1 / 0;
SELECT city FROM customers WHERE id = 9001;
ROLLBACK TO "a b";
SELECT ssn, city FROM customers WHERE id = 9001;
COMMIT;
\set ON_ERROR_ROLLBACK on
BEGIN;
UPDATE customers SET city = 'Como' WHERE id = 9001;
SELECT nosuch FROM customers;
SELECT id FROM customers WHERE upper(email) = 'X';
UPDATE customers SET city = 'Riva' WHERE id = 9001 AND city = 'Como' RETURNING city;
COMMIT;
\set ON_ERROR_ROLLBACK off
SELECT city FROM customers WHERE id = 9001;

\echo read by parts
\set FETCH_COUNT 1
SELECT id, ssn FROM customers WHERE id IN (9001, 9002) ORDER BY id;
\set FETCH_COUNT 0
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id, email FROM customers WHERE id IN (9001, 9002) ORDER BY id;
FETCH ALL c;
FETCH PRIOR c;
COMMIT;

\echo prepared by SQL
PREPARE by_ssn (text) AS SELECT id, ssn FROM customers WHERE ssn = $1 AND id = 9001;
EXECUTE by_ssn ('987-65-4321');
EXECUTE by_ssn (NULL);
EXECUTE by_ssn (1, 2);
DEALLOCATE by_ssn;
EXECUTE by_ssn ('987-65-4321');

\echo listening
LISTEN news;
UNLISTEN *;
NOTIFY news, 'to whom it may concern';

\echo delete
DELETE FROM customers WHERE id = 9002;
SELECT count(*) FROM customers WHERE id = 9002;
