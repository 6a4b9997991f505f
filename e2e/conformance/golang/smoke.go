package golang

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

const (
	smokeServers = 3                // server connections of the gateway
	smokeClients = 12               // over them in transaction mode
	smokeTime    = 60 * time.Second // for each test
)

// Smoke is a short suite of our own on pgx: what applications do, on few server connections. It needs no toolchain, so that
// make test runs it too.
func Smoke() suite.Suite {
	return suite.Suite{
		Name: "smoke", Title: "pgx, a short suite of our own", ServerConnections: smokeServers,
		Prepare: func(context.Context, *suite.Workspace) (string, error) {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return "pgx", nil
			}
			for _, m := range info.Deps {
				if m.Path == pgxModule {
					return "pgx " + strings.TrimPrefix(m.Version, "v"), nil
				}
			}
			return "pgx", nil
		},
		Run: func(ctx context.Context, w *suite.Workspace, s *suite.Server) (suite.Results, error) {
			results := make(suite.Results)
			for _, test := range smokeTests {
				running, cancel := context.WithTimeout(ctx, smokeTime)
				k := &smoke{server: s}
				err := test.do(running, k)
				k.close()
				cancel()
				status := suite.Passed
				if err != nil {
					status = suite.Failed
					fmt.Fprintf(w.Log, "%s: %v\n", test.name, err)
				}
				results.Add(test.name, status)
			}
			return results, ctx.Err()
		},
	}
}

// smoke is one test's connections.
type smoke struct {
	server *suite.Server
	conns  []*pgx.Conn
}

func (k *smoke) connect(ctx context.Context, mode pgx.QueryExecMode) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(k.server.URL())
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = mode
	conn, err := pgx.ConnectConfig(ctx, config)
	if err == nil {
		k.conns = append(k.conns, conn)
	}
	return conn, err
}

// pair is two connections in pgx's usual mode.
func (k *smoke) pair(ctx context.Context) (a, b *pgx.Conn, err error) {
	if a, err = k.connect(ctx, pgx.QueryExecModeCacheStatement); err == nil {
		b, err = k.connect(ctx, pgx.QueryExecModeCacheStatement)
	}
	return a, b, err
}

func (k *smoke) close() {
	for _, conn := range k.conns {
		_ = conn.Close(context.Background()) // a test may have ended it
	}
}

// say runs statements one after the other and returns the first error.
func say(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// expect runs a query of one text column and holds its rows, joined by commas, against want.
func expect(ctx context.Context, conn *pgx.Conn, want, sql string, args ...any) error {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	if text := strings.Join(got, ","); text != want {
		return fmt.Errorf("%s: got %q, want %q", sql, text, want)
	}
	return nil
}

// refused runs a statement that fails with a SQLSTATE.
func refused(ctx context.Context, conn *pgx.Conn, code, sql string, args ...any) error {
	_, err := conn.Exec(ctx, sql, args...)
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != code {
		return fmt.Errorf("%s: got %v, want %s", sql, err, code)
	}
	return nil
}

// smokeTests leave nothing behind in the database.
var smokeTests = []struct {
	name string
	do   func(ctx context.Context, k *smoke) error
}{
	{"modes", smokeModes}, {"statements of one name", smokeNames}, {"transactions", smokeTransactions}, {"batches", smokeBatches},
	{"pipelines with Flush", smokePipeline}, {"COPY", smokeCopy}, {"notifications", smokeNotifications}, {"settings", smokeSettings},
	{"temporary tables", smokeTemporary}, {"advisory locks", smokeLocks}, {"cursors", smokeCursors}, {"cancel", smokeCancel},
	{"large values and results", smokeLarge}, {"transfers", smokeTransfers}, {"nothing stays behind", smokeEnd},
}

func smokeModes(ctx context.Context, k *smoke) error {
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		conn, err := k.connect(ctx, mode)
		if err != nil {
			return err
		}
		for range 3 {
			for _, err := range []error{
				expect(ctx, conn, "42 it's t", "SELECT $1::int::text || ' ' || $2::text || ' ' || $3::bool::text::char(1)", 42, "it's", true),
				expect(ctx, conn, "true", "SELECT ($1::text IS NULL)::text", nil),
				refused(ctx, conn, "22012", "SELECT 1 / $1::int", 0),
				refused(ctx, conn, "42601", "SELEC 1"),
			} {
				if err != nil {
					return fmt.Errorf("%v: %w", mode, err)
				}
			}
		}
		if err := conn.Close(ctx); err != nil {
			return err
		}
	}
	return nil
}

func smokeNames(ctx context.Context, k *smoke) error {
	a, b, err := k.pair(ctx)
	if err != nil {
		return err
	}
	if _, err := a.Prepare(ctx, "stmt", "SELECT 'a' || $1::text"); err != nil {
		return err
	}
	if _, err := b.Prepare(ctx, "stmt", "SELECT 'b' || $1::text"); err != nil {
		return err
	}
	for range 3 {
		if err := errors.Join(expect(ctx, a, "ax", "stmt", "x"), expect(ctx, b, "by", "stmt", "y")); err != nil {
			return err
		}
	}
	if _, err := a.PgConn().Prepare(ctx, "stmt", "SELECT 1", nil); err == nil {
		return errors.New("a name is taken twice")
	}
	if err := a.Deallocate(ctx, "stmt"); err != nil {
		return err
	}
	if result := a.PgConn().ExecPrepared(ctx, "stmt", [][]byte{nil}, nil, nil).Read(); result.Err == nil {
		return errors.New("a closed statement runs")
	}
	if err := say(ctx, a, "PREPARE stmt (int) AS SELECT ($1 + 1)::text"); err != nil {
		return err
	}
	return errors.Join(expect(ctx, b, "bz", "stmt", "z"), expect(ctx, a, "6", "EXECUTE stmt(5)"), say(ctx, a, "DEALLOCATE ALL"),
		refused(ctx, a, "26000", "EXECUTE stmt(5)"))
}

func smokeTransactions(ctx context.Context, k *smoke) error {
	a, b, err := k.pair(ctx)
	if err != nil {
		return err
	}
	return errors.Join(
		say(ctx, a, "CREATE TABLE smoke (id int PRIMARY KEY)", "BEGIN", "INSERT INTO smoke VALUES (1)", "SAVEPOINT s"),
		refused(ctx, a, "23505", "INSERT INTO smoke VALUES (1)"), refused(ctx, a, "25P02", "SELECT 1"),
		say(ctx, a, "ROLLBACK TO s", "INSERT INTO smoke VALUES (2)"),
		expect(ctx, b, "0", "SELECT count(*)::text FROM smoke"), say(ctx, a, "COMMIT"),
		expect(ctx, b, "1,2", "SELECT id::text FROM smoke ORDER BY id"),
		say(ctx, a, "BEGIN"), refused(ctx, a, "22012", "SELECT 1/0"), say(ctx, a, "COMMIT", "BEGIN READ ONLY"),
		refused(ctx, a, "25006", "DELETE FROM smoke"), say(ctx, a, "ROLLBACK", "DROP TABLE smoke"))
}

func smokeBatches(ctx context.Context, k *smoke) error {
	conn, err := k.connect(ctx, pgx.QueryExecModeExec)
	if err != nil {
		return err
	}
	if err := say(ctx, conn, "CREATE TABLE smoke (id int PRIMARY KEY)"); err != nil {
		return err
	}
	good, bad := &pgx.Batch{}, &pgx.Batch{}
	for i := range 300 {
		good.Queue("INSERT INTO smoke VALUES ($1)", i)
		bad.Queue("INSERT INTO smoke VALUES ($1)", 300+i%299)
	}
	if err := conn.SendBatch(ctx, good).Close(); err != nil {
		return err
	}
	if err := conn.SendBatch(ctx, bad).Close(); err == nil {
		return errors.New("a batch with a mistake succeeds")
	}
	return errors.Join(expect(ctx, conn, "300", "SELECT count(*)::text FROM smoke"), say(ctx, conn, "DROP TABLE smoke"))
}

func smokePipeline(ctx context.Context, k *smoke) error {
	conn, err := k.connect(ctx, pgx.QueryExecModeExec)
	if err != nil {
		return err
	}
	pipeline := conn.PgConn().StartPipeline(ctx)
	read := func(want string) error {
		results, err := pipeline.GetResults()
		if err != nil {
			return err
		}
		reader, ok := results.(*pgconn.ResultReader)
		if !ok {
			return fmt.Errorf("got %T, want the result %q", results, want)
		}
		result := reader.Read()
		if result.Err != nil || len(result.Rows) != 1 || string(result.Rows[0][0]) != want {
			return fmt.Errorf("got %q, %w, want %q", result.Rows, result.Err, want)
		}
		return nil
	}
	for i := range 3 {
		text := fmt.Sprint(i)
		pipeline.SendQueryParams("SELECT $1::text", [][]byte{[]byte(text)}, nil, nil, nil)
		pipeline.SendFlushRequest()
		if err := pipeline.Flush(); err != nil {
			return err
		}
		if err := read(text); err != nil {
			return err
		}
		if results, err := pipeline.GetResults(); results != nil || err != nil {
			return fmt.Errorf("after Flush: got %T, %w", results, err)
		}
	}
	pipeline.SendQueryParams("SELECT 'last'", nil, nil, nil, nil)
	pipeline.SendPipelineSync()
	pipeline.SendQueryParams("SELECT 'behind'", nil, nil, nil, nil)
	pipeline.SendFlushRequest()
	if err := pipeline.Flush(); err != nil {
		return err
	}
	if err := read("last"); err != nil {
		return err
	}
	if results, err := pipeline.GetResults(); err != nil {
		return err
	} else if _, ok := results.(*pgconn.PipelineSync); !ok {
		return fmt.Errorf("got %T, want the end of a Sync", results)
	}
	if err := read("behind"); err != nil {
		return err
	}
	pipeline.SendPipelineSync()
	if err := pipeline.Flush(); err != nil {
		return err
	}
	return errors.Join(pipeline.Close(), expect(ctx, conn, "1", "SELECT '1'"))
}

func smokeCopy(ctx context.Context, k *smoke) error {
	conn, err := k.connect(ctx, pgx.QueryExecModeCacheStatement)
	if err != nil {
		return err
	}
	if err := say(ctx, conn, "CREATE TABLE smoke (id int PRIMARY KEY, t text)"); err != nil {
		return err
	}
	const rows = 20_000
	rowsOf := func(from int) pgx.CopyFromSource {
		return pgx.CopyFromSlice(rows, func(i int) ([]any, error) { return []any{from + i, strings.Repeat("x", i%100)}, nil })
	}
	if n, err := conn.CopyFrom(ctx, pgx.Identifier{"smoke"}, []string{"id", "t"}, rowsOf(0)); n != rows || err != nil {
		return fmt.Errorf("%d rows were copied: %w", n, err)
	}
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"smoke"}, []string{"id", "t"}, rowsOf(rows-1)); err == nil {
		return errors.New("a key is copied twice")
	}
	var out bytes.Buffer
	if _, err := conn.PgConn().CopyTo(ctx, &out, "COPY smoke TO STDOUT"); err != nil {
		return err
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != rows {
		return fmt.Errorf("%d rows were copied out", n)
	}
	return say(ctx, conn, "DROP TABLE smoke")
}

func smokeNotifications(ctx context.Context, k *smoke) error {
	a, b, err := k.pair(ctx)
	if err != nil {
		return err
	}
	for i := range 3 {
		if err := say(ctx, a, "LISTEN smoke"); err != nil {
			return err
		}
		payload := fmt.Sprint("number ", i)
		if _, err := b.Exec(ctx, "SELECT pg_notify('smoke', $1)", payload); err != nil {
			return err
		}
		if got, err := a.WaitForNotification(ctx); err != nil || got.Payload != payload {
			return fmt.Errorf("got %+v, %w", got, err)
		}
	}
	return say(ctx, a, "UNLISTEN *")
}

func smokeSettings(ctx context.Context, k *smoke) error {
	a, b, err := k.pair(ctx)
	if err != nil {
		return err
	}
	if err := say(ctx, a, "SET work_mem = '2MB'", "SET search_path = pg_catalog", "SET TimeZone = 'Asia/Tokyo'"); err != nil {
		return err
	}
	for range 5 {
		if err := errors.Join(expect(ctx, a, "2MB", "SHOW work_mem"), expect(ctx, b, "4MB", "SHOW work_mem"),
			expect(ctx, a, "Asia/Tokyo", "SELECT current_setting('TimeZone')"), expect(ctx, a, "pg_catalog", "SHOW search_path"),
			expect(ctx, b, `"$user", public`, "SHOW search_path")); err != nil {
			return err
		}
	}
	if got := a.PgConn().ParameterStatus("TimeZone"); got != "Asia/Tokyo" {
		return fmt.Errorf("ParameterStatus says %q", got)
	}
	return errors.Join(say(ctx, a, "BEGIN", "SET work_mem = '3MB'", "ROLLBACK"), expect(ctx, a, "2MB", "SHOW work_mem"),
		say(ctx, a, "BEGIN", "SET LOCAL work_mem = '3MB'"), expect(ctx, a, "3MB", "SHOW work_mem"), say(ctx, a, "COMMIT"),
		expect(ctx, a, "2MB", "SHOW work_mem"), say(ctx, a, "RESET ALL"), expect(ctx, a, "4MB", "SHOW work_mem"))
}

func smokeTemporary(ctx context.Context, k *smoke) error {
	a, b, err := k.pair(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(say(ctx, a, "CREATE TEMP TABLE smoke AS SELECT 'a' AS t"), say(ctx, b, "CREATE TEMP TABLE smoke AS SELECT 'b' AS t")); err != nil {
		return err
	}
	for range 5 {
		if err := errors.Join(expect(ctx, a, "a", "SELECT t FROM smoke"), expect(ctx, b, "b", "SELECT t FROM smoke")); err != nil {
			return err
		}
	}
	return say(ctx, a, "DISCARD TEMP", "CREATE TEMP TABLE smoke (a int)")
}

func smokeLocks(ctx context.Context, k *smoke) error {
	a, b, err := k.pair(ctx)
	if err != nil {
		return err
	}
	if err := say(ctx, a, "SELECT pg_advisory_lock(77)"); err != nil {
		return err
	}
	for range 3 {
		if err := errors.Join(expect(ctx, b, "false", "SELECT pg_try_advisory_lock(77)::text"), expect(ctx, a, "1", "SELECT '1'")); err != nil {
			return err
		}
	}
	return errors.Join(expect(ctx, a, "true", "SELECT pg_advisory_unlock(77)::text"),
		expect(ctx, b, "true", "SELECT pg_try_advisory_lock(77)::text"), expect(ctx, b, "true", "SELECT pg_advisory_unlock(77)::text"))
}

func smokeCursors(ctx context.Context, k *smoke) error {
	a, b, err := k.pair(ctx)
	if err != nil {
		return err
	}
	if err := say(ctx, a, "BEGIN", "DECLARE c CURSOR WITH HOLD FOR SELECT g::text FROM generate_series(1, 5) g"); err != nil {
		return err
	}
	return errors.Join(expect(ctx, a, "1,2", "FETCH 2 FROM c"), say(ctx, a, "COMMIT"), expect(ctx, b, "1", "SELECT '1'"),
		refused(ctx, b, "34000", "FETCH c"), expect(ctx, a, "3,4,5", "FETCH ALL FROM c"), say(ctx, a, "CLOSE c"))
}

func smokeCancel(ctx context.Context, k *smoke) error {
	conn, err := k.connect(ctx, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return err
	}
	for range 2 {
		ended := make(chan error, 1)
		go func() {
			_, err := conn.Exec(ctx, "SELECT pg_sleep(30)")
			ended <- err
		}()
		var failed error
		for waiting := true; waiting; { // a cancel request that comes before the statement does nothing
			if err := conn.PgConn().CancelRequest(ctx); err != nil {
				return err
			}
			select {
			case failed = <-ended:
				waiting = false
			case <-time.After(100 * time.Millisecond):
			}
		}
		var pg *pgconn.PgError
		if !errors.As(failed, &pg) || pg.Code != "57014" {
			return fmt.Errorf("a canceled statement ends with %w", failed)
		}
		// One more may be on its way, for the next statement.
		for {
			err := expect(ctx, conn, "1", "SELECT '1'")
			if err == nil {
				break
			}
			if !errors.As(err, &pg) || pg.Code != "57014" {
				return err
			}
		}
	}
	return nil
}

func smokeLarge(ctx context.Context, k *smoke) error {
	conn, err := k.connect(ctx, pgx.QueryExecModeExec)
	if err != nil {
		return err
	}
	value := strings.Repeat("0123456789", 500_000)
	if err := expect(ctx, conn, value, "SELECT $1::text", value); err != nil {
		return errors.New("a parameter of 5 MB does not come back")
	}
	rows, err := conn.Query(ctx, "SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g")
	if err != nil {
		return err
	}
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil || n != 100_000 {
		return fmt.Errorf("%d of 100000 rows: %w", n, err)
	}
	return nil
}

// smokeTransfers moves money between accounts by as many clients as the setting has room for.
func smokeTransfers(ctx context.Context, k *smoke) error {
	const accounts, transfers = 10, 50
	clients := smokeServers
	if k.server.Setting == suite.Transaction {
		clients = smokeClients
	}
	first, err := k.connect(ctx, pgx.QueryExecModeCacheStatement)
	if err != nil {
		return err
	}
	if err := say(ctx, first, fmt.Sprintf("CREATE TABLE smoke AS SELECT g AS id, 100 AS balance FROM generate_series(1, %d) g", accounts)); err != nil {
		return err
	}
	conns := []*pgx.Conn{first}
	for len(conns) < clients {
		conn, err := k.connect(ctx, pgx.QueryExecModeCacheStatement)
		if err != nil {
			return err
		}
		conns = append(conns, conn)
	}
	errs := make([]error, clients)
	var all sync.WaitGroup
	for i, conn := range conns {
		all.Go(func() {
			for j := range transfers {
				from, to := (i+j)%accounts+1, (i*3+j*7+1)%accounts+1
				errs[i] = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
					_, err := tx.Exec(ctx, "SELECT 1 FROM smoke WHERE id IN ($1, $2) ORDER BY id FOR UPDATE", from, to)
					if err == nil {
						_, err = tx.Exec(ctx, "UPDATE smoke SET balance = balance - $2 WHERE id = $1", from, j)
					}
					if err == nil {
						_, err = tx.Exec(ctx, "UPDATE smoke SET balance = balance + $2 WHERE id = $1", to, j)
					}
					return err
				})
				if errs[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errors.Join(errs...), expect(ctx, first, fmt.Sprint(100*accounts), "SELECT sum(balance)::text FROM smoke"),
		say(ctx, first, "DROP TABLE smoke"))
}

// smokeEnd looks for what sessions before it made on connections that it may get now.
func smokeEnd(ctx context.Context, k *smoke) error {
	for range 4 {
		conn, err := k.connect(ctx, pgx.QueryExecModeExec)
		if err != nil {
			return err
		}
		if err := errors.Join(
			expect(ctx, conn, "", "SELECT name FROM pg_prepared_statements WHERE name NOT LIKE 'portcullis\\_%'"),
			expect(ctx, conn, "", "SELECT relname::text FROM pg_class WHERE relnamespace = pg_my_temp_schema()"),
			expect(ctx, conn, "", "SELECT pg_listening_channels()"),
			expect(ctx, conn, "", "SELECT name FROM pg_cursors WHERE is_holdable"),
			expect(ctx, conn, "0", "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"),
			expect(ctx, conn, "4MB", "SHOW work_mem"), expect(ctx, conn, "", "SELECT coalesce(current_setting('smoke.remains', true), '')"),
			say(ctx, conn, "SET work_mem = '9MB'", "SET smoke.remains = 'yes'", "SELECT pg_advisory_lock(5)", "LISTEN remains",
				"CREATE TEMP TABLE left_behind (a int)", "DECLARE h CURSOR WITH HOLD FOR SELECT 1", "PREPARE p AS SELECT 1"),
			conn.Close(ctx)); err != nil {
			return err
		}
	}
	return nil
}
