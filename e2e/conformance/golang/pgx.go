package golang

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

const (
	pgxModule = "github.com/jackc/pgx/v5"
	pgxSetup  = "source/testsetup" // its CI's set-up, with a program that makes certificates
)

// Pgx is pgx's own suite, of the version that go.mod requires. What its CI sets up by testsetup/postgresql_setup.sql is set
// up here, but that no role is a superuser; log-in by MD5 and by clear password, which the gateway does not offer, is not.
func Pgx() suite.Suite {
	return suite.Suite{
		Name: "pgx", Title: "pgx, its own tests", Database: "pgx_test", Role: "pgx_scram",
		Attributes: []string{"CREATEDB"},
		Setup: `CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE DOMAIN uint64 AS numeric(20,0);
			ALTER DOMAIN uint64 OWNER TO pgx_scram; GRANT pg_signal_backend TO pgx_scram;
			CREATE ROLE " tricky, ' } "" \ test user " LOGIN;
			DO $$ BEGIN -- parameters can be granted since PostgreSQL 15
				IF current_setting('server_version_num')::int >= 150000 THEN GRANT SET ON PARAMETER log_statement TO pgx_scram; END IF;
			END $$;`,
		Users: []suite.User{{Name: "pgx_ssl", TLS: true}, {Name: "pgx_sslcert", Certificate: true}},
		Certificates: func(w *suite.Workspace) suite.Certificates {
			return suite.Certificates{Cert: w.Path(pgxSetup, "localhost.crt"), Key: w.Path(pgxSetup, "localhost.key"), CA: w.Path(pgxSetup, "ca.pem")}
		},
		Length:    20 * time.Minute,
		Prepare:   preparePgx,
		ServerTLS: true,
		Run: func(ctx context.Context, w *suite.Workspace, s *suite.Server) (suite.Results, error) {
			return goTest(ctx, w, pgxModule, "source", pgxEnviron(w, s), "-timeout", "15m", "./...")
		},
		Again: func(ctx context.Context, w *suite.Workspace, s *suite.Server, tests []string) (suite.Results, error) {
			return goTestAgain(ctx, w, pgxModule, "source", pgxEnviron(w, s), tests)
		},
		Settings: map[string]string{"max_connections": "300"},
	}
}

// preparePgx copies the module out of the module cache, which is read-only, and compiles the tests.
func preparePgx(ctx context.Context, w *suite.Workspace) (versions string, err error) {
	text, err := w.Output(ctx, suite.Program{Dir: relative(w, w.Source), Name: "go", Args: []string{"list", "-m", "-json", pgxModule}})
	if err != nil {
		return "", err
	}
	var module struct{ Version, Dir string }
	if err := json.Unmarshal([]byte(text), &module); err != nil {
		return "", err
	}
	if err := copyModule(w, pgxModule, module.Version, module.Dir); err != nil {
		return "", err
	}
	if err := w.Once("certificates "+module.Version, func() error {
		_, err := w.Must(ctx, suite.Program{Dir: pgxSetup, Name: "go", Args: []string{"run", "generate_certs.go"}})
		return err
	}); err != nil {
		return "", err
	}
	goVersion, err := compileTests(ctx, w, module.Version)
	return "pgx " + strings.TrimPrefix(module.Version, "v") + ", " + goVersion, err
}

// pgxEnviron is by what the tests connect.
func pgxEnviron(w *suite.Workspace, s *suite.Server) []string {
	keywords := func(host, user, more string) string {
		return fmt.Sprintf("host=%s port=%d user=%s password=%s dbname=%s %s", host, s.Port, user, s.Password, s.Database, more)
	}
	verify := "sslmode=verify-full sslrootcert=" + s.CAFile
	plain := keywords(s.Host, s.User, "sslmode=disable")
	return []string{
		"PGX_TEST_DATABASE=" + plain,
		"PGX_TEST_TCP_CONN_STRING=" + plain,
		"PGX_TEST_UNIX_SOCKET_CONN_STRING=" + keywords(s.SocketDir, s.User, ""),
		"PGX_TEST_SCRAM_PASSWORD_CONN_STRING=" + keywords(s.Host, s.User, "sslmode=disable channel_binding=disable"),
		"PGX_TEST_SCRAM_PLUS_CONN_STRING=" + keywords("localhost", "pgx_ssl", verify+" channel_binding=require"),
		"PGX_TEST_TLS_CONN_STRING=" + keywords("localhost", "pgx_ssl", verify+" channel_binding=disable"),
		"PGX_TEST_TLS_CLIENT_CONN_STRING=" + fmt.Sprintf("host=localhost port=%d user=pgx_sslcert %s sslcert=%s sslkey=%s dbname=%s",
			s.Port, verify, w.Path(pgxSetup, "pgx_sslcert.crt"), w.Path(pgxSetup, "pgx_sslcert.key"), s.Database),
		"PGX_SSL_PASSWORD=certpw",
	}
}

// copyModule makes the workspace's folder source a copy of a module that may be written to.
func copyModule(w *suite.Workspace, path, version, dir string) error {
	return w.Once("copy "+path+"@"+version, func() error {
		if err := os.RemoveAll(w.Path("source")); err != nil {
			return err
		}
		if err := os.CopyFS(w.Path("source"), os.DirFS(dir)); err != nil {
			return err
		}
		return filepath.WalkDir(w.Path("source"), func(path string, entry os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			mode := os.FileMode(0o644)
			if entry.IsDir() {
				mode = 0o755
			} else if strings.HasSuffix(path, ".key") {
				mode = 0o600 // else drivers refuse it
			}
			return os.Chmod(path, mode)
		})
	})
}

// compileTests fetches what the tests in the folder source need, compiles them and returns Go's version.
func compileTests(ctx context.Context, w *suite.Workspace, version string) (goVersion string, err error) {
	err = w.Once("compile "+version, func() error {
		_, err := w.Must(ctx, suite.Program{Dir: "source", Name: "go", Args: []string{"test", "-exec", "true", "./..."}})
		return err
	})
	if err != nil {
		return "", err
	}
	out, err := w.Output(ctx, suite.Program{Dir: "source", Name: "go", Args: []string{"env", "GOVERSION"}})
	return "Go " + strings.TrimPrefix(strings.TrimSpace(out), "go"), err
}

// relative is a folder as suite.Program wants it.
func relative(w *suite.Workspace, dir string) string {
	path, err := filepath.Rel(w.Dir, dir)
	if err != nil {
		return dir // only where one of the two is not absolute
	}
	return path
}
