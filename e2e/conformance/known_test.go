package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

func TestKnownFilesCanBeRead(t *testing.T) {
	if _, err := loadKnown("known"); err != nil {
		t.Error(err)
	}
	files, err := filepath.Glob("known/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !slices.ContainsFunc(suites(), func(s suite.Suite) bool { return file == filepath.Join("known", s.Name+".txt") }) {
			t.Errorf("%s is of no suite", file)
		}
	}
}

func TestReadKnown(t *testing.T) {
	known, err := readKnown("a", "f", "# comment\n\nsettings session transaction\ntest One\ntest Two/*\nreason it is\n so\n")
	if err != nil || len(known) != 1 {
		t.Fatalf("got %+v, %v", known, err)
	}
	if d := known[0]; d.reason != "it is so" || d.place != "f:3" {
		t.Errorf("got %+v", d)
	}
	for _, test := range []struct {
		suite   string
		setting suite.Setting
		name    string
		want    bool
	}{{"a", suite.Session, "One", true}, {"a", suite.Transaction, "Two/x y", true}, {"a", suite.Session, "Onerous", false},
		{"b", suite.Session, "One", false}, {"a", suite.Direct, "One", false}} {
		if got := knownAs(known, test.suite, test.setting, test.name) != nil; got != test.want {
			t.Errorf("%+v: got %v", test, got)
		}
	}
	for text, want := range map[string]string{
		"test a\n":                       "f:1: a difference has",
		"settings direct\n":              `"direct" is neither`,
		"setting session\n":              `f:1: what is "setting"?`,
		"settings session\n\n":           "a difference has",
		"\nsettings session\nreason x\n": "f:2: a difference has",
	} {
		if _, err := readKnown("a", "f", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestDifferences(t *testing.T) {
	direct := suite.Results{"a": suite.Passed, "b": suite.Passed, "c": suite.Passed, "d": suite.Failed, "e": suite.Skipped, "f": suite.Passed}
	through := suite.Results{"a": suite.Passed, "b": suite.Failed, "c": suite.Skipped, "d": suite.Failed, "e": suite.Failed}
	if got, want := differences(direct, through), []string{"b", "c", "f"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParse(t *testing.T) {
	var said strings.Builder
	o, err := parse([]string{"-suite", "pq,pgx", "-mode", "session", "-keep"}, &said)
	if err != nil || len(o.suites) != 2 || o.suites[0].Name != "pq" || !slices.Equal(o.settings, []suite.Setting{suite.Session}) || !o.keep {
		t.Errorf("got %+v, %v", o, err)
	}
	for _, args := range [][]string{{"-suite", "nobody"}, {"-mode", "fast"}, {"more"}} {
		if _, err := parse(args, &said); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
}
