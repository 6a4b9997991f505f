package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/portcullisdb/portcullis/gateway/audit"
)

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"portcullis": main})
}

// tests removes temporaryRoot when all tests have run.
type tests struct{ m *testing.M }

func (t tests) Run() int {
	code := t.m.Run()
	if root, err := temporaryRoot(); err == nil {
		os.RemoveAll(root)
	}
	return code
}

// temporaryRoot is a folder for the demo's folders that the servers' user can reach. It is one for all tests because
// the process keeps its template of clusters there.
var temporaryRoot = sync.OnceValues(func() (string, error) {
	root, err := os.MkdirTemp("/tmp", "portcullis-demo-test-")
	if err != nil {
		return "", err
	}
	return root, os.Chmod(root, 0o755)
})

// demoRoot makes temporaryRoot the place for temporary files during a test.
func demoRoot(t *testing.T) string {
	t.Helper()
	root, err := temporaryRoot()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", root)
	return root
}

// TestScripts runs testdata/script: one feature a file.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode": exitCode, "auditlog": auditLog, "change": change,
		},
	})
}

// exitCode runs a command that must end with a code: exitcode 2 portcullis bogus.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode CODE PROGRAM ARGUMENT...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("%s ended with %s, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// auditLog writes a log of three events.
func auditLog(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	key, err := audit.CreateSigningKey(path+".key", bytes.NewReader(bytes.Repeat([]byte{7}, 64)))
	ts.Check(err)
	noon := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	log, err := audit.Open(path, audit.Options{SigningKey: key, AnchorPath: path + ".anchors", Clock: func() time.Time { return noon }})
	ts.Check(err)
	for _, e := range []audit.Event{
		{Kind: audit.KindSession, Action: "login", User: "app", Decision: "allow"},
		{Kind: audit.KindStatement, User: "app", Decision: "allow", Statement: "SELECT ssn FROM customers WHERE email = $1",
			Columns: []audit.Column{{Table: "public.customers", Column: "email", Use: "search"}, {Table: "public.customers", Column: "ssn", Use: "reveal"}}},
		{Kind: audit.KindRefusal, User: "support", Decision: "refuse", SQLState: "42501", Rule: "masked-predicate",
			Statement: "SELECT name FROM customers WHERE ssn LIKE \xf8"},
	} {
		ts.Check(log.Record(context.Background(), &e))
	}
	ts.Check(log.Close())
}

// change copies a file with the first occurrence of a text replaced.
func change(ts *testscript.TestScript, _ bool, args []string) {
	content := ts.ReadFile(args[0])
	if !strings.Contains(content, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[3]), []byte(strings.Replace(content, args[1], args[2], 1)), 0o600))
}

// TestHelp: every command has an example that begins with its own name.
func TestHelp(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" || c.HasParent() && !strings.HasPrefix(c.Example, "  "+c.CommandPath()) {
			t.Errorf("%s: short %q, example %q", c.CommandPath(), c.Short, c.Example)
		}
		for _, member := range c.Commands() {
			walk(member)
		}
	}
	walk(rootCommand(&program{}))
}

// TestDemo tells the whole story once, as without a terminal, and looks for what it promises.
func TestDemo(t *testing.T) {
	root := demoRoot(t)
	var out bytes.Buffer
	if code := (program{in: eof{}, out: &out, err: &out, self: "portcullis"}).run(t.Context(), []string{"demo"}); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out.String())
	}
	text := out.String()
	for _, phrase := range []string{
		"loading 1200 customers through the gateway", "loading 3600 orders through the gateway",
		`$ psql "$APP" -c "SELECT id, name, email, ssn`, "grace.lovelace@example.com | 107-23-1037",
		"gXXX@XXXX.com | ***-**-1037", "from its shard: ds_", `| \x0101`, "(5 rows)", "  1200\n(1 row)", "  3600 | ", "(3 rows)",
		`ERROR:  column "ssn" of "customers" is masked for role "support"`, "Rule: masked-laundering.", "Rule: sealed-write.",
		"masked by PARTIAL", "nodes    ds_", "42501 masked-predicate", "is intact", ": edit: ", "The demo took ",
	} {
		if !strings.Contains(text, phrase) {
			t.Errorf("the story does not say %q", phrase)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
	nothingLeft(t, root)
}

// nothingLeft: the demo's own folder is gone. The template of clusters stays until the process ends.
func nothingLeft(t *testing.T, root string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "portcullis-demo-") {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// TestDemoInterrupted: Ctrl-C at any time ends with exit code 1 and leaves nothing.
func TestDemoInterrupted(t *testing.T) {
	root := demoRoot(t)
	for _, when := range []string{"starting two", "making the logical", "loading 1200", "1. The application", "9. Support"} {
		t.Run(when, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := &trigger{phrase: when, pull: cancel}
			if code := (program{in: eof{}, out: out, err: out, self: "portcullis"}).run(ctx, []string{"demo"}); code != exitFailed {
				t.Fatalf("exit code %d:\n%s", code, out.text.String())
			}
			if !strings.HasSuffix(out.text.String(), "portcullis: interrupted\n") {
				t.Errorf("the last words are not those of an interruption:\n%s", out.text.String())
			}
			nothingLeft(t, root)
		})
	}
}

// trigger is a writer that acts when a phrase is written.
type trigger struct {
	text   bytes.Buffer
	phrase string
	pull   func()
}

func (w *trigger) Write(p []byte) (int, error) {
	w.text.Write(p)
	if strings.Contains(w.text.String(), w.phrase) {
		w.pull()
	}
	return len(p), nil
}
