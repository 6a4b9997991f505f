package inline

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// The vectors of ShardingSphere's own answers are read by the tests of package shard. Here stands what they leave out.
func TestExpand(t *testing.T) {
	tests := []struct {
		name, expression string
		want             []string
	}{
		{"text is kept", "ds-0.Tab le_${0..1}", []string{"ds-0.Tab le_0", "ds-0.Tab le_1"}},
		{"both openers", "a_${1}_$->{2}", []string{"a_1_2"}},
		{"a named parameter", "t_${(1..3).collect{ m -> m.toString().padLeft(2, '0') }}", []string{"t_01", "t_02", "t_03"}},
		{"a closure in a closure", "t_${(1..2).collect{ a -> (1..2).collect{ it * a }.size() + a }}", []string{"t_3", "t_4"}},
		{"an inner it", "t_${(1..2).collect{ (it..it).collect{ it * 10 }.toString() }}", []string{"t_[10]", "t_[20]"}},
		{"an item within quotes over the comma", `"t_${0..1},u_${0}"`, []string{"t_0", "t_1", "u_0"}},
		{"an empty item in the middle", "a_${0},,b,", []string{"a_0", "", "b"}},
		{"an empty item at the start", ",a_${0}", []string{"", "a_0"}},
		{"a part without elements", "a,t_${[]}_${0..1}", []string{"a"}},
		{"null does not shift texts", "a${null}b${1}c", []string{"a1bc"}},
		{"null in a text", `t_${"${null}"}`, []string{"t_null"}},
		{"LITERAL", "<LITERAL> ds_a.t_${0..1} , b", []string{"ds_a.t_${0..1}", "b"}},
		{"LITERAL keeps empty items", "<LITERAL>a,, ,b,", []string{"a", "", "", "b"}},
		{"a blank item at the end", "a_${0}, ", []string{"a_0", ""}},
		{"INTERVAL of months", "<INTERVAL>P=ds_a.t_;SP=yyyyMM;DIA=1;DIU=Months;DL=202311;DU=202402",
			[]string{"ds_a.t_202311", "ds_a.t_202312", "ds_a.t_202401", "ds_a.t_202402"}},
		{"INTERVAL in another order", "<INTERVAL>DU=2024_0301;DL=2024_0228;DIU=Days;DIA=1;C=ISO;SP=uuuu_MMdd;P=t",
			[]string{"t2024_0228", "t2024_0229", "t2024_0301"}},
		{"INTERVAL counts from the lower time", "<INTERVAL>P=t_;SP=yyyyMMdd;DIA=1;DIU=Months;DL=20240131;DU=20240430",
			[]string{"t_20240131", "t_20240229", "t_20240331"}},
		{"INTERVAL by two", "<INTERVAL>P=t_;SP=yyyy;DIA=2;DIU=Years;DL=2020;DU=2025", []string{"t_2020", "t_2022", "t_2024"}},
		{"INTERVAL of decades", "<INTERVAL>P=t_;SP=yyyyMM;DIA=1;DIU=Decades;DL=200002;DU=202001", []string{"t_200002", "t_201002"}},
		{"INTERVAL of weeks", "<INTERVAL>P=t_;SP=yyyy-MM-dd;DIA=1;DIU=Weeks;DL=2024-02-26;DU=2024-03-10",
			[]string{"t_2024-02-26", "t_2024-03-04"}},
		{"INTERVAL of days at a time of day", "<INTERVAL>P=t_;SP=yyyyMMdd_HHmm;DIA=1;DIU=Days;DL=20240101_1200;DU=20240103_1159",
			[]string{"t_20240101_1200", "t_20240102_1200"}},
		{"INTERVAL of hours", "<INTERVAL>P=t_;SP=yyyyMMddHH;DIA=6;DIU=Hours;DL=2024013118;DU=2024020106",
			[]string{"t_2024013118", "t_2024020100", "t_2024020106"}},
		{"INTERVAL of milliseconds", "<INTERVAL>P=t_;SP=yyyyMMddHHmmssSSS;DIA=2;DIU=Millis;DL=20240101000000998;DU=20240101000001000",
			[]string{"t_20240101000000998", "t_20240101000001000"}},
		{"INTERVAL over centuries", "<INTERVAL>P=t_;SP=yyyyMMdd_HH;DIA=1000000;DIU=Hours;DL=10000101_00;DU=13000101_00",
			[]string{"t_10000101_00", "t_11140130_16", "t_12280228_08"}},
		{"GROOVY", "<groovy>t_${0..1}", []string{"t_0", "t_1"}},
		{"a nested range", "t_${[0..1, 3]}", []string{"t_0..1", "t_3"}},
		{"an exclusive range down", "t_${3..<0}", []string{"t_3", "t_2", "t_1"}},
		{"an empty range", "t_${0..<0},u", []string{"u"}},
		{"letters down", "t_${'c'..'a'}", []string{"t_c", "t_b", "t_a"}},
		{"a range binds less than +", "t_${0..1 + 1}", []string{"t_0", "t_1", "t_2"}},
		{"a step down", "t_${(9..0).step(4)}", []string{"t_9", "t_5", "t_1"}},
		{"Integer wraps", "t_${2147483647 + 1}", []string{"t_-2147483648"}},
		{"Long does not wrap there", "t_${2147483647L + 1}", []string{"t_2147483648"}},
		{"Long wraps", "t_${9223372036854775807 + 1}", []string{"t_-9223372036854775808"}},
		{"BigInteger is exact", "t_${9223372036854775808 + 1}", []string{"t_9223372036854775809"}},
		{"the smallest Integer", "t_${-2147483648 - 1}", []string{"t_2147483647"}},
		{"Math.abs keeps the class", "t_${Math.abs(-2147483648)}", []string{"t_-2147483648"}},
		{"remainder of a negative", "t_${-5 % 4}", []string{"t_-1"}},
		{"remainder of a BigInteger", "t_${-5G % 4}", []string{"t_3"}},
		{"power widens", "t_${2 ** 31}", []string{"t_2147483648"}},
		{"minus binds less than power", "t_${-2 ** 2}", []string{"t_-4"}},
		{"power of one", "t_${(-1) ** 2147483647}", []string{"t_-1"}},
		{"quotient exact", "t_${8/4},t_${5/4},t_${10/0.5}", []string{"t_2", "t_1.25", "t_2E+1"}},
		{"quotient cut", "t_${10/3},t_${2/3},t_${-2/3}", []string{"t_3.3333333333", "t_0.6666666667", "t_-0.6666666667"}},
		{"quotient rounded to the next power of ten", "t_${999999999999999999999999/1000000000000000000000001}", []string{"t_1.0000000000"}},
		{"decimals", "t_${1.50 + 1},t_${1.5 * 1.5},t_${0.1 - 0.1}", []string{"t_2.50", "t_2.25", "t_0.0"}},
		{"intdiv", "t_${-7.intdiv(2)},t_${(-7).intdiv(2)}", []string{"t_-3", "t_-3"}},
		{"mod", "t_${(-7).mod(4)}", []string{"t_-3"}},
		{"text plus number", "t_${'0' + 1},t_${1 + '0'}", []string{"t_01", "t_10"}},
		{"equality of numbers", "t_${5 == 5.0 ? 'a' : 'b'}", []string{"t_a"}},
		{"equality of texts", "t_${'a' != 'b' && !('a' == 'b') ? 1 : 0}", []string{"t_1"}},
		{"Elvis", "t_${0 ?: 7},t_${3 ?: 7}", []string{"t_7", "t_3"}},
		{"the right operand at need", "t_${true || 1/0 ? 1 : 0}", []string{"t_1"}},
		{"methods of texts", "t_${'Ab'.toUpperCase()}${'Ab'.toLowerCase()}${'abc'.substring(1)}${'abc'.substring(0, 1)}",
			[]string{"t_ABabbca"}},
		{"parse", "t_${Long.parseLong('7') + '8'.toLong() + ' 9 '.toInteger()}", []string{"t_24"}},
		{"hashCode", "t_${'polygenelubricants'.hashCode()}", []string{"t_-2147483648"}},
		{"pad with more than one character", "t_${'7'.padLeft(4, 'ab')}${'7'.padRight(3)}x", []string{"t_aba77  x"}},
		{"length in UTF-16", "t_${'😀'.length()}", []string{"t_2"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Expand(test.expression)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// An error points at the character; the arrow stands below it.
func TestErrorsPointAtTheCharacter(t *testing.T) {
	tests := []struct{ expression, arrow, message string }{
		{"t_${0..1",
			"  ^", `"${" has no "}"`},
		{"t_${}",
			"  ^", "${} is empty"},
		{"t_${0..}",
			"       ^", `a value is expected here, not "}"`},
		{"ü_${id % 4}",
			"    ^", `the name "id" is not understood`},
		{"t_${0..1}, u_${1 @ 2}",
			"                 ^", `"@" is not understood`},
		{"t_${[1,, 2]}",
			"       ^", `a value is expected here, not ","`},
		{"t_${[1 2]}",
			"       ^", `"," or "]" is expected here, not "2"`},
		{"t_${['a':1]}",
			"        ^", `"," or "]" is expected here, not ":"`},
		{"t_${[0, 1] as Set}",
			"           ^", `"as" is not understood here`},
		{"t_${1; 2}",
			"     ^", `";" is not understood`},
		{"t_${010}",
			"    ^", "a number with a leading zero is octal in Groovy; quote it: '010'"},
		{"t_${0x1F}",
			"     ^", `"x" after a number is not understood`},
		{"t_${1.5f}",
			"       ^", `"f" after a number is not understood`},
		{"t_${'a}",
			"    ^", "the quote has no end"},
		{`t_${"a}`,
			"    ^", "the quote has no end"},
		{`t_${'a\n'}`,
			"      ^", "a backslash is not understood"},
		{"t_${'${1}'}",
			"     ^", `"${" within single quotes is not understood`},
		{"t_${'''a'''}",
			"    ^", "triple quotes are not understood"},
		{`t_\${0}_${1}`,
			"  ^", "a backslash is not understood"},
		{"t_$x_${1}",
			"  ^", `"$" without "{" is not understood beside ${...}`},
		{`t"_${1}`,
			" ^", "a double quote within a name is not understood"},
		{`a_${1},"`,
			"       ^", "the quote has no end"},
		{"t_${(0..3).each{it}}",
			"           ^", `the method each {} of a range is not understood`},
		{"t_${'a'.execute()}",
			"        ^", `the method execute() of a text is not understood`},
		{"t_${System.exit(0)}",
			"    ^", `the name "System" is not understood`},
		{"t_${(0..3).from}",
			"           ^", `the property "from" is not understood`},
		{"t_${[3, 4][0]}",
			"          ^", "access by index is not understood"},
		{"t_${1 / 0}",
			"      ^", "division by zero"},
		{"t_${[null, 1]}",
			"    ^", "a list of names has a null element"},
		{"t_${1 + null}",
			"      ^", `"+" between an integer and null is not understood`},
		{"t_${1 == '1'}",
			"      ^", `"==" between an integer and a text is not understood`},
		{"t_${1++2}",
			"     ^", `"++" is not understood here`},
		{"t_${'a'..'C'}",
			"       ^", "a range runs between two integers or two quoted letters, not from a text to a text"},
		{"t_${'aé'.toUpperCase()}",
			"         ^", "toUpperCase() of a text beyond ASCII is not understood"},
		{"t_${(1..2).collect{ a, b -> a }}",
			"                    ^", `the name "a" is not understood`},
		{"t_${it}",
			"    ^", `the name "it" is not understood`},
		{"<SCRIPT>t_${0..1}",
			"^", `an expression of type "SCRIPT" is not understood; the types are GROOVY, LITERAL and INTERVAL`},
		{"<GROOVY t_${0..1}",
			"^", `"<" has no ">"`},
		{"<INTERVAL>P=t_;SP=yyyyMM",
			"          ^", "DIA is missing"},
		{"<INTERVAL>P=t_; SP=yyyyMM",
			"               ^", `" SP" is not understood; the keys are P, SP, DIA, DIU, DL, DU and C`},
		{"<INTERVAL>P=t_;P=u_",
			"               ^", "P stands twice"},
		{"<INTERVAL>P=t=u",
			"          ^", "P has no value, or more than one"},
		{"<INTERVAL>P=t_;SP=yyyyM;DIA=1;DIU=Months;DL=20241;DU=20242",
			"                      ^", `"M" is not understood here; a pattern has yyyy, MM, dd, HH, mm, ss, SSS in this order, as far as it goes`},
		{"<INTERVAL>P=t_;SP=yyyydd;DIA=1;DIU=Days;DL=202401;DU=202402",
			"                      ^", `"dd" is not understood here; a pattern has yyyy, MM, dd, HH, mm, ss, SSS in this order, as far as it goes`},
		{"<INTERVAL>P=t_;SP=_;DIA=1;DIU=Days;DL=_;DU=_",
			"                  ^", "the pattern has no year"},
		{"<INTERVAL>P=t_;SP=yyyyMM;DIA=1;DIU=Days;DL=202401;DU=202402",
			"                                   ^", "Days are too small for times of this pattern"},
		{"<INTERVAL>P=t_;SP=yyyyMM;DIA=1;DIU=months;DL=202401;DU=202402",
			"                                   ^", `the unit "months" is not understood; units are Millis, Seconds, Minutes, Hours, HalfDays, Days, Weeks, Months, Years, Decades and Centuries`},
		{"<INTERVAL>P=t_;SP=yyyyMM;DIA=0;DIU=Months;DL=202401;DU=202402",
			"                             ^", "DIA is an integer of at least 1"},
		{"<INTERVAL>P=t_;SP=yyyyMM;DIA=1;DIU=Months;DL=202413;DU=202501",
			"                                             ^", "the time does not have the form of the pattern, or is none"},
		{"<INTERVAL>P=t_;SP=yyyyMM;DIA=1;DIU=Months;DL=202402;DU=202401",
			"                                                       ^", "DU is before DL"},
		{"<INTERVAL>P=t_;SP=yyyy;DIA=1;DIU=Years;DL=2024;DU=2025;C=Japanese",
			"                                                         ^", `the calendar "Japanese" is not understood; the calendar is ISO`},
		{"t_${1}\x80",
			"      ^", "the expression is not valid UTF-8"},
	}
	for _, test := range tests {
		t.Run(test.expression, func(t *testing.T) {
			got, err := Expand(test.expression)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %q, %v", got, err)
			}
			if e.Message != test.message {
				t.Errorf("message %q\nwant    %q", e.Message, test.message)
			}
			if want := len([]rune(test.arrow)); e.Character != want {
				t.Errorf("character %d, want %d:\n%s\n%s^", e.Character, want, test.expression, strings.Repeat(" ", e.Character-1))
			}
		})
	}
}

func TestLimits(t *testing.T) {
	tests := []struct{ name, expression string }{
		{"a range", "t_${0..999999999}"},
		{"the widest range", "t_${-9223372036854775807..9223372036854775807}"},
		{"a product", "${0..999}${0..999}"},
		{"a product of products", strings.Repeat("${0..99}", 50)},
		{"items", strings.Repeat("${0..99999},", 2)},
		{"plain names", strings.Repeat("a,", ExpressionBytesMax/2) + "a${1}"},
		{"parts without text", "${0..99999}" + strings.Repeat("${''}", 10_000)},
		{"nested closures", "${(0..99999).collect{(0..99999).collect{it}.size()}}"},
		{"lists of lists", "${(0..99999).collect{(0..9999).toList()}}"},
		{"long texts", "${(0..99999).collect{'a'.padLeft(4096)}}"},
		{"a wide text", "${'a'.padLeft(2147483647)}"},
		{"the text of a long list", "${[(0..99999).toList()]}"},
		{"a power", "${9 ** 2147483647}"},
		{"a power of a power", "${(9G ** 1000) ** 1000}"},
		{"a product of powers", "${9 ** 1000 * 9 ** 1000}"},
		{"brackets", "${" + strings.Repeat("(", 10_000)},
		{"lists", "${" + strings.Repeat("[", 10_000)},
		{"signs", "${" + strings.Repeat("- ", 10_000) + "1}"},
		{"not", "${" + strings.Repeat("!", 10_000) + "1}"},
		{"templates", strings.Repeat(`${"`, 10_000)},
		{"conditions", "${" + strings.Repeat("1?", 10_000)},
		{"closures", "${[1]" + strings.Repeat(".collect{[1]", 5_000)},
		{"an interval", "<INTERVAL>P=t_;SP=yyyyMMddHH;DIA=1;DIU=Hours;DL=0001010100;DU=9999010100"},
		{"a long number", "${1" + strings.Repeat("0", 2000) + "}"},
		{"a long expression", strings.Repeat(" ", ExpressionBytesMax) + "t"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Expand(test.expression); !errors.Is(err, ErrLimit) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A chain of operators is not nested, and so only bounded by the length of the expression.
func TestLongChain(t *testing.T) {
	names, err := Expand("t_${0" + strings.Repeat("+1", 30_000) + "}")
	if err != nil || !slices.Equal(names, []string{"t_30000"}) {
		t.Errorf("got %q, %v", names, err)
	}
}

func TestLargestExpansion(t *testing.T) {
	for _, expression := range []string{
		"ds_${0..9}.t_${(0..9999).collect{it.toString().padLeft(4, '0')}}",
		"ds_${(0..99999).collect{it.toString().padLeft(5, '0')}.collect{ n -> n.substring(0, 1) + '.t_' + n.substring(1) }}",
	} {
		names, err := Expand(expression)
		if err != nil || len(names) != NamesMax || names[NamesMax-1] != "ds_9.t_9999" {
			t.Errorf("%s: %d names, %v", expression, len(names), err)
		}
	}
}

func FuzzInline(f *testing.F) {
	for _, seed := range []string{
		"ds_${0..1}.t_${['a','b']}", "t_$->{[\"new$->{1+2}\",'old']}_order_$->{1..2}", "a, b ,c", "t_${null}_${0..1}",
		"t_${(0..11).collect{it.toString().padLeft(2,'0')}}", "${[1,2,3].findAll{it%2==1}}", "<LITERAL>a,b", "t_${0..1",
		"t_${10/3}", "t_${2**63 % -7G}", `"t_${-2147483648.abs()}"`, "t_${1 == 1.0 ? 'x' : [2] + 3}", "t_${'a'..<'d'}",
		"${(1..3).collect{ m -> \"${m}\" }}", "t_${0..999999999}", "${[[1,[2]],0..1]}", "t_\\${0..1}", "t_${'é'.hashCode()}",
		"<INTERVAL>P=t_;SP=yyyyMMdd;DIA=1;DIU=Months;DL=20240131;DU=20240430", "<LITERAL>a,, b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		names, err := Expand(expression)
		again, errAgain := Expand(expression)
		if !slices.Equal(names, again) || (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() {
			t.Fatalf("not stable: %q, %v and %q, %v", names, err, again, errAgain)
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error without a place: %v", err)
			}
			if e.Character < 1 || e.Character > len([]rune(expression))+1 {
				t.Fatalf("character %d is not in the expression", e.Character)
			}
			return
		}
		total := 0
		for _, name := range names {
			total += len(name)
		}
		if len(names) > NamesMax || total > NamesBytesMax {
			t.Fatalf("%d names of %d bytes", len(names), total)
		}
		// Names are names: quoted as a list of texts they expand to themselves, without duplicates.
		var list []string
		for _, name := range names {
			if strings.ContainsAny(name, "'\\\n\r$") {
				return
			}
			if !slices.Contains(list, name) {
				list = append(list, name)
			}
			if len(list) > 100 {
				return
			}
		}
		if len(list) == 0 {
			return
		}
		quoted, err := Expand("${['" + strings.Join(list, "','") + "']}")
		if err != nil || !slices.Equal(quoted, list) {
			t.Fatalf("%q expands to %q, %v", list, quoted, err)
		}
	})
}

func BenchmarkExpand(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Expand("ds_${0..1}.customers_${0..15}"); err != nil {
			b.Fatal(err)
		}
	}
}
