SELECT id FROM customers ORDER BY id LIMIT 3;

SELECT id FROM customers ORDER BY id LIMIT 0;

SELECT id FROM customers ORDER BY id LIMIT NULL;

SELECT id FROM customers ORDER BY id LIMIT ALL;

SELECT id FROM customers ORDER BY id LIMIT 3 OFFSET 0;

SELECT id FROM customers ORDER BY id DESC LIMIT 3 OFFSET 4;

SELECT id FROM customers ORDER BY id OFFSET 5;

SELECT id FROM customers ORDER BY id OFFSET 1000;

SELECT id FROM customers ORDER BY id LIMIT 5 OFFSET 12;

SELECT id FROM customers ORDER BY id LIMIT 9223372036854775807 OFFSET 1;

SELECT id FROM customers ORDER BY id LIMIT '2';

-- refused: merge-limit
SELECT id FROM customers ORDER BY id LIMIT 2.5;

-- refused: merge-limit
SELECT id FROM customers ORDER BY id LIMIT 2::int;

SELECT id FROM customers ORDER BY id FETCH FIRST 2 ROWS ONLY;

SELECT id FROM customers ORDER BY id LIMIT -1;

SELECT id FROM customers ORDER BY id OFFSET -1;

SELECT id FROM customers ORDER BY id LIMIT 'x';

SELECT id FROM customers WHERE id = 5 ORDER BY id LIMIT 0;

SELECT id FROM customers WHERE id = 5 LIMIT -1;

SELECT id FROM customers WHERE id = 5 LIMIT NULL OFFSET NULL;

-- counted
SELECT id FROM customers LIMIT 4;

-- counted
SELECT id FROM customers LIMIT 4 OFFSET 12;

SELECT id, created_at FROM customers ORDER BY created_at, id;

SELECT id FROM customers ORDER BY created_at DESC NULLS LAST, id DESC;

SELECT customer_id, id, amount FROM orders ORDER BY amount, customer_id, id;

SELECT customer_id, id, amount FROM orders ORDER BY amount DESC, customer_id, id LIMIT 7;

SELECT customer_id AS c, id AS i FROM orders ORDER BY c DESC, i;

SELECT customer_id, id FROM orders ORDER BY 2, 1 DESC;

SELECT c.id, o.id, o.amount FROM customers c LEFT JOIN orders o ON o.customer_id = c.id ORDER BY o.amount NULLS FIRST, c.id, o.id;

SELECT c.id, o.id, o.amount FROM customers c LEFT JOIN orders o ON o.customer_id = c.id ORDER BY o.amount DESC NULLS LAST, c.id, o.id;

SELECT c.id, o.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id ORDER BY o.placed_at DESC, c.id DESC, o.id DESC;

SELECT -id FROM customers WHERE id <> 9223372036854775807 ORDER BY -id;

SELECT id % 3 AS r, id FROM customers ORDER BY r, id;

SELECT id IS NULL, city IS NULL AS n, id FROM customers ORDER BY n, id;

SELECT name, id FROM customers WHERE id = 5 ORDER BY name;

SELECT code FROM countries ORDER BY length(name), code;

-- refused: text-order
SELECT name FROM customers ORDER BY name, id;

-- refused: merge-order
SELECT id FROM customers ORDER BY length(name), id;

SELECT id FROM customers ORDER BY 2;

SELECT id FROM customers ORDER BY nothing;
