package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/portcullisdb/portcullis/cmd/internal/demo"
	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/config/policy"
)

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

// TestDemoFails: where what is served is not what the story promises, the step that shows it is named.
func TestDemoFails(t *testing.T) {
	for _, test := range []struct{ name, from, to, step string }{
		{"another mask", "suffix: 4", "suffix: 3", "step 2 "},
		{"support sees the telephone",
			"columns: [customers.phone],      roles: [support], mask: {type: PARTIAL, props: {prefix: 0, padding: \"******\", suffix: 2}}",
			"columns: [customers.phone], roles: [support], reveal: true", "step 2 "},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := demoRoot(t)
			var out bytes.Buffer
			err := demo.Run(t.Context(), demo.Options{Out: &out, Self: "portcullis",
				Load: func(path string, environ []string) (*config.Config, *policy.Policy, error) {
					text, err := os.ReadFile(path)
					if err != nil || !bytes.Contains(text, []byte(test.from)) {
						t.Fatalf("the example does not hold %q (%v)", test.from, err)
					}
					if err := os.WriteFile(path, bytes.Replace(text, []byte(test.from), []byte(test.to), 1), 0o600); err != nil {
						t.Fatal(err)
					}
					return (&globals{path: path, environ: environ}).load()
				},
				Command: func(ctx context.Context, environ []string, out io.Writer, args ...string) int {
					return program{in: eof{}, out: out, err: out, environ: environ}.run(ctx, args)
				}})
			if err == nil || !strings.HasPrefix(err.Error(), test.step) {
				t.Errorf("the demo ends with %v, want %s", err, test.step)
			}
			nothingLeft(t, root)
		})
	}
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
