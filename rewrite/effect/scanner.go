package effect

import "bytes"

// scanner finds the words of a text, one after the other, and what stands around them.
type scanner struct {
	sql []byte
	pos int

	kind       kind
	start, end int // of the token, without the quotes of a name

	first    bool // the token begins a statement
	ordinal  int  // of the token in its statement, from 0
	verb     verb
	previous token

	// The name that the token is the last part of: its first part, how many there are, and what stands before it.
	head   token
	parts  int
	before token

	// brackets has a bit for each open bracket, the innermost lowest: an expression may stand behind its end, as behind that of
	// DISTINCT ON (...) and of OPERATOR(...). leads: it may behind the bracket that was closed last.
	brackets uint64
	depth    int
	leads    bool

	folded, other [wordMax]byte // for words in lower case
	effects       Effects
}

// token is a token that is past.
type token struct {
	kind       kind
	start, end int
}

type kind byte

const (
	kindNone  kind = iota // before the first token
	kindWord              // a keyword or unquoted name
	kindName              // a quoted name
	kindOpen              // (
	kindClose             // ) or ]
	kindDot
	kindSemicolon
	kindLiteral // a string or number, or a parameter
	kindOther
)

type verb byte

const (
	verbOther verb = iota
	verbSet
	verbSetLocal
	verbReset
	verbDiscard
	verbPrepare
	verbDeclare
	verbExplain
	verbCreate
)

// wordMax is longer than every word that is looked for.
const wordMax = 64

// next finds the next token; false at the end of the text.
func (s *scanner) next() bool {
	if s.kind != kindNone {
		s.past()
	}
	s.skipBlanks()
	if s.pos >= len(s.sql) {
		return false
	}
	s.start = s.pos
	switch c := s.sql[s.pos]; {
	case isIdentStart(c):
		s.wordToken()
	case c >= '0' && c <= '9':
		s.number()
	case c == '"':
		s.kind = kindName
		s.quoted('"', false)
	case c == '\'':
		s.kind = kindLiteral
		s.quoted('\'', false)
	case c == '$':
		s.dollar()
	case c == '(':
		s.openBracket()
		s.single(kindOpen)
	case c == ')':
		s.closeBracket()
		s.single(kindClose)
	case c == ']':
		s.leads = false
		s.single(kindClose)
	case c == '.':
		s.single(kindDot)
	case c == ';':
		s.single(kindSemicolon)
	default:
		s.single(kindOther)
	}
	if s.kind == kindWord || s.kind == kindName {
		s.place()
	}
	return true
}

// past makes the token the one before the next.
func (s *scanner) past() {
	if s.kind == kindSemicolon {
		s.first, s.ordinal, s.verb, s.previous = true, 0, verbOther, token{}
		s.brackets, s.depth = 0, 0
		return
	}
	s.first = false
	s.ordinal++
	s.previous = token{s.kind, s.start, s.end}
}

// openBracket notes what stands before a bracket.
func (s *scanner) openBracket() {
	before := s.previousWord()
	s.brackets <<= 1
	if is(before, "on") || is(before, "operator") {
		s.brackets |= 1
	}
	s.depth++
}

// closeBracket finds what stood before the bracket that is closed. Deeper than brackets can tell, an expression may follow.
func (s *scanner) closeBracket() {
	const depthMax = 64
	s.leads = s.brackets&1 != 0 || s.depth > depthMax
	s.brackets >>= 1
	s.depth = max(s.depth-1, 0)
}

// place notes where the name that was found stands: alone, or as a part of a qualified name.
func (s *scanner) place() {
	if s.previous.kind == kindDot && s.parts > 0 {
		s.parts++
		return
	}
	s.parts, s.head, s.before = 1, token{s.kind, s.start, s.end}, s.previous // leads is that of before, if it is a bracket
}

// builtin reports whether the name can be one of pg_catalog.
func (s *scanner) builtin() bool {
	return s.parts == 1 || s.parts == 2 && is(s.fold(s.head, &s.other), "pg_catalog")
}

// call reports whether a bracket follows the name in a place where that makes it a function: not the columns of a table, of
// an alias or of a conflict.
func (s *scanner) call() bool {
	at := s.pos
	s.skipBlanks()
	open := s.pos < len(s.sql) && s.sql[s.pos] == '('
	s.pos = at
	if !open {
		return false
	}
	switch s.before.kind {
	case kindClose:
		return s.leads // else an alias
	case kindLiteral, kindName:
		return false // an alias
	case kindWord:
		before := s.fold(s.before, &s.other)
		switch string(before) {
		case "into", "copy", "as", "table", "references", "recursive", "view", "index", "with", "execute":
			return false
		case "group", "order", "partition":
			return s.parts > 1 || !is(s.word(), "by")
		case "on":
			return s.parts > 1 || !is(s.word(), "conflict")
		case "primary", "foreign":
			return s.parts > 1 || !is(s.word(), "key")
		case "grouping":
			return s.parts > 1 || !is(s.word(), "sets")
		case "exists": // IF NOT EXISTS name (
			return s.verb != verbCreate
		}
		return keyword(before)
	}
	return true
}

// word returns the token, folded to lower case unless it is a quoted name; empty if it is longer than wordMax.
func (s *scanner) word() []byte { return s.fold(token{s.kind, s.start, s.end}, &s.folded) }

// previousWord returns the word before the token; empty if it was none.
func (s *scanner) previousWord() []byte {
	if s.previous.kind != kindWord {
		return nil
	}
	return s.fold(s.previous, &s.other)
}

func (s *scanner) fold(t token, into *[wordMax]byte) []byte {
	word := s.sql[t.start:t.end]
	if len(word) > wordMax {
		return nil
	}
	if t.kind == kindName {
		return word
	}
	for i, c := range word {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		into[i] = c
	}
	return into[:len(word)]
}

func (s *scanner) single(k kind) {
	s.kind = k
	s.pos++
	s.end = s.pos
}

// skipBlanks passes white space and comments.
func (s *scanner) skipBlanks() {
	for s.pos < len(s.sql) {
		switch c := s.sql[s.pos]; {
		case c == ' ', c >= '\t' && c <= '\r':
			s.pos++
		case c == '-' && s.at(1) == '-':
			n := bytes.IndexAny(s.sql[s.pos:], "\n\r")
			if n < 0 {
				n = len(s.sql) - s.pos
			}
			s.pos += n
		case c == '/' && s.at(1) == '*':
			s.skipComment()
		default:
			return
		}
	}
}

// skipComment passes a comment, which may hold others.
func (s *scanner) skipComment() {
	s.pos += 2
	for depth := 1; depth > 0 && s.pos < len(s.sql); {
		switch c := s.sql[s.pos]; {
		case c == '*' && s.at(1) == '/':
			depth--
			s.pos += 2
		case c == '/' && s.at(1) == '*':
			depth++
			s.pos += 2
		default:
			s.pos++
		}
	}
}

func (s *scanner) at(i int) byte {
	if s.pos+i < len(s.sql) {
		return s.sql[s.pos+i]
	}
	return 0
}

// wordToken reads a word, or a string or name with a letter before its quote.
func (s *scanner) wordToken() {
	switch c, next := s.sql[s.pos]|0x20, s.at(1); {
	case next == '\'' && (c == 'b' || c == 'x' || c == 'n'):
		s.pos++
		s.kind = kindLiteral
		s.quoted('\'', false)
		return
	case next == '\'' && c == 'e':
		s.pos++
		s.kind = kindLiteral
		s.quoted('\'', true)
		return
	case next == '&' && c == 'u' && (s.at(2) == '\'' || s.at(2) == '"'):
		quote := s.at(2)
		s.pos += 2
		s.kind = kindLiteral
		s.quoted(quote, false)
		if quote == '"' {
			// What it spells is not known: nobody writes one that is known so.
			s.kind, s.end = kindName, s.start
			s.effects |= Unknown
		}
		return
	}
	end := s.pos + 1
	for end < len(s.sql) && isIdentPart(s.sql[end]) {
		end++
	}
	s.kind, s.pos, s.end = kindWord, end, end
}

// number reads digits and what is glued to them.
func (s *scanner) number() {
	end := s.pos + 1
	for end < len(s.sql) && (isIdentPart(s.sql[end]) || s.sql[end] == '.') {
		end++
	}
	s.kind, s.pos, s.end = kindLiteral, end, end
}

// quoted reads up to the closing quote. A doubled quote is none; with escapes a backslash hides what follows it.
func (s *scanner) quoted(quote byte, escapes bool) {
	s.pos++
	s.start = s.pos
	for s.pos < len(s.sql) {
		switch c := s.sql[s.pos]; {
		case c == quote && s.at(1) == quote, escapes && c == '\\':
			s.pos += 2
		case c == quote:
			s.end = s.pos
			s.pos++
			return
		default:
			s.pos++
		}
	}
	s.pos = len(s.sql)
	s.end = s.pos
}

// dollar reads a parameter or a dollar-quoted string.
func (s *scanner) dollar() {
	end := s.pos + 1
	for end < len(s.sql) && isIdentPart(s.sql[end]) && s.sql[end] != '$' {
		end++
	}
	s.kind = kindLiteral
	if end == len(s.sql) || s.sql[end] != '$' || s.sql[s.pos+1] >= '0' && s.sql[s.pos+1] <= '9' {
		s.pos, s.end = end, end
		return
	}
	tag := s.sql[s.pos : end+1]
	s.pos = end + 1
	if n := bytes.Index(s.sql[s.pos:], tag); n >= 0 {
		s.pos += n + len(tag)
	} else {
		s.pos = len(s.sql)
	}
	s.end = s.pos
}

func isIdentStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func isIdentPart(c byte) bool { return isIdentStart(c) || c >= '0' && c <= '9' || c == '$' }
