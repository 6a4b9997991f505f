package postgres

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// dumpSchema is what is dumped: each kind of object that an ordinary role may make, and rows of all kinds.
const dumpSchema = `
CREATE SCHEMA shop; SET search_path = shop, public;
CREATE EXTENSION citext SCHEMA public;
CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE SEQUENCE numbers START 100 INCREMENT 10;
CREATE TABLE customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, m mood DEFAULT 'ok', folded public.citext DEFAULT 'Folded', p pair, n positive,
	doubled int GENERATED ALWAYS AS (n * 2) STORED, data jsonb, raw bytea, tags text[], at timestamptz DEFAULT '2020-01-01 00:00:00+00');
INSERT INTO customers (name, p, n, data, raw, tags) SELECT E'name\t\\ "' || g || E'''\n', ROW(g, 'b'::text)::pair, g, jsonb_build_object('g', g),
	decode(md5(g::text), 'hex'), ARRAY[g::text, NULL, 'ä'] FROM generate_series(1, 2000) g;
INSERT INTO customers (name) VALUES (''), ('\N'), ('\.'), (repeat('x', 1000000));
CREATE TABLE orders (id bigserial PRIMARY KEY, customer int REFERENCES customers, total numeric(12,2) CHECK (total >= 0));
INSERT INTO orders (customer, total) SELECT 1 + g % 2000, g / 100.0 FROM generate_series(1, 20000) g;
CREATE INDEX ON orders (customer) WHERE total > 10; CREATE UNIQUE INDEX ON customers (left(lower(name), 100), id);
CREATE TABLE events (id int, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE events_2020 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01'); CREATE TABLE events_rest PARTITION OF events DEFAULT;
INSERT INTO events SELECT g, '2020-06-01'::date + g FROM generate_series(1, 500) g;
CREATE TABLE parent (a int); CREATE TABLE child (b int) INHERITS (parent); INSERT INTO child VALUES (1, 2);
CREATE VIEW rich AS SELECT name, sum(total) AS total FROM customers c JOIN orders o ON o.customer = c.id GROUP BY name;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM orders;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * n';
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE RULE keep AS ON DELETE TO parent DO INSTEAD NOTHING;
CREATE AGGREGATE product(int) (SFUNC = int4mul, STYPE = int, INITCOND = '1');
CREATE STATISTICS st (dependencies) ON customer, total FROM orders;
ALTER TABLE customers ENABLE ROW LEVEL SECURITY; CREATE POLICY everybody ON customers USING (true);
COMMENT ON TABLE customers IS 'it''s who buys'; COMMENT ON COLUMN orders.total IS E'a\nb'; GRANT SELECT ON orders TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO PUBLIC;
SELECT nextval('numbers'), lo_from_bytea(0, 'a large object'), lo_from_bytea(0, decode(repeat('00ff', 100000), 'hex'));
`

// Dump is pg_dump, pg_dumpall's single-database part, psql and pg_restore. The original is made past the gateway; whatever
// is dumped and restored through the server is compared by a dump of both past the gateway.
func Dump() suite.Suite {
	return suite.Suite{
		Name: "dump", Title: "pg_dump, psql and pg_restore", Attributes: []string{"CREATEDB"},
		Prepare: func(ctx context.Context, w *suite.Workspace) (string, error) {
			out, err := w.Must(ctx, suite.Program{Name: w.Binaries.Path("pg_dump"), Args: []string{"--version"}})
			return strings.TrimSpace(out), err
		},
		Databases: []string{"restored"},
		Run:       runDump,
	}
}

// dumpRoundTrips are ways to dump and restore. FILE is the dump.
var dumpRoundTrips = []struct {
	name    string
	dump    []string
	restore []string // the program first
}{
	{"plain, psql", []string{"-f", "FILE"}, []string{"psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "FILE"}},
	{"plain, psql -1", []string{"-f", "FILE"}, []string{"psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", "FILE"}},
	{"plain with inserts, psql", []string{"--inserts", "--rows-per-insert=100", "-f", "FILE"}, []string{"psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "FILE"}},
	{"plain with column inserts, quoted, if exists, psql", []string{"--column-inserts", "--quote-all-identifiers", "--clean", "--if-exists", "--exclude-table-data=shop.orders", "-f", "FILE"},
		[]string{"psql", "-X", "-q", "-f", "FILE"}},
	{"custom, pg_restore", []string{"-Fc", "-f", "FILE"}, []string{"pg_restore", "-e", "FILE"}},
	{"custom, pg_restore -j2", []string{"-Fc", "-f", "FILE"}, []string{"pg_restore", "-e", "-j2", "FILE"}},
	{"custom, pg_restore -1", []string{"-Fc", "-f", "FILE"}, []string{"pg_restore", "-e", "-1", "FILE"}},
	{"tar, pg_restore", []string{"-Ft", "-f", "FILE"}, []string{"pg_restore", "-e", "FILE"}},
	{"directory -j2, pg_restore -j2", []string{"-Fd", "-j2", "-f", "FILE"}, []string{"pg_restore", "-e", "-j2", "FILE"}},
	{"serializable, in LATIN1, psql", []string{"--serializable-deferrable", "-E", "LATIN1", "-f", "FILE"}, []string{"psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "FILE"}},
}

func runDump(ctx context.Context, w *suite.Workspace, s *suite.Server) (suite.Results, error) {
	results := make(suite.Results)
	past := *s // the server itself, for what is made before and compared afterwards
	past.Host, past.Port = "127.0.0.1", s.Cluster.Port
	environ := append(s.Environ(), "LC_ALL=C.UTF-8")
	if _, err := w.Must(ctx, suite.Program{Name: w.Binaries.Path("psql"), Environ: past.Environ(), Stdin: dumpSchema,
		Args: []string{"-X", "-q", "-v", "ON_ERROR_STOP=1"}}); err != nil {
		return nil, fmt.Errorf("make what is dumped: %w", err)
	}
	// witnessed is a plain dump of a database, past the gateway. Owners and rights are in it; what names the dump is not.
	witnessed := func(database string, args ...string) (string, error) {
		out, err := w.Output(ctx, suite.Program{Name: w.Binaries.Path("pg_dump"), Environ: past.Environ(), Quiet: true,
			Args: append(append([]string{}, args...), database)})
		return withoutNonce(out), err
	}
	for _, trip := range dumpRoundTrips {
		status, err := roundTrip(ctx, w, s, environ, trip.dump, trip.restore, witnessed)
		if err != nil {
			return nil, err
		}
		results.Add(trip.name, status)
	}
	// What a dump says is the same, byte for byte, as what it says of a direct connection.
	for _, args := range [][]string{{"-s"}, {"-a"}, {"-n", "shop"}, {"-t", "shop.customers"}, {"-T", "shop.*"}, {"--section=pre-data"},
		{"--on-conflict-do-nothing", "--inserts"}, {"--snapshot=missing"}, {"-t", "missing"}} {
		p := suite.Program{Name: w.Binaries.Path("pg_dump"), Environ: environ, Args: args}
		through, err := w.Run(ctx, p)
		if ctx.Err() != nil {
			return nil, err
		}
		p.Environ = append(past.Environ(), "LC_ALL=C.UTF-8")
		direct, _ := w.Run(ctx, p) // some of them fail, on both sides
		status := suite.Passed
		if withoutNonce(samePlace(through, s)) != withoutNonce(samePlace(direct, &past)) {
			status = suite.Failed
		}
		results.Add("pg_dump "+strings.Join(args, " "), status)
	}
	return results, nil
}

// roundTrip dumps the database and restores it into an empty one, both through the server, and compares the two past it.
func roundTrip(ctx context.Context, w *suite.Workspace, s *suite.Server, environ, dump, restore []string,
	witnessed func(database string, args ...string) (string, error)) (suite.Status, error) {
	file := w.Path("dump")
	if err := os.RemoveAll(file); err != nil {
		return "", err
	}
	args := func(list []string) []string {
		list = append([]string{}, list...)
		for i := range list {
			if list[i] == "FILE" {
				list[i] = file
			}
		}
		return list
	}
	if _, err := w.Run(ctx, suite.Program{Name: w.Binaries.Path("pg_dump"), Environ: environ, Args: args(dump)}); err != nil {
		return suite.Failed, ctx.Err()
	}
	// The database to restore into is emptied past the gateway, which knows it by its name.
	const empty = `DROP SCHEMA IF EXISTS shop CASCADE; DROP EXTENSION IF EXISTS citext; SELECT count(lo_unlink(oid)) FROM pg_largeobject_metadata;`
	if err := s.Cluster.Exec(ctx, "restored", empty); err != nil {
		return "", err
	}
	p := suite.Program{Name: w.Binaries.Path(restore[0]), Environ: environ, Args: append([]string{"-d", "restored"}, args(restore[1:])...)}
	if _, err := w.Run(ctx, p); err != nil {
		return suite.Failed, ctx.Err()
	}
	var compare []string
	if strings.Contains(strings.Join(dump, " "), "--exclude-table-data=shop.orders") {
		compare = []string{"--exclude-table-data=shop.orders", "--exclude-table-data=shop.counted"}
	}
	want, err := witnessed(s.Database, compare...)
	if err != nil {
		return "", err
	}
	got, err := witnessed("restored", compare...)
	if err != nil {
		return "", err
	}
	if got != want {
		for name, text := range map[string]string{"want": want, "got": got} {
			if err := os.WriteFile(w.Path(name), []byte(text), 0o644); err != nil {
				return "", err
			}
		}
		_, _ = w.Run(ctx, suite.Program{Name: "diff", Args: []string{w.Path("want"), w.Path("got")}}) // for the log
		return suite.Failed, nil
	}
	return suite.Passed, nil
}

// withoutNonce leaves out the lines of a dump that newer minor versions make different each time (\restrict, \unrestrict).
func withoutNonce(dump string) string {
	var b strings.Builder
	for line := range strings.Lines(dump) {
		if !strings.HasPrefix(line, `\restrict `) && !strings.HasPrefix(line, `\unrestrict `) {
			b.WriteString(line)
		}
	}
	return b.String()
}
