package pool

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// cluster is a real server for all tests of the package.
var cluster *pgcluster.Cluster

const (
	backendRole     = "gateway"
	backendPassword = "p4ssw0rd/of:gateway@here"
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		ctx := context.Background()
		var err error
		if cluster, err = pgcluster.Start(ctx, pgcluster.Options{Name: "pool"}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer cluster.Stop()
		if err := cluster.CreateRole(ctx, backendRole, backendPassword); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func config() Config {
	return Config{Datasource: "ds_0", URL: cluster.URLFor(backendRole, backendPassword, "postgres")}
}

func dialTest(t testing.TB, c Config) *Server {
	t.Helper()
	s, err := Dial(testContext(t), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// answers reads up to and with the next ReadyForQuery, and returns the types of what came.
func answers(t testing.TB, s *Server) string {
	t.Helper()
	var types strings.Builder
	for {
		m, err := s.Read(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		if m.Type == wire.TypeParameterStatus || m.Type == wire.TypeNoticeResponse {
			continue
		}
		types.WriteByte(m.Type)
		if m.Type == wire.TypeReadyForQuery {
			return types.String()
		}
	}
}

// execute runs a prepared statement without parameters once, up to Sync.
func execute(s *Server, sql string, paramOIDs ...uint32) *Statement {
	statement := s.Prepare(sql, paramOIDs)
	bind := s.Out().Bind("", statement.Name, nil, len(paramOIDs))
	for range paramOIDs {
		bind.Value([]byte("1"))
	}
	bind.Finish(nil)
	s.Out().Execute("", 0)
	s.Sync()
	return statement
}

func flush(t testing.TB, s *Server) {
	t.Helper()
	if err := s.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
}

// value returns the text of the first column of the first row of a query.
func value(t testing.TB, s *Server, sql string) string {
	t.Helper()
	s.Query(sql)
	flush(t, s)
	var text string
	for s.Pending() > 0 {
		m, err := s.Read(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		switch m.Type {
		case wire.TypeDataRow:
			row, _ := wire.DecodeDataRow(m.Body)
			first, _ := row.Next()
			text = string(first)
		case wire.TypeErrorResponse:
			report, _ := wire.DecodeReport(m.Body)
			t.Fatal(report.Message)
		}
	}
	return text
}

func TestDial(t *testing.T) {
	c := config()
	c.Params = map[string]string{"application_name": "a test", "search_path": "pg_catalog", "DateStyle": "ISO"}
	s := dialTest(t, c)
	if got := value(t, s, "SELECT current_setting('application_name') || ' ' || current_setting('search_path')"); got !=
		"a test pg_catalog" {
		t.Errorf("settings %q", got)
	}
	if s.Parameter("standard_conforming_strings") != "on" || s.Parameter("DateStyle") != "ISO, MDY" {
		t.Errorf("parameters %v", s.Parameters())
	}
	if got := value(t, s, "SELECT pg_backend_pid()"); got != fmt.Sprint(s.PID()) {
		t.Errorf("PID %d, and the server says %s", s.PID(), got)
	}
	if err := s.Exec(testContext(t), "SET application_name = 'another'"); err != nil {
		t.Fatal(err)
	}
	if s.Parameter("application_name") != "another" {
		t.Errorf("the parameter is still %q", s.Parameter("application_name"))
	}
	if !s.Idle() || s.Broken() {
		t.Error("the connection is not idle")
	}
}

func TestStatusFollowsTheTransaction(t *testing.T) {
	s := dialTest(t, config())
	ctx := testContext(t)
	for _, step := range []struct {
		sql    string
		status byte
		code   string
	}{
		{"BEGIN", wire.StatusInTx, ""}, {"SELECT 1/0", wire.StatusFailed, "22012"}, {"SELECT 1", wire.StatusFailed, "25P02"},
		{"ROLLBACK", wire.StatusIdle, ""}, {"SELEC", wire.StatusIdle, "42601"},
	} {
		err := s.Exec(ctx, step.sql)
		var state *sqlstate.Error
		if step.code == "" && err != nil || step.code != "" && (!errors.As(err, &state) || state.Code.String() != step.code) {
			t.Errorf("%s: %v", step.sql, err)
		}
		if s.Status() != step.status || s.Broken() {
			t.Errorf("%s: status %c, broken %v", step.sql, s.Status(), s.Broken())
		}
		if s.Idle() != (step.status == wire.StatusIdle) {
			t.Errorf("%s: idle %v", step.sql, s.Idle())
		}
	}
}

func TestPrivilegedRolesAreRefused(t *testing.T) {
	ctx := testContext(t)
	for name, test := range map[string]struct {
		make string // of the role named "r"
		want string // "" is allowed
	}{
		"ordinary":    {"CREATE ROLE r LOGIN PASSWORD 'x' CREATEDB", ""},
		"superuser":   {"CREATE ROLE r LOGIN PASSWORD 'x' SUPERUSER", "superuser"},
		"replication": {"CREATE ROLE r LOGIN PASSWORD 'x' REPLICATION", "REPLICATION"},
		"bypassrls":   {"CREATE ROLE r LOGIN PASSWORD 'x' BYPASSRLS", "BYPASSRLS"},
		"createrole":  {"CREATE ROLE r LOGIN PASSWORD 'x' CREATEROLE", "CREATEROLE"},
		"reads files": {"CREATE ROLE r LOGIN PASSWORD 'x' IN ROLE pg_read_server_files", "member of pg_read_server_files"},
		"writes files": {"CREATE ROLE r LOGIN PASSWORD 'x' IN ROLE pg_write_server_files",
			"member of pg_write_server_files"},
		"runs programs": {"CREATE ROLE r LOGIN PASSWORD 'x' NOINHERIT IN ROLE pg_execute_server_program",
			"member of pg_execute_server_program"},
		"may become a superuser": {"CREATE ROLE r LOGIN PASSWORD 'x' NOINHERIT; CREATE ROLE big SUPERUSER; GRANT big TO r",
			"member of big"},
		"through another role": {"CREATE ROLE big IN ROLE pg_read_server_files; CREATE ROLE r LOGIN PASSWORD 'x' IN ROLE big",
			"member of pg_read_server_files"},
		"may call pg_read_file": {"CREATE ROLE r LOGIN PASSWORD 'x'; GRANT EXECUTE ON FUNCTION pg_read_file(text) TO r",
			"EXECUTE on pg_read_file(text)"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := cluster.Exec(ctx, "postgres", test.make); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := cluster.Exec(ctx, "postgres", "DROP OWNED BY r; DROP ROLE r; DROP ROLE IF EXISTS big"); err != nil {
					t.Fatal(err)
				}
			}()
			c := Config{Datasource: "ds_1", URL: cluster.URLFor("r", "x", "postgres")}
			s, err := Dial(ctx, c)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				_ = s.Close()
				return
			}
			if !errors.Is(err, ErrPrivilegedRole) || !strings.HasSuffix(err.Error(), ": "+test.want) {
				t.Errorf("got %v, want %s refused", err, test.want)
			}
			c.InsecureAllowSuperuser = true
			if s, err = Dial(ctx, c); err != nil {
				t.Fatal(err)
			}
			_ = s.Close()
			waitForNobody(t, "r")
		})
	}
}

// waitForNobody waits until a role has no connection, so that it can be dropped.
func waitForNobody(t *testing.T, role string) {
	t.Helper()
	s := dialTest(t, Config{URL: cluster.URL("postgres"), InsecureAllowSuperuser: true})
	for value(t, s, "SELECT count(*) FROM pg_stat_activity WHERE usename = '"+role+"'") != "0" {
		time.Sleep(time.Millisecond)
	}
}

func brokenDialer(context.Context, string, string) (net.Conn, error) { return nil, io.ErrNoProgress }

func TestDialErrors(t *testing.T) {
	ctx := testContext(t)
	secretURL := "postgres://u:hunter2@127.0.0.1:1/db?sslmode=nonsense"
	for name, test := range map[string]struct {
		config Config
		want   error
	}{
		"a wrong URL":      {Config{URL: secretURL}, ErrURL},
		"a broken URL":     {Config{URL: "postgres://u:hunter2@ho st:x/db"}, ErrURL},
		"nobody listens":   {Config{URL: "postgres://u:hunter2@127.0.0.1:1/db?sslmode=disable"}, nil},
		"a wrong password": {Config{URL: cluster.URLFor(backendRole, "hunter2", "postgres")}, nil},
		"no such database": {Config{URL: cluster.URLFor(backendRole, backendPassword, "nowhere")}, nil},
		"an unknown setting": {Config{URL: cluster.URLFor(backendRole, backendPassword, "postgres"),
			Params: map[string]string{"no_such_setting": "1"}}, nil},
		"non-standard strings": {Config{URL: cluster.URLFor(backendRole, backendPassword, "postgres"),
			Params: map[string]string{"standard_conforming_strings": "off"}}, ErrServerSetting},
		"a broken dialer": {Config{URL: cluster.URL("postgres"), DialNet: brokenDialer}, io.ErrNoProgress},
	} {
		test.config.Datasource = "ds_9"
		_, err := Dial(ctx, test.config)
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
			continue
		}
		for _, format := range []string{"%v", "%+v", "%#v"} {
			for e := err; e != nil; e = errors.Unwrap(e) {
				text := fmt.Sprintf(format, e)
				if strings.Contains(text, "hunter2") || strings.Contains(text, backendPassword) {
					t.Errorf("%s: the error tells the password", name)
				}
			}
		}
		if !strings.Contains(err.Error(), `"ds_9"`) {
			t.Errorf("%s: the error does not name the datasource: %v", name, err)
		}
	}
}

// A verifier that wire makes is one that PostgreSQL takes for its own.
func TestServerTakesOurVerifier(t *testing.T) {
	ctx := testContext(t)
	verifier, err := wire.Verifier("the pass\u00a0word", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Exec(ctx, "postgres",
		"DROP ROLE IF EXISTS verified; CREATE ROLE verified LOGIN PASSWORD '"+verifier+"'"); err != nil {
		t.Fatal(err)
	}
	dialTest(t, Config{Datasource: "ds", URL: cluster.URLFor("verified", "the pass word", "postgres")})
}

func TestPrepareIsDoneOnce(t *testing.T) {
	s := dialTest(t, config())
	first := execute(s, "SELECT 1")
	second := execute(s, "SELECT 1") // before the first is answered: another name, as the first may fail
	flush(t, s)
	for range 2 {
		if got := answers(t, s); got != "2DCZ" {
			t.Errorf("answers %s, want those without ParseComplete", got)
		}
	}
	third := execute(s, "SELECT 1")
	flush(t, s)
	answers(t, s)
	if first.Name == second.Name || second != third {
		t.Errorf("names %s, %s, %s", first.Name, second.Name, third.Name)
	}
	typed := execute(s, "SELECT $1", 23)
	other := execute(s, "SELECT $1", 25)
	if typed.Name == other.Name {
		t.Error("statements with other types share a name")
	}
	flush(t, s)
	answers(t, s)
	answers(t, s)
	if got := value(t, s, "SELECT count(*) FROM pg_prepared_statements"); got != "3" {
		t.Errorf("the server keeps %s statements, want 3", got)
	}
}

func TestLeastRecentlyUsedIsClosed(t *testing.T) {
	c := config()
	c.StatementsMax = 3
	s := dialTest(t, c)
	run := func(sql string) *Statement {
		statement := execute(s, sql)
		flush(t, s)
		if got := answers(t, s); got != "2DCZ" {
			t.Fatalf("%s: answers %s", sql, got)
		}
		return statement
	}
	a := run("SELECT 1")
	run("SELECT 2")
	run("SELECT 3")
	run("SELECT 1") // used again
	run("SELECT 4") // in place of 2
	if got := value(t, s, "SELECT string_agg(statement, ',' ORDER BY statement) FROM pg_prepared_statements"); got !=
		"SELECT 1,SELECT 3,SELECT 4" {
		t.Errorf("the server keeps %s", got)
	}
	if run("SELECT 1") != a {
		t.Error("the statement that is used was dropped")
	}
	for i := range 50 { // several evictions in one segment
		s.Prepare(fmt.Sprintf("SELECT %d", 100+i), nil)
	}
	s.Sync()
	flush(t, s)
	answers(t, s)
	if got := value(t, s, "SELECT count(*) FROM pg_prepared_statements"); got != "3" {
		t.Errorf("the server keeps %s statements, want 3", got)
	}
}

// Statements whose Parse failed, or was passed over after an error, are made anew; those to be closed are closed in the
// end, whatever came between.
func TestStatementsSurviveErrors(t *testing.T) {
	c := config()
	c.StatementsMax = 2
	s := dialTest(t, c)

	// The Parse itself fails.
	for range 2 {
		execute(s, "SELEC")
		flush(t, s)
		if got := answers(t, s); got != "EZ" {
			t.Fatalf("answers %s", got)
		}
	}
	// The Parse is passed over, together with the Close of what it evicted.
	execute(s, "SELECT 1")
	flush(t, s)
	answers(t, s)
	s.Prepare("SELECT 1/$1::int", []uint32{0})
	bind := s.Out().Bind("", s.Prepare("SELECT 1/$1::int", []uint32{0}).Name, nil, 1)
	bind.Value([]byte("0"))
	bind.Finish(nil)
	s.Out().Execute("", 0)
	passedOver := execute(s, "SELECT 2") // evicts SELECT 1
	flush(t, s)
	if got := answers(t, s); got != "EZ" {
		t.Fatalf("answers %s", got)
	}
	again := execute(s, "SELECT 2")
	flush(t, s)
	if got := answers(t, s); got != "2DCZ" || again.Name == passedOver.Name {
		t.Fatalf("answers %s, name %s", got, again.Name)
	}
	if got := value(t, s, "SELECT string_agg(statement, ',' ORDER BY statement) FROM pg_prepared_statements"); got !=
		"SELECT 1/$1::int,SELECT 2" {
		t.Errorf("the server keeps %s", got)
	}

	// Two segments in flight, the first of which fails at the Parse that the second needs.
	s.Query("BEGIN")
	execute(s, "SELECT 1/0")
	execute(s, "SELECT 3")
	s.Query("ROLLBACK")
	execute(s, "SELECT 3")
	flush(t, s)
	for _, want := range []string{"CZ", "EZ", "EZ", "CZ", "2DCZ"} {
		if got := answers(t, s); got != want {
			t.Errorf("answers %s, want %s", got, want)
		}
	}
	s.Sync()
	if err := s.Drain(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if got := value(t, s, "SELECT count(*) FROM pg_prepared_statements"); got > "2" {
		t.Errorf("the server keeps %s statements, want 2 at most", got)
	}
}

func TestForgottenStatementsAreClosed(t *testing.T) {
	s := dialTest(t, config())
	first := execute(s, "SELECT 1")
	flush(t, s)
	answers(t, s)
	s.Forget(first)
	s.Forget(first)
	second := execute(s, "SELECT 1")
	s.Forget(second) // before it is answered
	flush(t, s)
	if got := answers(t, s); got != "2DCZ" {
		t.Fatalf("answers %s", got)
	}
	s.Sync()
	flush(t, s)
	answers(t, s)
	if got := value(t, s, "SELECT count(*) FROM pg_prepared_statements"); got != "0" {
		t.Errorf("the server keeps %s statements", got)
	}
}

// A client's own Parse and Close are answered to the client, those of the Server are not.
func TestForwardedMessages(t *testing.T) {
	s := dialTest(t, config())
	near, far := net.Pipe()
	var client wire.Output
	client.Parse("mine", "SELECT 7", nil)
	bind := client.Bind("", "mine", nil, 0)
	bind.Finish(nil)
	client.Execute("", 0)
	client.Close(wire.KindStatement, "mine")
	client.Sync()
	client.Query("SELECT 8")
	go func() {
		_, _ = near.Write(client.Bytes())
		_ = near.Close()
	}()
	s.Prepare("SELECT 9", nil)
	from := wire.NewConn(far, wire.Limits{}, nil)
	ctx := testContext(t)
	for {
		m, err := from.Read(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Forward(m)
	}
	flush(t, s)
	if got := answers(t, s); got != "12DC3Z" {
		t.Errorf("answers %s", got)
	}
	if got := answers(t, s); got != "TDCZ" {
		t.Errorf("answers %s", got)
	}
	if s.Pending() != 0 {
		t.Errorf("%d answers are pending", s.Pending())
	}
}

func TestForwardRows(t *testing.T) {
	s := dialTest(t, config())
	s.Query("SELECT g, repeat('x', 50) FROM generate_series(1, 10000) g")
	flush(t, s)
	var client wire.Output
	rows := 0
	for s.Pending() > 0 {
		m, err := s.Read(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		client.Forward(m)
		if m.Type == wire.TypeDataRow {
			rows += 1 + s.ForwardRows(&client)
		}
		if client.Full() {
			client.Reset()
		}
	}
	if rows != 10_000 {
		t.Errorf("%d rows", rows)
	}
}

func TestCancel(t *testing.T) {
	s := dialTest(t, config())
	s.Query("SELECT pg_sleep(60)")
	flush(t, s)
	go func() {
		for { // the server may take the request before it has begun
			if err := s.Cancel(testContext(t)); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
			if s.Broken() {
				return
			}
		}
	}()
	for s.Pending() > 0 {
		m, err := s.Read(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		if m.Type == wire.TypeErrorResponse {
			report, _ := wire.DecodeReport(m.Body)
			if report.Code != sqlstate.QueryCanceled {
				t.Errorf("got %s", report.Message)
			}
			break
		}
	}
	_ = s.Close()
}

func TestReadGoesOnAfterItsContext(t *testing.T) {
	s := dialTest(t, config())
	s.Query("SELECT pg_sleep(0.1)")
	flush(t, s)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.Read(ctx); !errors.Is(err, context.DeadlineExceeded) || s.Broken() {
		t.Fatalf("got %v, broken %v", err, s.Broken())
	}
	if got := answers(t, s); got != "TDCZ" {
		t.Errorf("answers %s", got)
	}
}

func TestServerThatEnds(t *testing.T) {
	s := dialTest(t, config())
	terminate := fmt.Sprintf("SELECT pg_terminate_backend(%d, 5000)", s.PID())
	if err := cluster.Exec(testContext(t), "postgres", terminate); err != nil {
		t.Fatal(err)
	}
	s.Query("SELECT 1")
	_ = s.Flush(testContext(t))
	var last error
	for last == nil {
		var m wire.Message
		if m, last = s.Read(testContext(t)); last == nil && m.Type == wire.TypeErrorResponse {
			if report, _ := wire.DecodeReport(m.Body); report.Code != sqlstate.AdminShutdown {
				t.Errorf("got %s", report.Message)
			}
		}
	}
	if !s.Broken() || s.Idle() || !strings.Contains(last.Error(), `"ds_0"`) {
		t.Errorf("broken %v, error %v", s.Broken(), last)
	}
	_ = s.Close()
}

func TestKillEndsAReadUnderWay(t *testing.T) {
	s := dialTest(t, config())
	s.Query("SELECT pg_sleep(60)")
	flush(t, s)
	time.AfterFunc(10*time.Millisecond, s.Kill)
	if _, err := s.Read(testContext(t)); err == nil || !s.Broken() {
		t.Errorf("got %v, broken %v", err, s.Broken())
	}
}
