package shard

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/portcullisdb/portcullis/shard/java"
)

// mod is MOD (ModShardingAlgorithm): the floored modulus of a number, or of the integer that a part of a text shows.
type mod struct {
	count       int32
	start, stop int32 // UTF-16 units that are cut off the text on both sides
	zeroPadding bool
}

func newMod(p *properties) (Algorithm, error) {
	a := &mod{
		count:       p.requiredInt("sharding-count", 1, math.MaxInt32),
		start:       p.optionalInt("start-offset", 0, 0, math.MaxInt32),
		stop:        p.optionalInt("stop-offset", 0, 0, math.MaxInt32),
		zeroPadding: p.boolean("zero-padding"),
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return a, nil
}

// Tables returns sharding-count.
func (a *mod) Tables() int { return int(a.count) }

func (a *mod) Bind(logicTable string, targets []string) (Router, error) {
	if err := checkTargets(targets); err != nil {
		return nil, err
	}
	name := autoTableNaming(logicTable, targets)
	if a.zeroPadding {
		name.width = max(name.width, len(strconv.Itoa(int(a.count-1))))
	}
	n, err := newNodes(a.count, name, targets)
	if err != nil {
		return nil, err
	}
	return &modRouter{a, n}, nil
}

// cuts reports whether a part of the value's text is left out.
func (a *mod) cuts() bool { return a.start > 0 || a.stop > 0 }

// number returns the number of the node in which a value lies.
func (a *mod) number(v Value) (int32, error) {
	if v.IsNull() {
		return 0, ErrNull
	}
	if v.isNumber() && !a.cuts() {
		return java.FloorMod(v.longValue(), a.count), nil
	}
	text, ok := java.CutUnits(v.javaText(), int(a.start), int(a.stop))
	if !ok {
		return 0, ErrValue
	}
	n, err := java.FloorModText(text, a.count)
	if err != nil {
		return 0, ErrValue
	}
	return n, nil
}

type modRouter struct {
	algorithm *mod
	numbers   *nodes
}

func (r *modRouter) nodes() *nodes { return r.numbers }

func (r *modRouter) Route(v Value) (target int, ok bool, err error) {
	n, err := r.algorithm.number(v)
	if err != nil {
		return 0, false, err
	}
	target, ok = r.numbers.target(n)
	return target, ok, nil
}

// RouteRange gives the targets of lower, lower + 1, ..., upper, whether the ends belong to the range or not. It gives all
// targets where a value between the ends may lie in another one: between texts, whose order is not that of their
// numbers; and between numbers that are beyond 64 bits, where they wrap, or of which a part is cut off, unless a look at
// each of them shows that none does.
func (r *modRouter) RouteRange(rg Range) ([]int, error) {
	if rg.Lower.Kind == Unbounded || rg.Upper.Kind == Unbounded {
		return r.numbers.all(), nil
	}
	lower, err := readEnd(rg.Lower.Value)
	if err != nil {
		return nil, err
	}
	upper, err := readEnd(rg.Upper.Value)
	if err != nil {
		return nil, err
	}
	a := r.algorithm
	if lower.huge || upper.huge || upper.number.Minus(lower.number).Cmp(java.DecimalOf(int64(a.count)-1)) >= 0 {
		return r.numbers.all(), nil
	}
	if !lower.integer || !upper.integer {
		return nil, ErrValue
	}
	from, to := lower.number.Unscaled(), upper.number.Unscaled() // integers: of scale 0
	if from.Cmp(to) > 0 && rg.Lower.Value.isNumber() && rg.Upper.Value.isNumber() {
		return nil, nil
	}
	if !r.isSound(rg, from, to) {
		return r.numbers.all(), nil
	}
	first := new(big.Int).Mod(from, big.NewInt(int64(a.count)))
	return r.numbers.run(int32(first.Int64()), new(big.Int).Sub(to, from).Int64()+1), nil
}

// lookedAtMax is the largest number of values between two ends that isSound looks at.
const lookedAtMax = 1 << 12

// isSound reports whether all values of a range lie in the nodes of from, from + 1, ..., to, which are fewer than count.
func (r *modRouter) isSound(rg Range, from, to *big.Int) bool {
	a, lower, upper := r.algorithm, rg.Lower.Value, rg.Upper.Value
	if !lower.isNumber() || !upper.isNumber() {
		return lower == upper && !a.cuts()
	}
	if !a.cuts() && from.IsInt64() && to.IsInt64() {
		return true // a fraction is cut off toward zero, which never leaves from..to
	}
	if a.cuts() && !(lower.isIntegral() && upper.isIntegral()) {
		return false
	}
	length := new(big.Int).Sub(to, from).Int64()
	if length >= lookedAtMax {
		return false
	}
	count := big.NewInt(int64(a.count))
	first := int32(new(big.Int).Mod(from, count).Int64())
	n := new(big.Int).Set(from)
	for ; n.Cmp(to) <= 0; n.Add(n, big.NewInt(1)) {
		number, err := a.number(BigInteger(n))
		if err == nil && int64(java.FloorMod(int64(number)-int64(first), a.count)) > length {
			return false
		}
	}
	return true
}

// end is one end of a range of MOD.
type end struct {
	number  java.Decimal
	integer bool // the text is that of an integer, without point and exponent
	huge    bool // too long to compute with
}

// endDigitsMax is the length of a number beyond which the end of a range is taken to be far from everything.
const endDigitsMax = 1000

// readEnd reads an end as new BigDecimal(text) does.
func readEnd(v Value) (end, error) {
	switch v.class {
	case ClassNull:
		return end{}, ErrNull
	case ClassInteger, ClassLong:
		return end{number: java.DecimalOf(v.bits), integer: true}, nil
	case ClassBigInteger, ClassBigDecimal:
		d := v.decimal
		huge := d.Scale() > endDigitsMax || d.Scale() < -endDigitsMax || d.Unscaled().BitLen() > 4*endDigitsMax
		return end{number: d, integer: d.Scale() == 0, huge: huge}, nil
	}
	text := v.javaText()
	if len(text) > endDigitsMax {
		return end{huge: true}, nil
	}
	d, err := java.ParseDecimal(text)
	if err != nil {
		return end{}, ErrValue
	}
	huge := d.Scale() > endDigitsMax || d.Scale() < -endDigitsMax
	return end{number: d, integer: !strings.ContainsAny(text, ".eE"), huge: huge}, nil
}
