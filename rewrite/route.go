package rewrite

import (
	"slices"

	pg_query "github.com/pganalyze/pg_query_go/v5"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// condition is a Condition whose key is not yet known to be the lead's: key = any of operands, or a combination.
type condition struct {
	kind     ConditionKind
	key      *base
	operands []Operand
	numbers  []int32 // the parameters that operands stand for, 0 for NULL
	children []*condition
}

// conditionOf reads what a predicate says about shard keys; nil if nothing. It must see the tree before expression
// changes it. Dropping a predicate is sound, dropping an alternative never.
func (a *analysis) conditionOf(n *pg_query.Node, entries []*entry) *condition {
	switch x := n.GetNode().(type) {
	case *pg_query.Node_BoolExpr:
		c := &condition{}
		switch x.BoolExpr.Boolop {
		case pg_query.BoolExprType_AND_EXPR:
			c.kind = ConditionAnd
			for _, arg := range x.BoolExpr.Args {
				if child := a.conditionOf(arg, entries); child != nil {
					c.children = append(c.children, child)
				}
			}
			if len(c.children) == 0 {
				return nil
			}
			return c
		case pg_query.BoolExprType_OR_EXPR:
			c.kind = ConditionOr
			for _, arg := range x.BoolExpr.Args {
				child := a.conditionOf(arg, entries)
				if child == nil {
					return nil
				}
				c.children = append(c.children, child)
			}
			return c
		}
	case *pg_query.Node_AExpr:
		return a.keyComparison(x.AExpr, entries)
	}
	return nil
}

func (a *analysis) keyComparison(x *pg_query.A_Expr, entries []*entry) *condition {
	path, ok := names(x.Name)
	if !ok || path[len(path)-1] != "=" {
		return nil
	}
	key, values := a.shardKey(x.Lexpr, entries), []*pg_query.Node{x.Rexpr}
	switch x.Kind {
	case pg_query.A_Expr_Kind_AEXPR_OP:
		if key == nil {
			key, values = a.shardKey(x.Rexpr, entries), []*pg_query.Node{x.Lexpr}
		}
	case pg_query.A_Expr_Kind_AEXPR_IN:
		values = x.Rexpr.GetList().GetItems()
	default:
		return nil
	}
	if key == nil || !key.routable() {
		return nil
	}
	c := &condition{kind: ConditionIn, key: key}
	for _, v := range values {
		o, number, ok := a.routeOperand(v, key)
		if !ok {
			return nil
		}
		if o.Source.Kind == FromNull {
			continue // key = NULL matches no row
		}
		c.operands = append(c.operands, o)
		c.numbers = append(c.numbers, number)
	}
	if len(c.operands) == 0 {
		return &condition{kind: ConditionNone}
	}
	return c
}

// shardKey returns the shard key that a node refers to, through sub-selects, or nil. A sub-select that groups or limits
// brings its tables together before a condition from outside can: there it tells nothing, unless there is one table only.
func (a *analysis) shardKey(n *pg_query.Node, entries []*entry) *base {
	ref := n.GetColumnRef()
	if ref == nil {
		return nil
	}
	c, e, refusal := a.resolve(ref, entries)
	if refusal != nil || c.from == nil || !c.from.isShardKey() || e.sub != nil && e.sub.hidesJoins() {
		return nil
	}
	return c.from
}

// routable reports that values of a shard key which PostgreSQL calls equal are equal as text too, so that equality
// chooses a node. It is not so where blanks, a scale or a collation do not count.
func (b *base) routable() bool {
	switch b.column.TypeOID {
	case oidInt2, oidInt4, oidInt8, oidDate, oidTimestamp, oidTimestamptz, oidUUID:
		return true
	case oidText, oidVarchar:
		return b.column.Collation == "" || b.column.Collation == "default" || b.column.Collation == "C"
	}
	return false
}

// routeOperand returns what a shard key is compared with, if its value can be computed without a server and converted
// to the key's type without loss.
func (a *analysis) routeOperand(n *pg_query.Node, key *base) (Operand, int32, bool) {
	var casts []uint32
	for n.GetTypeCast() != nil {
		t := n.GetTypeCast().TypeName
		path, ok := names(t.Names)
		if !ok || len(t.Typmods) > 0 || len(t.ArrayBounds) > 0 {
			return Operand{}, 0, false
		}
		casts = append(casts, builtinTypes[path[len(path)-1]])
		n = n.GetTypeCast().Arg
	}
	if c := n.GetAConst(); c != nil && c.Isnull {
		return Operand{Source: Source{Kind: FromNull}, TypeOID: key.column.TypeOID}, 0, true
	}
	ref := n.GetParamRef()
	if ref == nil {
		return Operand{}, 0, false
	}
	source := a.operands[ref.Number-1].source
	switch source.Kind {
	case FromSession:
		return Operand{}, 0, false
	case FromParam:
		source.TypeOID = a.typeOf(ref)
	}
	from := source.TypeOID
	if from == oidUnknown {
		from = a.typeOf(ref)
	}
	if !convertibleThrough(from, casts, key.column.TypeOID) {
		return Operand{}, 0, false
	}
	return Operand{Source: source, TypeOID: key.column.TypeOID}, ref.Number, true
}

// noteJoins collects the equalities between columns that hold for every row that a conjunction lets through.
func (a *analysis) noteJoins(n *pg_query.Node, entries []*entry) {
	switch x := n.GetNode().(type) {
	case *pg_query.Node_BoolExpr:
		if x.BoolExpr.Boolop == pg_query.BoolExprType_AND_EXPR {
			for _, arg := range x.BoolExpr.Args {
				a.noteJoins(arg, entries)
			}
		}
	case *pg_query.Node_AExpr:
		path, ok := names(x.AExpr.Name)
		if !ok || x.AExpr.Kind != pg_query.A_Expr_Kind_AEXPR_OP || path[len(path)-1] != "=" {
			return
		}
		if l, r := a.shardKey(x.AExpr.Lexpr, entries), a.shardKey(x.AExpr.Rexpr, entries); l != nil && r != nil {
			a.joins = append(a.joins, [2]*base{l, r})
		}
	}
}

// single returns the parameter that alone decides the node of this condition, 0 if there is none.
func (c *condition) single() int32 {
	switch c.kind {
	case ConditionIn:
		if len(c.numbers) == 1 {
			return c.numbers[0]
		}
	case ConditionAnd:
		for _, child := range c.children {
			if n := child.single(); n != 0 {
				return n
			}
		}
	}
	return 0
}

// pins lists (entry, parameter) for each sharded entry whose key must equal the parameter.
func (c *condition) pins(yield func(*base, int32)) {
	switch c.kind {
	case ConditionIn:
		if len(c.numbers) == 1 {
			yield(c.key, c.numbers[0])
		}
	case ConditionAnd:
		for _, child := range c.children {
			child.pins(yield)
		}
	}
}

func (c *condition) export() *Condition {
	if len(c.children) == 1 {
		return c.children[0].export()
	}
	out := &Condition{Kind: c.kind, Operands: c.operands}
	for _, child := range c.children {
		out.Children = append(out.Children, child.export())
	}
	return out
}

// route decides where the statement runs. pinned reports that execution will find exactly one node, whatever the values.
func (a *analysis) route(top *query) (route Route, pinned bool, refusal *sqlstate.Error) {
	route = Route{Lead: -1}
	for _, use := range a.tables {
		if !slices.ContainsFunc(route.Tables, func(t RouteTable) bool { return t.Table == use.table }) {
			route.Tables = append(route.Tables, RouteTable{use.table})
		}
	}
	// A single table is where it is, broadcast tables are everywhere: the single one leads.
	slices.SortStableFunc(route.Tables, func(x, y RouteTable) int { return placementRank(x) - placementRank(y) })
	if refusal := a.colocated(route.Tables, top); refusal != nil {
		return route, false, refusal
	}
	if len(a.sharded) == 0 {
		return route, true, nil
	}
	for i, t := range route.Tables {
		if t.Table == a.sharded[0].table {
			route.Lead = i
		}
	}
	all := &condition{kind: ConditionAnd, children: allConditions(top)}
	if len(all.children) > 0 {
		route.Condition = all.export()
	}
	return route, all.single() != 0 || len(a.sharded[0].table.Nodes) == 1, nil
}

func placementRank(t RouteTable) int {
	if t.Table.Placement == policy.Single {
		return 0
	}
	return 1
}

// allConditions lists the conditions that hold for every row of a level.
func allConditions(q *query) []*condition {
	out := slices.Clone(q.conditions)
	for _, sub := range q.subs {
		if !sub.nullable {
			out = append(out, allConditions(sub)...)
		}
	}
	return out
}

// colocated makes sure that the rows which the statement brings together lie on one node: all sharded tables are bound
// to each other and joined by equality on their shard keys, or pinned by one parameter.
func (a *analysis) colocated(tables []RouteTable, top *query) *sqlstate.Error {
	singles := 0
	for _, t := range tables {
		if t.Table.Placement == policy.Single {
			singles++
			if t.Table.Nodes[0].Datasource != tables[0].Table.Nodes[0].Datasource {
				singles = len(tables) + 1
			}
		}
	}
	if singles > 0 && (len(a.sharded) > 0 || singles > len(tables)) {
		return sqlstate.New(sqlstate.FeatureNotSupported, "tables of different datasources may not be used in one statement").
			WithRule("unbound-join").WithHint("Ask for them in statements of their own.")
	}
	if len(a.sharded) == 0 {
		return nil
	}
	// Union-find over sharded entries and parameters.
	parent := map[int]int{}
	var find func(int) int
	find = func(i int) int {
		if p, ok := parent[i]; ok && p != i {
			return find(p)
		}
		return i
	}
	union := func(i, j int) { parent[find(i)] = find(j) }
	for _, j := range a.joins {
		union(j[0].entry.placement, j[1].entry.placement)
	}
	var pin func(q *query)
	pin = func(q *query) {
		for _, c := range q.conditions {
			c.pins(func(key *base, number int32) { union(key.entry.placement, -int(number)) })
		}
		for _, sub := range q.subs { // those on a nullable side too: the rows that they add lie on that node
			pin(sub)
		}
	}
	pin(top)
	first := a.sharded[0]
	for _, e := range a.sharded[1:] {
		bound := e.table == first.table || e.table.Binding >= 0 && e.table.Binding == first.table.Binding
		if !bound || find(e.placement) != find(first.placement) {
			return sqlstate.New(sqlstate.FeatureNotSupported,
				"sharded tables %q and %q are not joined by equality on their shard keys %q and %q", first.alias, e.alias,
				first.table.Shard.Column, e.table.Shard.Column).WithRule("unbound-join").
				WithHint("Binding tables may be joined on their shard keys; other joins across shards are not served yet.")
		}
	}
	return a.barriersPinned(top)
}

// barriersPinned: a sub-select that groups or limits sees all rows that it asks for only if its own conditions choose one
// node.
func (a *analysis) barriersPinned(q *query) *sqlstate.Error {
	for _, sub := range q.subs {
		if sub.barrier && sub.hasSharded() {
			own := &condition{kind: ConditionAnd, children: allConditions(sub)}
			if own.single() == 0 && len(a.sharded[0].table.Nodes) > 1 {
				return sqlstate.New(sqlstate.FeatureNotSupported,
					"a sub-select that groups, sorts or limits rows of several shards is not supported").
					WithRule("subselect-scatter").WithHint("Fix the shard key inside the sub-select by equality.")
			}
		}
		if refusal := a.barriersPinned(sub); refusal != nil {
			return refusal
		}
	}
	return nil
}

func (q *query) hasSharded() bool { return q.shardedCount() > 0 }

// shardedCount counts the sharded tables of a level and of those below.
func (q *query) shardedCount() int {
	n := 0
	for _, e := range q.entries {
		if e.placement >= 0 {
			n++
		}
	}
	for _, sub := range q.subs {
		n += sub.shardedCount()
	}
	return n
}

// hidesJoins: a level groups or limits rows of several sharded tables.
func (q *query) hidesJoins() bool {
	return q.barrier && q.shardedCount() > 1 || slices.ContainsFunc(q.subs, (*query).hidesJoins)
}
