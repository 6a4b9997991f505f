package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLoadNamesAMissingFile(t *testing.T) {
	_, err := Load(Options{Path: "no/such/portcullis.yaml"})
	want := "no/such/portcullis.yaml: read configuration: no such file or directory"
	if err == nil || err.Error() != want || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := Load(Options{Path: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a folder: %v", err)
	}
}

func TestLoadFillsDefaultsAndPaths(t *testing.T) {
	path := write(t, overrideBase)
	c, err := Load(Options{Path: path, Environ: []string{"VERIFIER=" + verifier}})
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(filepath.Dir(path), "audit.jsonl")
	if f := c.Audit.File; f.Path != log || f.Key != log+".key" || f.Anchors != log+".anchors" || !f.Sync {
		t.Errorf("audit file %+v", f)
	}
	if c.Audit.OnFull != "block" || c.Listen.Address != "127.0.0.1:6432" || c.Listen.TLS != nil || c.Keys.KEK != nil {
		t.Errorf("defaults: %+v", c)
	}
	if c.Limits.StartupBytes != 10_000 || c.Limits.MessageBytes != 64<<20 || c.Limits.StartupTime != 10*time.Second {
		t.Errorf("limits: %+v", c.Limits)
	}
	shop := c.Database("shop")
	if shop.Datasources[0].Pool.Max != 20 || shop.Datasources[1].Pool.Max != 5 {
		t.Error("pool.max")
	}
	if c.Database("none") != nil || c.User("none") != nil || c.User("app").Name != "app" {
		t.Error("Database or User")
	}
}

// TestLoadKeepsPositions: a later stage can still say where something was written.
func TestLoadKeepsPositions(t *testing.T) {
	path := write(t, overrideBase)
	c, err := Load(Options{Path: path, Environ: []string{"VERIFIER=" + verifier}})
	if err != nil {
		t.Fatal(err)
	}
	shop := c.Database("shop")
	for what, test := range map[string]struct {
		at   Position
		line int
	}{
		"database": {shop.At(), 3}, "logical": {shop.At("logical"), 4}, "datasource": {shop.Datasources[1].At("pool"), 7},
		"table": {shop.Tables[1].At(), 12}, "a key that is not written": {shop.At("seed"), 3}, "user": {c.Users[0].At("roles"), 1},
	} {
		if test.at != (Position{File: path, Line: test.line}) {
			t.Errorf("%s: %s, want line %d", what, test.at, test.line)
		}
	}
}

func TestLoadBoundsTheFile(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"bytes":      {strings.Repeat("#", fileBytesMax+1), "the file is longer than 1048576 bytes"},
		"values":     {"users: [" + strings.Repeat("1,", nodesMax+1) + "]\n", "more than 100000 values, aliases expanded"},
		"flow depth": {"users: " + strings.Repeat("[", 20000) + "\n", "not YAML: "},
		"merges":     {"a: &a {<<: [*b, *b]}\n", "unknown anchor"},
		"exponential merges": {`x0: &x0 {k: v}
` + mergeChain(30), "more than 100000 values, aliases expanded"},
		"key bytes": {strings.Repeat("k", keyBytesMax+1) + ": 1\n", "a key is longer than 256 bytes"},
		"mistakes":  {strings.Repeat("\"\": 1\n", 1000), "a key is empty"},
	} {
		started := time.Now()
		_, _, err := Open(Options{Path: write(t, test.text)}, fakes())
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %.200v", name, err)
		}
		if took := time.Since(started); took > 20*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
		var all Errors
		if errors.As(err, &all) && len(all) > errorsMax {
			t.Errorf("%s: %d mistakes", name, len(all))
		}
	}
}

// mergeChain doubles the work of each merge with the next.
func mergeChain(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		name, below := "x"+string(rune('a'+i%26))+string(rune('a'+i/26)), "x0"
		if i > 1 {
			below = "x" + string(rune('a'+(i-1)%26)) + string(rune('a'+(i-1)/26))
		}
		b.WriteString(name + ": &" + name + " {<<: [*" + below + ", *" + below + "]}\n")
	}
	return b.String()
}

// TestMergeKeys: what is written beside "<<" wins, and of several merged mappings the first.
func TestMergeKeys(t *testing.T) {
	text := strings.Replace(overrideBase, `ds_0: {url: "postgres://127.0.0.1/ds_0"}`,
		`ds_0: &a {url: "postgres://127.0.0.1/ds_0", pool: &p {max: 3}}`, 1)
	text = strings.Replace(text, `ds_1: {url: "postgres://127.0.0.1/ds_1b"}`,
		`ds_1: {<<: [{pool: {max: 4}}, *a], url: "postgres://127.0.0.1/ds_1b"}
      ds_2: {<<: *a, url: "postgres://127.0.0.1/ds_2"}`, 1)
	c, err := Load(Options{Path: write(t, text), Environ: []string{"VERIFIER=" + verifier}})
	if err != nil {
		t.Fatal(err)
	}
	d := c.Database("shop").Datasources
	if d[2].Pool.Max != 4 || d[2].URL.Reveal() != "postgres://127.0.0.1/ds_1b" || d[3].Pool.Max != 3 {
		t.Errorf("merged: %d %d", d[2].Pool.Max, d[3].Pool.Max)
	}
}

// TestSyntaxLine: the line of a mistake, where package yaml gives another.
func TestSyntaxLine(t *testing.T) {
	for text, want := range map[string]int{
		"a: 1\nb: 2\n c: 3\nd: 4\n":                      3,
		"a:\n  b: 1\n  c:\n    - 1\n   d: 2\ne: 3\n":     5,
		"a: [1,\n  2,\n  3]\nb: [1,\n  2\nc: 3\n":        4,
		"a: \"x\n  y\"\nb: 'x\n":                         3,
		"a: 1\n\tb: 2\n":                                 2,
		"a: {b: *}\n":                                    1,
		"a: 1\n@b: 2\n":                                  2,
		"k: v\n" + strings.Repeat("k: v\n", 100) + "}\n": 102,
	} {
		if got := syntaxLine([]byte(text)); got != want {
			t.Errorf("%q: line %d, want %d", text, got, want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	known := []string{"address", "tls", "datasources", "databases"}
	for written, want := range map[string]string{
		"adress": "address", "Address": "address", "sserdda": "", "tsl": "tls", "datasource": "datasources", "database": "databases",
		"": "", strings.Repeat("a", 100): "", "interface": "",
	} {
		if got := closest(written, known); got != want {
			t.Errorf("%q: %q, want %q", written, got, want)
		}
	}
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "10": 10, "10kB": 10 << 10, "1 MB": 1 << 20, "16GB": 16 << 30, "-1": -1,
		"1KB": -9, "1k": -9, "-1kB": -9, "9999999999999GB": -9, "": -9, "1.5MB": -9, "0x10": -9, "1_000": -9, "010": -9, "1  MB": -9} {
		got, ok := parseBytes(text)
		if ok != (want != -9) || ok && got != want {
			t.Errorf("%q: %d %t", text, got, ok)
		}
	}
}

func FuzzSelector(f *testing.F) {
	for _, text := range []string{"*", "t.c", `"a.b"."c""d".e*f`, "a..b", `"`} {
		f.Add(text, "name")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		s, err := parseSelector(text)
		if err != nil {
			return
		}
		s.column.matches(name)
		if !s.column.isPattern() && s.column.matches(name) != (s.column.text == name) {
			t.Error("a plain name matches another")
		}
	})
}

func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "x", true}, {"a*", "abc", true}, {"a*", "ba", false}, {"*c", "abc", true}, {"a*c", "ac", true}, {"a*c", "abcd", false},
		{"a*b*c", "axbxc", true}, {"a*b*c", "acb", false}, {"a*a", "a", false}, {"**", "", true}, {"a**b", "ab", true}, {"A*", "abc", false},
	} {
		if got := (part{text: test.pattern}).matches(test.name); got != test.want {
			t.Errorf("%q %q: %t", test.pattern, test.name, got)
		}
	}
	if (part{text: "a*", quoted: true}).matches("ab") {
		t.Error("a quoted star is a pattern")
	}
}

func BenchmarkOpen(b *testing.B) {
	if _, err := os.Stat("testdata/good/everything.yaml"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := Open(Options{Path: "testdata/good/everything.yaml", Environ: []string{"VERIFIER=" + verifier}}, fakes()); err != nil {
			b.Fatal(err)
		}
	}
}
