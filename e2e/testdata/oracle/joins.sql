SELECT c.id, c.email, o.id, o.amount FROM customers c JOIN orders o ON o.customer_id = c.id;

SELECT c.id, c.email, o.id, o.amount FROM customers c, orders o WHERE o.customer_id = c.id AND o.amount > 5;

SELECT c.id, o.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.status = 'open';

SELECT c.id, o.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE o.id IS NULL;

SELECT c.id, k.name FROM customers c LEFT JOIN countries k ON k.code = c.country;

SELECT c.id, k.name FROM countries k JOIN customers c ON k.code = c.country WHERE k.name LIKE 'G%';

SELECT c.id, c.ssn, k.name, o.amount FROM customers c LEFT JOIN countries k ON k.code = c.country LEFT JOIN orders o ON o.customer_id = c.id ORDER BY c.id, o.id;

-- refused: outer-join-scatter
SELECT k.name, c.id FROM countries k LEFT JOIN customers c ON c.country = k.code AND c.id = 1;

SELECT k.name, c.email FROM countries k LEFT JOIN customers c ON c.country = k.code WHERE c.id = 1;

SELECT a.code, b.code FROM countries a LEFT JOIN countries b ON a.code = b.name;

SELECT a.id, b.id FROM customers a JOIN customers b ON a.id = b.id;

SELECT a.id, b.email FROM customers a LEFT JOIN customers b ON a.id = b.id AND b.ssn = 'é';

SELECT c.id, k.code FROM customers c CROSS JOIN countries k WHERE c.id = 4;

SELECT o.*, c.email FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.ssn = '123-45-6789';

SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id AND c.email = 'bob@example.com' WHERE c.ssn <> '';

SELECT * FROM customers c JOIN orders o ON c.id = o.customer_id WHERE c.id = 5;

SELECT x.id, x.email FROM (SELECT id, email FROM customers WHERE city = 'Rome') x;

SELECT x.e FROM (SELECT email AS e, id AS i FROM customers) AS x WHERE x.e = 'ada2@example.com';

SELECT x.s IS NULL, x.i FROM (SELECT ssn AS s, id AS i FROM customers) AS x ORDER BY x.i;

SELECT x.id, o.amount FROM (SELECT id FROM customers WHERE balance IS NOT NULL) x JOIN orders o ON o.customer_id = x.id;

SELECT x.id, o.amount FROM (SELECT id FROM customers) x LEFT JOIN orders o ON o.customer_id = x.id AND o.id = 1;

SELECT c.id, x.amount FROM customers c LEFT JOIN (SELECT customer_id, amount FROM orders WHERE status = 'paid') x ON x.customer_id = c.id;

SELECT c.id, x.one FROM customers c LEFT JOIN (SELECT customer_id, 1 AS one FROM orders WHERE customer_id = 5) x ON x.customer_id = c.id;

SELECT x.n FROM (SELECT count(*) AS n FROM orders WHERE customer_id = 4) x;

SELECT x.id FROM (SELECT id FROM customers WHERE id = 4 LIMIT 1) x;

SELECT y.id FROM (SELECT x.id FROM (SELECT id, city FROM customers) x WHERE x.city = 'Rome') y ORDER BY id DESC;

SELECT count(*) FROM (SELECT id FROM customers WHERE city = 'Rome') x;

-- refused: unbound-join
SELECT a.id FROM customers a JOIN customers b ON a.city = b.city;

-- refused: outer-join-scatter
SELECT k.name, c.id FROM countries k LEFT JOIN customers c ON c.country = k.code;

-- refused: using
SELECT a.id FROM customers a JOIN customers b USING (id);

-- refused: outer-join
SELECT c.id FROM orders o RIGHT JOIN customers c ON c.id = o.customer_id;

-- refused: subquery
SELECT id FROM customers WHERE id IN (SELECT customer_id FROM orders);

-- refused: subselect-scatter
SELECT x.id FROM (SELECT id FROM customers ORDER BY id LIMIT 3) x;
