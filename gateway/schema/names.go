package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// nameBytesMax is the longest name that PostgreSQL stores (src/include/pg_config_manual.h, NAMEDATALEN - 1).
const nameBytesMax = 63

// physicalName names a constraint or index of a logical table on its node at position: on a sharded table, where several
// nodes may share a datasource, the logical name with the position.
func physicalName(t *policy.Table, position int, logical string) string {
	return logical + nameSuffix(t, position)
}

func nameSuffix(t *policy.Table, position int) string {
	if t.Placement != policy.Sharded {
		return ""
	}
	return "_" + strconv.Itoa(position)
}

// suffixBytesMax is room for a node's suffix in the names that ownName makes.
const suffixBytesMax = 5

// ownName joins words to a name for an object that no logical object stands behind. A name that would be too long ends in
// 32 bits of its hash.
func ownName(words ...string) string {
	name := strings.Join(words, "_")
	if len(name)+suffixBytesMax <= nameBytesMax {
		return name
	}
	hash := sha256.Sum256([]byte(name))
	end := "_" + hex.EncodeToString(hash[:4])
	return strings.ToValidUTF8(name[:nameBytesMax-suffixBytesMax-len(end)], "") + end
}

// ObjectNames maps names of nodes back to logical ones. It is immutable and may be used concurrently.
type ObjectNames struct {
	nodes map[physicalTable]nodeTable
}

// physicalTable is a table of a datasource.
type physicalTable struct{ datasource, schema, table string }

// nodeTable is what a node's table is.
type nodeTable struct {
	table  policy.TableName
	suffix string // of its constraints and indexes
}

// NewObjectNames makes the map for a database.
func NewObjectNames(db *policy.Database) *ObjectNames {
	n := &ObjectNames{nodes: make(map[physicalTable]nodeTable)}
	for name, t := range db.Tables {
		for position, node := range t.Nodes {
			n.nodes[physicalTable{node.Datasource, name.Schema, node.Table}] = nodeTable{name, nameSuffix(t, position)}
		}
	}
	return n
}

// Table returns the logical table whose node that table of the datasource is; ok is false if it is none.
func (n *ObjectNames) Table(datasource, schema, table string) (name policy.TableName, ok bool) {
	node, ok := n.nodes[physicalTable{datasource, schema, table}]
	return node.table, ok
}

// Constraint returns the logical name of a constraint or unique index of a node. A name that is not made after a logical
// one, and one of a table that is no node, comes back as it is.
func (n *ObjectNames) Constraint(datasource, schema, table, constraint string) string {
	return strings.TrimSuffix(constraint, n.nodes[physicalTable{datasource, schema, table}].suffix)
}

// Error returns e with the names of a datasource replaced by logical ones, in its fields and where its message quotes
// them. A detail or hint that speaks of Portcullis's own functions, and so holds tokens or sealed bytes, is left out. e
// is not modified.
func (n *ObjectNames) Error(datasource string, e *sqlstate.Error) *sqlstate.Error {
	logical := *e
	if mentionsSealing(e.Detail) {
		logical.Detail = ""
	}
	if mentionsSealing(e.Hint) {
		logical.Hint = ""
	}
	at := physicalTable{datasource, e.Schema, e.Table}
	node, known := n.nodes[at]
	if known {
		logical.Schema, logical.Table = node.table.Schema, node.table.Name
		logical.Constraint = strings.TrimSuffix(e.Constraint, node.suffix)
	}
	replacements := make(map[string]string, 2)
	if known && e.Constraint != "" {
		replacements[e.Constraint] = logical.Constraint
	}
	// A message may quote another table as well: the one that a foreign key refers to or comes from.
	logical.Message = mapQuoted(e.Message, func(quoted string) string {
		if name, found := replacements[quoted]; found {
			return name
		}
		if name, found := n.anySchema(datasource, quoted); found {
			return name
		}
		return quoted
	})
	logical.Detail = mapQuoted(logical.Detail, func(quoted string) string {
		if name, found := n.anySchema(datasource, quoted); found {
			return name
		}
		return quoted
	})
	return &logical
}

// anySchema returns the logical name of a node's table that a message gives without its schema, if that is certain.
func (n *ObjectNames) anySchema(datasource, table string) (name string, ok bool) {
	for physical, node := range n.nodes {
		if physical.datasource == datasource && physical.table == table {
			if ok && node.table.Name != name {
				return "", false
			}
			name, ok = node.table.Name, true
		}
	}
	return name, ok
}

func mentionsSealing(text string) bool { return strings.Contains(text, "portcullis.") }

// mapQuoted replaces what stands in double quotes in a message of PostgreSQL's.
func mapQuoted(message string, replace func(string) string) string {
	parts := strings.Split(message, `"`)
	for i := 1; i+1 < len(parts); i += 2 {
		parts[i] = replace(parts[i])
	}
	return strings.Join(parts, `"`)
}
