package odbc

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/portcullisdb/portcullis/e2e/conformance/program"
	"github.com/portcullisdb/portcullis/e2e/conformance/python"
	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// source is this folder below the module's root.
const source = "e2e/conformance/odbc"

// PsqlODBC is a suite of ours for PostgreSQL's ODBC driver, of the version that Debian has. Most of its tests run under
// several of the driver's settings: statements prepared by the server, cursors, what an error undoes.
func PsqlODBC() suite.Suite {
	s := suite.Suite{Name: "odbc", Title: "ODBC (psqlodbc)", Prepare: func(ctx context.Context, w *suite.Workspace) (string, error) {
		check := suite.Program{Name: "odbcinst", Args: []string{"-q", "-d", "-n", "PostgreSQL Unicode"}}
		if _, err := program.Debian(ctx, w, check, "unixodbc", "odbcinst", "odbc-postgresql"); err != nil {
			return "", err
		}
		versions, err := python.Prepare(ctx, w, filepath.Join(source, "odbc.txt"))
		if err != nil {
			return "", err
		}
		driver, err := w.Output(ctx, suite.Program{Name: "dpkg-query", Args: []string{"-W", "-f", "${Version}", "odbc-postgresql"}})
		if err != nil { // installed in another way
			return versions, nil
		}
		return "psqlodbc " + strings.TrimSpace(driver) + ", " + versions, nil
	}}
	return program.Suite(s, func(w *suite.Workspace) suite.Program {
		return suite.Program{Name: w.Path("venv", "bin", "python"), Args: []string{filepath.Join(w.Source, source, "odbc_suite.py")},
			Environ: []string{"PYTHONDONTWRITEBYTECODE=1"}}
	})
}
