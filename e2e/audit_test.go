package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// ownShop starts a shop that one test may break.
func ownShop(t *testing.T) *shop {
	t.Helper()
	s, err := startShop(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

// auditLine is what a reader of the log looks at.
type auditLine struct {
	Seq         uint64
	Kind        string
	Action      string
	Session     string
	User        string
	Roles       []string
	Database    string
	Application string
	Decision    string
	SQLState    string
	Rule        string
	Statement   string
	Columns     []struct{ Table, Column, Use, Rule string }
	Routes      []string
	Rows        int64
	Generation  uint64
}

// events reads the events of one session, or of all with session 0.
func (s *shop) events(t *testing.T, session uint32) []auditLine {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var list []auditLine
	for i, line := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		var e auditLine
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("line %d of the audit log is no JSON: %v", i+1, err)
		}
		if session == 0 || e.Session == strconv.FormatUint(uint64(session), 10) {
			list = append(list, e)
		}
	}
	return list
}

// columns lists what an event says of columns: "customers.ssn mask".
func (e *auditLine) columns() string {
	var list []string
	for _, c := range e.Columns {
		list = append(list, strings.TrimPrefix(c.Table, "public.")+"."+c.Column+" "+c.Use)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// TestAuditTellsAll: each statement that reaches a protected column, and each refusal, leaves one event with who, what,
// which columns and what was decided, and without a value.
func TestAuditTellsAll(t *testing.T) {
	s := theShop(t)
	id, secrets := victim(t, s)
	steps := []struct {
		user, sql string
		kind      string // "" for no event
		state     string
		rule      string
		columns   string
	}{
		{"support", fmt.Sprintf("SELECT ssn, name FROM customers WHERE id = %d", id), "statement", "", "", "customers.ssn mask"},
		{"support", "SELECT count(ssn) FROM customers", "statement", "", "", "customers.ssn count"},
		{"support", "SELECT id FROM customers WHERE email = '" + secrets[0] + "'", "statement", "", "", "customers.email search"},
		{"support", "SELECT name FROM customers WHERE ssn LIKE '912-07%'", "refusal", "42501", "masked-predicate", ""},
		{"support", "SELECT balance FROM customers", "refusal", "42501", "denied-column", ""},
		{"support", "SELECT * FROM customers", "refusal", "42501", "denied-column", ""},
		{"support", "SELECT ssn FROM customers ORDER BY 1", "refusal", "42501", "masked-order", ""},
		{"support", "UPDATE customers SET name = phone WHERE id = 1", "refusal", "42501", "masked-laundering", ""},
		{"support", "UPDATE customers SET ssn = '912-07-4481' WHERE id = 1", "refusal", "42501", "masked-write", ""},
		{"support", "SET ROLE app", "refusal", "42501", "identity", ""},
		{"support", "COPY customers TO STDOUT", "refusal", "0A000", "unknown-statement", ""},
		{"support", "SELECT pg_read_file('/etc/passwd')", "refusal", "0A000", "function", ""},
		{"support", "SELECT rolpassword FROM pg_authid", "refusal", "42501", "catalog", ""},
		{"support", "SELECT name FROM customers WHERE id = 1", "", "", "", ""},
		{"support", "SELECT 1", "", "", "", ""},
		{"app", fmt.Sprintf("SELECT ssn, email FROM customers WHERE id = %d", id), "statement", "", "", "customers.email reveal, customers.ssn reveal"},
		{"app", fmt.Sprintf("UPDATE customers SET ssn = '912-07-4481' WHERE id = %d", id), "statement", "", "", "customers.ssn write"},
		{"app", "DELETE FROM customers WHERE id = 1 AND ssn = '912-07-4481'", "statement", "", "", "customers.ssn search"},
		{"app", "SELECT id FROM customers WHERE upper(ssn) = '912-07-4481'", "refusal", "0A000", "sealed-expression", ""},
		{"app", fmt.Sprintf("UPDATE customers SET birth_date = '912-07-4481' WHERE id = %d", id), "error", "22008", "", "customers.birth_date write"},
		{"app", fmt.Sprintf("INSERT INTO customers (id, name, email) VALUES (%d, 'x', '912-07-4481')", id), "error", "23505", "", "customers.email write"},
	}
	for _, step := range steps {
		c := s.login(t, step.user, map[string]string{"application_name": "audited"})
		o := c.simple(step.sql, "", 0)
		what := step.user + ": " + strings.ReplaceAll(step.sql, secrets[0], "?")
		if o.code != step.state {
			t.Errorf("%s: %q %s, want %q", what, o.code, o.message, step.state)
		}
		got := slices.DeleteFunc(s.events(t, c.pid), func(e auditLine) bool { return e.Kind == "session" })
		if step.kind == "" {
			if len(got) != 0 {
				t.Errorf("%s: %+v, want no event", what, got)
			}
			continue
		}
		if len(got) != 1 {
			t.Errorf("%s: %d events, want one", what, len(got))
			continue
		}
		e := got[0]
		if e.Kind != step.kind || e.SQLState != step.state || e.Rule != step.rule || step.columns != "" && e.columns() != step.columns {
			t.Errorf("%s: event %s %s %s [%s], want %s %s %s [%s]", what, e.Kind, e.SQLState, e.Rule, e.columns(),
				step.kind, step.state, step.rule, step.columns)
		}
		wantDecision := "refuse"
		if step.kind == "statement" {
			wantDecision = "allow"
		}
		if e.User != step.user || e.Database != "shop" || e.Application != "audited" || e.Decision != wantDecision ||
			len(e.Roles) != 1 || e.Generation == 0 || e.Statement == "" {
			t.Errorf("%s: the event lacks something: %+v", what, e)
		}
		if step.kind == "statement" && len(e.Routes) == 0 {
			t.Errorf("%s: the event names no node", what)
		}
		c.close()
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if found := scanFor(string(text), append(secrets, "912-07-4481")); found != "" {
		t.Errorf("the audit log holds %q", found)
	}
}

// TestAuditInjection: what a client chooses cannot become a line, or hide one.
func TestAuditInjection(t *testing.T) {
	s := theShop(t)
	name := "x\"}\n{\"seq\":1,\"kind\":\"admin\",\"action\":\"forged\"}\n\x1b[2J\u202e"
	c := s.login(t, "support", map[string]string{"application_name": name})
	o := c.simple("SET application_name = E'\\n{\"kind\":\"admin\",\"action\":\"forged\"}\\n'; SELECT ssn AS \"a\n{\"\"kind\"\":\"\"admin\"\",\"\"action\"\":\"\"forged\"\"}\n\" FROM customers WHERE id = 1", "", 0)
	if o.code != "" {
		t.Error(o.code, o.message)
	}
	c.simple("SELECT ssn AS \"\n{\"\"kind\"\":\"\"admin\"\",\"\"action\"\":\"\"forged\"\"}\n\" FROM customers ORDER BY ssn", "", 0)
	for _, e := range s.events(t, 0) {
		if e.Action == "forged" {
			t.Errorf("a client wrote line %d", e.Seq)
		}
	}
	if strings.Contains(s.log.String(), "\n{\"kind\":\"admin\"") || strings.Contains(s.log.String(), "\x1b[2J") {
		t.Error("a client wrote a line of the gateway's log")
	}
	long := strings.Repeat("n", 8000)
	c = s.login(t, "support", map[string]string{"application_name": long})
	c.simple("SELECT ssn FROM customers WHERE id = 1", "", 0)
	for _, e := range s.events(t, c.pid) {
		if len(e.Application) > 63 {
			t.Errorf("the application's name has %d bytes", len(e.Application))
		}
	}
}

// TestAuditUnwritable: while the log takes no events, no row of a protected column leaves, and no write of one is
// committed; what waited goes on when the log can be written again.
func TestAuditUnwritable(t *testing.T) {
	s := ownShop(t)
	id, secrets := victim(t, s)
	app, support := s.login(t, "app", nil), s.login(t, "support", nil)
	update := &pgproto3.Parse{Name: "u", Query: fmt.Sprintf("UPDATE customers SET phone = $1, city = $2 WHERE id = %d", id)}
	run := func(city string) []pgproto3.FrontendMessage {
		return []pgproto3.FrontendMessage{&pgproto3.Bind{PreparedStatement: "u", Parameters: [][]byte{[]byte("1"), []byte(city)}},
			&pgproto3.Execute{}, &pgproto3.Sync{}}
	}
	if o := app.send(append([]pgproto3.FrontendMessage{update}, run("Rome")...)...); o.code != "" {
		t.Fatal(o.code, o.message)
	}
	path := filepath.Join(s.dir, "audit.jsonl")
	move(t, path, path+".away")
	read, wrote := make(chan *outcome, 1), make(chan *outcome, 1)
	go func() {
		read <- support.simple(fmt.Sprintf("SELECT ssn, email, name FROM customers WHERE id = %d", id), "", 0)
	}()
	go func() { wrote <- app.send(run("Oslo")...) }()
	select {
	case o := <-read:
		t.Errorf("the log takes no events, and support was answered %v %s", o.rows, o.code)
	case o := <-wrote:
		t.Errorf("the log takes no events, and the application was answered %v %s", o.tags, o.code)
	case <-time.After(1500 * time.Millisecond):
	}
	if got := s.shards(t, "customers", "SELECT city FROM %s WHERE id = $1", id); len(got) != 1 || got[0][0] != "Rome" {
		t.Errorf("a write was committed before its event: %v", got)
	}
	move(t, path+".away", path)
	if o := <-read; o.code != "" || len(o.rows) != 1 || scanFor(o.everything(), secrets) != "" {
		t.Errorf("afterwards: %s %s %v", o.code, o.message, o.rows)
	}
	if o := <-wrote; o.code != "" || !slices.Equal(o.tags, []string{"UPDATE 1"}) {
		t.Errorf("afterwards: %s %s %v", o.code, o.message, o.tags)
	}
	for _, c := range []*client{app, support} {
		if e := s.events(t, c.pid); len(e) == 0 || e[len(e)-1].Kind != "statement" {
			t.Errorf("no event of session %d", c.pid)
		}
	}
	// A gateway that is killed while it waits has committed nothing that nobody will ever be told of.
	move(t, path, path+".away")
	go func() { wrote <- app.send(run("Kiel")...) }()
	time.Sleep(500 * time.Millisecond)
	if err := s.gateway.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if o := <-wrote; o.code == "" {
		t.Errorf("answered %v", o.tags)
	}
	time.Sleep(200 * time.Millisecond)
	if got := s.shards(t, "customers", "SELECT city FROM %s WHERE id = $1", id); len(got) != 1 || got[0][0] != "Oslo" {
		t.Errorf("a write without an event is on the shard: %v", got)
	}
	move(t, path+".away", path)
	s.gateway.Wait()
	if err := s.startGateway(); err != nil {
		t.Fatal(err)
	}
	if out, code := s.run("", "audit", "verify"); code != 0 {
		t.Errorf("audit verify: %s", out)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// TestAuditTampering changes copies of a log in every way that an insider could think of.
func TestAuditTampering(t *testing.T) {
	s := theShop(t)
	id, _ := victim(t, s)
	for range 3 {
		c := s.login(t, "support", nil)
		for range 3 {
			c.simple(fmt.Sprintf("SELECT ssn FROM customers WHERE id = %d", id), "", 0)
			c.simple("SELECT balance FROM customers", "", 0)
		}
		c.close()
	}
	time.Sleep(1500 * time.Millisecond) // an anchor covers all of it
	text, err := os.ReadFile(filepath.Join(s.dir, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	anchors, err := os.ReadFile(filepath.Join(s.dir, "audit.jsonl.anchors"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	lines[len(lines)-1] = append(bytes.Clone(lines[len(lines)-1]), '\n')
	verify := func(log []byte) (string, int) {
		dir := t.TempDir()
		for name, content := range map[string][]byte{"log": log, "anchors": anchors} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return s.run("", "audit", "verify", "--log", filepath.Join(dir, "log"), "--anchors", filepath.Join(dir, "anchors"),
			"--key", filepath.Join(s.dir, "audit.jsonl.key"))
	}
	if out, code := verify(text); code != 0 {
		t.Fatalf("the log as it is: %s", out)
	}
	find := func(parts ...string) int {
		for i := len(lines) - 4; i > 1; i-- {
			if !slices.ContainsFunc(parts, func(p string) bool { return !bytes.Contains(lines[i], []byte(p)) }) {
				return i
			}
		}
		t.Fatalf("no line has %s", parts)
		return 0
	}
	statement, refusal := find(`"kind":"statement"`, `"user":"support"`), find(`"kind":"refusal"`)
	edit := func(i int, old, new string) []byte {
		changed := slices.Clone(lines)
		changed[i] = bytes.Replace(changed[i], []byte(old), []byte(new), 1)
		if bytes.Equal(changed[i], lines[i]) {
			t.Fatalf("line %d has no %s", i+1, old)
		}
		return bytes.Join(changed, nil)
	}
	join := func(parts ...[][]byte) []byte { return bytes.Join(slices.Concat(parts...), nil) }
	last := len(lines)
	for name, tampered := range map[string][]byte{
		"a user edited":              edit(statement, `"user":"support"`, `"user":"app"`),
		"a letter's case":            edit(statement, `"decision":"allow"`, `"decision":"Allow"`),
		"a refusal made an event":    edit(refusal, `"decision":"refuse"`, `"decision":"allow"`),
		"a blank added":              edit(statement, `,"user"`, `, "user"`),
		"a field added":              edit(statement, `,"user"`, `,"note":"x","user"`),
		"a key twice":                edit(statement, `,"user"`, `,"user":"app","user"`),
		"a line end of Windows":      edit(statement, "}\n", "}\r\n"),
		"a byte behind a line":       edit(statement, "}\n", "} \n"),
		"a line deleted":             join(lines[:statement], lines[statement+1:]),
		"two lines deleted":          join(lines[:statement], lines[statement+2:]),
		"half deleted":               join(lines[:last/2], lines[last-3:]),
		"the first line deleted":     join(lines[1:]),
		"lines exchanged":            join(lines[:statement], lines[statement+1:statement+2], lines[statement:statement+1], lines[statement+2:]),
		"a line copied":              join(lines[:statement+1], lines[statement:statement+1], lines[statement+1:]),
		"a line invented":            join(lines[:statement], [][]byte{[]byte("{\"seq\":7,\"kind\":\"statement\"}\n")}, lines[statement:]),
		"a line without a number":    join(lines[:statement], [][]byte{[]byte("{\"kind\":\"statement\"}\n")}, lines[statement:]),
		"an empty line":              join(lines[:statement], [][]byte{[]byte("\n")}, lines[statement:]),
		"cut after a line":           join(lines[:last-1]),
		"cut after half the lines":   join(lines[:last/2]),
		"cut in a line":              text[:len(text)-10],
		"the last line end cut":      text[:len(text)-1],
		"nothing left":               nil,
		"only the first line left":   join(lines[:1]),
		"a log replayed behind it":   join(lines, lines[1:]),
		"lines appended":             join(lines, [][]byte{[]byte("{\"seq\":999999,\"kind\":\"statement\",\"user\":\"app\"}\n")}),
		"a byte of a batch's digest": edit(find(`"kind":"batch"`), `"kind":"batch"`, `"kind":"batcH"`),
	} {
		out, code := verify(tampered)
		if code == 0 {
			t.Errorf("%s: not found", name)
		} else if !strings.Contains(out, "line") && !strings.Contains(out, "trunc") && !strings.Contains(out, "empty") {
			t.Errorf("%s: the place is not named: %s", name, out)
		}
	}
	// Any single bit.
	for at := 0; at < len(text); at += max(len(text)/40, 1) {
		flipped := bytes.Clone(text)
		flipped[at] ^= 1
		if _, code := verify(flipped); code == 0 {
			t.Errorf("a bit of byte %d changed: not found", at)
		}
	}
}
