package inline

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portcullisdb/portcullis/shard/java"
)

// Expand returns the names that an expression lists, in order. Items are separated by commas outside of ${...}; an item
// expands to the product of its parts, the rightmost fastest. ${...} and $->{...} are the same. An expression without
// either is a plain list of names. A leading <LITERAL> makes the rest a plain list, <INTERVAL> makes it the steps between
// two times (see interval), <GROOVY> and <ESPRESSO> name the default.
//
// Errors are *Error. It matches the classes GroovyInlineExpressionParser, LiteralInlineExpressionParser and
// IntervalInlineExpressionParser of ShardingSphere.
func Expand(expression string) ([]string, error) {
	names, err := expand(expression)
	if err != nil {
		return nil, locate(expression, err)
	}
	return names, nil
}

func expand(expression string) ([]string, error) {
	if len(expression) > ExpressionBytesMax {
		return nil, limitAt(ExpressionBytesMax, "the expression is longer than %d bytes", ExpressionBytesMax)
	}
	if at := invalidUTF8(expression); at >= 0 {
		return nil, faultAt(at, "the expression is not valid UTF-8")
	}
	typ, start, err := expressionType(expression)
	if err != nil {
		return nil, err
	}
	switch {
	case typ == "LITERAL":
		return splitLiteral(expression[start:], start)
	case typ == "INTERVAL":
		interval, err := parseInterval(expression, start)
		if err != nil {
			return nil, err
		}
		return interval.names(start)
	case !strings.Contains(expression[start:], "${") && !strings.Contains(expression[start:], "$->{"):
		names, err := splitLiteral(expression[start:], start)
		return slices.DeleteFunc(names, func(name string) bool { return name == "" }), err
	}

	items, err := parseItems(expression, start)
	if err != nil {
		return nil, err
	}
	out := &product{}
	m := &machine{steps: stepsMax}
	for _, item := range items {
		parts, err := m.parts(item)
		if err != nil {
			return nil, err
		}
		if err := out.add(m, item, parts); err != nil {
			return nil, err
		}
	}
	return out.names, nil
}

// expressionType reads the leading <TYPE>, GROOVY by default, and returns where the expression itself starts.
func expressionType(expression string) (typ string, start int, err error) {
	if !strings.HasPrefix(expression, "<") {
		return "GROOVY", 0, nil
	}
	typ, _, ok := strings.Cut(expression[1:], ">")
	if !ok {
		return "", 0, faultAt(0, "\"<\" has no \">\"")
	}
	switch name := strings.ToUpper(typ); name {
	case "GROOVY", "ESPRESSO", "LITERAL", "INTERVAL":
		return name, len(typ) + 2, nil
	}
	return "", 0, faultAt(0, "an expression of type %q is not understood; the types are GROOVY, LITERAL and INTERVAL",
		clip(typ))
}

// splitLiteral splits a list at its commas and trims its items. What follows the last comma is no item if it is nothing
// at all.
func splitLiteral(list string, start int) ([]string, error) {
	names := []string{}
	for list != "" {
		item, rest, _ := strings.Cut(list, ",")
		if len(names) == NamesMax {
			return nil, limitAt(start, "the expression lists more than %d names", NamesMax)
		}
		names = append(names, java.Trim(item))
		list = rest
	}
	return names, nil
}

// parts evaluates the parts of an item to the texts that each contributes. A part that is null contributes no entry at
// all: see product.add.
func (m *machine) parts(item *item) ([][]string, error) {
	var parts [][]string
	for _, e := range item.parts {
		v, err := m.eval(e)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		texts, err := m.texts(v, e.offset())
		if err != nil {
			return nil, err
		}
		parts = append(parts, texts)
	}
	return parts, nil
}

// texts returns the texts of a collection's elements, without duplicates and in order, or of a single value.
func (m *machine) texts(v value, at int) ([]string, error) {
	if !isCollection(v) {
		s, err := m.text(v, at)
		return []string{s}, err
	}
	elements, err := m.elements(v, at)
	if err != nil {
		return nil, err
	}
	texts := make([]string, 0, len(elements))
	seen := make(map[string]bool, len(elements))
	for _, e := range elements {
		if e == nil {
			return nil, faultAt(at, "a list of names has a null element")
		}
		s, err := m.text(e, at)
		if err != nil {
			return nil, err
		}
		if !seen[s] {
			seen[s] = true
			texts = append(texts, s)
		}
	}
	return texts, nil
}

// product collects names within NamesMax and NamesBytesMax.
type product struct {
	names []string
	bytes int
}

// add appends the names of one item. parts has one entry for each part of the item that is not null: as in
// ShardingSphere, the values behind a null part move one place to the left.
func (p *product) add(m *machine, item *item, parts [][]string) error {
	count := 1
	for _, texts := range parts {
		if len(texts) == 0 {
			return nil
		}
		if count *= len(texts); count > NamesMax {
			break
		}
	}
	if len(p.names)+count > NamesMax {
		return limitAt(item.start, "the expression lists more than %d names", NamesMax)
	}
	if err := m.spend(item.start, count*len(item.texts)); err != nil {
		return err
	}
	odometer := make([]int, len(parts))
	for range count {
		var name strings.Builder
		for i, text := range item.texts {
			name.WriteString(text)
			if i < len(parts) {
				name.WriteString(parts[i][odometer[i]])
			}
		}
		if p.bytes += name.Len(); p.bytes > NamesBytesMax {
			return limitAt(item.start, "the names of the expression are longer than %d bytes together", NamesBytesMax)
		}
		p.names = append(p.names, name.String())
		for i := len(parts) - 1; i >= 0; i-- {
			if odometer[i]++; odometer[i] < len(parts[i]) {
				break
			}
			odometer[i] = 0
		}
	}
	return nil
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}

// clip shortens a quotation in a message.
func clip(s string) string {
	const quotedMax = 40
	runes := []rune(s)
	if len(runes) <= quotedMax {
		return s
	}
	return string(runes[:quotedMax]) + "..."
}
