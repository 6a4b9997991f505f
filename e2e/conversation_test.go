package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// A conversation is what one client says on one connection: a file of testdata/conversation holds several, with an empty
// line between them, of one Query string a line. Both a plain PostgreSQL database and the gateway's protected one hear it,
// in the simple and in the extended protocol, and everything that they answer is compared: row shapes, rows, tags,
// warnings, errors with their position, the transaction's status.
//
// "\;" stands between statements of one string. A line with a comment before it:
//
//	-- differs: why    the answers of the next line are not compared, but for the transaction's status
//
// After a conversation the transaction is rolled back, and the connection must do as a new one.
type conversation struct {
	place string
	lines []conversationLine
}

type conversationLine struct {
	sql     string
	differs bool
}

func readConversations(t *testing.T, path string) []*conversation {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []*conversation
	var current *conversation
	differs := false
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case line == "":
			current = nil
		case strings.HasPrefix(line, "-- differs: "):
			differs = true
		case strings.HasPrefix(line, "--"):
		default:
			if current == nil {
				current = &conversation{place: fmt.Sprintf("%s:%d", path, i+1)}
				list = append(list, current)
			}
			current.lines = append(current.lines, conversationLine{sql: strings.ReplaceAll(line, `\;`, ";"), differs: differs})
			differs = false
		}
	}
	return list
}

// listener is a client that writes down what it is told.
type listener struct {
	conn    *pgconn.PgConn
	notices []string
}

func listen(t *testing.T, url string) *listener {
	t.Helper()
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{}
	config.RuntimeParams = map[string]string{"timezone": "UTC"}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		l.notices = append(l.notices, fmt.Sprintf("%s %s %s", n.Severity, n.Code, n.Message))
	}
	if l.conn, err = pgconn.ConnectConfig(context.Background(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.conn.Close(context.Background()) })
	return l
}

// say says one string and returns what was answered, and the transaction's status.
func (l *listener) say(sql string, extended bool) (answer, status string) {
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	l.notices = nil
	var b strings.Builder
	note := func(r *pgconn.Result) {
		if len(r.FieldDescriptions) > 0 {
			fmt.Fprintln(&b, "columns", describeFields(r.FieldDescriptions, true))
		}
		for _, row := range r.Rows {
			fmt.Fprintf(&b, "row %q\n", row)
		}
		if r.Err == nil {
			fmt.Fprintln(&b, "tag", r.CommandTag)
		}
	}
	var err error
	if extended {
		r := l.conn.ExecParams(ctx, sql, nil, nil, nil, nil).Read()
		note(r)
		err = r.Err
	} else {
		var results []*pgconn.Result
		results, err = l.conn.Exec(ctx, sql).ReadAll()
		for _, r := range results {
			note(r)
		}
	}
	if err != nil {
		if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
			fmt.Fprintf(&b, "%s %s %s detail=%q hint=%q at=%d\n", e.Severity, e.Code, e.Message, e.Detail, e.Hint, e.Position)
		} else {
			fmt.Fprintln(&b, "error", err)
		}
	}
	for _, n := range l.notices {
		fmt.Fprintln(&b, "notice", n)
	}
	fmt.Fprintf(&b, "application_name %q, read only %s\n", l.conn.ParameterStatus("application_name"),
		l.conn.ParameterStatus("default_transaction_read_only"))
	return b.String(), string(l.conn.TxStatus())
}

func TestConversations(t *testing.T) {
	o := startOracle(t)
	paths, err := filepath.Glob("testdata/conversation/*.sql")
	if err != nil || len(paths) == 0 {
		t.Fatal("no conversations", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".sql"), func(t *testing.T) {
			for _, extended := range []bool{false, true} {
				plain, gateway := listen(t, o.plainURL), listen(t, o.gatewayURL)
				for _, c := range readConversations(t, path) {
					converse(t, c, plain, gateway, extended)
				}
			}
		})
	}
}

func converse(t *testing.T, c *conversation, plain, gateway *listener, extended bool) {
	t.Helper()
	way := map[bool]string{false: "simple", true: "extended"}[extended]
	for _, line := range append(c.lines, conversationLine{sql: "ROLLBACK", differs: true}, conversationLine{sql: "DISCARD ALL"}) {
		extended := extended && !strings.Contains(line.sql, ";")
		want, wantStatus := plain.say(line.sql, extended)
		got, gotStatus := gateway.say(line.sql, extended)
		if wantStatus != gotStatus || want != got && !line.differs {
			t.Errorf("%s: %s: %s\n--- PostgreSQL, then %s\n%s--- the gateway, then %s\n%s", c.place, way, line.sql,
				wantStatus, want, gotStatus, got)
			if wantStatus != gotStatus {
				_, _ = plain.say("ROLLBACK", false)
				_, _ = gateway.say("ROLLBACK", false)
				return
			}
		}
	}
}
