-- Every \d there is, over objects of every kind.
CREATE SCHEMA shop;
COMMENT ON SCHEMA shop IS 'what is sold';
SET search_path = shop, public;
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE span AS RANGE (subtype = numeric);
CREATE SEQUENCE numbers INCREMENT 5 MINVALUE 10 MAXVALUE 1000 CYCLE;
CREATE TABLE customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL COLLATE "C", mood mood DEFAULT 'ok',
	"odd ""name" positive, doubled int GENERATED ALWAYS AS ("odd ""name" * 2) STORED, tags text[] DEFAULT '{}',
	born date CHECK (born > '1900-01-01'), UNIQUE (name, born));
COMMENT ON TABLE customers IS 'who buys';
COMMENT ON COLUMN customers.name IS 'as the passport says';
CREATE TABLE orders (id bigserial, customer int REFERENCES customers ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, total numeric(12,2),
	at timestamptz DEFAULT now(), note varchar(40), bits bit(3), CONSTRAINT total_is_sane CHECK (total >= 0), EXCLUDE (id WITH =));
CREATE INDEX orders_by_customer ON orders (customer) INCLUDE (total) WHERE total > 10;
CREATE INDEX orders_by_lower ON orders (lower(note) text_pattern_ops DESC NULLS LAST);
ALTER TABLE orders ALTER COLUMN note SET STATISTICS 500;
ALTER TABLE orders ALTER COLUMN note SET STORAGE EXTERNAL;
ALTER TABLE orders REPLICA IDENTITY FULL;
CREATE STATISTICS orders_stat (ndistinct, dependencies) ON customer, total FROM orders;
CREATE TABLE events (id int, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE events_2020 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT PARTITION BY LIST (id);
CREATE INDEX events_by_at ON events (at);
CREATE TABLE parent (a int); CREATE TABLE child (b int) INHERITS (parent);
CREATE UNLOGGED TABLE scratch (a int) WITH (fillfactor = 70);
CREATE VIEW rich WITH (security_barrier) AS SELECT c.name, sum(o.total) AS total FROM customers c JOIN orders o ON o.customer = c.id GROUP BY c.name;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM customers WITH NO DATA;
CREATE UNIQUE INDEX ON counted (n);
CREATE FUNCTION twice(n int, OUT doubled int) LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT 2 * n';
CREATE FUNCTION several(VARIADIC n int[] DEFAULT '{1}') RETURNS TABLE (a int, b text) LANGUAGE plpgsql SECURITY DEFINER SET work_mem = '1MB' AS $$
BEGIN
	RETURN QUERY SELECT x, x::text FROM unnest(n) x;
END
$$;
CREATE PROCEDURE nothing(INOUT a int) LANGUAGE plpgsql AS 'BEGIN COMMIT; END';
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.at = now(); RETURN NEW; END';
CREATE TRIGGER stamp BEFORE UPDATE OF total ON orders FOR EACH ROW WHEN (OLD.total <> NEW.total) EXECUTE FUNCTION stamp();
CREATE RULE keep AS ON DELETE TO scratch DO INSTEAD NOTHING;
CREATE AGGREGATE product(int) (SFUNC = int4mul, STYPE = int, INITCOND = '1');
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq, COMMUTATOR = ===);
CREATE CAST (pair AS text) WITH INOUT;
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE CONVERSION ours FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple);
CREATE TEXT SEARCH DICTIONARY short (TEMPLATE = simple, STOPWORDS = english);
CREATE PUBLICATION news FOR TABLE customers, orders WHERE (total > 5);
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON customers FOR SELECT TO PUBLIC USING (name = current_user);
GRANT SELECT (name), UPDATE (born) ON customers TO PUBLIC;
GRANT SELECT, INSERT ON orders TO other WITH GRANT OPTION;
GRANT USAGE ON SCHEMA shop TO other;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO other;
ALTER ROLE conform IN DATABASE conformance SET seq_page_cost = 5;
CREATE FOREIGN TABLE elsewhere (a int OPTIONS (column_name 'x'), b text) SERVER far OPTIONS (table_name 'there');
CREATE USER MAPPING FOR conform SERVER far OPTIONS (user 'u');
COMMENT ON CONSTRAINT total_is_sane ON orders IS 'not negative';
COMMENT ON OPERATOR === (int, int) IS 'the same';

\d
\d+
\d customers
\d+ customers
\d+ orders
\d+ events
\d events_*
\d child
\d parent
\d+ scratch
\d+ rich
\d+ counted
\d numbers
\d orders_by_customer
\d+ orders_by_lower
\d elsewhere
\d+ elsewhere
\d pair
\d nothing_here
\d "Odd Name"
\d shop.*
\dS pg_class
\d pg_catalog.pg_am
\da
\da+ product
\dA
\dA+
\dAc
\dAf btree int4
\dAo+ btree integer_ops
\dAp btree integer_ops
\db
\dc ours
\dcS+ iso_8859_1_to_utf8
\dC pair
\dC+ pair
\dd
\dd total_is_sane
\ddp
\dD
\dD+
\des
\des+
\deu
\deu+
\dew
\dew+
\det
\det+
\dE
\df
\df+
\dfa
\dfn twice
\dfp
\dft
\dfw
\df * integer
\df twice int
\dfS+ int4mul
\dF
\dF+ plain
\dFd short
\dFd+ short
\dFp+
\dFt
\dg
\dg+
\di
\di+
\dl
\dL
\dLS+
\dm
\dm+
\dn
\dn+
\dnS pg_[ci]*
\do
\do+ ===
\doS = integer integer
\dO
\dO+ nocase
\dp
\dp customers
\dP
\dPt+
\dPi
\dPn+
\drds
\drds conform conformance
\dRp
\dRp+
\dRs
\ds
\ds+
\dt
\dt+
\dtv shop.c*
\dtS pg_a*
\dT
\dT+
\dT+ mood
\dT int4
\du
\du+
\dv
\dv+
\dx
\dx+
\dx+ hstore
\dX
\dX+
\dy
\dy+
\dconfig work_mem
\dconfig+ search_path
\l
\l+ nothing
\l conform*
\lo_list
ALTER ROLE conform IN DATABASE conformance RESET seq_page_cost;
\sf twice
\sf+ several
\sf several(int[])
\sf missing
\sv rich
\sv+ rich
\sv customers
\z
\z customers
\d+ (
\h SELECT
\h CREATE TABLE
\? variables
