package shard

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"testing"
)

// Most of what routers do stands in the vectors. Here stands what is ours: ranges in which ShardingSphere loses rows or
// goes by another name.
func TestRanges(t *testing.T) {
	number := func(s string) Value {
		v, err := Decimal(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	closed := func(v Value) Bound { return Bound{Closed, v} }
	open := func(v Value) Bound { return Bound{Open, v} }
	all := []int{0, 1, 2, 3}

	tests := []struct {
		name, algorithm string
		r               Range
		want            []int
		err             error
	}{
		{"no ends", "MOD", Range{}, all, nil},
		{"no ends", "COSID_MOD", Range{}, all, nil},
		{"lower above upper", "MOD", Range{closed(Int(5)), closed(Int(4))}, nil, nil},
		{"lower above upper", "COSID_MOD", Range{closed(Int(5)), closed(Int(4))}, nil, nil},
		{"across the wrap of the modulus", "MOD", Range{closed(Int(3)), closed(Int(5))}, []int{0, 1, 3}, nil},
		{"across the wrap of the modulus", "COSID_MOD", Range{closed(Int(3)), closed(Int(5))}, []int{0, 1, 3}, nil},
		{"NULL", "MOD", Range{closed(Null()), closed(Int(5))}, nil, ErrNull},
		{"NULL", "COSID_MOD", Range{closed(Int(5)), closed(Null())}, nil, ErrNull},
		{"text", "COSID_MOD", Range{closed(Text("1")), closed(Text("2"))}, nil, ErrValue},

		// '15' lies between '1' and '2'.
		{"texts", "MOD", Range{closed(Text("1")), closed(Text("2"))}, all, nil},
		{"one text", "MOD", Range{closed(Text("7")), closed(Text("7"))}, []int{3}, nil},
		{"no numbers", "MOD", Range{closed(Text("a")), closed(Text("b"))}, nil, ErrValue},
		{"long texts", "MOD", Range{closed(Text(string(make([]byte, 2000)))), closed(Text("2"))}, all, nil},
		// 2^64 + 1 wraps to 1, so that 4 = 2^2 agrees with the true modulus.
		{"beyond 64 bits", "MOD", Range{closed(number("18446744073709551617")), closed(number("18446744073709551618"))},
			[]int{1, 2}, nil},
		{"from beyond 64 bits down", "MOD", Range{closed(number("18446744073709551616")), closed(number("0"))}, nil, nil},
		{"far beyond 64 bits", "MOD", Range{closed(number("1E+2000000000")), closed(number("1E+2000000000"))}, all, nil},
		{"beyond 64 bits", "COSID_MOD", Range{closed(number("18446744073709551617")), closed(number("18446744073709551618"))},
			all, nil},

		// -4 is stored in t_0 although ModCycle does not look below 0.
		{"negative without lower end", "COSID_MOD", Range{Upper: closed(Int(-1))}, all, nil},
		// 1.7 is stored in t_1.
		{"fraction, open", "COSID_MOD", Range{open(number("1.5")), closed(number("2.5"))}, []int{1, 2}, nil},
		{"fractions between integers", "COSID_MOD", Range{open(number("1")), open(number("2"))}, []int{1}, nil},
		{"fractions of doubles", "COSID_MOD", Range{open(Double(1)), open(Double(2))}, []int{1}, nil},
		{"no fractions between integers", "COSID_MOD", Range{open(Int(1)), open(Int(2))}, nil, nil},
		// -0.5 is cut to 0.
		{"fractions below zero", "COSID_MOD", Range{closed(number("-0.9")), open(number("0"))}, []int{0}, nil},
		// All doubles from 2^63 on saturate to the same long.
		{"doubles beyond 64 bits", "COSID_MOD", Range{closed(Double(0x1p63)), closed(Double(0x1p64))}, all, nil},
		{"NaN is above all", "COSID_MOD", Range{closed(Double(5)), closed(Double(math.NaN()))}, all, nil},
		{"the largest long", "COSID_MOD", Range{open(Long(math.MaxInt64)), closed(Long(math.MaxInt64))}, all, nil},
		{"the smallest long", "COSID_MOD", Range{closed(Long(math.MinInt64)), open(Long(math.MinInt64))}, all, nil},
	}
	routers := map[string]Router{}
	for name, a := range algorithms(t) {
		router, err := a.Bind("t", []string{"t_0", "t_1", "t_2", "t_3"})
		if err != nil {
			t.Fatal(err)
		}
		routers[name] = router
	}
	for _, test := range tests {
		t.Run(test.algorithm+"/"+test.name, func(t *testing.T) {
			got, err := routers[test.algorithm].RouteRange(test.r)
			if !slices.Equal(got, test.want) || !errors.Is(err, test.err) {
				t.Errorf("got %v, %v, want %v, %v", got, err, test.want, test.err)
			}
		})
	}
}

// With a modulus that does not divide 2^64, or with a part of the number cut off, ShardingSphere may look for a value in
// another table than it placed it in.
func TestRangesOfModThatLoseRows(t *testing.T) {
	var targets []string
	for i := range 7 {
		targets = append(targets, fmt.Sprintf("t_%d", i))
	}
	tests := []struct {
		name         string
		start, stop  string
		lower, upper string
		inside       string // a value between the ends
		want         int    // its target, which is not among upper - lower + 1 ones from lower on
		all          bool
	}{
		{"wrapping", "0", "0", "18446744073709551617", "18446744073709551618", "18446744073709551617", 1, true},
		{"cut", "1", "0", "1003", "1005", "1003", 3, true},
		{"cut, with fractions", "3", "3", "1000", "1003", "1002.15", 2, true},
		{"not cut", "0", "0", "1003", "1005", "1003.99", 2, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, err := New("MOD", map[string]string{"sharding-count": "7", "start-offset": test.start, "stop-offset": test.stop})
			if err != nil {
				t.Fatal(err)
			}
			router, err := a.Bind("t", targets)
			if err != nil {
				t.Fatal(err)
			}
			var values [3]Value
			for i, text := range []string{test.lower, test.upper, test.inside} {
				if values[i], err = Decimal(text); err != nil {
					t.Fatal(err)
				}
			}
			if got, ok, err := router.Route(values[2]); got != test.want || !ok || err != nil {
				t.Errorf("Route gives %d, %t, %v", got, ok, err)
			}
			got, err := router.RouteRange(Range{Bound{Closed, values[0]}, Bound{Closed, values[1]}})
			if err != nil || !slices.Contains(got, test.want) || (len(got) == len(targets)) != test.all {
				t.Errorf("RouteRange gives %v, %v", got, err)
			}
		})
	}
}

// A range that belongs to nodes that are not configured is refused, as a value is.
func TestRangeWithoutTargets(t *testing.T) {
	router, err := algorithms(t)["COSID_MOD"].Bind("t", []string{"t_0", "t_1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Range{
		{}, {Bound{Closed, Int(1)}, Bound{Closed, Int(2)}}, {Bound{Closed, Int(0)}, Bound{Closed, Int(9)}},
	} {
		if got, err := router.RouteRange(r); err != ErrNoTarget {
			t.Errorf("got %v, %v", got, err)
		}
	}
	if got, err := router.RouteRange(Range{Bound{Closed, Int(0)}, Bound{Closed, Int(1)}}); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("got %v, %v", got, err)
	}
}

// Indexes are those of the targets in the order of Bind.
func TestRouteGivesIndexes(t *testing.T) {
	for name, a := range algorithms(t) {
		router, err := a.Bind("t", []string{"t_2", "t_0", "t_3", "t_1"})
		if err != nil {
			t.Fatal(err)
		}
		for n, want := range []int{1, 3, 0, 2} {
			if got, ok, err := router.Route(Int(int32(n))); got != want || !ok || err != nil {
				t.Errorf("%s: Route(%d) = %d, %t, %v", name, n, got, ok, err)
			}
		}
		if got, err := router.RouteRange(Range{Bound{Closed, Int(0)}, Bound{Closed, Int(2)}}); !slices.Equal(got, []int{0, 1, 3}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// Large counts go through a map instead of a table.
func TestManyNumbersFewTargets(t *testing.T) {
	for typ, props := range map[string]map[string]string{
		"MOD":       {"sharding-count": "2147483647"},
		"COSID_MOD": {"mod": "2147483647", "logic-name-prefix": "t_"},
	} {
		a, err := New(typ, props)
		if err != nil {
			t.Fatal(err)
		}
		router, err := a.Bind("t", []string{"t_7", "t_2147483646"})
		if err != nil {
			t.Fatal(err)
		}
		for n, want := range map[int64]int{7: 0, 2147483654: 0, 2147483646: 1} {
			if got, ok, err := router.Route(Long(n)); got != want || !ok || err != nil {
				t.Errorf("%s: Route(%d) = %d, %t, %v", typ, n, got, ok, err)
			}
		}
	}
}

// A value without a place is an error, or no match, but never a guess; and no error holds the value.
func TestRouteErrors(t *testing.T) {
	routers := map[string]Router{}
	for name, a := range algorithms(t) {
		router, err := a.Bind("t", []string{"t_0", "t_1"})
		if err != nil {
			t.Fatal(err)
		}
		routers[name] = router
	}
	tests := []struct {
		algorithm string
		value     Value
		want      error
	}{
		{"MOD", Null(), ErrNull},
		{"MOD", Value{}, ErrNull},
		{"MOD", Text("secret"), ErrValue},
		{"MOD", Boolean(true), ErrValue},
		{"MOD", Int(3), nil},
		{"COSID_MOD", Null(), ErrNull},
		{"COSID_MOD", Text("1"), ErrValue},
		{"COSID_MOD", Boolean(true), ErrValue},
		{"COSID_MOD", Int(-1), ErrValue},
		{"COSID_MOD", Int(3), ErrNoTarget},
	}
	for _, test := range tests {
		if _, ok, err := routers[test.algorithm].Route(test.value); ok || err != test.want {
			t.Errorf("%s: class %d: %t, %v, want %v", test.algorithm, test.value.Class(), ok, err, test.want)
		}
	}
}

func TestRouteDoesNotAllocateForIntegers(t *testing.T) {
	for name, a := range algorithms(t) {
		router, err := a.Bind("t", []string{"t_0", "t_1", "t_2", "t_3"})
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		allocations := testing.AllocsPerRun(1000, func() {
			n++
			for _, v := range [...]Value{Int(int32(n)), Long(n)} {
				if _, ok, err := router.Route(v); !ok || err != nil {
					t.Fatal(ok, err)
				}
			}
		})
		if allocations != 0 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	for name, a := range algorithms(b) {
		router, err := a.Bind("t", []string{"t_0", "t_1", "t_2", "t_3"})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for n := int64(0); b.Loop(); n++ {
				if _, ok, err := router.Route(Long(n)); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

// FuzzRoute checks the promise of ranges: what Route places is found by each range that holds it.
func FuzzRoute(f *testing.F) {
	f.Add(uint8(0), int32(4), uint8(0), int64(-5), int64(-6), int64(2), uint8(0), uint8(0))
	f.Add(uint8(1), int32(4), uint8(1), int64(17), int64(15), int64(25), uint8(0), uint8(0))
	f.Add(uint8(0), int32(7), uint8(2), int64(15), int64(1), int64(2), uint8(1), uint8(0))
	f.Add(uint8(1), int32(7), uint8(3), int64(math.MaxInt64), int64(0), int64(math.MaxInt64), uint8(0), uint8(0))
	f.Add(uint8(1), int32(3), uint8(4), int64(math.MinInt64), int64(math.MinInt64), int64(-1), uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, algorithm uint8, count int32, class uint8, n, lower, upper int64, start, stop uint8) {
		count = count&31 + 1
		typ, props := "MOD", map[string]string{
			"sharding-count": strconv.Itoa(int(count)), "start-offset": strconv.Itoa(int(start & 3)),
			"stop-offset": strconv.Itoa(int(stop & 3)),
		}
		if algorithm&1 == 1 {
			typ, props = "COSID_MOD", map[string]string{"mod": strconv.Itoa(int(count)), "logic-name-prefix": "t_"}
		}
		a, err := New(typ, props)
		if err != nil {
			t.Fatal(err)
		}
		var targets []string
		for i := range count {
			targets = append(targets, fmt.Sprintf("t_%d", i))
		}
		router, err := a.Bind("t", targets)
		if err != nil {
			t.Fatal(err)
		}
		newValue, compare := fuzzClass(class)
		v, low, high := newValue(n), newValue(lower), newValue(upper)
		target, ok, err := router.Route(v)
		if again, okAgain, errAgain := router.Route(v); again != target || ok != okAgain || err != errAgain {
			t.Fatal("Route is not stable")
		}
		if err != nil {
			return
		}
		if !ok {
			t.Fatal("a complete list of targets lacks one")
		}
		for _, r := range []Range{
			{}, {Lower: Bound{Closed, low}}, {Upper: Bound{Closed, high}}, {Upper: Bound{Open, high}},
			{Bound{Closed, low}, Bound{Closed, high}}, {Bound{Open, low}, Bound{Open, high}},
			{Bound{Open, low}, Bound{Closed, high}}, {Bound{Closed, low}, Bound{Open, high}},
			{Bound{Closed, v}, Bound{Closed, v}}, {Bound{Open, low}, Bound{Closed, v}},
		} {
			found, err := router.RouteRange(r)
			if err != nil {
				continue // refused, so that no row is lost
			}
			if !slices.IsSorted(found) || len(slices.Compact(slices.Clone(found))) != len(found) {
				t.Fatalf("%v is not ascending", found)
			}
			if holds(r, v, compare) && !slices.Contains(found, target) {
				t.Fatalf("%s over %d, class %d: Route gives %d, and range %+v only %v", typ, count, v.Class(), target, r,
					found)
			}
		}
	})
}

// fuzzClass returns how a class makes a value of a number, and how PostgreSQL orders its values.
func fuzzClass(class uint8) (newValue func(int64) Value, compare func(a, b Value) int) {
	exact := func(a, b Value) int { return a.decimal.Cmp(b.decimal) }
	switch class % 6 {
	case 0:
		return Long, func(a, b Value) int { return big.NewInt(a.bits).Cmp(big.NewInt(b.bits)) }
	case 1: // tenths
		return func(n int64) Value {
			v, _ := Decimal(fmt.Sprintf("%de-1", n))
			return v
		}, exact
	case 2:
		return func(n int64) Value { return Text(strconv.FormatInt(n, 10)) }, func(a, b Value) int {
			return slices.Compare([]byte(a.text), []byte(b.text))
		}
	case 3: // up to far beyond 64 bits
		return func(n int64) Value {
			return BigInteger(new(big.Int).Mul(big.NewInt(n), big.NewInt(3)))
		}, exact
	case 4:
		return func(n int64) Value { return Double(float64(n) / 4) }, func(a, b Value) int {
			return big.NewFloat(a.float()).Cmp(big.NewFloat(b.float()))
		}
	}
	return func(n int64) Value { return Int(int32(n)) }, func(a, b Value) int { return int(a.bits - b.bits) }
}

func holds(r Range, v Value, compare func(a, b Value) int) bool {
	above := func(b Bound, order int) bool {
		return b.Kind == Unbounded || order > 0 || order == 0 && b.Kind == Closed
	}
	return (r.Lower.Kind == Unbounded || above(r.Lower, compare(v, r.Lower.Value))) &&
		(r.Upper.Kind == Unbounded || above(r.Upper, compare(r.Upper.Value, v)))
}
