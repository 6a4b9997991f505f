package rewrite

import (
	"slices"
	"strings"
	"testing"

	pg_query "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/scan"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// The nodes of the grammar that are understood, by the place where they may stand. Every other one must be refused there,
// also those that a later grammar brings. Whoever adds a case to the analysis adds it here, and asks himself what it lets
// through.
var (
	expressionNodes = []string{"A_ArrayExpr", "A_Const", "A_Expr", "BoolExpr", "BooleanTest", "CaseExpr", "CoalesceExpr",
		"ColumnRef", "FuncCall", "List", "MinMaxExpr", "NullTest", "ParamRef", "SQLValueFunction", "TypeCast"}
	fromNodes      = []string{"JoinExpr", "RangeSubselect", "RangeVar"}
	targetNodes    = []string{"ResTarget"}
	groupNodes     = append([]string{}, expressionNodes...)
	queryNodes     = []string{"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt"}
	statementNodes = []string{"TransactionStmt", "VariableSetStmt", "VariableShowStmt", "DiscardStmt", "DeallocateStmt",
		"PrepareStmt", "ExecuteStmt", "DeclareCursorStmt", "FetchStmt", "ClosePortalStmt"}
)

// everyNode calls f with an empty node of each kind that the grammar knows.
func everyNode(t *testing.T, f func(kind string, n *pg_query.Node)) {
	t.Helper()
	fields := (&pg_query.Node{}).ProtoReflect().Descriptor().Oneofs().Get(0).Fields()
	if fields.Len() < 200 {
		t.Fatalf("the grammar has %d nodes only", fields.Len())
	}
	for i := range fields.Len() {
		field := fields.Get(i)
		kind, err := protoregistry.GlobalTypes.FindMessageByName(field.Message().FullName())
		if err != nil {
			t.Fatal(err)
		}
		n := &pg_query.Node{}
		n.ProtoReflect().Set(field, protoreflect.ValueOfMessage(kind.New()))
		f(string(field.Message().Name()), n)
	}
}

func emptyAnalysis() *analysis {
	return &analysis{env: &Env{Database: &policy.Database{Name: "shop"}, View: &policy.View{Roles: []string{"support"}},
		Catalog: catalog.New(1, nil, nil, nil, nil)}, statement: &Statement{Statement: scan.Statement{Text: "SELECT"}},
		operands: make([]operand, 1), open: map[int32]int32{}, hidden: map[int]string{}, sealedInputs: map[sealedUse]int32{},
		visited: map[*pg_query.ParamRef]bool{}}
}

// TestEveryNodeDecided: what is not in a list is refused, in every place.
func TestEveryNodeDecided(t *testing.T) {
	places := []struct {
		name    string
		allowed []string
		judge   func(n *pg_query.Node) *sqlstate.Error
	}{
		{"expression", expressionNodes, func(n *pg_query.Node) *sqlstate.Error {
			return emptyAnalysis().expression(n, place{clause: "WHERE", rule: "predicate", aggregates: true})
		}},
		{"FROM", fromNodes, func(n *pg_query.Node) *sqlstate.Error {
			return emptyAnalysis().from(n, &query{}, &shape{}, false)
		}},
		{"select list", targetNodes, func(n *pg_query.Node) *sqlstate.Error {
			_, refusal := emptyAnalysis().targets([]*pg_query.Node{n}, &query{}, place{})
			return refusal
		}},
		{"GROUP BY", groupNodes, func(n *pg_query.Node) *sqlstate.Error {
			return emptyAnalysis().groupBy(&pg_query.SelectStmt{GroupClause: []*pg_query.Node{n}}, &query{}, &shape{})
		}},
		{"statement", append(slices.Clone(queryNodes), statementNodes...), func(n *pg_query.Node) *sqlstate.Error {
			plan, refusal, done := (&Statement{}).utility(n)
			if !done || plan != nil && refusal == nil {
				return nil
			}
			return refusal
		}},
		{"query", queryNodes, func(n *pg_query.Node) *sqlstate.Error {
			a := emptyAnalysis()
			_, refusal := analyze(a.statement, a.env, &parameterised{tree: n}, Description{})
			return refusal
		}},
	}
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			known := map[string]bool{}
			everyNode(t, func(kind string, n *pg_query.Node) {
				known[kind] = true
				if slices.Contains(p.allowed, kind) {
					return
				}
				refusal := p.judge(n)
				if refusal == nil {
					t.Errorf("%s in %s is neither refused nor listed", kind, p.name)
				} else if refusal.Rule == "" {
					t.Errorf("%s in %s is refused without a rule: %v", kind, p.name, refusal)
				}
			})
			for _, kind := range p.allowed {
				if !known[kind] {
					t.Errorf("%s is listed for %s, but no node of the grammar", kind, p.name)
				}
			}
		})
	}
}

// TestCatalogNodesAreNodes: a name that the grammar does not have protects nothing.
func TestCatalogNodesAreNodes(t *testing.T) {
	known := map[protoreflect.Name]bool{"Node": true}
	everyNode(t, func(kind string, _ *pg_query.Node) { known[protoreflect.Name(kind)] = true })
	for name := range catalogNodes {
		if !known[name] {
			t.Errorf("catalogNodes lists %s, which is no node", name)
		}
	}
	for kind := range constructs {
		if !known[protoreflect.Name(kind)] {
			t.Errorf("constructs names %s, which is no node", kind)
		}
	}
	for kind := range commandNames {
		if !known[protoreflect.Name(kind)] {
			t.Errorf("commandNames names %s, which is no node", kind)
		}
	}
}

// TestFieldsDecided: each field of a node that is understood is looked at somewhere, or known to be harmless. A field that
// a later grammar brings fails here, until somebody has decided.
func TestFieldsDecided(t *testing.T) {
	decided := map[string]string{
		"SelectStmt": "distinct_clause into_clause target_list from_clause where_clause group_clause group_distinct having_clause " +
			"window_clause values_lists sort_clause limit_offset limit_count limit_option locking_clause with_clause op all larg rarg",
		"InsertStmt": "relation cols select_stmt on_conflict_clause returning_list with_clause override",
		"UpdateStmt": "relation target_list where_clause from_clause returning_list with_clause",
		"DeleteStmt": "relation using_clause where_clause returning_list with_clause",
		"RangeVar":   "catalogname schemaname relname inh relpersistence alias location",
		"JoinExpr":   "jointype is_natural larg rarg using_clause join_using_alias quals alias rtindex",
		"FuncCall": "funcname args agg_order agg_filter over agg_within_group agg_star agg_distinct func_variadic funcformat " +
			"location",
		"ColumnRef": "fields location",
		"ResTarget": "name indirection val location",
		"TypeCast":  "arg type_name location",
		"TypeName":  "names type_oid setof pct_type typmods typemod array_bounds location",
		"A_Expr":    "kind name lexpr rexpr location",
		"NullTest":  "xpr arg nulltesttype argisrow location",
		"SortBy":    "node sortby_dir sortby_nulls use_op location",
	}
	everyNode(t, func(kind string, n *pg_query.Node) {
		want, ok := decided[kind]
		if !ok {
			return
		}
		m := n.ProtoReflect()
		fields := m.Get(m.WhichOneof(m.Descriptor().Oneofs().Get(0))).Message().Descriptor().Fields()
		var names []string
		for i := range fields.Len() {
			names = append(names, string(fields.Get(i).Name()))
		}
		slices.Sort(names)
		listed := slices.Sorted(slices.Values(strings.Fields(want)))
		if !slices.Equal(names, listed) {
			t.Errorf("%s has the fields\n%v, decided are\n%v", kind, names, listed)
		}
	})
}
