package datum

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// decimal is a numeric in digits of base 10000, most significant first; the first one counts base^weight
// (src/backend/utils/adt/numeric.c, NumericVar). Its binary form is: count of digits | weight | sign | display scale |
// digits, each in two bytes, big-endian.
type decimal struct {
	sign   uint16
	weight int
	dscale int // decimal digits printed after the point
	digits []int16
}

const (
	base       = 10000
	baseDigits = 4 // decimal digits in a digit

	signPositive         = 0x0000
	signNegative         = 0x4000
	signNaN              = 0xC000
	signInfinity         = 0xD000
	signNegativeInfinity = 0xF000

	dscaleMax = 0x3FFF
	weightMax = 0x7FFF
	weightMin = -0x8000

	numericHeaderSize = 8
	// numeric_send prints this display scale for the infinities: a bit of their sign.
	dscaleInfinity = 0x20

	exponentMax = 1<<30 - 1 // INT_MAX / 2
)

func (d *decimal) special() bool { return d.sign != signPositive && d.sign != signNegative }

// parseNumeric is numeric_in and set_var_from_str. It refuses what PostgreSQL 16 brought (underscores, other bases) and
// what it took away (a blank before the exponent's digits).
func parseNumeric(dst, text []byte) ([]byte, error) {
	text = trimSpace(text)
	if sign, ok := specialNumeric(text); ok {
		d := decimal{sign: sign}
		return d.append(dst), nil
	}
	d, err := scanNumeric(text)
	if err != nil {
		return nil, err
	}
	if err := d.finish(); err != nil {
		return nil, err
	}
	return d.append(dst), nil
}

func specialNumeric(text []byte) (sign uint16, ok bool) {
	if len(text) < len("nan") || len(text) > len("-infinity") {
		return 0, false
	}
	switch strings.ToLower(string(text)) {
	case "nan":
		return signNaN, true
	case "infinity", "+infinity", "inf", "+inf":
		return signInfinity, true
	case "-infinity", "-inf":
		return signNegativeInfinity, true
	}
	return 0, false
}

func scanNumeric(text []byte) (decimal, error) {
	var d decimal
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		if text[0] == '-' {
			d.sign = signNegative
		}
		text = text[1:]
	}
	// The decimal digits, and where the point stands among them.
	mantissa := text
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		mantissa = text[:i]
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	if !allDigits(whole) || !allDigits(fraction) || len(whole)+len(fraction) == 0 {
		return d, failSyntax("numeric")
	}
	exponent := 0
	if len(mantissa) < len(text) {
		var err error
		if exponent, err = scanExponent(text[len(mantissa)+1:]); err != nil {
			return d, err
		}
	}
	d.dscale = max(len(fraction)-exponent, 0)
	d.setDigits(append(append(make([]byte, 0, len(whole)+len(fraction)), whole...), fraction...), len(whole)+exponent)
	return d, nil
}

func allDigits(text []byte) bool {
	for _, c := range text {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

func scanExponent(text []byte) (int, error) {
	negative := false
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		negative = text[0] == '-'
		text = text[1:]
	}
	if len(text) == 0 || !allDigits(text) {
		return 0, failSyntax("numeric")
	}
	n := 0
	for _, c := range text {
		if n = n*10 + int(c-'0'); n >= exponentMax {
			return 0, failNumericOverflow()
		}
	}
	if negative {
		n = -n
	}
	return n, nil
}

// setDigits sets the value to 0.digits times 10^point, where digits are ASCII.
func (d *decimal) setDigits(digits []byte, point int) {
	// weight and offset: how many zeros stand before the first decimal digit in the first digit of base 10000.
	d.weight = floorDiv(point-1, baseDigits)
	offset := (d.weight+1)*baseDigits - point
	d.digits = make([]int16, 0, (len(digits)+offset+baseDigits-1)/baseDigits)
	var digit int16
	filled := offset
	for _, c := range digits {
		digit = digit*10 + int16(c-'0')
		if filled++; filled == baseDigits {
			d.digits = append(d.digits, digit)
			digit, filled = 0, 0
		}
	}
	if filled > 0 {
		for ; filled < baseDigits; filled++ {
			digit *= 10
		}
		d.digits = append(d.digits, digit)
	}
	d.strip()
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// strip takes zeros from both ends. Zero has no digits, weight 0 and no sign.
func (d *decimal) strip() {
	for len(d.digits) > 0 && d.digits[0] == 0 {
		d.digits = d.digits[1:]
		d.weight--
	}
	for len(d.digits) > 0 && d.digits[len(d.digits)-1] == 0 {
		d.digits = d.digits[:len(d.digits)-1]
	}
	if len(d.digits) == 0 && !d.special() {
		d.weight, d.sign = 0, signPositive
	}
}

// finish is make_result: it refuses what the stored form cannot hold.
func (d *decimal) finish() error {
	d.strip()
	if d.weight > weightMax || d.weight < weightMin || d.dscale > dscaleMax {
		return failNumericOverflow()
	}
	return nil
}

func failNumericOverflow() error { return fail(codeOutOfRange, "value overflows numeric format") }

// append appends the binary form.
func (d *decimal) append(dst []byte) []byte {
	dscale := d.dscale
	if d.sign == signInfinity || d.sign == signNegativeInfinity {
		dscale = dscaleInfinity
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(d.digits)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(d.weight))
	dst = binary.BigEndian.AppendUint16(dst, d.sign)
	dst = binary.BigEndian.AppendUint16(dst, uint16(dscale))
	for _, digit := range d.digits {
		dst = binary.BigEndian.AppendUint16(dst, uint16(digit))
	}
	return dst
}

// decodeNumeric reads a binary form that this package made.
func decodeNumeric(value []byte) decimal {
	d, err := scanNumericBinary(value)
	if err != nil {
		panic("datum: internal error: not a numeric")
	}
	return d
}

func scanNumericBinary(value []byte) (decimal, error) {
	var d decimal
	if len(value) < numericHeaderSize {
		return d, failLength(len(value), numericHeaderSize)
	}
	count := int(binary.BigEndian.Uint16(value))
	if size := numericHeaderSize + 2*count; len(value) != size {
		return d, failLength(len(value), size)
	}
	d.weight = int(int16(binary.BigEndian.Uint16(value[2:])))
	d.sign = binary.BigEndian.Uint16(value[4:])
	switch d.sign {
	case signPositive, signNegative, signNaN, signInfinity, signNegativeInfinity:
	default:
		return d, fail(codeBinaryFormat, `invalid sign in external "numeric" value`)
	}
	d.dscale = int(binary.BigEndian.Uint16(value[6:]))
	if d.dscale > dscaleMax {
		return d, fail(codeBinaryFormat, `invalid scale in external "numeric" value`)
	}
	d.digits = make([]int16, count)
	for i := range d.digits {
		digit := binary.BigEndian.Uint16(value[numericHeaderSize+2*i:])
		if digit >= base {
			return d, fail(codeBinaryFormat, `invalid digit in external "numeric" value`)
		}
		d.digits[i] = int16(digit)
	}
	return d, nil
}

// receiveNumeric is numeric_recv: digits that the display scale would hide are cut.
func receiveNumeric(dst, value []byte) ([]byte, error) {
	d, err := scanNumericBinary(value)
	if err != nil {
		return nil, err
	}
	if d.special() {
		d = decimal{sign: d.sign}
		return d.append(dst), nil
	}
	d.truncate(d.dscale)
	if err := d.finish(); err != nil {
		return nil, err
	}
	return d.append(dst), nil
}

// split returns how many digits of base 10000 hold the value down to 10^-scale, and how many decimal digits of the last
// of them belong to it (0: all).
func (d *decimal) split(scale int) (count, part int) {
	decimals := (d.weight+1)*baseDigits + scale
	if decimals < 0 {
		return -1, 0
	}
	return (decimals + baseDigits - 1) / baseDigits, decimals % baseDigits
}

// truncate is trunc_var.
func (d *decimal) truncate(scale int) {
	d.dscale = scale
	count, part := d.split(scale)
	if count < 0 {
		d.digits, d.weight, d.sign = nil, 0, signPositive
		return
	}
	if count > len(d.digits) {
		return
	}
	d.digits = d.digits[:count]
	if part > 0 && count > 0 {
		d.digits[count-1] -= d.digits[count-1] % powerOfTen(baseDigits-part)
	}
}

// round is round_var: half away from zero.
func (d *decimal) round(scale int) {
	d.dscale = scale
	count, part := d.split(scale)
	if count < 0 {
		d.digits, d.weight, d.sign = nil, 0, signPositive
		return
	}
	if count > len(d.digits) || count == len(d.digits) && part == 0 {
		return
	}
	var up bool
	unit := int16(1) // what rounding up adds to the last digit that stays
	if part == 0 {
		up = d.digits[count] >= base/2
		d.digits = d.digits[:count]
	} else {
		d.digits = d.digits[:count]
		unit = powerOfTen(baseDigits - part)
		rest := d.digits[count-1] % unit
		up = rest >= unit/2
		d.digits[count-1] -= rest
	}
	for i := count - 1; up && i >= 0; i-- {
		d.digits[i] += unit
		up = d.digits[i] >= base
		if up {
			d.digits[i] -= base
		}
		unit = 1
	}
	if up {
		d.digits = append([]int16{1}, d.digits...)
		d.weight++
	}
}

func powerOfTen(n int) int16 {
	p := int16(1)
	for range n {
		p *= 10
	}
	return p
}

// assignNumeric is apply_typmod and apply_typmod_special.
func assignNumeric(dst, value []byte, precision, scale int) ([]byte, error) {
	d := decodeNumeric(value)
	if d.sign == signNaN {
		return append(dst, value...), nil
	}
	if d.special() {
		return nil, fail(codeOutOfRange, "numeric field overflow")
	}
	d.round(scale)
	d.dscale = max(d.dscale, 0)
	d.strip()
	if d.wholeDigits() > precision-scale {
		return nil, fail(codeOutOfRange, "numeric field overflow")
	}
	if err := d.finish(); err != nil {
		return nil, err
	}
	return d.append(dst), nil
}

// wholeDigits counts the decimal digits before the point; it is negative for small fractions, and far below any limit for zero.
func (d *decimal) wholeDigits() int {
	if len(d.digits) == 0 {
		return -1 << 20
	}
	n := d.weight * baseDigits
	for first := d.digits[0]; first > 0; first /= 10 {
		n++
	}
	return n
}

// canonicalNumeric is the binary form without display scale: 1.0 and 1.00 are equal.
func canonicalNumeric(dst, value []byte) []byte {
	d := decodeNumeric(value)
	d.dscale = 0
	d.strip()
	return d.append(dst)
}

// appendNumeric is get_str_from_var.
func appendNumeric(dst, value []byte) []byte {
	d := decodeNumeric(value)
	switch d.sign {
	case signNaN:
		return append(dst, "NaN"...)
	case signInfinity:
		return append(dst, "Infinity"...)
	case signNegativeInfinity:
		return append(dst, "-Infinity"...)
	case signNegative:
		dst = append(dst, '-')
	}
	start := len(dst)
	for i := 0; i <= d.weight; i++ {
		dst = appendFour(dst, d.digit(i))
	}
	// Leading zeros of the first digit go, but one zero stays before the point.
	zeros := 0
	for start+zeros < len(dst) && dst[start+zeros] == '0' {
		zeros++
	}
	dst = append(dst[:start], dst[start+zeros:]...)
	if len(dst) == start {
		dst = append(dst, '0')
	}
	if d.dscale == 0 {
		return dst
	}
	dst = append(dst, '.')
	end := len(dst) + d.dscale
	for i := d.weight + 1; len(dst) < end; i++ {
		dst = appendFour(dst, d.digit(i))
	}
	return dst[:end]
}

// digit returns the i-th digit, counted from the one of weight; there are zeros on both sides of those stored.
func (d *decimal) digit(i int) int16 {
	if i < 0 || i >= len(d.digits) {
		return 0
	}
	return d.digits[i]
}

func appendFour(dst []byte, digit int16) []byte {
	return append(dst, byte('0'+digit/1000), byte('0'+digit/100%10), byte('0'+digit/10%10), byte('0'+digit%10))
}
