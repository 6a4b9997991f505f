package shard

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/portcullisdb/portcullis/shard/inline"
)

// Node is one physical table.
type Node struct{ Datasource, Table string }

// String returns "datasource.table".
func (n Node) String() string { return n.Datasource + "." + n.Table }

// ExpandNodes lists the nodes of an inline expression ("ds_0.customers_${0..1},ds_1.customers_${2..3}") in order. Errors
// are *inline.Error, which points at the character, or wrap ErrNodes: a name is not of the form datasource.table, a node
// stands twice, or there is none. A name of three parts is refused, because the versions of ShardingSphere do not agree
// on what the middle one is.
func ExpandNodes(expr string) ([]Node, error) {
	names, err := inline.Expand(expr)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: it gives no name", ErrNodes)
	}
	nodes := make([]Node, len(names))
	seen := make(map[Node]bool, len(names))
	for i, name := range names {
		datasource, table, ok := strings.Cut(name, ".")
		if !ok || strings.Contains(table, ".") || !isName(datasource) || !isName(table) {
			return nil, fmt.Errorf("%w: %q is not of the form datasource.table", ErrNodes, name)
		}
		nodes[i] = Node{datasource, table}
		if seen[nodes[i]] {
			return nil, fmt.Errorf("%w: %q stands twice", ErrNodes, name)
		}
		seen[nodes[i]] = true
	}
	return nodes, nil
}

// isName reports whether a part of a node is there, without blanks around it and without control characters.
func isName(name string) bool {
	return name != "" && strings.TrimSpace(name) == name && !strings.ContainsFunc(name, unicode.IsControl)
}
