package golang

import (
	"maps"
	"strings"
	"testing"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

func TestReadGoTest(t *testing.T) {
	const output = `go: downloading something
{"Action":"run","Package":"m/p","Test":"TestA"}
{"Action":"output","Package":"m/p","Test":"TestA","Output":"said\n"}
{"Action":"pass","Package":"m/p","Test":"TestA"}
{"Action":"run","Package":"m/p","Test":"TestB"}
{"Action":"run","Package":"m/p","Test":"TestB/file=/tmp/TestB123/001/x"}
{"Action":"fail","Package":"m/p","Test":"TestB/file=/tmp/TestB123/001/x"}
{"Action":"fail","Package":"m/p","Test":"TestB"}
{"Action":"fail","Package":"m/p"}
{"Action":"run","Package":"m","Test":"TestC"}
{"Action":"skip","Package":"m","Test":"TestC"}
{"Action":"run","Package":"m","Test":"TestD"}
{"Action":"fail","Package":"m"}
{"Action":"fail","Package":"m/q"}
{"Action":"pass","Package":"m/r"}
`
	var log strings.Builder
	got, err := readGoTest("m", output, &log)
	want := suite.Results{"p.TestA": suite.Passed, "p.TestB": suite.Failed, "p.TestB/file=/tmp/TestB/001/x": suite.Failed,
		"..TestC": suite.Skipped, "..TestD": suite.Failed, ".": suite.Failed, "q": suite.Failed}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if log.String() != "said\n" {
		t.Errorf("the log is %q", log.String())
	}
}

func TestPackageOf(t *testing.T) {
	for name, want := range map[string][2]string{
		"..TestC":               {".", "TestC"},
		"..TestC/a.b/c":         {".", "TestC/a.b/c"},
		"p.TestA":               {"p", "TestA"},
		"p/q.TestA/x/Test.y":    {"p/q", "TestA/x/Test.y"},
		"p/internal/q.FuzzA/x.": {"p/internal/q", "FuzzA/x."},
		"p":                     {"p", ""},
	} {
		if pkg, test := packageOf(name); pkg != want[0] || test != want[1] {
			t.Errorf("packageOf(%q) = %q, %q; want %q", name, pkg, test, want)
		}
	}
}
