package e2e_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
)

// redCase is one line of cases.jsonl: testdata/redteam/README.md explains the fields.
type redCase struct {
	ID, Category, Title, Role string
	Setup                     []string
	Steps                     []redStep
	Check                     string
	Forbidden                 []string
	Compare                   []int
	Require                   []string
	Expect, Scan              string
	AtRest                    struct{ Tables, Strings []string } `json:"at_rest"`
}

type redStep struct {
	As, Via, Proto, Session, Name, Close string
	SQL                                  *string
	SQLHex                               string `json:"sql_hex"`
	Params                               []string
	ParamOIDs                            []uint32 `json:"param_oids"`
	ParamFormat                          int16    `json:"param_format"`
	ResultFormat                         int16    `json:"result_format"`
	ResultFormats                        []int16  `json:"result_formats"`
	MaxRows                              uint32   `json:"max_rows"`
	Messages                             []string
	Startup                              map[string]string
	CopyData                             string `json:"copy_data"`
	CopyChunk                            int    `json:"copy_chunk"`
	Save                                 string
	ScanOnly                             bool `json:"scan_only"`
}

// text is the statement of a step, "" if it has none.
func (s *redStep) text() string {
	if s.SQLHex != "" {
		b, _ := hex.DecodeString(s.SQLHex)
		return string(b)
	}
	if s.SQL == nil {
		return ""
	}
	return *s.SQL
}

// redResult is how a case ended.
type redResult string

const (
	redPassed  redResult = "passed"
	redRefused redResult = "refused" // nothing got out, because the gateway does not do what was asked
	redLeaked  redResult = "leaked"
	redSkipped redResult = "skipped"
)

// TestRedTeam runs every case of testdata/redteam whose steps are statements, or those of the file that
// PORTCULLIS_REDTEAM names. What is forbidden may stand in no byte that the gateway sends; a refusal is always right,
// and the connection must be usable after it.
func TestRedTeam(t *testing.T) {
	path := os.Getenv("PORTCULLIS_REDTEAM")
	if path == "" {
		path = filepath.Join("testdata", "redteam", "cases.jsonl")
	}
	cases := readCases(t, path)
	r := startRedTeam(t)
	counts := map[redResult]int{}
	byCategory := map[string]map[redResult]int{}
	for _, c := range cases {
		result, why := r.run(t, c)
		counts[result]++
		if byCategory[c.Category] == nil {
			byCategory[c.Category] = map[redResult]int{}
		}
		byCategory[c.Category][result]++
		switch result {
		case redLeaked:
			t.Errorf("%s (%s, %s): %s", c.ID, c.Category, c.Title, why)
		default:
			if testing.Verbose() {
				t.Logf("%s %s %s: %s", result, c.ID, c.Title, why)
			}
		}
	}
	for _, category := range slices.Sorted(maps.Keys(byCategory)) {
		n := byCategory[category]
		t.Logf("%-14s leaked %d, refused %d, passed %d, skipped %d", category, n[redLeaked], n[redRefused], n[redPassed], n[redSkipped])
	}
	t.Logf("%d cases: leaked %d, refused %d, passed %d, skipped %d", len(cases), counts[redLeaked], counts[redRefused],
		counts[redPassed], counts[redSkipped])
	if counts[redPassed] == 0 && path == filepath.Join("testdata", "redteam", "cases.jsonl") {
		t.Error("no case passed without a refusal: the gateway serves nobody")
	}
}

func readCases(t *testing.T, path string) []*redCase {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var cases []*redCase
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		c := &redCase{}
		if err := json.Unmarshal(lines.Bytes(), c); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

// redTeam is the deployment that the cases attack: one datasource, tables as they are.
type redTeam struct {
	*shop
	cluster *pgcluster.Cluster
	idle    map[string]*client // connections that a case has left as new
}

func startRedTeam(t *testing.T) *redTeam {
	t.Helper()
	ctx := context.Background()
	r := &redTeam{shop: &shop{log: &lockedBuffer{}}, idle: map[string]*client{}}
	t.Cleanup(func() { r.stop() })
	cluster, err := pgcluster.Start(ctx, pgcluster.Options{LogStatement: "all"})
	if err != nil {
		t.Fatal(err)
	}
	r.cluster, r.clusters[0] = cluster, cluster
	if r.dir, err = os.MkdirTemp("", "portcullis-redteam-"); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"shop_owner", "gateway"} {
		if err := cluster.CreateRole(ctx, role, backendPassword); err != nil {
			t.Fatal(err)
		}
	}
	for _, database := range []string{"shop", "shop_0"} {
		if err := cluster.CreateDatabase(ctx, database, "shop_owner"); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{"portcullis.yaml": "portcullis.yaml", "tables.sql": "schema.sql"} {
		text, err := os.ReadFile(filepath.Join("testdata", "redteam", from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(r.dir, to), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.address = freeAddress(t)
	r.environ = append(os.Environ(), "PORTCULLIS_LISTEN__ADDRESS="+r.address,
		"SHOP_LOGICAL_URL="+cluster.URLFor("gateway", backendPassword, "shop"),
		"SHOP_LOGICAL_OWNER_URL="+cluster.URLFor("shop_owner", backendPassword, "shop"),
		"SHOP_DS_0_URL="+cluster.URLFor("gateway", backendPassword, "shop_0"),
		"SHOP_DS_0_OWNER_URL="+cluster.URLFor("shop_owner", backendPassword, "shop_0"))
	for name, password := range map[string]string{"APP": appPassword, "SUPPORT": supportPassword} {
		verifier, code := r.shop.run(password+"\n", "user", "verifier")
		if code != 0 {
			t.Fatalf("user verifier: %s", verifier)
		}
		r.environ = append(r.environ, "SHOP_"+name+"_VERIFIER="+strings.TrimSpace(verifier))
	}
	for _, args := range [][]string{{"check"}, {"keys", "init"}, {"schema", "apply"}} {
		if out, code := r.shop.run("", args...); code != 0 {
			t.Fatalf("portcullis %s: exit code %d: %s", strings.Join(args, " "), code, out)
		}
	}
	if err := r.startGateway(); err != nil {
		t.Fatal(err)
	}
	r.seed(t)
	return r
}

// seed loads the rows of schema.sql through the gateway and keeps a copy of the sealed ones, to restore.
func (r *redTeam) seed(t *testing.T) {
	t.Helper()
	schema, err := os.ReadFile(filepath.Join("testdata", "redteam", "schema.sql"))
	if err != nil {
		t.Fatal(err)
	}
	_, seed, _ := strings.Cut(string(schema), "-- seed ")
	seed, _, _ = strings.Cut(seed, "ANALYZE;")
	app := r.connect(t, "app", pgx.QueryExecModeSimpleProtocol)
	for _, statement := range regexp.MustCompile(`(?s)INSERT INTO .*?;\n`).FindAllString(seed, -1) {
		switch {
		case strings.Contains(statement, "INTO vip_users"):
			continue // inherits
		case strings.Contains(statement, "INTO scratch"):
			statement = strings.NewReplacer("(k,t,n)", "(id,k,t,n)", "VALUES (", "VALUES (1,").Replace(statement)
		}
		if _, err := app.Exec(context.Background(), statement); err != nil {
			t.Fatalf("%.60s: %v", statement, err)
		}
	}
	copies := "CREATE SCHEMA backup;"
	for _, table := range redTables {
		copies += fmt.Sprintf("CREATE TABLE backup.%s AS TABLE %s;", backupName(table), table)
	}
	if err := r.cluster.Exec(context.Background(), "shop_0", copies); err != nil {
		t.Fatal(err)
	}
}

// redTables are the tables of tables.sql, those that others refer to first.
var redTables = []string{"public.orgs", "public.users", "public.orders", "public.notes", "public.profiles", "public.events",
	"archive.users", `public."Users"`, "public.customer_personal_identification_records_for_emea_region_000001", "public.scratch"}

// redSealed are the encrypted columns of the tables that cases look at column by column.
var redSealed = map[string]string{"public.users": "ROW(x.email, x.ssn)", "public.orders": "ROW(x.card_pan)",
	"public.notes": "ROW(x.body)", "public.profiles": "ROW(x.doc)", "public.events": "ROW(x.ssn)"}

func backupName(table string) string { return `"` + strings.ReplaceAll(table, `"`, "'") + `"` }

// restore brings the seed rows back.
func (r *redTeam) restore(t *testing.T) {
	t.Helper()
	sql := "TRUNCATE " + strings.Join(redTables, ", ") + ";"
	for _, table := range redTables {
		sql += fmt.Sprintf("INSERT INTO %s SELECT * FROM backup.%s;", table, backupName(table))
	}
	if err := r.cluster.Exec(context.Background(), "shop_0", sql); err != nil {
		t.Fatal(err)
	}
}

// alive reports that the gateway's process runs.
func (s *shop) alive() bool {
	client, err := s.open("app", nil)
	if err != nil {
		return false
	}
	defer client.close()
	o := client.simple("SELECT 1", "", 0)
	return o.code == "" && len(o.rows) == 1
}

// run runs one case.
func (r *redTeam) run(t *testing.T, c *redCase) (redResult, string) {
	t.Helper()
	wrote := false
	for i := range c.Steps {
		if via := c.Steps[i].Via; via != "" && via != "gateway" {
			return redSkipped, "not a statement through the gateway"
		}
	}
	if c.Check == "audit" || c.Check == "audit-verify-fails" || c.Check == "audit-verify-ok" {
		return redSkipped, "asks the audit log, which has its own tests"
	}
	// Set-ups give the attacker's role of the database more rights. The gateway's users have no role there: the steps run
	// without them.
	defer func() {
		if wrote {
			r.restore(t)
		}
	}()
	logStart := r.logSize(t)
	clients := map[string]*client{}
	defer func() {
		for key, cl := range clients {
			user, _, _ := strings.Cut(key, "/")
			if o := cl.simple("DISCARD ALL", "", 0); o.code == "" && r.idle[user] == nil && !cl.custom {
				r.idle[user] = cl
			} else {
				cl.close()
			}
		}
	}()
	scanSome := slices.ContainsFunc(c.Steps, func(s redStep) bool { return s.ScanOnly })
	var outcomes []*outcome
	for i := range c.Steps {
		s := &c.Steps[i]
		user := s.As
		if user == "app_owner" {
			user = "app" // the gateway has no user who may do more
		}
		key := user + "/" + s.Session
		cl := clients[key]
		if cl == nil {
			opened, err := r.take(user, s.Startup)
			if err != nil {
				if found := scanFor(err.Error(), c.Forbidden); found != "" {
					return redLeaked, found + " in a refused log-in"
				}
				return redRefused, "log-in: " + err.Error()
			}
			cl, clients[key] = opened, opened
		}
		o := cl.step(s)
		outcomes = append(outcomes, o)
		wrote = wrote || slices.ContainsFunc(o.tags, func(tag string) bool { return !strings.HasPrefix(tag, "SELECT") })
		if scanSome && !s.ScanOnly {
			continue
		}
		if found := scanFor(o.everything(), c.Forbidden); found != "" {
			return redLeaked, found + " was sent to the client"
		}
		if c.Check == "indistinguishable" && o.status == 'E' {
			cl.simple("ROLLBACK", "", 0) // the steps are compared, not what the first leaves to the second
		}
		if c.Scan == "concatenate-last-column" {
			if found := scanFor(o.lastColumn(), c.Forbidden); found != "" {
				return redLeaked, found + " was sent, in pieces"
			}
		}
	}
	for key, cl := range clients {
		if cl.broken { // an attack on the protocol may cost the attacker his connection, and him alone
			if !r.alive() {
				t.Fatalf("%s: the gateway has ended", c.ID)
			}
			continue
		}
		cl.simple("ROLLBACK", "", 0)
		if o := cl.simple("SELECT 1", "", 0); o.code != "" || len(o.rows) != 1 {
			return redLeaked, "the connection of " + key + " is not usable afterwards: " + o.code
		}
	}
	last := outcomes[len(outcomes)-1]
	refused := slices.ContainsFunc(outcomes, func(o *outcome) bool { return o.code != "" })
	switch c.Check {
	case "indistinguishable":
		a, b := outcomes[c.Compare[0]], outcomes[c.Compare[1]]
		if x, y := a.observable(), b.observable(); x != y {
			return redLeaked, fmt.Sprintf("an oracle: %q and %q", x, y)
		}
	case "denied":
		if !refused {
			return redLeaked, "was allowed"
		}
	case "at-rest", "at-rest-column", "at-rest-nonempty":
		if why := r.searchAtRest(t, c, logStart); why != "" {
			return redLeaked, why
		}
	case "require":
		if !refused {
			for _, want := range c.Require {
				if !strings.Contains(last.everything()+strings.Join(last.tags, "\n"), want) {
					return redLeaked, fmt.Sprintf("answered without %q", want)
				}
			}
		}
	}
	if refused {
		return redRefused, last.code + " " + last.message
	}
	return redPassed, strings.Join(last.tags, ", ")
}

// take returns a new connection, or one that is as good as new.
func (r *redTeam) take(user string, startup map[string]string) (*client, error) {
	if c := r.idle[user]; c != nil && len(startup) == 0 {
		delete(r.idle, user)
		return c, nil
	}
	c, err := r.open(user, startup)
	if err == nil {
		c.custom = len(startup) > 0
	}
	return c, err
}

// scanFor returns a forbidden string that stands in text, "" if there is none.
func scanFor(text string, forbidden []string) string {
	for _, f := range forbidden {
		if f != "" && strings.Contains(text, f) {
			return f
		}
	}
	return ""
}

func (r *redTeam) logSize(t *testing.T) int64 {
	t.Helper()
	info, err := os.Stat(r.cluster.LogPath())
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// searchAtRest looks for the case's strings in the stored rows, and in what the server has logged since.
func (r *redTeam) searchAtRest(t *testing.T, c *redCase, logStart int64) string {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), r.cluster.URL("shop_0"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	places := map[string]string{}
	for _, table := range c.AtRest.Tables {
		row := "x"
		if c.Check == "at-rest-column" {
			row = redSealed[table]
		}
		var text string
		err := conn.QueryRow(context.Background(), fmt.Sprintf("SELECT coalesce(string_agg((%s)::text, E'\\n'), '') FROM %s x", row, table)).Scan(&text)
		if err != nil {
			continue // a table that is not built
		}
		places[table] = text
	}
	if c.Check != "at-rest-column" {
		log, err := os.ReadFile(r.cluster.LogPath())
		if err != nil {
			t.Fatal(err)
		}
		places["the server's log"] = string(log[logStart:])
	}
	for where, text := range places {
		for _, s := range c.AtRest.Strings {
			if strings.HasPrefix(s, "<") {
				continue // a description, not a string
			}
			for form, needle := range map[string]string{"clear": s, "hex": hex.EncodeToString([]byte(s)),
				"base64": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(s)), "=")} {
				if strings.Contains(text, needle) {
					return fmt.Sprintf("%s in %s stands in %s", s, form, where)
				}
			}
		}
	}
	if c.Check == "at-rest-nonempty" {
		var empty int
		if err := conn.QueryRow(context.Background(), "SELECT count(*) FROM users WHERE octet_length(email) < 20").Scan(&empty); err != nil || empty > 0 {
			return "an empty value is stored as it is"
		}
	}
	return ""
}
