package datum

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // where the system has none
)

// TestGolden compares with what PostgreSQL 15 said of the same inputs: testdata/generate/main.go has the format and
// writes the files.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			g := golden{file: file, settings: Default(), canonical: map[string]string{}, rank: map[string]string{}}
			for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
				g.number = i + 1
				g.line(t, line)
			}
			if g.cases == 0 {
				t.Error("no cases")
			}
		})
	}
}

type golden struct {
	file      string
	number    int
	typ       Type
	binary    bool
	settings  *Settings
	cases     int
	canonical map[string]string // by rank, of the type
	rank      map[string]string // by canonical form
}

func (g *golden) line(t *testing.T, line string) {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "" || line[0] == '#':
	case line == "@binary" || line == "@text":
		g.binary = line == "@binary"
	case word == "@type":
		typ, err := ParseType(rest)
		if err != nil {
			t.Fatalf("%s:%d: %v", g.file, g.number, err)
		}
		g.typ, g.settings = typ, Default()
		clear(g.canonical)
		clear(g.rank)
	case word == "@set":
		g.set(t, strings.Fields(rest))
	default:
		g.cases++
		g.input(t, strings.Split(line, "\t"))
	}
}

func (g *golden) set(t *testing.T, settings []string) {
	g.settings = Default()
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		switch name {
		case "TimeZone":
			location, err := time.LoadLocation(value)
			if err != nil {
				t.Fatalf("%s:%d: %v", g.file, g.number, err)
			}
			g.settings.Location = location
		case "DateStyle":
			g.settings.Order = map[string]DateOrder{"MDY": MDY, "DMY": DMY, "YMD": YMD}[value]
		case "bytea_output":
			g.settings.ByteaEscape = value == "escape"
		default:
			t.Fatalf("%s:%d: unknown setting %s", g.file, g.number, name)
		}
	}
}

// input checks one case: columns are the input, "ok", binary, text and rank, or the SQLSTATE and the message.
func (g *golden) input(t *testing.T, columns []string) {
	input, err := strconv.Unquote(columns[0])
	if err != nil {
		t.Fatalf("%s:%d: %v", g.file, g.number, err)
	}
	complain := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s:%d: %s %.60q: "+format, append([]any{g.file, g.number, g.typ, input}, args...)...)
	}
	want, ours := columns[1], false
	if last := columns[len(columns)-1]; strings.HasPrefix(last, "ours ") {
		want, ours = strings.TrimSuffix(strings.Fields(last)[1], ":"), true
	}
	value, err := g.read([]byte(input))
	if err == nil {
		var assigned []byte
		if assigned, err = g.typ.Assign([]byte("x"), value); err == nil {
			if value = assigned[1:]; assigned[0] != 'x' {
				complain("Assign does not append")
			}
		}
	}
	if failure := (*Error)(nil); errors.As(err, &failure) {
		if failure.Code != want {
			complain("error %s %q, want %s", failure.Code, failure.Message, want)
		} else if message, _ := strconv.Unquote(columns[2]); !ours && failure.Message != withoutValue(message) {
			complain("message %q, PostgreSQL says %q", failure.Message, withoutValue(message))
		}
		return
	}
	if err != nil {
		complain("error %v of type %T", err, err)
		return
	}
	if want != "ok" {
		complain("accepted as %.60q, want error %s", g.typ.AppendText(nil, value, g.settings), want)
		return
	}
	if got := hex.EncodeToString(value); got != columns[2] {
		complain("binary %.80s, want %.80s", got, columns[2])
	}
	text, _ := strconv.Unquote(columns[3])
	if got := string(g.typ.AppendText([]byte("x"), value, g.settings)); got != "x"+text {
		complain("text %.80q, want %.80q", got[1:], text)
	}
	if again, err := g.typ.ParseBinary([]byte("x"), value); err != nil || !bytes.Equal(again[1:], value) {
		complain("ParseBinary of the value: %x, %v", again, err)
	}
	g.checkCanonical(complain, value, columns[4])
}

func (g *golden) read(input []byte) ([]byte, error) {
	var value []byte
	var err error
	if g.binary {
		value, err = g.typ.ParseBinary([]byte("x"), input)
	} else {
		value, err = g.typ.ParseText([]byte("x"), input, g.settings)
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimPrefix(value, []byte("x")), nil
}

// checkCanonical checks that ranks and canonical forms are equal together.
func (g *golden) checkCanonical(complain func(string, ...any), value []byte, rank string) {
	form, err := g.typ.Canonical([]byte("x"), value)
	if g.typ.Class() == "" {
		if err == nil {
			complain("has a canonical form")
		}
		return
	}
	if err != nil {
		complain("Canonical: %v", err)
		return
	}
	canonical := string(form[1:])
	if known, ok := g.canonical[rank]; ok && known != canonical {
		complain("canonical form %x, that of an equal value is %x", canonical, known)
	}
	if known, ok := g.rank[canonical]; ok && known != rank {
		complain("has the canonical form of a value that is not equal")
	}
	g.canonical[rank], g.rank[canonical] = canonical, rank
}

// withoutValue takes the value out of PostgreSQL's message.
func withoutValue(message string) string {
	for _, r := range []struct {
		pattern     *regexp.Regexp
		replacement string
	}{
		{regexp.MustCompile(`(?s)^value ".*" is out of range`), "value is out of range"},
		{regexp.MustCompile(`(?s)^time zone ".*" not recognized`), "time zone not recognized"},
		{regexp.MustCompile(`^incorrect binary data format in bind parameter 1`), "incorrect binary data format"},
		{regexp.MustCompile(`(?s): ".*"$`), ""},
		{regexp.MustCompile(`(?s)^(invalid byte sequence for encoding "UTF8"): .*`), "$1"},
		{regexp.MustCompile(`^(unsupported jsonb version number) .*`), "$1"},
	} {
		message = r.pattern.ReplaceAllString(message, r.replacement)
	}
	return message
}
