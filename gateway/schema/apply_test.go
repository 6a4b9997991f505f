package schema_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/schema"
)

var update = flag.Bool("update", false, "accept what the golden files do not say yet")

// golden compares text with a file of testdata.
func golden(t *testing.T, file, text string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != text {
		t.Errorf("%s differs (accept with -update):\n%s", path, text)
	}
}

// tables prints the tables of a datasource as PostgreSQL sees them.
func (w *world) tables(datasource string) string {
	w.Helper()
	return strings.Join(w.query(datasource, `
		SELECT line FROM (
			SELECT c.oid::regclass::text AS t, 0 AS part, a.attnum::int AS place, '  ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
				|| CASE WHEN a.attnotnull THEN ' not null' ELSE '' END || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
				|| CASE WHEN a.attstorage = 'e' THEN ', external' ELSE '' END AS line
			FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
			WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0
			UNION ALL SELECT c.oid::regclass::text, -1, 0, c.oid::regclass::text
			FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
			UNION ALL SELECT conrelid::regclass::text, 1, row_number() OVER (PARTITION BY conrelid ORDER BY conname),
				'  constraint ' || conname || ' ' || pg_get_constraintdef(oid)
			FROM pg_constraint WHERE connamespace = 'public'::regnamespace
			UNION ALL SELECT tablename, 2, row_number() OVER (PARTITION BY tablename ORDER BY indexname), '  ' || indexdef
			FROM pg_indexes WHERE schemaname = 'public'
		) x ORDER BY t COLLATE "C", part, place`), "\n") + "\n"
}

func TestApplyBuildsTheShop(t *testing.T) {
	w := shop(t)
	result := w.mustApply()
	if len(result.Warnings) > 0 {
		t.Errorf("warnings: %v", result.Warnings)
	}
	golden(t, "shop.steps.txt", strings.Join(w.said, "\n")+"\n")
	golden(t, "shop.ds_0.txt", w.tables("ds_0"))
	golden(t, "shop.ds_1.txt", w.tables("ds_1"))
	golden(t, "shop.logical.txt", w.tables(""))
	w.checkFinds()
}

func TestSecondApplyDoesNothing(t *testing.T) {
	w := shop(t)
	first := w.mustApply()
	if first.Changes != len(w.said) {
		t.Errorf("%d changes, %d lines", first.Changes, len(w.said))
	}
	if second := w.mustApply(); second.Changes != 0 || len(w.said) != 1 || !strings.HasPrefix(w.said[0], "nothing to do") {
		t.Errorf("the second apply did %d steps:\n%s", second.Changes, strings.Join(w.said, "\n"))
	}
}

func TestTransparentDatabaseNeedsNothing(t *testing.T) {
	db := &policy.Database{Name: "plain", Datasources: []string{"ds_0"}}
	if result, err := schema.Apply(t.Context(), db, schema.Deployment{}); err != nil || result.Changes != 0 {
		t.Errorf("apply: %v, %v", result, err)
	}
	if findings, err := schema.Check(t.Context(), db, schema.Databases{}); err != nil || len(findings) != 0 {
		t.Errorf("check: %v, %v", findings, err)
	}
}

func TestGatewayRoleGetsWhatItNeedsAndNoMore(t *testing.T) {
	w := shop(t)
	w.mustApply()
	gateway := w.deployment.Datasources["ds_0"].URL
	for sql, allowed := range map[string]bool{
		"INSERT INTO orders_0 (customer_id, id, amount) SELECT 1, 1, 1 WHERE false": true,
		"UPDATE customers_1 SET name = name":                                        true,
		"DELETE FROM customers_0":                                                   true,
		"SELECT portcullis.eq_1(email), portcullis.is_sealed(ssn) FROM customers_0": true,
		"SELECT * FROM countries":                                                   true,
		"DELETE FROM countries":                                                     false,
		"TRUNCATE customers_0":                                                      false,
		"CREATE TABLE mine (a int)":                                                 false,
		"ALTER TABLE customers_0 DROP CONSTRAINT email_is_sealed":                   false,
	} {
		err := w.tryExec(gateway, sql)
		if allowed && err != nil {
			t.Errorf("%s: %v", sql, err)
		}
		if !allowed && (err == nil || !strings.Contains(err.Error(), "42501")) {
			t.Errorf("%s: error %v, want 42501", sql, err)
		}
	}
}

func TestSealedColumnsRefuseAccidents(t *testing.T) {
	w := shop(t)
	w.mustApply()
	insert := "INSERT INTO customers_0 (id, name, email) VALUES (%d, 'x', '%s')"
	token := strings.Repeat("07", 16)
	for value, sealed := range map[string]bool{
		`\x0101aaaaaaaa` + token + strings.Repeat("00", 33): true,
		`\x0100aaaaaaaa` + strings.Repeat("00", 33):         true,
		`carol@example.com`:                                 false,
		`\x0201aaaaaaaa` + token + strings.Repeat("00", 33): false,
		`\x0108aaaaaaaa` + token + strings.Repeat("00", 33): false,
		`\x0101aaaaaaaa` + token:                            false,
		``:                                                  false,
	} {
		err := w.tryExec(w.deployment.Datasources["ds_0"].Owner, fmt.Sprintf(insert, len(value), value))
		if sealed && err != nil {
			t.Errorf("%s: %v", value, err)
		}
		if !sealed && (err == nil || !strings.Contains(err.Error(), "email_is_sealed")) {
			t.Errorf("%s: error %v, want a violation of email_is_sealed", value, err)
		}
	}
}

// TestEqualityUsesTheTokenIndex looks at the plans of what the gateway prints: PostgreSQL must have inlined eq_1 in both
// the index and the statement.
func TestEqualityUsesTheTokenIndex(t *testing.T) {
	w := shop(t)
	w.mustApply()
	w.exec("ds_0", `INSERT INTO customers_0 (id, name, email, ssn)
		SELECT i, 'n', v, v FROM generate_series(1, 5000) i,
			LATERAL (SELECT ('\x0101aaaaaaaa'::bytea || decode(md5(i::text) || repeat('00', 40), 'hex'))::portcullis.sealed) s(v);
		ANALYZE customers_0`)
	conn := w.connect(w.deployment.Datasources["ds_0"].URL)
	defer conn.Close(context.Background())
	for _, c := range []struct{ sql, arguments string }{
		{"SELECT id FROM public.customers_0 WHERE portcullis.eq_1(email) = $1", `'\x00'`},
		{"SELECT id FROM public.customers_0 c WHERE portcullis.eq_1(c.ssn) = $1 AND c.name = $2", `'\x00', 'n'`},
		{"SELECT id FROM public.customers_0 WHERE portcullis.eq_1(email) IN ($1, $2)", `'\x00', '\x01'`},
		{"SELECT id FROM public.customers_0 WHERE portcullis.eq_1(email) = ANY ($1)", `'{}'`},
		{"UPDATE public.customers_0 SET name = $2 WHERE portcullis.eq_1(email) = $1", `'\x00', 'n'`},
	} {
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			_, err := conn.PgConn().Exec(t.Context(), "DEALLOCATE ALL; SET plan_cache_mode = "+mode+"; PREPARE s AS "+c.sql).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			results, err := conn.PgConn().Exec(t.Context(), "EXPLAIN EXECUTE s("+c.arguments+")").ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			var plan strings.Builder
			for _, row := range results[0].Rows {
				plan.Write(row[0])
				plan.WriteByte('\n')
			}
			if !strings.Contains(plan.String(), "_eq_1_0") || strings.Contains(plan.String(), "Seq Scan") || strings.Contains(plan.String(), "portcullis.") {
				t.Errorf("%s (%s):\n%s", c.sql, mode, plan.String())
			}
		}
	}
	var token []byte
	err := conn.QueryRow(t.Context(), "SELECT portcullis.eq_1(email) FROM customers_0 WHERE id = 1", pgx.QueryExecModeExec).Scan(&token)
	if err != nil || len(token) != 16 {
		t.Errorf("token = %x, %v", token, err)
	}
}

func TestColumnIDsAreWrittenOnce(t *testing.T) {
	w := shop(t)
	w.deployment.Random = bytes.NewReader(bytes.Repeat([]byte{0xab}, 16)) // one id, and not five
	w.refuse("draw a column id")
	var random []byte
	for i := range byte(5 * 16) {
		random = append(random, i)
	}
	w.deployment.Random = bytes.NewReader(random)
	w.mustApply()
	ids := w.query("", "SELECT table_name, column_name, id FROM portcullis.columns ORDER BY id")
	if want := "customers|balance|00010203-0405-4607-8809-0a0b0c0d0e0f"; len(ids) != 5 || ids[0] != want {
		t.Errorf("ids = %v", ids)
	}
	w.deployment.Schema += "\nCREATE INDEX customers_name_idx ON customers (name);"
	w.mustApply()
	if again := w.query("", "SELECT table_name, column_name, id FROM portcullis.columns ORDER BY id"); !slices.Equal(again, ids) {
		t.Errorf("ids changed: %v", again)
	}
	l, err := schema.OpenLogical(w.deployment.Logical.URL, schema.LogicalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := l.LoadCatalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for relation := range c.Relations {
		for _, column := range relation.Columns {
			sealed := relation.Name.Schema == "public" && w.policy.Tables[policy.TableName(relation.Name)].Columns[column.Name] != nil
			if sealed != (column.ID != "") {
				t.Errorf("%v.%s has the id %q", relation.Name, column.Name, column.ID)
			}
		}
	}
}

func TestSeedFillsEmptyBroadcastTables(t *testing.T) {
	w := shop(t)
	w.mustApply()
	const count = "SELECT count(*) FROM countries"
	for _, datasource := range []string{"ds_0", "ds_1"} {
		if got := w.query(datasource, count)[0]; got != "32" {
			t.Errorf("%s has %s countries", datasource, got)
		}
	}
	if got := w.query("", count)[0]; got != "0" {
		t.Errorf("the logical database has %s countries", got)
	}
	w.exec("ds_1", "DELETE FROM countries")
	w.exec("ds_0", "DELETE FROM countries WHERE code = 'DE'")
	if w.mustApply(); len(w.said) != 1 || w.said[0] != "ds_1: seed public.countries with 32 rows" {
		t.Errorf("said %v", w.said)
	}
	if got := w.query("ds_0", count)[0]; got != "31" {
		t.Errorf("ds_0 has %s countries: a table with rows was seeded", got)
	}
}

func TestSeedIsRefusedForOtherTables(t *testing.T) {
	for _, c := range []struct{ seed, want string }{
		{"\n-- a comment\nINSERT INTO customers (id) VALUES (1);", `seed.sql:3: table "public.customers" is not a broadcast table`},
		{`INSERT INTO "Countries" VALUES ('DE');`, `seed.sql:1: the configuration has no table "public.Countries"`},
		{"INSERT INTO public.countries VALUES ('DE', 'x');\nUPDATE countries SET name = '';", "seed.sql:2: UPDATE may not stand here"},
		{"INSERT INTO countries VALUES ('DE', 'x');\n\nINSERT INTO countries\nVALUES ('DE',\n'x', z);", `seed.sql:5: column "z" does not exist`},
		{"INSERT INTO countries WITH x AS (INSERT INTO orders_0 VALUES (1, 1, 1) RETURNING 1) SELECT 'DE', 'x' FROM x;", "seed.sql:1: WITH"},
	} {
		w := shop(t)
		w.deployment.Seed = c.seed
		w.refuse(c.want)
	}
}

func TestChangedSchemaReachesTheNodes(t *testing.T) {
	w := shop(t)
	w.mustApply()
	w.exec("ds_0", "INSERT INTO customers_0 (id, name, email) VALUES (4, 'x', '\\x0100aaaaaaaa"+strings.Repeat("00", 33)+"')")
	w.policy.Tables[name("customers")].Columns["passport"] = &policy.Column{Name: "passport", Type: "varchar(20)",
		Encrypt: &policy.Encrypt{Keyset: "pii", Equality: true, Domain: "passport"}}
	w.policy.Tables[name("regions")] = &policy.Table{Name: name("regions"), Placement: policy.Broadcast, Binding: -1,
		Nodes: w.policy.Tables[name("countries")].Nodes}
	w.policy.Tables[name("regions")].Nodes = []policy.Node{{Datasource: "ds_0", Table: "regions"}, {Datasource: "ds_1", Table: "regions"}}
	w.deployment.Schema = strings.Replace(w.deployment.Schema, "city        text,",
		"city        text, passport varchar(20), loyal boolean NOT NULL DEFAULT false, CONSTRAINT customers_city_check CHECK (city <> ''),", 1) +
		"CREATE TABLE regions (id int PRIMARY KEY); CREATE INDEX ON customers (country, name DESC NULLS LAST) INCLUDE (city) WHERE country <> 'DE';"
	w.mustApply()
	golden(t, "changed.steps.txt", strings.Join(w.said, "\n")+"\n")
	golden(t, "changed.ds_0.txt", w.tables("ds_0"))
	w.checkFinds()
	if w.mustApply().Changes != 0 {
		t.Errorf("said %v", w.said)
	}

	w.exec("", "CREATE VIEW somebodys AS SELECT name FROM customers")
	w.deployment.Schema += "\n"
	w.refuse("make the tables of a changed schema.sql anew", "view public.somebodys depends on table public.customers")
}

// TestApplyResumes lets the second datasource fail, and then not.
func TestApplyResumes(t *testing.T) {
	w := shop(t)
	if err := server(t).Exec(t.Context(), w.names["ds_1"], "REVOKE CREATE ON SCHEMA public FROM pg_database_owner"); err != nil {
		t.Fatal(err)
	}
	w.refuse("ds_1: create table public.countries: permission denied for schema public")
	w.checkFinds("ds_1: schema portcullis is not complete", `ds_1.countries: table "public.countries" does not exist`,
		"customers_2", "customers_3", "orders_2", "orders_3", "orders_customer_id_fkey_2", "orders_customer_id_fkey_3",
		"customers_country_fkey_2", "customers_country_fkey_3")
	if got := w.query("ds_1", "SELECT count(*) FROM pg_type WHERE typname = 'sealed'")[0]; got != "0" {
		t.Error("ds_1 was left half done")
	}
	if err := server(t).Exec(t.Context(), w.names["ds_1"], "GRANT CREATE ON SCHEMA public TO pg_database_owner"); err != nil {
		t.Fatal(err)
	}
	w.mustApply()
	for _, line := range w.said {
		if !strings.HasPrefix(line, "ds_1: ") {
			t.Errorf("done again: %s", line)
		}
	}
	w.checkFinds()
}

func TestTwoAppliesAtOnce(t *testing.T) {
	w := shop(t)
	w.deployment.Progress = nil
	failures := make(chan error)
	for range 2 {
		go func() {
			_, err := schema.Apply(t.Context(), w.policy, w.deployment)
			failures <- err
		}()
	}
	for range 2 {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	w.checkFinds()
}

func TestApplyWaitsForLocksOnlyForATime(t *testing.T) {
	w := shop(t)
	w.mustApply()
	w.exec("ds_0", "DROP INDEX customers_email_eq_1_0")
	conn := w.connect(w.deployment.Datasources["ds_0"].Owner)
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE customers_0 IN ROW EXCLUSIVE MODE", pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	w.deployment.LockTimeout = 50 * time.Millisecond
	w.refuse("ds_0: create index customers_email_eq_1_0 on public.customers_0: another session held a lock")
}

func TestApplySaysWhatIsMissing(t *testing.T) {
	c := server(t)
	for _, test := range []struct {
		change func(*world)
		want   string
	}{
		{func(w *world) { w.deployment.Logical.Owner = c.URLFor("owner", "owner", "nowhere") },
			`logical database: database "nowhere" does not exist; create it first: CREATE DATABASE "nowhere" ENCODING 'UTF8'`},
		{func(w *world) {
			w.deployment.Datasources["ds_1"] = schema.Endpoint{URL: c.URLFor("ghost", "canary", w.names["ds_1"]), Owner: w.deployment.Datasources["ds_1"].Owner}
		}, `ds_1: role "ghost" does not exist; create it first`},
		{func(w *world) {
			w.deployment.Datasources["ds_1"] = schema.Endpoint{URL: c.URLFor("owner", "canary", w.names["ds_1"])}
		}, `ds_1: password authentication failed for user "owner"`},
		{func(w *world) { delete(w.deployment.Datasources, "ds_1") }, "ds_1: its URL is not configured"},
		{func(w *world) { w.deployment.Logical = schema.Endpoint{} }, "its URL is not configured"},
		{func(w *world) { w.deployment.Logical = schema.Endpoint{URL: "postgres://u:canary@127.0.0.1:x/shop"} }, "read its URL"},
		{func(w *world) { w.exec("", "CREATE TABLE customers (id int)") }, `it has tables that schema apply did not make, such as "public.customers"`},
	} {
		w := shop(t)
		test.change(w)
		_, err := w.apply()
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("error %v, want %q", err, test.want)
		}
	}
}
