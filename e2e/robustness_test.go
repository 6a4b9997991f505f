package e2e_test

import (
	"bytes"
	"context"
	wire "encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestDeepStatements: statements that would overflow the parser's stack are 54001, and the process lives.
func TestDeepStatements(t *testing.T) {
	s := theShop(t)
	ctx := context.Background()
	conn := s.connect(t, "app", pgx.QueryExecModeSimpleProtocol)
	for name, sql := range map[string]string{
		"sum":           "SELECT 1" + strings.Repeat("+1", 30_000),
		"brackets":      "SELECT " + strings.Repeat("(", 30_000) + "1" + strings.Repeat(")", 30_000),
		"not":           "SELECT " + strings.Repeat("NOT ", 30_000) + "true",
		"minus":         "SELECT " + strings.Repeat("- ", 30_000) + "1",
		"union":         "SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 30_000),
		"cast":          "SELECT 1" + strings.Repeat("::int", 30_000),
		"sub-selects":   strings.Repeat("SELECT * FROM (", 10_000) + "SELECT 1" + strings.Repeat(") x", 10_000),
		"array":         "SELECT " + strings.Repeat("ARRAY[", 20_000) + "1" + strings.Repeat("]", 20_000),
		"case":          strings.Repeat("SELECT CASE WHEN true THEN (", 1) + strings.Repeat("CASE WHEN true THEN ", 20_000) + "1" + strings.Repeat(" END", 20_000) + ") END",
		"joins":         "SELECT 1 FROM countries a0" + strings.Repeat(" CROSS JOIN countries", 20_000),
		"concatenation": "SELECT 'a'" + strings.Repeat("||'a'", 30_000),
	} {
		_, err := conn.Exec(ctx, sql)
		if state := sqlState(err); state != "54001" && state != "54000" {
			t.Errorf("%s: %.200v, want 54001", name, err)
		}
	}
	var one int
	if err := conn.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil || one != 1 {
		t.Fatalf("the connection is not usable any more: %v", err)
	}
}

// dial opens a raw connection to the gateway.
func (s *shop) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestBeforeAuthentication: limits hold before anybody has logged in.
func TestBeforeAuthentication(t *testing.T) {
	s := theShop(t)
	packet := func(length uint32, body string) []byte {
		return append(wire.BigEndian.AppendUint32(nil, length), body...)
	}
	startup := func(parameters ...string) []byte {
		body := "\x00\x03\x00\x00" + strings.Join(parameters, "\x00") + "\x00\x00"
		return packet(uint32(len(body)+4), body)
	}
	for name, c := range map[string]struct {
		send []byte
		want string // in the answer; "" closed without one
	}{
		"a length of 2 GB":        {packet(0x7fffffff, "\x00\x03\x00\x00"), ""},
		"a length of 10 kB and 1": {packet(10_001, "\x00\x03\x00\x00"), ""},
		"a length of 3":           {packet(3, ""), ""},
		"protocol 2":              {packet(8, "\x00\x02\x00\x00"), "0A000"},
		"no user":                 {startup("database", "shop"), "28000"},
		"GSS":                     {packet(8, "\x04\xd2\x16\x30"), "N"},
		"SSL":                     {packet(8, "\x04\xd2\x16\x2f"), "N"},
		"half a packet":           {packet(100, "\x00\x03\x00\x00user"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			conn := s.dial(t)
			if _, err := conn.Write(c.send); err != nil {
				t.Fatal(err)
			}
			if tcp, ok := conn.(*net.TCPConn); ok && c.want != "N" {
				tcp.CloseWrite()
			}
			answer := make([]byte, 1)
			if c.want == "N" {
				if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 'N' {
					t.Fatalf("%q, %v", answer, err)
				}
				return
			}
			rest, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(rest, []byte(c.want)) || c.want == "" && len(rest) > 0 {
				t.Errorf("answer %.200q, want %s", rest, c.want)
			}
		})
	}
}

// TestWrongLogin: an unknown user cannot be told from a wrong password.
func TestWrongLogin(t *testing.T) {
	s := theShop(t)
	errs := map[string]string{}
	for user, password := range map[string]string{"app": "wrong", "nobody": "wrong"} {
		_, err := pgconn.Connect(context.Background(), fmt.Sprintf("postgres://%s:%s@%s/shop?sslmode=disable", user, password, s.address))
		if sqlState(err) != "28P01" {
			t.Errorf("%s: %v, want 28P01", user, err)
			continue
		}
		text := err.Error()
		errs[user] = strings.ReplaceAll(text[strings.Index(text, "FATAL"):], user, "USER")
	}
	if errs["app"] != errs["nobody"] {
		t.Errorf("%q differs from %q", errs["app"], errs["nobody"])
	}
	_, err := pgconn.Connect(context.Background(), s.url("app")+"&replication=database")
	if sqlState(err) != "42501" {
		t.Errorf("replication: %v, want 42501", err)
	}
	_, err = pgconn.Connect(context.Background(), strings.Replace(s.url("app"), "/shop?", "/nosuch?", 1))
	if sqlState(err) != "3D000" {
		t.Errorf("unknown database: %v, want 3D000", err)
	}
}

// TestCancel: a cancel request reaches the statement that runs, and no other.
func TestCancel(t *testing.T) {
	s := theShop(t)
	for _, sql := range []string{"SELECT pg_sleep(30)", "SELECT count(*) FROM orders a, generate_series(1, 1)"} {
		conn := s.connect(t, "app", pgx.QueryExecModeSimpleProtocol)
		other := s.connect(t, "app", pgx.QueryExecModeSimpleProtocol)
		if !strings.Contains(sql, "pg_sleep") {
			continue
		}
		done := make(chan error, 1)
		start := time.Now()
		go func() { _, err := conn.Exec(context.Background(), sql); done <- err }()
		time.Sleep(300 * time.Millisecond)
		if err := conn.PgConn().CancelRequest(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; sqlState(err) != "57014" || time.Since(start) > 20*time.Second {
			t.Errorf("%s: %v after %v, want 57014", sql, err, time.Since(start))
		}
		var one int
		if err := conn.QueryRow(context.Background(), "SELECT 1").Scan(&one); err != nil {
			t.Errorf("the cancelled connection is not usable: %v", err)
		}
		if err := other.QueryRow(context.Background(), "SELECT 1").Scan(&one); err != nil {
			t.Errorf("another connection was reached: %v", err)
		}
	}
}

// TestIntrospection: psql's describe commands show one table with logical types, and nothing physical.
func TestIntrospection(t *testing.T) {
	s := theShop(t)
	for _, user := range []string{"app", "support"} {
		for _, command := range []string{`\d customers`, `\d+ customers`, `\dt`, `\dt+`, `\di`, `\l`, `\dn`, `\du`, `\df`, `\dT`, `\d`, `\d orders`, `\dp`, `\sf now`, `\conninfo`, `\encoding`} {
			out := s.psql(t, user, "-c", command)
			if strings.Contains(out, "ERROR") && command != `\sf now` {
				t.Errorf("%s as %s:\n%s", command, user, out)
			}
			for _, physical := range []string{"customers_0", "customers_3", "bytea", "portcullis.sealed"} {
				if strings.Contains(out, physical) {
					t.Errorf("%s as %s shows %q:\n%s", command, user, physical, out)
				}
			}
		}
		out := s.psql(t, user, "-c", `\d customers`)
		for _, logical := range []string{"email      | text", "birth_date | date", "balance    | numeric(12,2)"} {
			if !strings.Contains(out, logical) {
				t.Errorf("\\d customers does not show %q:\n%s", logical, out)
			}
		}
	}
}
