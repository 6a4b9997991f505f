package java

import (
	"math"
	"strconv"
	"strings"
)

// DoubleToLong returns (long) f: cut toward zero, saturating, NaN is 0 (Java Language Specification, 5.1.3).
func DoubleToLong(f float64) int64 {
	switch {
	case f != f:
		return 0
	case f >= math.MaxInt64: // the constant rounds to 2^63, the first double beyond a long
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// DoubleText returns Double.toString(f): at least one digit after the point, an exponent below 10^-3 and from 10^7 on.
// The digits are the shortest that give f back. JDK 17 prints one digit more for a few values (JDK-4511638, mended in
// JDK 19).
func DoubleText(f float64) string { return floatText(f, 64) }

// FloatText returns Float.toString(f); see DoubleText.
func FloatText(f float32) string { return floatText(float64(f), 32) }

func floatText(f float64, bits int) string {
	switch {
	case f != f:
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-3 || a >= 1e7) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, bits), "e")
		sign := ""
		if exponent[0] == '-' {
			sign = "-"
		}
		return withPoint(mantissa) + "E" + sign + strings.TrimLeft(exponent[1:], "0")
	}
	return withPoint(strconv.FormatFloat(f, 'f', -1, bits))
}

func withPoint(s string) string {
	if strings.Contains(s, ".") {
		return s
	}
	return s + ".0"
}
