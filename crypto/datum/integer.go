package datum

import (
	"encoding/binary"
	"math"
)

func integerSize(code byte) int {
	switch code {
	case codeInt2:
		return 2
	case codeInt4:
		return 4
	}
	return 8
}

// parseInteger is pg_strtoint16, 32 and 64 of src/backend/utils/adt/numutils.c, without the hexadecimal, octal and
// binary integers and the underscores of PostgreSQL 16.
func parseInteger(dst, text []byte, code byte) ([]byte, error) {
	name := typeFacts[code].name
	size := integerSize(code)
	limit := uint64(1) << (8*size - 1) // of a negative one
	text = trimSpace(text)
	negative := false
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		negative = text[0] == '-'
		text = text[1:]
	}
	if len(text) == 0 || !isDigit(text[0]) {
		return nil, failSyntax(name)
	}
	var n uint64
	for _, c := range text {
		if !isDigit(c) {
			return nil, failSyntax(name)
		}
		if n > (math.MaxUint64-9)/10 {
			return nil, failRange(name)
		}
		if n = n*10 + uint64(c-'0'); n > limit {
			return nil, failRange(name)
		}
	}
	switch {
	case negative:
		n = -n
	case n == limit:
		return nil, failRange(name)
	}
	switch size {
	case 2:
		return binary.BigEndian.AppendUint16(dst, uint16(n)), nil
	case 4:
		return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
	}
	return binary.BigEndian.AppendUint64(dst, n), nil
}

func failRange(name string) error {
	return fail(codeOutOfRange, "value is out of range for type "+name)
}

// integer decodes the binary form of any of the integer types.
func integer(value []byte) int64 {
	switch len(value) {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(value)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(value)))
	case 8:
		return int64(binary.BigEndian.Uint64(value))
	}
	panic("datum: internal error: not an integer")
}

// canonicalInteger is the canonical form of the equal numeric.
func canonicalInteger(dst []byte, n int64) []byte {
	magnitude := uint64(n)
	d := decimal{}
	if n < 0 {
		magnitude = -magnitude
		d.sign = signNegative
	}
	var digits [5]int16 // 10000^5 > 2^63
	first := len(digits)
	for ; magnitude > 0; magnitude /= base {
		first--
		digits[first] = int16(magnitude % base)
	}
	d.digits = digits[first:]
	d.weight = len(d.digits) - 1
	d.strip()
	return d.append(dst)
}
