package inline

import (
	"strings"
	"unicode/utf8"
)

// lexer cuts the inside of ${...} into tokens. It does not read ahead, so that the parser can go over to the text of a
// quoted template at any token.
type lexer struct {
	source string
	pos    int // byte offset of what comes next
}

type tokenKind int

const (
	tokenEnd      tokenKind = iota // the end of the source
	tokenInteger                   // text: the digits; suffix separate
	tokenDecimal                   // text: digits, point, digits
	tokenText                      // text: what stands between single quotes
	tokenQuote                     // a double quote: a template begins
	tokenName                      // text: the name
	tokenOperator                  // text: the operator or bracket
)

type token struct {
	kind   tokenKind
	text   string
	suffix byte // tokenInteger: 'L', 'G' or 0
	offset int
}

// quote returns the token for a message.
func (t token) quote() string {
	switch t.kind {
	case tokenEnd:
		return "the end of the expression"
	case tokenText:
		return "a quoted text"
	case tokenQuote:
		return "\"\\\"\""
	}
	return "\"" + clip(t.text) + "\""
}

func (t token) is(operator string) bool { return t.kind == tokenOperator && t.text == operator }

// operators of the language, longer ones before their beginnings. Those of Groovy that are no part of it are here too
// where cutting them into shorter ones would give another meaning; the parser refuses them.
const operators = "..< .. ** ++ -- -> <=> <= >= << >> == != && || ?: ?. + - * / % < > ! ? : ( ) [ ] { } , ."

func (l *lexer) next() (token, error) {
	for l.pos < len(l.source) && (l.source[l.pos] == ' ' || l.source[l.pos] == '\t') {
		l.pos++
	}
	start := l.pos
	if start == len(l.source) {
		return token{kind: tokenEnd, offset: start}, nil
	}
	switch c := l.source[start]; {
	case isDigit(c):
		return l.number()
	case isLetter(c):
		for l.pos < len(l.source) && (isLetter(l.source[l.pos]) || isDigit(l.source[l.pos])) {
			l.pos++
		}
		return token{kind: tokenName, text: l.source[start:l.pos], offset: start}, nil
	case c == '\'':
		return l.text()
	case c == '"':
		if strings.HasPrefix(l.source[start:], `"""`) {
			return token{}, faultAt(start, "triple quotes are not understood")
		}
		l.pos++
		return token{kind: tokenQuote, text: `"`, offset: start}, nil
	case c == '\n' || c == '\r':
		return token{}, faultAt(start, "a line break within ${...} is not understood")
	}
	for operator := range strings.SplitSeq(operators, " ") {
		if strings.HasPrefix(l.source[start:], operator) {
			l.pos += len(operator)
			return token{kind: tokenOperator, text: operator, offset: start}, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(l.source[start:])
	return token{}, faultAt(start, "%q is not understood", string(r))
}

// number reads 12, 12L, 12G or 1.5. Groovy's other forms are refused: 010 would be 8.
func (l *lexer) number() (token, error) {
	start := l.pos
	t := token{kind: tokenInteger, offset: start}
	l.digits()
	if l.pos-start > 1 && l.source[start] == '0' {
		return token{}, faultAt(start, "a number with a leading zero is octal in Groovy; quote it: '%s'",
			clip(l.source[start:l.pos]))
	}
	// A point belongs to the number only before a digit: 0..2 is a range, 1.abs() a call.
	if l.pos+1 < len(l.source) && l.source[l.pos] == '.' && isDigit(l.source[l.pos+1]) {
		t.kind = tokenDecimal
		l.pos++
		l.digits()
	}
	t.text = l.source[start:l.pos]
	if l.pos < len(l.source) && isLetter(l.source[l.pos]) {
		suffix := l.source[l.pos] &^ 0x20 // upper case
		if t.kind == tokenDecimal || suffix != 'L' && suffix != 'G' {
			return token{}, faultAt(l.pos, "%q after a number is not understood", l.source[l.pos:l.pos+1])
		}
		t.suffix = suffix
		l.pos++
		if l.pos < len(l.source) && (isLetter(l.source[l.pos]) || isDigit(l.source[l.pos])) {
			return token{}, faultAt(l.pos, "%q after a number is not understood", l.source[l.pos:l.pos+1])
		}
	}
	return t, nil
}

func (l *lexer) digits() {
	for l.pos < len(l.source) && isDigit(l.source[l.pos]) {
		l.pos++
	}
}

// text reads a text in single quotes. ShardingSphere counts brackets without regard to quotes, so that "${" in a text
// would mean something else there.
func (l *lexer) text() (token, error) {
	start := l.pos
	if strings.HasPrefix(l.source[start:], "'''") {
		return token{}, faultAt(start, "triple quotes are not understood")
	}
	for i := start + 1; i < len(l.source); i++ {
		switch c := l.source[i]; {
		case c == '\'':
			l.pos = i + 1
			return token{kind: tokenText, text: l.source[start+1 : i], offset: start}, nil
		case c == '\\':
			return token{}, faultAt(i, "a backslash is not understood")
		case c == '\n' || c == '\r':
			return token{}, faultAt(i, "a line break within a quoted text is not understood")
		case openerLength(l.source[i:]) > 0:
			return token{}, faultAt(i, "%q within single quotes is not understood", l.source[i:i+openerLength(l.source[i:])])
		}
	}
	return token{}, faultAt(start, "the quote has no end")
}

// openerLength returns the length of the "${" or "$->{" with which s starts, or 0.
func openerLength(s string) int {
	for _, opener := range [...]string{"${", "$->{"} {
		if strings.HasPrefix(s, opener) {
			return len(opener)
		}
	}
	return 0
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }
