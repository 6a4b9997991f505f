package inline

import (
	"math/big"

	"github.com/portcullisdb/portcullis/shard/java"
)

// Groovy's arithmetic (org.codehaus.groovy.runtime.typehandling.NumberMath and its kin): the wider class of the two
// operands decides. Integer and Long wrap, BigInteger and BigDecimal are exact; a quotient is a BigDecimal always.

func isNumber(v value) bool {
	switch v.(type) {
	case int32, int64, *big.Int, java.Decimal:
		return true
	}
	return false
}

// numberClass orders the classes by width.
func numberClass(v value) int {
	switch v.(type) {
	case int32:
		return 0
	case int64:
		return 1
	case *big.Int:
		return 2
	}
	return 3
}

func integerOf(v value) *big.Int {
	if n, ok := v.(*big.Int); ok {
		return n
	}
	return big.NewInt(longOf(v))
}

func decimalOf(v value) java.Decimal {
	if d, ok := v.(java.Decimal); ok {
		return d
	}
	return java.NewDecimal(integerOf(v), 0)
}

func (m *machine) subtract(at int, left, right value) (value, error) {
	return m.arithmetic(at, "-", left, right)
}

// arithmetic applies an operator to two numbers.
func (m *machine) arithmetic(at int, operator string, left, right value) (value, error) {
	switch operator {
	case "==", "!=", "<", "<=", ">", ">=":
		return compare(operator, left, right), nil
	case "/":
		return m.quotient(at, left, right)
	case "**":
		return m.power(at, left, right)
	}
	switch max(numberClass(left), numberClass(right)) {
	case 0:
		return int32Arithmetic(at, operator, left.(int32), right.(int32))
	case 1:
		return int64Arithmetic(at, operator, longOf(left), longOf(right))
	case 2:
		return m.bigArithmetic(at, operator, integerOf(left), integerOf(right))
	}
	return m.decimalArithmetic(at, operator, decimalOf(left), decimalOf(right))
}

func compare(operator string, left, right value) bool {
	order := decimalOf(left).Cmp(decimalOf(right))
	switch operator {
	case "==":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

func int32Arithmetic(at int, operator string, a, b int32) (value, error) {
	switch operator {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	}
	if b == 0 {
		return nil, faultAt(at, "division by zero")
	}
	return a % b, nil
}

func int64Arithmetic(at int, operator string, a, b int64) (value, error) {
	switch operator {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	}
	if b == 0 {
		return nil, faultAt(at, "division by zero")
	}
	return a % b, nil
}

func (m *machine) bigArithmetic(at int, operator string, a, b *big.Int) (value, error) {
	n := new(big.Int)
	switch operator {
	case "+":
		n.Add(a, b)
	case "-":
		n.Sub(a, b)
	case "*":
		n.Mul(a, b)
	default: // BigInteger.mod: never negative
		if b.Sign() <= 0 {
			return nil, faultAt(at, "the modulus of a BigInteger must be above 0")
		}
		n.Mod(a, b)
	}
	return n, m.bounded(at, n)
}

func (m *machine) decimalArithmetic(at int, operator string, a, b java.Decimal) (value, error) {
	switch operator {
	case "+":
		return m.decimal(at, a.Plus(b))
	case "-":
		return m.decimal(at, a.Minus(b))
	case "*":
		return m.decimal(at, java.NewDecimal(new(big.Int).Mul(a.Unscaled(), b.Unscaled()), a.Scale()+b.Scale()))
	}
	return nil, faultAt(at, "%q of decimal numbers is not understood", operator)
}

// quotient divides (BigDecimalMath.divideImpl): exactly if the decimal fraction ends, else with ten digits more than the
// operands have, and no more than ten after the point, or as many as they have.
func (m *machine) quotient(at int, left, right value) (value, error) {
	const extraPrecision, minScale = 10, 10 // DIVISION_EXTRA_PRECISION, DIVISION_MIN_SCALE
	a, b := decimalOf(left), decimalOf(right)
	if b.Sign() == 0 {
		return nil, faultAt(at, "division by zero")
	}
	// Rational number and scale: a / b = numerator / denominator * 10^-scale.
	scale := int(a.Scale() - b.Scale())
	fraction := new(big.Rat).SetFrac(a.Unscaled(), b.Unscaled())
	numerator, denominator := fraction.Num(), fraction.Denom()

	if places, ends := decimalPlaces(denominator); ends {
		numerator = new(big.Int).Mul(numerator, power10(places))
		return m.decimal(at, java.NewDecimal(numerator.Quo(numerator, denominator), int32(scale+places)))
	}
	precision := max(a.Precision(), b.Precision()) + extraPrecision
	shift := precision // the shift with which the quotient has precision digits
	unscaled := divideHalfUp(numerator, denominator, shift)
	for java.NewDecimal(unscaled, 0).Precision() != precision {
		shift += precision - java.NewDecimal(unscaled, 0).Precision()
		unscaled = divideHalfUp(numerator, denominator, shift)
	}
	scale += shift
	if most := max(int(a.Scale()), int(b.Scale()), minScale); scale > most {
		unscaled = divideHalfUp(unscaled, power10(scale-most), 0)
		scale = most
	}
	return m.decimal(at, java.NewDecimal(unscaled, int32(scale)))
}

// decimalPlaces returns the number of digits after the point of 1/n, if they end: n has no prime factors but 2 and 5.
func decimalPlaces(n *big.Int) (places int, ends bool) {
	twos := int(n.TrailingZeroBits())
	rest := new(big.Int).Rsh(n, uint(twos))
	fives, five, remainder := 0, big.NewInt(5), new(big.Int)
	for {
		quotient, _ := new(big.Int).QuoRem(rest, five, remainder)
		if remainder.Sign() != 0 {
			return max(twos, fives), rest.IsInt64() && rest.Int64() == 1
		}
		rest = quotient
		fives++
	}
}

// divideHalfUp returns numerator * 10^shift / denominator, rounded half up (away from zero). denominator is above 0.
func divideHalfUp(numerator, denominator *big.Int, shift int) *big.Int {
	n, d := new(big.Int).Abs(numerator), denominator
	if shift >= 0 {
		n.Mul(n, power10(shift))
	} else {
		d = new(big.Int).Mul(d, power10(-shift))
	}
	quotient, remainder := new(big.Int).QuoRem(n, d, new(big.Int))
	if remainder.Lsh(remainder, 1).Cmp(d) >= 0 {
		quotient.Add(quotient, big.NewInt(1))
	}
	if numerator.Sign() < 0 {
		quotient.Neg(quotient)
	}
	return quotient
}

// power raises an integer to an Integer that is not negative; the result is widened to what holds it.
func (m *machine) power(at int, left, right value) (value, error) {
	exponent, ok := right.(int32)
	if _, decimal := left.(java.Decimal); !ok || decimal || exponent < 0 {
		return nil, faultAt(at, "\"**\" takes an integer and an exponent from 0 on")
	}
	base := integerOf(left)
	if int64(base.BitLen())*int64(exponent) > 2*integerBitsMax {
		if base.BitLen() > 1 { // 0, 1 and -1 stay small
			return nil, limitAt(at, "a number is larger than %d bits", integerBitsMax)
		}
		exponent = exponent&1 + 2
	}
	n := new(big.Int).Exp(base, big.NewInt(int64(exponent)), nil)
	if err := m.bounded(at, n); err != nil {
		return nil, err
	}
	if _, ok := left.(int32); ok && n.IsInt64() && n.Int64() == int64(int32(n.Int64())) {
		return int32(n.Int64()), nil
	}
	if _, ok := left.(int64); ok && n.IsInt64() {
		return n.Int64(), nil
	}
	return n, nil
}

// decimal returns a BigDecimal within the limits.
func (m *machine) decimal(at int, d java.Decimal) (value, error) {
	if d.Scale() > scaleMax || d.Scale() < -scaleMax {
		return nil, limitAt(at, "a number has more than %d digits after the point or zeros before it", scaleMax)
	}
	return d, m.bounded(at, d.Unscaled())
}

// bounded pays for a number, or refuses it for its size.
func (m *machine) bounded(at int, n *big.Int) error {
	if n.BitLen() > integerBitsMax {
		return limitAt(at, "a number is larger than %d bits", integerBitsMax)
	}
	return m.spend(at, n.BitLen()/64+1)
}

// power10 returns 10^n. The limits keep n small.
func power10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
