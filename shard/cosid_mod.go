package shard

import (
	"math"

	"github.com/portcullisdb/portcullis/shard/java"
)

// cosIDMod is COSID_MOD (CosIdModShardingAlgorithm over CosId's ModCycle): the remainder of a number, with the sign of the
// dividend, so that a negative number that is no multiple of mod has no node.
type cosIDMod struct {
	mod    int32
	prefix string
}

func newCosIDMod(p *properties) (Algorithm, error) {
	a := &cosIDMod{
		mod:    p.requiredInt("mod", 1, math.MaxInt32),
		prefix: p.text("logic-name-prefix"),
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *cosIDMod) Bind(_ string, targets []string) (Router, error) {
	n, err := newNodes(a.mod, naming{prefix: a.prefix}, targets)
	if err != nil {
		return nil, err
	}
	return &cosIDModRouter{n}, nil
}

type cosIDModRouter struct{ numbers *nodes }

func (r *cosIDModRouter) nodes() *nodes { return r.numbers }

func (r *cosIDModRouter) Route(v Value) (target int, ok bool, err error) {
	if v.IsNull() {
		return 0, false, ErrNull
	}
	if !v.isNumber() {
		return 0, false, ErrValue
	}
	rest := v.longValue() % int64(r.numbers.count)
	if rest < 0 {
		return 0, false, ErrValue
	}
	target, ok = r.numbers.target(int32(rest))
	if !ok {
		return 0, false, ErrNoTarget
	}
	return target, true, nil
}

// RouteRange gives the targets of the whole numbers that longValue can give for a value of the range. It differs from
// ModCycle, to which a range without lower end starts at 0 and an open end stands one beyond the number cut to an
// integer, where that would lose rows: negative multiples of mod, values like 1.7 behind an open end 1 or 1.5, and
// numbers that wrap or saturate beyond 64 bits.
func (r *cosIDModRouter) RouteRange(rg Range) ([]int, error) {
	if rg.Upper.Kind == Unbounded {
		return r.all()
	}
	from, small, err := lowerEnd(rg.Lower)
	if err != nil {
		return nil, err
	}
	to, upperSmall, err := upperEnd(rg.Upper)
	if err != nil {
		return nil, err
	}
	switch {
	case !small || !upperSmall, rg.Lower.Kind == Unbounded && to < 0:
		return r.all()
	case from > to:
		return nil, nil
	}
	span := uint64(to) - uint64(from)
	switch {
	case span >= uint64(r.numbers.count)-1:
		return r.all()
	case to == math.MaxInt64: // ModCycle counts on beyond it, and fails
		return nil, ErrValue
	case from < 0 && (span > 0 || from%int64(r.numbers.count) != 0):
		return nil, ErrValue
	}
	targets := r.numbers.run(java.FloorMod(from, r.numbers.count), int64(span)+1)
	if uint64(len(targets)) != span+1 {
		return nil, ErrNoTarget
	}
	return targets, nil
}

func (r *cosIDModRouter) all() ([]int, error) {
	if !r.numbers.complete() {
		return nil, ErrNoTarget
	}
	return r.numbers.all(), nil
}

// lowerEnd returns the smallest number that longValue gives for a value above a lower end; small is false if it is not
// within 64 bits. Without an end it is 0.
func lowerEnd(b Bound) (n int64, small bool, err error) {
	if b.Kind == Unbounded {
		return 0, true, nil
	}
	if n, small, err = numberEnd(b.Value); err != nil || !small {
		return n, small, err
	}
	// Above an open 4 come 4.1 and so on, which are cut to 4, if the class has fractions; above an open -4 comes -3.9.
	if b.Kind == Open && !b.Value.hasFraction() && (b.Value.isIntegral() || n < 0) {
		if n == math.MaxInt64 {
			return n, false, nil
		}
		n++
	}
	return n, true, nil
}

// upperEnd is lowerEnd for the largest number below an upper end.
func upperEnd(b Bound) (n int64, small bool, err error) {
	if n, small, err = numberEnd(b.Value); err != nil || !small {
		return n, small, err
	}
	if b.Kind == Open && !b.Value.hasFraction() && (b.Value.isIntegral() || n > 0) {
		if n == math.MinInt64 {
			return n, false, nil
		}
		n--
	}
	return n, true, nil
}

func numberEnd(v Value) (n int64, small bool, err error) {
	if v.IsNull() {
		return 0, false, ErrNull
	}
	if !v.isNumber() {
		return 0, false, ErrValue
	}
	n, small = v.exactLong()
	return n, small, nil
}
