package rust

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/portcullisdb/portcullis/e2e/conformance/program"
	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

const (
	crate        = "tokio-postgres"
	crateVersion = "0.7.18"
	// port is what the tests connect to, put into their source in place of their own; bytes are passed on from there.
	port     = "54337"
	password = "password"
)

// TokioPostgres is tokio-postgres's own suite, out of its package. Its CI trusts the user postgres; here everybody has a
// password and logs in by SCRAM. Tests of MD5 and clear passwords, and that of a Unix socket in a place of its own, fail in
// every setting.
func TokioPostgres() suite.Suite {
	return suite.Suite{Name: "tokio-postgres", Title: "tokio-postgres, its own tests", Password: password, Length: 20 * time.Minute,
		Users: []suite.User{{Name: "pass_user"}, {Name: "scram_user"}, {Name: "md5_user"}},
		Setup: `CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION citext`, Prepare: prepare, Run: run}
}

func prepare(ctx context.Context, w *suite.Workspace) (versions string, err error) {
	if err := w.Missing("Rust", "cargo", "rustc"); err != nil {
		return "", err
	}
	if err := w.Once(crate+" "+crateVersion+" "+port, func() error { return build(ctx, w) }); err != nil {
		return "", fmt.Errorf("%w: the crate %s %s (%w)", suite.ErrMissing, crate, crateVersion, err)
	}
	rust, err := w.Output(ctx, suite.Program{Name: "rustc", Args: []string{"--version"}})
	version, _, _ := strings.Cut(strings.TrimPrefix(rust, "rustc "), " ")
	return crate + " " + crateVersion + ", Rust " + version, err
}

// build gets the crate, edits its tests and compiles them. Its benchmarks, which want more crates, are left out.
func build(ctx context.Context, w *suite.Workspace) error {
	fetch := w.Path("fetch")
	if err := os.RemoveAll(fetch); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(fetch, "src"), 0o755); err != nil {
		return err
	}
	manifest := "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[dependencies]\n" + crate + " = \"=" + crateVersion + "\"\n[workspace]\n"
	if err := os.WriteFile(filepath.Join(fetch, "Cargo.toml"), []byte(manifest), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(fetch, "src", "lib.rs"), nil, 0o644); err != nil {
		return err
	}
	if _, err := w.Must(ctx, suite.Program{Dir: "fetch", Name: "cargo", Args: []string{"vendor", "--quiet", "vendor"}}); err != nil {
		return err
	}
	if err := os.RemoveAll(w.Path("source")); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(fetch, "vendor", crate), w.Path("source")); err != nil {
		return err
	}
	if err := editManifest(w.Path("source", "Cargo.toml")); err != nil {
		return err
	}
	if err := filepath.WalkDir(w.Path("source", "tests"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return editTests(path)
	}); err != nil {
		return err
	}
	_, err := w.Must(ctx, suite.Program{Dir: "source", Name: "cargo", Args: []string{"test", "--quiet", "--test", "test", "--no-run"}})
	return err
}

func editManifest(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := regexp.MustCompile(`(?s)\[\[bench\]\].*?\n(\[)`).ReplaceAllString(string(content), "$1")
	text = regexp.MustCompile(`\[dev-dependencies\.criterion\]\nversion = "[^"]*"\n`).ReplaceAllString(text, "")
	return os.WriteFile(path, []byte(text+"\n[workspace]\n"), 0o644)
}

func editTests(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := strings.NewReplacer("5433", port, "user=postgres", "user=conform dbname=conformance password="+password,
		"dbname=postgres", "dbname=conformance").Replace(string(content))
	return os.WriteFile(path, []byte(text), 0o644)
}

func run(ctx context.Context, w *suite.Workspace, s *suite.Server) (suite.Results, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, fmt.Errorf("the port that is in the tests: %w", err)
	}
	defer listener.Close()
	go forward(listener, net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
	output, err := w.Output(ctx, suite.Program{Dir: "source", Environ: program.Environ(s), Name: "cargo",
		Args: []string{"test", "--quiet", "--test", "test", "--", "--format=pretty", "--test-threads=4"}})
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	return readTests(output), nil
}

// readTests reads lines like "test types::ltree ... ok".
func readTests(output string) suite.Results {
	results := make(suite.Results)
	for _, m := range regexp.MustCompile(`(?m)^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)`).FindAllStringSubmatch(output, -1) {
		results.Add(m[1], map[string]suite.Status{"ok": suite.Passed, "FAILED": suite.Failed, "ignored": suite.Skipped}[m[2]])
	}
	return results
}

// forward passes bytes on between those who connect and an address, until the listener is closed.
func forward(listener net.Listener, address string) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer server.Close()
			go func() {
				io.Copy(server, client)
				server.(*net.TCPConn).CloseWrite()
			}()
			io.Copy(client, server)
		}()
	}
}
