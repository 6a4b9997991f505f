package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// refusedShareMax is the part of the hand-written statements that the gateway may refuse.
const refusedShareMax = 0.2

// oracle asks the same of a plain PostgreSQL database and of the gateway, which hold the same rows.
type oracle struct {
	plainURL, gatewayURL string
	plain, gateway       *pgconn.PgConn
	types                *pgtype.Map
}

// startOracle starts a shop of its own, since whole tables are compared, and the plain database beside it.
func startOracle(t *testing.T) *oracle {
	t.Helper()
	ctx := context.Background()
	s, err := startShop(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	if err := s.clusters[0].CreateDatabase(ctx, "plain", "shop_owner"); err != nil {
		t.Fatal(err)
	}
	o := &oracle{types: pgtype.NewMap(), plainURL: s.clusters[0].URLFor("shop_owner", backendPassword, "plain"),
		gatewayURL: s.url("app")}
	o.plain, o.gateway = connectOracle(t, o.plainURL), connectOracle(t, o.gatewayURL)
	for _, file := range []string{"schema.sql", "seed.sql"} {
		text, err := os.ReadFile(filepath.Join("..", "examples", "demo", file))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.plain.Exec(ctx, string(text)).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range readOracle(t, filepath.Join("testdata", "oracle", "load.txt")) {
		for _, conn := range []*pgconn.PgConn{o.plain, o.gateway} {
			if _, err := conn.Exec(ctx, statement.sql[0]).ReadAll(); err != nil {
				t.Fatalf("%s: %v", statement.sql[0], err)
			}
		}
	}
	return o
}

func connectOracle(t *testing.T, url string) *pgconn.PgConn {
	t.Helper()
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams = map[string]string{"timezone": "America/New_York", "datestyle": "ISO, MDY"}
	conn, err := pgconn.ConnectConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// oracleCase is one or more statements, each ended by a semicolon at the end of a line. Several run in one transaction
// that is rolled back, as does one that writes. Comments before them say more:
//
//	-- refused: RULE      the gateway refuses the last statement so
//	-- differs: SQLSTATE  the gateway fails the last statement so, as docs/differences.md says
//	-- unordered          rows that are equal under ORDER BY may come in any order
//	-- counted            which rows come is not determined, only how many
//	-- param: VALUE       a parameter of the last statement, in PostgreSQL's text form
//	-- param TYPE: VALUE  the same with a declared type
//	-- null, -- null TYPE a parameter that is NULL
type oracleCase struct {
	place                       string
	sql                         []string
	refused, differs            string
	ordered, unordered, counted bool
	params                      []*string
	declared                    []uint32
}

func readOracle(t *testing.T, path string) []*oracleCase {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	types := pgtype.NewMap()
	var cases []*oracleCase
	c, lines := &oracleCase{}, []string(nil)
	for number, line := range strings.Split(string(text)+"\n", "\n") {
		key, value, _ := strings.Cut(strings.TrimPrefix(line, "-- "), ": ")
		key, declared, _ := strings.Cut(key, " ")
		switch {
		case line == "" && len(c.sql) > 0:
			cases, c, lines = append(cases, c), &oracleCase{}, nil
		case line == "":
		case !strings.HasPrefix(line, "-- "):
			if c.place == "" {
				c.place = fmt.Sprintf("%s:%d", filepath.Base(path), number+1)
			}
			if lines = append(lines, line); strings.HasSuffix(line, ";") {
				sql := strings.TrimSuffix(strings.Join(lines, "\n"), ";")
				c.sql, lines = append(c.sql, sql), nil
				c.ordered = strings.Contains(sql, "ORDER BY") && !c.unordered
			}
		case key == "refused":
			c.refused = value
		case key == "differs":
			c.differs = value
		case key == "unordered":
			c.unordered = true
		case key == "counted":
			c.counted = true
		case key == "null", key == "param":
			oid := uint32(0) // PostgreSQL infers it
			if typ, ok := types.TypeForName(declared); ok {
				oid = typ.OID
			}
			c.declared = append(c.declared, oid)
			if key == "null" {
				c.params = append(c.params, nil)
			} else {
				c.params = append(c.params, &value)
			}
		}
	}
	if len(lines) > 0 {
		t.Fatalf("%s ends within a statement", path)
	}
	return cases
}

// answer is what one side says to one statement.
type answer struct {
	params []uint32
	fields []string
	rows   []string
	tag    string
	code   string // SQLSTATE, "" without error
	rule   string
	text   string // of the error
}

func (a *answer) fail(err error) {
	var pg *pgconn.PgError
	a.code, a.text, a.rows, a.fields = "none", err.Error(), nil, nil
	if errors.As(err, &pg) {
		a.code = pg.Code
		a.rule, _ = strings.CutPrefix(pg.Routine, "rule:")
		if a.rule == pg.Routine {
			a.rule = ""
		}
	}
}

func (a *answer) take(r *pgconn.Result) {
	a.tag = r.CommandTag.String()
	a.fields = describeFields(r.FieldDescriptions, true)
	for _, row := range r.Rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = "NULL"
			if cell != nil {
				cells[i] = fmt.Sprintf("%q", cell)
			}
		}
		a.rows = append(a.rows, strings.Join(cells, " | "))
	}
	if r.Err != nil {
		a.fail(r.Err)
	}
}

// describeFields writes the parts of a RowDescription that both sides must agree on: the tables have other OIDs.
func describeFields(fields []pgconn.FieldDescription, format bool) []string {
	var out []string
	for _, f := range fields {
		text := fmt.Sprintf("%s type=%d len=%d typmod=%d column=%d.%t", f.Name, f.DataTypeOID, f.DataTypeSize, f.TypeModifier,
			f.TableAttributeNumber, f.TableOID != 0)
		if format {
			text += fmt.Sprintf(" format=%d", f.Format)
		}
		out = append(out, text)
	}
	return out
}

// way is a protocol and the formats of parameters and results.
type way struct {
	name            string
	simple          bool
	params, results int16
}

var ways = []way{{"simple", true, 0, 0}, {"text", false, 0, 0}, {"binary", false, 1, 1}, {"text-to-binary", false, 0, 1}}

// ask runs one statement.
func ask(conn *pgconn.PgConn, sql string, c *oracleCase, params [][]byte, w way) *answer {
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	a := &answer{}
	if w.simple {
		results, err := conn.Exec(ctx, sql).ReadAll()
		if len(results) > 0 {
			a.take(results[len(results)-1])
		}
		if err != nil {
			a.fail(err)
		}
		return a
	}
	described, err := conn.Prepare(ctx, "", sql, c.declared)
	if err != nil {
		a.fail(err)
		return a
	}
	a.take(conn.ExecPrepared(ctx, "", params, []int16{w.params}, []int16{w.results}).Read())
	a.params = described.ParamOIDs
	if a.code == "" {
		a.fields = append(a.fields, describeFields(described.Fields, false)...)
	}
	return a
}

// encode gives the parameters of a case as text and as the plain database sends them in binary, nil if it cannot.
func (o *oracle) encode(t *testing.T, c *oracleCase, sql string) (text, binary [][]byte) {
	ctx := context.Background()
	if len(c.params) == 0 {
		return nil, nil
	}
	described, err := o.plain.Prepare(ctx, "", sql, c.declared)
	for i, p := range c.params {
		if p == nil {
			text, binary = append(text, nil), append(binary, nil)
			continue
		}
		text = append(text, []byte(*p))
		if err != nil || i >= len(described.ParamOIDs) {
			continue
		}
		typ, ok := o.types.TypeForOID(described.ParamOIDs[i])
		if !ok {
			t.Fatalf("%s: parameter of unknown type %d", c.place, described.ParamOIDs[i])
		}
		r := o.plain.ExecParams(ctx, "SELECT $1::"+typ.Name, [][]byte{text[i]}, nil, nil, []int16{1}).Read()
		if r.Err == nil {
			binary = append(binary, r.Rows[0][0])
		}
	}
	if len(binary) < len(text) {
		return text, nil
	}
	return text, binary
}

// compare runs a case in all ways on both sides and returns the rule of a refusal.
func (o *oracle) compare(t *testing.T, c *oracleCase) (rule string) {
	last := c.sql[len(c.sql)-1]
	text, binary := o.encode(t, c, last)
	for _, w := range ways {
		if w.simple && len(c.params) > 0 || w.params == 1 && len(c.params) > 0 && binary == nil {
			continue
		}
		block := len(c.sql) > 1 || !strings.HasPrefix(last, "SELECT")
		params := text
		if w.params == 1 {
			params = binary
		}
		want, got := o.run(t, o.plain, c, block, params, w), o.run(t, o.gateway, c, block, params, w)
		if r := c.judge(t, w.name, want, got); r != "" {
			rule = r
		}
	}
	return rule
}

func (o *oracle) run(t *testing.T, conn *pgconn.PgConn, c *oracleCase, block bool, params [][]byte, w way) *answer {
	if block {
		o.must(t, conn, c, "BEGIN")
		defer o.must(t, conn, c, "ROLLBACK")
	}
	for _, sql := range c.sql[:len(c.sql)-1] {
		if a := ask(conn, sql, &oracleCase{}, nil, way{results: w.results, simple: w.simple}); a.code != "" {
			t.Errorf("%s: %s: %s", c.place, sql, a.text)
		}
	}
	return ask(conn, c.sql[len(c.sql)-1], c, params, w)
}

func (o *oracle) must(t *testing.T, conn *pgconn.PgConn, c *oracleCase, sql string) {
	if _, err := conn.Exec(context.Background(), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %s: %v", c.place, sql, err)
	}
}

// judge compares two answers and returns the rule by which the gateway refused, if it did.
func (c *oracleCase) judge(t *testing.T, way string, want, got *answer) string {
	sql := c.sql[len(c.sql)-1]
	if got.rule != "" && (got.code == "0A000" || got.code == "42501") {
		if c.refused != "*" && c.refused != got.rule {
			t.Errorf("%s (%s): refused by %s: %s\n%s", c.place, way, got.rule, got.text, sql)
		}
		return got.rule
	}
	switch {
	case c.refused != "" && c.refused != "*":
		t.Errorf("%s (%s): not refused (%s), want rule %s\n%s", c.place, way, got.text, c.refused, sql)
		return ""
	case c.differs != "":
		if got.code != c.differs || want.code == got.code {
			t.Errorf("%s (%s): SQLSTATE %q, and %q of PostgreSQL; want %q only of the gateway\n%s", c.place, way, got.code, want.code, c.differs, sql)
		}
		return ""
	case got.code != want.code:
		t.Errorf("%s (%s): gateway: %q %s, PostgreSQL: %q %s\n%s", c.place, way, got.code, got.text, want.code, want.text, sql)
		return ""
	case want.code != "":
		return "" // at Parse or at Execute
	}
	if !slices.Equal(want.params, got.params) {
		t.Errorf("%s (%s): gateway: parameter types %v, PostgreSQL: %v\n%s", c.place, way, got.params, want.params, sql)
	}
	if !slices.Equal(want.fields, got.fields) {
		t.Errorf("%s (%s): gateway describes\n  %s\nPostgreSQL\n  %s\n%s", c.place, way, strings.Join(got.fields, "\n  "),
			strings.Join(want.fields, "\n  "), sql)
	}
	if want.tag != got.tag {
		t.Errorf("%s (%s): gateway: tag %q, PostgreSQL: %q\n%s", c.place, way, got.tag, want.tag, sql)
	}
	switch {
	case c.counted:
		want.rows, got.rows = make([]string, len(want.rows)), make([]string, len(got.rows))
	case !c.ordered:
		slices.Sort(want.rows)
		slices.Sort(got.rows)
	}
	if !slices.Equal(want.rows, got.rows) {
		t.Errorf("%s (%s): gateway: %d rows, PostgreSQL: %d\n%s\n%s", c.place, way, len(got.rows), len(want.rows), sql,
			firstDifference(got.rows, want.rows))
	}
	return ""
}

func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		row := func(rows []string) string {
			if i < len(rows) {
				return rows[i]
			}
			return "no row"
		}
		if row(got) != row(want) {
			return fmt.Sprintf("row %d of the gateway:\n  %s\nof PostgreSQL:\n  %s", i, row(got), row(want))
		}
	}
	return ""
}

// TestOracle: what the gateway answers is what PostgreSQL answers to the same statement over the same rows, or a refusal.
func TestOracle(t *testing.T) {
	o := startOracle(t)
	files, err := filepath.Glob(filepath.Join("testdata", "oracle", "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	statements, refused := 0, map[string]int{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".sql"), func(t *testing.T) {
			for _, c := range readOracle(t, file) {
				statements++
				if rule := o.compare(t, c); rule != "" {
					refused[rule]++
				}
			}
		})
	}
	share := report(t, "written", statements, refused)
	if share > refusedShareMax {
		t.Errorf("%.0f %% of the statements are refused, more than %.0f %%", 100*share, 100*refusedShareMax)
	}
	t.Run("generated", func(t *testing.T) {
		g := newGenerator(generatorSeed)
		refused := map[string]int{}
		for i := range generatedStatements {
			c := g.statement()
			c.place = fmt.Sprintf("statement %d of seed %d", i, generatorSeed)
			if rule := o.compare(t, c); rule != "" {
				refused[rule]++
			}
		}
		if share := report(t, "generated", generatedStatements, refused); share > generatedRefusedShareMax {
			t.Errorf("%.0f %% of the statements are refused, more than %.0f %%", 100*share, 100*generatedRefusedShareMax)
		}
	})
	t.Run("again", o.again)
	t.Run("by-parts", o.byParts)
}

// report lists the refusals and returns their share.
func report(t *testing.T, kind string, statements int, refused map[string]int) float64 {
	sum := 0
	var list []string
	for _, rule := range slices.Sorted(maps.Keys(refused)) {
		sum += refused[rule]
		list = append(list, fmt.Sprintf("%s %d", rule, refused[rule]))
	}
	t.Logf("%s: %d of %d statements refused: %s", kind, sum, statements, strings.Join(list, ", "))
	return float64(sum) / float64(statements)
}
