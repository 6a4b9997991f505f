package java

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"testing"
	"unicode"
)

func TestParseLong(t *testing.T) {
	good := map[string]int64{
		"0": 0, "-0": 0, "+5": 5, "007": 7, "٣": 3, "９９": 99, "9223372036854775807": math.MaxInt64,
		"-9223372036854775808": math.MinInt64, "0009223372036854775807": math.MaxInt64,
	}
	for s, want := range good {
		if got, err := ParseLong(s); err != nil || got != want {
			t.Errorf("ParseLong(%q) = %d, %v", s, got, err)
		}
	}
	bad := []string{"", "+", "-", "--1", "+-1", " 1", "1 ", "1_0", "0x1", "1.0", "1e3", "𝟙", "9223372036854775808",
		"-9223372036854775809", "99999999999999999999", "Ⅷ", "²"}
	for _, s := range bad {
		if got, err := ParseLong(s); !errors.Is(err, ErrNumber) {
			t.Errorf("ParseLong(%q) = %d, %v", s, got, err)
		}
	}
}

func TestParseInt(t *testing.T) {
	for s, want := range map[string]int32{"2147483647": math.MaxInt32, "-2147483648": math.MinInt32} {
		if got, err := ParseInt(s); err != nil || got != want {
			t.Errorf("ParseInt(%q) = %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"2147483648", "-2147483649", "4294967296"} {
		if got, err := ParseInt(s); !errors.Is(err, ErrNumber) {
			t.Errorf("ParseInt(%q) = %d, %v", s, got, err)
		}
	}
}

// Unicode gives each script its ten digits in order; that they are ten and that Go's table keeps the tens whole is what
// digit relies on.
func TestDigitsStandInTens(t *testing.T) {
	for _, run := range unicode.Nd.R16 {
		if run.Stride != 1 || (run.Hi-run.Lo+1)%10 != 0 {
			t.Errorf("run %U..%U", run.Lo, run.Hi)
		}
	}
}

func TestFloorMod(t *testing.T) {
	for _, n := range []int64{0, 1, -1, 5, -5, math.MaxInt64, math.MinInt64, 4294967297} {
		for _, m := range []int32{1, 2, 3, 7, 10, 16, math.MaxInt32} {
			want := new(big.Int).Mod(big.NewInt(n), big.NewInt(int64(m))).Int64()
			if got := FloorMod(n, m); int64(got) != want {
				t.Errorf("FloorMod(%d, %d) = %d", n, m, got)
			}
			if got, err := FloorModText(strconv.FormatInt(n, 10), m); err != nil || int64(got) != want {
				t.Errorf("FloorModText(%d, %d) = %d, %v", n, m, got, err)
			}
		}
	}
	if got, err := FloorModText("-99999999999999999999", 7); err != nil || got != 6 {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := FloorModText("-", 7); !errors.Is(err, ErrNumber) {
		t.Errorf("got %v", err)
	}
}

func TestDecimal(t *testing.T) {
	tests := []struct {
		text, want string
		long       int64
		integer    bool
		hash       int32
	}{
		{"0", "0", 0, true, 0},
		{"1.0", "1.0", 1, true, 311},
		{"1.00", "1.00", 1, true, 3102},
		{"-5.9", "-5.9", -5, false, -1828},
		{".5", "0.5", 0, false, 156},
		{"5.", "5", 5, true, 155},
		{"+1E3", "1E+3", 1000, true, 28},
		{"1e+20", "1E+20", 7766279631452241920, true, 11},
		{"12.3E-7", "0.00000123", 0, false, 123*31 + 8},
		{"0.000000123", "1.23E-7", 0, false, 123*31 + 9},
		{"0E-7", "0E-7", 0, true, 7},
		{"0E+3", "0E+3", 0, true, -3},
		{"-0.0", "0.0", 0, true, 1},
		{"1E+64", "1E+64", 0, true, 31 - 64},
		{"-1E-2147483647", "-1E-2147483647", 0, false, -31 + math.MaxInt32},
		{"12345678901234567890.5", "12345678901234567890.5", -6101065172474983726, false, 0},
	}
	for _, test := range tests {
		d, err := ParseDecimal(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if d.String() != test.want || d.LongValue() != test.long || d.IsInteger() != test.integer {
			t.Errorf("%s: text %s, long %d, integer %t", test.text, d, d.LongValue(), d.IsInteger())
		}
		if test.hash != 0 && HashDecimal(d) != test.hash {
			t.Errorf("%s: hash %d, want %d", test.text, HashDecimal(d), test.hash)
		}
		if n, ok := d.Int64(); ok && n != test.long {
			t.Errorf("%s: Int64 %d", test.text, n)
		}
	}
	for _, s := range []string{"", ".", "-", "e5", "1e", "1e1.5", "NaN", "Infinity", "1 ", "--1", ".+1", "+-1", "1.2.3",
		"1e2147483648", "1E-2147483648"} {
		if d, err := ParseDecimal(s); !errors.Is(err, ErrNumber) {
			t.Errorf("ParseDecimal(%q) = %s, %v", s, d, err)
		}
	}
	huge, _ := ParseDecimal("1E+2000000000")
	if _, ok := huge.Int64(); ok || huge.LongValue() != 0 {
		t.Error("a huge number fits")
	}
	var zero Decimal
	if zero.String() != "0" || zero.Sign() != 0 || !zero.IsInteger() {
		t.Error("the zero Decimal is not 0")
	}
}

func TestDouble(t *testing.T) {
	texts := map[float64]string{
		0: "0.0", 1: "1.0", 5.9: "5.9", -7.5: "-7.5", 0.001: "0.001", 0.0001: "1.0E-4", 1e7: "1.0E7", 9999999: "9999999.0",
		12345678.5: "1.23456785E7", 1e300: "1.0E300", math.Inf(1): "Infinity", math.Inf(-1): "-Infinity",
	}
	for f, want := range texts {
		if got := DoubleText(f); got != want {
			t.Errorf("DoubleText(%g) = %s, want %s", f, got, want)
		}
	}
	if got := DoubleText(math.Copysign(0, -1)); got != "-0.0" {
		t.Errorf("-0.0 is %s", got)
	}
	if got := FloatText(3.99); got != "3.99" {
		t.Errorf("3.99f is %s", got)
	}
	longs := map[float64]int64{
		5.9: 5, -7.5: -7, 1e300: math.MaxInt64, -1e300: math.MinInt64, 0x1p63: math.MaxInt64, -0x1p63: math.MinInt64,
		math.Inf(1): math.MaxInt64, 9007199254740993: 9007199254740992,
	}
	for f, want := range longs {
		if got := DoubleToLong(f); got != want {
			t.Errorf("DoubleToLong(%g) = %d, want %d", f, got, want)
		}
	}
	if DoubleToLong(math.NaN()) != 0 {
		t.Error("NaN is not 0")
	}
}

func TestText(t *testing.T) {
	if n := Length("a😀中"); n != 4 {
		t.Errorf("length %d", n)
	}
	if s, ok := Substring("a😀中", 1, 3); !ok || s != "😀" {
		t.Errorf("%q, %t", s, ok)
	}
	for _, cut := range [][2]int{{0, 2}, {2, 3}, {-1, 1}, {2, 1}, {0, 5}, {5, 5}} {
		if s, ok := Substring("a😀中", cut[0], cut[1]); ok {
			t.Errorf("%v: %q", cut, s)
		}
	}
	cuts := []struct {
		s           string
		start, stop int
		want        string
	}{
		{"12345", 1, 2, "23"}, {"12345", 4, 0, "5"}, {"12345", 5, 0, ""}, {"12345", 3, 2, ""}, {"", 0, 0, ""},
		{"12345", math.MaxInt32, math.MaxInt32, ""},
		{"a😀1", 2, 0, "\uFFFD1"}, {"1😀a", 0, 2, "1\uFFFD"}, {"a😀1", 3, 0, "1"},
	}
	for _, test := range cuts {
		if got, ok := CutUnits(test.s, test.start, test.stop); got != test.want || ok != (test.want != "") {
			t.Errorf("CutUnits(%q, %d, %d) = %q, %t", test.s, test.start, test.stop, got, ok)
		}
	}
	if Trim(" \t\x00a b\n ") != "a b" {
		t.Error("Trim")
	}
}

// Hash codes as a JVM prints them; the vectors of HASH_MOD hold many more.
func TestHash(t *testing.T) {
	big1, _ := new(big.Int).SetString("18446744073709551617", 10)
	tests := map[string][2]int32{
		"String":            {HashString("polygenelubricants"), math.MinInt32},
		"String, astral":    {HashString("😀"), 1772899},
		"Long -1":           {HashLong(-1), 0},
		"Long 2^32":         {HashLong(1 << 32), 1},
		"Boolean":           {HashBoolean(true), 1231},
		"BigInteger 2^64+1": {HashBigInteger(big1), 962},
		"BigInteger -2":     {HashBigInteger(big.NewInt(-2)), -2},
		"Double 1.0":        {HashDouble(1), 1072693248},
		"Double NaN":        {HashDouble(math.NaN()), 2146959360},
		"Float 1.0":         {HashFloat(1), 1065353216},
	}
	for name, pair := range tests {
		if pair[0] != pair[1] {
			t.Errorf("%s: %d, want %d", name, pair[0], pair[1])
		}
	}
}
