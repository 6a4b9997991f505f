package datum

import "unicode/utf8"

// jsonScanner reads JSON as src/common/jsonapi.c does. For jsonb it also builds a tree; json is only checked, and keeps
// its text.
type jsonScanner struct {
	text  []byte
	at    int
	depth int
	tree  bool
	nodes int // of the tree
}

// jsonDepthMax bounds the nesting of arrays and objects. PostgreSQL's own limit is that of its stack: with the default
// max_stack_depth of 2 MB a little over 6000 levels.
const jsonDepthMax = 6000

// jsonNodesMax bounds the values in a tree, which takes some hundred bytes for each.
const jsonNodesMax = 1 << 20

// jsonNode is a value in a tree for jsonb.
type jsonNode struct {
	kind     byte   // '{', '[', '"', '0' (a number), 'w' (a word: true, false, null)
	text     []byte // string without quotes and escapes, number or word as written
	key      []byte // of a member of an object, as text
	children []jsonNode
}

// parseJSON is json_in of src/backend/utils/adt/json.c: the text is kept as it is.
func parseJSON(dst, text []byte) ([]byte, error) {
	s := jsonScanner{text: text}
	if _, err := s.document(); err != nil {
		return nil, err
	}
	return append(dst, text...), nil
}

// failJSON is the message of json and of jsonb.
func failJSON() error { return failSyntax("json") }

func (s *jsonScanner) document() (jsonNode, error) {
	node, err := s.value()
	if err != nil {
		return node, err
	}
	if s.next() != 0 {
		return node, failJSON()
	}
	return node, nil
}

// next passes over blanks and returns the byte that begins the next token, 0 at the end of the text.
func (s *jsonScanner) next() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (s *jsonScanner) value() (jsonNode, error) {
	if s.nodes++; s.tree && s.nodes > jsonNodesMax {
		return jsonNode{}, failJSONBSize()
	}
	switch c := s.next(); {
	case c == '{':
		return s.object()
	case c == '[':
		return s.array()
	case c == '"':
		text, err := s.string()
		return jsonNode{kind: '"', text: text}, err
	case c == '-' || isDigit(c):
		text, err := s.number()
		return jsonNode{kind: '0', text: text}, err
	}
	text, err := s.word()
	return jsonNode{kind: 'w', text: text}, err
}

// descend enters an array or object.
func (s *jsonScanner) descend() error {
	s.at++
	if s.depth++; s.depth > jsonDepthMax {
		return fail(codeTooComplex, "stack depth limit exceeded")
	}
	return nil
}

func (s *jsonScanner) array() (jsonNode, error) { return s.list('[', ']', s.value) }

func (s *jsonScanner) object() (jsonNode, error) { return s.list('{', '}', s.member) }

// list reads an array or object: items between commas, until its closing bracket.
func (s *jsonScanner) list(open, end byte, item func() (jsonNode, error)) (jsonNode, error) {
	node := jsonNode{kind: open}
	if err := s.descend(); err != nil {
		return node, err
	}
	if s.next() != end {
		for {
			child, err := item()
			if err != nil {
				return node, err
			}
			if s.tree {
				node.children = append(node.children, child)
			}
			c := s.next()
			if c == end {
				break
			}
			if c != ',' {
				return node, failJSON()
			}
			s.at++
		}
	}
	s.at++
	s.depth--
	return node, nil
}

func (s *jsonScanner) member() (jsonNode, error) {
	if s.next() != '"' {
		return jsonNode{}, failJSON()
	}
	key, err := s.string()
	if err != nil {
		return jsonNode{}, err
	}
	if s.next() != ':' {
		return jsonNode{}, failJSON()
	}
	s.at++
	node, err := s.value()
	node.key = key
	return node, err
}

// string reads a string; with a tree it returns its text, a slice of the source if there are no escapes in it
// (json_lex_string). Only then are \u0000 and halves of surrogate pairs errors: json keeps them.
func (s *jsonScanner) string() ([]byte, error) {
	s.at++
	start := s.at
	var unescaped []byte // nil until the first escape
	high := rune(-1)     // the first half of a surrogate pair
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case c == '"':
			text := s.text[start:s.at]
			s.at++
			if unescaped != nil {
				text = unescaped
			}
			if high >= 0 {
				return nil, failJSON()
			}
			return text, nil
		case c < ' ':
			return nil, failJSON()
		case c != '\\':
			if high >= 0 {
				return nil, failJSON()
			}
			if unescaped != nil {
				unescaped = append(unescaped, c)
			}
			s.at++
		default:
			escaped, err := s.escape()
			if err != nil {
				return nil, err
			}
			if !s.tree {
				continue
			}
			if unescaped == nil {
				unescaped = append(make([]byte, 0, s.at-start), s.text[start:s.at-escaped.size]...)
			}
			if unescaped, high, err = escaped.append(unescaped, high); err != nil {
				return nil, err
			}
		}
	}
	return nil, failJSON()
}

// jsonEscape is one escape of a string.
type jsonEscape struct {
	char    rune
	unicode bool // written \uXXXX
	size    int  // bytes in the source
}

func (s *jsonScanner) escape() (jsonEscape, error) {
	rest := s.text[s.at:]
	if len(rest) < 2 {
		return jsonEscape{}, failJSON()
	}
	e := jsonEscape{size: 2}
	switch c := rest[1]; c {
	case '"', '\\', '/':
		e.char = rune(c)
	case 'b':
		e.char = '\b'
	case 'f':
		e.char = '\f'
	case 'n':
		e.char = '\n'
	case 'r':
		e.char = '\r'
	case 't':
		e.char = '\t'
	case 'u':
		e.unicode, e.size = true, 6
		if len(rest) < e.size {
			return e, failJSON()
		}
		for _, c := range rest[2:e.size] {
			digit, ok := hexDigit(c)
			if !ok {
				return e, failJSON()
			}
			e.char = e.char<<4 | rune(digit)
		}
	default:
		return e, failJSON()
	}
	s.at += e.size
	return e, nil
}

// append appends the character, or remembers the first half of a surrogate pair.
func (e jsonEscape) append(dst []byte, high rune) ([]byte, rune, error) {
	const (
		highFirst, highLast = 0xD800, 0xDBFF
		lowFirst, lowLast   = 0xDC00, 0xDFFF
	)
	char := e.char
	isHigh := e.unicode && char >= highFirst && char <= highLast
	isLow := e.unicode && char >= lowFirst && char <= lowLast
	if isLow != (high >= 0) {
		return nil, 0, failJSON()
	}
	switch {
	case isHigh:
		return dst, char, nil
	case isLow:
		char = 0x10000 + (high-highFirst)<<10 + (char - lowFirst)
	case char == 0:
		return nil, 0, fail(codeUntranslatable, "unsupported Unicode escape sequence")
	}
	return utf8.AppendRune(dst, char), -1, nil
}

// number reads a number; what follows it may not be part of a word (json_lex_number).
func (s *jsonScanner) number() ([]byte, error) {
	start := s.at
	digits := func() bool {
		from := s.at
		for s.at < len(s.text) && isDigit(s.text[s.at]) {
			s.at++
		}
		return s.at > from
	}
	peek := func() byte {
		if s.at < len(s.text) {
			return s.text[s.at]
		}
		return 0
	}
	if peek() == '-' {
		s.at++
	}
	if peek() == '0' {
		s.at++
	} else if !digits() {
		return nil, failJSON()
	}
	if peek() == '.' {
		s.at++
		if !digits() {
			return nil, failJSON()
		}
	}
	if peek()|0x20 == 'e' {
		s.at++
		if c := peek(); c == '+' || c == '-' {
			s.at++
		}
		if !digits() {
			return nil, failJSON()
		}
	}
	if isJSONWord(peek()) {
		return nil, failJSON()
	}
	return s.text[start:s.at], nil
}

func (s *jsonScanner) word() ([]byte, error) {
	start := s.at
	for s.at < len(s.text) && isJSONWord(s.text[s.at]) {
		s.at++
	}
	switch word := s.text[start:s.at]; string(word) {
	case "true", "false", "null":
		return word, nil
	}
	return nil, failJSON()
}

// isJSONWord is JSON_ALPHANUMERIC_CHAR.
func isJSONWord(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' || c >= utf8.RuneSelf }
