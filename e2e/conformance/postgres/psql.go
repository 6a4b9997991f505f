package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

//go:embed psql/*.sql
var psqlScripts embed.FS

// psqlIncluded are files that scripts read and that are no tests.
var psqlIncluded = []string{"included.sql", "mistakes.sql"}

// psqlRuns are runs of psql with flags, in the folder of the scripts.
var psqlRuns = []struct {
	name  string
	args  []string
	stdin string
}{
	{"-c one", []string{"-c", "SELECT 1"}, ""},
	{"-c several statements", []string{"-c", "SELECT 1; SELECT 2; CREATE TABLE cc (a int); DROP TABLE cc"}, ""},
	{"-c several with an error", []string{"-c", "CREATE TABLE cc (a int); SELECT 1/0; SELECT 2"}, ""},
	{"-c after -c", []string{"-c", "SELECT 1", "-c", "SELECT missing", "-c", `\d pg_am`, "-c", "SELECT 3"}, ""},
	{"-c and ON_ERROR_STOP", []string{"-v", "ON_ERROR_STOP=1", "-c", "SELECT 1", "-c", "SELECT missing", "-c", "SELECT 3"}, ""},
	{"-c with COPY", []string{"-c", "COPY (SELECT generate_series(1, 3)) TO STDOUT"}, ""},
	{"-c with COPY FROM", []string{"-c", "CREATE TEMP TABLE cp (a int)", "-c", "COPY cp FROM STDIN", "-c", "SELECT sum(a) FROM cp"}, "1\n2\n"},
	{"-1", []string{"-1", "-c", "CREATE TABLE once (a int)", "-c", "INSERT INTO once VALUES (1)", "-c", "DROP TABLE once"}, ""},
	{"-1 with an error", []string{"-1", "-c", "CREATE TABLE once (a int)", "-c", "SELECT missing", "-c", `\d once`}, ""},
	{"-1 -f", []string{"-1", "-v", "ON_ERROR_STOP=1", "-f", "included.sql"}, ""},
	{"-1 leaves nothing behind", []string{"-c", `\dt once`, "-c", `\dt cc`}, ""},
	{"standard input", nil, "SELECT 1;\nSELECT\n2;\nSELECT missing;\nSELECT 'no end'"},
	{"--csv", []string{"--csv", "-c", "SELECT 1 AS a, 'x,y' AS b"}, ""},
	{"-A -t -F", []string{"-A", "-t", "-F", "|", "-c", "SELECT 1, 2"}, ""},
	{"-A -0 -z", []string{"-A", "-0", "-z", "-c", "VALUES (1, 2), (3, 4)"}, ""},
	{"-H", []string{"-H", "-c", "SELECT 1"}, ""},
	{"-x", []string{"-x", "-c", "SELECT 1 AS a, 2 AS b"}, ""},
	{"-E", []string{"-E", "-c", `\d pg_am`}, ""},
	{"-e -q", []string{"-e", "-q", "-c", "SELECT 1", "-c", "SELECT missing"}, ""},
	{"-a", []string{"-a", "-f", "included.sql"}, ""},
	{"-b", []string{"-b"}, "SELECT 1; SELECT missing;"},
	{"-L", []string{"-L", "log.txt", "-c", "SELECT 1", "-c", `\! cat log.txt`}, ""},
	{"-o", []string{"-o", "o.txt", "-c", "SELECT 1", "-c", `\! cat o.txt`}, ""},
	{"-l", []string{"-l"}, ""},
	{"-P and -v", []string{"-P", "null=nothing", "-v", "x=5", "-f", "-"}, "SELECT NULL, :x;"},
	{"-S", []string{"-S"}, "SELECT 1\nSELECT 2\n"},
	{"an application name and options", []string{"-d", "application_name='a name' options='-c work_mem=2MB -c statement_timeout=7s'", "-c",
		"SHOW application_name", "-c", "SHOW work_mem", "-c", "SHOW statement_timeout"}, ""},
	{"an encoding", []string{"-d", "client_encoding=LATIN1", "-c", "SELECT 'a' || chr(233)", "-c", "SHOW client_encoding"}, ""},
	{"a parameter that is not", []string{"-d", "options='-c nonsense=1'", "-c", "SELECT 1"}, ""},
	{"a value that is not", []string{"-d", "options='-c work_mem=much'", "-c", "SELECT 1"}, ""},
	{"a database that is not", []string{"-d", "dbname=missing", "-c", "SELECT 1"}, ""},
	{"a user that is not", []string{"-U", "missing", "-c", "SELECT 1"}, ""},
	{"a wrong password", []string{"-d", "password=wrong", "-c", "SELECT 1"}, ""},
	{"sslmode=require", []string{"-d", "sslmode=require", "-c", "SELECT 1"}, ""},
	{"channel_binding=require", []string{"-d", "sslmode=require channel_binding=require", "-c", "SELECT 1"}, ""},
	{"channel_binding=require without TLS", []string{"-d", "sslmode=disable channel_binding=require", "-c", "SELECT 1"}, ""},
	{"sslmode=verify-full", []string{"-d", "host=localhost sslmode=verify-full sslrootcert=ca.crt", "-c", "SELECT 1"}, ""},
	{"target_session_attrs=read-write", []string{"-d", "target_session_attrs=read-write", "-c", "SELECT 1"}, ""},
	{"target_session_attrs=standby", []string{"-d", "target_session_attrs=standby", "-c", "SELECT 1"}, ""},
	{"replication", []string{"-d", "replication=database", "-c", "SELECT 1"}, ""},
	{"a large statement", []string{"-A", "-t"}, "SELECT length('" + strings.Repeat("x", 3_000_000) + "');\nSELECT 1;\n"},
	{"many statements", []string{"-A", "-t", "-q"}, strings.Repeat("SELECT 1;\n", 2000)},
	{"the Unix socket", []string{"-h", "SOCKET", "-c", "SELECT 1"}, ""},
}

// Psql is psql. A test passes directly when psql does not lose its connection, and through the gateway when all that it
// writes is what it wrote then.
func Psql() suite.Suite {
	return suite.Suite{
		Name: "psql", Title: "psql, scripts and flags",
		Setup: `CREATE EXTENSION hstore; GRANT other TO conform; GRANT CREATE ON DATABASE conformance TO conform;
			CREATE FOREIGN DATA WRAPPER dummy OPTIONS (debug 'true'); CREATE SERVER far TYPE 't' VERSION '1' FOREIGN DATA WRAPPER dummy OPTIONS (host 'h');
			GRANT USAGE ON FOREIGN SERVER far TO conform;
			CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
			CREATE EVENT TRIGGER seen ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION seen();
			CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere' PUBLICATION news WITH (connect = false);`,
		Users: []suite.User{{Name: "other"}},
		Crowd: true,
		Prepare: func(ctx context.Context, w *suite.Workspace) (string, error) {
			out, err := w.Must(ctx, suite.Program{Name: w.Binaries.Path("psql"), Args: []string{"--version"}})
			return strings.TrimSpace(out), err
		},
		Run: runPsql,
	}
}

func runPsql(ctx context.Context, w *suite.Workspace, s *suite.Server) (suite.Results, error) {
	if err := os.RemoveAll(w.Path("scripts")); err != nil { // so that no run sees another's files
		return nil, err
	}
	scripts, err := fs.Sub(psqlScripts, "psql")
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(w.Path("scripts"), scripts); err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(w.Path("scripts", "ca.crt"), authority, 0o644); err != nil {
		return nil, err
	}
	names, err := fs.Glob(scripts, "*.sql")
	if err != nil {
		return nil, err
	}
	results := make(suite.Results)
	run := func(name string, args []string, stdin string) error {
		args = slices.Clone(args)
		for i := range args {
			if args[i] == "SOCKET" {
				args[i] = s.SocketDir
			}
		}
		status, err := witness(ctx, w, s, name, suite.Program{Dir: "scripts", Name: w.Binaries.Path("psql"), Args: append([]string{"-X"}, args...),
			Environ: append(s.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC", "PAGER=", "HOME="+w.Dir), Stdin: stdin})
		results.Add(name, status)
		return err
	}
	for _, r := range psqlRuns {
		if err := run(r.name, r.args, r.stdin); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		if slices.Contains(psqlIncluded, name) {
			continue
		}
		if err := run(name, []string{"-f", name}, ""); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// connectionLost is psql's exit status, and what it says, when the server went away (doc/src/sgml/ref/psql-ref.sgml, Exit
// Status; bin/psql/common.c, CheckConnection).
var connectionLost = regexp.MustCompile(`connection to server was lost|server closed the connection unexpectedly`)

// witness runs a program. Directly, what it writes is kept, and it passes unless the connection was lost; through the
// gateway it passes if it writes the same and ends with the same status.
func witness(ctx context.Context, w *suite.Workspace, s *suite.Server, name string, p suite.Program) (suite.Status, error) {
	output, err := w.Run(ctx, p)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		return suite.Failed, err
	}
	code := 0
	if exit != nil {
		code = exit.ExitCode()
	}
	output = withoutNonce(samePlace(output, s)) + fmt.Sprintf("exit status %d\n", code)
	path := w.Path("expected", regexp.MustCompile(`[^a-zA-Z0-9.]+`).ReplaceAllString(name, "_"))
	if s.Setting == suite.Direct {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return suite.Failed, err
		}
		if err := os.WriteFile(path, []byte(output), 0o644); err != nil {
			return suite.Failed, err
		}
		if connectionLost.MatchString(output) {
			return suite.Failed, nil
		}
		return suite.Passed, nil
	}
	expected, err := os.ReadFile(path)
	if err != nil {
		return suite.Failed, fmt.Errorf("there is no direct run to compare with: %w", err)
	}
	if output == string(expected) {
		return suite.Passed, nil
	}
	return suite.Failed, diff(ctx, w, path, output)
}

var (
	portOf         = regexp.MustCompile(`\b(port |127\.0\.0\.1:)[0-9]+`)
	socketOf       = regexp.MustCompile(`socket "[^"]*"`)
	largeObjectOf  = regexp.MustCompile(`(lo_import|lo_unlink|large object) [0-9]+`)
	notificationOf = regexp.MustCompile(`received from server process with PID [0-9]+`)
)

// samePlace replaces what cannot be the same: ports, socket paths, new OIDs, and process ids that notifications carry.
func samePlace(output string, s *suite.Server) string {
	output = strings.ReplaceAll(output, s.SocketDir, "SOCKET")
	output = portOf.ReplaceAllString(output, "${1}PORT")
	output = socketOf.ReplaceAllString(output, `socket "SOCKET"`)
	output = largeObjectOf.ReplaceAllString(output, "$1 OID")
	return notificationOf.ReplaceAllString(output, "received from server process with PID PID")
}

// diff writes to the log in which lines an output differs from the expected one.
func diff(ctx context.Context, w *suite.Workspace, expected, output string) error {
	got := w.Path("got")
	if err := os.WriteFile(got, []byte(output), 0o644); err != nil {
		return err
	}
	_, err := w.Run(ctx, suite.Program{Name: "diff", Args: []string{"-u", expected, got}})
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil // which is how diff says that there is a difference
	}
	return err
}
