-- The shop's schema, as the application knows it. "portcullis schema apply" makes the logical database from it, and then
-- the tables of every node: with sealed columns where portcullis.yaml encrypts.

CREATE TABLE countries (
    code  text PRIMARY KEY,
    name  text NOT NULL
);

CREATE TABLE customers (
    id          bigint PRIMARY KEY,
    name        text NOT NULL,
    email       text NOT NULL,
    ssn         text,
    phone       text,
    birth_date  date,
    balance     numeric(12,2),
    city        text,
    country     text REFERENCES countries (code),
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX customers_city_idx ON customers (city);

-- Orders lie beside their customer. The primary key begins with the shard key, so that it holds over all nodes.
CREATE TABLE orders (
    customer_id  bigint NOT NULL REFERENCES customers (id),
    id           bigint NOT NULL,
    amount       numeric(12,2) NOT NULL CHECK (amount >= 0),
    status       text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'paid', 'shipped', 'returned')),
    placed_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, id)
);

CREATE INDEX orders_placed_at_idx ON orders (placed_at DESC);

COMMENT ON TABLE customers IS 'E-mail, SSN, phone, birth date and balance are sealed on every node.';
