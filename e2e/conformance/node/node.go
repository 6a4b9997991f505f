package node

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/portcullisdb/portcullis/e2e/conformance/program"
	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// source is this folder below the module's root.
const source = "e2e/conformance/node"

// Pg is a suite of ours for node-postgres, with its cursors, streams and COPY.
func Pg() suite.Suite { return script("pg", "node-postgres", "pg") }

// PostgresJS is a suite of ours for postgres.js, with prepared statements and without.
func PostgresJS() suite.Suite { return script("postgresjs", "postgres.js", "postgres") }

// script is the suite of NAME_suite.js. driver is its package's name.
func script(name, title, driver string) suite.Suite {
	s := suite.Suite{Name: name, Title: title, Prepare: func(ctx context.Context, w *suite.Workspace) (string, error) {
		return prepare(ctx, w, driver)
	}}
	return program.Suite(s, func(w *suite.Workspace) suite.Program {
		return suite.Program{Name: "node", Args: []string{"--no-deprecation", filepath.Join(w.Source, source, name+"_suite.js")},
			Environ: []string{"CONFORMANCE_MODULES=" + w.Dir}}
	})
}

// prepare installs what package.json wants into the workspace.
func prepare(ctx context.Context, w *suite.Workspace, driver string) (versions string, err error) {
	if err := w.Missing("Node.js with npm", "node", "npm"); err != nil {
		return "", err
	}
	content, err := os.ReadFile(filepath.Join(w.Source, source, "package.json"))
	if err != nil {
		return "", err
	}
	var wanted struct{ Dependencies map[string]string }
	if err := json.Unmarshal(content, &wanted); err != nil {
		return "", err
	}
	list := fmt.Sprint(wanted.Dependencies) // in the order of names
	if err := w.Once("npm "+list, func() error {
		if err := os.WriteFile(w.Path("package.json"), content, 0o644); err != nil {
			return err
		}
		_, err := w.Must(ctx, suite.Program{Name: "npm", Args: []string{"install", "--no-audit", "--no-fund", "--ignore-scripts"}})
		return err
	}); err != nil {
		return "", fmt.Errorf("%w: npm's packages %s (%w)", suite.ErrMissing, list, err)
	}
	node, err := w.Output(ctx, suite.Program{Name: "node", Args: []string{"--version"}})
	return driver + " " + wanted.Dependencies[driver] + ", Node.js " + strings.TrimPrefix(strings.TrimSpace(node), "v"), err
}
