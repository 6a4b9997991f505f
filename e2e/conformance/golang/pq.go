package golang

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

const (
	pqModule  = "github.com/lib/pq"
	pqVersion = "v1.12.3"
)

// Pq is lib/pq's own suite. Its CI trusts everybody; here everybody has a password, which the environment gives.
func Pq() suite.Suite {
	return suite.Suite{
		Name: "pq", Title: "lib/pq, its own tests", Database: "pqgo", Role: "pqgo",
		Setup: `GRANT pg_signal_backend TO pqgo`,
		Users: []suite.User{{Name: "pqgoscram"}, {Name: "pqgossl", TLS: true}, {Name: "pqgosslcert", Certificate: true}},
		Certificates: func(w *suite.Workspace) suite.Certificates {
			dir := "source/testdata/ssl"
			return suite.Certificates{Cert: w.Path(dir, "server.crt"), Key: w.Path(dir, "server.key"), CA: w.Path(dir, "root.crt")}
		},
		Length:  20 * time.Minute,
		Prepare: preparePq,
		Run:     runPq,
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

// runPq runs the suite with parameters in text and again with parameters in binary, as its CI does.
func runPq(ctx context.Context, w *suite.Workspace, s *suite.Server) (suite.Results, error) {
	all := make(suite.Results)
	for _, binary := range []string{"no", "yes"} {
		results, err := goTest(ctx, w, pqModule, "source", append(s.Environ(), "PQTEST_BINARY_PARAMETERS="+binary),
			"-skip", "^Example_openConfig$", // it connects to port 5432, and ends the process if it cannot
			"./...")
		if err != nil {
			return nil, err
		}
		for name, status := range results {
			all.Add("binary_parameters="+binary+" "+name, status)
		}
	}
	return all, nil
}
