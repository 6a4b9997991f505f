package session

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/audit"
)

func plainGateway(t testing.TB) *testGateway {
	return newGateway(t, &policy.Database{Name: "plain", Datasources: []string{"ds_0"}}, map[string]string{"ds_0": "plain"})
}

func TestRelayServesEveryQueryMode(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		conn := g.connect(t)
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe,
			pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
			var n int
			var s string
			err := conn.QueryRow(testContext(t), "SELECT $1::int4 + 1, $2::text", mode, 41, "forty-two").Scan(&n, &s)
			if err != nil || n != 42 || s != "forty-two" {
				t.Errorf("%v: %d %q %v", mode, n, s, err)
			}
		}
		_, err := conn.Exec(testContext(t), "SELECT 1/0")
		var server *pgconn.PgError
		if !errors.As(err, &server) || server.Code != "22012" {
			t.Errorf("1/0: %v", err)
		}
		if _, err := conn.Exec(testContext(t), "SELECT 1; SELECT 2"); err != nil {
			t.Error(err)
		}
	})
}

func TestRelayCopiesBothWays(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		conn := g.connect(t)
		ctx := testContext(t)
		mustExec(t, conn, "CREATE TEMP TABLE copied (id int, body text)")
		const rows = 20_000
		var in bytes.Buffer
		for i := range rows {
			fmt.Fprintf(&in, "%d\t%s\n", i, strings.Repeat("x", 100))
		}
		tag, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(in.Bytes()), "COPY copied FROM STDIN")
		if err != nil || tag.RowsAffected() != rows {
			t.Fatalf("COPY in: %v %v", tag, err)
		}
		var out bytes.Buffer
		if _, err := conn.PgConn().CopyTo(ctx, &out, "COPY (SELECT * FROM copied ORDER BY id) TO STDOUT"); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(in.Bytes(), out.Bytes()) {
			t.Error("what came out is not what went in")
		}
		_, err = conn.PgConn().CopyFrom(ctx, strings.NewReader("no number\n"), "COPY copied FROM STDIN")
		var server *pgconn.PgError
		if !errors.As(err, &server) || server.Code != "22P04" && server.Code != "22P02" {
			t.Errorf("bad COPY: %v", err)
		}
		mustExec(t, conn, "SELECT 1")
	})
}

// A batch that is far longer than socket buffers goes through, its answers too.
func TestRelayTakesLongPipelines(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		conn := g.connect(t)
		batch := &pgx.Batch{}
		body := strings.Repeat("b", 8_000)
		const statements = 2_000
		for range statements {
			batch.Queue("SELECT $1::text", body)
		}
		results := conn.SendBatch(testContext(t), batch)
		for i := range statements {
			var got string
			if err := results.QueryRow().Scan(&got); err != nil || got != body {
				t.Fatalf("statement %d: %d bytes, %v", i, len(got), err)
			}
		}
		if err := results.Close(); err != nil {
			t.Fatal(err)
		}
		mustExec(t, conn, "SELECT 1")
	})
}

// Flush asks for answers without ReadyForQuery.
func TestRelayAnswersFlush(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		conn := g.connect(t)
		pipeline := conn.PgConn().StartPipeline(testContext(t))
		pipeline.SendPrepare("one", "SELECT 1", nil)
		pipeline.SendFlushRequest()
		if err := pipeline.Flush(); err != nil {
			t.Fatal(err)
		}
		if result, err := pipeline.GetResults(); err != nil {
			t.Fatalf("%T %v", result, err)
		}
		pipeline.SendQueryPrepared("one", nil, nil, nil)
		if err := pipeline.Sync(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := pipeline.GetResults(); err != nil {
				t.Fatal(err)
			}
		}
		if err := pipeline.Close(); err != nil {
			t.Fatal(err)
		}
		mustExec(t, conn, "SELECT 1")
	})
}

// What a server passes over after an error has no ReadyForQuery, a Query neither; and a new session has no unnamed
// statement.
func TestRelaySkipsUntilSync(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		conn := g.connect(t)
		hijacked, err := conn.PgConn().Hijack()
		if err != nil {
			t.Fatal(err)
		}
		defer hijacked.Conn.Close()
		_ = hijacked.Conn.SetDeadline(time.Now().Add(10 * time.Second))
		front := pgproto3.NewFrontend(hijacked.Conn, hijacked.Conn)
		exchange := func(want string, messages ...pgproto3.FrontendMessage) {
			t.Helper()
			for _, m := range messages {
				front.Send(m)
			}
			if err := front.Flush(); err != nil {
				t.Fatal(err)
			}
			var got []string
			for range strings.Fields(want) {
				m, err := front.Receive()
				if err != nil {
					t.Fatalf("after %v: %v", got, err)
				}
				got = append(got, strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3."))
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%v, not %s", got, want)
			}
		}
		exchange("ErrorResponse ReadyForQuery", &pgproto3.Bind{}, &pgproto3.Sync{})
		exchange("ErrorResponse ReadyForQuery", &pgproto3.Parse{Query: "SELEC"}, &pgproto3.Query{String: "SELECT 3"}, &pgproto3.Sync{})
		exchange("RowDescription DataRow CommandComplete ReadyForQuery", &pgproto3.Query{String: "SELECT 4"})
		exchange("ParseComplete RowDescription DataRow CommandComplete ReadyForQuery ReadyForQuery",
			&pgproto3.Parse{Query: "SELECT 5"}, &pgproto3.Query{String: "SELECT 6"}, &pgproto3.Sync{})
		exchange("RowDescription DataRow CommandComplete ReadyForQuery", &pgproto3.Query{String: "SELECT 7"})
	})
}

func TestRelayDeliversNotificationsToAnIdleClient(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		listener, sender := g.connect(t), g.connect(t)
		mustExec(t, listener, "LISTEN news")
		done := make(chan error, 1)
		go func() {
			n, err := listener.WaitForNotification(testContext(t))
			if err == nil && n.Payload != "hello" {
				err = fmt.Errorf("payload %q", n.Payload)
			}
			done <- err
		}()
		time.Sleep(50 * time.Millisecond)
		mustExec(t, sender, "NOTIFY news, 'hello'")
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		mustExec(t, listener, "SELECT 1")
	})
}

func TestRelayCancels(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		conn := g.connect(t)
		done := make(chan error, 1)
		go func() {
			_, err := conn.Exec(testContext(t), "SELECT pg_sleep(20)")
			done <- err
		}()
		time.Sleep(100 * time.Millisecond)
		if err := conn.PgConn().CancelRequest(testContext(t)); err != nil {
			t.Fatal(err)
		}
		var server *pgconn.PgError
		if err := <-done; !errors.As(err, &server) || server.Code != "57014" {
			t.Fatal(err)
		}
		mustExec(t, conn, "SELECT 1")
	})
}

func TestRelayEndsWithItsServer(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		conn := g.connect(t)
		_, err := conn.Exec(testContext(t), "SELECT pg_terminate_backend(pg_backend_pid())")
		var server *pgconn.PgError
		if !errors.As(err, &server) || server.Code != "57P01" {
			t.Fatal(err)
		}
	})
}

// A startup parameter that the server refuses is refused to the client, and logins and logouts are recorded.
func TestRelayPassesStartupParameters(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		conn, err := pgx.Connect(testContext(t), g.url()+"&options=-c%20work_mem%3D7MB&application_name=me")
		if err != nil {
			t.Fatal(err)
		}
		var memory, name string
		err = conn.QueryRow(testContext(t), "SELECT current_setting('work_mem'), current_setting('application_name')").Scan(&memory, &name)
		if err != nil || memory != "7MB" || name != "me" {
			t.Errorf("%q %q %v", memory, name, err)
		}
		_ = conn.Close(testContext(t))
		_, err = pgx.Connect(testContext(t), g.url()+"&nonsense=1")
		var server *pgconn.PgError
		if !errors.As(err, &server) || server.Code != "42704" {
			t.Errorf("an unknown parameter: %v", err)
		}
		g.options.Registry.Wait()
		actions := map[string]int{}
		for _, e := range g.events.kinds(audit.KindSession) {
			actions[e.Action]++
		}
		if actions["login"] != 2 || actions["logout"] != 2 || len(actions) != 2 {
			t.Errorf("events %v", actions)
		}
	})
}

func TestRelayDrains(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		idle, busy := g.connect(t), g.connect(t)
		mustExec(t, busy, "BEGIN")
		g.options.Registry.Drain()
		_, err := idle.Exec(testContext(t), "SELECT 1")
		if err == nil { // it may have come first
			_, err = idle.Exec(testContext(t), "SELECT 1")
		}
		if err == nil {
			t.Error("an idle client was not told")
		}
		mustExec(t, busy, "SELECT 1")
		mustExec(t, busy, "COMMIT")
		if _, err := busy.Exec(testContext(t), "SELECT 1"); err == nil {
			t.Error("a client out of its transaction was not told")
		}
		g.options.Registry.Wait()
	})
}

func mustExec(t testing.TB, conn *pgx.Conn, sql string, args ...any) pgconn.CommandTag {
	t.Helper()
	tag, err := conn.Exec(testContext(t), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return tag
}
