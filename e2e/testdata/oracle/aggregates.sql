SELECT count(*) FROM customers;

SELECT count(*), count(city), count(ssn), count(balance) FROM customers;

SELECT min(id), max(id), sum(id) FROM customers;

SELECT sum(amount), min(amount), max(amount) FROM orders;

SELECT sum(amount), min(amount), max(amount) FROM orders WHERE amount <> 'NaN';

SELECT sum(amount), count(*) FROM orders WHERE amount < 0;

SELECT sum(amount * 1.500) FROM orders WHERE amount < 1000;

SELECT sum(-amount), min(-amount) AS low FROM orders WHERE amount < 1000;

SELECT sum(1), sum(id::int) FROM orders;

SELECT sum(length(name)) FROM customers;

SELECT min(created_at), max(created_at) FROM customers;

SELECT max(placed_at::date), min(placed_at::timestamp) FROM orders;

SELECT status, count(*), sum(amount) FROM orders GROUP BY status;

SELECT city, count(*) FROM customers GROUP BY city;

SELECT country AS c, city AS t, count(*) AS n, max(id) FROM customers GROUP BY country, city;

SELECT count(*), city FROM customers GROUP BY 2;

SELECT city AS town, count(*) FROM customers GROUP BY town;

SELECT upper(city) AS u, count(*) FROM customers GROUP BY upper(city);

SELECT amount, count(*) FROM orders GROUP BY amount ORDER BY amount;

SELECT amount, count(*) FROM orders GROUP BY amount ORDER BY amount DESC NULLS LAST LIMIT 3 OFFSET 1;

SELECT id, count(*) AS n, sum(amount) FROM orders GROUP BY id ORDER BY n DESC, id;

SELECT placed_at, count(*) FROM orders GROUP BY placed_at ORDER BY 1 DESC;

SELECT id, count(*) FROM orders GROUP BY id ORDER BY id LIMIT 0;

SELECT id % 2 = 0 AS even, count(*) FROM orders GROUP BY id % 2 = 0 ORDER BY even;

SELECT city IS NULL, count(*) FROM customers GROUP BY city IS NULL;

SELECT count(*) FROM customers WHERE ssn = '123-45-6789';

SELECT count(*) FROM customers WHERE ssn <> '123-45-6789';

SELECT count(*) FROM customers WHERE id = NULL;

SELECT count(*) FROM customers LIMIT 0;

SELECT count(*) FROM customers OFFSET 1;

SELECT count(*) FROM customers WHERE id = 3;

SELECT customer_id, sum(amount), avg(amount), count(DISTINCT status) FROM orders WHERE customer_id = 4 GROUP BY customer_id HAVING count(*) > 0;

SELECT string_agg(status, ',' ORDER BY id), array_agg(id ORDER BY id DESC) FROM orders WHERE customer_id = 5;

SELECT count(*) FILTER (WHERE city = 'Rome'), count(*) FROM customers WHERE id = 10;

-- refused: merge-having
SELECT count(*) FROM customers HAVING count(*) > 1000;

SELECT c.country, count(*), count(o.id), sum(o.amount) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.country;

SELECT k.name, count(*) FROM customers c JOIN countries k ON k.code = c.country GROUP BY k.name;

SELECT count(*), max(name) FROM countries;

-- refused: merge-group
SELECT sum(id), sum(id) FROM customers GROUP BY city;

SELECT bool_and(id > 0) FROM countries k JOIN customers c ON c.country = k.code WHERE c.id = 1;

-- refused: merge-aggregate
SELECT avg(amount) FROM orders;

-- refused: merge-aggregate
SELECT count(DISTINCT city) FROM customers;

-- refused: merge-aggregate
SELECT max(name) FROM customers;

-- refused: merge-having
SELECT city FROM customers GROUP BY city HAVING count(*) > 1;

-- refused: merge-aggregate
SELECT count(*) + 1 FROM customers;
