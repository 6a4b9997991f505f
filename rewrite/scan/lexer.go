package scan

import (
	"strings"
	"unicode/utf8"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// lexer reads tokens as src/backend/parser/scan.l of PostgreSQL 16 does. The text is valid UTF-8 without NUL.
type lexer struct {
	sql string
	pos int
	dot bool // the last token was a dot: the word behind it is a name, whatever it says
}

// token is one token of the text. class is set for literals; value for literals and for names with Unicode escapes.
type token struct {
	kind       kind
	keyword    keyword
	class      Class
	start, end int
	value      string
}

type kind byte

const (
	kindEnd kind = iota
	kindSemicolon
	kindComma
	kindDot
	kindOpen     // ( or [
	kindSquare   // [
	kindClose    // )
	kindUnsquare // ]
	kindWord     // a keyword or an unquoted name
	kindNChar    // the n before a string: the keyword NCHAR
	kindName     // a quoted name
	kindEscapedName
	kindLiteral
	kindParam
	kindOperator // also the typecast
	kindOther    // : := ..
)

// charClass sorts the bytes that start a token.
type charClass byte

const (
	charStray charClass = iota
	charSpace
	charIdent
	charDigit
	charOperator
	charSelf // a token of its own unless it begins a longer one
	charQuote
	charDoubleQuote
	charDollar
)

var charClasses = func() (table [256]charClass) {
	for c := range table {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80:
			table[c] = charIdent
		case c >= '0' && c <= '9':
			table[c] = charDigit
		}
	}
	for _, c := range []byte(" \t\n\r\f\v") {
		table[c] = charSpace
	}
	for _, c := range []byte("~!@#^&|`?+-*/%<>=") {
		table[c] = charOperator
	}
	for _, c := range []byte(",()[].;:") {
		table[c] = charSelf
	}
	table['\''], table['"'], table['$'] = charQuote, charDoubleQuote, charDollar
	return table
}()

func isSpace(c byte) bool      { return charClasses[c] == charSpace }
func isDigit(c byte) bool      { return charClasses[c] == charDigit }
func isIdentStart(c byte) bool { return charClasses[c] == charIdent }

func isIdentPart(c byte) bool {
	class := charClasses[c]
	return class == charIdent || class == charDigit || class == charDollar
}

// at returns the byte i bytes behind the position, 0 behind the end.
func (l *lexer) at(i int) byte {
	if l.pos+i < len(l.sql) {
		return l.sql[l.pos+i]
	}
	return 0
}

// fail returns a syntax error at a byte of the text. message holds no piece of a literal.
func (l *lexer) fail(at int, message string) *sqlstate.Error {
	return l.failWith(sqlstate.SyntaxError, at, message)
}

func (l *lexer) failWith(code sqlstate.Code, at int, message string) *sqlstate.Error {
	return sqlstate.New(code, "%s", message).At(utf8.RuneCountInString(l.sql[:at]) + 1)
}

// next reads one token and what stands before it.
func (l *lexer) next() (token, *sqlstate.Error) {
	if err := l.skipBlanks(); err != nil {
		return token{}, err
	}
	start := l.pos
	if start == len(l.sql) {
		return token{kind: kindEnd, start: start, end: start}, nil
	}
	afterDot := l.dot
	l.dot = false
	c := l.sql[start]
	switch charClasses[c] {
	case charIdent:
		return l.word(afterDot)
	case charDigit:
		return l.number()
	case charSelf:
		return l.self()
	case charOperator:
		return l.operator()
	case charQuote:
		return l.quoted(quotePlain, 1)
	case charDoubleQuote:
		return l.name()
	case charDollar:
		return l.dollar()
	}
	if c < ' ' || c == 0x7f {
		return token{}, l.fail(start, "syntax error: control character outside a literal")
	}
	return token{}, l.fail(start, `syntax error at or near "`+string(rune(c))+`"`)
}

// skipBlanks passes white space and comments.
func (l *lexer) skipBlanks() *sqlstate.Error {
	for l.pos < len(l.sql) {
		switch c := l.sql[l.pos]; {
		case isSpace(c):
			l.pos++
		case c == '-' && l.at(1) == '-':
			l.skipLine()
		case c == '/' && l.at(1) == '*':
			if err := l.skipComment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

// skipLine passes a comment up to its end of line.
func (l *lexer) skipLine() {
	if n := strings.IndexAny(l.sql[l.pos:], "\n\r"); n >= 0 {
		l.pos += n
	} else {
		l.pos = len(l.sql)
	}
}

// skipComment passes a comment, which may hold others.
func (l *lexer) skipComment() *sqlstate.Error {
	start := l.pos
	l.pos += 2
	for depth := 1; depth > 0; {
		n := strings.IndexAny(l.sql[l.pos:], "*/")
		if n < 0 {
			return l.fail(start, "unterminated /* comment")
		}
		l.pos += n
		switch {
		case l.sql[l.pos] == '*' && l.at(1) == '/':
			depth--
			l.pos += 2
		case l.sql[l.pos] == '/' && l.at(1) == '*':
			depth++
			l.pos += 2
		default:
			l.pos++
		}
	}
	return nil
}

// word reads a keyword, an unquoted name, or a string with a letter before its quote.
func (l *lexer) word(afterDot bool) (token, *sqlstate.Error) {
	start := l.pos
	switch next := l.at(1); {
	case next == '\'':
		switch l.sql[start] {
		case 'b', 'B':
			return l.quoted(quoteBits, 2)
		case 'x', 'X':
			return l.quoted(quoteHexBits, 2)
		case 'e', 'E':
			return l.quoted(quoteEscape, 2)
		case 'n', 'N':
			l.pos++
			return token{kind: kindNChar, start: start, end: l.pos}, nil
		}
	case next == '&' && (l.sql[start] == 'u' || l.sql[start] == 'U'):
		switch l.at(2) {
		case '\'':
			return l.unicodeString()
		case '"':
			return l.unicodeName()
		}
	}
	end := start + 1
	for end < len(l.sql) && isIdentPart(l.sql[end]) {
		end++
	}
	l.pos = end
	t := token{kind: kindWord, start: start, end: end}
	if !afterDot {
		t.keyword = lookup(l.sql[start:end])
	}
	return t, nil
}

// self reads the tokens made of characters that are no operators.
func (l *lexer) self() (token, *sqlstate.Error) {
	t := token{start: l.pos, end: l.pos + 1}
	switch l.sql[l.pos] {
	case ',':
		t.kind = kindComma
	case ';':
		t.kind = kindSemicolon
	case '(':
		t.kind = kindOpen
	case ')':
		t.kind = kindClose
	case '[':
		t.kind = kindSquare
	case ']':
		t.kind = kindUnsquare
	case '.':
		switch next := l.at(1); {
		case next == '.':
			t.kind, t.end = kindOther, t.end+1
		case isDigit(next):
			return l.number()
		default:
			t.kind = kindDot
			l.dot = true
		}
	case ':':
		t.kind = kindOther
		switch l.at(1) {
		case ':':
			t.kind, t.end = kindOperator, t.end+1
		case '=':
			t.end++
		}
	}
	l.pos = t.end
	return t, nil
}

// operatorMax is the longest operator (NAMEDATALEN - 1, src/include/pg_config_manual.h), in bytes.
const operatorMax = 63

// operator reads the longest operator, which ends before a comment, and drops + and - from its end if nothing before
// them is outside the operators of standard SQL: =- is two operators, @- is one.
func (l *lexer) operator() (token, *sqlstate.Error) {
	start := l.pos
	end := start + 1
	for end < len(l.sql) && charClasses[l.sql[end]] == charOperator {
		if pair := l.sql[end:min(end+2, len(l.sql))]; pair == "--" || pair == "/*" {
			break
		}
		end++
	}
	if last := l.sql[end-1]; end-start > 1 && (last == '+' || last == '-') &&
		!strings.ContainsAny(l.sql[start:end-1], "~!@#^&|`?%") {
		for end--; end-start > 1 && (l.sql[end-1] == '+' || l.sql[end-1] == '-'); {
			end--
		}
	}
	if end-start > operatorMax {
		return token{}, l.fail(start, "operator too long")
	}
	l.pos = end
	return token{kind: kindOperator, start: start, end: end}, nil
}

// dollar reads a parameter or a dollar-quoted string.
func (l *lexer) dollar() (token, *sqlstate.Error) {
	start := l.pos
	end := start + 1
	if isDigit(l.at(1)) {
		for end < len(l.sql) && isDigit(l.sql[end]) {
			end++
		}
		if end < len(l.sql) && isIdentStart(l.sql[end]) {
			return token{}, l.fail(start, "trailing junk after parameter")
		}
		if len(strings.TrimLeft(l.sql[start+1:end], "0")) > parameterDigitsMax {
			return token{}, l.fail(start, "parameter number too large")
		}
		l.pos = end
		return token{kind: kindParam, start: start, end: end}, nil
	}
	for end < len(l.sql) && (isIdentStart(l.sql[end]) || isDigit(l.sql[end])) {
		end++
	}
	if end == len(l.sql) || l.sql[end] != '$' {
		return token{}, l.fail(start, `syntax error at or near "$"`)
	}
	end++
	tag := l.sql[start:end]
	n := strings.Index(l.sql[end:], tag)
	if n < 0 {
		return token{}, l.fail(start, "unterminated dollar-quoted string")
	}
	l.pos = end + n + len(tag)
	return token{kind: kindLiteral, class: ClassString, start: start, end: l.pos, value: l.sql[end : end+n]}, nil
}

// parameterDigitsMax keeps parameter numbers within what the parser's 32 bits hold; the protocol carries 65535.
const parameterDigitsMax = 9
