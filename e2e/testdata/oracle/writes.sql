INSERT INTO customers (id, name, email) VALUES (500, 'n', 'e@x') RETURNING id, name, email, ssn, balance;

INSERT INTO customers (id, name, email, ssn) VALUES (500, 'n', 'e@x', '1'), (500 , 'n', 'e@x', '2');

INSERT INTO customers (id, name, email, ssn) VALUES (500, 'n', 'e@x', '1'), (504, 'm', 'f@x', NULL) RETURNING id, ssn;

INSERT INTO customers (id, name, email) VALUES (1, 'n', 'e@x');

INSERT INTO customers (id, name, email) VALUES (500, NULL, 'e@x');

INSERT INTO customers (id, name, email) VALUES (500, 'n', NULL);

INSERT INTO customers (id, name) VALUES (500, 'n');

INSERT INTO customers (id, name, email, country) VALUES (500, 'n', 'e@x', 'QQ');

INSERT INTO customers (id, name, email, balance) VALUES (500, 'n', 'e@x', 0.005) RETURNING balance;

INSERT INTO customers (id, name, email, balance) VALUES (500, 'n', 'e@x', '1e5') RETURNING balance;

INSERT INTO customers (id, name, email, balance) VALUES (500, 'n', 'e@x', -12) RETURNING balance;

INSERT INTO customers (id, name, email, balance) VALUES (500, 'n', 'e@x', 10000000000);

INSERT INTO customers (id, name, email, balance) VALUES (500, 'n', 'e@x', 'infinity');

INSERT INTO customers (id, name, email, birth_date) VALUES (500, 'n', 'e@x', 'January 8, 1999') RETURNING birth_date;

INSERT INTO customers (id, name, email, birth_date) VALUES (500, 'n', 'e@x', '1/2/2003') RETURNING birth_date;

INSERT INTO customers (id, name, email, birth_date) VALUES (500, 'n', 'e@x', '2003-13-01');

INSERT INTO customers (id, name, email, birth_date) VALUES (500, 'n', 'e@x', 'not a date');

INSERT INTO customers (id, name, email, birth_date) VALUES (500, 'n', 'e@x', '5874898-01-01');

INSERT INTO customers VALUES (500, 'n', 'e@x', 's', 'p', '2000-01-01', 1, 'c', 'DE', '2000-01-01') RETURNING *;

INSERT INTO customers (id, name, email) VALUES (500, 'n', 'e@x', 'more');

INSERT INTO customers (id, nothing) VALUES (500, 'n');

INSERT INTO orders (customer_id, id, amount) VALUES (1, 77, -1);

INSERT INTO orders (customer_id, id, amount, status) VALUES (1, 77, 1, 'lost');

INSERT INTO orders (customer_id, id, amount) VALUES (600, 1, 1);

INSERT INTO orders (customer_id, id, amount) VALUES (1, 1, 1);

INSERT INTO orders (customer_id, id, amount) VALUES (NULL, 1, 1);

INSERT INTO orders (customer_id, id, amount, status) VALUES (1, 77, DEFAULT, DEFAULT);

INSERT INTO orders (customer_id, id, amount, status) VALUES (1, 77, 1 + 2 * 0.255, DEFAULT) RETURNING amount, status, amount * 2 AS twice;

INSERT INTO orders (customer_id, id, amount) VALUES ('1', '78', '1.5') RETURNING customer_id, id, amount;

UPDATE customers SET name = upper(name), city = NULL WHERE id = 4 RETURNING id, name, city, email;

UPDATE customers SET ssn = '1', email = 'x@y', balance = 1.999, birth_date = 'infinity' WHERE id = 4 RETURNING ssn, email, balance, birth_date;

UPDATE customers SET ssn = NULL WHERE id = 5 AND ssn = '123-45-6789' RETURNING id, ssn;

UPDATE customers SET ssn = DEFAULT, phone = '' WHERE id = 5 RETURNING ssn, phone, phone IS NULL;

UPDATE customers SET city = 'x' WHERE id = 424242;

UPDATE customers SET city = 'x' WHERE id = NULL;

UPDATE customers SET city = name, name = coalesce(city, 'none') WHERE id = 5 RETURNING city, name;

UPDATE customers SET email = NULL WHERE id = 5;

UPDATE customers SET nothing = 1 WHERE id = 5;

UPDATE customers SET city = 'a', city = 'b' WHERE id = 5;

UPDATE orders SET amount = amount - 1000000000000 WHERE customer_id = 5;

UPDATE orders SET amount = amount + 1.005, status = 'paid' WHERE customer_id = 5 AND status <> 'paid' RETURNING id, amount, status;

DELETE FROM orders WHERE customer_id = 5 RETURNING id, amount;

DELETE FROM orders WHERE customer_id = 5 AND id > 1;

DELETE FROM customers WHERE id = 5;

DELETE FROM customers WHERE id = 3 AND ssn IS NULL RETURNING *;

DELETE FROM customers WHERE id = 424242 RETURNING email;

DELETE FROM orders WHERE customer_id = 1;
DELETE FROM customers WHERE id = 1;
SELECT count(*) FROM customers;

INSERT INTO customers (id, name, email) VALUES (500, 'n', 'e@x');
INSERT INTO orders (customer_id, id, amount) VALUES (500, 1, 2.5);
SELECT c.email, o.amount FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.email = 'e@x';

UPDATE customers SET ssn = 'moved' WHERE id = 8;
SELECT id, ssn FROM customers WHERE ssn IN (' padded ', 'moved');

-- refused: shard-key-update
UPDATE customers SET id = 6 WHERE id = 5;

-- refused: second-shard
UPDATE customers SET city = 'x';

-- refused: second-shard
DELETE FROM orders WHERE customer_id IN (1, 2);

-- refused: on-conflict
INSERT INTO customers (id, name, email) VALUES (1, 'n', 'e@x') ON CONFLICT DO NOTHING;

-- refused: insert-select
INSERT INTO orders SELECT customer_id, id + 100, amount FROM orders;

-- refused: sealed-write
UPDATE customers SET balance = balance + 1 WHERE id = 5;

-- refused: no-node
INSERT INTO customers (id, name, email) VALUES (-1, 'n', 'e@x');

UPDATE customers SET city = 'x' WHERE id = -1 RETURNING id;

DELETE FROM orders WHERE customer_id IN (-1, NULL);

UPDATE customers SET city = 'x' WHERE id IN (5, -1) RETURNING id, city;
