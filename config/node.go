package config

import (
	"slices"
	"strconv"
)

// kind says what a node of the tree is.
type kind int

const (
	kindMapping kind = iota
	kindList
	kindText
	kindInteger
	kindBoolean
	kindOther   // a scalar that YAML takes for a float or a time
	kindNull    // no value
	kindUntyped // from the environment or a flag: the key decides what it is
	kindRefused // the parser has reported it
)

// String names the kind for messages.
func (k kind) String() string {
	return [...]string{"a mapping", "a list", "text", "a whole number", "true or false", "a number or time", "empty",
		"text", "refused"}[k]
}

// node is one value of the merged configuration.
type node struct {
	kind     kind
	text     string // of a scalar, as written but for quotes and escapes
	at       Position
	keys     []string // of a mapping, in written order
	keyAt    map[string]Position
	children map[string]*node
	items    []*node // of a list
	damaged  bool    // of a mapping: the parser has reported a key and left it out
}

// origin is what koanf does not carry: where a value was written and what YAML took it for.
type origin struct {
	kind    kind
	at      Position
	keyAt   Position // where its key was written
	keys    []string // of a mapping, in written order
	damaged bool     // of a mapping: a key was reported and left out
}

// origins holds the origin of each path.
type origins map[string]origin

// delimiter joins the keys of a path. No key contains it: the parser and the environment refuse control characters.
const delimiter = "\x00"

// joinPath appends a key to a path; "" is the path of the whole.
func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + delimiter + key
}

// node rebuilds the tree from koanf's merged values.
func (o origins) node(value any, path string) *node {
	from := o[path]
	n := &node{kind: from.kind, at: from.at, damaged: from.damaged}
	switch value := value.(type) {
	case map[string]any:
		n.kind, n.keyAt, n.children = kindMapping, map[string]Position{}, map[string]*node{}
		n.keys = orderedKeys(value, from.keys)
		for _, key := range n.keys {
			child := joinPath(path, key)
			n.children[key] = o.node(value[key], child)
			n.keyAt[key] = o[child].keyAt
		}
		if n.at == (Position{}) && len(n.keys) > 0 { // made by the environment or a flag alone
			n.at = n.children[n.keys[0]].at
		}
	case []any:
		n.kind = kindList
		for i, item := range value {
			n.items = append(n.items, o.node(item, joinPath(path, strconv.Itoa(i))))
		}
	case string:
		n.text = value
	default:
		n.kind = kindRefused
	}
	return n
}

// orderedKeys returns the keys of a mapping in written order, those that other sources added after them by name.
func orderedKeys(mapping map[string]any, written []string) []string {
	keys := make([]string, 0, len(mapping))
	for _, key := range written {
		if _, ok := mapping[key]; ok {
			keys = append(keys, key)
		}
	}
	var added []string
	for key := range mapping {
		if !slices.Contains(written, key) {
			added = append(added, key)
		}
	}
	slices.Sort(added)
	return append(keys, added...)
}
