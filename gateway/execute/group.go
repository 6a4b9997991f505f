package execute

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"

	"github.com/cockroachdb/apd/v3"

	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// groupOverheadBytes is what a group takes beside its values.
const groupOverheadBytes = 128

// groups combines the groups that each node has made of its own rows.
type groups struct {
	portal     *Portal
	keys       []groupKey
	aggregates []aggregate
	by         map[string]*group
	list       []*group // in the order of their first row
	key        []byte
}

// group is one row of the answer. Its values are its own.
type group struct{ values [][]byte }

// groupKey is an output whose equal values make one group.
type groupKey struct {
	output    int
	canonical func(dst, value []byte) ([]byte, error) // nil: equal values have equal bytes
}

// aggregate combines two values of one output. Neither is NULL.
type aggregate struct {
	output  int
	combine func(a, b []byte) ([]byte, *sqlstate.Error)
}

func (g *groups) bind(m *rewrite.Merge) *sqlstate.Error {
	p := g.portal
	for _, out := range m.Groups {
		if out < 0 || out >= len(p.program.outputs) || p.program.outputs[out].transformed() {
			return broken("the rows cannot be grouped by output %d", out)
		}
		k := groupKey{output: out}
		if o := &p.program.outputs[out]; o.known {
			p.resultFormats[out] = formatBinary
			k.canonical = o.typ.Canonical
		}
		g.keys = append(g.keys, k)
	}
	for _, a := range m.Aggregates {
		if a.Output < 0 || a.Output >= len(p.program.outputs) || p.program.outputs[a.Output].transformed() {
			return broken("output %d cannot be combined", a.Output)
		}
		combine := combiner(a)
		if combine == nil {
			return sqlstate.New(sqlstate.FeatureNotSupported,
				"%s of type %d cannot be combined over several nodes", a.Function, a.TypeOID).WithRule("merge-type")
		}
		p.resultFormats[a.Output] = formatBinary
		g.aggregates = append(g.aggregates, aggregate{a.Output, combine})
	}
	return nil
}

// combiner returns how two partial results of an aggregate become one; nil if the gateway cannot do it exactly.
func combiner(a rewrite.Aggregate) func(a, b []byte) ([]byte, *sqlstate.Error) {
	compare := comparerOf(a.TypeOID)
	switch {
	case a.Function == "min" && compare != nil:
		return func(x, y []byte) ([]byte, *sqlstate.Error) {
			if compare(y, x) < 0 {
				return y, nil
			}
			return x, nil
		}
	case a.Function == "max" && compare != nil:
		return func(x, y []byte) ([]byte, *sqlstate.Error) {
			if compare(y, x) > 0 {
				return y, nil
			}
			return x, nil
		}
	case (a.Function == "count" || a.Function == "sum") && a.TypeOID == oidInt8:
		return addIntegers
	case a.Function == "sum" && a.TypeOID == oidNumeric:
		return addNumerics
	}
	return nil
}

func addIntegers(x, y []byte) ([]byte, *sqlstate.Error) {
	a, b := signed(x), signed(y)
	if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
		return nil, sqlstate.New(sqlstate.NumericValueOutOfRange, "bigint out of range")
	}
	return binary.BigEndian.AppendUint64(nil, uint64(a+b)), nil
}

// addNumerics adds two numerics exactly; the scale of the sum is the larger one (src/backend/utils/adt/numeric.c,
// add_var). NaN and infinities follow numeric_add.
func addNumerics(x, y []byte) ([]byte, *sqlstate.Error) {
	typ, _ := datum.TypeByOID(oidNumeric, -1)
	var a, b, sum apd.Decimal
	for _, in := range []struct {
		d *apd.Decimal
		b []byte
	}{{&a, x}, {&b, y}} {
		if _, _, err := in.d.SetString(string(typ.AppendText(nil, in.b, &maskSettings))); err != nil {
			return nil, broken("a sum is no number")
		}
	}
	text := "NaN"
	switch {
	case a.Form == apd.NaN || b.Form == apd.NaN, a.Form == apd.Infinite && b.Form == apd.Infinite && a.Negative != b.Negative:
	case a.Form == apd.Infinite:
		return x, nil
	case b.Form == apd.Infinite:
		return y, nil
	default:
		exact := apd.BaseContext // precision 0: exact
		if _, err := exact.Add(&sum, &a, &b); err != nil {
			return nil, sqlstate.New(sqlstate.NumericValueOutOfRange, "value overflows numeric format")
		}
		text = sum.Text('f')
	}
	out, err := typ.ParseText(nil, []byte(text), &maskSettings)
	if err != nil {
		return nil, sqlstate.New(sqlstate.NumericValueOutOfRange, "value overflows numeric format")
	}
	return out, nil
}

// read takes all rows of one node.
func (g *groups) read(ctx context.Context, s *source) *sqlstate.Error {
	switch {
	case !s.started:
		s.start(0)
	case s.suspended:
		s.resume(0)
	}
	if err := s.backend.Send(ctx); err != nil {
		return err
	}
	for {
		m, ok, err := s.message(ctx)
		if err != nil || !ok {
			return err
		}
		if err := g.portal.decodeRow(m.Body); err != nil {
			return err
		}
		if err := g.add(g.portal.values); err != nil {
			return err
		}
	}
}

func (g *groups) add(values [][]byte) *sqlstate.Error {
	g.key = g.key[:0]
	for _, k := range g.keys {
		v := values[k.output]
		if v == nil {
			g.key = append(g.key, 0)
			continue
		}
		g.key = append(g.key, 1, 0, 0, 0, 0)
		at := len(g.key)
		if k.canonical == nil {
			g.key = append(g.key, v...)
		} else {
			key, err := k.canonical(g.key, v)
			if err != nil {
				return broken("rows cannot be grouped by output %d", k.output)
			}
			g.key = key
		}
		binary.BigEndian.PutUint32(g.key[at-4:], uint32(len(g.key)-at))
	}
	known := g.by[string(g.key)]
	if known == nil {
		return g.begin(values)
	}
	for _, a := range g.aggregates {
		x, y := known.values[a.output], values[a.output]
		switch {
		case y == nil:
		case x == nil:
			known.values[a.output] = bytes.Clone(y)
		default:
			sum, err := a.combine(x, y)
			if err != nil {
				return err
			}
			known.values[a.output] = bytes.Clone(sum)
		}
	}
	return nil
}

func (g *groups) begin(values [][]byte) *sqlstate.Error {
	size := groupOverheadBytes + len(g.key)
	own := &group{values: make([][]byte, len(values))}
	for i, v := range values {
		own.values[i] = bytes.Clone(v)
		size += len(v)
	}
	g.by[string(g.key)] = own
	g.list = append(g.list, own)
	return g.portal.take(size)
}
