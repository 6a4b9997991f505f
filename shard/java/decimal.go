package java

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// DecimalDigitsMax is the largest number of characters that ParseDecimal reads. PostgreSQL's numeric has at most
// 131072 digits before and 16383 after the decimal point (numeric.h).
const DecimalDigitsMax = 131072 + 16383 + 2

// Decimal is a java.math.BigDecimal: unscaled * 10^-scale. 1.0 and 1.00 are different values of it. It is immutable; the
// zero Decimal is 0.
type Decimal struct {
	unscaled *big.Int // nil is 0
	scale    int32
}

// NewDecimal returns unscaled * 10^-scale. It keeps unscaled, which must not be changed afterwards.
func NewDecimal(unscaled *big.Int, scale int32) Decimal { return Decimal{unscaled, scale} }

// DecimalOf returns an integer.
func DecimalOf(n int64) Decimal { return Decimal{big.NewInt(n), 0} }

// ParseDecimal reads a number as new BigDecimal(s) does: sign, digits with at most one point, exponent. It returns
// ErrNumber for everything else ("NaN" and "Infinity" included), for more than DecimalDigitsMax characters, and for
// scales outside of an int.
func ParseDecimal(s string) (Decimal, error) {
	if len(s) > DecimalDigitsMax {
		return Decimal{}, ErrNumber
	}
	mantissa, exponent := s, int64(0)
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := ParseInt(s[i+1:])
		if err != nil {
			return Decimal{}, ErrNumber
		}
		mantissa, exponent = s[:i], int64(e)
	}
	sign, digits := cutSign(mantissa)
	whole, fraction, _ := strings.Cut(digits, ".")
	if whole+fraction == "" {
		return Decimal{}, ErrNumber
	}
	if c := (whole + fraction)[0]; c == '+' || c == '-' {
		return Decimal{}, ErrNumber
	}
	unscaled, err := ParseBigInteger(whole + fraction)
	if err != nil {
		return Decimal{}, err
	}
	if sign {
		unscaled.Neg(unscaled)
	}
	places := 0
	for range fraction { // one digit of any script is one place
		places++
	}
	scale := int64(places) - exponent
	if scale < math.MinInt32 || scale > math.MaxInt32 {
		return Decimal{}, ErrNumber
	}
	return Decimal{unscaled, int32(scale)}, nil
}

// Unscaled returns the unscaled value, which must not be changed.
func (d Decimal) Unscaled() *big.Int {
	if d.unscaled == nil {
		return zero
	}
	return d.unscaled
}

// zero is the constant 0; it is never written.
var zero = new(big.Int)

// Scale returns the number of digits after the decimal point; negative: the number of zeros before it.
func (d Decimal) Scale() int32 { return d.scale }

// Sign returns -1, 0 or 1.
func (d Decimal) Sign() int { return d.Unscaled().Sign() }

// Precision returns the number of digits of the unscaled value, at least 1 (BigDecimal.precision).
func (d Decimal) Precision() int { return len(d.digits()) }

// digits returns the decimal digits of |unscaled|.
func (d Decimal) digits() string { return strings.TrimPrefix(d.Unscaled().String(), "-") }

// Plus returns the exact sum, of the larger scale (BigDecimal.add). Like Minus and Cmp it takes memory in the difference
// of the scales, which the caller bounds.
func (d Decimal) Plus(e Decimal) Decimal {
	x, y, scale := align(d, e)
	return Decimal{new(big.Int).Add(x, y), scale}
}

// Minus returns the exact difference (BigDecimal.subtract).
func (d Decimal) Minus(e Decimal) Decimal {
	x, y, scale := align(d, e)
	return Decimal{new(big.Int).Sub(x, y), scale}
}

// Cmp compares by value (BigDecimal.compareTo): 1.0 and 1.00 are equal.
func (d Decimal) Cmp(e Decimal) int {
	x, y, _ := align(d, e)
	return x.Cmp(y)
}

// align returns both numbers as integers of the larger of their scales.
func align(d, e Decimal) (x, y *big.Int, scale int32) {
	x, y = d.Unscaled(), e.Unscaled()
	switch {
	case d.scale < e.scale:
		x = new(big.Int).Mul(x, power10(int64(e.scale)-int64(d.scale)))
	case d.scale > e.scale:
		y = new(big.Int).Mul(y, power10(int64(d.scale)-int64(e.scale)))
	}
	return x, y, max(d.scale, e.scale)
}

// String returns the number as BigDecimal.toString does: it keeps the scale, and uses an exponent ("1E+3", "0E-7") where
// the scale is negative or there would be more than six zeros after the point.
func (d Decimal) String() string {
	digits := d.digits()
	sign := ""
	if d.Sign() < 0 {
		sign = "-"
	}
	scale := int64(d.scale)
	if scale == 0 {
		return sign + digits
	}
	adjusted := int64(len(digits)) - 1 - scale
	if scale > 0 && adjusted >= -6 {
		point := int64(len(digits)) - scale
		if point <= 0 {
			return sign + "0." + strings.Repeat("0", int(-point)) + digits
		}
		return sign + digits[:point] + "." + digits[point:]
	}
	out := sign + digits[:1]
	if len(digits) > 1 {
		out += "." + digits[1:]
	}
	if adjusted == 0 {
		return out
	}
	out += "E"
	if adjusted > 0 {
		out += "+"
	}
	return out + strconv.FormatInt(adjusted, 10)
}

// IsInteger reports whether the number has no fraction other than zeros.
func (d Decimal) IsInteger() bool {
	if d.scale <= 0 || d.Sign() == 0 {
		return true
	}
	digits := d.digits()
	return int64(d.scale) < int64(len(digits)) && strings.Trim(digits[len(digits)-int(d.scale):], "0") == ""
}

// Int64 returns the number cut to an integer toward zero, and whether that is within 64 bits.
func (d Decimal) Int64() (n int64, ok bool) {
	// |unscaled| has len digits: the integer part has len - scale of them, and a long has at most 19.
	if d.Sign() != 0 && int64(d.Precision())-int64(d.scale) > 19 {
		return 0, false
	}
	i := d.truncate()
	return i.Int64(), i.IsInt64()
}

// LongValue returns BigDecimal.longValue: the fraction cut off, then the low 64 bits.
func (d Decimal) LongValue() int64 {
	if d.Sign() == 0 || d.scale <= -64 { // 10^64 is a multiple of 2^64
		return 0
	}
	return LongValue(d.truncate())
}

// truncate returns the integer part. A negative scale must be bounded by the caller.
func (d Decimal) truncate() *big.Int {
	switch {
	case d.scale == 0 || d.Sign() == 0:
		return d.Unscaled()
	case d.scale < 0:
		return new(big.Int).Mul(d.unscaled, power10(-int64(d.scale)))
	case int64(d.scale) >= int64(d.Precision()):
		return zero
	}
	return new(big.Int).Quo(d.unscaled, power10(int64(d.scale)))
}

// power10 returns 10^n.
func power10(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }
