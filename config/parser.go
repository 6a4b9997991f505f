package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// The limits of a file.
const (
	fileBytesMax = 1 << 20
	// nodesMax bounds the values of the file with all aliases expanded: a chain of anchors must not multiply.
	nodesMax = 100_000
	// depthMax bounds nesting, also through aliases.
	depthMax = 32
	// keyBytesMax bounds a key of the file; names in it are shorter still.
	keyBytesMax = 256
)

// parser reads YAML for koanf. What koanf cannot carry goes to origins, mistakes to problems.
type parser struct {
	file     string // for positions
	origins  origins
	problems *problems
	nodes    int
	spent    bool // nodesMax was exceeded, and reported
}

// Unmarshal returns the document as nested maps with texts at their leaves. It never fails: mistakes are in p.problems,
// and what could be read is returned so that the rest can be checked.
func (p *parser) Unmarshal(data []byte) (map[string]any, error) {
	if len(data) > fileBytesMax {
		p.problems.add(Position{File: p.file}, "", "the file is longer than %d bytes", fileBytesMax)
		return map[string]any{}, nil
	}
	if !utf8.Valid(data) {
		p.problems.add(Position{File: p.file, Line: lineOfInvalid(data)}, "", "the file is not valid UTF-8")
		return map[string]any{}, nil
	}
	root := p.document(data)
	if root == nil {
		return map[string]any{}, nil
	}
	at := p.position(root)
	for root.Kind == yaml.AliasNode {
		root = root.Alias
	}
	if root.Kind != yaml.MappingNode {
		p.problems.add(at, "it begins with a key such as \"listen:\"", "the file must hold a mapping")
		return map[string]any{}, nil
	}
	value, _ := p.value(root, "", at, 0)
	mapping, _ := value.(map[string]any)
	return mapping, nil
}

// Marshal is there for koanf's interface; a configuration is never written.
func (p *parser) Marshal(map[string]any) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// document returns the root of the only document, nil if there is none.
func (p *parser) document(data []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, next yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		p.problems.add(Position{File: p.file}, "", "the file is empty")
		return nil
	case err != nil:
		p.syntaxError(data, err)
		return nil
	}
	switch err := decoder.Decode(&next); {
	case errors.Is(err, io.EOF):
	case err != nil:
		p.syntaxError(data, err)
	default:
		p.problems.add(p.position(&next), "remove the line \"---\" and what follows", "the file holds a second document")
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		p.problems.add(Position{File: p.file}, "", "the file is empty")
		return nil
	}
	return document.Content[0]
}

// value converts a node and records its origin. ok is false if it was refused, and then reported.
func (p *parser) value(n *yaml.Node, path string, keyAt Position, depth int) (value any, ok bool) {
	at := p.position(n)
	if !p.spend(at, depth) {
		return nil, false
	}
	switch n.Kind {
	case yaml.AliasNode:
		return p.value(n.Alias, path, keyAt, depth+1)
	case yaml.MappingNode:
		if !p.plainTag(n, "!!map") {
			return nil, false
		}
		mapping := map[string]any{}
		keys, damaged := p.mapping(n, mapping, path, depth)
		p.origins[path] = origin{kind: kindMapping, at: at, keyAt: keyAt, keys: keys, damaged: damaged}
		return mapping, true
	case yaml.SequenceNode:
		if !p.plainTag(n, "!!seq") {
			return nil, false
		}
		items := []any{}
		for _, item := range n.Content {
			if value, ok := p.value(item, joinPath(path, strconv.Itoa(len(items))), p.position(item), depth+1); ok {
				items = append(items, value)
			}
		}
		p.origins[path] = origin{kind: kindList, at: at, keyAt: keyAt}
		return items, true
	case yaml.ScalarNode:
		k, ok := p.scalarKind(n)
		if !ok {
			return nil, false
		}
		p.origins[path] = origin{kind: k, at: at, keyAt: keyAt}
		return n.Value, true
	}
	p.problems.add(at, "", "not understood")
	return nil, false
}

// spend counts a value against the limits, and reports it if they are exceeded.
func (p *parser) spend(at Position, depth int) (ok bool) {
	p.nodes++
	switch {
	case p.spent:
		return false
	case p.nodes > nodesMax:
		p.spent = true
		p.problems.add(at, "", "more than %d values, aliases expanded", nodesMax)
		return false
	case depth > depthMax:
		p.problems.add(at, "", "nested more than %d deep", depthMax)
		return false
	}
	return true
}

// mapping fills into with the pairs of n and what n merges, and returns the keys in written order. damaged says that a key
// was reported and left out.
func (p *parser) mapping(n *yaml.Node, into map[string]any, path string, depth int) (keys []string, damaged bool) {
	written := map[string]Position{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		keyNode, valueNode := n.Content[i], n.Content[i+1]
		at := p.position(keyNode)
		if keyNode.ShortTag() == "!!merge" {
			merged = append(merged, valueNode)
			continue
		}
		key, ok := p.key(keyNode)
		if !ok {
			damaged = true
			continue
		}
		if first, twice := written[key]; twice {
			p.problems.add(at, fmt.Sprintf("it stands in line %d already", first.Line), "duplicate key %q", key)
			damaged = true
			continue
		}
		written[key] = at
		p.pair(into, path, key, at, valueNode, depth+1)
		keys = append(keys, key)
	}
	for _, m := range merged {
		keys = p.merge(m, into, written, keys, path, depth+1)
	}
	return keys, damaged
}

// pair puts the value of one key into a mapping; a refused value leaves its mark, so that the key does not count as missing.
func (p *parser) pair(into map[string]any, path, key string, keyAt Position, n *yaml.Node, depth int) {
	path = joinPath(path, key)
	value, ok := p.value(n, path, keyAt, depth)
	if !ok {
		p.origins[path] = origin{kind: kindRefused, at: p.position(n), keyAt: keyAt}
	}
	into[key] = value
}

// merge adds the pairs of the mapping, or list of mappings, that "<<" names; keys that are there already stay.
func (p *parser) merge(n *yaml.Node, into map[string]any, written map[string]Position, keys []string, path string,
	depth int) []string {
	if !p.spend(p.position(n), depth) {
		return keys
	}
	switch n.Kind {
	case yaml.AliasNode:
		return p.merge(n.Alias, into, written, keys, path, depth+1)
	case yaml.SequenceNode:
		for _, item := range n.Content {
			keys = p.merge(item, into, written, keys, path, depth+1)
		}
		return keys
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			keyNode := n.Content[i]
			if keyNode.ShortTag() == "!!merge" {
				continue // after the pairs of this mapping, which win
			}
			key, ok := p.key(keyNode)
			if _, there := written[key]; !ok || there {
				continue
			}
			written[key] = p.position(keyNode)
			p.pair(into, path, key, written[key], n.Content[i+1], depth+1)
			keys = append(keys, key)
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].ShortTag() == "!!merge" {
				keys = p.merge(n.Content[i+1], into, written, keys, path, depth+1)
			}
		}
		return keys
	}
	p.problems.add(p.position(n), "", `"<<" merges a mapping or a list of mappings`)
	return keys
}

func (p *parser) key(n *yaml.Node) (key string, ok bool) {
	at := p.position(n)
	for depth := 0; n.Kind == yaml.AliasNode && depth < depthMax; depth++ {
		n = n.Alias
	}
	switch {
	case n.Kind != yaml.ScalarNode:
		p.problems.add(at, "", "a key must be a name")
	case n.Value == "" || n.ShortTag() == "!!null":
		p.problems.add(at, "", "a key is empty")
	case len(n.Value) > keyBytesMax:
		p.problems.add(at, "", "a key is longer than %d bytes", keyBytesMax)
	case strings.ContainsFunc(n.Value, unicode.IsControl):
		p.problems.add(at, "", "a key holds a control character")
	default:
		return n.Value, true
	}
	return "", false
}

func (p *parser) scalarKind(n *yaml.Node) (k kind, ok bool) {
	switch n.ShortTag() {
	case "!!str":
		k = kindText
	case "!!int":
		k = kindInteger
	case "!!bool":
		k = kindBoolean
	case "!!null":
		k = kindNull
	case "!!float", "!!timestamp":
		k = kindOther
	case "!!merge": // a plain << that is a value
		k = kindText
	default:
		return 0, p.plainTag(n, "")
	}
	if strings.ContainsRune(n.Value, 0) {
		p.problems.add(p.position(n), "", "a value holds the character U+0000")
		return 0, false
	}
	return k, true
}

// plainTag refuses tags of the writer's own.
func (p *parser) plainTag(n *yaml.Node, want string) bool {
	if want != "" && n.ShortTag() == want {
		return true
	}
	p.problems.add(p.position(n), "remove it", "tag %q is not understood", n.ShortTag())
	return false
}

func (p *parser) position(n *yaml.Node) Position { return Position{File: p.file, Line: n.Line} }

// lineOfInvalid returns the line of the first byte that is not UTF-8.
func lineOfInvalid(data []byte) int {
	line := 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			return line
		}
		if r == '\n' {
			line++
		}
		data = data[size:]
	}
	return line
}
