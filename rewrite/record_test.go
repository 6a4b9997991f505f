package rewrite_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	"github.com/portcullisdb/portcullis/gateway/schema"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// recorder asks a real logical database and keeps what it says. Its OIDs of what schema.sql makes are replaced by stable
// ones, so that the record does not change with each run.
type recorder struct {
	logical *schema.Logical
	catalog *catalog.Catalog
	stable  map[uint32]uint32

	mu      sync.Mutex
	answers map[string]recordedAnswer
}

// running is the recorder of this run, for TestMain.
var running struct {
	*recorder
	cluster *pgcluster.Cluster
	written recordedCatalog
}

func TestMain(m *testing.M) {
	code := m.Run()
	if running.recorder != nil {
		if err := running.write(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		running.logical.Close()
		if err := running.cluster.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func newRecorder(t testing.TB) *recorder {
	t.Helper()
	ctx := context.Background()
	cluster, err := pgcluster.Start(ctx, pgcluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	running.cluster = cluster
	r := &recorder{stable: map[uint32]uint32{}, answers: map[string]recordedAnswer{}}
	if err := cluster.CreateDatabase(ctx, "shop", pgcluster.Superuser); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Exec(ctx, "shop", string(script)); err != nil {
		t.Fatal(err)
	}
	if r.logical, err = schema.OpenLogical(cluster.URL("shop"), schema.LogicalOptions{}); err != nil {
		t.Fatal(err)
	}
	running.recorder = r
	if err := r.load(ctx, cluster.URL("shop")); err != nil {
		t.Fatal(err)
	}
	return r
}

// firstObject is the first OID of what users make (PostgreSQL, src/include/access/transam.h, FirstNormalObjectId).
const firstObject = 16384

// load reads the catalog and gives stable OIDs to its relations and types, in the order of their names.
func (r *recorder) load(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	loaded, err := r.logical.LoadCatalog(ctx)
	if err != nil {
		return err
	}
	c := &running.written
	for relation := range loaded.Relations {
		if relation.Schema == "pg_catalog" || relation.Schema == "information_schema" {
			c.System = append(c.System, relation.Name)
			continue
		}
		copied := *relation
		c.Relations = append(c.Relations, &copied)
	}
	byName := func(x, y catalog.Name) int { return strings.Compare(x.Schema+"."+x.Name, y.Schema+"."+y.Name) }
	slices.SortFunc(c.System, byName)
	slices.SortFunc(c.Relations, func(x, y *catalog.Relation) int { return byName(x.Name, y.Name) })
	for i, relation := range c.Relations {
		r.stable[relation.OID] = uint32(100_000 + i)
		relation.OID = r.stable[relation.OID]
	}
	types, err := conn.Query(ctx, `SELECT t.oid, n.nspname, t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
		WHERE t.oid >= $1 AND n.nspname !~ '^pg_toast' ORDER BY n.nspname COLLATE "C", t.typname COLLATE "C"`, firstObject)
	if err != nil {
		return err
	}
	for i := 0; types.Next(); i++ {
		var t catalog.Type
		if err := types.Scan(&t.OID, &t.Name.Schema, &t.Name.Name); err != nil {
			return err
		}
		if known, ok := loaded.Type(t.OID); ok {
			t = known
		}
		r.stable[t.OID] = uint32(200_000 + i)
		t.OID = r.stable[t.OID]
		c.Types = append(c.Types, t)
	}
	if err := types.Err(); err != nil {
		return err
	}
	for i := range c.Types {
		c.Types[i].Base, c.Types[i].Elem = r.oid(c.Types[i].Base), r.oid(c.Types[i].Elem)
	}
	for _, relation := range c.Relations {
		for i := range relation.Columns {
			relation.Columns[i].TypeOID = r.oid(relation.Columns[i].TypeOID)
		}
	}
	functions, err := conn.Query(ctx, `SELECT DISTINCT n.nspname COLLATE "C", p.proname COLLATE "C" FROM pg_proc p
		JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname <> 'pg_catalog' ORDER BY 1, 2`)
	if err != nil {
		return err
	}
	if c.Functions, err = pgx.CollectRows(functions, pgx.RowToStructByPos[catalog.Name]); err != nil {
		return err
	}
	c.Schemas = []string{"crm", "information_schema", "pg_catalog", "portcullis", "public", "tricks"}
	r.catalog = c.catalog()
	return nil
}

func (r *recorder) oid(oid uint32) uint32 {
	if stable, ok := r.stable[oid]; ok {
		return stable
	}
	return oid
}

func (r *recorder) Describe(ctx context.Context, request rewrite.DescribeRequest) (rewrite.Description, *sqlstate.Error) {
	description, refusal := r.logical.Describe(ctx, request)
	a := recordedAnswer{SQL: request.SQL, Params: trimmed(slices.Clone(request.ParamOIDs)), Path: request.SearchPath}
	if refusal != nil {
		a.Refusal = &recordedError{Code: refusal.Code.String(), Message: refusal.Message, Detail: refusal.Detail,
			Hint: refusal.Hint, Position: refusal.Position}
	} else {
		for i := range description.Params {
			description.Params[i] = r.oid(description.Params[i])
		}
		for i := range description.Columns {
			f := &description.Columns[i]
			f.TableOID, f.TypeOID = r.oid(f.TableOID), r.oid(f.TypeOID)
		}
		a.Answer = &description
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[question(a.SQL, a.Params, a.Path)] = a
	return description, refusal
}

// write writes the record, one answer a line. A run of some tests only does not know what the others ask: it keeps that.
func (r *recorder) write() error {
	if flag.Lookup("test.run").Value.String() != "" {
		var before []recordedAnswer
		content, err := os.ReadFile("testdata/describe.json")
		if err != nil {
			return err
		}
		if err := json.Unmarshal(content, &before); err != nil {
			return err
		}
		for _, a := range before {
			if key := question(a.SQL, a.Params, a.Path); r.answers[key].SQL == "" {
				r.answers[key] = a
			}
		}
	}
	var answers []recordedAnswer
	for _, a := range r.answers {
		answers = append(answers, a)
	}
	slices.SortFunc(answers, func(x, y recordedAnswer) int {
		return strings.Compare(question(x.SQL, x.Params, x.Path), question(y.SQL, y.Params, y.Path))
	})
	if err := writeLines("testdata/describe.json", answers); err != nil {
		return err
	}
	content, err := json.MarshalIndent(&running.written, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile("testdata/catalog.json", append(content, '\n'), 0o644)
}

func writeLines[T any](path string, items []T) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for i, item := range items {
		b.WriteString(map[bool]string{true: "[\n", false: ","}[i == 0])
		if err := encoder.Encode(item); err != nil {
			return err
		}
	}
	b.WriteString("]\n")
	return os.WriteFile(path, b.Bytes(), 0o644)
}
