package execute

import (
	"errors"
	"slices"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
	"github.com/portcullisdb/portcullis/shard"
)

// nodeSet holds one bit for each node of the driving table. Nil means all of them.
type nodeSet []bool

// route computes the nodes of one execution, as indexes into the driving table's nodes, at least one, in their order.
func (b *binder) route() ([]int, *sqlstate.Error) {
	plan := b.program.plan
	if plan.Destination != rewrite.DestinationShards {
		return []int{0}, nil
	}
	var set nodeSet
	switch {
	case plan.Route.Lead < 0:
		return []int{b.anyNode()}, nil
	case len(plan.Route.Rows) > 0:
		node, err := b.routeRows()
		if err != nil {
			return nil, err
		}
		return []int{node}, nil
	case plan.Route.Condition != nil:
		var err *sqlstate.Error
		if set, err = b.condition(plan.Route.Condition); err != nil {
			return nil, err
		}
	}
	nodes := make([]int, 0, len(b.program.statements))
	for i := range b.program.statements {
		if set == nil || set[i] {
			nodes = append(nodes, i)
		}
	}
	if len(nodes) == 0 { // no row can match, but the row's shape must come from somewhere
		nodes = append(nodes, b.anyNode())
	}
	if plan.Route.One && len(nodes) > 1 {
		return nil, secondShard("the statement would write on %d nodes of table %q", len(nodes), b.tableName()).
			WithHint("Fix the shard key %q of the rows by equality with one value.", b.shardColumn())
	}
	return nodes, nil
}

// secondShard refuses what would need a commit on several servers.
func secondShard(format string, args ...any) *sqlstate.Error {
	return sqlstate.New(sqlstate.FeatureNotSupported, format, args...).WithRule("second-shard")
}

func (b *binder) tableName() string {
	return b.program.plan.Route.Tables[max(b.program.plan.Route.Lead, 0)].Table.Name.Name
}

func (b *binder) shardColumn() string {
	return b.program.plan.Route.Tables[b.program.plan.Route.Lead].Table.Shard.Column
}

// anyNode returns the first node in the datasource that the session is at home in, else the first.
func (b *binder) anyNode() int {
	driver := b.program.plan.Route.Tables[max(b.program.plan.Route.Lead, 0)].Table
	for i, n := range driver.Nodes {
		if n.Datasource == b.request.Home {
			return i
		}
	}
	return 0
}

func (b *binder) routeRows() (int, *sqlstate.Error) {
	node := -1
	for i := range b.program.plan.Route.Rows {
		set, null, err := b.operand(&b.program.plan.Route.Rows[i], true)
		if err != nil {
			return 0, err
		}
		if null {
			e := sqlstate.New(sqlstate.NotNullViolation, "null value in column %q of relation %q violates not-null constraint",
				b.shardColumn(), b.tableName())
			e.Table, e.Column = b.tableName(), b.shardColumn()
			return 0, e.WithHint("The column is the shard key: each row needs a value in it.")
		}
		if set < 0 {
			return 0, sqlstate.New(sqlstate.FeatureNotSupported, "no node of table %q holds that value of shard key %q",
				b.tableName(), b.shardColumn()).WithRule("no-node")
		}
		if node >= 0 && node != set {
			return 0, secondShard("the rows of INSERT into table %q belong to more than one node", b.tableName()).
				WithHint("Insert rows of different shard keys in statements of their own.")
		}
		node = set
	}
	return node, nil
}

func (b *binder) condition(c *rewrite.Condition) (nodeSet, *sqlstate.Error) {
	set := make(nodeSet, len(b.program.statements))
	switch c.Kind {
	case rewrite.ConditionNone:
	case rewrite.ConditionIn:
		for i := range c.Operands {
			node, null, err := b.operand(&c.Operands[i], false)
			if err != nil {
				return nil, err
			}
			if !null && node >= 0 {
				set[node] = true
			}
		}
	case rewrite.ConditionAnd, rewrite.ConditionOr:
		for i, child := range c.Children {
			other, err := b.condition(child)
			if err != nil {
				return nil, err
			}
			if i == 0 {
				set = other
				continue
			}
			for n := range set {
				if c.Kind == rewrite.ConditionAnd {
					set[n] = set[n] && other[n]
				} else {
					set[n] = set[n] || other[n]
				}
			}
		}
	default:
		return nil, broken("unknown kind of route condition")
	}
	return set, nil
}

// operand returns the node of one value of the shard key, -1 if no node can hold it. assign tells a value to be stored
// from one that is only compared.
func (b *binder) operand(o *rewrite.Operand, assign bool) (node int, null bool, failure *sqlstate.Error) {
	typ, ok := datum.TypeByOID(o.TypeOID, -1)
	if !ok {
		return 0, false, broken("table %q has a shard key of an unknown type", b.tableName())
	}
	binary, err := b.convert(o.Source, o.TypeOID, typ, assign)
	switch {
	case errors.Is(err, errNoSuchValue):
		return -1, false, nil
	case err != nil:
		return 0, false, b.inputError(err, policy.ColumnName{
			Table: b.program.plan.Route.Tables[b.program.plan.Route.Lead].Table.Name, Column: b.shardColumn()})
	case binary == nil:
		return -1, true, nil
	}
	v, ok := shardValue(o.TypeOID, binary, typ)
	if !ok {
		return 0, false, sqlstate.New(sqlstate.FeatureNotSupported,
			"table %q cannot be routed by that value of shard key %q", b.tableName(), b.shardColumn())
	}
	node, ok, err = b.program.router.Route(v)
	if err != nil || !ok { // what cannot be placed was never stored: a comparison with it finds nothing
		return -1, false, nil
	}
	return node, false, nil
}

// shardValue gives a value of a column to package shard in the class that the column's type has there.
func shardValue(oid uint32, binary []byte, typ datum.Type) (shard.Value, bool) {
	switch oid {
	case oidInt2, oidInt4:
		return shard.Int(int32(signed(binary))), true
	case oidInt8:
		return shard.Long(signed(binary)), true
	case oidText, oidVarchar:
		return shard.Text(string(binary)), true
	case oidUUID:
		return shard.Text(string(typ.AppendText(nil, binary, &maskSettings))), true
	case oidNumeric:
		v, err := shard.Decimal(string(typ.AppendText(nil, binary, &maskSettings)))
		return v, err == nil
	}
	return shard.Value{}, false
}

// datasources returns the distinct datasources of statements, in their order.
func datasources(statements []*statement) []string {
	var names []string
	for _, s := range statements {
		if !slices.Contains(names, s.datasource) {
			names = append(names, s.datasource)
		}
	}
	return names
}
