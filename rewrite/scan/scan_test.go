package scan

import (
	"reflect"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// one scans a string that holds one statement.
func one(t testing.TB, sql string) Statement {
	t.Helper()
	statements, err := Scan(sql, DefaultLimits())
	if err != nil || len(statements) != 1 {
		t.Fatalf("%q: %+v, %v", sql, statements, err)
	}
	return statements[0]
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		literal string
		class   Class
		value   string
	}{
		{"0", ClassInt4, "0"},
		{"007", ClassInt4, "7"},
		{"000", ClassInt4, "0"},
		{"1_000", ClassInt4, "1000"},
		{"2147483647", ClassInt4, "2147483647"},
		{"0x7FFF_FFFF", ClassInt4, "2147483647"},
		{"0b1_1", ClassInt4, "3"},
		{"0o17", ClassInt4, "15"},
		{"2147483648", ClassInt4Edge, "2147483648"},
		{"0x80000000", ClassInt4Edge, "2147483648"},
		{"02147483649", ClassInt8, "2147483649"},
		{"9223372036854775807", ClassInt8, "9223372036854775807"},
		{"9223372036854775808", ClassInt8Edge, "9223372036854775808"},
		{"0x8000000000000000", ClassInt8Edge, "9223372036854775808"},
		{"9223372036854775809", ClassNumeric, "9223372036854775809"},
		{"0xFFFFFFFFFFFFFFFF_FF", ClassNumeric, "4722366482869645213695"},
		{"1.", ClassNumeric, "1."},
		{".5", ClassNumeric, ".5"},
		{"1_0.5_0e-1_0", ClassNumeric, "10.50e-10"},
		{"''", ClassString, ""},
		{"'it''s'", ClassString, "it's"},
		{`'\n'`, ClassString, `\n`},
		{"'a'\n'b'\r 'c'", ClassString, "abc"},
		{"'a' -- x\n -- 'y'\n\v'b'", ClassString, "ab"},
		{`E'\b\f\n\r\t\\\'\"\z'`, ClassString, "\b\f\n\r\t\\'\"z"},
		{`e'\101\1012\7'`, ClassString, "AA2\a"},
		{`E'\x41\x4a\xg'`, ClassString, "AJxg"},
		{`E'\303\xa4'`, ClassString, "ä"},
		{`E'\u00e4\U0001F600\uD83D\uDE00\uD83D\U0000DE00'`, ClassString, "ä😀😀😀"},
		{"E'a\\''\n'\\'b'", ClassString, "a''b"},
		{"E'a\\\nb'", ClassString, "a\nb"},
		{`U&'d\0061t\+000061'`, ClassString, "data"},
		{`U&'\D83D\DE00\+00D83D\+00DE00'`, ClassString, "😀😀"},
		{`U&'\\''x'`, ClassString, `\'x`},
		{`U&'d!0061t!!' UESCAPE '!'`, ClassString, "dat!"},
		{"u&'d!0061'\n't' /* c */ uescape E'!'", ClassString, "dat"},
		{"$$a'$b$$", ClassString, "a'$b"},
		{"$t$a$$b$tt$c$t$", ClassString, "a$$b$tt$c"},
		{"B'01'\n'1'", ClassBits, "b011"},
		{"b''", ClassBits, "b"},
		{"X'1f'", ClassHexBits, "x1f"},
	} {
		for _, around := range [][2]string{{"", ""}, {"SELECT ", " AS x"}, {"SELECT f(", ")"}, {"/* ä */ x=", ";"}} {
			s := one(t, around[0]+c.literal+around[1])
			if len(s.Literals) != 1 {
				t.Errorf("%s: %d literals", s.Text, len(s.Literals))
				continue
			}
			l := s.Literals[0]
			if l.Class != c.class || l.Value != c.value || s.Text[l.Start:l.End] != c.literal {
				t.Errorf("%s: class %d, value %q of %q; want %d, %q", c.literal, l.Class, l.Value, s.Text[l.Start:l.End], c.class, c.value)
			}
		}
		if c.class <= ClassNumeric && Decimal(c.literal) != c.value {
			t.Errorf("Decimal(%s) = %s", c.literal, Decimal(c.literal))
		}
		if c.class <= ClassNumeric && Decimal("-"+c.literal) != "-"+c.value {
			t.Errorf("Decimal(-%s) = %s", c.literal, Decimal("-"+c.literal))
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		sql      string
		code     string
		position int
		message  string
	}{
		{"SELECT 'SECRET", "42601", 8, "unterminated quoted string"},
		{"SELECT ä, 'SECRET", "42601", 11, "unterminated quoted string"},
		{"SELECT 'a'; SELECT 'SECRET", "42601", 20, "unterminated quoted string"},
		{"SELECT 'a'\n'SECRET", "42601", 8, "unterminated quoted string"},
		{`SELECT E'SECRET\'`, "42601", 8, "unterminated quoted string"},
		{`SELECT E'SECRET\`, "42601", 8, "unterminated quoted string"},
		{`SELECT U&'SECRET`, "42601", 8, "unterminated quoted string"},
		{`SELECT N'SECRET`, "42601", 9, "unterminated quoted string"},
		{`SELECT b'0SECRET`, "42601", 8, "unterminated bit string literal"},
		{`SELECT x'0SECRET`, "42601", 8, "unterminated hexadecimal string literal"},
		{"SELECT $SECRET$ a", "42601", 8, "unterminated dollar-quoted string"},
		{"SELECT $a$SECRET", "42601", 8, "unterminated dollar-quoted string"},
		{"SELECT $$SECRET$", "42601", 8, "unterminated dollar-quoted string"},
		{`SELECT "SECRET`, "42601", 8, "unterminated quoted identifier"},
		{`SELECT U&"SECRET`, "42601", 8, "unterminated quoted identifier"},
		{`SELECT ""`, "42601", 8, "zero-length delimited identifier"},
		{`SELECT U&""`, "42601", 8, "zero-length delimited identifier"},
		{"SELECT /* SECRET /* */", "42601", 8, "unterminated /* comment"},
		{"SELECT 1 + /*SECRET", "42601", 12, "unterminated /* comment"},
		{"SELECT 1a", "42601", 8, "trailing junk after numeric literal"},
		{"SELECT 1.5SECRET", "42601", 8, "trailing junk after numeric literal"},
		{"SELECT 1_", "42601", 8, "trailing junk after numeric literal"},
		{"SELECT 1__0", "42601", 8, "trailing junk after numeric literal"},
		{"SELECT 1e", "42601", 8, "trailing junk after numeric literal"},
		{"SELECT 1e+", "42601", 8, "trailing junk after numeric literal"},
		{"SELECT 1.5e10x", "42601", 8, "trailing junk after numeric literal"},
		{"SELECT 1ä", "42601", 8, "trailing junk after numeric literal"},
		{"SELECT 0x", "42601", 8, "invalid hexadecimal integer"},
		{"SELECT 0xg", "42601", 8, "invalid hexadecimal integer"},
		{"SELECT 0o8", "42601", 8, "invalid octal integer"},
		{"SELECT 0b2", "42601", 8, "invalid binary integer"},
		{"SELECT 0x1g", "42601", 8, "trailing junk after numeric literal"},
		{"SELECT 0b12", "42601", 8, "trailing junk after numeric literal"},
		{"SELECT $1a", "42601", 8, "trailing junk after parameter"},
		{"SELECT $4294967297", "42601", 8, "parameter number too large"},
		{"SELECT $SECRET", "42601", 8, `syntax error at or near "$"`},
		{"SELECT {", "42601", 8, `syntax error at or near "{"`},
		{`SELECT \d`, "42601", 8, `syntax error at or near "\"`},
		{"SELECT \x01", "42601", 8, "syntax error: control character outside a literal"},
		{"SELECT 1)", "42601", 9, `syntax error at or near ")"`},
		{"SELECT (1]", "42601", 10, `syntax error at or near "]"`},
		{"SELECT a[1)", "42601", 11, `syntax error at or near ")"`},
		{"SELECT (1; SELECT 2", "42601", 20, "syntax error at end of input"},
		{"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;", "42601", 55, "syntax error at end of input"},
		{"SELECT " + strings.Repeat("@", 64), "42601", 8, "operator too long"},
		{`SELECT E'\u00SECRET'`, "22025", 10, "invalid Unicode escape"},
		{`SELECT E'\U0001234'`, "22025", 10, "invalid Unicode escape"},
		{`SELECT E'\u0000'`, "42601", 10, "invalid Unicode escape value"},
		{`SELECT E'\U00110000'`, "42601", 10, "invalid Unicode escape value"},
		{`SELECT E'\uD83DSECRET'`, "42601", 16, "invalid Unicode surrogate pair"},
		{`SELECT E'\uDE00'`, "42601", 10, "invalid Unicode surrogate pair"},
		{`SELECT E'\uD83D\u0041'`, "42601", 16, "invalid Unicode surrogate pair"},
		{`SELECT U&'\00'`, "42601", 8, "invalid Unicode escape"},
		{`SELECT U&'\+0000'`, "42601", 8, "invalid Unicode escape"},
		{`SELECT U&'\`, "42601", 8, "unterminated quoted string"},
		{`SELECT U&'a\'`, "42601", 8, "invalid Unicode escape"},
		{`SELECT U&'\0000'`, "42601", 8, "invalid Unicode escape value"},
		{`SELECT U&'\D83D'`, "42601", 8, "invalid Unicode surrogate pair"},
		{`SELECT U&'\D83D\\'`, "42601", 8, "invalid Unicode surrogate pair"},
		{`SELECT U&'\DE00'`, "42601", 8, "invalid Unicode surrogate pair"},
		{`SELECT U&"\zz"`, "42601", 8, "invalid Unicode escape"},
		{`SELECT U&'a' UESCAPE 'SECRET'`, "42601", 22, "invalid Unicode escape character"},
		{`SELECT U&'a' UESCAPE '+'`, "42601", 22, "invalid Unicode escape character"},
		{`SELECT U&'a' UESCAPE 'a'`, "42601", 22, "invalid Unicode escape character"},
		{`SELECT U&'a' UESCAPE SECRET`, "42601", 22, "UESCAPE must be followed by a simple string literal"},
		{`SELECT U&'a' UESCAPE U&'!'`, "42601", 22, "UESCAPE must be followed by a simple string literal"},
		{`SELECT E'SECRET\xff'`, "22021", 8, `invalid byte sequence for encoding "UTF8"`},
		{`SELECT E'\000'`, "22021", 8, `invalid byte sequence for encoding "UTF8"`},
		{`SELECT E'\x0'`, "22021", 8, `invalid byte sequence for encoding "UTF8"`},
		{"SELECT 'ä\xff'", "22021", 10, `invalid byte sequence for encoding "UTF8"`},
		{"SELECT 'a\x00'", "22021", 10, `invalid byte sequence for encoding "UTF8"`},
		{"SELECT '\xed\xa0\x80'", "22021", 9, `invalid byte sequence for encoding "UTF8"`},
		{"SELECT 0x" + strings.Repeat("F", numberMax), "54000", 8, "hexadecimal, octal or binary integer is too long"},
	} {
		statements, err := Scan(c.sql, DefaultLimits())
		if err == nil {
			t.Errorf("%q: %+v", c.sql, statements)
			continue
		}
		if err.Code.String() != c.code || err.Position != c.position || err.Message != c.message {
			t.Errorf("%.60q: %s at %d: %s; want %s at %d: %s", c.sql, err.Code, err.Position, err.Message, c.code, c.position, c.message)
		}
		if strings.Contains(err.Message+err.Detail+err.Hint, "SECRET") {
			t.Errorf("%q: %+v holds a piece of the text", c.sql, err)
		}
	}
}

func TestStatements(t *testing.T) {
	for sql, want := range map[string][]string{
		"":                            {""},
		"  -- x":                      {"-- x"},
		";":                           {""},
		";;":                          {"", ""},
		"SELECT 1;":                   {"SELECT 1"},
		"SELECT 1; -- x":              {"SELECT 1"},
		"SELECT 1;;\tSELECT 2 ;\n":    {"SELECT 1", "", "SELECT 2"},
		"SELECT ';' ; /* ; */ x":      {"SELECT ';'", "/* ; */ x"},
		"SELECT \";\" -- ;\n; $$;$$;": {`SELECT ";" -- ;`, "$$;$$"},
		"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3":                        {"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "SELECT 3"},
		"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE a WHEN 1 THEN 2 END; END; x":     {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE a WHEN 1 THEN 2 END; END", "x"},
		"create or replace procedure p() begin atomic select 1 end; select a.end; end; x":          {"create or replace procedure p() begin atomic select 1 end; select a.end; end", "x"},
		"BEGIN; SELECT begin atomic FROM t; END":                                                   {"BEGIN", "SELECT begin atomic FROM t", "END"},
		`CREATE FUNCTION f() RETURNS int AS 'begin atomic' LANGUAGE sql; SELECT "begin" atomic; x`: {`CREATE FUNCTION f() RETURNS int AS 'begin atomic' LANGUAGE sql`, `SELECT "begin" atomic`, "x"},
	} {
		statements, err := Scan(sql, DefaultLimits())
		var got []string
		for _, s := range statements {
			got = append(got, s.Text)
			if sql[s.Offset:s.Offset+len(s.Text)] != s.Text {
				t.Errorf("%q: %q is not at %d", sql, s.Text, s.Offset)
			}
			if s.Empty != (s.Skeleton == "") {
				t.Errorf("%q: empty %v, skeleton %q", sql, s.Empty, s.Skeleton)
			}
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, %v; want %q", sql, got, err, want)
		}
	}
}

// TestSameSkeleton: each group is one statement but for literals, blanks and comments.
func TestSameSkeleton(t *testing.T) {
	for _, group := range [][]string{
		{"SELECT 1", "SELECT 2", " SELECT\n0x1F", "SELECT/**/1_000 -- x", "SELECT 2147483647"},
		{"SELECT 2147483649", "SELECT 9223372036854775807", "SELECT 0xFFFFFFFFFF"},
		{"SELECT 1.5", "SELECT 1e10", "SELECT .5", "SELECT 99999999999999999999"},
		{"SELECT 'a'", "SELECT ''", "SELECT 'a'\n'b'", `SELECT E'\n'`, "SELECT $$a$$", `SELECT U&'a'`, "SELECT U&'a' UESCAPE '!'"},
		{"SELECT a FROM t WHERE b=1", "SELECT a FROM t WHERE b = 2", "SELECT a/**/FROM t WHERE b =3"},
		{"SELECT a.b", "SELECT a . b"}, {"SELECT -1", "SELECT - 1"}, {"SELECT N'a'", "SELECT N'b'\n'c'"},
		{`SELECT U&"a!0062" UESCAPE '!'`, "SELECT U&\"a!0062\" /* c */ uescape\n$$!$$"},
		{"SELECT x::float(24)", "SELECT x::float ( 0x18 )"},
	} {
		for _, sql := range group {
			if got, want := one(t, sql).Skeleton, one(t, group[0]).Skeleton; got != want {
				t.Errorf("%q has the skeleton %q, %q has %q", group[0], want, sql, got)
			}
		}
	}
}

// TestOtherSkeleton: no two of these may share a plan.
func TestOtherSkeleton(t *testing.T) {
	seen := map[string]string{}
	for _, sql := range []string{
		"SELECT 1", "SELECT 2147483648", "SELECT 2147483649", "SELECT 9223372036854775808", "SELECT 1.0", "SELECT '1'", "SELECT B'1'", "SELECT X'1'",
		"SELECT N'1'", "SELECT n '1'", "SELECT nchar '1'", "SELECT -1", "SELECT - -1", "SELECT +1", "SELECT 1 1", "SELECT $1", "SELECT $2",
		"SELECT a", "SELECT A", `SELECT "a"`, `SELECT "A"`, "SELECT a b", "SELECT ab", `SELECT "a b"`, `SELECT "a  b"`, `SELECT "a /* */ b"`, `SELECT U&"a b"`,
		`SELECT U&"a b" UESCAPE '!'`, `SELECT U&"a b" UESCAPE '#'`, "SELECT 'a' 'b'", "SELECT a.b", "SELECT a,b", "SELECT a::b", "SELECT a: :b", "SELECT a:b", "SELECT a=-b",
		"SELECT a=@-b", "SELECT a=@ -b", "SELECT (a)", "SELECT [a]", "SELECT a..b", "SELECT a. .b", "SELECT x::float(24)", "SELECT x::float(25)", "SELECT x::float(1)",
		`SELECT x::"float"(24)`, "SELECT x.float(24)", "SELECT x.float(1.5)", "SELECT \"\x01\"", "SELECT \"\x02\"", "SELECT \"1\"", "SELECT \"''\"", "SELECT e'1' 1", "SELECT e '1'", "SELECT E",
	} {
		s := one(t, sql)
		if other, ok := seen[s.Skeleton]; ok {
			t.Errorf("%q and %q have the skeleton %q", sql, other, s.Skeleton)
		}
		seen[s.Skeleton] = sql
	}
}

// TestMarks: a mark is no piece of UTF-8, so that no text holds one.
func TestMarks(t *testing.T) {
	for c := ClassInt4; c <= ClassHexBits; c++ {
		for _, around := range []string{"", "ä", "\xf4"} {
			if s := around + string([]byte{c.mark()}); utf8.ValidString(s) || utf8.ValidString(s+"\x80\x80\x80") {
				t.Errorf("%q is UTF-8", s)
			}
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for _, sql := range corpus {
				if _, err := Scan(sql, DefaultLimits()); err != nil {
					t.Errorf("%q: %v", sql, err)
				}
			}
		})
	}
	group.Wait()
}

const (
	benchSelect = "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;"
	benchInsert = "INSERT INTO customers (id, name, email, created) VALUES (17, 'Ada Lovelace', 'ada@example.org', '2026-01-02 03:04:05+00') " +
		"ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email RETURNING id"
)

// TestAllocations: the list of statements, the skeleton, the literals.
func TestAllocations(t *testing.T) {
	for _, sql := range []string{benchSelect, benchInsert} {
		if n := testing.AllocsPerRun(100, func() { Scan(sql, DefaultLimits()) }); n > 3 {
			t.Errorf("%v allocations for %q", n, sql)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	for name, sql := range map[string]string{
		"select": benchSelect,
		"insert": benchInsert,
		"values": "INSERT INTO t VALUES (1, 'a', 2.5)" + strings.Repeat(", (1, 'a', 2.5)", 999),
		"text":   "INSERT INTO t VALUES ('" + strings.Repeat("text ", 200_000) + "')",
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(sql)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Scan(sql, DefaultLimits()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
