SELECT * FROM customers;

SELECT * FROM customers ORDER BY id;

SELECT c.*, c.id FROM public.customers AS c ORDER BY c.id DESC;

SELECT id, email, ssn, phone, birth_date, balance FROM customers WHERE id = 2;

SELECT balance, birth_date FROM customers WHERE id IN (1, 2, 4, 5, 7) ORDER BY id;

SELECT "id" AS "Id", name "Na""me", balance AS balance2 FROM customers ORDER BY 1;

SELECT id + 1, -id, id::text, name || '!', upper(name), length(name) FROM customers WHERE id < 9223372036854775807;

SELECT created_at, created_at::date, created_at AT TIME ZONE 'UTC', extract(year FROM created_at) FROM customers;

SELECT amount, amount * 1.10, amount / 3, round(amount, 1), amount::numeric(14,3), amount::text FROM orders;

SELECT id, CASE WHEN city IS NULL THEN 'none' WHEN city = '' THEN 'empty' ELSE city END FROM customers;

SELECT coalesce(city, country, 'neither'), nullif(city, ''), greatest(id, 5), least(id, 5) FROM customers;

SELECT id FROM customers WHERE city = 'Rome' AND NOT country = 'IT';

SELECT id FROM customers WHERE city IN ('Rome', NULL);

SELECT id FROM customers WHERE city NOT IN ('Rome', NULL);

SELECT id FROM customers WHERE city NOT IN ('Rome', '');

SELECT id FROM customers WHERE name LIKE '%a%' OR name ILIKE 'B_B';

SELECT id FROM customers WHERE created_at BETWEEN '2024-01-01' AND 'infinity';

SELECT id FROM customers WHERE created_at = '2024-11-03 01:30:00';

SELECT id FROM customers WHERE id = NULL;

SELECT id FROM customers WHERE id = 1 OR id = 2 OR name = 'zero';

SELECT id FROM customers WHERE id = 1 AND id = 2;

SELECT id FROM customers WHERE id IN (1, 2, 3) AND id NOT IN (2);

SELECT id FROM customers WHERE id = 1.0;

SELECT id FROM customers WHERE id = 1.5;

SELECT id FROM customers WHERE id = '1';

SELECT id FROM customers WHERE id = ' 7 ';

SELECT id FROM customers WHERE id = 99999999999999999999;

SELECT id FROM customers WHERE id = -1;

SELECT id FROM customers WHERE 5 = id;

SELECT id FROM customers WHERE id = 9223372036854775807;

SELECT id FROM customers WHERE id = '1'::bigint;

SELECT id FROM customers WHERE id = 2 + 3;

SELECT id FROM customers WHERE id > 3 AND id <= 9;

SELECT id FROM customers WHERE true;

SELECT id FROM customers WHERE false;

SELECT id FROM customers WHERE NULL;

SELECT id FROM customers WHERE (city IS NULL) IS NOT TRUE;

SELECT id FROM customers WHERE city IS DISTINCT FROM 'Rome';

SELECT 1, 'x', NULL, 1.50, true, '2024-01-01'::date;

SELECT id, 1 AS one, 'x' AS x, NULL AS nothing FROM customers;

SELECT code, name FROM countries ORDER BY name DESC LIMIT 3 OFFSET 2;

SELECT name FROM countries WHERE code = 'DE';

SELECT id, ARRAY[id, 2] FROM customers;

SELECT id FROM customers WHERE id = ANY (ARRAY[1, 2]);

SELECT id::int FROM customers WHERE id = 9223372036854775807;

SELECT 1 / (id - 1) FROM customers WHERE id = 1;

SELECT id / 0 FROM customers;

SELECT nothing FROM customers;

SELECT id FROM nowhere;

SELECT id FROM customers WHERE name = 5;

SELECT id FROM customers WHERE id = 'x';

SELECT id FROM customers GROUP BY name;

SELEC id FROM customers;

SELECT id FROM customers c WHERE customers.id = 1;

-- refused: distinct
SELECT DISTINCT city FROM customers;

-- refused: set-operation
SELECT id FROM customers UNION SELECT id FROM orders;

-- refused: cte
WITH x AS (SELECT id FROM customers) SELECT id FROM x;

-- refused: window
SELECT count(*) OVER () FROM customers;
