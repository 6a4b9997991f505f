CREATE TABLE customers (
    id         bigint PRIMARY KEY,
    name       text NOT NULL,
    email      text UNIQUE,
    ssn        text,
    phone      varchar(40),
    birth_date date,
    balance    numeric(12,2),
    points     integer NOT NULL DEFAULT 0
);
CREATE TABLE orders (
    id          bigint NOT NULL,
    customer_id bigint NOT NULL,
    item        text NOT NULL,
    amount      numeric(12,2) NOT NULL,
    PRIMARY KEY (customer_id, id)
);
CREATE TABLE countries (
    code text PRIMARY KEY,
    name text NOT NULL
);
CREATE TABLE samples (
    id  bigint PRIMARY KEY,
    i2  smallint,
    i4  integer,
    i8  bigint,
    n   numeric,
    f4  real,
    f8  double precision,
    b   boolean,
    d   date,
    ts  timestamp,
    tz  timestamptz,
    u   uuid,
    t   text COLLATE "C",
    s   text
);
