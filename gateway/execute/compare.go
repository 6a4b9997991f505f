package execute

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"strconv"
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
	oidTime        = 1083
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

// A comparer orders two values of one type, in the format that mergeFormat gave, as PostgreSQL's btree does.
type comparer func(a, b []byte) int

// mergeFormat returns the format in which values of a type are asked for to be merged, and how they compare. wanted is
// the client's format. ok is false for a type whose order the gateway does not know: text compares by its bytes, so the
// planner may only name columns of collation "C".
func mergeFormat(oid uint32, wanted int16) (format int16, compare comparer, ok bool) {
	switch oid {
	case oidBool, oidBytea, oidUUID, oidText, oidVarchar, oidName:
		return formatBinary, bytes.Compare, true
	case oidOID:
		return formatBinary, bytes.Compare, true
	case oidInt2, oidInt4, oidInt8, oidDate, oidTime, oidTimestamp, oidTimestamptz:
		return formatBinary, compareIntegers, true
	case oidNumeric:
		return formatBinary, compareNumerics, true
	case oidFloat4, oidFloat8:
		// Not converted by the gateway: asked for as the client wants it.
		if wanted == formatText {
			return formatText, compareFloatTexts, true
		}
		return formatBinary, compareFloats, true
	}
	return 0, nil, false
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

func compareFloats(a, b []byte) int { return orderFloats(float(a), float(b)) }

func float(b []byte) float64 {
	switch len(b) {
	case 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
	case 8:
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	}
	return math.NaN()
}

func compareFloatTexts(a, b []byte) int {
	x, _ := strconv.ParseFloat(string(a), 64)
	y, _ := strconv.ParseFloat(string(b), 64)
	return orderFloats(x, y)
}

// orderFloats puts NaN above everything (src/include/utils/float.h, float8_cmp_internal).
func orderFloats(a, b float64) int {
	switch {
	case math.IsNaN(a) && math.IsNaN(b):
		return 0
	case math.IsNaN(a):
		return 1
	case math.IsNaN(b):
		return -1
	}
	return cmp.Compare(a, b)
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
	n := numeric{weight: int16(binary.BigEndian.Uint16(b[2:])), sign: binary.BigEndian.Uint16(b[4:]), digits: b[numericHeaderBytes:]}
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
