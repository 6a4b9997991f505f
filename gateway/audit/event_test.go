package audit

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// jsonEvent is an event's line as a reader of the log sees it.
type jsonEvent struct {
	Time        time.Time
	Kind        Kind
	Action      string
	Session     string
	User        string
	Roles       []string
	Database    string
	Client      string
	Application string
	Statement   string
	Columns     []Column
	Decision    string
	SQLState    string
	Rule        string
	Routes      []string
	Rows        int64
	Generation  uint64
}

// line puts a number before what appendEvent makes, as the writer does.
func line(e *Event, at time.Time) []byte {
	return append([]byte(`{"seq":1`), appendEvent(nil, e, at)...)
}

func TestEventIsReadAsWritten(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	want := jsonEvent{at, KindRefusal, "act", "17", `o"brien\`, []string{"support", "räte"}, "shop", "[::1]:5", "psql\x1b[2J\r\n\u202e",
		"SELECT ssn\nFROM customers WHERE name = $1", []Column{{"customers", "ssn", "read", "r1"}, {"t", "c", "written", "r2"}},
		"refuse", "42501", "masked-predicate", []string{"ds_0.customers_0"}, -3, 1 << 63}
	e := Event{Time: at.In(time.FixedZone("x", 3600)), Kind: want.Kind, Action: want.Action, Session: want.Session, User: want.User,
		Roles: want.Roles, Database: want.Database, Client: want.Client, Application: want.Application, Statement: want.Statement,
		Columns: want.Columns, Decision: want.Decision, SQLState: want.SQLState, Rule: want.Rule, Routes: want.Routes,
		Rows: want.Rows, Generation: want.Generation}
	text := line(&e, e.Time)
	var got jsonEvent
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	printable(t, text)
}

// printable fails if a line holds anything but printing characters and its newline.
func printable(t *testing.T, line []byte) {
	t.Helper()
	if !utf8.Valid(line) || bytes.IndexByte(line, '\n') != len(line)-1 {
		t.Fatalf("not one line of UTF-8: %q", line)
	}
	for _, r := range string(line[:len(line)-1]) {
		if !unicode.IsPrint(r) {
			t.Fatalf("%U stands in %q", r, line)
		}
	}
}

func TestEventIsBounded(t *testing.T) {
	e := Event{Kind: KindStatement, User: strings.Repeat("ä", textBytesMax), Statement: strings.Repeat("€", statementBytesMax),
		Roles: make([]string, namesMax+5), Columns: make([]Column, columnsMax+7)}
	var got struct {
		User, Statement string
		Roles           []string
		RolesCount      int `json:"roles_count"`
		Columns         []Column
		ColumnsCount    int `json:"columns_count"`
	}
	if err := json.Unmarshal(line(&e, e.Time), &got); err != nil {
		t.Fatal(err)
	}
	if got.User != strings.Repeat("ä", textBytesMax/2)+"…" || got.Statement != strings.Repeat("€", statementBytesMax/3)+"…" {
		t.Errorf("user has %d bytes, statement %d", len(got.User), len(got.Statement))
	}
	if len(got.Roles) != namesMax || got.RolesCount != namesMax+5 || len(got.Columns) != columnsMax || got.ColumnsCount != columnsMax+7 {
		t.Errorf("%d roles of %d, %d columns of %d", len(got.Roles), got.RolesCount, len(got.Columns), got.ColumnsCount)
	}
}

// FuzzEvent: no text makes a line that is not JSON, is not one line, does not print, or reads as another text.
func FuzzEvent(f *testing.F) {
	for _, text := range []string{"", "psql", "a\"b\\c\n\r\t\x00\x7f", "\xff\xc0\xaf", "\u0085\u2028\u202e\ufeff\U000e0001", "𝔘\ufffd",
		"\"}\n{\"seq\":1,\"kind\":\"batch\",\"lines\":["} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, application, statement string) {
		e := Event{Kind: KindStatement, Application: application, Statement: statement, Roles: []string{application},
			Columns: []Column{{Table: application}}}
		text := line(&e, e.Time)
		printable(t, text)
		var got jsonEvent
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if want := strings.ToValidUTF8(application, "\ufffd"); len(application) <= textBytesMax && utf8.ValidString(application) &&
			(got.Application != want || got.Roles[0] != want || got.Columns[0].Table != want) {
			t.Fatalf("%q became %q", application, got.Application)
		}
		if looksLikeBatch(text) {
			t.Fatalf("an event looks like a batch line: %q", text)
		}
	})
}

func BenchmarkAppendEvent(b *testing.B) {
	e := Event{Kind: KindStatement, Session: "4711", User: "carol", Roles: []string{"support"}, Database: "shop",
		Client: "127.0.0.1:54321", Application: "psql", Decision: "allow",
		Statement: "SELECT name, email, ssn FROM customers WHERE id = $1",
		Columns:   []Column{{"customers", "email", "masked", "policy 2"}, {"customers", "ssn", "masked", "policy 1"}},
		Routes:    []string{"ds_0.customers_1"}, Generation: 3}
	b.ReportAllocs()
	var buffer []byte
	for b.Loop() {
		buffer = appendEvent(buffer[:0], &e, time.Time{})
	}
}
