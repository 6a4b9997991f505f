package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	"github.com/portcullisdb/portcullis/e2e/wirescript"
)

// wireModes are the targets that startWire has, PostgreSQL first. To add one, add it here and to wirescript.Targets.
var wireModes = []string{wirescript.TargetPostgres, wirescript.TargetSession, wirescript.TargetTransaction}

// wireStage is a cluster with one database for each of wireModes, and a gateway before all but the first. Role, password and
// databases have the same names on both sides.
type wireStage struct{ *shop }

// startWire starts one of its own for a test.
func startWire(t *testing.T) *wireStage {
	t.Helper()
	ctx := context.Background()
	s := &shop{log: &lockedBuffer{}}
	t.Cleanup(s.stop)
	var err error
	if s.dir, err = os.MkdirTemp("", "portcullis-e2e-"); err != nil {
		t.Fatal(err)
	}
	if s.clusters[0], err = pgcluster.Start(ctx, pgcluster.Options{Name: "wire", MaxPreparedTransactions: 10}); err != nil {
		t.Fatal(err)
	}
	databases := []string{"logical"}
	for _, mode := range wireModes {
		databases = append(databases, wireDatabase(mode))
	}
	if err := wirescript.Stage(ctx, s.clusters[0], databases...); err != nil {
		t.Fatal(err)
	}
	s.address = freeAddress(t)
	verifier, code := s.run(wirescript.Password+"\n", "user", "verifier")
	if code != 0 {
		t.Fatalf("portcullis user verifier: exit code %d: %s", code, verifier)
	}
	var config strings.Builder
	fmt.Fprintf(&config, "listen: {address: %q}\nusers:\n  - {name: %s, verifier: %q}\ndatabases:\n", s.address, wirescript.Role,
		"env:VERIFIER")
	s.environ = append(os.Environ(), "VERIFIER="+strings.TrimSpace(verifier), "LOGICAL_URL="+s.serverURL("logical"))
	for _, mode := range wireModes[1:] {
		fmt.Fprintf(&config, "  %s:\n    logical: \"env:LOGICAL_URL\"\n    pool: {mode: %s}\n"+
			"    datasources: {only: {url: \"env:URL_%s\", pool: {max: 50}}}\n", wireDatabase(mode), mode, strings.ToUpper(mode))
		s.environ = append(s.environ, "URL_"+strings.ToUpper(mode)+"="+s.serverURL(wireDatabase(mode)))
	}
	if err := os.WriteFile(filepath.Join(s.dir, "portcullis.yaml"), []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := s.run("", "check"); code != 0 {
		t.Fatalf("portcullis check: exit code %d: %s", code, out)
	}
	if err := s.startGateway(); err != nil {
		t.Fatal(err)
	}
	return &wireStage{s}
}

func wireDatabase(mode string) string { return "wire_" + mode }

// serverURL is the URL of a database past the gateway.
func (s *shop) serverURL(database string) string {
	return s.clusters[0].URLFor(wirescript.Role, wirescript.Password, database)
}

// url is the URL of a mode's database, through the gateway but for the first mode.
func (w *wireStage) url(mode string) string {
	direct := w.serverURL(wireDatabase(mode))
	if mode == wirescript.TargetPostgres {
		return direct
	}
	return strings.Replace(direct, fmt.Sprintf("127.0.0.1:%d", w.clusters[0].Port), w.address, 1)
}

// target is a mode's database for scripts.
func (w *wireStage) target(mode string) wirescript.Target {
	target, err := wirescript.TargetOf(w.url(mode))
	if err != nil {
		panic(err) // pgcluster's URLs can be parsed
	}
	target.Superuser = w.clusters[0].URL(wireDatabase(mode))
	return target
}
