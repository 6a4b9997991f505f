SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT id, created_at, created_at::date, created_at::timestamp FROM customers;

SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT id FROM customers WHERE created_at = '2024-07-01 21:00:00';

SET TIME ZONE 'UTC';
SELECT placed_at, count(*) FROM orders GROUP BY placed_at ORDER BY placed_at;

SET LOCAL DateStyle = 'ISO, DMY';
SELECT id FROM customers WHERE created_at::date = '1/7/2024';

SET LOCAL DateStyle = 'ISO, DMY';
INSERT INTO customers (id, name, email, birth_date) VALUES (500, 'n', 'e', '1/2/2003') RETURNING birth_date;

SET LOCAL DateStyle = 'ISO, YMD';
INSERT INTO customers (id, name, email, birth_date) VALUES (500, 'n', 'e', '03-2-1') RETURNING birth_date;

SET LOCAL IntervalStyle = 'iso_8601';
SELECT created_at - '2024-01-01' FROM customers WHERE id = 1;

SET LOCAL bytea_output = 'escape';
SELECT '\x00ff41'::bytea FROM customers WHERE id = 1;

SET LOCAL extra_float_digits = 0;
SELECT 0.1::float8 + 0.2::float8 FROM customers WHERE id = 1;

SET LOCAL search_path = 'nowhere';
SELECT id FROM customers;

SET LOCAL search_path = 'nowhere', 'public';
SELECT id FROM customers;

SET LOCAL statement_timeout = '1h';
SHOW statement_timeout;

SHOW TimeZone;

SHOW server_encoding;

SHOW transaction_isolation;

SHOW nothing;

SET nothing = 1;

SET TimeZone = 'Nowhere/At_All';

SELECT current_setting('TimeZone');

SELECT current_database() IS NULL, current_user IS NULL, 1 + 1;

BEGIN;
SELECT 1;

-- differs: 22023
SET DateStyle = 'German';

-- refused: unknown-statement
SET TIME ZONE INTERVAL '+05:30' HOUR TO MINUTE;
