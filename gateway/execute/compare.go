package execute

import (
	"bytes"
	"cmp"
	"encoding/binary"
)

// The types that the gateway can order by itself (src/include/catalog/pg_type.dat).
const (
	oidBool        = 16
	oidBytea       = 17
	oidName        = 19
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidOID         = 26
	oidFloat4      = 700
	oidFloat8      = 701
	oidUnknown     = 705
	oidVarchar     = 1043
	oidDate        = 1082
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidNumeric     = 1700
	oidUUID        = 2950
)

// The format codes of the protocol.
const (
	formatText   int16 = 0
	formatBinary int16 = 1
)

// A comparer orders two binary values of one type as PostgreSQL's btree does.
type comparer func(a, b []byte) int

// comparerOf returns how binary values of a type compare; nil for a type whose order the gateway does not know. Text
// compares by its bytes: the planner may only name columns of collation "C".
func comparerOf(oid uint32) comparer {
	switch oid {
	case oidBool, oidBytea, oidUUID, oidText, oidVarchar:
		return bytes.Compare
	case oidInt2, oidInt4, oidInt8, oidDate, oidTimestamp, oidTimestamptz:
		return compareIntegers
	case oidNumeric:
		return compareNumerics
	}
	return nil
}

// compareIntegers compares two's complement numbers of equal width, also dates and timestamps: infinities are the ends
// of their range.
func compareIntegers(a, b []byte) int { return cmp.Compare(signed(a), signed(b)) }

func signed(b []byte) int64 {
	switch len(b) {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	case 8:
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// numeric is the binary form of numeric (src/backend/utils/adt/numeric.c, numeric_send): digits are base 10000.
type numeric struct {
	digits []byte // two bytes each
	weight int16
	sign   uint16
}

const (
	numericNegative    = 0x4000
	numericNaN         = 0xC000
	numericInfinity    = 0xD000
	numericNegInfinity = 0xF000
	numericHeaderBytes = 8
)

func readNumeric(b []byte) numeric {
	if len(b) < numericHeaderBytes {
		return numeric{sign: numericNaN}
	}
	n := numeric{weight: int16(binary.BigEndian.Uint16(b[2:])), sign: binary.BigEndian.Uint16(b[4:]),
		digits: b[numericHeaderBytes:]}
	for len(n.digits) >= 2 && n.digits[0] == 0 && n.digits[1] == 0 {
		n.digits, n.weight = n.digits[2:], n.weight-1
	}
	for len(n.digits) >= 2 && n.digits[len(n.digits)-1] == 0 && n.digits[len(n.digits)-2] == 0 {
		n.digits = n.digits[:len(n.digits)-2]
	}
	return n
}

// compareNumerics compares without regard to the scale; NaN is above infinity (numeric.c, cmp_numerics).
func compareNumerics(a, b []byte) int {
	x, y := readNumeric(a), readNumeric(b)
	if rx, ry := x.rank(), y.rank(); rx != ry || rx != rankNegative && rx != rankPositive {
		return cmp.Compare(rx, ry)
	}
	c := cmp.Compare(x.weight, y.weight)
	if c == 0 {
		c = bytes.Compare(x.digits, y.digits)
	}
	if x.sign == numericNegative {
		return -c
	}
	return c
}

const (
	rankNegInfinity = iota
	rankNegative
	rankZero
	rankPositive
	rankInfinity
	rankNaN
)

func (n numeric) rank() int {
	switch {
	case n.sign == numericNaN:
		return rankNaN
	case n.sign == numericInfinity:
		return rankInfinity
	case n.sign == numericNegInfinity:
		return rankNegInfinity
	case len(n.digits) == 0:
		return rankZero
	case n.sign == numericNegative:
		return rankNegative
	}
	return rankPositive
}
