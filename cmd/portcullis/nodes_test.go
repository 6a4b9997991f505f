package main

import (
	"strings"
	"testing"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/scan"
)

// fourTables is a table of four nodes that are chosen by id modulo four.
func fourTables() (*policy.Database, *policy.Table) {
	t := &policy.Table{Name: policy.TableName{Schema: "public", Name: "customers"}, Placement: policy.Sharded,
		Shard: &policy.ShardKey{Column: "id", Algorithm: policy.Algorithm{Name: "by_id", Type: "MOD", Props: map[string]string{"sharding-count": "4"}}}}
	for _, n := range []string{"0", "1", "2", "3"} {
		t.Nodes = append(t.Nodes, policy.Node{Datasource: "ds_0", Table: "customers_" + n})
	}
	return &policy.Database{Name: "shop", Tables: map[policy.TableName]*policy.Table{t.Name: t}}, t
}

func TestLiteralNodes(t *testing.T) {
	db, table := fourTables()
	const int8OID, int4OID = 20, 23
	constant := func(i int) rewrite.Operand {
		return rewrite.Operand{TypeOID: int8OID, Source: rewrite.Source{Kind: rewrite.FromConstant, Index: i, TypeOID: int4OID}}
	}
	parameter := rewrite.Operand{TypeOID: int8OID, Source: rewrite.Source{Kind: rewrite.FromParam, TypeOID: int8OID}}
	generated := rewrite.Operand{TypeOID: int8OID, Source: rewrite.Source{Kind: rewrite.FromGenerated}}
	in := func(operands ...rewrite.Operand) *rewrite.Condition { return &rewrite.Condition{Operands: operands} }
	statement := &rewrite.Statement{Statement: scan.Statement{Literals: []scan.Literal{
		{Class: scan.ClassInt4, Value: "6"}, {Class: scan.ClassInt4, Value: "9"}}}}
	for name, test := range map[string]struct {
		route rewrite.Route
		nodes string
		rule  string
	}{
		"one literal":              {rewrite.Route{Condition: in(constant(0))}, "ds_0.customers_2", ""},
		"two literals":             {rewrite.Route{Condition: in(constant(0), constant(1))}, "ds_0.customers_1 ds_0.customers_2", ""},
		"no condition":             {rewrite.Route{}, "ds_0.customers_0 ds_0.customers_1 ds_0.customers_2 ds_0.customers_3", ""},
		"a parameter":              {rewrite.Route{Condition: in(constant(0), parameter)}, "", ""},
		"a parameter below an and": {rewrite.Route{Condition: &rewrite.Condition{Kind: rewrite.ConditionAnd, Children: []*rewrite.Condition{in(parameter)}}}, "", ""},
		"an insert":                {rewrite.Route{Rows: []rewrite.Operand{constant(1)}, One: true}, "ds_0.customers_1", ""},
		"an insert with a key":     {rewrite.Route{Rows: []rewrite.Operand{generated}, One: true}, "", ""},
		"a write on two nodes":     {rewrite.Route{Condition: in(constant(0), constant(1)), One: true}, "", "second-shard"},
		"any node":                 {rewrite.Route{Lead: -1}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.route.Tables = []rewrite.RouteTable{{Table: table}}
			plan := &rewrite.Plan{Destination: rewrite.DestinationShards, Command: rewrite.CommandSelect, Route: test.route,
				Text: rewrite.Text{Fragments: []string{"SELECT 1 FROM ", ""}, Tables: []int{0}}}
			nodes, refused := literalNodes(t.Context(), db, plan, statement)
			rule := ""
			if refused != nil {
				rule = refused.Rule
			}
			if got := strings.Join(nodes, " "); got != test.nodes || rule != test.rule {
				t.Errorf("nodes %q, refused by %q; want %q, %q", got, rule, test.nodes, test.rule)
			}
		})
	}
}
