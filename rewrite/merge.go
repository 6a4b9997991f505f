package rewrite

import (
	"slices"
	"strconv"

	pg_query "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// finishSelect makes outputs, columns, limits and merge of a SELECT over tables. pinned: exactly one node will run it.
func (a *analysis) finishSelect(s *pg_query.SelectStmt, q *query, sh *shape, pinned bool) ([]Column, []Output, Merge, *sqlstate.Error) {
	merge := Merge{LimitInput: -1, OffsetInput: -1}
	columns, outputs, refusal := a.outputs(sh.targets)
	if refusal != nil {
		return nil, nil, merge, refusal
	}
	if pinned {
		p := place{clause: "LIMIT", rule: "expression"}
		return columns, outputs, merge, a.expressions([]*pg_query.Node{s.LimitCount, s.LimitOffset}, p)
	}
	if sh.broadcastPreserved {
		return nil, nil, merge, a.scatterRefusal("outer-join-scatter",
			"an outer join that keeps the rows of a broadcast table", "Put the sharded table on the left of LEFT JOIN.")
	}
	if sh.grouped {
		merge.Kind = MergeGrouped
		if refusal := a.mergeGroups(sh, columns, &merge); refusal != nil {
			return nil, nil, merge, refusal
		}
	} else if len(sh.order) > 0 {
		merge.Kind = MergeSorted
	}
	for _, item := range sh.order {
		key := SortKey{Output: item.target, Descending: item.descending, NullsFirst: item.nullsFirst}
		switch {
		case item.target >= 0:
			key.TypeOID = columns[item.target].TypeOID
			if refusal := a.sortable(key.TypeOID, sh.targets[item.target].column.from, item.node); refusal != nil {
				return nil, nil, merge, refusal
			}
		case item.column.from != nil && !sh.grouped:
			c := item.column.from.column
			key.TypeOID, key.Output = c.TypeOID, len(outputs)
			if refusal := a.sortable(c.TypeOID, item.column.from, item.node); refusal != nil {
				return nil, nil, merge, refusal
			}
			outputs = append(outputs, Output{PhysicalOID: c.TypeOID, Column: item.column.from.name()})
			s.TargetList = append(s.TargetList, hiddenTarget(clone(item.node), key.Output))
		default:
			return nil, nil, merge, a.scatterRefusal("merge-order", "ORDER BY an expression that is not in the select list",
				"Add the expression to the select list, or fix the shard key.")
		}
		merge.Order = append(merge.Order, key)
	}
	return columns, outputs, merge, a.mergeLimits(s, &merge)
}

// hiddenTarget is an output for the merge alone, under a name that ORDER BY means nowhere.
func hiddenTarget(n *pg_query.Node, number int) *pg_query.Node {
	t := pg_query.MakeResTargetNodeWithVal(n, -1)
	t.GetResTarget().Name = "portcullis_order_" + strconv.Itoa(number)
	return t
}

// outputs describes the physical result columns and checks PostgreSQL's answer against the analysis, column by column:
// PostgreSQL is a second witness of where each plain output column comes from.
func (a *analysis) outputs(targets []target) ([]Column, []Output, *sqlstate.Error) {
	if len(targets) != len(a.described.Columns) {
		return nil, nil, disagreement("number of output columns")
	}
	columns := make([]Column, 0, len(targets)) // a SELECT of no columns returns rows all the same
	var outputs []Output
	for i, t := range targets {
		f := a.described.Columns[i]
		if f.Name != t.column.name {
			return nil, nil, disagreement("name of an output column")
		}
		if f.TypeOID >= firstUserOID {
			return nil, nil, a.refuse(sqlstate.FeatureNotSupported, "user-type", nodeLocation(t.node),
				"output column %q is of a type that the application made", f.Name).
				WithHint("Each database numbers such types by itself. Select a column of a built-in type.")
		}
		columns = append(columns, Column{f.Name, f.TableOID, f.Attnum, f.TypeOID, f.TypeLen, f.Typmod, i})
		out := Output{PhysicalOID: f.TypeOID}
		if b := t.column.from; b != nil {
			if f.TableOID != b.entry.relation.OID || f.Attnum != b.column.Attnum {
				return nil, nil, disagreement("origin of an output column")
			}
			if b.protected != nil {
				out.Column, out.Mask = b.name(), b.access.Mask
				if b.sealed() {
					out.PhysicalOID = oidBytea
					out.Open = []int{a.sealedIndex(b)}
				}
			}
		} else if f.TableOID != 0 {
			if r := a.guarded(f.TableOID, f.Attnum); r {
				return nil, nil, disagreement("origin of an output column")
			}
		}
		outputs = append(outputs, out)
	}
	return columns, outputs, nil
}

// guarded reports that a column of the logical database is protected.
func (a *analysis) guarded(table uint32, attnum int16) bool {
	for _, e := range a.tables {
		r := a.env.Catalog.Relation(catalogName(e.table.Name))
		if r == nil || r.OID != table {
			continue
		}
		for i := range r.Columns {
			if r.Columns[i].Attnum == attnum && e.table.Columns[r.Columns[i].Name] != nil {
				return true
			}
		}
	}
	return false
}

func disagreement(what string) *sqlstate.Error {
	return sqlstate.New(sqlstate.InternalError, "the analysis and the logical database disagree on the %s", what).
		WithRule("describe-disagrees").WithHint("The statement was refused to be safe. Please report its form.")
}

// mergeGroups says how the groups of several nodes become one.
func (a *analysis) mergeGroups(sh *shape, columns []Column, merge *Merge) *sqlstate.Error {
	if sh.having {
		return a.scatterRefusal("merge-having", "HAVING", "Fix the shard key by equality.")
	}
	merge.Groups = []int{}
	for _, g := range sh.groups {
		if g < 0 {
			return a.scatterRefusal("merge-group", "GROUP BY an expression that is not in the select list",
				"Add it to the select list.")
		}
		if !slices.Contains(merge.Groups, g) {
			merge.Groups = append(merge.Groups, g)
		}
		if oid := columns[g].TypeOID; !orderedTypes[oid] && !textTypes[oid] {
			return a.scatterRefusal("merge-group", "GROUP BY a column of this type", "Fix the shard key by equality.")
		}
	}
	for i, t := range sh.targets {
		if slices.Contains(merge.Groups, i) {
			continue
		}
		oid := columns[i].TypeOID
		switch {
		case t.aggregate == "" || t.computed:
			return a.scatterRefusal("merge-aggregate", "an output that is neither grouped nor count, sum, min or max",
				"Fix the shard key by equality, or ask for the parts of the expression.")
		case t.aggregate == "sum" && oid != oidInt8 && oid != oidNumeric,
			(t.aggregate == "min" || t.aggregate == "max") && !orderedTypes[oid]:
			return a.scatterRefusal("merge-aggregate", t.aggregate+"() of this type",
				"Exact results over several shards are possible for numbers, dates and times.")
		}
		merge.Aggregates = append(merge.Aggregates, Aggregate{Output: i, Function: t.aggregate, TypeOID: oid})
	}
	return nil
}

// sortable: values of a type can be put in PostgreSQL's order by the gateway.
func (a *analysis) sortable(oid uint32, from *base, n *pg_query.Node) *sqlstate.Error {
	if orderedTypes[oid] {
		return nil
	}
	if textTypes[oid] {
		if from != nil && from.column.Collation == "C" && oid != oidBpchar {
			return nil
		}
		return a.scatterRefusal("text-order", "ORDER BY text under the collation of a locale",
			"Order by a number, a date or a uuid, or declare the column COLLATE \"C\".").At(a.statement.position(nodeLocation(n)))
	}
	return a.scatterRefusal("merge-order", "ORDER BY a column of this type", "Order by a number, a date, a time or a uuid.")
}

// orderedTypes are those whose order is that of their values, whatever the locale.
var orderedTypes = map[uint32]bool{oidInt2: true, oidInt4: true, oidInt8: true, oidNumeric: true, oidDate: true,
	oidTimestamp: true, oidTimestamptz: true, oidUUID: true, oidBool: true}

var textTypes = map[uint32]bool{oidText: true, oidVarchar: true, oidBpchar: true}

// mergeLimits gives LIMIT and OFFSET inputs of their own: on several nodes they are not what the client wrote.
func (a *analysis) mergeLimits(s *pg_query.SelectStmt, merge *Merge) *sqlstate.Error {
	var refusal *sqlstate.Error
	one := func(n *pg_query.Node, name string) (*Operand, int) {
		if n == nil || refusal != nil {
			return nil, -1
		}
		if c := n.GetAConst(); c != nil && c.Isnull {
			return nil, -1
		}
		ref := n.GetParamRef()
		if ref == nil || !convertible(a.typeOf(ref), oidInt8) {
			hint := "Use a number or a parameter."
			if n.GetAConst() != nil { // FETCH FIRST ROW ONLY writes no number
				hint = "Write the number of rows, or use a parameter."
			}
			refusal = a.scatterRefusal("merge-limit", name+" with an expression", hint)
			return nil, -1
		}
		o := a.operands[ref.Number-1].source
		if o.Kind == FromParam {
			o.TypeOID = a.typeOf(ref)
			if column, is := a.hidden[o.Index]; is {
				refusal = a.refuseMixed(o.Index, column, ref.Location)
				return nil, -1
			}
		}
		a.visited[ref] = true
		ref.Number = a.input(Input{Source: o, TypeOID: oidInt8, Typmod: -1, PhysicalOID: oidInt8})
		return &Operand{Source: o, TypeOID: oidInt8}, int(ref.Number) - 1
	}
	merge.Limit, merge.LimitInput = one(s.LimitCount, "LIMIT")
	merge.Offset, merge.OffsetInput = one(s.LimitOffset, "OFFSET")
	return refusal
}

func (a *analysis) scatterRefusal(rule, construct, hint string) *sqlstate.Error {
	return sqlstate.New(sqlstate.FeatureNotSupported, "%s is not supported over several shards", construct).
		WithRule(rule).WithHint("%s", hint)
}

// holdsAggregate reports whether an expression calls an aggregate function.
func holdsAggregate(n *pg_query.Node) bool {
	found := false
	visit(n.ProtoReflect(), func(m protoreflect.Message) bool {
		if f, ok := m.Interface().(*pg_query.FuncCall); ok {
			path, ok := names(f.Funcname)
			found = found || f.AggStar || ok && safeFunctions[path[len(path)-1]] == aggregateFunction
		}
		return !found
	})
	return found
}
