-- The tables of schema.sql that "portcullis schema apply" builds. Left out are views, functions, inheritance and the roles;
-- events is an ordinary table instead of a partitioned one, and scratch takes its ids from whoever writes.

CREATE SCHEMA IF NOT EXISTS archive;

CREATE TABLE orgs (
  id   bigint PRIMARY KEY,
  name text NOT NULL
);

CREATE TABLE users (
  id      bigint PRIMARY KEY,
  name    text NOT NULL,
  email   text UNIQUE,
  ssn     text,
  phone   text,
  salary  numeric(12,2),
  dob     date,
  org_id  bigint NOT NULL REFERENCES orgs(id) CHECK (org_id > 0)
);

CREATE TABLE orders (
  id       bigint PRIMARY KEY,
  user_id  bigint NOT NULL REFERENCES users(id),
  amount   numeric(12,2) NOT NULL,
  card_pan text,
  status   text NOT NULL DEFAULT 'open'
);

CREATE TABLE notes (
  id      bigint PRIMARY KEY,
  user_id bigint REFERENCES users(id),
  body    text,
  tags    text[]
);

CREATE TABLE profiles (
  user_id bigint PRIMARY KEY REFERENCES users(id),
  doc     jsonb
);

CREATE TABLE events (
  id       bigint NOT NULL,
  happened date NOT NULL,
  actor    text,
  ssn      text
);

CREATE TABLE archive.users (
  ssn   text,
  email text,
  id    bigint PRIMARY KEY,
  name  text
);

CREATE TABLE "Users" (
  id  bigint PRIMARY KEY,
  ssn text
);

CREATE TABLE customer_personal_identification_records_for_emea_region_000001 (
  id bigint PRIMARY KEY,
  national_id text
);

CREATE TABLE scratch (
  id bigint PRIMARY KEY,
  k  text,
  t  text,
  n  numeric
);
