package rewrite

import (
	pg_query "github.com/pganalyze/pg_query_go/v5"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

func catalogName(t policy.TableName) catalog.Name {
	return catalog.Name{Schema: t.Schema, Name: t.Name}
}

// dmlTarget analyses the table that a DML statement writes.
func (a *analysis) dmlTarget(r *pg_query.RangeVar) (*query, *entry, *sqlstate.Error) {
	e, refusal := a.addTable(r)
	if refusal != nil {
		return nil, nil, refusal
	}
	if e.table.Placement == policy.Broadcast {
		return nil, nil, a.refuse(sqlstate.FeatureNotSupported, "broadcast-write", r.Location,
			"broadcast table %q may not be written yet", e.relation.Name.Name).
			WithHint("Broadcast tables are filled by the seed file of \"portcullis schema apply\".")
	}
	return &query{entries: []*entry{e}}, e, nil
}

// returning analyses RETURNING; the outputs are those of a select list.
func (a *analysis) returning(list []*pg_query.Node, q *query) ([]*pg_query.Node, []Column, []Output, *sqlstate.Error) {
	if len(list) == 0 {
		return nil, nil, nil, nil
	}
	targets, refusal := a.targets(list, q, place{entries: q.entries, clause: "RETURNING", rule: "expression"})
	if refusal != nil {
		return nil, nil, nil, refusal
	}
	var nodes []*pg_query.Node
	for _, t := range targets {
		nodes = append(nodes, t.node)
	}
	columns, outputs, refusal := a.outputs(targets)
	return nodes, columns, outputs, refusal
}

// insert plans INSERT ... VALUES.
func (a *analysis) insert(s *pg_query.InsertStmt, plan *Plan) *sqlstate.Error {
	values := s.SelectStmt.GetSelectStmt()
	switch {
	case s.WithClause != nil:
		return a.unsupported("WITH", "cte", s.WithClause.Location)
	case s.OnConflictClause != nil:
		return a.unsupported("ON CONFLICT", "on-conflict", s.OnConflictClause.Location)
	case s.Override != pg_query.OverridingKind_OVERRIDING_NOT_SET && s.Override != pg_query.OverridingKind_OVERRIDING_KIND_UNDEFINED:
		return a.unsupported("OVERRIDING", "overriding", -1)
	case values == nil:
		return a.unsupported("INSERT ... DEFAULT VALUES", "default-values", -1)
	case len(values.ValuesLists) == 0:
		return a.unsupported("INSERT ... SELECT", "insert-select", -1)
	case values.WithClause != nil || values.SortClause != nil || values.LimitCount != nil || values.LimitOffset != nil:
		return a.unsupported("VALUES with further clauses", "values", -1)
	}
	q, e, refusal := a.dmlTarget(s.Relation)
	if refusal != nil {
		return refusal
	}
	columns, refusal := a.insertColumns(s, e, len(values.ValuesLists[0].GetList().GetItems()))
	if refusal != nil {
		return refusal
	}
	keyAt := -1
	if generator := e.table.Key; generator != nil {
		for i, c := range columns {
			if c.column.Name == generator.Column {
				keyAt = i
			}
		}
		if keyAt < 0 {
			for i := range e.columns {
				if e.columns[i].name == generator.Column {
					keyAt = len(columns)
					columns = append(columns, e.columns[i].from)
				}
			}
		}
	}
	plan.Route.Rows = nil
	var rows []Operand
	for i, row := range values.ValuesLists {
		items := row.GetList()
		if keyAt >= 0 && keyAt == len(items.Items) {
			items.Items = append(items.Items, &pg_query.Node{Node: &pg_query.Node_SetToDefault{SetToDefault: &pg_query.SetToDefault{}}})
		}
		if len(items.Items) != len(columns) {
			return a.refuse(sqlstate.SyntaxError, "values", -1, "VALUES lists must all be the same length")
		}
		operand, refusal := a.insertRow(i, items.Items, columns, e, keyAt)
		if refusal != nil {
			return refusal
		}
		rows = append(rows, operand)
	}
	s.Cols = nil
	for _, b := range columns {
		s.Cols = append(s.Cols, pg_query.MakeResTargetNodeWithName(b.column.Name, -1))
	}
	if s.ReturningList, plan.Columns, plan.Outputs, refusal = a.returning(s.ReturningList, q); refusal != nil {
		return refusal
	}
	if plan.Route, _, refusal = a.route(q); refusal != nil {
		return refusal
	}
	if e.table.Placement == policy.Sharded {
		plan.Route.Rows = rows
	}
	plan.Route.One = true
	return nil
}

// insertColumns lists the columns that the VALUES fill: those named, or the first ones of the table.
func (a *analysis) insertColumns(s *pg_query.InsertStmt, e *entry, width int) ([]*base, *sqlstate.Error) {
	var out []*base
	places := map[*base]int32{}
	if len(s.Cols) == 0 {
		if width > len(e.columns) {
			return nil, a.refuse(sqlstate.SyntaxError, "values", -1, "INSERT has more expressions than target columns")
		}
		for i := range width {
			out = append(out, e.columns[i].from)
		}
	}
	for _, n := range s.Cols {
		t := n.GetResTarget()
		if len(t.Indirection) > 0 {
			return nil, a.unsupported("a part of a column as a target", "indirection", t.Location)
		}
		b := e.find(t.Name)
		if b == nil {
			return nil, a.refuse(sqlstate.UndefinedColumn, "undefined-column", t.Location,
				"column %q of relation %q does not exist", t.Name, e.relation.Name.Name)
		}
		out, places[b] = append(out, b), t.Location
	}
	for _, b := range out {
		location, named := places[b]
		if !named {
			location = -1
		}
		if refusal := a.mayWrite(b, location); refusal != nil {
			return nil, refusal
		}
	}
	for i := range e.columns {
		if b := e.columns[i].from; b.defaultUnsealed() && !contains(out, b) {
			return nil, a.refuse(sqlstate.FeatureNotSupported, "sealed-default", -1,
				"encrypted column %q of %q has a default, which cannot be sealed", b.column.Name, e.relation.Name.Name).
				WithHint("Name the column and give a value.")
		}
	}
	return out, nil
}

// defaultUnsealed: PostgreSQL would make the value of an encrypted column, which only the gateway can seal.
func (b *base) defaultUnsealed() bool {
	return b.sealed() && (b.column.HasDefault || b.column.Identity)
}

func contains(list []*base, b *base) bool {
	for _, have := range list {
		if have == b {
			return true
		}
	}
	return false
}

func (e *entry) find(name string) *base {
	for i := range e.columns {
		if e.columns[i].name == name {
			return e.columns[i].from
		}
	}
	return nil
}

// insertRow gives the items of one row their final form and returns the source of its shard key.
func (a *analysis) insertRow(row int, items []*pg_query.Node, columns []*base, e *entry, keyAt int) (Operand, *sqlstate.Error) {
	var operand Operand
	placed := false
	for i, n := range items {
		b := columns[i]
		isKey := e.table.Placement == policy.Sharded && b.column.Name == e.table.Shard.Column
		_, isDefault := n.GetNode().(*pg_query.Node_SetToDefault)
		if isDefault && i == keyAt {
			source := Source{Kind: FromGenerated, Index: row, TypeOID: oidInt8}
			oid := b.column.TypeOID
			number := a.input(Input{Source: source, TypeOID: oid, Typmod: -1, PhysicalOID: oid})
			ref := &pg_query.ParamRef{Number: number, Location: -1}
			n.Node = &pg_query.Node_ParamRef{ParamRef: ref}
			a.visited[ref] = true
			if isKey {
				operand, placed = Operand{Source: source, TypeOID: oid}, true
			}
			continue
		}
		if isKey {
			o, _, ok := a.routeOperand(n, b)
			if !ok {
				return operand, a.refuse(sqlstate.FeatureNotSupported, "shard-key-expression", nodeLocation(n),
					"shard key %q of %q may be set to a parameter or a literal of its own type only", b.column.Name, e.relation.Name.Name).
					WithHint("Compute the value in the application, or configure a key generator.")
			}
			operand, placed = o, true
		}
		switch {
		case isDefault && b.defaultUnsealed():
			return operand, a.refuse(sqlstate.FeatureNotSupported, "sealed-default", -1,
				"encrypted column %q of %q has a default, which cannot be sealed", b.column.Name, e.relation.Name.Name)
		case isDefault:
		case b.sealed():
			if refusal := a.sealedOperand(n, b, Seal); refusal != nil {
				return operand, refusal
			}
		default:
			if refusal := a.expression(n, place{clause: "VALUES", rule: "expression"}); refusal != nil {
				return operand, refusal
			}
		}
	}
	if e.table.Placement == policy.Sharded && !placed {
		return operand, a.refuse(sqlstate.NotNullViolation, "shard-key-missing", -1,
			"null value in column %q of relation %q violates not-null constraint", e.table.Shard.Column, e.relation.Name.Name).
			WithHint("The column places the row: give it a value, or configure a key generator.")
	}
	return operand, nil
}

// update plans UPDATE of one table.
func (a *analysis) update(s *pg_query.UpdateStmt, plan *Plan) *sqlstate.Error {
	switch {
	case s.WithClause != nil:
		return a.unsupported("WITH", "cte", s.WithClause.Location)
	case len(s.FromClause) > 0:
		return a.unsupported("UPDATE ... FROM", "update-from", -1)
	}
	q, e, refusal := a.dmlTarget(s.Relation)
	if refusal != nil {
		return refusal
	}
	for _, n := range s.TargetList {
		if refusal := a.assignment(n.GetResTarget(), e, q); refusal != nil {
			return refusal
		}
	}
	if refusal := a.where(s.WhereClause, q, "WHERE"); refusal != nil {
		return refusal
	}
	if s.ReturningList, plan.Columns, plan.Outputs, refusal = a.returning(s.ReturningList, q); refusal != nil {
		return refusal
	}
	return a.routeWrite(q, plan)
}

// assignment judges one item of SET.
func (a *analysis) assignment(t *pg_query.ResTarget, e *entry, q *query) *sqlstate.Error {
	if t == nil || len(t.Indirection) > 0 {
		return a.unsupported("a part of a column as a target", "indirection", -1)
	}
	b := e.find(t.Name)
	if b == nil {
		return a.refuse(sqlstate.UndefinedColumn, "undefined-column", t.Location, "column %q of relation %q does not exist",
			t.Name, e.relation.Name.Name)
	}
	if refusal := a.mayWrite(b, t.Location); refusal != nil {
		return refusal
	}
	if e.table.Placement == policy.Sharded && e.table.Shard.Column == t.Name {
		return a.refuse(sqlstate.FeatureNotSupported, "shard-key-update", t.Location,
			"shard key %q of %q may not be updated", t.Name, e.relation.Name.Name).
			WithHint("Delete the row and insert it anew.")
	}
	if _, isDefault := t.Val.GetNode().(*pg_query.Node_SetToDefault); isDefault {
		if b.defaultUnsealed() {
			return a.refuse(sqlstate.FeatureNotSupported, "sealed-default", t.Location,
				"encrypted column %q of %q has a default, which cannot be sealed", t.Name, e.relation.Name.Name)
		}
		return nil
	}
	p := place{entries: q.entries, clause: "SET", rule: "laundering"}
	if from, _ := a.protectedColumn(t.Val, p); from == b && b.sealed() {
		return a.columnReference(t.Val.GetColumnRef(), p) // the same column of the same row
	}
	if b.sealed() {
		if from, at := a.protectedColumn(t.Val, p); from != nil && from.access.Right != policy.Reveal {
			return a.refuseUse(from, p.rule, "SET", "", at)
		}
		return a.sealedOperand(t.Val, b, Seal)
	}
	return a.expression(t.Val, p)
}

// delete plans DELETE from one table.
func (a *analysis) delete(s *pg_query.DeleteStmt, plan *Plan) *sqlstate.Error {
	switch {
	case s.WithClause != nil:
		return a.unsupported("WITH", "cte", s.WithClause.Location)
	case len(s.UsingClause) > 0:
		return a.unsupported("DELETE ... USING", "delete-using", -1)
	}
	q, _, refusal := a.dmlTarget(s.Relation)
	if refusal != nil {
		return refusal
	}
	if refusal := a.where(s.WhereClause, q, "WHERE"); refusal != nil {
		return refusal
	}
	if s.ReturningList, plan.Columns, plan.Outputs, refusal = a.returning(s.ReturningList, q); refusal != nil {
		return refusal
	}
	return a.routeWrite(q, plan)
}

// routeWrite routes UPDATE and DELETE: they must run on one node.
func (a *analysis) routeWrite(q *query, plan *Plan) *sqlstate.Error {
	route, pinned, refusal := a.route(q)
	if refusal != nil {
		return refusal
	}
	route.One = true
	plan.Route = route
	if !pinned && route.Condition == nil {
		t := q.entries[0].table
		return sqlstate.New(sqlstate.FeatureNotSupported, "the statement would write on several shards of table %q", t.Name.Name).
			WithRule("second-shard").WithHint("Fix the shard key %q by equality.", t.Shard.Column)
	}
	return nil
}
