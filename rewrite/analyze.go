package rewrite

import (
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v5"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// analysis is the state of planning one statement over tables. It takes the parameterised tree, whose types PostgreSQL
// has said, and turns it in place into the physical statement, collecting what the plan needs beside the text.
type analysis struct {
	env       *Env
	statement *Statement
	operands  []operand // types are filled in from Description.Params
	client    int
	described Description

	sharded []*entry
	tables  []tableUse
	sealed  []SealedColumn
	inputs  []Input
	open    map[int32]int32 // operand number -> physical parameter number, of those sent as they are
	hidden  map[int]string  // client parameter -> encrypted column that it is compared with or stored in
	// sealedInputs are the physical parameter numbers of the values that are sealed or tokenised.
	sealedInputs map[sealedUse]int32
	visited      map[*pg_query.ParamRef]bool
	touched      []Touch
	joins        [][2]*base // equalities between columns that hold for every row
}

// tableUse is one mention of a table: its name in the physical text is a placeholder.
type tableUse struct {
	node  *pg_query.RangeVar
	table *policy.Table
}

// place is where an expression stands: what it may refer to, and how messages name it.
type place struct {
	entries    []*entry
	clause     string // "WHERE", "the select list"
	rule       string // "predicate", "expression", "order", "group"
	aggregates bool
}

func (p place) in(clause, rule string) place { p.clause, p.rule = clause, rule; return p }

// expression checks an expression over open columns and gives it its final form. It is an allow-list: what it does not
// name is refused.
func (a *analysis) expression(n *pg_query.Node, p place) *sqlstate.Error {
	switch x := n.GetNode().(type) {
	case nil:
		return nil
	case *pg_query.Node_ColumnRef:
		c, e, refusal := a.resolve(x.ColumnRef, p.entries)
		if refusal != nil {
			return refusal
		}
		if !c.from.free() {
			return a.refuseUse(c.from, p.rule, p.clause, "", x.ColumnRef.Location)
		}
		a.touchFree(c.from, "reveal")
		qualify(x.ColumnRef, e, c.name)
		return nil
	case *pg_query.Node_ParamRef:
		if oid := a.typeOf(x.ParamRef); oid < firstUserOID && !openTypes[oid] {
			return a.refuse(sqlstate.FeatureNotSupported, "type", x.ParamRef.Location,
				"a parameter or literal of type %d is not supported in a statement over tables", oid).
				WithHint("Values may be of built-in types that compute from the value alone.")
		}
		return a.openParameter(x.ParamRef)
	case *pg_query.Node_AConst: // NULL, true, false: everything else is a parameter by now
		return nil
	case *pg_query.Node_TypeCast:
		if refusal := a.castType(x.TypeCast.TypeName); refusal != nil {
			return refusal
		}
		return a.expression(x.TypeCast.Arg, p)
	case *pg_query.Node_AExpr:
		return a.operator(n, x.AExpr, p)
	case *pg_query.Node_BoolExpr:
		return a.expressions(x.BoolExpr.Args, p)
	case *pg_query.Node_NullTest:
		return a.nullTest(x.NullTest, p)
	case *pg_query.Node_BooleanTest:
		return a.expression(x.BooleanTest.Arg, p)
	case *pg_query.Node_CoalesceExpr:
		return a.expressions(x.CoalesceExpr.Args, p)
	case *pg_query.Node_MinMaxExpr:
		return a.expressions(x.MinMaxExpr.Args, p)
	case *pg_query.Node_CaseExpr:
		return a.caseExpression(x.CaseExpr, p)
	case *pg_query.Node_AArrayExpr:
		return a.expressions(x.AArrayExpr.Elements, p)
	case *pg_query.Node_List:
		return a.expressions(x.List.Items, p)
	case *pg_query.Node_FuncCall:
		return a.function(x.FuncCall, p)
	case *pg_query.Node_SqlvalueFunction: // the clock's; the session's are parameters by now
		return nil
	case *pg_query.Node_CollateClause:
		return a.unsupported("COLLATE", "collate", x.CollateClause.Location)
	case *pg_query.Node_SubLink:
		return a.unsupported("a sub-query in "+p.clause, "subquery", x.SubLink.Location)
	case *pg_query.Node_SetToDefault:
		return a.refuse(sqlstate.SyntaxError, "default", x.SetToDefault.Location, "DEFAULT is not allowed in this context")
	}
	return a.unsupported(construct(n), "unknown-node", nodeLocation(n))
}

func (a *analysis) expressions(list []*pg_query.Node, p place) *sqlstate.Error {
	for _, n := range list {
		if refusal := a.expression(n, p); refusal != nil {
			return refusal
		}
	}
	return nil
}

func (a *analysis) caseExpression(c *pg_query.CaseExpr, p place) *sqlstate.Error {
	if refusal := a.expression(c.Arg, p); refusal != nil {
		return refusal
	}
	for _, n := range c.Args {
		when := n.GetCaseWhen()
		if when == nil {
			return a.unsupported(construct(n), "unknown-node", c.Location)
		}
		if refusal := a.expressions([]*pg_query.Node{when.Expr, when.Result}, p); refusal != nil {
			return refusal
		}
	}
	return a.expression(c.Defresult, p)
}

// castType allows casts to built-in types only, and names them so that nothing in a search_path can change them.
func (a *analysis) castType(t *pg_query.TypeName) *sqlstate.Error {
	path, ok := names(t.Names)
	if ok && (len(path) == 1 || len(path) == 2 && path[0] == "pg_catalog") && !t.Setof && !t.PctType {
		name := path[len(path)-1]
		if _, known := builtinTypes[name]; known {
			t.Names = []*pg_query.Node{pg_query.MakeStrNode("pg_catalog"), pg_query.MakeStrNode(name)}
			return nil
		}
	}
	return a.refuse(sqlstate.FeatureNotSupported, "type", t.Location,
		"a cast to type %q is not supported", strings.Join(path, ".")).
		WithHint("Casts may name built-in types that compute from the value alone.")
}

// operator handles infix operators, IN, BETWEEN, LIKE and their like. Equality with a protected column becomes equality
// of tokens.
func (a *analysis) operator(n *pg_query.Node, x *pg_query.A_Expr, p place) *sqlstate.Error {
	path, ok := names(x.Name)
	if !ok || len(path) == 2 && path[0] != "pg_catalog" || len(path) > 2 {
		return a.unsupported("an operator of another schema", "operator", x.Location)
	}
	switch x.Kind {
	case pg_query.A_Expr_Kind_AEXPR_OP, pg_query.A_Expr_Kind_AEXPR_IN:
		if op := path[len(path)-1]; op == "=" || op == "<>" {
			done, refusal := a.tokenComparison(x, p)
			if done || refusal != nil {
				return refusal
			}
		}
	case pg_query.A_Expr_Kind_AEXPR_OP_ANY, pg_query.A_Expr_Kind_AEXPR_OP_ALL, pg_query.A_Expr_Kind_AEXPR_DISTINCT,
		pg_query.A_Expr_Kind_AEXPR_NOT_DISTINCT, pg_query.A_Expr_Kind_AEXPR_NULLIF, pg_query.A_Expr_Kind_AEXPR_LIKE,
		pg_query.A_Expr_Kind_AEXPR_ILIKE, pg_query.A_Expr_Kind_AEXPR_SIMILAR, pg_query.A_Expr_Kind_AEXPR_BETWEEN,
		pg_query.A_Expr_Kind_AEXPR_NOT_BETWEEN, pg_query.A_Expr_Kind_AEXPR_BETWEEN_SYM,
		pg_query.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
	default:
		return a.unsupported(x.Kind.String(), "unknown-node", x.Location)
	}
	if need, right := predicateForm(x, path[len(path)-1]); need != 0 && p.rule == "predicate" {
		if b, at := a.protectedSide(x, p); b != nil {
			if b.sealed() || !b.access.Predicates.Has(need) {
				return a.refuseUse(b, p.rule, p.clause, right, at)
			}
			a.touch(b, "search")
			if refusal := a.granted(x.Lexpr, b, p); refusal != nil {
				return refusal
			}
			return a.granted(x.Rexpr, b, p)
		}
	}
	if refusal := a.expression(x.Lexpr, p); refusal != nil {
		return refusal
	}
	return a.expression(x.Rexpr, p)
}

// predicateForm names the right that an operator needs on a masked column, beside those of tokenComparison.
func predicateForm(x *pg_query.A_Expr, operator string) (policy.PredicateSet, string) {
	switch x.Kind {
	case pg_query.A_Expr_Kind_AEXPR_LIKE, pg_query.A_Expr_Kind_AEXPR_ILIKE:
		return policy.PredicateLike, "like"
	case pg_query.A_Expr_Kind_AEXPR_BETWEEN, pg_query.A_Expr_Kind_AEXPR_NOT_BETWEEN,
		pg_query.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg_query.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		return policy.PredicateRange, "range"
	case pg_query.A_Expr_Kind_AEXPR_OP:
		switch operator {
		case "<", "<=", ">", ">=":
			return policy.PredicateRange, "range"
		}
	}
	return 0, ""
}

// granted checks one side of a predicate for which the policy gives a right on b.
func (a *analysis) granted(n *pg_query.Node, b *base, p place) *sqlstate.Error {
	if side, _ := a.protectedColumn(n, p); side == b {
		return a.columnReference(n.GetColumnRef(), p)
	}
	return a.expression(n, p)
}

// protectedSide finds a bare protected column that an operator is applied to.
func (a *analysis) protectedSide(x *pg_query.A_Expr, p place) (*base, int32) {
	for _, side := range []*pg_query.Node{x.Lexpr, x.Rexpr} {
		if b, at := a.protectedColumn(side, p); b != nil {
			return b, at
		}
	}
	return nil, 0
}

// protectedColumn returns the base of a node that is a plain reference to a protected column, else nil.
func (a *analysis) protectedColumn(n *pg_query.Node, p place) (*base, int32) {
	ref := n.GetColumnRef()
	if ref == nil {
		return nil, 0
	}
	c, _, refusal := a.resolve(ref, p.entries)
	if refusal != nil || c.from.free() {
		return nil, 0
	}
	return c.from, ref.Location
}

// nullTest: IS NULL tells nothing of a value but whether there is one, so masked columns may be tested too.
func (a *analysis) nullTest(x *pg_query.NullTest, p place) *sqlstate.Error {
	b, at := a.protectedColumn(x.Arg, p)
	if b == nil {
		return a.expression(x.Arg, p)
	}
	if b.access.Right == policy.Deny && !b.access.Predicates.Has(policy.PredicateNull) {
		return a.refuseDenied(b, at)
	}
	a.touch(b, "null-test")
	return a.columnReference(x.Arg.GetColumnRef(), p)
}

// columnReference qualifies a reference that the caller has judged.
func (a *analysis) columnReference(ref *pg_query.ColumnRef, p place) *sqlstate.Error {
	c, e, refusal := a.resolve(ref, p.entries)
	if refusal == nil {
		qualify(ref, e, c.name)
	}
	return refusal
}

// function allows the functions of the safe list. count(column) of a masked column tells nothing but a number of rows.
func (a *analysis) function(f *pg_query.FuncCall, p place) *sqlstate.Error {
	path, ok := names(f.Funcname)
	name := ""
	if ok {
		name = path[len(path)-1]
	}
	kind := safeFunctions[name]
	if !ok || kind == 0 || len(path) > 2 || len(path) == 2 && path[0] != "pg_catalog" || len(path) == 1 && a.shadowed(name) {
		return a.refuse(sqlstate.FeatureNotSupported, "function", f.Location, "function %q may not be called here", name).
			WithHint("Statements over tables may call built-in functions that compute from their arguments alone.")
	}
	if f.Over != nil {
		return a.unsupported("a window function", "window", f.Location)
	}
	if kind == aggregateFunction && !p.aggregates {
		return a.unsupported("an aggregate function in "+p.clause, "aggregate", f.Location)
	}
	likeAggregate := f.AggDistinct || f.AggFilter != nil || len(f.AggOrder) > 0 || f.AggStar
	if kind == scalarFunction && likeAggregate || f.AggWithinGroup || f.FuncVariadic {
		return a.unsupported("this form of function call", "function", f.Location)
	}
	if f.Funcformat == pg_query.CoercionForm_COERCE_EXPLICIT_CALL {
		f.Funcname = []*pg_query.Node{pg_query.MakeStrNode("pg_catalog"), pg_query.MakeStrNode(name)}
	}
	inner := p
	if kind == aggregateFunction {
		inner.aggregates = false
		if f.AggFilter != nil {
			if refusal := a.expression(f.AggFilter, inner.in("FILTER", "predicate")); refusal != nil {
				return refusal
			}
		}
		for _, n := range f.AggOrder {
			if sort := n.GetSortBy(); len(sort.GetUseOp()) > 0 {
				return a.unsupported("ORDER BY ... USING", "order", sort.Location)
			}
			if refusal := a.expression(n.GetSortBy().GetNode(), inner.in("the ORDER BY of an aggregate", "order")); refusal != nil {
				return refusal
			}
		}
		if name == "count" && !f.AggDistinct && len(f.Args) == 1 {
			if b, at := a.protectedColumn(f.Args[0], p); b != nil {
				if b.access.Right == policy.Deny {
					return a.refuseDenied(b, at)
				}
				a.touch(b, "count")
				return a.columnReference(f.Args[0].GetColumnRef(), p)
			}
		}
	}
	return a.expressions(f.Args, inner.in("the arguments of "+name+"()", "expression"))
}

// shadowed reports that the application has a function of that name where PostgreSQL would look for it.
func (a *analysis) shadowed(name string) bool {
	for _, schema := range a.env.SearchPath {
		if schema != "pg_catalog" && a.env.Catalog.UserFunction(catalog.Name{Schema: schema, Name: name}) {
			return true
		}
	}
	return false
}

// openParameter sends a parameter as it is.
func (a *analysis) openParameter(ref *pg_query.ParamRef) *sqlstate.Error {
	number, ok := a.open[ref.Number]
	if !ok {
		o := &a.operands[ref.Number-1]
		if o.source.Kind == FromParam {
			if column, is := a.hidden[o.source.Index]; is {
				return a.refuseMixed(o.source.Index, column, ref.Location)
			}
		}
		in := Input{Source: o.source, TypeOID: a.typeOf(ref), Typmod: -1, PhysicalOID: a.typeOf(ref)}
		if in.TypeOID >= firstUserOID {
			in.PhysicalOID = 0 // each database numbers such types by itself
		}
		number = a.input(in)
		a.open[ref.Number] = number
	}
	a.visited[ref] = true
	ref.Number = number
	return nil
}

func (a *analysis) input(in Input) int32 {
	a.inputs = append(a.inputs, in)
	return int32(len(a.inputs))
}

// typeOf is the type that PostgreSQL gave a parameter of the parameterised statement.
func (a *analysis) typeOf(ref *pg_query.ParamRef) uint32 {
	if int(ref.Number) <= len(a.described.Params) {
		return a.described.Params[ref.Number-1]
	}
	return oidUnknown
}

func (a *analysis) refuseMixed(parameter int, column string, location int32) *sqlstate.Error {
	return a.refuse(sqlstate.FeatureNotSupported, "mixed-parameter", location,
		"parameter $%d is used both with encrypted column %q and elsewhere, where it would stand in clear", parameter+1, column).
		WithHint("Use a parameter of its own for each use.")
}

// touch notes that a protected column is reached.
func (a *analysis) touch(b *base, use string) {
	t := Touch{Column: b.name(), Use: use, Rule: decidedBy(b.access)}
	for _, have := range a.touched {
		if have == t {
			return
		}
	}
	a.touched = append(a.touched, t)
}

// touchFree is touch for a column that may be protected by policy alone, or not at all.
func (a *analysis) touchFree(b *base, use string) {
	if b != nil && b.protected != nil {
		a.touch(b, use)
	}
}

// sealedIndex returns the index of an encrypted column in Plan.Sealed.
func (a *analysis) sealedIndex(b *base) int {
	for i := range a.sealed {
		if a.sealed[i].ID == b.column.ID {
			return i
		}
	}
	a.sealed = append(a.sealed, SealedColumn{Table: b.entry.table.Name, Column: b.column.Name, ID: b.column.ID,
		TypeOID: b.column.TypeOID, Typmod: b.column.Typmod, Encrypt: *b.protected.Encrypt})
	return len(a.sealed) - 1
}
