package rewrite

import (
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v5"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// target is one output of the top level, as far as a merge has to know it.
type target struct {
	column    column
	node      *pg_query.Node
	aggregate string // "count", "sum", "min", "max" if the output is exactly that call, without DISTINCT or FILTER
	computed  bool   // an expression over other things
	folds     bool   // holds an aggregate somewhere
}

// shape is what a SELECT does to rows at its top level.
type shape struct {
	targets []target
	grouped bool
	groups  []int // targets that GROUP BY names; -1 for an expression that is no target
	having  bool
	order   []sortItem
	limit   *pg_query.Node
	offset  *pg_query.Node
	// broadcastPreserved: a LEFT JOIN keeps all rows of a broadcast table beside a sharded one, which only one node may do.
	broadcastPreserved bool
}

// sortItem is one key of ORDER BY: a target, or an open column that is not one.
type sortItem struct {
	target     int // -1: column
	column     column
	node       *pg_query.Node
	descending bool
	nullsFirst bool
}

// selectLevel analyses one SELECT. Sub-selects and the top level share it; top collects the shape for the merge.
func (a *analysis) selectLevel(s *pg_query.SelectStmt, top bool) (*query, *shape, *sqlstate.Error) {
	if refusal := a.selectClauses(s); refusal != nil {
		return nil, nil, refusal
	}
	q, sh := &query{}, &shape{}
	for _, n := range s.FromClause {
		if refusal := a.from(n, q, sh, false); refusal != nil {
			return nil, nil, refusal
		}
	}
	if refusal := a.where(s.WhereClause, q, "WHERE"); refusal != nil {
		return nil, nil, refusal
	}
	clause := "the select list"
	targets, refusal := a.targets(s.TargetList, q, place{entries: q.entries, clause: clause, rule: "expression", aggregates: true})
	if refusal != nil {
		return nil, nil, refusal
	}
	sh.targets = targets
	s.TargetList = nil
	for _, t := range targets {
		s.TargetList = append(s.TargetList, t.node)
		q.columns = append(q.columns, t.column)
		sh.grouped = sh.grouped || t.folds
	}
	if refusal := a.groupBy(s, q, sh); refusal != nil {
		return nil, nil, refusal
	}
	if s.HavingClause != nil {
		sh.having, sh.grouped = true, true
		if refusal := a.expression(s.HavingClause, place{q.entries, "HAVING", "predicate", true}); refusal != nil {
			return nil, nil, refusal
		}
	}
	if refusal := a.orderBy(s, q, sh); refusal != nil {
		return nil, nil, refusal
	}
	sh.limit, sh.offset = s.LimitCount, s.LimitOffset
	if !top {
		limits := place{clause: "LIMIT", rule: "expression"}
		if refusal := a.expressions([]*pg_query.Node{s.LimitCount, s.LimitOffset}, limits); refusal != nil {
			return nil, nil, refusal
		}
	}
	q.barrier = sh.grouped || s.LimitCount != nil || s.LimitOffset != nil || sh.broadcastPreserved
	return q, sh, nil
}

// selectClauses refuses the clauses that are not understood yet.
func (a *analysis) selectClauses(s *pg_query.SelectStmt) *sqlstate.Error {
	switch {
	case s.WithClause != nil:
		return a.unsupported("WITH", "cte", s.WithClause.Location)
	case s.Op != pg_query.SetOperation_SETOP_NONE:
		return a.unsupported("a set operation (UNION, INTERSECT, EXCEPT)", "set-operation", -1)
	case len(s.ValuesLists) > 0:
		return a.unsupported("VALUES as a table", "values", -1)
	case s.IntoClause != nil:
		return a.unsupported("SELECT INTO", "into", -1)
	case len(s.DistinctClause) > 0:
		return a.unsupported("DISTINCT", "distinct", -1)
	case len(s.WindowClause) > 0:
		return a.unsupported("WINDOW", "window", -1)
	case len(s.LockingClause) > 0:
		return a.unsupported("FOR UPDATE or FOR SHARE", "locking", -1)
	case s.GroupDistinct:
		return a.unsupported("GROUP BY DISTINCT", "group", -1)
	case s.LimitOption == pg_query.LimitOption_LIMIT_OPTION_WITH_TIES:
		return a.unsupported("WITH TIES", "with-ties", -1)
	}
	return nil
}

// from analyses one item of FROM and adds its entries.
func (a *analysis) from(n *pg_query.Node, q *query, sh *shape, nullable bool) *sqlstate.Error {
	switch x := n.GetNode().(type) {
	case *pg_query.Node_RangeVar:
		e, refusal := a.addTable(x.RangeVar)
		if refusal != nil {
			return refusal
		}
		e.nullable = nullable
		q.entries = append(q.entries, e)
		return nil
	case *pg_query.Node_RangeSubselect:
		return a.fromSubselect(x.RangeSubselect, q, nullable)
	case *pg_query.Node_JoinExpr:
		return a.join(x.JoinExpr, q, sh, nullable)
	case *pg_query.Node_RangeFunction:
		return a.unsupported("a function in FROM together with tables", "function-in-from", -1)
	}
	return a.unsupported(construct(n)+" in FROM", "unknown-node", nodeLocation(n))
}

func (a *analysis) fromSubselect(s *pg_query.RangeSubselect, q *query, nullable bool) *sqlstate.Error {
	inner := s.Subquery.GetSelectStmt()
	switch {
	case s.Lateral:
		return a.unsupported("LATERAL", "lateral", -1)
	case inner == nil || s.Alias == nil:
		return a.unsupported("a sub-select in FROM without a name", "subselect-alias", -1)
	case len(s.Alias.Colnames) > 0:
		return a.unsupported("a list of column names in the alias of a sub-select", "alias-columns", -1)
	}
	sub, sh, refusal := a.selectLevel(inner, false)
	if refusal != nil {
		return refusal
	}
	if len(sh.order) > 0 && !sub.barrier {
		inner.SortClause = nil // order inside a sub-select without a limit means nothing
	}
	sub.nullable = nullable
	q.subs = append(q.subs, sub)
	q.entries = append(q.entries, &entry{alias: s.Alias.Aliasname, aliased: true, sub: sub, nullable: nullable,
		columns: sub.columns, placement: -1})
	return nil
}

func (a *analysis) join(j *pg_query.JoinExpr, q *query, sh *shape, nullable bool) *sqlstate.Error {
	switch {
	case j.IsNatural:
		return a.unsupported("NATURAL JOIN", "natural", -1)
	case len(j.UsingClause) > 0:
		return a.unsupported("JOIN ... USING", "using", -1).WithHint("Write the condition with ON.")
	case j.Alias != nil:
		return a.unsupported("an alias of a join", "join-alias", -1)
	case j.Jointype != pg_query.JoinType_JOIN_INNER && j.Jointype != pg_query.JoinType_JOIN_LEFT:
		return a.unsupported("RIGHT or FULL JOIN", "outer-join", -1).WithHint("Write it as LEFT JOIN.")
	}
	left := j.Jointype == pg_query.JoinType_JOIN_LEFT
	start := len(q.entries)
	if refusal := a.from(j.Larg, q, sh, nullable); refusal != nil {
		return refusal
	}
	middle := len(q.entries)
	if refusal := a.from(j.Rarg, q, sh, nullable || left); refusal != nil {
		return refusal
	}
	if left && !anySharded(q.entries[start:middle]) && anySharded(q.entries[middle:]) {
		sh.broadcastPreserved = true // each node would add its own copy of the rows without a match
	}
	if j.Quals == nil {
		return nil
	}
	inScope := q.entries[start:]
	a.noteJoins(j.Quals, inScope)
	if !left && !nullable {
		if c := a.conditionOf(j.Quals, inScope); c != nil {
			q.conditions = append(q.conditions, c)
		}
	}
	return a.expression(j.Quals, place{entries: inScope, clause: "JOIN ... ON", rule: "predicate"})
}

func anySharded(entries []*entry) bool {
	for _, e := range entries {
		if e.placement >= 0 || e.sub != nil && e.sub.hasSharded() {
			return true
		}
	}
	return false
}

// where analyses a predicate of a level and notes what it says of shard keys.
func (a *analysis) where(n *pg_query.Node, q *query, clause string) *sqlstate.Error {
	if n == nil {
		return nil
	}
	a.noteJoins(n, q.entries)
	if c := a.conditionOf(n, q.entries); c != nil {
		q.conditions = append(q.conditions, c)
	}
	return a.expression(n, place{entries: q.entries, clause: clause, rule: "predicate"})
}

// targets analyses a select list or RETURNING list and expands its stars.
func (a *analysis) targets(list []*pg_query.Node, q *query, p place) ([]target, *sqlstate.Error) {
	var out []target
	for _, n := range list {
		t := n.GetResTarget()
		if t == nil || len(t.Indirection) > 0 {
			return nil, a.unsupported(construct(n), "unknown-node", nodeLocation(n))
		}
		ref := t.Val.GetColumnRef()
		if ref != nil {
			if stars, is, refusal := a.star(ref, q); refusal != nil {
				return nil, refusal
			} else if is {
				out = append(out, stars...)
				continue
			}
			c, e, refusal := a.resolve(ref, p.entries)
			if refusal != nil {
				return nil, refusal
			}
			if refusal := a.selectColumn(c, ref.Location); refusal != nil {
				return nil, refusal
			}
			name := t.Name
			if name == "" {
				name = c.name
			}
			qualify(ref, e, c.name)
			out = append(out, target{column: column{name, c.from}, node: n})
			continue
		}
		name := t.Name
		if name == "" {
			name, _ = outputName(t.Val)
		}
		aggregate, folds := plainAggregate(t.Val)
		if refusal := a.expression(t.Val, p); refusal != nil {
			return nil, refusal
		}
		out = append(out, target{column: column{name: name}, node: n, aggregate: aggregate, computed: aggregate == "", folds: folds})
	}
	return out, nil
}

// plainAggregate names the aggregate that an output is, if nodes' results of it can be combined, and whether the output
// holds any aggregate at all.
func plainAggregate(n *pg_query.Node) (name string, folds bool) {
	folds = holdsAggregate(n)
	f := n.GetFuncCall()
	if f == nil || f.AggDistinct || f.AggFilter != nil || f.Over != nil || len(f.AggOrder) > 0 {
		return "", folds
	}
	path, ok := names(f.Funcname)
	if !ok {
		return "", folds
	}
	switch last := path[len(path)-1]; last {
	case "count", "sum", "min", "max":
		return last, folds
	}
	return "", folds
}

// outputName is the name that PostgreSQL gives to an unnamed output (src/backend/parser/parse_target.c, FigureColname).
// weak: the name comes from a type or CASE and gives way to that of an argument.
func outputName(n *pg_query.Node) (name string, weak bool) {
	switch x := n.GetNode().(type) {
	case *pg_query.Node_ColumnRef:
		if path, ok := names(x.ColumnRef.Fields); ok {
			return path[len(path)-1], false
		}
	case *pg_query.Node_FuncCall:
		if path, ok := names(x.FuncCall.Funcname); ok {
			return path[len(path)-1], false
		}
	case *pg_query.Node_AExpr:
		if x.AExpr.Kind == pg_query.A_Expr_Kind_AEXPR_NULLIF {
			return "nullif", false
		}
	case *pg_query.Node_TypeCast:
		if name, weak := outputName(x.TypeCast.Arg); name != unnamed && !weak {
			return name, false
		}
		if path, ok := names(x.TypeCast.TypeName.GetNames()); ok && len(path) > 0 {
			return path[len(path)-1], true
		}
	case *pg_query.Node_CaseExpr:
		if name, weak := outputName(x.CaseExpr.Defresult); name != unnamed && !weak {
			return name, false
		}
		return "case", true
	case *pg_query.Node_AArrayExpr:
		return "array", false
	case *pg_query.Node_CoalesceExpr:
		return "coalesce", false
	case *pg_query.Node_MinMaxExpr:
		return map[bool]string{true: "least", false: "greatest"}[x.MinMaxExpr.Op == pg_query.MinMaxOp_IS_LEAST], false
	case *pg_query.Node_SqlvalueFunction:
		name := strings.TrimPrefix(x.SqlvalueFunction.Op.String(), "SVFOP_")
		return strings.ToLower(strings.TrimSuffix(name, "_N")), false
	}
	return unnamed, true
}

// unnamed is the name of an output that has none.
const unnamed = "?column?"

// star expands * and alias.*; is reports that ref is one of them.
func (a *analysis) star(ref *pg_query.ColumnRef, q *query) (out []target, is bool, refusal *sqlstate.Error) {
	if ref.Fields[len(ref.Fields)-1].GetAStar() == nil {
		return nil, false, nil
	}
	path, ok := names(ref.Fields[:len(ref.Fields)-1])
	if !ok || len(path) > 2 {
		return nil, true, a.unsupported("this form of *", "whole-row", ref.Location)
	}
	matched := false
	for _, e := range q.entries {
		switch len(path) {
		case 1:
			if e.alias != path[0] {
				continue
			}
		case 2:
			if e.aliased || e.relation == nil || e.relation.Schema != path[0] || e.relation.Name.Name != path[1] {
				continue
			}
		}
		matched = true
		for i := range e.columns {
			c := &e.columns[i]
			if e.has(c.name) > 1 {
				return nil, true, a.unsupported("* over a sub-select with two columns of one name", "ambiguous-column", ref.Location)
			}
			if refusal := a.selectColumn(c, ref.Location); refusal != nil {
				return nil, true, refusal
			}
			node := pg_query.MakeColumnRefNode(nil, ref.Location)
			qualify(node.GetColumnRef(), e, c.name)
			out = append(out, target{column: *c, node: pg_query.MakeResTargetNodeWithVal(node, ref.Location)})
		}
	}
	if !matched {
		return nil, true, a.refuse(sqlstate.UndefinedTable, "undefined-table", ref.Location, "missing FROM-clause entry for %q", path)
	}
	return out, true, nil
}

// selectColumn judges a plain column in a select list, of any level.
func (a *analysis) selectColumn(c *column, location int32) *sqlstate.Error {
	b := c.from
	if b == nil || b.protected == nil {
		return a.refuseDerived(b, location)
	}
	switch b.access.Right {
	case policy.Deny:
		return a.refuseDenied(b, location)
	case policy.Masked:
		a.touch(b, "mask")
	default:
		a.touch(b, "reveal")
	}
	return nil
}

// groupBy analyses GROUP BY: open columns, ordinals and names of open outputs, expressions.
func (a *analysis) groupBy(s *pg_query.SelectStmt, q *query, sh *shape) *sqlstate.Error {
	for _, n := range s.GroupClause {
		sh.grouped = true
		i := -1
		if isOrdinal(n) {
			if i = int(n.GetAConst().GetIval().GetIval()) - 1; i < 0 || i >= len(sh.targets) {
				return disagreement("number of output columns")
			}
		} else if name, ok := bareName(n); ok && !a.isColumn(n, q) {
			i = targetNamed(sh.targets, name)
		}
		if i >= 0 && i < len(sh.targets) {
			if b := sh.targets[i].column.from; !b.free() {
				return a.refuseUse(b, "group", "GROUP BY", "", nodeLocation(n))
			}
			sh.groups = append(sh.groups, i)
			continue
		}
		if n.GetGroupingSet() != nil {
			return a.unsupported("GROUPING SETS, CUBE or ROLLUP", "grouping-sets", n.GetGroupingSet().Location)
		}
		if refusal := a.expression(n, place{entries: q.entries, clause: "GROUP BY", rule: "group"}); refusal != nil {
			return refusal
		}
		i = -1
		for j, t := range sh.targets {
			if sameTree(t.node.GetResTarget().Val, n) {
				i = j
			}
		}
		sh.groups = append(sh.groups, i)
	}
	return nil
}

// orderBy analyses ORDER BY. A bare name means an output first (SQL92), a column of FROM second.
func (a *analysis) orderBy(s *pg_query.SelectStmt, q *query, sh *shape) *sqlstate.Error {
	for _, n := range s.SortClause {
		sort := n.GetSortBy()
		if len(sort.UseOp) > 0 {
			return a.unsupported("ORDER BY ... USING", "order", sort.Location)
		}
		item := sortItem{target: -1, node: sort.Node, descending: sort.SortbyDir == pg_query.SortByDir_SORTBY_DESC}
		switch sort.SortbyNulls {
		case pg_query.SortByNulls_SORTBY_NULLS_FIRST:
			item.nullsFirst = true
		case pg_query.SortByNulls_SORTBY_NULLS_LAST:
		default:
			item.nullsFirst = item.descending
		}
		if isOrdinal(sort.Node) {
			if item.target = int(sort.Node.GetAConst().GetIval().GetIval()) - 1; item.target < 0 || item.target >= len(sh.targets) {
				return disagreement("number of output columns")
			}
		} else if name, ok := bareName(sort.Node); ok {
			item.target = targetNamed(sh.targets, name)
		}
		if item.target >= 0 && item.target < len(sh.targets) {
			if b := sh.targets[item.target].column.from; !b.free() {
				return a.refuseUse(b, "order", "ORDER BY", "", nodeLocation(sort.Node))
			}
			sh.order = append(sh.order, item)
			continue
		}
		if ref := sort.Node.GetColumnRef(); ref != nil {
			if c, _, refusal := a.resolve(ref, q.entries); refusal == nil {
				item.column = *c
			}
		}
		p := place{entries: q.entries, clause: "ORDER BY", rule: "order", aggregates: true}
		if refusal := a.expression(sort.Node, p); refusal != nil {
			return refusal
		}
		for j, t := range sh.targets {
			if sameTree(t.node.GetResTarget().Val, sort.Node) {
				item.target = j
			}
		}
		sh.order = append(sh.order, item)
	}
	return nil
}

func bareName(n *pg_query.Node) (string, bool) {
	ref := n.GetColumnRef()
	if ref == nil || len(ref.Fields) != 1 || ref.Fields[0].GetString_() == nil {
		return "", false
	}
	return ref.Fields[0].GetString_().Sval, true
}

func (a *analysis) isColumn(n *pg_query.Node, q *query) bool {
	_, _, refusal := a.resolve(n.GetColumnRef(), q.entries)
	return refusal == nil
}

func targetNamed(targets []target, name string) int {
	for i, t := range targets {
		if t.column.name == name {
			return i
		}
	}
	return -1
}
