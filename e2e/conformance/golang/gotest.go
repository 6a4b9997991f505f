package golang

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// temporary is a folder of testing.T.TempDir in the name of a test.
var temporary = regexp.MustCompile(`(/Test[A-Za-z]+)[0-9]+`)

// lineMax bounds a line of go test -json.
const lineMax = 64 << 20

// goTest runs `go test -json` in a folder of the workspace and reads what it says. The name of a test is its package's
// path below the module and its own, "pgconn.TestConnect/named".
func goTest(ctx context.Context, w *suite.Workspace, module, dir string, environ []string, args ...string) (suite.Results, error) {
	output, err := w.Output(ctx, suite.Program{Dir: dir, Environ: environ, Quiet: true, Name: "go",
		Args: append([]string{"test", "-json", "-count=1"}, args...)})
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		return nil, err
	}
	return readGoTest(module, output, w.Log)
}

// goTestAgain runs the packages of the given tests once more, wholly: what a test finds depends on those beside it, and only
// what a busy machine did to it should be otherwise.
func goTestAgain(ctx context.Context, w *suite.Workspace, module, dir string, environ, tests []string, args ...string) (suite.Results, error) {
	var packages []string
	for _, name := range tests {
		pkg, _ := packageOf(name)
		if pkg = "./" + pkg; !slices.Contains(packages, pkg) {
			packages = append(packages, pkg)
		}
	}
	if len(packages) == 0 {
		return nil, nil
	}
	return goTest(ctx, w, module, dir, environ, append(args, packages...)...)
}

// packageOf cuts a name that readGoTest made. No package of these modules has a dot in its path.
func packageOf(name string) (pkg, test string) {
	if test, ok := strings.CutPrefix(name, ".."); ok {
		return ".", test
	}
	pkg, test, _ = strings.Cut(name, ".")
	return pkg, test
}

// event is a line of go test -json (go doc test2json).
type event struct{ Action, Package, Test, Output string }

// readGoTest reads the lines of go test -json. A test that began and did not end, because its process did, has failed; so
// has, by the name of its package, a package that fails otherwise than by a test. What the tests print goes to log.
func readGoTest(module, output string, log io.Writer) (suite.Results, error) {
	results := make(suite.Results)
	running := make(map[string]bool)
	failedIn := make(map[string]bool)
	lines := bufio.NewScanner(strings.NewReader(output))
	lines.Buffer(nil, lineMax)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue // what the go command itself prints
		}
		if _, err := io.WriteString(log, e.Output); err != nil {
			return nil, err
		}
		pkg := strings.TrimPrefix(strings.TrimPrefix(e.Package, module), "/")
		if pkg == "" {
			pkg = "."
		}
		name := pkg
		if e.Test != "" {
			name += "." + temporary.ReplaceAllString(e.Test, "$1")
		}
		switch e.Action {
		case "run":
			running[name] = true
		case "pass", "fail", "skip":
			if e.Test == "" && !(e.Action == "fail" && !failedIn[pkg]) {
				continue
			}
			delete(running, name)
			failedIn[pkg] = failedIn[pkg] || e.Action == "fail"
			results.Add(name, map[string]suite.Status{"pass": suite.Passed, "fail": suite.Failed, "skip": suite.Skipped}[e.Action])
		}
	}
	for name := range running {
		results.Add(name, suite.Failed)
	}
	return results, lines.Err()
}
