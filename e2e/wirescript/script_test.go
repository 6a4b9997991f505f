package wirescript

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
)

const testTimeout = 30 * time.Second

var testGroups = Groups{"here": {"here"}, "there": {"there"}, "both": {"here", "there"}}

// stagedTarget is a database for scripts.
func stagedTarget(t *testing.T) Target {
	t.Helper()
	cluster, err := pgcluster.Start(t.Context(), pgcluster.Options{Name: "wirescript"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	if err := Stage(t.Context(), cluster, "staged"); err != nil {
		t.Fatal(err)
	}
	target, err := TargetOf(cluster.URLFor(Role, Password, "staged"))
	if err != nil {
		t.Fatal(err)
	}
	target.Superuser = cluster.URL("staged")
	if err := Reset(t.Context(), target.Superuser); err != nil {
		t.Fatal(err)
	}
	return target
}

func write(t *testing.T, text string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "script.txt")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func runText(t *testing.T, text string, target Target) (*Transcript, error) {
	t.Helper()
	script, err := Read(write(t, text), "here", testGroups)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	return script.Run(ctx, target)
}

func TestWhatDoesNotFitIsTold(t *testing.T) {
	target := stagedTarget(t)
	const ask = "send Query \"SELECT 'a' AS a\"\n"
	for _, test := range []struct{ script, want string }{
		{ask + "expect DataRow a", "script.txt:2: want DataRow, got RowDescription a:25:0"},
		{ask + "expect RowDescription b", "script.txt:2: column 1: want [\"b\"], got [\"a\"]"},
		{ask + "expect RowDescription a:23", "script.txt:2: column 1: want [\"a\" \"23\"], got [\"a\" \"25\"]"},
		{ask + "until DataRow NULL", "script.txt:2: want [\"\\x00NULL\"], got [\"a\"]"},
		{ask + "until DataRow", "script.txt:2: want [], got [\"a\"]"},
		{ask + "until CommandComplete SELECT", "script.txt:2: want [\"SELECT\"], got [\"SELECT 1\"]"},
		{ask + "until ReadyForQuery T", "script.txt:2: want [\"T\"], got [\"I\"]"},
		{"send Query SELEC\nuntil ErrorResponse C=42P01", "script.txt:2: field C: want \"42P01\", got \"42601\""},
		{"send Query SELEC\nuntil ErrorResponse code=42601", "script.txt:2: field \"code\" is not known here"},
		{ask + "expect Closed", "script.txt:2: want the connection closed, got RowDescription"},
		{ask + "here: expect BindComplete\nthere: until ReadyForQuery I", "script.txt:2: want BindComplete"},
		{"send Sync", "script.txt: the script ends with messages that nothing answers"},
		{"send Synk", "script.txt:1: there is no message Synk to be sent"},
		{"send Sync now=1", "script.txt:1: Sync does not know all of these arguments"},
		{"send Query \"a\"*x", "script.txt:1: behind a quote: want *N"},
		{"ask Query", "script.txt:1: want a verb and what belongs to it"},
		{"send", "script.txt:1: want a verb and what belongs to it"},
		{"send Query \"SELECT", "script.txt:1: a quote without end"},
		{"repeat 3\nsend Sync", "a repeat without end"},
		{"end", "script.txt:1: an end without repeat"},
		{"repeat 0\nsend Sync\nend", "script.txt:3: want 1 to as many times as make 1048576 steps"},
		{"both: skip for the test", "script.txt:1: not for this target: for the test"},
		{ask + "?", "script.txt:2: a draft"},
		{"as main nonsense=1", "script.txt:1: log in: ErrorResponse S=FATAL"},
		{"as a\nas b\nas a x=1", "script.txt:3: client a has logged in already"},
	} {
		if _, err := runText(t, test.script, target); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s\n got %v\nwant %s", test.script, err, test.want)
		}
	}
}

func TestVerbs(t *testing.T) {
	target := stagedTarget(t)
	transcript, err := runText(t, `
there: send Nonsense
cut 1
repeat 2
send Query "SELECT 'x' AS x"
end
repeat 2
expect RowDescription x:25:0
here: expect DataRow x
expect CommandComplete "SELECT 1"
expect ReadyForQuery I
end
as other application_name="other one"
send Query "LISTEN news; SELECT current_setting('application_name'), pg_backend_pid()"
until DataRow "other one" _
until ReadyForQuery I
as main
cut 0
send Query "NOTIFY news, 'it''s'"
until ReadyForQuery I
as other
expect NotificationResponse news it's
send Query "SELECT pg_sleep(60)"
await "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"
open canceler
send CancelRequest other
expect Closed
as other
until ErrorResponse C=57014
until ReadyForQuery I
open bare
send SSLRequest
expect Byte N
send Startup user=nobody
authenticate "any password"
expect ErrorResponse C=28P01 M="password authentication failed for user \"nobody\""
expect Closed
open full
send Startup version=3.9 database=missing
authenticate
expect ErrorResponse S=FATAL C=3D000
expect Closed
`, target)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, client := range transcript.clients {
		all.WriteString(client + ":\n")
		for _, line := range transcript.lines[client] {
			all.WriteString(line.text + line.source + "\n")
		}
	}
	for _, want := range []string{"other:\n", `DataRow "\x00\x02\x00\x00\x00\tother one\x00\x00\x00\x01_"`, "bare:\nbyte 'N'\n",
		`NotificationResponse of a process, "news\x00it's\x00"`, "BackendKeyData of 8 bytes", `ParameterStatus "TimeZone\x00UTC\x00"`,
		"full:\nNegotiateProtocolVersion", ` R="auth_failed"`} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no %s in\n%s", want, &all)
		}
	}
	if strings.Contains(all.String(), `\x01x"`) {
		t.Errorf("what is for one target alone stands in\n%s", &all)
	}
}

func TestTranscriptsDiffer(t *testing.T) {
	target := stagedTarget(t)
	transcript := func(text string) *Transcript {
		t.Helper()
		got, err := runText(t, text, target)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	const tables = "send Query \"CREATE TEMP TABLE %s (a int); SELECT * FROM %s\"\nuntil ReadyForQuery I\n"
	one := transcript(strings.ReplaceAll(tables, "%s", "one"))
	if difference := one.Difference(transcript(strings.ReplaceAll(tables, "%s", "two"))); difference != "" {
		t.Errorf("OIDs: %s", difference)
	}
	three := transcript("send Query \"SELECT 1 AS a\"\nuntil ReadyForQuery I\n")
	if difference := one.Difference(three); !strings.Contains(difference, "want CommandComplete \"CREATE TABLE\\x00\"\n") {
		t.Errorf("difference %q", difference)
	}
}

// What a client sent, written as a line and read again, is the same; also what has no form of its own.
func TestSendIsTheSameAgain(t *testing.T) {
	for _, test := range []struct {
		kind       byte
		body, want string
	}{
		{'Q', "SELECT 'a\nb'\x00", `send Query "SELECT 'a\nb'"`},
		{'P', "s\x00SELECT $1\x00\x00\x01\x00\x00\x00\x17", `send Parse name=s sql="SELECT $1" types=23`},
		{'B', "\x00s\x00\x00\x01\x00\x01\x00\x02\x00\x00\x00\x02\xff\x00\xff\xff\xff\xff\x00\x02\x00\x01\x00\x00",
			`send Bind statement=s formats=1 values=\xff00,NULL results=1,0`},
		{'B', "p\x00s\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x04NULL\x00\x00\x00\x02,\xff\x00\x00",
			`send Bind portal=p statement=s values="","NULL",",\xff"`},
		{'D', "Sa b\x00", `send Describe statement="a b"`},
		{'C', "Pp\x00", `send Close portal=p`},
		{'E', "\x00\x00\x00\x00\x07", `send Execute max=7`},
		{'F', "\x00\x00\x06\x3e\x00\x01\x00\x01\x00\x01\x00\x00\x00\x01\x05\x00\x01", `send FunctionCall function=1598 formats=1 values=\x05 result=1`},
		{'d', "a\tb\n", `send CopyData "a\tb\n"`},
		{'f', "enough\x00", `send CopyFail enough`},
		{'S', "", `send Sync`},
		{'H', "", `send Flush`},
		{'X', "", `send Terminate`},
		{'c', "", `send CopyDone`},
		{'D', "X\x00", `send Raw "D\x00\x00\x00\x06X\x00"`},
		{'Q', "no end", `send Raw "Q\x00\x00\x00\nno end"`},
	} {
		if got := Send(test.kind, []byte(test.body)); got != test.want {
			t.Errorf(" got %s\nwant %s", got, test.want)
		}
	}
}

func TestDraftsAreFilled(t *testing.T) {
	target := stagedTarget(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	got, err := Fill(ctx, write(t, "# One.\nsend Query \"SELECT 1 AS a\"\n?\nsend Raw \"!\\x00\\x00\\x00\\x04\"\n?\n"), target)
	want := `# One.
send Query "SELECT 1 AS a"
expect RowDescription a:23:0
expect DataRow 1
expect CommandComplete "SELECT 1"
expect ReadyForQuery I
send Raw "!\x00\x00\x00\x04"
expect ErrorResponse S=FATAL C=08P01 M="invalid frontend message type 33"
expect Closed
`
	if err != nil || got != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
	got, err = Steady(ctx, write(t, "send Query \"SELECT 2 AS a\"\nexpect RowDescription a\nexpect DataRow 1\nuntil ReadyForQuery I\n"), target)
	if want := "send Query \"SELECT 2 AS a\"\nexpect RowDescription a\nexpect DataRow _\nuntil ReadyForQuery I\n"; err != nil || got != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}
