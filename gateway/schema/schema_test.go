package schema_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/schema"
)

// cluster is the PostgreSQL server that all tests of the package share, each with databases of its own.
var cluster struct {
	once sync.Once
	*pgcluster.Cluster
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if cluster.Cluster != nil {
		if err := cluster.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// server returns the shared cluster, with the roles "owner" and "gateway".
func server(t testing.TB) *pgcluster.Cluster {
	t.Helper()
	cluster.once.Do(func() {
		ctx := context.Background()
		if cluster.Cluster, cluster.err = pgcluster.Start(ctx, pgcluster.Options{}); cluster.err != nil {
			return
		}
		for _, role := range []string{"owner", "gateway"} {
			if cluster.err = cluster.CreateRole(ctx, role, role); cluster.err != nil {
				return
			}
		}
	})
	if cluster.err != nil {
		t.Fatal(cluster.err)
	}
	return cluster.Cluster
}

var databases atomic.Int64

// createDatabase makes an empty database that "owner" owns and returns how to reach it.
func createDatabase(t *testing.T) (name string, at schema.Endpoint) {
	t.Helper()
	return copyDatabase(t, "template1")
}

// copyDatabase copies a database, to which nobody may be connected, for "owner".
func copyDatabase(t *testing.T, from string) (name string, at schema.Endpoint) {
	t.Helper()
	c := server(t)
	name = fmt.Sprintf("test_%d", databases.Add(1))
	if err := c.CopyDatabase(t.Context(), name, from, "owner"); err != nil {
		t.Fatal(err)
	}
	return name, schema.Endpoint{URL: c.URLFor("gateway", "gateway", name), Owner: c.URLFor("owner", "owner", name)}
}

// world is a logical database and two datasources, before or after Apply.
type world struct {
	*testing.T
	policy     *policy.Database
	deployment schema.Deployment
	said       []string
	names      map[string]string // database by datasource, "" for the logical one
}

// newWorld makes empty databases for a policy.
func newWorld(t *testing.T, db *policy.Database, schemaSQL string) *world {
	t.Helper()
	w := &world{T: t, policy: db, names: make(map[string]string)}
	w.names[""], w.deployment.Logical = createDatabase(t)
	w.deployment.Datasources = make(map[string]schema.Endpoint)
	for _, name := range db.Datasources {
		w.names[name], w.deployment.Datasources[name] = createDatabase(t)
	}
	w.deployment.Schema = schemaSQL
	w.deployment.Progress = func(line string) { w.said = append(w.said, line) }
	return w
}

// copyWith returns the world with a copy of one database, "" for the logical one, that may be damaged.
func (w *world) copyWith(t *testing.T, datasource string) *world {
	t.Helper()
	c := &world{T: t, policy: w.policy, deployment: w.deployment, names: maps.Clone(w.names)}
	c.deployment.Datasources = maps.Clone(w.deployment.Datasources)
	c.deployment.Progress = func(line string) { c.said = append(c.said, line) }
	if datasource == "" {
		c.names[""], c.deployment.Logical = copyDatabase(t, w.names[""])
	} else {
		c.names[datasource], c.deployment.Datasources[datasource] = copyDatabase(t, w.names[datasource])
	}
	return c
}

func (w *world) apply() (schema.Result, error) {
	w.Helper()
	w.said = nil
	return schema.Apply(w.Context(), w.policy, w.deployment)
}

func (w *world) mustApply() schema.Result {
	w.Helper()
	result, err := w.apply()
	if err != nil {
		w.Fatalf("apply: %v", err)
	}
	return result
}

// refuse applies and wants a refusal whose text holds each of the parts.
func (w *world) refuse(parts ...string) {
	w.Helper()
	_, err := w.apply()
	if err == nil {
		w.Fatalf("apply was not refused; it said:\n%s", strings.Join(w.said, "\n"))
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			w.Errorf("the refusal does not hold %q:\n%v", part, err)
		}
	}
}

// checkFinds runs Check as the gateway's role and wants exactly the findings that hold these parts, in any order.
func (w *world) checkFinds(parts ...string) {
	w.Helper()
	findings, err := schema.Check(w.Context(), w.policy, w.deployment.Databases)
	if err != nil {
		w.Fatalf("check: %v", err)
	}
	left := append([]string(nil), parts...)
finding:
	for _, f := range findings {
		for i, part := range left {
			if strings.Contains(f.String(), part) {
				left = append(left[:i], left[i+1:]...)
				continue finding
			}
		}
		w.Errorf("check found unexpectedly: %s", f)
	}
	for _, part := range left {
		w.Errorf("check did not find %q", part)
	}
}

// exec runs SQL as the owner in a datasource, "" for the logical database.
func (w *world) exec(datasource, sql string) {
	w.Helper()
	if err := w.tryExec(w.endpoint(datasource).Owner, sql); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
}

func (w *world) tryExec(url, sql string) error {
	conn := w.connect(url)
	defer conn.Close(context.Background())
	_, err := conn.PgConn().Exec(w.Context(), sql).ReadAll()
	return err
}

// query returns the rows of a query run as the owner, columns joined by "|".
func (w *world) query(datasource, sql string) []string {
	w.Helper()
	conn := w.connect(w.endpoint(datasource).Owner)
	defer conn.Close(context.Background())
	results, err := conn.PgConn().Exec(w.Context(), sql).ReadAll()
	if err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
	var lines []string
	for _, row := range results[len(results)-1].Rows {
		fields := make([]string, len(row))
		for i, field := range row {
			fields[i] = string(field)
		}
		lines = append(lines, strings.Join(fields, "|"))
	}
	return lines
}

func (w *world) endpoint(datasource string) schema.Endpoint {
	if datasource == "" {
		return w.deployment.Logical
	}
	return w.deployment.Datasources[datasource]
}

func (w *world) connect(url string) *pgx.Conn {
	w.Helper()
	conn, err := pgx.Connect(w.Context(), url)
	if err != nil {
		w.Fatal(err)
	}
	return conn
}

func name(table string) policy.TableName { return policy.TableName{Schema: "public", Name: table} }

// shopPolicy is the policy of examples/demo: customers over 2 datasources x 2 tables, orders bound to it, countries
// broadcast.
func shopPolicy() *policy.Database {
	encrypt := func(column, typ string, e policy.Encrypt) *policy.Column {
		e.Keyset = "pii"
		return &policy.Column{Name: column, Type: typ, Tags: []string{"pii"}, Encrypt: &e}
	}
	shard := func(column string) *policy.ShardKey {
		return &policy.ShardKey{Column: column, Algorithm: policy.Algorithm{Name: "by_customer", Type: "COSID_MOD"}}
	}
	nodes := func(table string) []policy.Node {
		var nodes []policy.Node
		for i := range 4 {
			nodes = append(nodes, policy.Node{Datasource: fmt.Sprintf("ds_%d", i/2), Table: fmt.Sprintf("%s_%d", table, i)})
		}
		return nodes
	}
	db := &policy.Database{Name: "shop", Datasources: []string{"ds_0", "ds_1"}, Tables: make(map[policy.TableName]*policy.Table),
		Bindings: [][]policy.TableName{{name("customers"), name("orders")}}}
	for _, t := range []*policy.Table{
		{Name: name("customers"), Placement: policy.Sharded, Nodes: nodes("customers"), Shard: shard("id"), Columns: map[string]*policy.Column{
			"email":      encrypt("email", "text", policy.Encrypt{Equality: true, Domain: "email", Casefold: true}),
			"ssn":        encrypt("ssn", "text", policy.Encrypt{Equality: true, Domain: "person_ssn"}),
			"phone":      encrypt("phone", "text", policy.Encrypt{}),
			"birth_date": encrypt("birth_date", "date", policy.Encrypt{}),
			"balance":    encrypt("balance", "numeric(12,2)", policy.Encrypt{}),
		}},
		{Name: name("orders"), Placement: policy.Sharded, Nodes: nodes("orders"), Shard: shard("customer_id")},
		{Name: name("countries"), Placement: policy.Broadcast, Binding: -1,
			Nodes: []policy.Node{{Datasource: "ds_0", Table: "countries"}, {Datasource: "ds_1", Table: "countries"}}},
	} {
		db.Tables[t.Name] = t
	}
	return db
}

// demoFile reads a file of examples/demo.
func demoFile(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile("../../examples/demo/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// shop is the world of examples/demo.
func shop(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, shopPolicy(), demoFile(t, "schema.sql"))
	w.deployment.Seed = demoFile(t, "seed.sql")
	return w
}
