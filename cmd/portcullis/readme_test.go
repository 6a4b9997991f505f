package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
)

// TestReadme does what README.md tells its reader to do on servers of their own, with other ports.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for _, m := range regexp.MustCompile("(?ms)^```\\w+ (\\S+)\n(.*?)^```$").FindAllSubmatch(text, -1) {
		blocks[string(m[1])] = string(m[2])
	}
	cluster, err := pgcluster.Start(t.Context(), pgcluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Stop()
	r := &reader{t: t, dir: t.TempDir(), path: filepath.Dir(cluster.Psql()), ports: strings.NewReplacer(
		":5432/", fmt.Sprintf(":%d/", cluster.Port), ":6432", fmt.Sprintf(":%d", freePort(t)))}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(r.dir, "portcullis"), ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	for _, name := range []string{"databases.sql", "schema.sql", "portcullis.yaml"} {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(r.ports.Replace(blocks[name])), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.run("psql -q -v ON_ERROR_STOP=1 -f databases.sql "+cluster.URL("postgres"), 0)
	commands, serve, found := strings.Cut(blocks["commands"], "portcullis serve\n")
	if !found || serve != "" {
		t.Fatal("the commands do not end with portcullis serve")
	}
	r.run(commands, 0)
	r.serve()
	queries := r.run(blocks["queries"], 0)
	for _, want := range []string{"INSERT 0 1", "Ada  | ada@example.com | 123-45-6789", "Ada  | ***-**-6789", `Ada  | \x0100`} {
		if !strings.Contains(queries, want) {
			t.Errorf("the queries do not print %q:\n%s", want, queries)
		}
	}
	refusal := r.run(blocks["refused"], 1)
	if indented := "    " + strings.ReplaceAll(strings.TrimSpace(refusal), "\n", "\n    "); !strings.Contains(string(text), indented) {
		t.Errorf("README.md does not show this refusal:\n%s", refusal)
	}
	later := r.run(blocks["later"], 0)
	for _, want := range []string{"masked by PARTIAL", "masked-predicate", "audit.jsonl is intact"} {
		if !strings.Contains(later, want) {
			t.Errorf("the last commands do not print %q:\n%s", want, later)
		}
	}
	programs := r.run(`portcullis explain --output json --user carol "SELECT name, ssn FROM customers WHERE id = 1"
		portcullis schema apply --output json
		portcullis schema check --output json`, 0)
	for _, want := range []string{`"use": "mask"`, `"plan": "sql `, `"changes": 0`, "[]\n"} {
		if !strings.Contains(programs, want) {
			t.Errorf("JSON for programs does not hold %q:\n%s", want, programs)
		}
	}
}

// reader types what README.md says.
type reader struct {
	t     *testing.T
	dir   string
	path  string // of psql
	ports *strings.Replacer
}

func (r *reader) command(ctx context.Context, script string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-ec", r.ports.Replace(script))
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "PATH="+r.dir+":"+r.path+":"+os.Getenv("PATH"), "PSQLRC=/dev/null", "LC_ALL=C")
	return cmd
}

// run runs commands and returns what they print.
func (r *reader) run(script string, wantCode int) string {
	r.t.Helper()
	out, err := r.command(r.t.Context(), script).CombinedOutput()
	if code := exitOf(err); code != wantCode {
		r.t.Fatalf("exit code %d, want %d: %s\n%s", code, wantCode, script, out)
	}
	return string(out)
}

func exitOf(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// serve starts the gateway and waits until it says that it serves.
func (r *reader) serve() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := r.command(ctx, "exec portcullis serve")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	log := filepath.Join(r.dir, "serve.log")
	file, err := os.Create(log)
	if err != nil {
		r.t.Fatal(err)
	}
	cmd.Stderr = file
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		cancel()
		if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			r.t.Errorf("serve: %v", err)
		}
		file.Close()
	})
	const patience = 30 * time.Second
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if text, _ := os.ReadFile(log); bytes.Contains(text, []byte("msg=serving")) {
			return
		}
	}
	text, _ := os.ReadFile(log)
	r.t.Fatalf("the gateway does not serve: %s", text)
}

// freePort returns a port that nobody listens on at this moment.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
