package datum

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func mustType(t *testing.T, name string) Type {
	t.Helper()
	typ, err := ParseType(name)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

// code reads a text and returns the SQLSTATE of the error, or "".
func code(t *testing.T, typ Type, text string, s *Settings) string {
	t.Helper()
	_, err := typ.ParseText(nil, []byte(text), s)
	failure := (*Error)(nil)
	if err != nil && !errors.As(err, &failure) {
		t.Fatalf("error %v of type %T", err, err)
	}
	if failure == nil {
		return ""
	}
	return failure.Code
}

// 131072 digits before the point and 16383 after it are the limits (doc/src/sgml/datatype.sgml).
func TestNumericLimits(t *testing.T) {
	numeric := mustType(t, "numeric")
	for _, test := range []struct{ name, text, want string }{
		{"131072 digits", "1" + strings.Repeat("0", 131071), ""},
		{"131073 digits", "1" + strings.Repeat("0", 131072), codeOutOfRange},
		{"zeros in front", strings.Repeat("0", 200000) + "1", ""},
		{"16383 decimals", "0." + strings.Repeat("0", 16382) + "1", ""},
		{"16384 decimals", "0." + strings.Repeat("0", 16383) + "1", codeOutOfRange},
		{"16384 zeros", "0." + strings.Repeat("0", 16384), codeOutOfRange},
	} {
		if got := code(t, numeric, test.text, nil); got != test.want {
			t.Errorf("%s: error %q, want %q", test.name, got, test.want)
		}
	}
	largest := strings.Repeat("9", 131072) + "." + strings.Repeat("9", 16383)
	value, err := numeric.ParseText(nil, []byte(largest), nil)
	if err != nil || string(numeric.AppendText(nil, value, nil)) != largest {
		t.Errorf("the largest numeric does not print as it was read: %v", err)
	}
}

func TestJSONDepth(t *testing.T) {
	for _, name := range []string{"json", "jsonb"} {
		typ := mustType(t, name)
		for _, test := range []struct {
			depth int
			want  string
		}{{jsonDepthMax, ""}, {jsonDepthMax + 1, codeTooComplex}, {1 << 20, codeTooComplex}} {
			for _, brackets := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
				text := strings.Repeat(brackets[0], test.depth) + "1" + strings.Repeat(brackets[1], test.depth)
				if got := code(t, typ, text, nil); got != test.want {
					t.Errorf("%s of depth %d: error %q, want %q", name, test.depth, got, test.want)
				}
			}
		}
	}
}

// Numbers must not make a text a thousand times longer.
func TestJSONBGrowth(t *testing.T) {
	jsonb := mustType(t, "jsonb")
	bomb := "[" + strings.Repeat("1e131071,", 1000) + "1]"
	if got := code(t, jsonb, bomb, nil); got != codeLimit {
		t.Errorf("error %q, want %s", got, codeLimit)
	}
	if got := code(t, jsonb, "["+strings.Repeat("1,", jsonNodesMax)+"1]", nil); got != codeLimit {
		t.Errorf("a million values: error %q, want %s", got, codeLimit)
	}
	for name, text := range map[string]string{
		"separators": "[" + strings.Repeat("1,", 100000) + "1]",
		"powers":     "[" + strings.Repeat("1e30,", 30000) + "1]",
		"one number": "1e131071",
	} {
		if got := code(t, jsonb, text, nil); got != "" {
			t.Errorf("%s: error %q", name, got)
		}
	}
}

func TestWordsOfTheClock(t *testing.T) {
	s := &Settings{Location: time.FixedZone("", -5*3600), Now: time.Date(2024, 3, 1, 2, 30, 0, 123456789, time.UTC)}
	for _, test := range []struct{ typ, text, want string }{
		{"date", "today", "2024-02-29"}, // it is still yesterday there
		{"date", "tomorrow", "2024-03-01"},
		{"date", "YESTERDAY", "2024-02-28"},
		{"date", "now", "2024-02-29"},
		{"timestamp", "now", "2024-02-29 21:30:00.123457"},
		{"timestamptz", "now", "2024-02-29 21:30:00.123457-05"},
		{"timestamp", "today 12:34", "2024-02-29 12:34:00"},
		{"timestamptz", "tomorrow 12:34 UTC", "2024-03-01 07:34:00-05"},
		{"timestamptz", "yesterday allballs", "2024-02-27 19:00:00-05"},
	} {
		typ := mustType(t, test.typ)
		value, err := typ.ParseText(nil, []byte(test.text), s)
		if err != nil {
			t.Errorf("%s %q: %v", test.typ, test.text, err)
			continue
		}
		if got := string(typ.AppendText(nil, value, s)); got != test.want {
			t.Errorf("%s %q is %s, want %s", test.typ, test.text, got, test.want)
		}
	}
	if got := code(t, mustType(t, "date"), "today", Default()); got != codeNotSupported {
		t.Errorf("without a clock: error %q, want %s", got, codeNotSupported)
	}
	if got := code(t, mustType(t, "date"), "now now", s); got != codeDatetimeFormat {
		t.Errorf("twice: error %q, want %s", got, codeDatetimeFormat)
	}
}

// AppendText prints what every PostgreSQL reads again, in every time zone.
func TestTimestamptzInEveryZone(t *testing.T) {
	typ := mustType(t, "timestamptz")
	for _, zone := range []string{"UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Monrovia", "Asia/Kathmandu"} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		s := &Settings{Location: location}
		for seconds := int64(-6_000_000_000); seconds < 6_000_000_000; seconds += 40_000_001 {
			instant := time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04:05+00")
			value, err := typ.ParseText(nil, []byte(instant), s)
			if err != nil {
				t.Fatalf("%s: %v", instant, err)
			}
			text := typ.AppendText(nil, value, s)
			if again, err := typ.ParseText(nil, text, s); err != nil || string(again) != string(value) {
				t.Errorf("%s in %s prints as %s, which is read as %x, %v", instant, zone, text, again, err)
			}
		}
	}
}
