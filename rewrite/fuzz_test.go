package rewrite_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	pg_query "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

func collectNodes(m protoreflect.Message, out *[]*pg_query.Node) {
	one := func(child protoreflect.Message) {
		if n, ok := child.Interface().(*pg_query.Node); ok {
			*out = append(*out, n)
		} else {
			collectNodes(child, out)
		}
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.Message() == nil || !m.Has(field) {
			continue
		}
		if !field.IsList() {
			one(m.Get(field).Message())
			continue
		}
		for list, j := m.Get(field).List(), 0; j < list.Len(); j++ {
			one(list.Get(j).Message())
		}
	}
}

// permissive stands in for PostgreSQL where any statement may come: plain columns have their types, everything else is
// text, or a number if an aggregate computes it.
type permissive struct{ catalog *catalog.Catalog }

func (p permissive) Describe(_ context.Context, request rewrite.DescribeRequest) (rewrite.Description, *sqlstate.Error) {
	result, err := pg_query.Parse(request.SQL)
	if err != nil || len(result.Stmts) != 1 {
		return rewrite.Description{}, sqlstate.New(sqlstate.SyntaxError, "syntax error")
	}
	tree := result.Stmts[0].Stmt
	d := rewrite.Description{Params: make([]uint32, len(request.ParamOIDs))}
	for i, oid := range request.ParamOIDs {
		d.Params[i] = oid
		if oid == 0 {
			d.Params[i] = paramTypes["text"]
		}
	}
	l := &lineage{catalog: p.catalog, path: request.SearchPath}
	outputs, err := l.outputs(tree)
	if errors.Is(err, errWrong) {
		return d, sqlstate.New(sqlstate.UndefinedColumn, "column does not exist")
	} else if err != nil {
		return d, nil // the analysis will disagree, or refuse
	}
	for _, o := range outputs {
		f := rewrite.Field{Name: o.name, TypeOID: paramTypes["text"], Typmod: -1}
		if o.relation != nil {
			f.TableOID, f.Attnum, f.TypeOID = o.relation.OID, o.column.Attnum, o.column.TypeOID
		} else if o.node.GetFuncCall() != nil {
			f.TypeOID = paramTypes["int8"]
		}
		d.Columns = append(d.Columns, f)
	}
	return d, nil
}

var roles = []string{"service", "support", "clerk", "guest"}

// checkPlans plans a string for a role and holds what comes out against the promises of the package.
func checkPlans(t *testing.T, w *world, sql, role string) {
	t.Helper()
	ctx := context.Background()
	planner := rewrite.New(permissive{w.catalog}, rewrite.DefaultLimits())
	env := w.env(role)
	statements, refusal := planner.Prepare(ctx, sql)
	if refusal != nil {
		checkRefusal(t, sql, refusal)
		return
	}
	for i := 0; i < len(statements); i++ {
		s := statements[i]
		if s.Embedded != nil {
			statements = append(statements, s.Embedded)
		}
		plan, refusal := planner.Plan(ctx, s, env)
		switch {
		case (plan == nil) == (refusal == nil):
			t.Fatalf("neither plan nor refusal, or both, for\n%s", sql)
		case refusal != nil:
			checkRefusal(t, sql, refusal)
		default:
			checkPlan(t, w, env, s, plan)
		}
	}
}

func checkRefusal(t *testing.T, sql string, e *sqlstate.Error) {
	t.Helper()
	if e.Position < 0 || e.Position > len([]rune(sql))+1 {
		t.Errorf("position %d lies outside of\n%s", e.Position, sql)
	}
	if e.Rule == "scanner-disagrees" || e.Rule == "unvisited-parameter" {
		t.Errorf("%v (%s) for\n%s", e, e.Rule, sql)
	}
}

// checkPlan judges a plan by the physical text alone.
func checkPlan(t *testing.T, w *world, env *rewrite.Env, s *rewrite.Statement, plan *rewrite.Plan) {
	t.Helper()
	_ = plan.String() // must not panic
	if plan.Destination == rewrite.DestinationSession {
		return
	}
	text := physicalText(plan)
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("role %s: "+format+"\nlogical  %s\nphysical %s\n%s", append(append([]any{env.View.RoleNames()}, args...), s.Text, text, plan)...)
	}
	result, err := pg_query.Parse(text)
	if err != nil || len(result.Stmts) != 1 {
		fail("the physical text does not parse: %v", err)
		return
	}
	tree := result.Stmts[0].Stmt
	checkInputs(fail, tree, plan)
	if plan.Destination == rewrite.DestinationLogical {
		for _, n := range append(allNodes(tree), tree) {
			if r := n.GetRangeVar(); r != nil {
				if relation := w.catalog.Find(r.Relname, env.SearchPath); relation != nil && r.Schemaname == "" {
					fail("the logical database is asked for the rows of %s", relation.Name.Name)
				}
			}
		}
		return
	}
	judge := &judge{env: env, plan: plan}
	l := &lineage{catalog: w.catalog, seen: judge.reference}
	outputs, err := l.outputs(tree)
	if err != nil {
		fail("%v", err)
		return
	}
	checkOutputs(fail, env, plan, outputs)
	checkWrites(fail, env, tree, plan)
}

// judge decides of each reference in a physical statement whether it may stand where it stands.
type judge struct {
	env  *rewrite.Env
	plan *rewrite.Plan
}

type errForbidden string

func (e errForbidden) Error() string { return string(e) }

func (j *judge) reference(_ *pg_query.ColumnRef, o origin, around []*pg_query.Node) error {
	protected := j.env.Database.Tables[o.of().Table]
	if protected == nil || protected.Columns[o.of().Column] == nil {
		return nil
	}
	column := protected.Columns[o.of().Column]
	access := j.env.View.Access(o.of().Table, o.of().Column)
	if column.Encrypt == nil && access.Right == policy.Reveal {
		return nil
	}
	if len(around) == 0 {
		return errForbidden(o.of().Column + " stands alone in a clause")
	}
	nearest := around[len(around)-1]
	switch x := nearest.Node.(type) {
	case *pg_query.Node_ResTarget:
		if access.Right == policy.Deny {
			return errForbidden("denied column " + o.of().Column + " is read")
		}
		return nil
	case *pg_query.Node_NullTest:
		if access.Right == policy.Deny && !access.Predicates.Has(policy.PredicateNull) {
			return errForbidden("denied column " + o.of().Column + " is tested")
		}
		return nil
	case *pg_query.Node_FuncCall:
		path := x.FuncCall.Funcname
		name := path[len(path)-1].GetString_().GetSval()
		if name == "count" && len(x.FuncCall.Args) == 1 && !x.FuncCall.AggDistinct && x.FuncCall.Over == nil && access.Right != policy.Deny {
			return nil
		}
		if name == "eq_1" && path[0].GetString_().GetSval() == "portcullis" && column.Encrypt != nil && column.Encrypt.Equality &&
			len(around) > 1 && j.mayCompare(around[:len(around)-1], access) {
			return nil
		}
	case *pg_query.Node_AExpr, *pg_query.Node_List:
		if column.Encrypt == nil && j.mayCompare(around, access) {
			return nil
		}
	}
	return errForbidden(o.of().Column + " stands in " + nearest.String())
}

// mayCompare reports that the comparison nearest above is one that the role may make, and that it decides over rows: its
// result is not sent.
func (j *judge) mayCompare(around []*pg_query.Node, access policy.Access) bool {
	e := around[len(around)-1].GetAExpr()
	if e == nil {
		return false
	}
	if access.Right == policy.Reveal {
		return true
	}
	for _, n := range around {
		if n.GetResTarget() != nil {
			return false
		}
	}
	var need policy.PredicateSet
	operator := e.Name[len(e.Name)-1].GetString_().GetSval()
	switch e.Kind {
	case pg_query.A_Expr_Kind_AEXPR_IN:
		need = policy.PredicateIn
	case pg_query.A_Expr_Kind_AEXPR_LIKE, pg_query.A_Expr_Kind_AEXPR_ILIKE:
		need = policy.PredicateLike
	case pg_query.A_Expr_Kind_AEXPR_BETWEEN, pg_query.A_Expr_Kind_AEXPR_NOT_BETWEEN, pg_query.A_Expr_Kind_AEXPR_BETWEEN_SYM,
		pg_query.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		need = policy.PredicateRange
	case pg_query.A_Expr_Kind_AEXPR_OP:
		need = policy.PredicateRange
		if operator == "=" || operator == "<>" {
			need = policy.PredicateEq
		} else if !slices.Contains([]string{"<", "<=", ">", ">="}, operator) {
			return false
		}
	default:
		return false
	}
	return access.Predicates.Has(need)
}

type failure = func(format string, args ...any)

// checkOutputs: what leaves is opened if it is sealed and masked if it must be, whatever the analysis thought.
func checkOutputs(fail failure, env *rewrite.Env, plan *rewrite.Plan, outputs []outColumn) {
	if len(outputs) != len(plan.Outputs) {
		fail("%d outputs in the text, %d in the plan", len(outputs), len(plan.Outputs))
		return
	}
	for i, o := range outputs {
		out := plan.Outputs[i]
		table := env.Database.Tables[o.of().Table]
		var column *policy.Column
		if table != nil {
			column = table.Columns[o.of().Column]
		}
		access := env.View.Access(o.of().Table, o.of().Column)
		switch {
		case column == nil:
			if len(out.Open) > 0 || out.Mask != nil {
				fail("output %d is open, but opened or masked", i+1)
			}
			continue
		case access.Right == policy.Deny:
			fail("output %d is denied", i+1)
		case access.Right == policy.Masked && (out.Mask == nil || out.Mask != access.Mask):
			fail("output %d is not masked", i+1)
		}
		if (column.Encrypt != nil) != (len(out.Open) > 0) {
			fail("output %d is sealed and not opened, or the reverse", i+1)
		}
		for _, sealed := range out.Open {
			if plan.Sealed[sealed].ID != o.column.ID {
				fail("output %d is opened as another column", i+1)
			}
		}
	}
	for _, c := range plan.Columns {
		if c.Output < 0 || c.Output >= len(plan.Outputs) {
			fail("column %s has no output", c.Name)
		}
	}
}

// checkInputs: each parameter has an input, and nothing that is sealed or tokenised anywhere stands in clear elsewhere. No
// constant is left but ordinals and what the grammar wrote itself.
func checkInputs(fail failure, tree *pg_query.Node, plan *rewrite.Plan) {
	for _, n := range allNodes(tree) {
		if ref := n.GetParamRef(); ref != nil && (ref.Number < 1 || int(ref.Number) > len(plan.Inputs)) {
			fail("parameter $%d has no input", ref.Number)
		}
	}
	hidden, clear := map[rewrite.Source]bool{}, map[rewrite.Source]bool{}
	for _, in := range plan.Inputs {
		if k := in.Source.Kind; k != rewrite.FromParam && k != rewrite.FromConstant {
			continue
		}
		source := rewrite.Source{Kind: in.Source.Kind, Index: in.Source.Index}
		if in.Transform == rewrite.Plain {
			clear[source] = true
		} else {
			hidden[source] = true
		}
	}
	for source := range hidden {
		if clear[source] {
			fail("%v is hidden in one place and open in another", source)
		}
	}
}

// checkWrites: what is stored in a sealed column is sealed for it, NULL, DEFAULT, or the column itself.
func checkWrites(fail failure, env *rewrite.Env, tree *pg_query.Node, plan *rewrite.Plan) {
	check := func(relation *pg_query.RangeVar, name string, value *pg_query.Node) {
		table := env.Database.Tables[policy.TableName{Schema: relation.Schemaname, Name: relation.Relname}]
		if table == nil || table.Columns[name] == nil {
			return
		}
		access := env.View.Access(table.Name, name)
		if access.Right != policy.Reveal && !access.Write {
			fail("%s is written", name)
		}
		if table.Columns[name].Encrypt == nil || value.GetAConst().GetIsnull() || value.GetSetToDefault() != nil {
			return
		}
		if ref := value.GetColumnRef(); ref != nil && ref.Fields[len(ref.Fields)-1].GetString_().GetSval() == name {
			return
		}
		ref := value.GetParamRef()
		if ref == nil || int(ref.Number) > len(plan.Inputs) {
			fail("%s is written from an expression", name)
			return
		}
		in := plan.Inputs[ref.Number-1]
		if in.Transform != rewrite.Seal || plan.Sealed[in.Sealed].Column != name || plan.Sealed[in.Sealed].Table != table.Name {
			fail("%s is written in clear", name)
		}
	}
	switch x := tree.Node.(type) {
	case *pg_query.Node_InsertStmt:
		for _, row := range x.InsertStmt.SelectStmt.GetSelectStmt().ValuesLists {
			for i, value := range row.GetList().Items {
				check(x.InsertStmt.Relation, x.InsertStmt.Cols[i].GetResTarget().Name, value)
			}
		}
	case *pg_query.Node_UpdateStmt:
		for _, t := range x.UpdateStmt.TargetList {
			check(x.UpdateStmt.Relation, t.GetResTarget().Name, t.GetResTarget().Val)
		}
	}
}

func allNodes(n *pg_query.Node) []*pg_query.Node {
	var out []*pg_query.Node
	for _, child := range childrenOf(n) {
		if child.GetNode() != nil {
			out = append(append(out, child), allNodes(child)...)
		}
	}
	return out
}

// TestPlansKeepPromises holds every golden statement, for every role, against an independent judge.
func TestPlansKeepPromises(t *testing.T) {
	w := shop(t)
	for _, sql := range goldenStatements(t) {
		for _, role := range roles {
			checkPlans(t, w, sql, role)
		}
	}
}

func goldenStatements(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/plan/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, path := range paths {
		for _, c := range readCases(t, path) {
			out = append(out, c.sql)
		}
	}
	return out
}

// FuzzPlan: no text makes the planner panic, or lets a restricted role see or use what it may not.
func FuzzPlan(f *testing.F) {
	w := shop(f)
	for i, sql := range goldenStatements(f) {
		f.Add(sql, uint8(i))
	}
	f.Fuzz(func(t *testing.T, sql string, role uint8) {
		checkPlans(t, w, sql, roles[int(role)%len(roles)])
	})
}

// FuzzPlanGrammar is FuzzPlan over statements that a small grammar makes of the bytes, so that most of them get far.
func FuzzPlanGrammar(f *testing.F) {
	w := shop(f)
	for i := range 64 {
		f.Add([]byte(strings.Repeat(string(rune('0'+i)), i+8)), uint8(i))
	}
	f.Fuzz(func(t *testing.T, choices []byte, role uint8) {
		g := &generator{choices: choices}
		checkPlans(t, w, g.statement(), roles[int(role)%len(roles)])
	})
}

// generator writes a statement over customers and orders; each byte is one choice.
type generator struct {
	choices []byte
	depth   int
}

func (g *generator) pick(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := int(g.choices[0])
	g.choices = g.choices[1:]
	return c % n
}

func (g *generator) one(of ...string) string { return of[g.pick(len(of))] }

func (g *generator) statement() string {
	switch g.pick(6) {
	case 0:
		return "UPDATE customers c SET " + g.one("name", "ssn", "nickname", "email", "grade") + " = " + g.expression() + " WHERE " + g.predicate() +
			" AND c.id = 1" + g.one("", " RETURNING "+g.targets())
	case 1:
		return "INSERT INTO customers (id, name, ssn, nickname) VALUES (1, " + g.expression() + ", " + g.expression() + ", " + g.value() + ")" +
			g.one("", " RETURNING "+g.targets())
	case 2:
		return "DELETE FROM customers c WHERE " + g.predicate() + " AND c.id = $1" + g.one("", " RETURNING "+g.targets())
	}
	return g.query()
}

func (g *generator) query() string {
	g.depth++
	defer func() { g.depth-- }()
	sql := "SELECT " + g.one("", "", "", "DISTINCT ") + g.targets() + " FROM " + g.from()
	sql += g.one("", " WHERE "+g.predicate())
	sql += g.one("", "", " GROUP BY "+g.one("1", g.column(), g.expression()))
	sql += g.one("", "", "", " HAVING "+g.predicate())
	sql += g.one("", " ORDER BY "+g.one("1", "2 DESC", g.column(), g.expression(), "a0"))
	return sql + g.one("", " LIMIT 5", " LIMIT $1", " OFFSET 2")
}

func (g *generator) from() string {
	if g.depth < 3 {
		switch g.pick(6) {
		case 0:
			return "(" + g.query() + ") c"
		case 1:
			return "customers c " + g.one("JOIN", "LEFT JOIN") + " orders o ON o.customer_id = c.id"
		case 2:
			return "customers c JOIN (" + g.query() + ") d ON " + g.predicate()
		}
	}
	return "customers c"
}

func (g *generator) targets() string {
	var list []string
	for range 1 + g.pick(3) {
		list = append(list, g.one("*", "c.*", g.expression(), g.expression()+" AS a0", g.column(), g.column()+" AS a0"))
	}
	return strings.Join(list, ", ")
}

func (g *generator) column() string {
	return g.one("", "c.", "customers.") + g.one("id", "name", "email", "ssn", "phone", "nickname", "grade", "city", "birth_date", "balance", "a0", "ctid", "c")
}

func (g *generator) value() string {
	return g.one("$1", "$2", "'x'", "NULL", "5", "-5", "1.5", "true", "'y'::text", "DEFAULT", "current_user", "E'z'")
}

func (g *generator) expression() string {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 6 {
		return g.column()
	}
	switch g.pick(14) {
	case 0:
		return g.value()
	case 1:
		return g.one("upper", "count", "min", "length", "pg_catalog.lower", "ssn", "to_jsonb", "count(DISTINCT", "eq_1", "portcullis.eq_1") + "(" + g.expression() + ")"
	case 2:
		return g.expression() + g.one(" || ", " + ", " = ", " < ") + g.expression()
	case 3:
		return "CASE WHEN " + g.predicate() + " THEN " + g.expression() + " ELSE " + g.expression() + " END"
	case 4:
		return g.one("COALESCE", "NULLIF", "GREATEST") + "(" + g.expression() + ", " + g.expression() + ")"
	case 5:
		return "(" + g.expression() + ")::" + g.one("text", "int8", "bytea", "customers")
	case 6:
		return "ARRAY[" + g.expression() + "]"
	case 7:
		return "(" + g.predicate() + ")"
	case 8:
		return "(" + g.query() + ")"
	case 9:
		return "count(*) FILTER (WHERE " + g.predicate() + ")"
	}
	return g.column()
}

func (g *generator) predicate() string {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 6 {
		return g.column() + " IS NULL"
	}
	switch g.pick(10) {
	case 0:
		return g.column() + " = " + g.value()
	case 1:
		return g.column() + g.one(" IN (", " NOT IN (") + g.value() + ", " + g.expression() + ")"
	case 2:
		return g.expression() + g.one(" LIKE ", " <> ", " > ", " = ", " IS DISTINCT FROM ", " ~ ", " = ANY (") + g.expression()
	case 3:
		return g.column() + g.one(" IS NULL", " IS NOT NULL")
	case 4:
		return "(" + g.predicate() + g.one(" AND ", " OR ") + g.predicate() + ")"
	case 5:
		return "NOT " + g.predicate()
	case 6:
		return g.column() + " BETWEEN " + g.expression() + " AND " + g.value()
	case 7:
		return "EXISTS (" + g.query() + ")"
	}
	return "c.id = " + g.value()
}
