package python

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/portcullisdb/portcullis/e2e/conformance/program"
	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// source is this folder below the module's root.
const source = "e2e/conformance/python"

// Psycopg3 is a suite of ours for psycopg 3: pipelines, cursors of the server, COPY, binary, asyncio.
func Psycopg3() suite.Suite { return script("psycopg3", "psycopg 3") }

// script is the suite of NAME_suite.py, run in an environment that NAME.txt describes.
func script(name, title string) suite.Suite {
	s := suite.Suite{Name: name, Title: title, Prepare: func(ctx context.Context, w *suite.Workspace) (string, error) {
		return Prepare(ctx, w, filepath.Join(source, name+".txt"))
	}}
	return program.Suite(s, func(w *suite.Workspace) suite.Program {
		return suite.Program{Name: w.Path("venv", "bin", "python"), Args: []string{filepath.Join(w.Source, source, name+"_suite.py")},
			Environ: []string{"PYTHONDONTWRITEBYTECODE=1"}}
	})
}

// Prepare makes the workspace's virtual environment, venv, with the packages of a list, a file below the module's root. The
// first of them is the driver. An error wraps suite.ErrMissing if Python or packages cannot be had.
func Prepare(ctx context.Context, w *suite.Workspace, list string) (versions string, err error) {
	if err := w.Missing("Debian's packages python3, python3-venv", "python3"); err != nil {
		return "", err
	}
	list = filepath.Join(w.Source, list)
	content, err := os.ReadFile(list)
	if err != nil {
		return "", err
	}
	packages := strings.Fields(string(content))
	if err := w.Once(strings.Join(packages, " "), func() error {
		if _, err := w.Must(ctx, suite.Program{Name: "python3", Args: []string{"-m", "venv", "--clear", "venv"}}); err != nil {
			return err
		}
		_, err := w.Must(ctx, suite.Program{Name: w.Path("venv", "bin", "pip"), Args: []string{"install", "--quiet", "--disable-pip-version-check", "-r", list}})
		return err
	}); err != nil {
		return "", fmt.Errorf("%w: %s (%w)", suite.ErrMissing, strings.Join(packages, ", "), err)
	}
	python, err := w.Output(ctx, suite.Program{Name: w.Path("venv", "bin", "python"), Args: []string{"--version"}})
	return strings.ReplaceAll(packages[0], "==", " ") + ", " + strings.TrimSpace(python), err
}
