package shard

import (
	"math"
	"math/big"
	"strconv"

	"github.com/portcullisdb/portcullis/shard/java"
)

// Class is the Java class in which ShardingSphere would see a value.
type Class uint8

// The classes, with the PostgreSQL types that arrive in them.
const (
	ClassNull       Class = iota // NULL of any type
	ClassInteger                 // smallint, integer
	ClassLong                    // bigint
	ClassBigInteger              // no column; integer literals beyond bigint
	ClassBigDecimal              // numeric
	ClassFloat                   // real
	ClassDouble                  // double precision
	ClassBoolean                 // boolean
	ClassString                  // text, varchar, char; uuid in its canonical lower case
)

// Value is one value of a shard key. The caller converts to the type of the column first, so that 1, '1' and 1::bigint
// are one value. The zero Value is NULL. Values of dates and times cannot be made yet: no algorithm here takes them.
type Value struct {
	class   Class
	bits    int64 // Integer, Long; Boolean as 0 or 1; the bits of Float and Double
	text    string
	decimal java.Decimal // BigInteger, BigDecimal
}

// Null returns NULL.
func Null() Value { return Value{} }

// Int returns a smallint or integer.
func Int(n int32) Value { return Value{class: ClassInteger, bits: int64(n)} }

// Long returns a bigint.
func Long(n int64) Value { return Value{class: ClassLong, bits: n} }

// BigInteger returns an integer of any size; n must not be changed afterwards.
func BigInteger(n *big.Int) Value {
	return Value{class: ClassBigInteger, decimal: java.NewDecimal(n, 0)}
}

// Decimal returns a numeric from PostgreSQL's text of it, whose scale counts. It returns ErrValue for what is no number:
// NaN and the infinities too, which BigDecimal does not know.
func Decimal(text string) (Value, error) {
	d, err := java.ParseDecimal(text)
	if err != nil {
		return Value{}, ErrValue
	}
	return Value{class: ClassBigDecimal, decimal: d}, nil
}

// Float returns a real.
func Float(f float32) Value { return Value{class: ClassFloat, bits: int64(math.Float32bits(f))} }

// Double returns a double precision.
func Double(f float64) Value { return Value{class: ClassDouble, bits: int64(math.Float64bits(f))} }

// Boolean returns a boolean.
func Boolean(b bool) Value {
	if b {
		return Value{class: ClassBoolean, bits: 1}
	}
	return Value{class: ClassBoolean}
}

// Text returns a text, varchar, char, or a uuid in its canonical form. It keeps s.
func Text(s string) Value { return Value{class: ClassString, text: s} }

// Class returns the class of v.
func (v Value) Class() Class { return v.class }

// IsNull reports whether v is NULL.
func (v Value) IsNull() bool { return v.class == ClassNull }

// isNumber reports whether v is a java.lang.Number.
func (v Value) isNumber() bool { return ClassInteger <= v.class && v.class <= ClassDouble }

// isIntegral reports whether the class of v has no fractions.
func (v Value) isIntegral() bool { return ClassInteger <= v.class && v.class <= ClassBigInteger }

// longValue returns Number.longValue. v must be a number.
func (v Value) longValue() int64 {
	switch v.class {
	case ClassInteger, ClassLong:
		return v.bits
	case ClassFloat, ClassDouble:
		return java.DoubleToLong(v.float())
	}
	return v.decimal.LongValue()
}

// exactLong returns a number cut toward zero and whether that is within 64 bits, so that longValue neither wraps nor
// saturates. v must be a number.
func (v Value) exactLong() (int64, bool) {
	switch v.class {
	case ClassInteger, ClassLong:
		return v.bits, true
	case ClassFloat, ClassDouble:
		f := v.float()
		return java.DoubleToLong(f), f > -0x1p63 && f < 0x1p63 // false for NaN
	}
	return v.decimal.Int64()
}

// hasFraction reports whether something is cut off by longValue. v must be a number.
func (v Value) hasFraction() bool {
	switch v.class {
	case ClassFloat, ClassDouble:
		f := v.float()
		return f != math.Trunc(f)
	case ClassBigDecimal:
		return !v.decimal.IsInteger()
	}
	return false
}

// float returns the value of a Float or Double.
func (v Value) float() float64 {
	if v.class == ClassFloat {
		return float64(math.Float32frombits(uint32(v.bits)))
	}
	return math.Float64frombits(uint64(v.bits))
}

// javaText returns toString() of the Java object.
func (v Value) javaText() string {
	switch v.class {
	case ClassInteger, ClassLong:
		return strconv.FormatInt(v.bits, 10)
	case ClassBigInteger, ClassBigDecimal:
		return v.decimal.String()
	case ClassFloat:
		return java.FloatText(math.Float32frombits(uint32(v.bits)))
	case ClassDouble:
		return java.DoubleText(v.float())
	case ClassBoolean:
		return strconv.FormatBool(v.bits == 1)
	}
	return v.text
}
