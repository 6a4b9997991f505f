package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// reload writes the shop's configuration with replacements and has the gateway read it.
func (s *shop) reload(t *testing.T, want string, replacements ...string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "examples", "demo", "portcullis.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer(replacements...).Replace(string(text))
	if len(replacements) > 0 && changed == string(text) {
		t.Fatal("the replacement changes nothing")
	}
	if err := os.WriteFile(filepath.Join(s.dir, "portcullis.yaml"), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	before := strings.Count(s.log.String(), want)
	if err := s.gateway.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); strings.Count(s.log.String(), want) == before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the gateway does not say %q: %s", want, s.log)
		}
	}
}

// denySSN is a stricter policy for support.
var denySSN = []string{`{columns: [customers.ssn],        roles: [support], mask: {type: PARTIAL, props: {prefix: 0, padding: "***-**-", suffix: 4}}}`,
	`{columns: [customers.ssn],        roles: [support], deny: true}`}

// TestStricterPolicy: whoever held something of the old policy, a prepared statement, a portal, an open transaction, a
// cached plan, is given nothing more by it once the new one is in force.
func TestStricterPolicy(t *testing.T) {
	s := ownShop(t)
	id, _ := victim(t, s)
	query := fmt.Sprintf("SELECT ssn FROM customers WHERE id = %d", id)
	prepared, portal, suspended, block := s.login(t, "support", nil), s.login(t, "support", nil), s.login(t, "support", nil), s.login(t, "support", nil)
	fresh := s.login(t, "support", nil)
	app := s.login(t, "app", nil)
	ok := func(what string, o *outcome, rows int) {
		t.Helper()
		if o.code != "" || len(o.rows) != rows {
			t.Fatalf("%s: %s %s %v", what, o.code, o.message, o.rows)
		}
	}
	execute := []pgproto3.FrontendMessage{&pgproto3.Bind{PreparedStatement: "s"}, &pgproto3.Execute{}, &pgproto3.Sync{}}
	ok("prepare", prepared.send(append([]pgproto3.FrontendMessage{&pgproto3.Parse{Name: "s", Query: query}}, execute...)...), 1)
	// A portal that is bound, and not yet executed; no Sync has come.
	portal.frontend.Send(&pgproto3.Parse{Query: query})
	portal.frontend.Send(&pgproto3.Bind{DestinationPortal: "p"})
	portal.frontend.Send(&pgproto3.Flush{})
	if err := portal.frontend.Flush(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := portal.frontend.Receive(); err != nil {
			t.Fatal(err)
		}
	}
	// A portal that is suspended in a block.
	ok("begin", suspended.simple("BEGIN", "", 0), 0)
	ok("suspend", suspended.send(&pgproto3.Parse{Query: "SELECT ssn FROM customers"}, &pgproto3.Bind{DestinationPortal: "p"},
		&pgproto3.Execute{Portal: "p", MaxRows: 0x7fffffff}, &pgproto3.Sync{}), countCustomers(t, s))
	ok("begin", block.simple("BEGIN; "+query, "", 0), 1)
	ok("begin", app.simple("BEGIN; "+query, "", 0), 1)

	s.reload(t, "msg=reloaded", denySSN...)

	denied := func(what string, o *outcome) {
		t.Helper()
		if len(o.rows) > 0 || o.code == "" {
			t.Errorf("%s: the old policy still gives %v %s %s", what, o.rows, o.code, o.message)
		}
	}
	denied("a prepared statement", prepared.send(execute...))
	denied("a statement in a block", block.simple(query, "", 0))
	denied("a portal", portal.send(&pgproto3.Execute{Portal: "p"}, &pgproto3.Sync{}))
	denied("a new statement in the block of a portal", suspended.simple(query, "", 0))
	denied("a new statement", fresh.simple(query, "", 0))
	for _, c := range []*client{prepared, fresh} {
		c.usable(t, "afterwards")
	}
	// Who may still see everything is not disturbed.
	ok("the application's block", app.simple(query+"; COMMIT", "", 0), 1)

	s.reload(t, "msg=reloaded")
	ok("after the old policy is back", fresh.simple(query, "", 0), 1)
}

func countCustomers(t *testing.T, s *shop) int {
	t.Helper()
	var n int
	if err := s.connect(t, "app", pgx.QueryExecModeExec).QueryRow(context.Background(), "SELECT count(*) FROM customers").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestReloadUnderTraffic: configurations good and bad come and go while statements run; nobody is given an error, and
// nobody is given more than some policy of the time allowed.
func TestReloadUnderTraffic(t *testing.T) {
	s := ownShop(t)
	id, secrets := victim(t, s)
	var statements atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for _, user := range []string{"app", "support", "app", "support"} {
		conn := s.connect(t, user, pgx.QueryExecModeCacheStatement)
		group.Go(func() {
			for ctx.Err() == nil {
				var ssn string
				err := conn.QueryRow(context.Background(), "SELECT ssn FROM customers WHERE id = $1", id).Scan(&ssn)
				if err != nil && !(user == "support" && sqlState(err) == "42501") {
					t.Errorf("%s: %v", user, err)
					return
				}
				if user == "support" && strings.Contains(ssn, secrets[1]) {
					t.Error("support reads the value in clear")
					return
				}
				statements.Add(1)
			}
		})
	}
	first := s.generation(t)
	for range 3 {
		s.reload(t, "msg=reloaded", denySSN...)
		s.reload(t, "was not reloaded", "roles: [support], mask: {type: EMAIL}", "roles: [suport], mask: {type: EMAIL}")
		s.reload(t, "was not reloaded", "databases:", "databases: [")
		s.reload(t, "msg=reloaded")
	}
	cancel()
	group.Wait()
	if statements.Load() < 20 {
		t.Errorf("only %d statements ran", statements.Load())
	}
	if last := s.generation(t); last < first+6 {
		t.Errorf("six reloads made generation %d of %d", last, first)
	}
}

// generation is the one that decided about a new statement.
func (s *shop) generation(t *testing.T) uint64 {
	t.Helper()
	c := s.login(t, "support", nil)
	defer c.close()
	c.simple("SELECT email FROM customers WHERE id = 1", "", 0)
	events := s.events(t, c.pid)
	return events[len(events)-1].Generation
}

// TestDrain: SIGTERM ends idle sessions with 57P01, lets a transaction end, and then the process with code 0.
func TestDrain(t *testing.T) {
	s := ownShop(t)
	id, _ := victim(t, s)
	idle, busy := s.login(t, "app", nil), s.login(t, "app", nil)
	if o := busy.simple(fmt.Sprintf("BEGIN; UPDATE customers SET city = 'Rome' WHERE id = %d", id), "", 0); o.code != "" {
		t.Fatal(o.code, o.message)
	}
	if err := s.gateway.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if o := idle.receive(&outcome{}, "", 0); o.code != "57P01" {
		t.Errorf("idle: %s %s", o.code, o.message)
	}
	if c, err := s.open("app", nil); err == nil {
		if o := c.simple("SELECT 1", "", 0); o.code == "" {
			t.Error("somebody is let in while the gateway drains")
		}
	}
	if o := busy.simple(fmt.Sprintf("UPDATE customers SET city = 'Oslo' WHERE id = %d; COMMIT", id), "", 0); o.code != "" {
		t.Errorf("busy: %s %s", o.code, o.message)
	}
	done := make(chan error, 1)
	go func() { done <- s.gateway.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("the gateway ended with %v", err)
		}
	case <-time.After(15 * time.Second):
		t.Error("the gateway does not end")
	}
	if got := s.shards(t, "customers", "SELECT city FROM %s WHERE id = $1", id); len(got) != 1 || got[0][0] != "Oslo" {
		t.Errorf("the transaction is not there: %v", got)
	}
	s.gateway = nil
}
