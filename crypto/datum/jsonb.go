package datum

import (
	"bytes"
	"cmp"
	"slices"
)

// A jsonb value is held as jsonb_send gives it: a version byte and the text that jsonb_out prints
// (src/backend/utils/adt/jsonb.c). That text is a normal form but for the trailing zeros of numbers: members of an object are
// sorted by length, then bytes of their keys, of equal keys the last stays, blanks and escapes are fixed.
const jsonbVersion = 1

// Limits of jsonb.
const (
	jsonbSizeMax = 0x0FFFFFFF // JENTRY_OFFLENMASK
	// A number can print as 131072 digits for each 8 bytes that are written, "1e131071", so the text is limited by what it
	// was made from. PostgreSQL, which holds numbers in binary, fails when it prints them.
	jsonbGrowthMax  = 4
	jsonbGrowthFree = 1 << 20
)

// parseJSONB is jsonb_in.
func parseJSONB(dst, text []byte) ([]byte, error) {
	if len(text) > jsonbSizeMax {
		return nil, failJSONBSize()
	}
	s := jsonScanner{text: text, tree: true}
	node, err := s.document()
	if err != nil {
		return nil, err
	}
	p := jsonbPrinter{dst: append(dst, jsonbVersion), sizeMax: len(dst) + jsonbGrowthMax*len(text) + jsonbGrowthFree}
	if err := p.print(node); err != nil {
		return nil, err
	}
	return p.dst, nil
}

func failJSONBSize() error { return fail(codeLimit, "jsonb value is too large") }

// receiveJSONB is jsonb_recv.
func receiveJSONB(dst, value []byte) ([]byte, error) {
	if len(value) == 0 {
		return nil, failLength(0, 1)
	}
	if value[0] != jsonbVersion {
		return nil, fail("XX000", "unsupported jsonb version number")
	}
	if err := checkText(value[1:]); err != nil {
		return nil, err
	}
	return parseJSONB(dst, value[1:])
}

// jsonbPrinter is JsonbToCString.
type jsonbPrinter struct {
	dst     []byte
	sizeMax int
	number  []byte // scratch
}

func (p *jsonbPrinter) print(node jsonNode) error {
	if len(p.dst) > p.sizeMax {
		return failJSONBSize()
	}
	switch node.kind {
	case '{':
		p.dst = append(p.dst, '{')
		for i, member := range sortedMembers(node.children) {
			if i > 0 {
				p.dst = append(p.dst, ", "...)
			}
			p.dst = append(appendJSONString(p.dst, member.key), ": "...)
			if err := p.print(member); err != nil {
				return err
			}
		}
		p.dst = append(p.dst, '}')
	case '[':
		p.dst = append(p.dst, '[')
		for i, element := range node.children {
			if i > 0 {
				p.dst = append(p.dst, ", "...)
			}
			if err := p.print(element); err != nil {
				return err
			}
		}
		p.dst = append(p.dst, ']')
	case '"':
		p.dst = appendJSONString(p.dst, node.text)
	case '0':
		number, err := parseNumeric(p.number[:0], node.text)
		if err != nil {
			return err
		}
		p.number = number
		p.dst = appendNumeric(p.dst, number)
	default:
		p.dst = append(p.dst, node.text...)
	}
	return nil
}

// sortedMembers sorts the members of an object and drops all but the last of those with one key (uniqueifyJsonbObject in
// src/backend/utils/adt/jsonb_util.c).
func sortedMembers(members []jsonNode) []jsonNode {
	slices.SortStableFunc(members, func(a, b jsonNode) int {
		return cmp.Or(cmp.Compare(len(a.key), len(b.key)), bytes.Compare(a.key, b.key))
	})
	kept := members[:0]
	for i, member := range members {
		if i+1 < len(members) && bytes.Equal(member.key, members[i+1].key) {
			continue
		}
		kept = append(kept, member)
	}
	return kept
}

// appendJSONString is escape_json of src/backend/utils/adt/json.c.
func appendJSONString(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
	}
	return append(dst, '"')
}

// canonicalJSONB is the value without the trailing zeros of its numbers: jsonb compares them as numeric does.
func canonicalJSONB(dst, value []byte) ([]byte, error) {
	for i := 0; i < len(value); {
		switch c := value[i]; {
		case c == '"':
			end := jsonStringEnd(value, i)
			dst, i = append(dst, value[i:end]...), end
		case isDigit(c):
			end := i
			for end < len(value) && (isDigit(value[end]) || value[end] == '.') {
				end++
			}
			dst, i = append(dst, withoutTrailingZeros(value[i:end])...), end
		default:
			dst, i = append(dst, c), i+1
		}
	}
	return dst, nil
}

// jsonStringEnd returns where the string that begins at i ends.
func jsonStringEnd(text []byte, i int) int {
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return min(i+1, len(text))
}

func withoutTrailingZeros(number []byte) []byte {
	if !bytes.Contains(number, []byte{'.'}) {
		return number
	}
	return bytes.TrimRight(bytes.TrimRight(number, "0"), ".")
}
