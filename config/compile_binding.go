package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/config/policy"
)

// bindings compiles the groups of binding tables.
func (c *databaseCompiler) bindings() [][]policy.TableName {
	var groups [][]policy.TableName
	at := c.source.At("binding")
	for _, written := range c.source.Binding {
		var group []policy.TableName
		var first *tableEntry
		for _, key := range written {
			if key == "" {
				continue // reported
			}
			entry := c.bindingTable(at, key)
			if entry == nil {
				continue
			}
			if entry.table.Binding >= 0 {
				c.problems.add(at, "", "binding: table %q stands there twice", key)
				continue
			}
			entry.table.Binding = len(groups)
			group = append(group, entry.table.Name)
			switch {
			case first == nil:
				first = entry
			case first.placed && entry.placed:
				c.checkBound(at, first, entry)
			}
		}
		if len(written) < 2 {
			c.problems.add(at, "", "binding: a group needs at least two tables")
		}
		groups = append(groups, group)
	}
	return groups
}

func (c *databaseCompiler) bindingTable(at Position, key string) *tableEntry {
	name, err := parseTableName(key)
	if err != nil {
		c.problems.addCause(at, "binding", err, "")
		return nil
	}
	entry := c.entry(name)
	switch {
	case entry == nil:
		c.problems.add(at, didYouMean(key, c.tableKeys(), "known tables"), "binding: unknown table %q", key)
		return nil
	case entry.table.Placement != policy.Sharded:
		if !entry.source.broken {
			c.problems.add(at, "only tables with a shard key are bound", "binding: table %q is not sharded", key)
		}
		return nil
	}
	return entry
}

func (c *databaseCompiler) tableKeys() []string {
	var keys []string
	for _, t := range c.source.Tables {
		keys = append(keys, t.Key)
	}
	return keys
}

// checkBound reports what keeps two tables from being bound: equal shard keys must lie in nodes of equal index, and these
// in one datasource.
func (c *databaseCompiler) checkBound(at Position, a, b *tableEntry) {
	names := fmt.Sprintf("binding: tables %q and %q", a.source.Key, b.source.Key)
	nodesA, nodesB := a.table.Nodes, b.table.Nodes
	if len(nodesA) != len(nodesB) {
		c.problems.add(at, "", "%s have %d and %d nodes", names, len(nodesA), len(nodesB))
		return
	}
	suffixesA, suffixesB := nodeSuffixes(nodesA), nodeSuffixes(nodesB)
	for i := range nodesA {
		if nodesA[i].Datasource != nodesB[i].Datasource {
			c.problems.add(at, "bound nodes lie together", "%s: node %d lies in %q and in %q", names, i, nodesA[i].Datasource,
				nodesB[i].Datasource)
			return
		}
		if suffixesA[i] != suffixesB[i] {
			c.problems.add(at, "list the nodes in the same order", "%s: node %d is %q and %q", names, i, nodesA[i].Table,
				nodesB[i].Table)
			return
		}
	}
	algorithmA, algorithmB := a.table.Shard.Algorithm, b.table.Shard.Algorithm
	if !strings.EqualFold(algorithmA.Type, algorithmB.Type) {
		c.problems.add(at, "", "%s are sharded by %s and %s", names, algorithmA.Type, algorithmB.Type)
		return
	}
	propsA, propsB := boundProps(a.table), boundProps(b.table)
	for _, key := range sortedSet(append(slices.Collect(maps.Keys(propsA)), slices.Collect(maps.Keys(propsB))...)) {
		if propsA[key] != propsB[key] {
			c.problems.add(at, "", "%s are sharded with different %q", names, key)
		}
	}
}

// nodeSuffixes returns what tells the physical names of one table apart: the names without what all begin with.
func nodeSuffixes(nodes []policy.Node) []string {
	if len(nodes) == 1 {
		return []string{""}
	}
	prefix := nodes[0].Table
	for _, n := range nodes[1:] {
		for !strings.HasPrefix(n.Table, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	suffixes := make([]string, len(nodes))
	for i, n := range nodes {
		suffixes[i] = n.Table[len(prefix):]
	}
	return suffixes
}

// boundProps returns a table's sharding properties with its own names taken out, so that those of bound tables are equal
// (ShardingSphere's ShardingRule compares algorithm-expression this way).
func boundProps(t *policy.Table) map[string]string {
	props := map[string]string{}
	for key, value := range t.Shard.Algorithm.Props {
		switch key {
		case "logic-name-prefix": // the nodes' names are compared instead
		case "algorithm-expression":
			props[key] = strings.ReplaceAll(strings.ReplaceAll(value, t.Name.Name, "<table>"), t.Shard.Column, "<column>")
		default:
			props[key] = value
		}
	}
	return props
}
