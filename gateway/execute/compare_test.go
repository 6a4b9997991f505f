package execute

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/apd/v3"

	"github.com/portcullisdb/portcullis/crypto/datum"
)

func binaryOf(t testing.TB, oid uint32, text string) []byte {
	t.Helper()
	typ, ok := datum.TypeByOID(oid, -1)
	if !ok {
		t.Fatalf("type %d is not known", oid)
	}
	value, err := typ.ParseText(nil, []byte(text), &datum.Settings{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func textOf(t testing.TB, oid uint32, value []byte) string {
	t.Helper()
	typ, _ := datum.TypeByOID(oid, -1)
	return string(typ.AppendText(nil, value, &datum.Settings{}))
}

// Each list is in PostgreSQL's order; equal ones stand in one item.
func TestComparersOrderAsPostgreSQL(t *testing.T) {
	for oid, order := range map[uint32][][]string{
		oidNumeric: {{"-Infinity"}, {"-10000"}, {"-9999.9999"}, {"-1.5", "-1.50"}, {"-0.0001"}, {"0", "0.00", "-0"}, {"0.0001"}, {"1", "1.0"},
			{"9999.9999"}, {"10000"}, {"10000.0001"}, {"1e30"}, {"Infinity"}, {"NaN"}},
		oidInt2:        {{"-32768"}, {"-1"}, {"0"}, {"32767"}},
		oidInt4:        {{"-2147483648"}, {"-1"}, {"0"}, {"2147483647"}},
		oidInt8:        {{"-9223372036854775808"}, {"-1"}, {"0"}, {"9223372036854775807"}},
		oidBool:        {{"f"}, {"t"}},
		oidDate:        {{"-infinity"}, {"0044-03-15 BC"}, {"1999-12-31"}, {"2000-01-01"}, {"infinity"}},
		oidTimestamp:   {{"-infinity"}, {"1999-12-31 23:59:59.999999"}, {"2000-01-01 00:00:00"}, {"infinity"}},
		oidTimestamptz: {{"-infinity"}, {"2000-01-01 00:00:00+02"}, {"2000-01-01 00:00:00+00", "2000-01-01 01:00:00+01"}, {"infinity"}},
		oidUUID:        {{"00000000-0000-0000-0000-000000000000"}, {"7fffffff-0000-0000-0000-000000000000"}, {"80000000-0000-0000-0000-000000000000"}},
		oidText:        {{""}, {"A"}, {"AB"}, {"a"}, {"ä"}},
		oidBytea:       {{`\x`}, {`\x00`}, {`\x0001`}, {`\xff`}},
	} {
		compare := comparerOf(oid)
		for i, xs := range order {
			for j, ys := range order {
				for _, x := range xs {
					for _, y := range ys {
						got := compare(binaryOf(t, oid, x), binaryOf(t, oid, y))
						if want := i - j; got > 0 != (want > 0) || got < 0 != (want < 0) {
							t.Errorf("type %d: %s and %s compare as %d", oid, x, y, got)
						}
					}
				}
			}
		}
	}
	if comparerOf(701) != nil {
		t.Error("floats are not merged")
	}
}

func TestNumericsCompareAndAddExactly(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	number := func() string {
		digits := fmt.Sprintf("%d%d", random.Int64N(1<<40), random.Int64())[:1+random.IntN(20)]
		point := random.IntN(len(digits) + 1)
		sign := []string{"", "-"}[random.IntN(2)]
		return sign + "0" + digits[:point] + "." + digits[point:] + "0"[:random.IntN(2)]
	}
	exact := apd.BaseContext
	for range 2000 {
		a, b := number(), number()
		x, _, err1 := apd.NewFromString(a)
		y, _, err2 := apd.NewFromString(b)
		if err1 != nil || err2 != nil {
			continue
		}
		bx, by := binaryOf(t, oidNumeric, a), binaryOf(t, oidNumeric, b)
		if got := compareNumerics(bx, by); got != x.Cmp(y) {
			t.Fatalf("%s and %s compare as %d", a, b, got)
		}
		var want apd.Decimal
		if _, err := exact.Add(&want, x, y); err != nil {
			t.Fatal(err)
		}
		sum, failure := addNumerics(bx, by)
		if failure != nil {
			t.Fatal(failure)
		}
		if got := textOf(t, oidNumeric, sum); got != fmt.Sprintf("%f", &want) {
			t.Fatalf("%s + %s = %s, not %s", a, b, got, fmt.Sprintf("%f", &want))
		}
	}
	for _, c := range [][3]string{{"NaN", "1", "NaN"}, {"Infinity", "1", "Infinity"}, {"1", "-Infinity", "-Infinity"},
		{"Infinity", "-Infinity", "NaN"}, {"Infinity", "Infinity", "Infinity"}, {"1.0", "2.000", "3.000"}} {
		sum, failure := addNumerics(binaryOf(t, oidNumeric, c[0]), binaryOf(t, oidNumeric, c[1]))
		if failure != nil || textOf(t, oidNumeric, sum) != c[2] {
			t.Errorf("%s + %s = %s, %v", c[0], c[1], textOf(t, oidNumeric, sum), failure)
		}
	}
}

func TestIntegersAddWithOverflow(t *testing.T) {
	for _, c := range []struct {
		a, b, want int64
		overflow   bool
	}{{1, 2, 3, false}, {math.MaxInt64, 1, 0, true}, {math.MinInt64, -1, 0, true}, {math.MaxInt64, math.MinInt64, -1, false},
		{math.MaxInt64 - 1, 1, math.MaxInt64, false}} {
		got, failure := addIntegers(binaryOf(t, oidInt8, fmt.Sprint(c.a)), binaryOf(t, oidInt8, fmt.Sprint(c.b)))
		if (failure != nil) != c.overflow || failure == nil && signed(got) != c.want {
			t.Errorf("%d + %d: %d, %v", c.a, c.b, got, failure)
		}
		if failure != nil && failure.Code.String() != "22003" {
			t.Errorf("overflow is %v", failure)
		}
	}
	if saturatingSum(math.MaxInt64, 1) != math.MaxInt64 || saturatingSum(1, math.MaxInt64) != math.MaxInt64 || saturatingSum(2, 3) != 5 {
		t.Error("a sum of counts does not saturate")
	}
}

func TestWholeNumbers(t *testing.T) {
	for _, c := range []struct{ text, assigned, compared string }{
		{"5", "5", "5"}, {"5.0", "5", "5"}, {"1e3", "1000", "1000"}, {"2.5", "3", "none"}, {"-2.5", "-3", "none"}, {"2.4999", "2", "none"},
		{"NaN", "NaN", "none"}, {"Infinity", "Infinity", "none"}, {"1e999999", "1e999999", "none"}, {"0.1", "0", "none"},
	} {
		if got, err := wholeNumber([]byte(c.text), true); err != nil || string(got) != c.assigned && !(c.text == "0.1" && string(got) == "0") {
			t.Errorf("%s is assigned as %s, %v", c.text, got, err)
		}
		got, err := wholeNumber([]byte(c.text), false)
		if errors.Is(err, errNoSuchValue) != (c.compared == "none") || err == nil && string(got) != c.compared {
			t.Errorf("%s is compared as %s, %v", c.text, got, err)
		}
	}
}

// Rows sort as ORDER BY would, with NULLs where they are asked for.
func TestCompareRows(t *testing.T) {
	one, two := binaryOf(t, oidInt4, "1"), binaryOf(t, oidInt4, "2")
	for _, c := range []struct {
		descending, nullsFirst bool
		want                   [][]byte
	}{{false, false, [][]byte{one, two, nil}}, {false, true, [][]byte{nil, one, two}}, {true, true, [][]byte{nil, two, one}},
		{true, false, [][]byte{two, one, nil}}} {
		keys := []mergeKey{{0, compareIntegers, c.descending, c.nullsFirst}}
		rows := [][][]byte{{two}, {nil}, {one}}
		slices.SortFunc(rows, func(a, b [][]byte) int { return compareRows(keys, a, b) })
		for i := range rows {
			if !bytes.Equal(rows[i][0], c.want[i]) || (rows[i][0] == nil) != (c.want[i] == nil) {
				t.Errorf("%+v: row %d is %v", c, i, rows[i][0])
			}
		}
	}
}

func BenchmarkCompareNumerics(b *testing.B) {
	x, y := binaryOf(b, oidNumeric, "12345678.90"), binaryOf(b, oidNumeric, "12345678.91")
	for b.Loop() {
		if compareNumerics(x, y) >= 0 {
			b.Fatal("order")
		}
	}
}
