\pset null '<null>'
\echo masks
SELECT id, name, email, ssn, phone, birth_date FROM customers WHERE id = 9001;
SELECT id, email, ssn FROM customers WHERE email = 'ADA@PSQL.example';
SELECT s.x, s.y FROM (SELECT ssn AS x, phone AS y FROM customers WHERE id = 9001) s;
SELECT ssn IS NULL AS no_ssn FROM customers WHERE id = 9001;
SELECT count(ssn), count(*) FROM customers WHERE id = 9001;
SELECT id, email, birth_date FROM customers WHERE id = 9001 \gdesc

\echo oracles
SELECT id FROM customers WHERE ssn LIKE '1%';
SELECT id FROM customers WHERE ssn = '987-65-4321';
SELECT id FROM customers WHERE email LIKE 'a%';
SELECT id FROM customers WHERE birth_date < '2000-01-01';
SELECT id FROM customers ORDER BY phone;
SELECT id, phone FROM customers ORDER BY 2;
SELECT phone AS city FROM customers ORDER BY city;
SELECT max(phone) FROM customers;
SELECT phone, count(*) FROM customers GROUP BY phone;
SELECT DISTINCT ssn FROM customers;
SELECT ssn FROM customers UNION ALL SELECT ssn FROM customers;
SELECT upper(ssn) FROM customers;
SELECT ssn || '' FROM customers;
SELECT ssn::bytea FROM customers;
SELECT customers FROM customers;
SELECT row_to_json(c) FROM customers c;
SELECT CASE WHEN ssn > '5' THEN 1 END FROM customers;
SELECT a.id FROM customers a JOIN customers b ON a.ssn = b.ssn AND a.id = b.id;
EXPLAIN ANALYZE SELECT 1 FROM customers WHERE ssn LIKE '1%';

\echo a denied column
SELECT balance FROM customers WHERE id = 9001;
SELECT * FROM customers WHERE id = 9001;
SELECT count(balance) FROM customers;

\echo laundering and writing
UPDATE customers SET name = phone WHERE id = 9001;
UPDATE customers SET ssn = '1' WHERE id = 9001;
INSERT INTO customers (name, email) VALUES ('x', 'y');
UPDATE customers SET city = 'Bonn' WHERE id = 9001 RETURNING ssn, city;
DELETE FROM customers WHERE ssn = '987-65-4321';

\echo another user, another role, other ways
SET ROLE app;
SET SESSION AUTHORIZATION app;
SELECT set_config('role', 'app', false);
SET standard_conforming_strings = off;
SELECT pg_read_file('/etc/passwd');
SELECT rolpassword FROM pg_authid;
SELECT query FROM pg_stat_activity;
DO 'BEGIN END';
COPY customers (ssn) TO STDOUT;
DECLARE c CURSOR WITH HOLD FOR SELECT id, ssn FROM customers WHERE id = 9001;
FETCH c;
CLOSE c;
PREPARE p AS SELECT id, ssn FROM customers WHERE id = $1;
EXECUTE p (9001);
PREPARE q AS SELECT id FROM customers WHERE ssn = $1;
DECLARE c CURSOR WITH HOLD FOR SELECT id FROM customers ORDER BY ssn;
LISTEN c;
NOTIFY c, 'x';
SELECT pg_advisory_lock(1);
SELECT current_user, session_user, current_database();

\echo an error in a transaction, then COMMIT
BEGIN;
UPDATE customers SET city = 'Ulm' WHERE id = 9001;
SELECT id FROM customers WHERE ssn LIKE '1%';
COMMIT;
SELECT city FROM customers WHERE id = 9001;

\echo in all words
\set VERBOSITY verbose
SELECT id FROM customers WHERE ssn LIKE '1%';

\echo the table
\d customers
