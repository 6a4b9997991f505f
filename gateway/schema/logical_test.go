package schema_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/gateway/schema"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

const logicalTables = `
	CREATE TABLE customers (id bigint PRIMARY KEY, email text COLLATE "C" UNIQUE, balance numeric(12,2) NOT NULL DEFAULT 0,
		doubled numeric GENERATED ALWAYS AS (balance * 2) STORED, gone int, tags text[]);
	ALTER TABLE customers DROP COLUMN gone;
	CREATE UNIQUE INDEX ON customers (lower(email));
	CREATE UNIQUE INDEX ON customers (id) WHERE id > 5;
	CREATE SCHEMA "Other";
	CREATE TABLE "Other".customers (id int);
	CREATE VIEW customer_mails AS SELECT email FROM customers;
	CREATE DOMAIN positive AS int CHECK (value > 0);
	CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql RETURN $1 * 2;
	CREATE TABLE parent (a int);
	CREATE TABLE child (b int) INHERITS (parent);
	GRANT USAGE ON SCHEMA "Other" TO gateway;
	GRANT SELECT ON ALL TABLES IN SCHEMA public, "Other" TO gateway`

// openLogical makes a logical database with the tables above and a client of it.
func openLogical(t *testing.T) (*schema.Logical, *world) {
	t.Helper()
	w := &world{T: t}
	w.names = make(map[string]string)
	w.names[""], w.deployment.Logical = createDatabase(t)
	w.exec("", logicalTables)
	l, err := schema.OpenLogical(w.deployment.Logical.URL, schema.LogicalOptions{ConnectionsMax: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, w
}

func TestDescribeGivesLogicalTypes(t *testing.T) {
	l, _ := openLogical(t)
	const int4, int8, text, numeric = 23, 20, 25, 1700
	d, err := l.Describe(t.Context(), rewrite.DescribeRequest{SearchPath: []string{"public"},
		SQL: "SELECT id, balance, upper(email) AS up FROM customers WHERE email = $1 AND id > $2", ParamOIDs: []uint32{0, int4}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.Params, []uint32{text, int4}) {
		t.Errorf("params = %v", d.Params)
	}
	const typmod = 12<<16 | 2 + 4 // numeric(12,2): src/backend/utils/adt/numeric.c, make_numeric_typmod
	if len(d.Columns) != 3 || d.Columns[0].TypeOID != int8 || d.Columns[1].TypeOID != numeric || d.Columns[1].Typmod != typmod ||
		d.Columns[2].Name != "up" || d.Columns[2].TableOID != 0 || d.Columns[1].Attnum != 3 || d.Columns[1].TableOID == 0 {
		t.Errorf("columns = %+v", d.Columns)
	}

	d, err = l.Describe(t.Context(), rewrite.DescribeRequest{SQL: "DELETE FROM public.customers WHERE id = $1"})
	if err != nil || d.Columns != nil {
		t.Errorf("a statement without rows has columns %v, error %v", d.Columns, err)
	}
	d, err = l.Describe(t.Context(), rewrite.DescribeRequest{SQL: "SELECT FROM public.customers"})
	if err != nil || d.Columns == nil {
		t.Errorf("rows without columns have columns %v, error %v", d.Columns, err)
	}
}

func TestDescribeFollowsTheSearchPathOfEachRequest(t *testing.T) {
	l, _ := openLogical(t)
	for _, c := range []struct {
		path    []string
		columns int
	}{
		{[]string{"public"}, 5}, {[]string{"Other", "public"}, 1}, {[]string{"public", "Other"}, 5}, {[]string{"pg_catalog", "Other"}, 1},
	} {
		d, err := l.Describe(t.Context(), rewrite.DescribeRequest{SQL: "SELECT * FROM customers", SearchPath: c.path})
		if err != nil || len(d.Columns) != c.columns {
			t.Errorf("%v: %d columns, want %d; error %v", c.path, len(d.Columns), c.columns, err)
		}
	}
	_, err := l.Describe(t.Context(), rewrite.DescribeRequest{SQL: "SELECT * FROM customers"})
	if err == nil || err.Code != sqlstate.UndefinedTable {
		t.Errorf("without a search_path: %v", err)
	}
}

func TestDescribePassesErrorsOn(t *testing.T) {
	l, _ := openLogical(t)
	for _, c := range []struct {
		sql, code, message, hint string
		position                 int
	}{
		{"SELECT emial FROM customers", "42703", `column "emial" does not exist`,
			`Perhaps you meant to reference the column "customers.email".`, 8},
		{"SELECT 'ä', nothere(id) FROM customers", "42883", "function nothere(bigint) does not exist", "No function matches", 13},
		{"SELEC 1", "42601", `syntax error at or near "SELEC"`, "", 1},
		{"SELECT 1; SELECT 2", "42601", "cannot insert multiple commands into a prepared statement", "", 0},
	} {
		_, err := l.Describe(t.Context(), rewrite.DescribeRequest{SQL: c.sql, SearchPath: []string{"public"}})
		if err == nil || err.Code.String() != c.code || err.Message != c.message || !strings.HasPrefix(err.Hint, c.hint) || err.Position != c.position {
			t.Errorf("%s: %+v", c.sql, err)
		}
	}
}

func TestDescribeExecutesNothing(t *testing.T) {
	l, w := openLogical(t)
	for _, sql := range []string{"CREATE TABLE made (a int)", "SELECT set_config('search_path', 'Other', false)", "LISTEN channel",
		"INSERT INTO customers (id) VALUES (1)", "BEGIN"} {
		if _, err := l.Describe(t.Context(), rewrite.DescribeRequest{SQL: sql, SearchPath: []string{"public"}}); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if got := w.query("", "SELECT to_regclass('made') IS NULL, (SELECT count(*) FROM customers)"); got[0] != "t|0" {
		t.Errorf("something was executed: %v", got)
	}
	if _, err := l.Describe(t.Context(), rewrite.DescribeRequest{SQL: "SELECT email FROM customers", SearchPath: []string{"public"}}); err != nil {
		t.Errorf("the connection was changed: %v", err)
	}
}

func TestDescribeSurvivesLostConnections(t *testing.T) {
	l, w := openLogical(t)
	request := rewrite.DescribeRequest{SQL: "SELECT id FROM customers", SearchPath: []string{"public"}}
	for range 2 {
		if _, err := l.Describe(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		kill := "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'gateway' AND datname = current_database()"
		if err := server(t).Exec(t.Context(), w.names[""], kill); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Describe(t.Context(), request); err != nil {
		t.Errorf("after the connection was lost: %v", err)
	}
}

func TestDescribeWithoutTheDatabaseIs58000(t *testing.T) {
	var told error
	l, err := schema.OpenLogical("postgres://gateway:canary@127.0.0.1:1/shop?sslmode=disable",
		schema.LogicalOptions{Trouble: func(err error) { told = err }})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, failure := l.Describe(t.Context(), rewrite.DescribeRequest{SQL: "SELECT 1"})
	if failure == nil || failure.Code != sqlstate.SystemError || failure.Hint == "" {
		t.Errorf("failure = %+v", failure)
	}
	if told == nil || strings.Contains(told.Error(), "canary") {
		t.Errorf("trouble = %v", told)
	}

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, failure := l.Describe(cancelled, rewrite.DescribeRequest{SQL: "SELECT 1"}); failure == nil || failure.Code != sqlstate.QueryCanceled {
		t.Errorf("cancelled: %+v", failure)
	}
	if _, err := l.LoadCatalog(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestDescribeDoesNotWaitForEver(t *testing.T) {
	_, w := openLogical(t)
	l, err := schema.OpenLogical(w.deployment.Logical.URL, schema.LogicalOptions{AnswerTimeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn := w.connect(w.deployment.Logical.Owner)
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE customers", pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	_, failure := l.Describe(t.Context(), rewrite.DescribeRequest{SQL: "SELECT id FROM public.customers"})
	if failure == nil || failure.Code != sqlstate.SystemError {
		t.Errorf("failure = %+v", failure)
	}
}

// A server that neither answers nor ends the connection, as behind a network that is cut, is given up.
func TestDescribeGivesUpASilentServer(t *testing.T) {
	_, w := openLogical(t)
	l, err := schema.OpenLogical(w.deployment.Logical.URL,
		schema.LogicalOptions{ConnectionsMax: 1, ConnectTimeout: time.Second, AnswerTimeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	request := rewrite.DescribeRequest{SQL: "SELECT 1"}
	if _, failure := l.Describe(t.Context(), request); failure != nil {
		t.Fatal(failure)
	}
	conn := w.connect(w.deployment.Logical.Owner)
	defer conn.Close(context.Background())
	var pids []int
	err = conn.QueryRow(t.Context(), "SELECT array_agg(pid ORDER BY backend_start DESC) FROM pg_stat_activity "+
		"WHERE application_name = 'portcullis' AND datname = current_database()").Scan(&pids)
	if err != nil || len(pids) == 0 {
		t.Fatal(pids, err)
	}
	if err := syscall.Kill(pids[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pids[0], syscall.SIGCONT)
	if _, failure := l.Describe(t.Context(), request); failure == nil || failure.Code != sqlstate.SystemError {
		t.Errorf("failure = %+v", failure)
	}
	if _, failure := l.Describe(t.Context(), request); failure != nil {
		t.Errorf("on a new connection: %v", failure)
	}
}

func TestLoadCatalog(t *testing.T) {
	l, w := openLogical(t)
	load := func() *catalog.Catalog {
		t.Helper()
		c, err := l.LoadCatalog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := load()
	customers := c.Relation(catalog.Name{Schema: "public", Name: "customers"})
	if customers == nil || customers.Kind != catalog.Table || len(customers.Columns) != 5 {
		t.Fatalf("customers = %+v", customers)
	}
	const int8, text, numeric = 20, 25, 1700
	for _, want := range []catalog.Column{
		{Name: "id", Attnum: 1, TypeOID: int8, Typmod: -1, NotNull: true},
		{Name: "email", Attnum: 2, TypeOID: text, Typmod: -1, Collation: "C"},
		{Name: "balance", Attnum: 3, TypeOID: numeric, Typmod: 12<<16 | 2 + 4, NotNull: true, HasDefault: true},
		{Name: "doubled", Attnum: 4, TypeOID: numeric, Typmod: -1, HasDefault: true, Generated: true},
		{Name: "tags", Attnum: 6, TypeOID: 1009, Typmod: -1, Collation: "default"},
	} {
		if got := customers.Column(want.Name); got == nil || *got != want {
			t.Errorf("column %q = %+v, want %+v", want.Name, got, want)
		}
	}
	if len(customers.Keys) != 2 || !customers.Keys[0].Primary || customers.Keys[1].Name != "customers_email_key" ||
		!slices.Equal(customers.Keys[1].Columns, []string{"email"}) {
		t.Errorf("keys = %+v", customers.Keys)
	}
	parent, child := c.Relation(catalog.Name{Schema: "public", Name: "parent"}), c.Relation(catalog.Name{Schema: "public", Name: "child"})
	if !slices.Equal(parent.Children, []catalog.Name{child.Name}) || !slices.Equal(child.Parents, []catalog.Name{parent.Name}) {
		t.Errorf("inheritance: parent %+v, child %+v", parent, child)
	}
	for _, known := range []catalog.Name{{Schema: "pg_catalog", Name: "pg_class"}, {Schema: "information_schema", Name: "columns"},
		{Schema: "public", Name: "customer_mails"}, {Schema: "Other", Name: "customers"}} {
		if c.Relation(known) == nil {
			t.Errorf("%v is not known", known)
		}
	}
	if !c.HasSchema("Other") || c.HasSchema("other") || !c.UserFunction(catalog.Name{Schema: "public", Name: "twice"}) ||
		c.UserFunction(catalog.Name{Schema: "pg_catalog", Name: "lower"}) {
		t.Error("schemas or functions are wrong")
	}
	if array, ok := c.Type(1009); !ok || array.Elem != text {
		t.Errorf("type text[] = %+v", array)
	}
	if point, ok := c.Type(600); !ok || point.Elem != 0 {
		t.Errorf("type point = %+v", point)
	}

	if again := load(); again.Version() != c.Version() {
		t.Error("equal content has another version")
	}
	w.exec("", "COMMENT ON TABLE customers IS 'unimportant'")
	if again := load(); again.Version() != c.Version() {
		t.Error("a comment changes the version")
	}
	w.exec("", "ALTER TABLE customers ADD COLUMN city text")
	if again := load(); again.Version() == c.Version() {
		t.Error("a new column does not change the version")
	}
}

func BenchmarkDescribe(b *testing.B) {
	c := server(b)
	l, err := schema.OpenLogical(c.URL("postgres"), schema.LogicalOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	request := rewrite.DescribeRequest{SQL: "SELECT relname FROM pg_class WHERE oid = $1", SearchPath: []string{"public"}}
	for b.Loop() {
		if _, err := l.Describe(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoadCatalog(b *testing.B) {
	c := server(b)
	l, err := schema.OpenLogical(c.URL("postgres"), schema.LogicalOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for b.Loop() {
		if _, err := l.LoadCatalog(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
