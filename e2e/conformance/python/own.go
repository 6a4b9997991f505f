package python

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/portcullisdb/portcullis/e2e/conformance/program"
	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// Psycopg2 is psycopg2's own suite, out of its source package.
func Psycopg2() suite.Suite {
	return own(suite.Suite{Name: "psycopg2", Title: "psycopg2, its own tests"}, "psycopg2==2.9.13", nil,
		[]string{"PSYCOPG2_TESTDB=conformance"}, "tests")
}

// Asyncpg is asyncpg's own suite, out of its source package. Some of its tests start clusters of their own; they fail or
// are skipped here in every setting.
func Asyncpg() suite.Suite {
	return own(suite.Suite{Name: "asyncpg", Title: "asyncpg, its own tests", Attributes: []string{"CREATEDB"}, Length: 20 * time.Minute},
		"asyncpg==0.32.0", []replacement{
			// They connect to the default database by name.
			{"tests/test_pool.py", "database='postgres'", "database='conformance'"},
			{"tests/test_listeners.py", "database='postgres'", "database='conformance'"},
		}, nil, "tests")
}

// replacement is an edit of a file of the source package: every old becomes new.
type replacement struct{ path, old, new string }

// own is the suite that a source package brings with it, run by pytest with the driver of NAME.txt.
func own(s suite.Suite, requirement string, edits []replacement, environ []string, args ...string) suite.Suite {
	s.Prepare = func(ctx context.Context, w *suite.Workspace) (string, error) {
		versions, err := Prepare(ctx, w, filepath.Join(source, s.Name+".txt"))
		if err != nil {
			return "", err
		}
		err = w.Once("source "+requirement, func() error { return unpack(ctx, w, requirement, edits) })
		if err != nil {
			return "", fmt.Errorf("%w: the source package of %s (%w)", suite.ErrMissing, requirement, err)
		}
		return versions, nil
	}
	s.Run = func(ctx context.Context, w *suite.Workspace, server *suite.Server) (suite.Results, error) {
		all := append(program.Environ(server), "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH="+filepath.Join(w.Source, source))
		output, err := w.Output(ctx, suite.Program{Dir: "source", Environ: append(all, environ...), Name: w.Path("venv", "bin", "python"),
			Args: append([]string{"-m", "pytest", "-q", "-p", "pytest_lines", "-p", "no:cacheprovider"}, args...)})
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return nil, err
		}
		return suite.ReadLines(output)
	}
	return s
}

// unpack downloads a source package and leaves its tests, edited, in the folder source of the workspace.
func unpack(ctx context.Context, w *suite.Workspace, requirement string, edits []replacement) error {
	name, version, _ := strings.Cut(requirement, "==")
	if err := os.RemoveAll(w.Path("source")); err != nil {
		return err
	}
	if _, err := w.Must(ctx, suite.Program{Name: w.Path("venv", "bin", "pip"), Args: []string{"download", "--quiet", "--no-deps",
		"--no-binary", name, "--dest", w.Path("download"), requirement}}); err != nil {
		return err
	}
	if err := os.MkdirAll(w.Path("source"), 0o755); err != nil {
		return err
	}
	// The driver itself is the installed one: its folder is not unpacked.
	folder := name + "-" + version
	if _, err := w.Must(ctx, suite.Program{Name: "tar", Args: []string{"-xzf", w.Path("download", folder+".tar.gz"), "-C", w.Path("source"),
		"--strip-components=1", folder + "/tests"}}); err != nil {
		return err
	}
	for _, e := range edits {
		path := w.Path("source", e.path)
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(content), e.old, e.new)), 0o644); err != nil {
			return err
		}
	}
	return nil
}
