package e2e_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
)

// transparentTimeout bounds one thing done on a transparent database, waiting for answers that do not come included.
const transparentTimeout = 60 * time.Second

// transparent is a database that protects and shards nothing, with its own gateway. The shop's methods serve it: its
// database is named shop and its user app.
type transparent struct {
	*shop
	direct string // URL of the same database with the gateway's role, past the gateway
}

func startTransparent(t *testing.T) *transparent {
	t.Helper()
	ctx := context.Background()
	s := &shop{log: &lockedBuffer{}}
	t.Cleanup(s.stop)
	var err error
	if s.dir, err = os.MkdirTemp("", "portcullis-e2e-"); err != nil {
		t.Fatal(err)
	}
	if s.clusters[0], err = pgcluster.Start(ctx, pgcluster.Options{Name: "transparent"}); err != nil {
		t.Fatal(err)
	}
	if err := s.clusters[0].CreateRole(ctx, "gateway", backendPassword); err != nil {
		t.Fatal(err)
	}
	for _, database := range []string{"plain", "logical"} {
		if err := s.clusters[0].CreateDatabase(ctx, database, "gateway"); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	listener.Close()
	tr := &transparent{shop: s, direct: s.clusters[0].URLFor("gateway", backendPassword, "plain")}
	s.environ = append(os.Environ(), "PLAIN_URL="+tr.direct,
		"LOGICAL_URL="+s.clusters[0].URLFor("gateway", backendPassword, "logical"))
	verifier, code := s.run(appPassword+"\n", "user", "verifier")
	if code != 0 {
		t.Fatalf("portcullis user verifier: exit code %d: %s", code, verifier)
	}
	s.environ = append(s.environ, "APP_VERIFIER="+strings.TrimSpace(verifier))
	config := fmt.Sprintf(`
listen: {address: %q}
users:
  - {name: app, verifier: "env:APP_VERIFIER"}
databases:
  shop:
    logical: "env:LOGICAL_URL"
    datasources:
      plain: {url: "env:PLAIN_URL", pool: {max: 50}}
  lent:
    logical: "env:LOGICAL_URL"
    pool: {mode: transaction}
    datasources:
      plain: {url: "env:PLAIN_URL", pool: {max: 20, wait: 60s}}
limits: {sessions: 12000, logins_per_address: 64}
`, s.address)
	if err := os.WriteFile(filepath.Join(s.dir, "portcullis.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := s.run("", "check"); code != 0 {
		t.Fatalf("portcullis check: exit code %d: %s", code, out)
	}
	if err := s.startGateway(); err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestTransparent does what applications do, directly and through the gateway, and holds what they see against each
// other. Each of the functions tells in text what it saw.
func TestTransparent(t *testing.T) {
	tr := startTransparent(t)
	if err := tr.clusters[0].Exec(context.Background(), "plain", `
CREATE TABLE accounts (id int PRIMARY KEY, owner text NOT NULL CHECK (owner <> 'nobody'), balance numeric(12,2) DEFAULT 0);
CREATE INDEX accounts_by_owner ON accounts (owner);
COMMENT ON TABLE accounts IS 'who owns what';
CREATE VIEW owners AS SELECT DISTINCT owner FROM accounts;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
CREATE TABLE countries (code text PRIMARY KEY, name text NOT NULL);
INSERT INTO countries VALUES ('CH', 'Switzerland'), ('DE', 'Germany'), ('FR', 'France');
ALTER TABLE accounts OWNER TO gateway; ALTER VIEW owners OWNER TO gateway; ALTER TABLE countries OWNER TO gateway;`); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		do   func(ctx context.Context, w *witness)
	}{
		{"modes of pgx", doModes}, {"prepared statements", doPrepared}, {"transactions", doTransactions},
		{"errors", doErrors}, {"notices", doNotices}, {"settings", doSettings}, {"startup parameters", doStartup},
		{"temporary tables", doTemporary}, {"cursors", doCursors}, {"COPY out", doCopyOut}, {"COPY in", doCopyIn},
		{"COPY in that fails", doCopyFails}, {"notifications", doNotifications}, {"a large result", doLargeResult},
		{"a large parameter", doLargeParameter}, {"a pipeline that fills both directions", doPipeline},
		{"several statements", doSeveral}, {"DDL", doDDL}, {"large objects", doLargeObjects}, {"cancel", doCancel},
		{"terminated backend", doTerminated}, {"idle in a transaction", doIdleTimeout}, {"the end of a session", doEnd},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := watch(t, tr.direct, test.do)
			if got := watch(t, tr.url("app"), test.do); got != want {
				t.Errorf("through the gateway:\n%s\ndirect:\n%s", got, want)
			}
		})
	}
	t.Run("psql", tr.testPsql)
	t.Run("pgbench", tr.testPgbench)
	t.Run("log-in", tr.testLogin)
}

// witness writes down what one function sees.
type witness struct {
	t     *testing.T
	url   string
	notes strings.Builder
}

func watch(t *testing.T, url string, do func(ctx context.Context, w *witness)) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), transparentTimeout)
	defer cancel()
	w := &witness{t: t, url: url}
	do(ctx, w)
	return w.notes.String()
}

func (w *witness) note(format string, args ...any) { fmt.Fprintf(&w.notes, format+"\n", args...) }

// connect opens a connection, with further settings of its configuration.
func (w *witness) connect(ctx context.Context, configure ...func(*pgx.ConnConfig)) *pgx.Conn {
	w.t.Helper()
	config, err := pgx.ParseConfig(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range configure {
		f(config)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// rows notes what a query answers, or its error.
func (w *witness) rows(ctx context.Context, conn *pgx.Conn, sql string, args ...any) {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		w.fail(err)
		return
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		w.note("%#v %v", values, err)
	}
	for _, f := range rows.FieldDescriptions() {
		w.note("column %s %d %d %d", f.Name, f.DataTypeOID, f.TypeModifier, f.Format)
	}
	w.note("%s, then %q", rows.CommandTag(), conn.PgConn().TxStatus())
	w.fail(rows.Err())
}

// fail notes an error with all that PostgreSQL says of it, but for lines of its source.
func (w *witness) fail(err error) {
	var pg *pgconn.PgError
	switch {
	case err == nil:
	case errors.As(err, &pg):
		said := *pg
		said.Line = 0
		w.note("%+v", said)
	default:
		w.note("error without a code: %T", err)
	}
}

func doModes(ctx context.Context, w *witness) {
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe,
		pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		conn := w.connect(ctx, func(c *pgx.ConnConfig) { c.DefaultQueryExecMode = mode })
		for i := range 3 {
			w.rows(ctx, conn, "SELECT $1::int, $2::text, $3::numeric, $4::timestamptz, $5::bool, $6::bytea, $7::int8[]", i,
				"it's a \\ and ä", 12.5, time.Unix(1e9, 0).UTC(), true, []byte{0, 1, 255}, []int64{1, 2})
			w.rows(ctx, conn, "SELECT NULL::text, ''::text, $1::text, '{\"a\": 1}'::jsonb", nil)
			w.rows(ctx, conn, "SELECT 1 / $1::int", 0)
		}
	}
}

func doPrepared(ctx context.Context, w *witness) {
	conn, other := w.connect(ctx), w.connect(ctx)
	for _, c := range []*pgx.Conn{conn, other} {
		s, err := c.Prepare(ctx, "stmt", "SELECT id, owner FROM accounts WHERE id = $1 AND owner = $2")
		if err != nil {
			w.t.Fatal(err)
		}
		w.note("%v %v", s.ParamOIDs, len(s.Fields))
		w.rows(ctx, c, "stmt", 1, "x")
		w.rows(ctx, c, "stmt", 2, "y")
	}
	w.rows(ctx, conn, "SELECT name, statement, parameter_types::text FROM pg_prepared_statements")
	_, err := conn.PgConn().Prepare(ctx, "stmt", "SELECT 1", nil)
	w.fail(err)
	w.fail(conn.Deallocate(ctx, "stmt"))
	w.rows(ctx, other, "stmt", 2, "y")
	w.rows(ctx, conn, "PREPARE s (int) AS SELECT $1 + 1", pgx.QueryExecModeSimpleProtocol)
	w.rows(ctx, conn, "EXECUTE s(41)", pgx.QueryExecModeSimpleProtocol)
	w.rows(ctx, conn, "DISCARD ALL", pgx.QueryExecModeSimpleProtocol)
	w.rows(ctx, conn, "EXECUTE s(41)", pgx.QueryExecModeSimpleProtocol)
}

func doTransactions(ctx context.Context, w *witness) {
	conn := w.connect(ctx, func(c *pgx.ConnConfig) { c.DefaultQueryExecMode = pgx.QueryExecModeExec })
	for _, sql := range []string{
		"BEGIN", "INSERT INTO accounts VALUES (1, 'anna')", "SAVEPOINT a", "INSERT INTO accounts VALUES (1, 'anna')",
		"SELECT 1", "ROLLBACK TO a", "SELECT id, owner FROM accounts", "ROLLBACK", "SELECT id, owner FROM accounts",
		"BEGIN", "SELECT 1/0", "COMMIT", "COMMIT", "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
		"INSERT INTO accounts VALUES (1, 'anna')", "ROLLBACK",
		"INSERT INTO accounts VALUES (1, 'anna') RETURNING balance", "BEGIN", "DELETE FROM accounts", "COMMIT",
	} {
		w.note("%s", sql)
		w.rows(ctx, conn, sql)
	}
}

func doErrors(ctx context.Context, w *witness) {
	conn := w.connect(ctx, func(c *pgx.ConnConfig) { c.DefaultQueryExecMode = pgx.QueryExecModeExec })
	for _, sql := range []string{
		"SELEC 1", "SELECT x", "SELECT * FROM missing", "SELECT 'x'::int", "INSERT INTO accounts VALUES (1, 'nobody')",
		"INSERT INTO accounts VALUES (1, NULL)", "INSERT INTO accounts VALUES (1, 'a'), (1, 'a')", "SELECT ; SELECT", "",
		"DO $$ BEGIN RAISE EXCEPTION 'own' USING ERRCODE = 'P1234', DETAIL = 'd', HINT = 'h'; END $$",
		"SELECT pg_read_file('/etc/passwd')", "CREATE ROLE r", "SELECT twice('x')", "SELECT 1",
	} {
		w.note("%s", sql)
		w.rows(ctx, conn, sql)
	}
}

func doNotices(ctx context.Context, w *witness) {
	conn := w.connect(ctx, func(c *pgx.ConnConfig) {
		c.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { w.note("%s %s %s %s", n.Severity, n.Code, n.Message, n.Hint) }
	})
	w.rows(ctx, conn, "DO $$ BEGIN FOR i IN 1..3 LOOP RAISE NOTICE 'number %', i USING HINT = 'h'; END LOOP; END $$")
	w.rows(ctx, conn, "DROP TABLE IF EXISTS missing")
	w.rows(ctx, conn, "SET client_min_messages = error")
	w.rows(ctx, conn, "DO $$ BEGIN RAISE NOTICE 'unseen'; END $$")
}

func doSettings(ctx context.Context, w *witness) {
	conn := w.connect(ctx, func(c *pgx.ConnConfig) { c.DefaultQueryExecMode = pgx.QueryExecModeExec })
	status := func() {
		for _, name := range []string{"server_version", "server_encoding", "client_encoding", "application_name", "DateStyle",
			"IntervalStyle", "TimeZone", "integer_datetimes", "standard_conforming_strings", "is_superuser",
			"session_authorization", "default_transaction_read_only", "in_hot_standby"} {
			w.note("%s = %s", name, conn.PgConn().ParameterStatus(name))
		}
	}
	status()
	for _, sql := range []string{"SET application_name = 'other'", "SET TimeZone = 'Asia/Tokyo'", "SET DateStyle = 'German'",
		"SELECT '2020-02-01 00:00:00+00'::timestamptz::text", "SHOW search_path", "SET search_path = pg_catalog",
		"SELECT count(*) FROM accounts", "BEGIN", "SET LOCAL IntervalStyle = 'iso_8601'", "SELECT '1 day'::interval::text",
		"ROLLBACK", "SELECT '1 day'::interval::text", "SET client_encoding = 'LATIN1'", "SELECT octet_length('a')",
		"RESET ALL", "SHOW TimeZone", "SET work_mem = '1MB'", "SHOW work_mem", "SET nonsense = 1"} {
		w.note("%s", sql)
		w.rows(ctx, conn, sql)
		status()
	}
}

func doStartup(ctx context.Context, w *witness) {
	conn := w.connect(ctx, func(c *pgx.ConnConfig) {
		c.RuntimeParams = map[string]string{"application_name": "an application", "timezone": "Europe/Zurich",
			"options": "-c work_mem=2MB -c search_path=pg_catalog", "statement_timeout": "77s", "datestyle": "SQL, DMY"}
	})
	for _, sql := range []string{"SHOW application_name", "SHOW timezone", "SHOW work_mem", "SHOW search_path",
		"SHOW statement_timeout", "SHOW datestyle", "RESET ALL", "SHOW work_mem", "SHOW timezone",
		"SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"} {
		w.rows(ctx, conn, sql)
	}
	for name, value := range map[string]string{"work_mem": "nonsense", "no_such_setting": "1", "shared_buffers": "1MB"} {
		config, err := pgx.ParseConfig(w.url)
		if err != nil {
			w.t.Fatal(err)
		}
		config.RuntimeParams = map[string]string{name: value}
		conn, err := pgx.ConnectConfig(ctx, config)
		if err == nil {
			conn.Close(ctx)
			w.t.Errorf("a session begins with %s = %s", name, value)
		}
		var pg *pgconn.PgError
		if !errors.As(err, &pg) {
			w.t.Errorf("%s = %s: %v is no answer of a server", name, value, err)
		}
	}
}

func doTemporary(ctx context.Context, w *witness) {
	conn, other := w.connect(ctx), w.connect(ctx)
	w.rows(ctx, conn, "CREATE TEMPORARY TABLE mine (n int)")
	w.rows(ctx, conn, "INSERT INTO mine SELECT generate_series(1, 10)")
	w.rows(ctx, conn, "SELECT sum(n) FROM mine")
	_, err := other.Exec(ctx, "SELECT sum(n) FROM mine", pgx.QueryExecModeExec)
	w.fail(err)
	w.rows(ctx, conn, "BEGIN")
	w.rows(ctx, conn, "CREATE TEMPORARY TABLE short (n int) ON COMMIT DROP")
	w.rows(ctx, conn, "COMMIT")
	w.rows(ctx, conn, "SELECT * FROM short", pgx.QueryExecModeExec)
}

func doCursors(ctx context.Context, w *witness) {
	conn := w.connect(ctx, func(c *pgx.ConnConfig) { c.DefaultQueryExecMode = pgx.QueryExecModeExec })
	for _, sql := range []string{"BEGIN", "DECLARE c SCROLL CURSOR FOR SELECT generate_series(1, 100)", "FETCH 3 FROM c",
		"FETCH BACKWARD 2 FROM c", "MOVE 50 IN c", "FETCH c",
		"DECLARE h CURSOR WITH HOLD FOR SELECT generate_series(1, 3)", "COMMIT", "FETCH c", "FETCH ALL h", "CLOSE h", "CLOSE h"} {
		w.note("%s", sql)
		w.rows(ctx, conn, sql)
	}
}

func doCopyOut(ctx context.Context, w *witness) {
	conn := w.connect(ctx)
	for _, sql := range []string{
		"COPY (SELECT g, 'text ' || g, NULL FROM generate_series(1, 3) g) TO STDOUT",
		"COPY (SELECT g, 'a,b' FROM generate_series(1, 3) g) TO STDOUT (FORMAT csv, HEADER)",
		"COPY (SELECT g FROM generate_series(1, 3) g) TO STDOUT (FORMAT binary)",
		"COPY (SELECT 1 WHERE false) TO STDOUT", "COPY missing TO STDOUT", "COPY (SELECT 1/(3-g) FROM generate_series(1, 5) g) TO STDOUT",
	} {
		var out strings.Builder
		tag, err := conn.PgConn().CopyTo(ctx, &out, sql)
		w.note("%q %s", out.String(), tag)
		w.fail(err)
	}
	sum := sha256.New()
	tag, err := conn.PgConn().CopyTo(ctx, sum, "COPY (SELECT g, repeat('x', g % 2000) FROM generate_series(1, 50000) g) TO STDOUT")
	w.note("%x %s", sum.Sum(nil), tag)
	w.fail(err)
	w.rows(ctx, conn, "SELECT 1")
}

func doCopyIn(ctx context.Context, w *witness) {
	conn := w.connect(ctx)
	w.rows(ctx, conn, "CREATE TEMPORARY TABLE target (n int, s text)")
	tag, err := conn.PgConn().CopyFrom(ctx, strings.NewReader("1\tone\n2\t\\N\n"), "COPY target FROM STDIN")
	w.note("%s", tag)
	w.fail(err)
	n, err := conn.CopyFrom(ctx, pgx.Identifier{"target"}, []string{"n", "s"}, pgx.CopyFromSlice(100_000, func(i int) ([]any, error) {
		return []any{i, strings.Repeat("y", i%300)}, nil
	}))
	w.note("%d", n)
	w.fail(err)
	w.rows(ctx, conn, "SELECT count(*), sum(n), sum(length(s)), md5(string_agg(s, ',' ORDER BY n)) FROM target")
}

func doCopyFails(ctx context.Context, w *witness) {
	conn := w.connect(ctx)
	w.rows(ctx, conn, "CREATE TEMPORARY TABLE target (n int, s text)")
	// The first row is wrong and thousands follow: the server's error comes while the client still sends.
	_, err := conn.PgConn().CopyFrom(ctx, strings.NewReader("x\tone\n"+strings.Repeat("1\tsome more text\n", 500_000)),
		"COPY target FROM STDIN")
	w.fail(err)
	w.rows(ctx, conn, "SELECT count(*) FROM target")
	_, err = conn.PgConn().CopyFrom(ctx, io.MultiReader(strings.NewReader("1\tone\n"), failingReader{}), "COPY target FROM STDIN")
	w.note("%v", err != nil)
	_, err = conn.PgConn().CopyFrom(ctx, strings.NewReader("1\n"), "COPY target FROM STDIN")
	w.fail(err)
	w.rows(ctx, conn, "SELECT count(*) FROM target")
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("no more") }

// doCopyExtended sends Sync with the statement and again after the data, as libpq does: the server passes over the first
// one, because it reads data by then.
func doNotifications(ctx context.Context, w *witness) {
	listening, sending := w.connect(ctx), w.connect(ctx)
	w.rows(ctx, listening, "LISTEN news")
	w.rows(ctx, sending, "NOTIFY news, 'first'")
	// The listener is idle: nothing but the server has something to say.
	n, err := listening.WaitForNotification(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	w.note("%s %s", n.Channel, n.Payload) // the process is the server's, which a client of the gateway does not know by its key
	w.rows(ctx, listening, "SELECT 1")
	w.rows(ctx, sending, "BEGIN")
	w.rows(ctx, sending, "SELECT pg_notify('news', 'in a block')")
	w.rows(ctx, sending, "COMMIT")
	if n, err = listening.WaitForNotification(ctx); err != nil {
		w.t.Fatal(err)
	}
	w.note("%s %s", n.Channel, n.Payload)
	w.rows(ctx, listening, "NOTIFY news, 'to myself'")
	if n, err = listening.WaitForNotification(ctx); err != nil {
		w.t.Fatal(err)
	}
	w.note("%s %s", n.Channel, n.Payload)
	w.rows(ctx, listening, "UNLISTEN *")
}

func doLargeResult(ctx context.Context, w *witness) {
	conn := w.connect(ctx)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		sum, count := sha256.New(), 0
		rows, err := conn.Query(ctx, "SELECT g, 'row ' || g, repeat('z', g % 97) FROM generate_series(1, 100000) g", mode)
		if err != nil {
			w.t.Fatal(err)
		}
		for ; rows.Next(); count++ {
			for _, v := range rows.RawValues() {
				sum.Write(v)
			}
		}
		w.note("%d %x %s", count, sum.Sum(nil), rows.CommandTag())
		w.fail(rows.Err())
	}
	var length int
	var text string
	w.fail(conn.QueryRow(ctx, "SELECT repeat('w', 20000000)").Scan(&text))
	w.fail(conn.QueryRow(ctx, "SELECT 1").Scan(&length))
	w.note("%d %d", len(text), length)
}

func doLargeParameter(ctx context.Context, w *witness) {
	conn := w.connect(ctx)
	text := strings.Repeat("0123456789", 1_500_000)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeCacheStatement, pgx.QueryExecModeSimpleProtocol} {
		var back string
		w.fail(conn.QueryRow(ctx, "SELECT $1::text", mode, text).Scan(&back))
		w.note("%t", back == text)
	}
}

func doPipeline(ctx context.Context, w *witness) {
	conn := w.connect(ctx)
	w.rows(ctx, conn, "CREATE TEMPORARY TABLE t (n int)")
	batch, text := &pgx.Batch{}, strings.Repeat("p", 20_000)
	const statements = 3000
	for i := range statements {
		batch.Queue("SELECT $1::int, $2::text", i, text)
	}
	batch.Queue("SELECT 1/0")
	batch.Queue("SELECT 'skipped'")
	results := conn.SendBatch(ctx, batch)
	for i := range statements {
		var n int
		var back string
		if err := results.QueryRow().Scan(&n, &back); err != nil || n != i || back != text {
			w.t.Fatalf("answer %d is that of %d, of %d bytes: %v", i, n, len(back), err)
		}
	}
	for range 2 {
		_, err := results.Exec()
		w.note("%v", err != nil)
	}
	w.fail(results.Close())
	w.rows(ctx, conn, "SELECT 1")
}

func doSeveral(ctx context.Context, w *witness) {
	conn := w.connect(ctx)
	for _, sql := range []string{
		"SELECT 1; SELECT 'two', 2; CREATE TEMPORARY TABLE x (n int); INSERT INTO x VALUES (1), (2)",
		"INSERT INTO x VALUES (3); SELECT 1/0; SELECT 'never'", "SELECT count(*) FROM x",
		"BEGIN; INSERT INTO x VALUES (4); COMMIT; SELECT 1/0", "SELECT count(*) FROM x", "BEGIN; SELECT 1; SELEC", "ROLLBACK", ";;",
	} {
		results := conn.PgConn().Exec(ctx, sql)
		for results.NextResult() {
			r := results.ResultReader().Read()
			w.note("%q %s", r.Rows, r.CommandTag)
		}
		w.fail(results.Close())
		w.note("%q", conn.PgConn().TxStatus())
	}
}

func doDDL(ctx context.Context, w *witness) {
	conn := w.connect(ctx, func(c *pgx.ConnConfig) { c.DefaultQueryExecMode = pgx.QueryExecModeExec })
	for _, sql := range []string{"CREATE TABLE made (id bigserial PRIMARY KEY, v jsonb)", "ALTER TABLE made ADD w text",
		"INSERT INTO made (v) VALUES ('{\"a\": [1]}') RETURNING id, v->'a'", "CREATE INDEX CONCURRENTLY made_w ON made (w)",
		"VACUUM made", "EXPLAIN (COSTS off) SELECT * FROM made WHERE id = 1", "TRUNCATE made", "DROP TABLE made"} {
		w.note("%s", sql)
		w.rows(ctx, conn, sql)
	}
}

func doLargeObjects(ctx context.Context, w *witness) {
	conn := w.connect(ctx)
	transaction, err := conn.Begin(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	defer transaction.Rollback(ctx)
	objects := transaction.LargeObjects()
	oid, err := objects.Create(ctx, 0)
	w.fail(err)
	object, err := objects.Open(ctx, oid, pgx.LargeObjectModeRead|pgx.LargeObjectModeWrite)
	if err != nil {
		w.t.Fatal(err)
	}
	n, err := object.Write([]byte(strings.Repeat("large", 100_000)))
	w.note("%d %v", n, err)
	_, err = object.Seek(10, io.SeekStart)
	w.fail(err)
	part := make([]byte, 10)
	_, err = object.Read(part)
	w.note("%s %v", part, err)
}

func doCancel(ctx context.Context, w *witness) {
	conn, bystander := w.connect(ctx), w.connect(ctx)
	waiting := make(chan error, 1)
	go func() {
		_, err := bystander.Exec(ctx, "SELECT pg_sleep(1.5)")
		waiting <- err
	}()
	for _, sql := range []string{"SELECT pg_sleep(30)", "SELECT count(*) FROM generate_series(1, 1000000000)"} {
		timer := time.AfterFunc(300*time.Millisecond, func() {
			if err := conn.PgConn().CancelRequest(ctx); err != nil {
				w.t.Error(err)
			}
		})
		began := time.Now()
		_, err := conn.Exec(ctx, sql, pgx.QueryExecModeExec)
		timer.Stop()
		w.fail(err)
		if waited := time.Since(began); waited > 10*time.Second {
			w.t.Errorf("cancelled after %s", waited)
		}
		w.rows(ctx, conn, "SELECT 1")
	}
	w.fail(<-waiting)
}

func doTerminated(ctx context.Context, w *witness) {
	conn, other := w.connect(ctx), w.connect(ctx)
	var pid int
	w.fail(conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid))
	waiting := make(chan error, 1)
	go func() {
		_, err := conn.Exec(ctx, "SELECT pg_sleep(30)", pgx.QueryExecModeExec)
		waiting <- err
	}()
	time.Sleep(200 * time.Millisecond) // the statement runs by then; if not, the answer is the same
	w.rows(ctx, other, "SELECT pg_terminate_backend($1)", pid)
	w.fail(<-waiting)
	w.note("closed %t", conn.IsClosed())
}

func doIdleTimeout(ctx context.Context, w *witness) {
	conn := w.connect(ctx)
	w.rows(ctx, conn, "SET idle_in_transaction_session_timeout = '200ms'")
	w.rows(ctx, conn, "BEGIN")
	time.Sleep(600 * time.Millisecond)
	_, err := conn.Exec(ctx, "SELECT 1", pgx.QueryExecModeExec)
	w.fail(err)
	w.note("closed %t", conn.IsClosed())
}

// doEnd: what belongs to a session ends with it, whichever server connection the next one gets.
func doEnd(ctx context.Context, w *witness) {
	for range 3 {
		conn := w.connect(ctx)
		for _, sql := range []string{"SELECT pg_try_advisory_lock(4711)", "CREATE TEMPORARY TABLE mine (n int)", "SET TimeZone = 'Asia/Tokyo'",
			"LISTEN news", "SELECT set_config('own.secret', 'x', false)", "BEGIN", "INSERT INTO accounts VALUES (99, 'x')"} {
			w.rows(ctx, conn, sql, pgx.QueryExecModeExec)
		}
		w.fail(conn.Close(ctx))
		next := w.connect(ctx)
		for _, sql := range []string{"SHOW TimeZone", "SELECT pg_listening_channels()", "SELECT current_setting('own.secret', true)",
			"SELECT count(*) FROM accounts WHERE id = 99"} {
			w.rows(ctx, next, sql, pgx.QueryExecModeExec)
		}
		w.free(ctx, next)
		w.fail(next.Close(ctx))
	}
}

// free waits until nobody holds the advisory lock: the server hears of a session's end a moment after its client.
func (w *witness) free(ctx context.Context, conn *pgx.Conn) {
	for {
		var held bool
		if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')").Scan(&held); err != nil {
			w.t.Fatal(err)
		}
		if !held {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (tr *transparent) testPsql(t *testing.T) {
	dir := t.TempDir()
	for _, command := range []string{`\d`, `\d accounts`, `\d+ owners`, `\dt+ countries`, `\df`, `\di`, `\dn`, `\dp accounts`, `\du gateway`,
		`\l plain`, `\dT`, `\sf twice`, `\encoding`, `\copy countries to '` + filepath.Join(dir, "countries") + `'`,
		`\echo :SERVER_VERSION_NUM :ENCODING`, `SELECT 1 AS a \gx`, `SELECT current_user, session_user, current_database()`,
		`SELECT 'a' \gdesc`, "SELECT 1/0"} {
		run := func(url string) string {
			out, _ := exec.Command(tr.clusters[0].Psql(), "-X", "-d", url, "-c", command).CombinedOutput() // the code is in the text
			return string(out)
		}
		if got, want := run(tr.url("app")), run(tr.direct); got != want {
			t.Errorf("%s through the gateway:\n%s\ndirect:\n%s", command, got, want)
		}
	}
}

// testPgbench fills pgbench's tables through the gateway and runs its TPC-B: each transaction adds the same amount to an
// account, a teller and a branch, so that the sums are equal if nothing was lost or done twice.
func (tr *transparent) testPgbench(t *testing.T) {
	pgbench := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(tr.clusters[0].Binaries.Path("pgbench"), args...)
		cmd.Dir = t.TempDir()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("pgbench %s: %v: %s", strings.Join(args[:len(args)-1], " "), err, out)
		}
		return string(out)
	}
	pgbench("-i", "-s", "1", "-I", "dtgvpf", tr.url("app"))
	pgbench("-i", "-s", "1", "-I", "dtGvp", tr.url("app"))
	const transactions = 4 * 100
	runs := 0
	for _, mode := range []string{"simple", "extended", "prepared"} {
		out := pgbench("-n", "-M", mode, "-c", "4", "-t", fmt.Sprint(transactions/4), tr.url("app"))
		if !strings.Contains(out, fmt.Sprintf("number of transactions actually processed: %d/%d", transactions, transactions)) {
			t.Errorf("pgbench -M %s:\n%s", mode, out)
		}
		runs++
	}
	pipeline := filepath.Join(t.TempDir(), "pipeline.sql")
	if err := os.WriteFile(pipeline, []byte(`\set aid random(1, 100000)
\startpipeline
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid + 1;
SELECT count(*) FROM pgbench_accounts WHERE aid < :aid % 100;
\endpipeline
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"extended", "prepared"} {
		pgbench("-n", "-M", mode, "-c", "4", "-t", "100", "-f", pipeline, tr.url("app"))
	}
	conn := tr.connect(t, "app", pgx.QueryExecModeExec)
	var history, accounts, tellers, branches, sum int64
	if err := conn.QueryRow(context.Background(), `SELECT (SELECT count(*) FROM pgbench_history), (SELECT sum(abalance) FROM pgbench_accounts),
		(SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(bbalance) FROM pgbench_branches),
		(SELECT sum(delta) FROM pgbench_history)`).Scan(&history, &accounts, &tellers, &branches, &sum); err != nil {
		t.Fatal(err)
	}
	if history != int64(runs*transactions) || accounts != sum || tellers != sum || branches != sum {
		t.Errorf("%d of %d transactions, with %d; accounts %d, tellers %d, branches %d", history, runs*transactions, sum, accounts,
			tellers, branches)
	}
}

// testLogin: the gateway has users of its own; it answers as PostgreSQL does where that is not known.
func (tr *transparent) testLogin(t *testing.T) {
	for _, test := range []struct{ url, code string }{
		{strings.Replace(tr.url("app"), "app%20secret", "wrong", 1), "28P01"},
		{strings.Replace(tr.url("app"), "app:", "nobody:", 1), "28P01"},
		{strings.Replace(tr.url("app"), "/shop", "/missing", 1), "3D000"},
		{strings.Replace(tr.url("app"), "/shop", "/plain", 1), "3D000"},
	} {
		conn, err := pgx.Connect(context.Background(), test.url)
		if err == nil {
			conn.Close(context.Background())
		}
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != test.code {
			t.Errorf("want %s, got %v", test.code, err)
		}
	}
}
