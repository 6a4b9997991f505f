package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullisdb/portcullis/e2e/conformance/golang"
	"github.com/portcullisdb/portcullis/e2e/conformance/postgres"
	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// TestShortForm runs the suites that need no toolchain, in each setting.
func TestShortForm(t *testing.T) {
	binary := os.Getenv("PORTCULLIS_BINARY")
	if binary == "" {
		binary = filepath.Join(t.TempDir(), "portcullis")
		if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/portcullis").CombinedOutput(); err != nil {
			t.Fatalf("build the gateway: %v\n%s", err, out)
		}
	}
	t.Chdir("../..") // files are named from the root of the module
	o := options{binary: binary, dir: t.TempDir(), suites: []suite.Suite{golang.Smoke(), postgres.Psql()}, settings: suite.Settings()}
	var said strings.Builder
	err := run(t.Context(), o, &said)
	t.Log("\n" + said.String())
	if err != nil {
		logs, _ := filepath.Glob(filepath.Join(o.dir, "logs", "*")) // the pattern is well formed
		for _, log := range logs {
			const tail = 4000
			content, _ := os.ReadFile(log) // what cannot be read cannot be shown
			t.Logf("%s ends with\n%s", filepath.Base(log), content[max(len(content)-tail, 0):])
		}
		t.Fatal(err)
	}
}
