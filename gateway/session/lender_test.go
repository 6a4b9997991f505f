package session

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/pool"
)

// lendingGateway serves a transparent database in transaction mode with at most serversMax connections.
func lendingGateway(t testing.TB, serversMax int) *testGateway {
	g := newGateway(t, &policy.Database{Name: "plain", Datasources: []string{"ds_0"}}, map[string]string{"ds_0": "plain"})
	g.database.Pooling.Mode = ModeTransaction
	g.limitServers("ds_0", serversMax)
	return g
}

func (g *testGateway) connectWith(t testing.TB, parameters string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(testContext(t), g.url()+parameters)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(testContext(t)) })
	return conn
}

func text(t testing.TB, conn *pgx.Conn, sql string, args ...any) string {
	t.Helper()
	var v *string
	if err := conn.QueryRow(testContext(t), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if v == nil {
		return "NULL"
	}
	return *v
}

// waitUsed waits until so many connections are in somebody's hands.
func (g *testGateway) waitUsed(t testing.TB, want int) {
	t.Helper()
	used := -1
	for range 200 {
		if used = g.pools["ds_0"].Stats().Used; used == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d connections are held, not %d", used, want)
}

// Many clients share one connection: each finds its own settings on it, and nothing of another's.
func TestSettingsFollowTheirSession(t *testing.T) {
	g := lendingGateway(t, 1)
	alice := g.connectWith(t, "&application_name=alice&options=-c%20work_mem%3D5MB")
	bob := g.connectWith(t, "&application_name=bob")
	plain := g.connect(t)
	defaultMemory := text(t, plain, "SHOW work_mem")
	mustExec(t, alice, "SET app.who = 'Alice'; SET TimeZone = 'Asia/Tokyo'")
	mustExec(t, bob, "SET search_path = pg_catalog, public")
	mustExec(t, bob, "SELECT set_config('app.who', $1, false)", "Bob")
	for range 3 {
		for _, c := range []struct {
			conn      *pgx.Conn
			sql, want string
		}{
			{alice, "SHOW application_name", "alice"}, {bob, "SHOW application_name", "bob"},
			{alice, "SHOW work_mem", "5MB"}, {bob, "SHOW work_mem", defaultMemory}, {plain, "SHOW work_mem", defaultMemory},
			{alice, "SHOW TimeZone", "Asia/Tokyo"}, {plain, "SELECT (current_setting('TimeZone') <> 'Asia/Tokyo')::text", "true"},
			{bob, "SHOW search_path", "pg_catalog, public"}, {alice, "SHOW search_path", `"$user", public`},
			{alice, "SELECT current_setting('app.who')", "Alice"}, {bob, "SELECT current_setting('app.who')", "Bob"},
			{plain, "SELECT coalesce(nullif(current_setting('app.who', true), ''), 'none')", "none"},
		} {
			if got := text(t, c.conn, c.sql); got != c.want {
				t.Errorf("%s: %q, not %q", c.sql, got, c.want)
			}
		}
	}
	mustExec(t, alice, "RESET work_mem")
	if got := text(t, alice, "SHOW work_mem"); got != "5MB" {
		t.Errorf("RESET returns to %q, not to what the client started with", got)
	}
	mustExec(t, alice, "SET work_mem = '9MB'")
	if _, err := alice.Exec(testContext(t), "DISCARD ALL", pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Error(err)
	}
	for sql, want := range map[string]string{"SHOW work_mem": "5MB", "SHOW application_name": "alice"} {
		if got := text(t, alice, sql, pgx.QueryExecModeSimpleProtocol); got != want {
			t.Errorf("%s after DISCARD ALL: %q, not %q", sql, got, want)
		}
	}
	// What a transaction rolls back was never set.
	mustExec(t, bob, "BEGIN; SET work_mem = '7MB'; ROLLBACK")
	mustExec(t, bob, "BEGIN; SET LOCAL work_mem = '8MB'; COMMIT")
	mustExec(t, bob, "BEGIN; SAVEPOINT a; SET work_mem = '6MB'; ROLLBACK TO a; COMMIT")
	mustExec(t, plain, "SELECT 1")
	if got := text(t, bob, "SHOW work_mem"); got != defaultMemory {
		t.Errorf("after ROLLBACK: %q", got)
	}
	// What a function sets is found too, and goes no further.
	mustExec(t, plain, `CREATE OR REPLACE FUNCTION set_it(v text) RETURNS void LANGUAGE plpgsql AS
		$$ BEGIN PERFORM set_config('work_mem', v, false); PERFORM set_config('app.hidden', v, false); END $$`)
	mustExec(t, bob, "SELECT set_it('3MB')")
	if got := text(t, plain, "SELECT current_setting('work_mem') || ' ' || coalesce(current_setting('app.hidden', true), '')"); got != defaultMemory+" " {
		t.Errorf("another session's function has set %q", got)
	}
	if got := text(t, bob, "SHOW work_mem"); got != "3MB" {
		t.Errorf("what a function has set: %q", got)
	}
}

// Prepared statements are the client's, by its names, on whichever connection it gets.
func TestPreparedStatementsFollowTheirSession(t *testing.T) {
	g := lendingGateway(t, 1)
	a, b := g.connect(t), g.connect(t)
	ctx := testContext(t)
	for i, conn := range []*pgx.Conn{a, b} {
		if _, err := conn.Prepare(ctx, "same", fmt.Sprintf("SELECT $1::int4 * %d", i+2)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		for i, conn := range []*pgx.Conn{a, b} {
			var n int
			if err := conn.QueryRow(ctx, "same", 10).Scan(&n); err != nil || n != 10*(i+2) {
				t.Errorf("%d: %d %v", i, n, err)
			}
		}
	}
	raw := a.PgConn()
	if _, err := raw.Prepare(ctx, "same", "SELECT 1", nil); code(err) != "42P05" {
		t.Errorf("a name twice: %v", err)
	}
	if err := a.Deallocate(ctx, "same"); err != nil {
		t.Error(err)
	}
	if r := raw.ExecPrepared(ctx, "same", nil, nil, nil).Read(); code(r.Err) != "26000" ||
		!strings.Contains(r.Err.Error(), `"same"`) {
		t.Errorf("a name that is gone: %v", r.Err)
	}
	if r := raw.ExecPrepared(ctx, pool.StatementPrefix+"1", nil, nil, nil).Read(); code(r.Err) != "26000" {
		t.Errorf("another one's statement: %v", r.Err)
	}
	if _, err := raw.Prepare(ctx, "same", "SELECT 5", nil); err != nil {
		t.Error(err)
	}
	// A statement that fails to be prepared does not exist afterwards.
	if _, err := raw.Prepare(ctx, "bad", "SELEC", nil); code(err) != "42601" {
		t.Error(err)
	}
	if r := raw.ExecPrepared(ctx, "bad", nil, nil, nil).Read(); code(r.Err) != "26000" {
		t.Errorf("a statement that failed: %v", r.Err)
	}
	mustExec(t, a, "DISCARD ALL")
	if r := raw.ExecPrepared(ctx, "same", nil, nil, nil).Read(); code(r.Err) != "26000" {
		t.Errorf("after DISCARD ALL: %v", r.Err)
	}
	var n int
	if err := b.QueryRow(ctx, "same", 10).Scan(&n); err != nil || n != 30 {
		t.Errorf("another session's DISCARD ALL: %d %v", n, err)
	}
}

// What cannot be carried binds the client to its connection, for as long as it is there.
func TestStatePinsItsSession(t *testing.T) {
	for _, c := range []struct{ name, make, check, want, clear string }{
		{"temporary table", "CREATE TEMP TABLE mine AS SELECT 'x'::text AS v", "SELECT v FROM mine", "x", "DROP TABLE mine"},
		{"advisory lock", "SELECT pg_advisory_lock(42)",
			"SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()", "1",
			"SELECT pg_advisory_unlock(42)"},
		{"cursor with hold", "DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT 'h'::text", "FETCH FIRST FROM c", "h", "CLOSE c"},
		{"listen", "LISTEN news", "SELECT pg_listening_channels()", "news", "UNLISTEN *"},
		{"prepare", "PREPARE p AS SELECT 'p'::text", "EXECUTE p", "p", "DEALLOCATE p"},
		{"a lock in a block of code", "DO $$ BEGIN PERFORM pg_advisory_lock(43); END $$",
			"SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()", "1",
			"SELECT pg_advisory_unlock_all()"},
		{"a temporary table by search_path", "SET search_path = pg_temp; CREATE TABLE mine2 AS SELECT 'y'::text AS v",
			"SELECT v FROM pg_temp.mine2", "y", "DISCARD ALL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := lendingGateway(t, 2)
			pinned, other := g.connect(t), g.connect(t)
			simple := func(conn *pgx.Conn, sql string) string {
				rows, err := conn.PgConn().Exec(testContext(t), sql).ReadAll()
				if err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
				if last := rows[len(rows)-1]; len(last.Rows) == 1 {
					return string(last.Rows[0][0])
				}
				return ""
			}
			simple(pinned, c.make)
			for range 3 {
				simple(other, "SELECT 1")
				if got := simple(pinned, c.check); got != c.want {
					t.Errorf("%q, not %q", got, c.want)
				}
			}
			g.waitUsed(t, 1)
			simple(pinned, c.clear)
			g.waitUsed(t, 0)
			_ = pinned.Close(testContext(t))
			simple(other, "SELECT 1")
		})
	}
}

// With session_state refuse nothing pins.
func TestStateIsRefused(t *testing.T) {
	g := lendingGateway(t, 1)
	g.database.Pooling.RefuseState = true
	conn := g.connect(t)
	for _, sql := range []string{"LISTEN x", "CREATE TEMP TABLE t (a int)", "SELECT pg_advisory_lock(1)",
		"DECLARE c CURSOR WITH HOLD FOR SELECT 1", "PREPARE p AS SELECT 1"} {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec} {
			if _, err := conn.Exec(testContext(t), sql, mode); code(err) != "0A000" {
				t.Errorf("%s: %v", sql, err)
			}
		}
		mustExec(t, conn, "SELECT 1")
	}
	tx, err := conn.Begin(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(testContext(t), "LISTEN x"); code(err) != "0A000" {
		t.Error(err)
	}
	if _, err := tx.Exec(testContext(t), "SELECT 1"); code(err) != "25P02" {
		t.Errorf("a refusal in a block leaves it in order: %v", err)
	}
	_ = tx.Rollback(testContext(t))
}

// Many clients work over few connections at once, in every mode of the driver, and each gets its own answers.
func TestManyClientsShareFewConnections(t *testing.T) {
	g := lendingGateway(t, 3)
	var wg sync.WaitGroup
	for i := range 30 {
		conn := g.connectWith(t, fmt.Sprintf("&application_name=client%d", i%7))
		wg.Go(func() {
			modes := []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe,
				pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol}
			for round := range 40 {
				var n int
				var name string
				err := conn.QueryRow(testContext(t), "SELECT $1::int4 + 1, current_setting('application_name')",
					modes[round%len(modes)], i*1000+round).Scan(&n, &name)
				if err != nil || n != i*1000+round+1 || name != fmt.Sprintf("client%d", i%7) {
					t.Errorf("client %d: %d %q %v", i, n, name, err)
					return
				}
				if round%10 == 0 {
					if _, err := conn.Exec(testContext(t), "SELECT 1/0"); code(err) != "22012" {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
}

// SQL commands know the statements that were prepared by messages, on a connection that has never seen them, and errors name
// them as the client does.
func TestCommandsKnowPreparedStatements(t *testing.T) {
	g := lendingGateway(t, 2)
	conn, other := g.connect(t), g.connect(t)
	ctx := testContext(t)
	if _, err := conn.Prepare(ctx, "My stmt", "SELECT $1::text || '!'"); err != nil {
		t.Fatal(err)
	}
	tx, err := other.Begin(ctx) // takes the connection that has the statement
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, other, "SELECT 1")
	simple := func(sql string) (string, error) {
		results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
		if err != nil || len(results[0].Rows) == 0 {
			return "", err
		}
		return string(results[0].Rows[0][0]), nil
	}
	if got, err := simple(`EXECUTE "My stmt" ('x')`); got != "x!" || err != nil {
		t.Errorf("EXECUTE: %q %v", got, err)
	}
	r := conn.PgConn().ExecPrepared(ctx, "My stmt", nil, nil, nil).Read()
	if code(r.Err) != "08P01" || !strings.Contains(r.Err.Error(), `prepared statement "My stmt" requires 1`) {
		t.Errorf("a parameter too few: %v", r.Err)
	}
	if _, err := simple(`DEALLOCATE "My stmt"`); err != nil {
		t.Error(err)
	}
	if _, err := simple(`EXECUTE "My stmt" ('x')`); code(err) != "26000" {
		t.Errorf("after DEALLOCATE: %v", err)
	}
	if _, err := conn.PgConn().Prepare(ctx, "My stmt", "SELECT 2", nil); err != nil {
		t.Error(err)
	}
	_ = tx.Rollback(ctx)
}

// A Parse is made of the schema and the settings that there are, whatever other sessions have prepared before; a statement
// that was prepared before fails as PostgreSQL's does.
func TestStatementsAreParsedInTheirScope(t *testing.T) {
	g := lendingGateway(t, 1)
	ctx := testContext(t)
	a, b := g.connect(t), g.connect(t)
	prepare := func(conn *pgx.Conn, name, sql string) *pgconn.StatementDescription {
		t.Helper()
		d, err := conn.PgConn().Prepare(ctx, name, sql, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return d
	}
	columns := func(d *pgconn.StatementDescription) int { return len(d.Fields) }
	const all = "SELECT * FROM scoped WHERE a = $1"
	mustExec(t, a, "CREATE TABLE scoped (a int)")
	if d := prepare(a, "before", all); columns(d) != 1 {
		t.Errorf("%d columns", columns(d))
	}
	prepare(b, "before", all)
	mustExec(t, a, "ALTER TABLE scoped ADD b int")
	if r := a.PgConn().ExecPrepared(ctx, "before", [][]byte{[]byte("1")}, nil, nil).Read(); code(r.Err) != "0A000" {
		t.Errorf("a statement of before: %v", r.Err)
	}
	for _, conn := range []*pgx.Conn{a, b} {
		if d := prepare(conn, "after", all); columns(d) != 2 {
			t.Errorf("%d columns", columns(d))
		}
	}
	mustExec(t, b, "DROP TABLE scoped")
	mustExec(t, b, "CREATE TABLE scoped (a bool)")
	if d := prepare(a, "types", all); d.ParamOIDs[0] != 16 {
		t.Errorf("a parameter of type %d", d.ParamOIDs[0])
	}

	// A change that was not seen is known after the first error.
	if err := cluster.Exec(ctx, "plain", "ALTER TABLE scoped ADD c int"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PgConn().Prepare(ctx, "unseen", all, nil); code(err) != "0A000" {
		t.Errorf("past the gateway: %v", err)
	}
	if d := prepare(b, "seen", all); columns(d) != 2 {
		t.Errorf("%d columns", columns(d))
	}

	// Constants are read when a text is parsed.
	const epoch = "SELECT extract(epoch FROM '2020-01-01 00:00'::timestamptz)::int::text"
	want := map[*pgx.Conn]string{a: "1577836800", b: "1577804400"}
	mustExec(t, a, "SET TimeZone = 'UTC'")
	mustExec(t, b, "SET TimeZone = 'Asia/Tokyo'")
	read := func(conn *pgx.Conn, name, want string) {
		t.Helper()
		r := conn.PgConn().ExecPrepared(ctx, name, nil, nil, nil).Read()
		if r.Err != nil || string(r.Rows[0][0]) != want {
			t.Errorf("%s: got %q %v, want %s", name, r.Rows, r.Err, want)
		}
	}
	for _, name := range []string{"first", "second"} {
		for _, conn := range []*pgx.Conn{a, b} {
			prepare(conn, name, epoch)
			read(conn, name, want[conn])
		}
	}
	// So they are where something is set for a transaction only.
	mustExec(t, a, "BEGIN")
	mustExec(t, a, "SET LOCAL TimeZone = 'Asia/Tokyo'")
	prepare(a, "local", epoch)
	read(a, "local", want[b])
	mustExec(t, a, "COMMIT")
	prepare(a, "again", epoch)
	read(a, "again", want[a])
	mustExec(t, a, "DROP TABLE scoped")
}

// A client is told of settings as PostgreSQL does it: what RESET returns to is what it started with.
func TestResetTellsTheClientsOwnValues(t *testing.T) {
	g := lendingGateway(t, 1)
	conn := g.connectWith(t, "&application_name=mine&options=-c%20TimeZone%3DAsia/Tokyo")
	parameter := func(name string) string { return conn.PgConn().ParameterStatus(name) }
	for _, sql := range []string{"SET application_name = 'other'; SET TimeZone = 'UTC'", "RESET ALL",
		"SET application_name = 'other'", "RESET application_name", "DISCARD ALL"} {
		if _, err := conn.PgConn().Exec(testContext(t), sql).ReadAll(); err != nil {
			t.Fatal(err)
		}
		name, zone := "mine", "Asia/Tokyo"
		if strings.HasPrefix(sql, "SET") {
			name = "other"
		}
		if strings.Contains(sql, "UTC") {
			zone = "UTC"
		}
		if parameter("application_name") != name || parameter("TimeZone") != zone {
			t.Errorf("after %s: %q %q", sql, parameter("application_name"), parameter("TimeZone"))
		}
	}
}

// What another session has drawn from a sequence is nobody else's to know.
func TestSequencesAreTheSessionsOwn(t *testing.T) {
	g := lendingGateway(t, 1)
	a, b := g.connect(t), g.connect(t)
	mustExec(t, a, "CREATE SEQUENCE IF NOT EXISTS drawn")
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec, pgx.QueryExecModeCacheStatement} {
		mustExec(t, a, "SELECT nextval('drawn')", mode)
		if _, err := b.Exec(testContext(t), "SELECT lastval()", mode); code(err) != "55000" {
			t.Errorf("%v: %v", mode, err)
		}
	}
	tx, err := b.Begin(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, b, "SELECT nextval('drawn')")
	mustExec(t, b, "SELECT currval('drawn'), lastval()")
	_ = tx.Rollback(testContext(t))

	// On a connection that stays with its session, what it has drawn stays too.
	mustExec(t, a, "SELECT nextval('drawn')")
	mustExec(t, b, "CREATE TEMP TABLE here (a int)")
	if _, err := b.Exec(testContext(t), "SELECT lastval()"); code(err) != "55000" {
		t.Errorf("another one's: %v", err)
	}
	mustExec(t, b, "SELECT nextval('drawn')")
	mustExec(t, b, "SELECT currval('drawn'), lastval()")
}

// With the backend's role set to the client's name, no statement gets another one.
func TestRoleIsTheClients(t *testing.T) {
	for _, mode := range []Mode{ModeSession, ModeTransaction} {
		g := lendingGateway(t, 1)
		g.database.Pooling.Mode, g.database.Pooling.Backend = mode, BackendSetRole
		ctx := testContext(t)
		owner := plainGateway(t).connect(t)
		if cluster.CreateRole(ctx, clientUser, "unused") == nil {
			if err := cluster.Exec(ctx, "plain", "GRANT "+clientUser+" TO "+backendRole); err != nil {
				t.Fatal(err)
			}
		}
		mustExec(t, owner, "CREATE TABLE IF NOT EXISTS only_gateway (a int)")
		conn := g.connect(t)
		if got := text(t, conn, "SELECT current_user::text"); got != clientUser {
			t.Errorf("the role is %q", got)
		}
		for _, sql := range []string{"RESET ROLE", "SET ROLE NONE", "SET SESSION AUTHORIZATION DEFAULT", "DISCARD ALL",
			"SELECT set_config('role', 'none', false)", "SELECT set_config('ro' || 'le', 'none', false)", "SET \"role\" = 'none'",
			"SET LOCAL ROLE NONE", "SELECT 1; RESET ROLE", `SET "ROLE" = 'none'`, `RESET "Role"`, `SET U&"r\006fle" = 'none'`} {
			if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); code(err) != "42501" {
				t.Errorf("%s: %v", sql, err)
			}
			if got := text(t, conn, "SELECT current_user::text", pgx.QueryExecModeSimpleProtocol); got != clientUser {
				t.Errorf("after %s the role is %q", sql, got)
			}
		}
		if _, err := conn.Exec(ctx, "SELECT * FROM only_gateway"); code(err) != "42501" {
			t.Errorf("the gateway's table: %v", err)
		}
		hijacked, err := conn.PgConn().Hijack()
		if err != nil {
			t.Fatal(err)
		}
		defer hijacked.Conn.Close()
		front := pgproto3.NewFrontend(hijacked.Conn, hijacked.Conn)
		const setConfig = 2078 // pg_proc.dat
		front.Send(&pgproto3.FunctionCall{Function: setConfig, Arguments: [][]byte{[]byte("role"), []byte("none"), []byte("f")}})
		front.Send(&pgproto3.Query{String: "SELECT current_user"})
		if err := front.Flush(); err != nil {
			t.Fatal(err)
		}
		if m, err := front.Receive(); err != nil || m.(*pgproto3.ErrorResponse).Code != "42501" {
			t.Errorf("set_config by number: %v %v", m, err)
		}
		for {
			m, err := front.Receive()
			if err != nil {
				t.Fatal(err)
			}
			if row, ok := m.(*pgproto3.DataRow); ok {
				if string(row.Values[0]) != clientUser {
					t.Errorf("after set_config by number the role is %q", row.Values[0])
				}
				break
			}
		}
	}
}

// A statement that is prepared after a table has changed is not taken for one that was prepared before, by whomever.
func TestPreparedStatementsFollowTheSchema(t *testing.T) {
	g := lendingGateway(t, 1)
	a, b := g.connect(t), g.connect(t)
	ctx := testContext(t)
	mustExec(t, a, "DROP TABLE IF EXISTS changing; CREATE TABLE changing (a int)", pgx.QueryExecModeSimpleProtocol)
	const sql = "SELECT * FROM changing"
	if _, err := a.PgConn().Prepare(ctx, "before", sql, nil); err != nil {
		t.Fatal(err)
	}
	mustExec(t, b, "ALTER TABLE changing ADD b text", pgx.QueryExecModeSimpleProtocol)
	if r := a.PgConn().ExecPrepared(ctx, "before", nil, nil, nil).Read(); code(r.Err) != "0A000" {
		t.Errorf("the old statement: %v", r.Err)
	}
	for i, conn := range []*pgx.Conn{a, b} {
		st, err := conn.PgConn().Prepare(ctx, "after", sql, nil)
		if err != nil || len(st.Fields) != 2 {
			t.Errorf("%d: %v %v", i, st, err)
		}
	}
	// The path decides what a text means too.
	mustExec(t, b, "DROP SCHEMA IF EXISTS elsewhere CASCADE; CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.changing (c bool)",
		pgx.QueryExecModeSimpleProtocol)
	mustExec(t, b, "SET search_path = elsewhere")
	if st, err := b.PgConn().Prepare(ctx, "there", sql, nil); err != nil || len(st.Fields) != 1 {
		t.Errorf("%v %v", st, err)
	}
	if st, err := a.PgConn().Prepare(ctx, "here", sql, nil); err != nil || len(st.Fields) != 2 {
		t.Errorf("%v %v", st, err)
	}
}

// EXECUTE and DEALLOCATE may themselves come as messages.
func TestCommandsAboutStatementsComeAsMessages(t *testing.T) {
	g := lendingGateway(t, 2)
	conn, other := g.connect(t), g.connect(t)
	ctx := testContext(t)
	raw := conn.PgConn()
	for _, named := range []bool{false, true} {
		for _, sql := range []string{"SELECT 'x'::text"} {
			if _, err := raw.Prepare(ctx, "st", sql, nil); err != nil {
				t.Fatal(err)
			}
		}
		tx, err := other.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		mustExec(t, other, "SELECT 1")
		do := func(sql string) *pgconn.Result {
			if !named {
				return raw.ExecParams(ctx, sql, nil, nil, nil, nil).Read()
			}
			name := "command " + sql
			if _, err := raw.Prepare(ctx, name, sql, nil); err != nil {
				return &pgconn.Result{Err: err}
			}
			return raw.ExecPrepared(ctx, name, nil, nil, nil).Read()
		}
		if r := do("EXECUTE st"); r.Err != nil || string(r.Rows[0][0]) != "x" {
			t.Errorf("named %v: EXECUTE: %v", named, r)
		}
		if r := do("DEALLOCATE st"); r.Err != nil {
			t.Errorf("named %v: DEALLOCATE: %v", named, r.Err)
		}
		if r := raw.ExecPrepared(ctx, "st", nil, nil, nil).Read(); code(r.Err) != "26000" {
			t.Errorf("named %v: after DEALLOCATE: %v", named, r.Err)
		}
		_ = tx.Rollback(ctx)
	}
	simple := func(sql string) error { _, err := raw.Exec(ctx, sql).ReadAll(); return err }
	if err := simple("PREPARE st AS SELECT 2"); err != nil {
		t.Error(err)
	}
	if _, err := raw.Prepare(ctx, "st", "SELECT 3", nil); code(err) != "42P05" {
		t.Errorf("the name is taken by SQL: %v", err)
	}
	if err := simple("DEALLOCATE st"); err != nil {
		t.Error(err)
	}
	if _, err := raw.Prepare(ctx, "st", "SELECT 3", nil); err != nil {
		t.Error(err)
	}
	if err := simple("PREPARE st AS SELECT 4"); code(err) != "42P05" {
		t.Errorf("the name is taken by a message: %v", err)
	}
}

// What a client has sent before it left is done.
func TestWhatStandsBeforeTerminateIsDone(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		witness := g.connect(t)
		mustExec(t, witness, "CREATE TABLE IF NOT EXISTS left_behind (a int); TRUNCATE left_behind", pgx.QueryExecModeSimpleProtocol)
		for i := range 20 {
			hijacked, err := g.connect(t).PgConn().Hijack()
			if err != nil {
				t.Fatal(err)
			}
			front := pgproto3.NewFrontend(hijacked.Conn, hijacked.Conn)
			insert := fmt.Sprintf("INSERT INTO left_behind VALUES (%d)", i)
			if i%2 == 0 {
				front.Send(&pgproto3.Query{String: insert})
			} else {
				front.Send(&pgproto3.Parse{Query: insert})
				front.Send(&pgproto3.Bind{})
				front.Send(&pgproto3.Execute{})
				front.Send(&pgproto3.Sync{})
			}
			front.Send(&pgproto3.Terminate{})
			if err := front.Flush(); err != nil {
				t.Fatal(err)
			}
			if i%4 < 2 {
				_, _ = io.Copy(io.Discard, hijacked.Conn)
			}
			_ = hijacked.Conn.Close()
		}
		for range 100 {
			if text(t, witness, "SELECT count(*)::text FROM left_behind") == "20" {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%s of 20 rows are there", text(t, witness, "SELECT count(*)::text FROM left_behind"))
	})
}

// A client that waits is told at once that its server connection has gone.
func TestIdleClientLearnsThatItsServerHasGone(t *testing.T) {
	g := plainGateway(t)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go g.options.Registry.Sweep(ctx, func() Timeouts { return Timeouts{} })
	conn, killer := g.connect(t), g.connect(t)
	mustExec(t, conn, "SELECT 1")
	mustExec(t, killer, "SELECT pg_terminate_backend($1)", int32(conn.PgConn().PID()))
	_, err := conn.WaitForNotification(testContext(t))
	if code(err) != "57P01" {
		t.Errorf("told %v", err)
	}
}

// To prepare what others have prepared takes no connection: it works while all are in use.
func TestPreparingTakesNoConnection(t *testing.T) {
	g := lendingGateway(t, 1)
	ctx := testContext(t)
	busy, other := g.connect(t), g.connect(t)
	const sql = "SELECT $1::int4"
	if _, err := busy.PgConn().Prepare(ctx, "first", sql, nil); err != nil {
		t.Fatal(err)
	}
	tx, err := busy.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	hijacked, err := other.PgConn().Hijack()
	if err != nil {
		t.Fatal(err)
	}
	defer hijacked.Conn.Close()
	_ = hijacked.Conn.SetDeadline(time.Now().Add(20 * time.Second))
	front := pgproto3.NewFrontend(hijacked.Conn, hijacked.Conn)
	front.Send(&pgproto3.Parse{Name: "second", Query: sql})
	front.Send(&pgproto3.Sync{})
	if err := front.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"*pgproto3.ParseComplete", "*pgproto3.ReadyForQuery"} {
		if m, err := front.Receive(); err != nil || fmt.Sprintf("%T", m) != want {
			t.Fatalf("%T %v, not %s", m, err, want)
		}
	}
	_ = tx.Rollback(ctx)
	front.Send(&pgproto3.Bind{PreparedStatement: "second", Parameters: [][]byte{[]byte("7")}})
	front.Send(&pgproto3.Execute{})
	front.Send(&pgproto3.Sync{})
	if err := front.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"*pgproto3.BindComplete", "*pgproto3.DataRow", "*pgproto3.CommandComplete", "*pgproto3.ReadyForQuery"} {
		if m, err := front.Receive(); err != nil || fmt.Sprintf("%T", m) != want {
			t.Fatalf("%T %v, not %s", m, err, want)
		}
	}
}

// A pipeline with Flush, an error and several Syncs gets the same answers wherever the network cuts it.
func TestPipelinesCutAnywhere(t *testing.T) {
	encode := func(messages ...pgproto3.FrontendMessage) (b []byte) {
		for _, m := range messages {
			b, _ = m.Encode(b)
		}
		return b
	}
	run := func(name, value string) []byte {
		return encode(&pgproto3.Bind{PreparedStatement: name, Parameters: [][]byte{[]byte(value)}}, &pgproto3.Execute{})
	}
	asks := encode(&pgproto3.Parse{Name: "s", Query: "SELECT $1::int"}, &pgproto3.Flush{})
	asks = append(asks, run("s", "1")...)
	asks = append(asks, encode(&pgproto3.Parse{Query: "SELECT $1::text"})...)
	asks = append(append(asks, run("", "a")...), encode(&pgproto3.Sync{})...)
	asks = append(append(asks, run("s", "x")...), run("s", "2")...)
	asks = append(asks, encode(&pgproto3.Sync{}, &pgproto3.Close{ObjectType: 'S', Name: "s"}, &pgproto3.Sync{})...)
	want := "ParseComplete BindComplete DataRow CommandComplete ParseComplete BindComplete DataRow CommandComplete " +
		"ReadyForQuery ErrorResponse ReadyForQuery CloseComplete ReadyForQuery"
	eachMode(t, func(t *testing.T, g *testGateway) {
		conn := g.connect(t)
		hijacked, err := conn.PgConn().Hijack()
		if err != nil {
			t.Fatal(err)
		}
		defer hijacked.Conn.Close()
		front := pgproto3.NewFrontend(hijacked.Conn, hijacked.Conn)
		for at := 1; at < len(asks); at += 3 {
			_ = hijacked.Conn.SetDeadline(time.Now().Add(20 * time.Second))
			for _, part := range [][]byte{asks[:at], asks[at:]} {
				if _, err := hijacked.Conn.Write(part); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Millisecond)
			}
			var got []string
			for range strings.Fields(want) {
				m, err := front.Receive()
				if err != nil {
					t.Fatalf("cut at %d, after %v: %v", at, got, err)
				}
				got = append(got, strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3."))
			}
			if strings.Join(got, " ") != want {
				t.Fatalf("cut at %d: %v", at, got)
			}
		}
	})
}

// What the pool keeps on a connection for one session is nothing that another can run, drop or make the gateway forget.
func TestStatementsOfOthersCannotBeNamed(t *testing.T) {
	g := lendingGateway(t, 1)
	ctx := testContext(t)
	owner, other := g.connect(t), g.connect(t)
	if _, err := owner.PgConn().Prepare(ctx, "mine", "SELECT 'private'::text", nil); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"EXECUTE %s", "DEALLOCATE %s", "EXPLAIN EXECUTE %s", "SELECT 1; EXECUTE %s", `EXECUTE "%s"`,
		"PREPARE %s AS SELECT 1"} {
		sql = fmt.Sprintf(sql, pool.StatementPrefix+"1")
		if _, err := other.PgConn().Exec(ctx, sql).ReadAll(); code(err) != "26000" {
			t.Errorf("%s: %v", sql, err)
		}
		if r := other.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil).Read(); code(r.Err) != "26000" && code(r.Err) != "42601" {
			t.Errorf("%s as a message: %v", sql, r.Err)
		}
	}
	if r := owner.PgConn().ExecPrepared(ctx, "mine", nil, nil, nil).Read(); r.Err != nil || string(r.Rows[0][0]) != "private" {
		t.Errorf("the owner's: %v", r)
	}
}

// What a session prepares and drops again, by message or by SQL, does not count for ever.
func TestDroppedStatementsCountNoMore(t *testing.T) {
	g := lendingGateway(t, 1)
	ctx := testContext(t)
	conn := g.connect(t).PgConn()
	long := "SELECT 1 -- " + strings.Repeat("x", 4<<20)
	for i := range 2 * statementBytesMax / len(long) {
		if _, err := conn.Prepare(ctx, "big", long, nil); err != nil {
			t.Fatalf("statement %d: %v", i, err)
		}
		if _, err := conn.Exec(ctx, "DEALLOCATE big").ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
}

// A search_path that puts a client's own operators and functions before PostgreSQL's hides nothing that it has set.
func TestSearchPathHidesNothing(t *testing.T) {
	g := lendingGateway(t, 1)
	alice, bob := g.connect(t), g.connect(t)
	memory := text(t, bob, "SHOW work_mem")
	for _, sql := range []string{"DROP SCHEMA IF EXISTS evil CASCADE", "CREATE SCHEMA evil",
		"CREATE FUNCTION evil.no(text, text) RETURNS bool LANGUAGE sql AS 'SELECT false'",
		"CREATE OPERATOR evil.!~~ (FUNCTION = evil.no, LEFTARG = text, RIGHTARG = text)",
		"CREATE OPERATOR evil.= (FUNCTION = evil.no, LEFTARG = text, RIGHTARG = text)",
		"CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('work_mem', '9MB', false) $$",
		"SET search_path = evil, pg_catalog", "SELECT lower('x')"} {
		mustExec(t, alice, sql, pgx.QueryExecModeSimpleProtocol)
	}
	_ = alice.Close(testContext(t))
	if got := text(t, bob, "SHOW work_mem"); got != memory {
		t.Errorf("another session's %q", got)
	}
}
