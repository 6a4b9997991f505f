package golang

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

const (
	pqModule  = "github.com/lib/pq"
	pqVersion = "v1.12.3"
	pqSkip    = "^Example_openConfig$" // connects to port 5432, and ends the process if it cannot
)

// Pq is lib/pq's own suite. Its CI trusts the users pqgo and pqgossl, and has users that log in by MD5 and by clear password;
// here everybody has a password and logs in by SCRAM, and a password file stands in for trust.
func Pq() suite.Suite {
	return suite.Suite{
		Name: "pq", Title: "lib/pq, its own tests", Database: "pqgo", Role: "pqgo",
		Setup:    `GRANT pg_signal_backend TO pqgo`,
		Password: "wordpass",
		Users:    []suite.User{{Name: "pqgoscram"}, {Name: "pqgomd5"}, {Name: "pqgopassword"}, {Name: "pqgossl", TLS: true}, {Name: "pqgosslcert", Certificate: true}},
		Certificates: func(w *suite.Workspace) suite.Certificates {
			dir := "source/testdata/ssl"
			return suite.Certificates{Cert: w.Path(dir, "server.crt"), Key: w.Path(dir, "server.key"), CA: w.Path(dir, "root.crt")}
		},
		Length:  20 * time.Minute,
		Prepare: preparePq,
		Run:     runPq,
		Again:   againPq,
	}
}

// preparePq downloads the module, which go.mod does not require, and compiles its tests.
func preparePq(ctx context.Context, w *suite.Workspace) (versions string, err error) {
	text, err := w.Output(ctx, suite.Program{Name: "go", Args: []string{"mod", "download", "-json", pqModule + "@" + pqVersion},
		Environ: []string{"GOWORK=off"}})
	if err != nil {
		return "", fmt.Errorf("%w: %s %s (%w)", suite.ErrMissing, pqModule, pqVersion, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(text), &module); err != nil {
		return "", err
	}
	if module.Dir == "" {
		return "", errors.New("go mod download does not say where the module is")
	}
	if err := copyModule(w, pqModule, pqVersion, module.Dir); err != nil {
		return "", err
	}
	goVersion, err := compileTests(ctx, w, pqVersion)
	return "lib/pq " + strings.TrimPrefix(pqVersion, "v") + ", " + goVersion, err
}

// pqParameters are the ways in which the suite is run, as its CI does: with parameters in text and in binary.
var pqParameters = []string{"no", "yes"}

func runPq(ctx context.Context, w *suite.Workspace, s *suite.Server) (suite.Results, error) {
	all := make(suite.Results)
	for _, binary := range pqParameters {
		environ, exec, err := pqEnviron(ctx, w, s, binary)
		if err != nil {
			return nil, err
		}
		results, err := goTest(ctx, w, pqModule, "source", environ, "-exec", exec, "-skip", pqSkip, "./...")
		if err != nil {
			return nil, err
		}
		for name, status := range results {
			all.Add(pqPrefix(binary)+name, status)
		}
	}
	return all, nil
}

func againPq(ctx context.Context, w *suite.Workspace, s *suite.Server, tests []string) (suite.Results, error) {
	all := make(suite.Results)
	for _, binary := range pqParameters {
		var names []string
		for _, test := range tests {
			if name, ok := strings.CutPrefix(test, pqPrefix(binary)); ok {
				names = append(names, name)
			}
		}
		environ, exec, err := pqEnviron(ctx, w, s, binary)
		if err != nil {
			return nil, err
		}
		results, err := goTestAgain(ctx, w, pqModule, "source", environ, names, "-exec", exec, "-skip", pqSkip)
		if err != nil {
			return nil, err
		}
		for name, status := range results {
			all.Add(pqPrefix(binary)+name, status)
		}
	}
	return all, nil
}

func pqPrefix(binary string) string { return "binary_parameters=" + binary + " " }

// pqEnviron is by what the tests connect, and the program that runs them.
func pqEnviron(ctx context.Context, w *suite.Workspace, s *suite.Server, binary string) (environ []string, exec string, err error) {
	passwords := w.Path("home", ".pgpass")
	if err := os.MkdirAll(filepath.Dir(passwords), 0o755); err != nil {
		return nil, "", err
	}
	if err := os.WriteFile(passwords, []byte("*:*:*:pqgo:wordpass\n*:*:*:pqgossl:wordpass\n"), 0o600); err != nil {
		return nil, "", err
	}
	// Its tests of TLS know the server as "postgres" and "postgres-invalid" (README.md, compose.yaml).
	exec, err = asAtHome(ctx, w, "127.0.0.1 localhost postgres postgres-invalid\n")
	return []string{"PGHOST=localhost", "PGPORT=" + strconv.Itoa(s.Port), "PGUSER=" + s.User, "PGDATABASE=" + s.Database,
		"PQTEST_BINARY_PARAMETERS=" + binary}, exec, err
}

// asAtHome writes a script that runs a program in the workspace's home folder with another hosts file, in a mount namespace
// of its own. Only root may do the latter; for others, what names those hosts fails directly too.
func asAtHome(ctx context.Context, w *suite.Workspace, hosts string) (script string, err error) {
	script = w.Path("as-at-home")
	text := "#!/bin/sh\nHOME=" + w.Path("home") + " exec \"$@\"\n"
	if _, err := w.Run(ctx, suite.Program{Name: "unshare", Args: []string{"--mount", "true"}}); err == nil {
		text = "#!/bin/sh\nHOME=" + w.Path("home") + " exec unshare --mount sh -c 'mount --bind " + w.Path("hosts") +
			" /etc/hosts && exec \"$@\"' sh \"$@\"\n"
	}
	if err := os.WriteFile(w.Path("hosts"), []byte(hosts), 0o644); err != nil {
		return "", err
	}
	return script, os.WriteFile(script, []byte(text), 0o755)
}
