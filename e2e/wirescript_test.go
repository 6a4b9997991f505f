package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
)

// The targets of wire scripts: PostgreSQL, the gateway's protected database, and its transparent one. A line that begins
// with one of these names and a colon is meant for that target alone, with wireGateway for both of the gateway's: each of
// them is a difference between the gateway and PostgreSQL.
const (
	targetPostgres    = "postgres"
	targetPortcullis  = "portcullis"
	targetTransparent = "transparent"
	wireGateway       = "gateway"
)

// wireTargets says for whom a line is that begins with a name and a colon.
var wireTargets = map[string][]string{
	targetPostgres:    {targetPostgres},
	targetPortcullis:  {targetPortcullis},
	targetTransparent: {targetTransparent},
	wireGateway:       {targetPortcullis, targetTransparent},
}

// wireScriptTimeout bounds one script, waiting for answers that do not come included.
const wireScriptTimeout = 20 * time.Second

// wireScriptSetup makes what the scripts read, on plain PostgreSQL. The gateway's database has a table with these rows
// among others.
const wireScriptSetup = `
CREATE TABLE countries (code text PRIMARY KEY, name text NOT NULL);
INSERT INTO countries VALUES ('CH', 'Switzerland'), ('DE', 'Germany'), ('FR', 'France');`

// runWireScripts runs each script of testdata/wire on a connection of its own to url, a libpq URL with user and
// password. target is targetPostgres, targetPortcullis or targetTransparent.
//
// A script is a text file. A line is empty, a comment ("#"), or one of
//
//	send MESSAGE arguments     the message goes out with the next line that expects something
//	expect MESSAGE arguments   the next message is this one, and has what the arguments say
//	until MESSAGE arguments    the same, but messages before it are passed over
//	expect Closed              the server closes the connection
//
// ParameterStatus and NotificationResponse are passed over, and so is NoticeResponse unless it is expected. Arguments
// are words; a word, or an element of a list in it, may be quoted as Go quotes strings; NULL without quotes is NULL.
//
//	send Query "SELECT 1"
//	send Parse name=s sql="SELECT $1::int" types=23
//	send Bind portal=p statement=s formats=0,1 values=1,NULL,"a b" results=1
//	send Describe statement=s | Describe portal=p | Execute portal=p max=2 | Close statement=s | Close portal=p
//	send Sync | Flush | Terminate | CopyDone | CopyData "text" | CopyFail "text" | Raw "bytes"
//	expect RowDescription name:type:format ...      what is left out may be anything
//	expect ParameterDescription type ...
//	expect DataRow value ...
//	expect CommandComplete "SELECT 1"
//	expect ErrorResponse C=42601 M="..."            the fields by their letters; the same for NoticeResponse
//	expect ReadyForQuery I
func runWireScripts(t *testing.T, url, target string) {
	files, err := filepath.Glob("testdata/wire/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no wire scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			script, err := readWireScript(file, target)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), wireScriptTimeout)
			defer cancel()
			if err := script.run(ctx, url); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWireScriptsPostgres(t *testing.T) {
	ctx := context.Background()
	cluster, err := pgcluster.Start(ctx, pgcluster.Options{Name: "wirescripts"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	if err := cluster.CreateDatabase(ctx, "shop", ""); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Exec(ctx, "shop", wireScriptSetup); err != nil {
		t.Fatal(err)
	}
	runWireScripts(t, cluster.URL("shop"), targetPostgres)
	t.Run("what does not fit is told", func(t *testing.T) { testWireScriptMismatches(t, cluster.URL("shop")) })
}

// testWireScriptMismatches holds the runner itself against scripts that are wrong.
func testWireScriptMismatches(t *testing.T, url string) {
	const ask = "send Query \"SELECT 'a' AS a\"\n"
	for _, test := range []struct{ script, want string }{
		{ask + "expect DataRow a", "wrong.txt:2: want DataRow, got RowDescription a:25:0"},
		{ask + "expect RowDescription b", "wrong.txt:2: column 1: want [\"b\"], got [\"a\"]"},
		{ask + "expect RowDescription a:23", "wrong.txt:2: column 1: want [\"a\" \"23\"], got [\"a\" \"25\"]"},
		{ask + "until DataRow NULL", "wrong.txt:2: want [\"\\x00NULL\"], got [\"a\"]"},
		{ask + "until CommandComplete SELECT", "wrong.txt:2: want [\"SELECT\"], got [\"SELECT 1\"]"},
		{ask + "until ReadyForQuery T", "wrong.txt:2: want [\"T\"], got [\"I\"]"},
		{"send Query SELEC\nuntil ErrorResponse C=42P01", "wrong.txt:2: field C: want \"42P01\", got \"42601\""},
		{"send Query SELEC\nuntil ErrorResponse code=42601", "wrong.txt:2: field \"code\" is not known here"},
		{ask + "expect Closed", "wrong.txt:2: want the connection closed, got RowDescription"},
		{ask + "postgres: expect BindComplete\nportcullis: until ReadyForQuery I", "wrong.txt:2: want BindComplete"},
		{"send Sync", "wrong.txt: the script ends with messages that nothing answers"},
		{"send Synk", "wrong.txt:1: there is no message Synk to be sent"},
		{"send Sync now=1", "wrong.txt:1: Sync does not know all of these arguments"},
		{"ask Query", "wrong.txt:1: want send, expect or until and a message"},
		{"send Query \"SELECT", "wrong.txt:1: a quote without end"},
	} {
		file := filepath.Join(t.TempDir(), "wrong.txt")
		if err := os.WriteFile(file, []byte(test.script), 0o600); err != nil {
			t.Fatal(err)
		}
		script, err := readWireScript(file, targetPostgres)
		if err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), wireScriptTimeout)
			err = script.run(ctx, url)
			cancel()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s\n got %v\nwant %s", test.script, err, test.want)
		}
	}
}

// wireScript is a script as one target runs it.
type wireScript struct {
	file  string
	steps []wireStep
}

type wireStep struct {
	line    int
	verb    string // send, expect, until
	message string
	args    []string // raw words: see wireList and wireWord
}

func readWireScript(file, target string) (*wireScript, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	script := &wireScript{file: file}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		name, rest, _ := strings.Cut(line, ":")
		if targets := wireTargets[name]; targets != nil {
			if !slices.Contains(targets, target) {
				continue
			}
			line = rest
		}
		words, err := wireWords(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, number, err)
		}
		if len(words) == 0 {
			continue
		}
		if len(words) < 2 || !slices.Contains([]string{"send", "expect", "until"}, words[0]) {
			return nil, fmt.Errorf("%s:%d: want send, expect or until and a message", file, number)
		}
		script.steps = append(script.steps, wireStep{line: number, verb: words[0], message: words[1], args: words[2:]})
	}
	return script, lines.Err()
}

// run logs in and goes through the steps. The error names the line.
func (s *wireScript) run(ctx context.Context, url string) error {
	pg, err := pgconn.Connect(ctx, url)
	if err != nil {
		return err
	}
	if err := pg.SyncConn(ctx); err != nil {
		return err
	}
	connection, err := pg.Hijack()
	if err != nil {
		return err
	}
	defer connection.Conn.Close()
	deadline, _ := ctx.Deadline()
	if err := connection.Conn.SetDeadline(deadline); err != nil {
		return err
	}

	var waiting []byte // to be sent
	for _, step := range s.steps {
		if step.verb == "send" {
			if waiting, err = step.encode(waiting); err != nil {
				return fmt.Errorf("%s:%d: %w", s.file, step.line, err)
			}
			continue
		}
		if len(waiting) > 0 {
			if _, err := connection.Conn.Write(waiting); err != nil {
				return fmt.Errorf("%s:%d: before this line: %w", s.file, step.line, err)
			}
			waiting = nil
		}
		if err := step.await(connection.Frontend); err != nil {
			return fmt.Errorf("%s:%d: %w", s.file, step.line, err)
		}
	}
	if len(waiting) > 0 {
		return fmt.Errorf("%s: the script ends with messages that nothing answers", s.file)
	}
	return nil
}

// await reads the message that the step is about.
func (w wireStep) await(front *pgproto3.Frontend) error {
	for {
		m, err := front.Receive()
		if w.message == "Closed" {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			return fmt.Errorf("want the connection closed, got %s, %v", wireText(m), err)
		}
		if err != nil {
			return fmt.Errorf("want %s: %w", w.message, err)
		}
		name := wireName(m)
		switch name {
		case "ParameterStatus", "NotificationResponse":
			continue
		case "NoticeResponse":
			if w.message != name {
				continue
			}
		}
		if w.verb == "until" && w.message != name {
			continue
		}
		if w.message != name {
			return fmt.Errorf("want %s, got %s", w.message, wireText(m))
		}
		if err := w.compare(m); err != nil {
			return fmt.Errorf("%w, in %s", err, wireText(m))
		}
		return nil
	}
}

// compare holds what the arguments say against a message of the right type.
func (w wireStep) compare(m pgproto3.BackendMessage) error {
	switch m := m.(type) {
	case *pgproto3.ReadyForQuery:
		return wireSame(w.args, []string{string(m.TxStatus)})
	case *pgproto3.CommandComplete:
		return wireSame(w.args, []string{string(m.CommandTag)})
	case *pgproto3.ParameterDescription:
		var oids []string
		for _, oid := range m.ParameterOIDs {
			oids = append(oids, fmt.Sprint(oid))
		}
		return wireSame(w.args, oids)
	case *pgproto3.DataRow:
		return wireSame(w.args, wireValues(m.Values))
	case *pgproto3.RowDescription:
		if len(w.args) != len(m.Fields) {
			return fmt.Errorf("want %d columns, got %d", len(w.args), len(m.Fields))
		}
		for i, f := range m.Fields {
			want := strings.Split(w.args[i], ":")
			got := []string{string(f.Name), fmt.Sprint(f.DataTypeOID), fmt.Sprint(f.Format)}
			if len(want) > len(got) {
				return fmt.Errorf("column %d: want name:type:format", i+1)
			}
			if err := wireSame(want, got[:len(want)]); err != nil {
				return fmt.Errorf("column %d: %w", i+1, err)
			}
		}
		return nil
	case *pgproto3.ErrorResponse:
		return w.compareReport(m)
	case *pgproto3.NoticeResponse:
		return w.compareReport((*pgproto3.ErrorResponse)(m))
	}
	if len(w.args) != 0 {
		return fmt.Errorf("%s takes no arguments", w.message)
	}
	return nil
}

func (w wireStep) compareReport(m *pgproto3.ErrorResponse) error {
	position := ""
	if m.Position != 0 {
		position = fmt.Sprint(m.Position)
	}
	fields := map[string]string{"S": m.Severity, "V": m.SeverityUnlocalized, "C": m.Code, "M": m.Message, "D": m.Detail,
		"H": m.Hint, "P": position, "s": m.SchemaName, "t": m.TableName, "c": m.ColumnName, "d": m.DataTypeName,
		"n": m.ConstraintName, "R": m.Routine}
	for _, arg := range w.args {
		key, raw, _ := strings.Cut(arg, "=")
		want, _, err := wireWord(raw)
		if err != nil {
			return err
		}
		got, known := fields[key]
		if !known {
			return fmt.Errorf("field %q is not known here", key)
		}
		if got != want {
			return fmt.Errorf("field %s: want %q, got %q", key, want, got)
		}
	}
	return nil
}

func wireSame(raw, got []string) error {
	var want []string
	for _, word := range raw {
		text, isNull, err := wireWord(word)
		if err != nil {
			return err
		}
		if isNull {
			text = wireNull
		}
		want = append(want, text)
	}
	if !slices.Equal(want, got) {
		return fmt.Errorf("want %q, got %q", want, got)
	}
	return nil
}

// wireNull stands for NULL among values that are texts.
const wireNull = "\x00NULL"

func wireValues(values [][]byte) []string {
	var texts []string
	for _, v := range values {
		if v == nil {
			texts = append(texts, wireNull)
			continue
		}
		texts = append(texts, string(v))
	}
	return texts
}

// wireName is the message's name as the protocol's documentation has it.
func wireName(m pgproto3.BackendMessage) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
}

// wireText tells what came, for people.
func wireText(m pgproto3.BackendMessage) string {
	switch m := m.(type) {
	case nil:
		return "nothing"
	case *pgproto3.DataRow:
		return fmt.Sprintf("DataRow %q", wireValues(m.Values))
	case *pgproto3.ErrorResponse:
		return fmt.Sprintf("ErrorResponse %s C=%s %q detail %q hint %q routine %q", m.Severity, m.Code, m.Message, m.Detail,
			m.Hint, m.Routine)
	case *pgproto3.CommandComplete:
		return fmt.Sprintf("CommandComplete %q", m.CommandTag)
	case *pgproto3.ReadyForQuery:
		return "ReadyForQuery " + string(m.TxStatus)
	case *pgproto3.RowDescription:
		var fields []string
		for _, f := range m.Fields {
			fields = append(fields, fmt.Sprintf("%s:%d:%d", f.Name, f.DataTypeOID, f.Format))
		}
		return "RowDescription " + strings.Join(fields, " ")
	}
	return fmt.Sprintf("%s %+v", wireName(m), m)
}

// encode appends the message of a send line to dst.
func (w wireStep) encode(dst []byte) ([]byte, error) {
	args := map[string]string{}
	for _, arg := range w.args {
		if key, value, ok := strings.Cut(arg, "="); ok && !strings.HasPrefix(arg, `"`) {
			args[key] = value
			continue
		}
		args[""] = arg
	}
	var failure error
	text := func(key string) string {
		word, _, err := wireWord(args[key])
		failure = errors.Join(failure, err)
		delete(args, key)
		return word
	}
	list := func(key string) [][]byte {
		values, err := wireList(args[key])
		failure = errors.Join(failure, err)
		delete(args, key)
		return values
	}
	number := func(s string, bits int) int64 {
		n, err := strconv.ParseInt(s, 10, bits)
		failure = errors.Join(failure, err)
		return n
	}
	formats := func(key string) (codes []int16) {
		for _, code := range list(key) {
			codes = append(codes, int16(number(string(code), 16)))
		}
		return codes
	}
	object := func() (kind byte, name string) {
		if _, ok := args["portal"]; ok {
			return 'P', text("portal")
		}
		return 'S', text("statement")
	}

	var message pgproto3.FrontendMessage
	switch w.message {
	case "Query":
		message = &pgproto3.Query{String: text("")}
	case "Parse":
		parse := &pgproto3.Parse{Name: text("name"), Query: text("sql")}
		for _, oid := range list("types") {
			parse.ParameterOIDs = append(parse.ParameterOIDs, uint32(number(string(oid), 64)))
		}
		message = parse
	case "Bind":
		message = &pgproto3.Bind{DestinationPortal: text("portal"), PreparedStatement: text("statement"),
			ParameterFormatCodes: formats("formats"), Parameters: list("values"), ResultFormatCodes: formats("results")}
	case "Describe":
		kind, name := object()
		message = &pgproto3.Describe{ObjectType: kind, Name: name}
	case "Close":
		kind, name := object()
		message = &pgproto3.Close{ObjectType: kind, Name: name}
	case "Execute":
		execute := &pgproto3.Execute{Portal: text("portal")}
		if _, ok := args["max"]; ok {
			execute.MaxRows = uint32(number(text("max"), 32))
		}
		message = execute
	case "Sync":
		message = &pgproto3.Sync{}
	case "Flush":
		message = &pgproto3.Flush{}
	case "Terminate":
		message = &pgproto3.Terminate{}
	case "CopyData":
		message = &pgproto3.CopyData{Data: []byte(text(""))}
	case "CopyDone":
		message = &pgproto3.CopyDone{}
	case "CopyFail":
		message = &pgproto3.CopyFail{Message: text("")}
	case "Raw":
		dst = append(dst, text("")...)
	default:
		return nil, fmt.Errorf("there is no message %s to be sent", w.message)
	}
	if len(args) != 0 {
		return nil, fmt.Errorf("%s does not know all of these arguments", w.message)
	}
	if failure != nil || message == nil {
		return dst, failure
	}
	return message.Encode(dst)
}

// wireWords cuts a line into words at spaces outside of quotes. What a quote holds stays quoted.
func wireWords(line string) (words []string, err error) {
	for line = strings.TrimSpace(line); line != "" && line[0] != '#'; line = strings.TrimLeft(line, " \t") {
		end := 0
		for end < len(line) && line[end] != ' ' && line[end] != '\t' {
			if line[end] == '"' {
				quoted, err := strconv.QuotedPrefix(line[end:])
				if err != nil {
					return nil, errors.New("a quote without end")
				}
				end += len(quoted)
				continue
			}
			end++
		}
		words = append(words, line[:end])
		line = line[end:]
	}
	return words, nil
}

// wireWord takes the quotes off a word; without quotes NULL is NULL.
func wireWord(word string) (text string, isNull bool, err error) {
	if strings.HasPrefix(word, `"`) {
		text, err = strconv.Unquote(word)
		return text, false, err
	}
	return word, word == "NULL", nil
}

// wireList reads words that are separated by commas. nil stands for NULL; \x and hex digits for bytes.
func wireList(list string) (values [][]byte, err error) {
	for list != "" {
		end := strings.IndexByte(list, ',')
		if list[0] == '"' {
			quoted, err := strconv.QuotedPrefix(list)
			if err != nil {
				return nil, err
			}
			end = len(quoted)
			if end == len(list) {
				end = -1
			}
		}
		element := list
		if end >= 0 {
			element, list = list[:end], list[end+1:]
		} else {
			list = ""
		}
		text, isNull, err := wireWord(element)
		if err != nil {
			return nil, err
		}
		value := []byte(text)
		if digits, ok := strings.CutPrefix(element, `\x`); ok {
			if value, err = hex.DecodeString(digits); err != nil {
				return nil, err
			}
		}
		if isNull {
			value = nil
		}
		values = append(values, value)
	}
	return values, nil
}
