package rewrite_test

import (
	"errors"
	"fmt"
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v5"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
)

// The tests' own way of finding where the values of a statement come from. It shares nothing with the analysis but the
// parser, so that both are wrong only where two people are wrong in the same way. It reads logical statements, to stand in
// for PostgreSQL's Describe, and physical ones, to judge what the planner let through.

// origin is where a plain reference's value comes from; the zero origin is a computed value.
type origin struct {
	relation *catalog.Relation
	column   *catalog.Column
}

func (o origin) of() policy.ColumnName {
	if o.relation == nil {
		return policy.ColumnName{}
	}
	return policy.ColumnName{Table: policy.TableName{Schema: o.relation.Schema, Name: o.relation.Name.Name}, Column: o.column.Name}
}

type outColumn struct {
	name string
	origin
	node *pg_query.Node // the expression, nil if a star stood for it
}

type fromItem struct {
	alias, schema, table string
	columns              []outColumn
	opaque               bool // a relation or function whose columns nobody knows
}

type lineage struct {
	catalog *catalog.Catalog
	path    []string
	// seen is told each reference that the walk understands, with what stands directly around it. It may be nil.
	seen func(ref *pg_query.ColumnRef, o origin, around []*pg_query.Node) error
}

// errUnknown says that the walk does not understand the statement, errWrong that PostgreSQL would refuse it.
var (
	errUnknown = errors.New("not understood")
	errWrong   = errors.New("wrong")
)

// outputs returns the result columns of a statement, nil if it has none.
func (l *lineage) outputs(tree *pg_query.Node) ([]outColumn, error) {
	switch x := tree.Node.(type) {
	case *pg_query.Node_SelectStmt:
		return l.selectOutputs(x.SelectStmt)
	case *pg_query.Node_InsertStmt:
		scope, err := l.from([]*pg_query.Node{{Node: &pg_query.Node_RangeVar{RangeVar: x.InsertStmt.Relation}}})
		if err != nil {
			return nil, err
		}
		return l.targets(x.InsertStmt.ReturningList, scope)
	case *pg_query.Node_UpdateStmt:
		scope, err := l.from([]*pg_query.Node{{Node: &pg_query.Node_RangeVar{RangeVar: x.UpdateStmt.Relation}}})
		if err != nil {
			return nil, err
		}
		for _, t := range x.UpdateStmt.TargetList {
			if err := l.walk(t.GetResTarget().Val, scope, t); err != nil {
				return nil, err
			}
		}
		if err := l.walk(x.UpdateStmt.WhereClause, scope); err != nil {
			return nil, err
		}
		return l.targets(x.UpdateStmt.ReturningList, scope)
	case *pg_query.Node_DeleteStmt:
		scope, err := l.from([]*pg_query.Node{{Node: &pg_query.Node_RangeVar{RangeVar: x.DeleteStmt.Relation}}})
		if err != nil {
			return nil, err
		}
		if err := l.walk(x.DeleteStmt.WhereClause, scope); err != nil {
			return nil, err
		}
		return l.targets(x.DeleteStmt.ReturningList, scope)
	}
	return nil, errUnknown
}

func (l *lineage) selectOutputs(s *pg_query.SelectStmt) ([]outColumn, error) {
	if s.Op != pg_query.SetOperation_SETOP_NONE || s.WithClause != nil || len(s.ValuesLists) > 0 {
		return nil, errUnknown
	}
	scope, err := l.from(s.FromClause)
	if err != nil {
		return nil, err
	}
	out, err := l.targets(s.TargetList, scope)
	if err != nil {
		return nil, err
	}
	for _, n := range []*pg_query.Node{s.WhereClause, s.HavingClause, s.LimitCount, s.LimitOffset} {
		if err := l.walk(n, scope); err != nil {
			return nil, err
		}
	}
	for _, n := range s.SortClause {
		if err := l.sortKey(n.GetSortBy().Node, out, scope, true); err != nil {
			return nil, err
		}
	}
	for _, n := range s.GroupClause {
		if err := l.sortKey(n, out, scope, false); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sortKey reports a key of ORDER BY or GROUP BY, which may be an ordinal or the name of an output.
func (l *lineage) sortKey(n *pg_query.Node, out []outColumn, scope []fromItem, outputFirst bool) error {
	if i := n.GetAConst().GetIval(); i != nil {
		at := int(i.Ival) - 1
		if at < 0 || at >= len(out) {
			return fmt.Errorf("ordinal %d: %w", at+1, errWrong)
		}
		return l.tell(&pg_query.ColumnRef{}, out[at].origin, n)
	}
	if ref := n.GetColumnRef(); ref != nil && len(ref.Fields) == 1 {
		name := ref.Fields[0].GetString_().GetSval()
		_, err := resolveIn(ref, scope)
		if outputFirst || err != nil {
			for _, c := range out {
				if c.name == name {
					return l.tell(ref, c.origin, n)
				}
			}
		}
	}
	return l.walk(n, scope)
}

func (l *lineage) from(list []*pg_query.Node) ([]fromItem, error) {
	var out []fromItem
	for _, n := range list {
		switch x := n.Node.(type) {
		case *pg_query.Node_RangeVar:
			out = append(out, l.rangeVar(x.RangeVar))
		case *pg_query.Node_RangeSubselect:
			columns, err := l.selectOutputs(x.RangeSubselect.Subquery.GetSelectStmt())
			if err != nil {
				return nil, err
			}
			for i := range columns {
				columns[i].node = nil
			}
			out = append(out, fromItem{alias: x.RangeSubselect.Alias.GetAliasname(), columns: columns})
		case *pg_query.Node_JoinExpr:
			j := x.JoinExpr
			if j.IsNatural || len(j.UsingClause) > 0 {
				return nil, errUnknown
			}
			items, err := l.from([]*pg_query.Node{j.Larg, j.Rarg})
			if err != nil {
				return nil, err
			}
			if err := l.walk(j.Quals, items); err != nil {
				return nil, err
			}
			out = append(out, items...)
		default:
			out = append(out, fromItem{opaque: true})
		}
	}
	return out, nil
}

func (l *lineage) rangeVar(r *pg_query.RangeVar) fromItem {
	item := fromItem{alias: r.Relname, table: r.Relname, schema: r.Schemaname}
	var relation *catalog.Relation
	if r.Schemaname != "" {
		relation = l.catalog.Relation(catalog.Name{Schema: r.Schemaname, Name: r.Relname})
	} else {
		relation = l.catalog.Find(r.Relname, append([]string{"pg_catalog"}, l.path...))
	}
	if r.Alias != nil {
		item = fromItem{alias: r.Alias.Aliasname}
	} else if relation != nil {
		item.schema = relation.Schema
	}
	if relation == nil || len(relation.Columns) == 0 {
		item.opaque = true
		return item
	}
	for i := range relation.Columns {
		c := &relation.Columns[i]
		item.columns = append(item.columns, outColumn{name: c.Name, origin: origin{relation, c}})
	}
	return item
}

func (l *lineage) targets(list []*pg_query.Node, scope []fromItem) ([]outColumn, error) {
	var out []outColumn
	for _, n := range list {
		t := n.GetResTarget()
		if ref := t.Val.GetColumnRef(); ref != nil {
			if last := ref.Fields[len(ref.Fields)-1]; last.GetAStar() != nil {
				for _, item := range scope {
					if item.opaque {
						return nil, errUnknown
					}
					if len(ref.Fields) == 1 || item.named(ref.Fields[:len(ref.Fields)-1]) {
						out = append(out, item.columns...)
					}
				}
				continue
			}
		}
		name := t.Name
		if name == "" {
			name, _ = rewrite.OutputName(t.Val)
		}
		c := outColumn{name: name, node: t.Val}
		if ref := t.Val.GetColumnRef(); ref != nil {
			o, err := resolveIn(ref, scope)
			if err != nil {
				return nil, err
			}
			c.origin = o
		}
		if err := l.walk(t.Val, scope, n); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (i *fromItem) named(path []*pg_query.Node) bool {
	last := path[len(path)-1].GetString_().GetSval()
	if len(path) == 1 {
		return i.alias == last
	}
	return i.table == last && i.schema == path[len(path)-2].GetString_().GetSval()
}

func resolveIn(ref *pg_query.ColumnRef, scope []fromItem) (origin, error) {
	last := ref.Fields[len(ref.Fields)-1].GetString_()
	if last == nil {
		return origin{}, errUnknown
	}
	var found []origin
	for _, item := range scope {
		if len(ref.Fields) > 1 && !item.named(ref.Fields[:len(ref.Fields)-1]) {
			continue
		}
		if item.opaque {
			return origin{}, nil
		}
		for _, c := range item.columns {
			if c.name == last.Sval {
				found = append(found, c.origin)
			}
		}
	}
	if len(found) != 1 {
		return origin{}, fmt.Errorf("%q is %d columns: %w", last.Sval, len(found), errWrong)
	}
	return found[0], nil
}

// walk tells of each reference below n. around are the nodes above it, the nearest last.
func (l *lineage) walk(n *pg_query.Node, scope []fromItem, around ...*pg_query.Node) error {
	if n.GetNode() == nil {
		return nil
	}
	if ref := n.GetColumnRef(); ref != nil {
		o, err := resolveIn(ref, scope)
		if err != nil {
			return err
		}
		return l.tell(ref, o, around...)
	}
	around = append(append([]*pg_query.Node{}, around...), n)
	for _, child := range childrenOf(n) {
		if err := l.walk(child, scope, around...); err != nil {
			return err
		}
	}
	return nil
}

func (l *lineage) tell(ref *pg_query.ColumnRef, o origin, around ...*pg_query.Node) error {
	if l.seen == nil {
		return nil
	}
	return l.seen(ref, o, around)
}

// childrenOf lists the nodes directly below one, through messages that are no Node.
func childrenOf(n *pg_query.Node) []*pg_query.Node {
	m := n.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().Get(0))
	var out []*pg_query.Node
	collectNodes(m.Get(field).Message(), &out)
	return out
}

// physicalText is the statement with the logical names in the nodes' places.
func physicalText(p *rewrite.Plan) string {
	var b strings.Builder
	for i, fragment := range p.Text.Fragments {
		b.WriteString(fragment)
		if i < len(p.Text.Tables) {
			b.WriteString(`"` + strings.ReplaceAll(p.Route.Tables[p.Text.Tables[i]].Table.Name.Name, `"`, `""`) + `"`)
		}
	}
	return b.String()
}
