package scan

import (
	"strings"
	"unicode/utf8"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// quote is a form of quoted literal.
type quote byte

const (
	quotePlain quote = iota
	quoteEscape
	quoteBits
	quoteHexBits
)

// invalidEscapeSequence is ERRCODE_INVALID_ESCAPE_SEQUENCE.
var invalidEscapeSequence = sqlstate.FromServer("22025")

// quoted reads a literal whose opening, quote included, is so many bytes long.
func (l *lexer) quoted(q quote, opening int) (token, *sqlstate.Error) {
	start := l.pos
	t := token{kind: kindLiteral, class: ClassString, start: start}
	l.pos += opening
	var err *sqlstate.Error
	switch q {
	case quoteBits, quoteHexBits:
		t.class = ClassBits
		prefix := "b"
		if q == quoteHexBits {
			t.class, prefix = ClassHexBits, "x"
		}
		t.value, err = l.bits(start, prefix)
	case quoteEscape:
		t.value, err = l.escapeString(start)
	default:
		t.value, err = l.plainString(start)
	}
	t.end = l.pos
	return t, err
}

// plainString reads up to the closing quote of a string in which only the quote is special. The value is a piece of the
// text if it can be.
func (l *lexer) plainString(start int) (string, *sqlstate.Error) {
	var buffer []byte
	for {
		n := strings.IndexByte(l.sql[l.pos:], '\'')
		if n < 0 {
			return "", l.fail(start, "unterminated quoted string")
		}
		piece := l.sql[l.pos : l.pos+n]
		l.pos += n + 1
		switch {
		case l.at(0) == '\'':
			buffer = append(append(buffer, piece...), '\'')
			l.pos++
		case l.continued():
			buffer = append(buffer, piece...)
		case buffer == nil:
			return piece, nil
		default:
			return string(append(buffer, piece...)), nil
		}
	}
}

// bits reads a bit string. Its digits are checked later, by the type's input function.
func (l *lexer) bits(start int, prefix string) (string, *sqlstate.Error) {
	buffer := []byte(prefix)
	for {
		n := strings.IndexByte(l.sql[l.pos:], '\'')
		if n < 0 {
			if prefix == "b" {
				return "", l.fail(start, "unterminated bit string literal")
			}
			return "", l.fail(start, "unterminated hexadecimal string literal")
		}
		buffer = append(buffer, l.sql[l.pos:l.pos+n]...)
		l.pos += n + 1
		if !l.continued() {
			return string(buffer), nil
		}
	}
}

// continued passes what may stand between two pieces of one string, blanks and line comments with at least one end of
// line in them, if another quote follows.
func (l *lexer) continued() bool {
	newline := false
	for i := l.pos; i < len(l.sql); i++ {
		switch c := l.sql[i]; {
		case c == '\n' || c == '\r':
			newline = true
		case isSpace(c):
		case c == '-' && strings.HasPrefix(l.sql[i:], "--"):
			n := strings.IndexAny(l.sql[i:], "\n\r")
			if n < 0 {
				return false
			}
			i += n - 1
		case c == '\'' && newline:
			l.pos = i + 1
			return true
		default:
			return false
		}
	}
	return false
}

// escapeString reads up to the closing quote of E'...'.
func (l *lexer) escapeString(start int) (string, *sqlstate.Error) {
	var buffer []byte
	check := false // an escape may have made the value invalid
	for {
		n := strings.IndexAny(l.sql[l.pos:], `'\`)
		if n < 0 {
			return "", l.fail(start, "unterminated quoted string")
		}
		piece := l.sql[l.pos : l.pos+n]
		l.pos += n
		if l.sql[l.pos] == '\'' {
			l.pos++
			switch {
			case l.at(0) == '\'':
				buffer = append(append(buffer, piece...), '\'')
				l.pos++
			case l.continued():
				buffer = append(buffer, piece...)
			case buffer == nil:
				return piece, nil
			default:
				buffer = append(buffer, piece...)
				if check && (!utf8.Valid(buffer) || strings.IndexByte(string(buffer), 0) >= 0) {
					return "", l.failWith(sqlstate.CharacterNotInRepertoire, start,
						`invalid byte sequence for encoding "UTF8"`)
				}
				return string(buffer), nil
			}
			continue
		}
		buffer = append(buffer, piece...)
		var err *sqlstate.Error
		var raw bool
		if buffer, raw, err = l.escape(buffer, start); err != nil {
			return "", err
		}
		check = check || raw
	}
}

// escape decodes one escape of E'...'. raw reports a byte that need not fit its neighbours.
func (l *lexer) escape(buffer []byte, start int) (_ []byte, raw bool, _ *sqlstate.Error) {
	if l.pos+1 == len(l.sql) {
		return nil, false, l.fail(start, "unterminated quoted string")
	}
	c := l.sql[l.pos+1]
	switch {
	case c == 'u' || c == 'U':
		r, err := l.unicodeEscape()
		return utf8.AppendRune(buffer, r), false, err
	case c >= '0' && c <= '7':
		value, n := digits(l.sql[l.pos+1:], 8, 3)
		l.pos += 1 + n
		return append(buffer, byte(value)), true, nil
	case c == 'x':
		if value, n := digits(l.sql[l.pos+2:], 16, 2); n > 0 {
			l.pos += 2 + n
			return append(buffer, byte(value)), true, nil
		}
	}
	l.pos += 2
	switch c {
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	}
	return append(buffer, c), c >= 0x80, nil
}

// unicodeEscape decodes \uXXXX, \UXXXXXXXX, or two of them that make a surrogate pair.
func (l *lexer) unicodeEscape() (rune, *sqlstate.Error) {
	at := l.pos
	c, err := l.unicodeDigits()
	if err != nil {
		return 0, err
	}
	if isSurrogateFirst(c) {
		at = l.pos
		if l.at(0) != '\\' || l.at(1) != 'u' && l.at(1) != 'U' {
			return 0, l.fail(at, "invalid Unicode surrogate pair")
		}
		second, err := l.unicodeDigits()
		if err != nil {
			return 0, err
		}
		if !isSurrogateSecond(second) {
			return 0, l.fail(at, "invalid Unicode surrogate pair")
		}
		return rune(joinSurrogates(c, second)), nil
	}
	switch {
	case isSurrogateSecond(c):
		return 0, l.fail(at, "invalid Unicode surrogate pair")
	case c == 0 || c > utf8.MaxRune:
		return 0, l.fail(at, "invalid Unicode escape value")
	}
	return rune(c), nil
}

func (l *lexer) unicodeDigits() (uint32, *sqlstate.Error) {
	width := 4
	if l.at(1) == 'U' {
		width = 8
	}
	value, n := digits(l.sql[l.pos+2:], 16, width)
	if n < width {
		return 0, l.failWith(invalidEscapeSequence, l.pos, "invalid Unicode escape").
			WithHint(`Unicode escapes must be \uXXXX or \UXXXXXXXX.`)
	}
	l.pos += 2 + width
	return value, nil
}

func isSurrogateFirst(c uint32) bool  { return c >= 0xD800 && c <= 0xDBFF }
func isSurrogateSecond(c uint32) bool { return c >= 0xDC00 && c <= 0xDFFF }

func joinSurrogates(first, second uint32) uint32 {
	return (first&0x3FF)<<10 + second&0x3FF + 0x10000
}

// digits reads up to n digits of a base.
func digits(s string, base uint32, n int) (value uint32, read int) {
	for read < n && read < len(s) {
		d := digit(s[read])
		if d >= base {
			break
		}
		value = value*base + d
		read++
	}
	return value, read
}

// digit is the value of a hexadecimal digit; more than any base for another byte.
func digit(c byte) uint32 {
	switch {
	case c >= '0' && c <= '9':
		return uint32(c - '0')
	case c >= 'a' && c <= 'f':
		return uint32(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return uint32(c-'A') + 10
	}
	return 255
}

// unicodeString reads U&'...' and the UESCAPE clause behind it.
func (l *lexer) unicodeString() (token, *sqlstate.Error) {
	start := l.pos
	l.pos += 3
	raw, err := l.plainString(start)
	if err != nil {
		return token{}, err
	}
	escape, _, err := l.uescape()
	if err != nil {
		return token{}, err
	}
	value, err := l.decodeUnicode(raw, escape, start)
	return token{kind: kindLiteral, class: ClassString, start: start, end: l.pos, value: value}, err
}

// name reads "..." and keeps its text.
func (l *lexer) name() (token, *sqlstate.Error) {
	start := l.pos
	l.pos++
	if err := l.skipName(start); err != nil {
		return token{}, err
	}
	return token{kind: kindName, start: start, end: l.pos}, nil
}

// skipName passes a quoted name behind its opening quote.
func (l *lexer) skipName(start int) *sqlstate.Error {
	begin := l.pos
	for {
		n := strings.IndexByte(l.sql[l.pos:], '"')
		if n < 0 {
			return l.fail(start, "unterminated quoted identifier")
		}
		l.pos += n + 1
		if l.at(0) != '"' {
			break
		}
		l.pos++
	}
	if l.pos == begin+1 {
		return l.fail(start, "zero-length delimited identifier")
	}
	return nil
}

// unicodeName reads U&"..." and the UESCAPE clause behind it. The token's value is its text in one fixed form.
func (l *lexer) unicodeName() (token, *sqlstate.Error) {
	start := l.pos
	l.pos += 3
	if err := l.skipName(start); err != nil {
		return token{}, err
	}
	text := l.sql[start:l.pos]
	escape, given, err := l.uescape()
	if err != nil {
		return token{}, err
	}
	if _, err := l.decodeUnicode(strings.ReplaceAll(text[3:len(text)-1], `""`, `"`), escape, start); err != nil {
		return token{}, err
	}
	if given {
		text += " UESCAPE '" + string(rune(escape)) + "'"
	}
	return token{kind: kindEscapedName, start: start, end: l.pos, value: text}, nil
}

// uescape reads UESCAPE and its string, if they follow (src/backend/parser/parser.c, base_yylex).
func (l *lexer) uescape() (escape byte, given bool, _ *sqlstate.Error) {
	here := l.pos
	const word = "uescape"
	if l.skipBlanks() != nil || l.pos+len(word) > len(l.sql) || lookup(l.sql[l.pos:l.pos+len(word)]) != wordUescape ||
		isIdentPart(l.at(len(word))) {
		// A comment that does not end is found again, as a token of its own.
		l.pos = here
		return '\\', false, nil
	}
	l.pos += len(word)
	if err := l.skipBlanks(); err != nil {
		return 0, false, err
	}
	var (
		t   token
		err *sqlstate.Error
	)
	switch c := l.at(0); {
	case c == '\'':
		t, err = l.quoted(quotePlain, 1)
	case c|0x20 == 'e' && l.at(1) == '\'':
		t, err = l.quoted(quoteEscape, 2)
	case c == '$' && !isDigit(l.at(1)):
		t, err = l.dollar()
	default:
		return 0, false, l.fail(l.pos, "UESCAPE must be followed by a simple string literal")
	}
	if err != nil {
		return 0, false, err
	}
	if len(t.value) != 1 || digit(t.value[0]) < 16 || isSpace(t.value[0]) || strings.Contains(`+'"`, t.value) {
		return 0, false, l.fail(t.start, "invalid Unicode escape character")
	}
	return t.value[0], true, nil
}

// decodeUnicode decodes the escapes of U&'...' or U&"..." (src/backend/parser/parser.c, str_udeescape).
func (l *lexer) decodeUnicode(raw string, escape byte, start int) (string, *sqlstate.Error) {
	if strings.IndexByte(raw, escape) < 0 {
		return raw, nil
	}
	buffer := make([]byte, 0, len(raw))
	var first uint32 // of a surrogate pair
	for i := 0; i < len(raw); {
		if raw[i] != escape {
			if first != 0 {
				return "", l.fail(start, "invalid Unicode surrogate pair")
			}
			buffer = append(buffer, raw[i])
			i++
			continue
		}
		if i+1 < len(raw) && raw[i+1] == escape {
			if first != 0 {
				return "", l.fail(start, "invalid Unicode surrogate pair")
			}
			buffer = append(buffer, escape)
			i += 2
			continue
		}
		width, skip := 4, 1
		if i+1 < len(raw) && raw[i+1] == '+' {
			width, skip = 6, 2
		}
		value, n := digits(raw[min(i+skip, len(raw)):], 16, width)
		if n < width {
			return "", l.fail(start, "invalid Unicode escape").WithHint(`Unicode escapes must be \XXXX or \+XXXXXX.`)
		}
		i += skip + width
		switch {
		case value == 0 || value > utf8.MaxRune:
			return "", l.fail(start, "invalid Unicode escape value")
		case isSurrogateSecond(value) != (first != 0):
			return "", l.fail(start, "invalid Unicode surrogate pair")
		case isSurrogateFirst(value):
			first = value
			continue
		case first != 0:
			value, first = joinSurrogates(first, value), 0
		}
		buffer = utf8.AppendRune(buffer, rune(value))
	}
	if first != 0 {
		return "", l.fail(start, "invalid Unicode surrogate pair")
	}
	return string(buffer), nil
}
