package java

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"unicode"
)

// ErrNumber says that a text is not a number of the class that was asked for (java.lang.NumberFormatException).
var ErrNumber = errors.New("not a number")

// ParseInt reads an int as Integer.parseInt does: a sign or none, then decimal digits of any script of the Basic
// Multilingual Plane, without blanks. It returns ErrNumber for everything else and outside of -2^31..2^31-1.
func ParseInt(s string) (int32, error) {
	n, err := ParseLong(s)
	if err != nil || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, ErrNumber
	}
	return int32(n), nil
}

// ParseLong reads a long as Long.parseLong does; see ParseInt for the form.
func ParseLong(s string) (int64, error) {
	negative, digits := cutSign(s)
	if digits == "" {
		return 0, ErrNumber
	}
	var n int64 // counted downwards: the range of negative numbers is the larger one
	for _, r := range digits {
		d, ok := digit(r)
		if !ok || n < math.MinInt64/10 {
			return 0, ErrNumber
		}
		n *= 10
		if n < math.MinInt64+int64(d) {
			return 0, ErrNumber
		}
		n -= int64(d)
	}
	if negative {
		return n, nil
	}
	if n == math.MinInt64 {
		return 0, ErrNumber
	}
	return -n, nil
}

// ParseBigInteger reads an integer of any size as new BigInteger(s) does; see ParseInt for the form. It takes time in
// the square of the length, so the caller bounds the text.
func ParseBigInteger(s string) (*big.Int, error) {
	ascii, err := asciiInteger(s)
	if err != nil {
		return nil, err
	}
	n, ok := new(big.Int).SetString(ascii, 10)
	if !ok {
		return nil, ErrNumber
	}
	return n, nil
}

// FloorModText returns new BigInteger(s).mod(m): the floored modulus, 0 <= result < m, of an integer text of any
// length. It takes time in the length of the text and no memory. m must be above 0.
func FloorModText(s string, m int32) (int32, error) {
	negative, digits := cutSign(s)
	if digits == "" {
		return 0, ErrNumber
	}
	var rest int64
	for _, r := range digits {
		d, ok := digit(r)
		if !ok {
			return 0, ErrNumber
		}
		rest = (rest*10 + int64(d)) % int64(m)
	}
	if negative && rest > 0 {
		rest = int64(m) - rest
	}
	return int32(rest), nil
}

// FloorMod returns Math.floorMod(n, m): 0 <= result < m. m must be above 0.
func FloorMod(n int64, m int32) int32 {
	rest := n % int64(m)
	if rest < 0 {
		rest += int64(m)
	}
	return int32(rest)
}

// LongValue returns BigInteger.longValue: the low 64 bits of two's complement.
func LongValue(n *big.Int) int64 {
	if n.IsInt64() {
		return n.Int64()
	}
	low := new(big.Int).And(n, maxUint64) // And of a negative number is that of its two's complement
	return int64(low.Uint64())
}

// maxUint64 is the constant 2^64-1; it is never written.
var maxUint64 = new(big.Int).SetUint64(math.MaxUint64)

// ParseBoolean reads a boolean as Boolean.parseBoolean does: "true" in any case is true, everything else is false.
func ParseBoolean(s string) bool { return strings.EqualFold(s, "true") && len(s) == len("true") }

// cutSign separates one leading sign from what follows.
func cutSign(s string) (negative bool, rest string) {
	if s == "" {
		return false, ""
	}
	switch s[0] {
	case '-':
		return true, s[1:]
	case '+':
		return false, s[1:]
	}
	return false, s
}

// digit returns the value of a decimal digit as Character.digit(char, 10) does. Java looks at UTF-16 units here, so
// that digits outside of the Basic Multilingual Plane are none.
func digit(r rune) (int, bool) {
	if r >= '0' && r <= '9' {
		return int(r - '0'), true
	}
	if r < 0x80 || !unicode.Is(unicode.Nd, r) {
		return 0, false
	}
	// The digits 0 to 9 of a script stand side by side (Unicode, "Numeric Type"), and Go's table holds them in whole
	// runs of ten: the run's first digit is 0. R16 is the Basic Multilingual Plane.
	for _, run := range unicode.Nd.R16 {
		if r <= rune(run.Hi) {
			return int(r-rune(run.Lo)) % 10, true
		}
	}
	return 0, false
}

// asciiInteger returns an integer text with ASCII digits, or ErrNumber.
func asciiInteger(s string) (string, error) {
	negative, digits := cutSign(s)
	if digits == "" {
		return "", ErrNumber
	}
	out := make([]byte, 0, len(s))
	if negative {
		out = append(out, '-')
	}
	for _, r := range digits {
		d, ok := digit(r)
		if !ok {
			return "", ErrNumber
		}
		out = append(out, byte('0'+d))
	}
	return string(out), nil
}
