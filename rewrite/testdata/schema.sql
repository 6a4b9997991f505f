-- The logical database of the golden tests. What it answers is kept in describe.json and catalog.json.

CREATE TABLE countries (
    code        text PRIMARY KEY,
    name        text NOT NULL,
    population  bigint
);

CREATE TABLE customers (
    id          bigint PRIMARY KEY,
    name        text NOT NULL,
    email       text NOT NULL,
    ssn         text,
    phone       text,
    birth_date  date,
    balance     numeric(12,2),
    nickname    text,
    grade       integer,
    city        text COLLATE "C",
    country     text REFERENCES countries (code),
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE orders (
    customer_id  bigint NOT NULL REFERENCES customers (id),
    id           bigint NOT NULL,
    amount       numeric(12,2) NOT NULL,
    quantity     integer NOT NULL DEFAULT 1,
    status       text NOT NULL DEFAULT 'open',
    placed_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, id)
);

-- Sharded, and bound to nothing.
CREATE TABLE invoices (
    id           bigint PRIMARY KEY,
    customer_id  bigint NOT NULL,
    total        numeric(12,2)
);

-- One node each, on different datasources.
CREATE TABLE settings (name text PRIMARY KEY, value text);
CREATE TABLE vaults (
    id      bigint PRIMARY KEY,
    owner   text NOT NULL,
    pin     integer,
    opened  boolean,
    seen    timestamptz DEFAULT now(),
    badge   varchar(8) UNIQUE,
    digest  text GENERATED ALWAYS AS (upper(badge)) STORED,
    hint    text,
    answer  text UNIQUE,
    serial  bigint
);

CREATE SCHEMA crm;
CREATE TABLE crm."Odd Table" (id bigint PRIMARY KEY, "E-Mail" text, "select" text, "Größe" integer);

-- What is not served.
CREATE VIEW customer_names AS SELECT id, name, ssn FROM customers;
CREATE MATERIALIZED VIEW customer_count AS SELECT count(*) AS n FROM customers;
CREATE TABLE unlisted (id bigint, ssn text);
CREATE TABLE events (id bigint, day date) PARTITION BY RANGE (day);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE ancestors (name text);
CREATE TABLE vaults_old () INHERITS (ancestors);
CREATE SEQUENCE tickets;
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE TABLE diaries (id bigint PRIMARY KEY, mood mood, day date);

-- What a search_path could put in the way.
CREATE SCHEMA tricks;
CREATE TABLE tricks.customers (id bigint PRIMARY KEY, ssn text);
CREATE FUNCTION tricks.length(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION tricks.same(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR tricks.= (LEFTARG = text, RIGHTARG = text, FUNCTION = tricks.same);
CREATE DOMAIN tricks.text AS pg_catalog.text;
CREATE FUNCTION ssn_of(customers) RETURNS text LANGUAGE sql AS 'SELECT $1.ssn';

-- What "portcullis schema apply" adds.
CREATE SCHEMA portcullis;
CREATE TABLE portcullis.columns (schema_name text, table_name text, column_name text, id text);
INSERT INTO portcullis.columns
    SELECT 'public', 'customers', c, 'customers.' || c FROM unnest('{email,ssn,phone,birth_date,balance}'::text[]) c
    UNION ALL SELECT 'public', 'vaults', c, 'vaults.' || c FROM unnest('{pin,opened,seen,badge,serial}'::text[]) c
    UNION ALL SELECT 'crm', 'Odd Table', 'E-Mail', 'odd.E-Mail'
    UNION ALL SELECT 'tricks', 'customers', 'ssn', 'tricks.ssn';
