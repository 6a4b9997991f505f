package java

import (
	"math"
	"math/big"
)

// HashString returns String.hashCode of a UTF-8 text: h = 31h + u over its UTF-16 units.
func HashString(s string) int32 {
	var h int32
	for _, r := range s {
		if r > 0xFFFF {
			r -= 0x10000
			h = 31*h + (0xD800 + r>>10)
			r = 0xDC00 + r&0x3FF
		}
		h = 31*h + r
	}
	return h
}

// HashLong returns Long.hashCode: the upper and the lower half, exclusive-or.
func HashLong(n int64) int32 { return int32(n ^ int64(uint64(n)>>32)) }

// HashBoolean returns Boolean.hashCode.
func HashBoolean(b bool) int32 {
	if b {
		return 1231
	}
	return 1237
}

// HashDouble returns Double.hashCode: the bits, with one NaN, folded like a Long.
func HashDouble(f float64) int32 {
	if f != f {
		return HashLong(0x7FF8000000000000)
	}
	return HashLong(int64(math.Float64bits(f)))
}

// HashFloat returns Float.hashCode: the bits, with one NaN.
func HashFloat(f float32) int32 {
	if f != f {
		return 0x7FC00000
	}
	return int32(math.Float32bits(f))
}

// HashBigInteger returns BigInteger.hashCode: over the 32-bit words of the magnitude, most significant first, times the
// sign.
func HashBigInteger(n *big.Int) int32 {
	bytes := n.Bytes()
	var h int32
	for len(bytes) > 0 {
		size := (len(bytes)-1)%4 + 1 // the first word may be short
		var word uint32
		for _, b := range bytes[:size] {
			word = word<<8 | uint32(b)
		}
		h = 31*h + int32(word)
		bytes = bytes[size:]
	}
	return h * int32(n.Sign())
}

// HashDecimal returns BigDecimal.hashCode, in which the scale counts: 1.0 and 1.00 differ.
func HashDecimal(d Decimal) int32 {
	u := d.Unscaled()
	if u.IsInt64() && u.Int64() != math.MinInt64 {
		n := u.Int64()
		if n < 0 {
			n = -n
		}
		t := int32(31*(n>>32) + n&math.MaxUint32)
		if u.Sign() < 0 {
			t = -t
		}
		return 31*t + d.scale
	}
	return 31*HashBigInteger(u) + d.scale
}
