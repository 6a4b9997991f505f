package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/crypto/keyset"
)

// A stored value that is not what the column sealed is never handed out.
func TestForeignBytesAreNotHandedOut(t *testing.T) {
	s := newShop(t)
	app, shard := s.connect("app"), s.direct("_0")
	insertCustomers(t, app, 8)
	for what, damage := range map[string]string{
		"a changed byte":          "email = portcullis.sealed(set_byte(email::bytea, length(email::bytea) - 1, get_byte(email::bytea, length(email::bytea) - 1) # 1))",
		"another column's value":  "email = ssn",
		"a changed token":         "email = portcullis.sealed(set_byte(email::bytea, 8, get_byte(email::bytea, 8) # 1))",
		"a value cut short":       "email = portcullis.sealed(substr(email::bytea, 1, 30))",
		"a changed tag":           "email = portcullis.sealed(set_byte(email::bytea, 2, get_byte(email::bytea, 2) # 1))",
		"what nobody ever sealed": `email = portcullis.sealed('\x0101000000000000'::bytea)`,
	} {
		mustExec(t, shard, "BEGIN")
		mustExec(t, shard, "ALTER TABLE customers_1 DROP CONSTRAINT IF EXISTS x")
		if _, err := shard.Exec(testContext(t), "UPDATE customers_1 SET "+strings.ReplaceAll(damage, "portcullis.sealed(", "(")+" WHERE id = 5"); err != nil {
			mustExec(t, shard, "ROLLBACK")
			t.Logf("%s: the database refuses it: %v", what, err)
			continue
		}
		mustExec(t, shard, "COMMIT")
		for _, mode := range modes {
			_, err := tryRows(t, app, "SELECT id, email FROM customers WHERE id = $1", mode, 5)
			if e := wantCode(t, err, "XX001"); strings.Contains(e.Message, `\x`) {
				t.Errorf("%s: the message shows bytes: %s", what, e.Message)
			}
		}
		if _, err := tryRows(t, app, "SELECT email FROM customers"); err == nil {
			t.Errorf("%s: a scattered query handed it out", what)
		}
		if got := rows(t, app, "SELECT email FROM customers WHERE id = 1"); got != "user1@example.com" {
			t.Errorf("%s: other rows: %q", what, got)
		}
		mustExec(t, app, "UPDATE customers SET email = 'user5@example.com' WHERE id = 5")
	}
}

// An error behind rows that have left already comes behind them, and ends the statement.
func TestErrorBehindManyRows(t *testing.T) {
	s := newShop(t)
	app := s.connect("app")
	body := strings.Repeat("x", 1000)
	for i := range 200 {
		mustExec(t, app, "INSERT INTO samples (id, t, s) VALUES ($1, $2, $3)", 4*i, body, body)
	}
	shard := s.direct("_0")
	mustExec(t, shard, "UPDATE samples_0 SET s = set_byte(s::bytea, 40, get_byte(s::bytea, 40) # 1) WHERE id = 796")
	result, err := app.Query(testContext(t), "SELECT id, s FROM samples WHERE id >= 0 ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for result.Next() {
		n++
	}
	wantCode(t, result.Err(), "XX001")
	if n == 0 || n >= 200 {
		t.Errorf("%d rows came first", n)
	}
	if got := rows(t, app, "SELECT count(*) FROM samples"); got != "200" {
		t.Errorf("afterwards: %q", got)
	}
}

// An error in the middle of a pipeline undoes what came before it and passes over what comes after it.
func TestPipelineIsOneTransaction(t *testing.T) {
	s := newShop(t)
	app := s.connect("app")
	insertCustomers(t, app, 4)
	for at := range 5 {
		batch := &pgx.Batch{}
		for i := range 5 {
			if i == at {
				batch.Queue("UPDATE customers SET points = 1 / (points - points) WHERE id = 1")
				continue
			}
			batch.Queue("UPDATE customers SET name = $1 WHERE id = 1", fmt.Sprintf("step %d", i))
		}
		results := app.SendBatch(testContext(t), batch)
		for i := range 5 {
			_, err := results.Exec()
			if (i < at) != (err == nil) {
				t.Errorf("fault at %d, statement %d: %v", at, i, err)
			}
		}
		if err := results.Close(); err == nil {
			t.Errorf("fault at %d: no error", at)
		}
		if got := rows(t, app, "SELECT name FROM customers WHERE id = 1"); got != "name 1" {
			t.Errorf("fault at %d: the row is %q", at, got)
		}
	}
	batch := &pgx.Batch{}
	for i := range 600 {
		batch.Queue("UPDATE customers SET name = $1, email = $2 WHERE id = 1", fmt.Sprintf("step %d", i), strings.Repeat("e", 500))
		batch.Queue("SELECT name, email FROM customers WHERE id = $1", 1)
	}
	results := app.SendBatch(testContext(t), batch)
	for i := range 600 {
		if _, err := results.Exec(); err != nil {
			t.Fatal(err)
		}
		var name, email string
		if err := results.QueryRow().Scan(&name, &email); err != nil || name != fmt.Sprintf("step %d", i) || len(email) != 500 {
			t.Fatalf("%d: %q, %d bytes, %v", i, name, len(email), err)
		}
	}
	if err := results.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestValuesOfEveryKind(t *testing.T) {
	s := newShop(t)
	app := s.connect("app")
	for id, text := range []string{"", "plain", "it's", `back\slash`, "quo\"te", "ünï-ςødé 🦊", "line\nbreak", strings.Repeat("long ", 200_000)} {
		for i, mode := range modes {
			key := 100*id + i
			mustExec(t, app, "INSERT INTO samples (id, s, t) VALUES ($1, $2, $3)", mode, key, text, text)
			if got := rows(t, app, "SELECT s FROM samples WHERE id = $1 AND t = $2", mode, key, text); got != text {
				t.Errorf("%v: %d bytes came back as %d", mode, len(text), len(got))
			}
		}
	}
	for _, mode := range modes {
		if got := rows(t, app, "INSERT INTO samples (id, s) VALUES ($1, $2) RETURNING s", mode, 10_000+int(mode), nil); got != "<null>" {
			t.Errorf("%v: NULL came back as %q", mode, got)
		}
	}
	for what, bad := range map[string]string{"NUL": "a\x00b", "not UTF-8": "a\xffb"} {
		for _, sql := range []string{"INSERT INTO samples (id, s) VALUES (1, $1)", "INSERT INTO samples (id, t) VALUES (1, $1)",
			"SELECT id FROM samples WHERE s = $1"} {
			result := app.PgConn().ExecParams(testContext(t), sql, [][]byte{[]byte(bad)}, nil, nil, nil).Read()
			if result.Err == nil {
				t.Fatalf("%s: no error", what)
			}
			wantCode(t, result.Err, "22021")
			result = app.PgConn().ExecParams(testContext(t), sql, [][]byte{[]byte(bad)}, nil, []int16{1}, nil).Read()
			wantCode(t, result.Err, "22021")
		}
	}
}

func TestCancelReachesTheShards(t *testing.T) {
	s := newShop(t)
	app := s.connect("app")
	insertCustomers(t, app, 4)
	lock := s.direct("_0")
	mustExec(t, lock, "BEGIN")
	mustExec(t, lock, "LOCK TABLE customers_1")
	done := make(chan error, 1)
	go func() {
		_, err := app.Exec(context.Background(), "UPDATE customers SET name = 'x' WHERE id = 1")
		done <- err
	}()
	time.Sleep(200 * time.Millisecond)
	if err := app.PgConn().CancelRequest(testContext(t)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, <-done, "57014")
	mustExec(t, lock, "ROLLBACK")
	if got := rows(t, app, "SELECT name FROM customers WHERE id = 1"); got != "name 1" {
		t.Errorf("the row is %q", got)
	}
}

func TestRestrictedErrorsAreFixedTexts(t *testing.T) {
	s := newShop(t)
	app, carol := s.connect("app"), s.connect("carol")
	insertCustomers(t, app, 4)
	_, err := carol.Exec(testContext(t), "UPDATE customers SET points = 1 / (points - points) WHERE id = 1")
	if e := wantCode(t, err, "22012"); e.Message != "division by zero" || e.Detail != "" {
		t.Errorf("%+v", e)
	}
	_, err = app.Exec(testContext(t), "INSERT INTO customers (id, name, email) VALUES (101, 'x', 'user1@example.com')")
	e := wantCode(t, err, "23505")
	if e.ConstraintName != "customers_email_key" || e.TableName != "customers" || e.Detail != "" || strings.Contains(e.Message, "customers_1") {
		t.Errorf("%+v", e)
	}
}

func TestTooManyClients(t *testing.T) {
	s := newShopWith(t, Options{}, "audit:", "limits: {sessions: 2}\naudit:")
	first, _ := s.connect("app"), s.connect("app")
	_, err := pgx.Connect(testContext(t), s.clientURL("app"))
	var told *pgconn.PgError
	if !errors.As(err, &told) || told.Code != "53300" {
		t.Errorf("a third client: %v", err)
	}
	_ = first.Close(testContext(t))
	time.Sleep(50 * time.Millisecond)
	s.connect("app")
}

func TestLogin(t *testing.T) {
	s := newShop(t)
	for url, code := range map[string]string{
		strings.Replace(s.clientURL("app"), password, "wrong", 1):     "28P01",
		strings.Replace(s.clientURL("nobody"), password, "wrong", 1):  "28P01",
		strings.Replace(s.clientURL("app"), "/shop?", "/nothing?", 1): "3D000",
		s.clientURL("app") + "&replication=database":                  "42501",
		s.clientURL("app") + "&nonsense=1":                            "42704",
		s.clientURL("app") + "&options=-c%20timezone%3DNowhere":       "22023",
		s.clientURL("app") + "&client_encoding=LATIN1":                "22023",
	} {
		_, err := pgx.Connect(testContext(t), url)
		var told *pgconn.PgError
		if !errors.As(err, &told) || told.Code != code {
			t.Errorf("%s: %v", code, err)
		}
	}
	conn, err := pgx.Connect(testContext(t), s.clientURL("app")+"&options=-c%20timezone%3DAsia/Kathmandu&application_name=me")
	s.must(err)
	defer conn.Close(testContext(t))
	if got := rows(t, conn, "SHOW timezone", pgx.QueryExecModeSimpleProtocol); got != "Asia/Kathmandu" {
		t.Errorf("time zone %q", got)
	}
	if got := conn.PgConn().ParameterStatus("application_name"); got != "me" {
		t.Errorf("application_name %q", got)
	}
}

// What a client sets reaches every server that it uses, and goes when the transaction is rolled back.
func TestSettingsFollowTheTransaction(t *testing.T) {
	s := newShop(t)
	app := s.connect("app")
	mustExec(t, app, "INSERT INTO samples (id, tz, s) VALUES (0, '2020-01-01 00:00:00+00', 'x'), (4, '2020-06-01 00:00:00+00', 'y')")
	mustExec(t, app, "INSERT INTO samples (id, tz, s) VALUES (2, '2020-01-01 12:00:00+00', 'z')")
	text := func() string {
		result, err := app.PgConn().Exec(testContext(t), "SELECT tz FROM samples ORDER BY id; SELECT tz FROM samples WHERE id = 2").ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, r := range result {
			for _, row := range r.Rows {
				lines = append(lines, string(row[0]))
			}
		}
		return strings.Join(lines, "|")
	}
	const utc = "2020-01-01 00:00:00+00|2020-01-01 12:00:00+00|2020-06-01 00:00:00+00|2020-01-01 12:00:00+00"
	const berlin = "2020-01-01 01:00:00+01|2020-01-01 13:00:00+01|2020-06-01 02:00:00+02|2020-01-01 13:00:00+01"
	mustExec(t, app, "SET timezone = 'UTC'")
	for _, step := range []struct{ sql, want string }{
		{"", utc}, {"SET TIME ZONE 'Europe/Berlin'", berlin}, {"RESET timezone; SET timezone = 'UTC'", utc},
		{"BEGIN; SET timezone = 'Europe/Berlin'", berlin}, {"ROLLBACK", utc},
		{"BEGIN; SET LOCAL timezone = 'Europe/Berlin'", berlin}, {"COMMIT", utc},
		{"BEGIN; SET timezone = 'Europe/Berlin'", berlin}, {"COMMIT", berlin},
	} {
		if step.sql != "" {
			mustExec(t, app, step.sql, pgx.QueryExecModeSimpleProtocol)
		}
		if got := text(); got != step.want {
			t.Errorf("after %q: %s", step.sql, got)
		}
	}
	if got := app.PgConn().ParameterStatus("TimeZone"); got != "Europe/Berlin" {
		t.Errorf("the client was told %q", got)
	}
}

// Each allowed statement over protected columns is in the audit log before its answer has come.
func TestAuditEvents(t *testing.T) {
	s := newShop(t)
	app, carol := s.connect("app"), s.connect("carol")
	insertCustomers(t, app, 2)
	rows(t, carol, "SELECT ssn FROM customers WHERE id = $1", 2)
	last := s.lastEvent()
	columns, _ := json.Marshal(last["columns"])
	if last["kind"] != "statement" || last["user"] != "carol" || !strings.Contains(string(columns), `"use":"mask"`) ||
		fmt.Sprint(last["routes"]) != "[ds_1.customers_2]" || fmt.Sprint(last["rows"]) != "1" {
		t.Errorf("event %v", last)
	}
	_, err := carol.Exec(testContext(t), "UPDATE customers SET name = phone WHERE id = 2")
	wantCode(t, err, "42501")
	if last = s.lastEvent(); last["kind"] != "refusal" || last["sqlstate"] != "42501" || last["rule"] == nil {
		t.Errorf("event %v", last)
	}
}

func (s *shop) lastEvent() map[string]any {
	s.t.Helper()
	log, err := os.ReadFile(filepath.Join(s.folder, "audit.jsonl"))
	s.must(err)
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	for i := len(lines) - 1; ; i-- {
		var event map[string]any
		s.must(json.Unmarshal([]byte(lines[i]), &event))
		if event["kind"] != "batch" {
			return event
		}
	}
}

// More clients than connections: each gets one for its transaction, and gives it up when others wait.
func TestClientsShareConnections(t *testing.T) {
	s := newShopWith(t, Options{}, `ds_0: {url: "${DS_0}"}`, `ds_0: {url: "${DS_0}", pool: {max: 2}}`)
	insertCustomers(t, s.connect("app"), 4)
	var clients []*pgx.Conn
	for range 6 {
		clients = append(clients, s.connect("app"))
	}
	for round := range 3 {
		for i, c := range clients {
			mustExec(t, c, "SET application_name = 'client "+fmt.Sprint(i)+"'")
			if got := rows(t, c, "SELECT name FROM customers WHERE id = $1", 1); got != "name 1" {
				t.Errorf("round %d, client %d: %q", round, i, got)
			}
		}
	}
	var wait sync.WaitGroup
	for _, c := range clients {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for range 10 {
				if _, err := c.Exec(context.Background(), "UPDATE customers SET points = points + 1 WHERE id = 1"); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wait.Wait()
	if got := rows(t, clients[0], "SELECT points FROM customers WHERE id = 1"); got != "61" {
		t.Errorf("points %q", got)
	}
	// A connection in a transaction is nobody else's.
	for _, c := range clients[:2] {
		mustExec(t, c, "BEGIN")
		rows(t, c, "SELECT name FROM customers WHERE id = 1")
	}
	ctx, cancel := context.WithTimeout(testContext(t), 300*time.Millisecond)
	defer cancel()
	if _, err := clients[2].Exec(ctx, "SELECT name FROM customers WHERE id = 1"); err == nil {
		t.Error("a connection in a transaction was taken away")
	}
	for _, c := range clients[:2] {
		mustExec(t, c, "COMMIT")
	}
	if got := rows(t, clients[3], "SELECT name FROM customers WHERE id = 1"); got != "name 1" {
		t.Errorf("%q", got)
	}
}

// A table that is not what the policy needs is refused, alone, until it is again.
func TestDriftDisablesOneTable(t *testing.T) {
	s := newShop(t)
	app := s.connect("app")
	insertCustomers(t, app, 2)
	shard := s.direct("_1")
	mustExec(t, shard, "ALTER TABLE customers_2 RENAME TO elsewhere")
	check := func() {
		t.Helper()
		s.must(s.gateway.check(testContext(t), s.gateway.state.Load().databases["shop"]))
	}
	check()
	_, err := app.Exec(testContext(t), "SELECT name FROM customers WHERE id = 1")
	if e := wantCode(t, err, "55000"); e.Routine != "rule:schema-drift" {
		t.Errorf("%+v", e)
	}
	if got := rows(t, app, "SELECT count(*) FROM countries"); got != "2" {
		t.Errorf("another table: %q", got)
	}
	mustExec(t, shard, "ALTER TABLE elsewhere RENAME TO customers_2")
	check()
	if got := rows(t, app, "SELECT count(*) FROM customers"); got != "2" {
		t.Errorf("afterwards: %q", got)
	}
}

// A reload serves by the new policy at the next statement, and a wrong one changes nothing.
func TestReload(t *testing.T) {
	s := newShop(t)
	app, carol := s.connect("app"), s.connect("carol")
	insertCustomers(t, app, 2)
	if got := rows(t, carol, "SELECT ssn FROM customers WHERE id = 2"); got != "***-**-0002" {
		t.Fatalf("before: %q", got)
	}
	text, err := os.ReadFile(s.path())
	s.must(err)
	s.must(os.WriteFile(s.path(), []byte(strings.Replace(string(text), "suffix: 4", "suffix: 2", 1)), 0o600))
	s.load()
	s.must(s.gateway.Reload(testContext(t), s.config, s.policy))
	if got := rows(t, carol, "SELECT ssn FROM customers WHERE id = 2"); got != "***-**-02" {
		t.Errorf("after: %q", got)
	}
	s.must(os.Remove(s.config.Keys.KEK.Path))
	if err := s.gateway.Reload(testContext(t), s.config, s.policy); err == nil {
		t.Error("a reload without its key did not fail")
	}
	if got := rows(t, carol, "SELECT ssn FROM customers WHERE id = 2"); got != "***-**-02" {
		t.Errorf("after the failed reload: %q", got)
	}
}

// What a reload replaces is given back, but not before the last transaction that goes by it has ended.
func TestReloadGivesBackWhatItReplaces(t *testing.T) {
	s := newShop(t)
	app, other, direct := s.connect("app"), s.connect("app"), s.direct("")
	connections := func() string {
		return rows(t, direct, "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE $1 AND pid <> pg_backend_pid()", s.prefix+"%")
	}
	rows(t, app, "SELECT count(*) FROM samples")
	rows(t, other, "SELECT count(*) FROM samples")
	keys := s.gateway.state.Load().keysets["pii"]
	mustExec(t, app, "BEGIN")
	for range 3 {
		s.load()
		s.must(s.gateway.Reload(testContext(t), s.config, s.policy))
	}
	if s.gateway.state.Load().keysets["pii"] != keys {
		t.Error("the keyset is not the same one, which counts what it seals")
	}
	s.gateway.retire()
	if n := len(s.gateway.retired); n != 1 {
		t.Errorf("during the transaction %d generations are kept, not 1", n)
	}
	if got := rows(t, app, "SELECT count(*) FROM samples WHERE i8 = 1"); got != "0" {
		t.Errorf("a new statement in the old transaction: %q", got)
	}
	mustExec(t, app, "COMMIT")
	s.gateway.retire()
	if n := len(s.gateway.retired); n != 0 {
		t.Errorf("after the transaction %d generations are kept", n)
	}
	// The newest generation has one connection to the logical database of its own. The pools are those of the first one.
	want := 1
	for _, p := range s.gateway.PoolStats() {
		want += p.Idle
		if p.Dials > 2 || p.Used != 0 {
			t.Errorf("the pool of %q has dialled %d connections, and %d are used", p.Datasource, p.Dials, p.Used)
		}
	}
	for range 100 {
		if connections() == fmt.Sprint(want) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got := connections(); got != fmt.Sprint(want) {
		t.Errorf("%s connections are left, not %d", got, want)
	}
	if got := rows(t, other, "SELECT count(*) FROM samples"); got != "0" {
		t.Errorf("afterwards: %q", got)
	}
}

func TestKeysThatSealedMuchAreNamedOnce(t *testing.T) {
	var log bytes.Buffer
	g := &Gateway{options: Options{Log: slog.New(slog.NewTextHandler(&log, nil))}}
	warned := map[sealsKey]bool{}
	for range 2 {
		g.warnOfSeals("pii", []keyset.Seals{{KeyID: 77, Column: "one", Count: keyset.SealsWarning},
			{KeyID: 88, Column: "two", Count: keyset.SealsWarning - 1}}, warned)
	}
	if text := log.String(); strings.Count(text, "should be rotated") != 1 || !strings.Contains(text, "key=77") {
		t.Errorf("logged: %s", text)
	}
}
