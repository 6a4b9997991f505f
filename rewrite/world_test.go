package rewrite_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
	"github.com/portcullisdb/portcullis/shard"
)

var update = flag.Bool("update", false, "ask a real PostgreSQL what the logical database answers, and accept the plans")

// world is what all tests of the package share: the policy of testdata/policy.yaml, and the logical database that
// testdata/schema.sql describes, as it was recorded.
type world struct {
	policy    *policy.Policy
	catalog   *catalog.Catalog
	describer rewrite.Describer
}

var shared struct {
	once sync.Once
	world
}

// shop returns the shared world. With -update its describer is a real PostgreSQL, and what it says is recorded.
func shop(t testing.TB) *world {
	t.Helper()
	shared.once.Do(func() {
		shared.policy = loadPolicy(t)
		if *update {
			recorder := newRecorder(t)
			shared.catalog, shared.describer = recorder.catalog, recorder
			return
		}
		var c recordedCatalog
		readJSON(t, "testdata/catalog.json", &c)
		shared.catalog = c.catalog()
		var answers []recordedAnswer
		readJSON(t, "testdata/describe.json", &answers)
		shared.describer = newReplayer(answers)
	})
	if shared.describer == nil {
		t.Fatal("the shared world could not be made")
	}
	return &shared.world
}

func loadPolicy(t testing.TB) *policy.Policy {
	t.Helper()
	_, compiled, err := config.Open(config.Options{Path: "testdata/policy.yaml"}, config.Validators{
		ExpandNodes: func(expr string) ([]policy.Node, error) {
			expanded, err := shard.ExpandNodes(expr)
			var nodes []policy.Node
			for _, n := range expanded {
				nodes = append(nodes, policy.Node(n))
			}
			return nodes, err
		}})
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// env is the environment of a user's session.
func (w *world) env(user string) *rewrite.Env {
	return &rewrite.Env{Generation: 1, Database: w.policy.Databases["shop"], View: w.policy.Users[user].Views["shop"],
		Catalog: w.catalog, SearchPath: []string{"public"}}
}

func (w *world) planner() *rewrite.Planner { return rewrite.New(w.describer, rewrite.DefaultLimits()) }

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// recordedCatalog is testdata/catalog.json. Of the system's relations only the names are kept.
type recordedCatalog struct {
	Schemas   []string
	Relations []*catalog.Relation
	System    []catalog.Name
	Types     []catalog.Type
	Functions []catalog.Name
}

func (r *recordedCatalog) catalog() *catalog.Catalog {
	relations := r.Relations
	for _, name := range r.System {
		relations = append(relations, &catalog.Relation{Name: name, Kind: catalog.View})
	}
	return catalog.New(1, r.Schemas, relations, r.Types, r.Functions)
}

// recordedAnswer is one element of testdata/describe.json.
type recordedAnswer struct {
	SQL     string
	Params  []uint32 `json:",omitempty"`
	Path    []string `json:",omitempty"`
	Answer  *rewrite.Description
	Refusal *recordedError `json:",omitempty"`
}

type recordedError struct {
	Code, Message string
	Detail, Hint  string `json:",omitempty"`
	Position      int    `json:",omitempty"`
}

// question is a request as the key of a map.
func question(sql string, params []uint32, path []string) string {
	key, err := json.Marshal([]any{sql, append([]uint32{}, params...), append([]string{}, path...)})
	if err != nil {
		panic(err) // strings and numbers
	}
	return string(key)
}

// replayer answers as the logical database did when it was recorded.
type replayer map[string]recordedAnswer

func newReplayer(answers []recordedAnswer) replayer {
	r := replayer{}
	for _, a := range answers {
		r[question(a.SQL, a.Params, a.Path)] = a
	}
	return r
}

func (r replayer) Describe(_ context.Context, request rewrite.DescribeRequest) (rewrite.Description, *sqlstate.Error) {
	a, ok := r[question(request.SQL, trimmed(request.ParamOIDs), request.SearchPath)]
	if !ok {
		return rewrite.Description{}, sqlstate.New(sqlstate.SystemError, "no answer is recorded for this statement: run make golden").
			WithDetail("%s %v", request.SQL, request.ParamOIDs)
	}
	if a.Refusal != nil {
		e := sqlstate.New(sqlstate.FromServer(a.Refusal.Code), "%s", a.Refusal.Message).At(a.Refusal.Position)
		e.Detail, e.Hint = a.Refusal.Detail, a.Refusal.Hint
		return rewrite.Description{}, e
	}
	return *a.Answer, nil
}

// trimmed drops zeroes at the end: they say what nothing says.
func trimmed(oids []uint32) []uint32 {
	for len(oids) > 0 && oids[len(oids)-1] == 0 {
		oids = oids[:len(oids)-1]
	}
	return oids
}

// plan plans each statement of a string for a user and prints what comes out.
func (w *world) plan(t testing.TB, planner *rewrite.Planner, sql string, env *rewrite.Env) string {
	t.Helper()
	ctx := context.Background()
	statements, refusal := planner.Prepare(ctx, sql)
	if refusal != nil {
		return refusalText(t, sql, refusal)
	}
	var out []string
	for _, s := range statements {
		if plan, refusal := planner.Plan(ctx, s, env); refusal != nil {
			out = append(out, refusalText(t, sql, refusal))
		} else {
			out = append(out, plan.String())
			if s.Embedded != nil {
				inner := *env
				inner.ParamOIDs = plan.Session.ParamOIDs
				if plan, refusal := planner.Plan(ctx, s.Embedded, &inner); refusal != nil {
					out = append(out, refusalText(t, sql, refusal))
				} else {
					out = append(out, plan.String())
				}
			}
		}
	}
	return strings.Join(out, "")
}

// refusalText prints a refusal as golden files show it, with the word that its position points at.
func refusalText(t testing.TB, sql string, e *sqlstate.Error) string {
	if e.Code == sqlstate.SystemError && strings.Contains(e.Message, "make golden") {
		t.Errorf("%s: %s", e.Message, e.Detail)
	}
	var b strings.Builder
	line := func(word, text string) {
		if text != "" {
			b.WriteString((word + "       ")[:max(7, len(word)+2)] + text + "\n")
		}
	}
	line(e.Code.String(), e.Message)
	line("detail", e.Detail)
	line("hint", e.Hint)
	line("rule", e.Rule)
	if e.Position > 0 {
		rest := string([]rune(sql)[e.Position-1:])
		if rest == "" {
			rest = "the end"
		} else if end := strings.IndexAny(rest[1:], " ,()\n;"); end >= 0 {
			rest = rest[:end+1]
		}
		line("at", rest)
	}
	return b.String()
}
