package scan

import (
	"math/big"
	"strings"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// numberMax is the longest number in another base than ten, in bytes. The work of making it decimal grows faster than
// its length.
const numberMax = 1 << 14

// number reads a number that starts with a digit or with a point and a digit.
func (l *lexer) number() (token, *sqlstate.Error) {
	start := l.pos
	if base := baseOf(l.sql[start:]); base != 10 {
		return l.based(start, base)
	}
	end := l.integer(start)
	integer := true
	switch {
	case strings.HasPrefix(l.sql[end:], "..") && end > start && strings.IndexByte(l.sql[start:end], '_') < 0:
		// 1..10 is 1, two points, 10; but 1_0..10 is 1_0. and .10 until PostgreSQL 17.
		return l.numberToken(start, end, true)
	case end < len(l.sql) && l.sql[end] == '.':
		integer = false
		end = l.integer(end + 1)
	}
	if end < len(l.sql) && l.sql[end]|0x20 == 'e' {
		exponent := end + 1
		if exponent < len(l.sql) && (l.sql[exponent] == '+' || l.sql[exponent] == '-') {
			exponent++
		}
		if digitsEnd := l.integer(exponent); digitsEnd > exponent {
			integer, end = false, digitsEnd
		}
	}
	if end < len(l.sql) && isIdentStart(l.sql[end]) {
		return token{}, l.fail(start, "trailing junk after numeric literal")
	}
	return l.numberToken(start, end, integer)
}

// integer passes decimal digits with single underscores between them.
func (l *lexer) integer(i int) int {
	for i < len(l.sql) && isDigit(l.sql[i]) {
		i++
		if i+1 < len(l.sql) && l.sql[i] == '_' && isDigit(l.sql[i+1]) {
			i++
		}
	}
	return i
}

func (l *lexer) numberToken(start, end int, integer bool) (token, *sqlstate.Error) {
	l.pos = end
	t := token{kind: kindLiteral, class: ClassNumeric, start: start, end: end}
	t.value = strings.ReplaceAll(l.sql[start:end], "_", "")
	if integer {
		t.value = trimZeros(t.value)
		t.class = classOf(t.value)
	}
	return t, nil
}

// based reads a number in base 2, 8 or 16.
func (l *lexer) based(start int, base uint32) (token, *sqlstate.Error) {
	end := start + 2
	for end < len(l.sql) {
		digitAt := end
		if l.sql[end] == '_' {
			digitAt++
		}
		if digitAt == len(l.sql) || digit(l.sql[digitAt]) >= base {
			break
		}
		end = digitAt + 1
	}
	if end == start+2 {
		return token{}, l.fail(start, map[uint32]string{
			2: "invalid binary integer", 8: "invalid octal integer", 16: "invalid hexadecimal integer"}[base])
	}
	if end < len(l.sql) && (isIdentStart(l.sql[end]) || isDigit(l.sql[end])) {
		return token{}, l.fail(start, "trailing junk after numeric literal")
	}
	if end-start > numberMax {
		return token{}, l.failWith(sqlstate.ProgramLimitExceeded, start, "hexadecimal, octal or binary integer is too long")
	}
	l.pos = end
	value := Decimal(l.sql[start:end])
	return token{kind: kindLiteral, class: classOf(value), start: start, end: end, value: value}, nil
}

// baseOf returns the base of a number by its first two characters.
func baseOf(s string) uint32 {
	if len(s) < 2 || s[0] != '0' {
		return 10
	}
	switch s[1] | 0x20 {
	case 'x':
		return 16
	case 'o':
		return 8
	case 'b':
		return 2
	}
	return 10
}

// Decimal returns the plain decimal form of a number as the grammar writes it in a tree, where integers that do not fit
// 32 bits keep their text: 0x1_0000_0000 is 4294967296, 1_0.5 is 10.5, 007 is 7. It is what Literal.Value holds. A
// leading minus stays.
func Decimal(number string) string {
	if unsigned, negative := strings.CutPrefix(number, "-"); negative {
		return "-" + Decimal(unsigned)
	}
	if strings.IndexByte(number, '_') >= 0 {
		number = strings.ReplaceAll(number, "_", "")
	}
	if base := baseOf(number); base != 10 {
		if value, ok := new(big.Int).SetString(number[2:], int(base)); ok {
			return value.String()
		}
		return number
	}
	if strings.ContainsAny(number, ".eE") {
		return number
	}
	return trimZeros(number)
}

// trimZeros removes leading zeros, but not the last digit.
func trimZeros(number string) string {
	for len(number) > 1 && number[0] == '0' {
		number = number[1:]
	}
	return number
}

// The largest integers of their types, and one more.
const (
	int4Max  = "2147483647"
	int4Edge = "2147483648"
	int8Max  = "9223372036854775807"
	int8Edge = "9223372036854775808"
)

// classOf returns the class of an integer in plain decimal form.
func classOf(decimal string) Class {
	switch {
	case atMost(decimal, int4Max):
		return ClassInt4
	case decimal == int4Edge:
		return ClassInt4Edge
	case atMost(decimal, int8Max):
		return ClassInt8
	case decimal == int8Edge:
		return ClassInt8Edge
	}
	return ClassNumeric
}

func atMost(decimal, limit string) bool {
	return len(decimal) < len(limit) || len(decimal) == len(limit) && decimal <= limit
}
