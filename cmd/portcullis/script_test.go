package main

import (
	"bytes"
	"context"
	"os"
	"strings"
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
			Statement: "SELECT name FROM customers WHERE ssn LIKE ?"},
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
