package scan

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sort"
	"strings"
	"testing"

	pg_query "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// TestRecursionIsWeighed reads the parser's own grammar and proves what depth.go claims: outside brackets and CASE, each
// rule by which a symbol comes to stand below itself either holds a token with a weight, or goes on with a list.
func TestRecursionIsWeighed(t *testing.T) {
	g := mustGrammar(t)
	weighed := map[string]bool{}
	for _, name := range strings.Fields(`Op TYPECAST LESS_EQUALS GREATER_EQUALS NOT_EQUALS '+' '-' '*' '/' '%' '^' '<' '>' '='
		NOT NOT_LA IS ISNULL NOTNULL LIKE ILIKE SIMILAR IN_P COLLATE AT OPERATOR OVERLAPS ESCAPE BETWEEN
		JOIN UNION INTERSECT EXCEPT`) {
		weighed[name] = true
		if name[0] != '\'' && lookup(strings.TrimSuffix(strings.ToLower(strings.TrimSuffix(name, "_LA")), "_p")) == wordNone &&
			!slices.Contains([]string{"Op", "TYPECAST", "LESS_EQUALS", "GREATER_EQUALS", "NOT_EQUALS"}, name) {
			t.Errorf("the scanner does not know %s", name)
		}
	}
	for _, name := range []string{"qual_Op", "subquery_Op"} { // each of their rules holds a weighed token
		for _, i := range g.byLeft[g.symbol(name)] {
			if !slices.ContainsFunc(g.rules[i].right, func(s int) bool {
				return weighed[g.names[s]] || g.names[s] == "all_Op"
			}) {
				t.Errorf("%s holds nothing weighed", g.ruleName(i))
			}
		}
		weighed[name] = true
	}
	below := map[int]map[int][]int{} // symbol, symbol below it, rules
	for i, r := range g.rules {
		if slices.ContainsFunc(r.right, func(s int) bool { return weighed[g.names[s]] }) || isFlat(g.ruleName(i)) {
			continue
		}
		depth := 0
		for _, s := range r.right {
			switch g.names[s] {
			case "'('", "'['", "CASE", "ATOMIC":
				depth++
			case "')'", "']'", "END_P":
				depth--
			default:
				if s >= g.tokens && depth == 0 {
					if below[r.left] == nil {
						below[r.left] = map[int][]int{}
					}
					below[r.left][s] = append(below[r.left][s], i)
				}
			}
		}
	}
	reaches := func(from, to int) bool {
		queue, seen := []int{from}, map[int]bool{}
		for len(queue) > 0 {
			s := queue[0]
			queue = queue[1:]
			if s == to {
				return true
			}
			for next := range below[s] {
				if !seen[next] {
					seen[next] = true
					queue = append(queue, next)
				}
			}
		}
		return false
	}
	lists := 0
	for left, symbols := range below {
		for s, rules := range symbols {
			if !reaches(s, left) {
				continue
			}
			for _, i := range rules {
				// A list: x_list: x_list ',' x. The name of an operator is one that grows at its other end.
				if s == left && (g.rules[i].right[0] == left || g.ruleName(i) == "any_operator: ColId '.' any_operator") {
					lists++
					continue
				}
				t.Errorf("nothing weighs the recursion through %s in %s", g.names[s], g.ruleName(i))
			}
		}
	}
	if lists < 80 {
		t.Errorf("%d lists found: the grammar was not read well", lists)
	}
}

// isFlat names the rules that fold into one node.
func isFlat(rule string) bool {
	return rule == "a_expr: a_expr AND a_expr" || rule == "a_expr: a_expr OR a_expr"
}

// weigh returns the weight of the heaviest statement of sql.
func weigh(t testing.TB, sql string) int {
	t.Helper()
	s := scanner{lexer: lexer{sql: sql}, limits: Limits{Tokens: 1 << 30, Depth: 1 << 20, Chain: 1 << 30}}
	s.path.depthMax, s.path.weightMax = s.limits.Depth, s.limits.Chain
	heaviest := 0
	for {
		_, last, err := s.statement()
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		heaviest = max(heaviest, int(s.path.frames.top().total()))
		if last {
			return heaviest
		}
	}
}

// messageDepth counts the messages from m to the deepest one below it, both included.
func messageDepth(m protoreflect.Message) int {
	depth := 0
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				depth = max(depth, messageDepth(value.List().Get(i).Message()))
			}
		default:
			depth = max(depth, messageDepth(value.Message()))
		}
		return true
	})
	return depth + 1
}

// messagesOutside is the depth of a tree that no bracket and no chain makes: a list of options of an element of CREATE
// SCHEMA.
const messagesOutside = 20

// TestWeightBoundsDepth: a unit of weight is at most two nested messages. Tried on each recursive production of the
// grammar, repeated, in up to four surroundings, and on random sentences of the whole grammar.
func TestWeightBoundsDepth(t *testing.T) {
	g := mustGrammar(t)
	check := func(sql string) bool {
		tree, err := pg_query.Parse(sql)
		if err != nil {
			return false
		}
		if depth, weight := messageDepth(tree.ProtoReflect()), weigh(t, sql); depth > messagesOutside+2*weight {
			t.Errorf("depth %d, weight %d: %.300s", depth, weight, sql)
		}
		return true
	}
	productions := map[string]bool{}
	for seed := range uint64(4) {
		for _, cycle := range g.cycles(rand.New(rand.NewPCG(seed, 1))) {
			if check(g.pump(cycle).times(20)) {
				productions[g.cycleName(cycle[:1])] = true
			}
		}
	}
	// What is missing cannot be repeated: comparisons that do not associate, clauses that may stand only once.
	if len(productions) < 500 {
		t.Errorf("%d recursive productions tried", len(productions))
	}
	parsed := 0
	for seed := range uint64(3000) {
		if check(g.statement(rand.New(rand.NewPCG(seed, 2)))) {
			parsed++
		}
	}
	if parsed < 300 {
		t.Errorf("%d random statements parsed", parsed)
	}
}

// stackTest says to the test binary that it is the child of TestHeaviestTreesFitTheStack.
const stackTest = "PORTCULLIS_SCAN_STACK_TEST"

// TestHeaviestTreesFitTheStack takes each recursive production as far as DefaultLimits admit, and makes libpg_query
// parse, print, fingerprint and normalise the statement in a process whose threads have a quarter of the usual stack.
func TestHeaviestTreesFitTheStack(t *testing.T) {
	if os.Getenv(stackTest) != "" {
		runHeaviest(t)
		return
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("sh", "-c", `ulimit -s 2048 && exec "$0" -test.v -test.run '^TestHeaviestTreesFitTheStack$'`, binary)
	child.Env = append(os.Environ(), stackTest+"=1")
	out, err := child.CombinedOutput()
	last, done := "", 0
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "run "); ok {
			last = name
			done++
		}
	}
	if err != nil {
		t.Fatalf("%v\nin %s\n%s", err, last, out[max(0, len(out)-3000):])
	}
	if done < 400 {
		t.Errorf("%d productions and lists tried", done)
	}
}

func runHeaviest(t *testing.T) {
	g := mustGrammar(t)
	runLists(t, g)
	limits := DefaultLimits()
	tried := map[string]bool{}
	for _, cycle := range g.cycles(nil) {
		p := g.pump(cycle)
		if _, err := pg_query.Parse(p.times(3)); err != nil || tried[p.left+"|"+p.right] {
			continue
		}
		tried[p.left+"|"+p.right] = true
		admitted := func(n int) bool {
			_, err := Scan(p.times(n), limits)
			return err == nil
		}
		most := 32
		for most < 5000 && admitted(most) {
			most *= 2
		}
		refused := most/2 + sort.Search(most/2, func(n int) bool { return !admitted(most/2 + n) })
		if bounded := refused < 4000; bounded == isFlat(g.ruleName(cycle[0].rule)) {
			t.Errorf("%s: bounded %v", g.cycleName(cycle), bounded)
			continue
		}
		if _, err := Scan(p.times(refused), limits); err != nil && err.Code != sqlstate.StatementTooComplex {
			t.Errorf("%s: %v", g.cycleName(cycle), err)
		}
		sql := p.times(refused - 1)
		fmt.Printf("run %s, %d times\n", g.cycleName(cycle), refused-1)
		tree, err := pg_query.Parse(sql)
		if err != nil {
			t.Errorf("%s: %v", g.cycleName(cycle), err)
			continue
		}
		if _, err := pg_query.Deparse(tree); err != nil {
			t.Errorf("%s: %v", g.cycleName(cycle), err)
		}
		if _, err := pg_query.Fingerprint(sql); err != nil {
			t.Errorf("%s: %v", g.cycleName(cycle), err)
		}
		if _, err := pg_query.Normalize(sql); err != nil {
			t.Errorf("%s: %v", g.cycleName(cycle), err)
		}
	}
}

// runLists makes libpg_query parse long lists, which nothing weighs.
func runLists(t *testing.T, g *grammar) {
	lists := 0
	for i, r := range g.rules {
		if len(r.right) == 0 || r.right[0] != r.left || !g.isList(r) {
			continue
		}
		p := g.pump([]step{{i, 0}})
		if _, err := pg_query.Parse(p.times(3)); err != nil {
			continue
		}
		sql := p.times(1500)
		if _, err := Scan(sql, DefaultLimits()); err != nil {
			continue // its items have weight
		}
		fmt.Printf("run %s\n", g.ruleName(i))
		tree, err := pg_query.Parse(sql)
		if err != nil {
			t.Errorf("%s: %v", g.ruleName(i), err)
			continue
		}
		_, _ = pg_query.Deparse(tree) // it does not know all statements
		lists++
	}
	if lists < 80 {
		t.Errorf("%d lists tried", lists)
	}
}

// TestTooDeep: the statements that end a process, and their relatives, end in 54001.
func TestTooDeep(t *testing.T) {
	const n = 30_000
	for name, sql := range map[string]string{
		"sum":               "SELECT 1" + strings.Repeat("+1", n),
		"concatenation":     "SELECT a" + strings.Repeat("||a", n),
		"prefix operators":  "SELECT " + strings.Repeat("@ ", n) + "1",
		"minus":             "SELECT " + strings.Repeat("- ", n) + "1",
		"not":               "SELECT " + strings.Repeat("NOT ", n) + "a",
		"not over between":  "SELECT " + strings.Repeat("a BETWEEN 1 AND NOT ", n) + "a",
		"casts":             "SELECT 1" + strings.Repeat("::int", n),
		"is null":           "SELECT a" + strings.Repeat(" IS NULL", n),
		"isnull":            "SELECT a" + strings.Repeat(" ISNULL", n),
		"collate":           "SELECT a" + strings.Repeat(` COLLATE "C"`, n),
		"at time zone":      "SELECT a" + strings.Repeat(" AT TIME ZONE 'UTC'", n),
		"parentheses":       "SELECT " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n),
		"subscripts":        "SELECT " + strings.Repeat("a[", n) + "1" + strings.Repeat("]", n),
		"arrays":            "SELECT ARRAY" + strings.Repeat("[", n) + "1" + strings.Repeat("]", n),
		"rows":              "SELECT " + strings.Repeat("ROW(1,", n) + "1" + strings.Repeat(")", n),
		"calls":             "SELECT " + strings.Repeat("f(", n) + "1" + strings.Repeat(")", n),
		"case":              "SELECT " + strings.Repeat("CASE WHEN a THEN ", n) + "1" + strings.Repeat(" END", n),
		"else":              "SELECT " + strings.Repeat("CASE WHEN a THEN 1 ELSE ", n) + "1" + strings.Repeat(" END", n),
		"case operand":      "SELECT " + strings.Repeat("CASE ", n) + "1" + strings.Repeat(" WHEN 1 THEN 1 END", n),
		"sub-selects":       strings.Repeat("SELECT (", n) + "SELECT 1" + strings.Repeat(")", n),
		"from":              strings.Repeat("SELECT FROM (", n) + "SELECT 1" + strings.Repeat(")", n),
		"in":                strings.Repeat("SELECT 1 IN (", n) + "SELECT 1" + strings.Repeat(")", n),
		"exists":            strings.Repeat("SELECT EXISTS (", n) + "SELECT 1" + strings.Repeat(")", n),
		"with":              strings.Repeat("WITH a AS (", n) + "SELECT 1" + strings.Repeat(") SELECT 1", n),
		"union":             "SELECT 1, 2" + strings.Repeat(" UNION ALL SELECT 1, 2", n),
		"except":            "TABLE t" + strings.Repeat(" EXCEPT TABLE t", n),
		"cross join":        "SELECT FROM t" + strings.Repeat(" CROSS JOIN t", n),
		"join":              "SELECT FROM t" + strings.Repeat(" JOIN t ON a AND b", n),
		"join to the right": "SELECT FROM t" + strings.Repeat(" JOIN t", n) + strings.Repeat(" ON a", n),
		"windows":           "SELECT " + strings.Repeat("f() OVER (ORDER BY ", n) + "1" + strings.Repeat(")", n),
		"nested in a chain": strings.Repeat("1+1+1+1+1+1+1+1+1+1+(", 250) + "1" + strings.Repeat(")", 250),
		"chain of brackets": strings.Repeat("(", 200) + "1" + strings.Repeat(")+1+1+1+1+1+1", 200),
		"operator name":     "SELECT 1 OPERATOR(" + strings.Repeat("a.", n) + "+) 1",
		"setting name":      "SET a" + strings.Repeat(" . a", n) + " = 1",
		"begin atomic":      strings.Repeat("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC ", n) + strings.Repeat("; END", n),
	} {
		if name == "nested in a chain" || name == "chain of brackets" {
			sql = "SELECT " + sql
		}
		_, err := Scan(sql, DefaultLimits())
		if err == nil || err.Code != sqlstate.StatementTooComplex || err.Hint == "" && err.Position == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLargeStatements: what applications send is admitted, and parsed.
func TestLargeStatements(t *testing.T) {
	row := "(" + strings.Repeat("'abc', 12345, ", 10) + "1)"
	for name, sql := range map[string]string{
		"values":         "INSERT INTO t VALUES " + strings.Repeat(row+",", 4999) + row,
		"in":             "SELECT * FROM t WHERE id IN (" + strings.Repeat("12345, ", 29_999) + "1)",
		"and":            "SELECT * FROM t WHERE a = 1" + strings.Repeat(" AND a.b <> 1 + 2", 5000),
		"or":             "SELECT * FROM t WHERE a = 1" + strings.Repeat(" OR (a = 2 AND b = 3)", 5000),
		"or in brackets": "SELECT * FROM t WHERE " + strings.Repeat("(", 250) + "a = 1" + strings.Repeat(" OR a = 2)", 250),
		"between":        "SELECT * FROM t WHERE a = 1" + strings.Repeat(" OR a BETWEEN 1 AND 2", 900),
		"union":          "SELECT a + 1, b FROM t" + strings.Repeat(" UNION ALL SELECT a + 1, b FROM t WHERE a = 1 AND b LIKE 'x%'", 200),
		"joins":          "SELECT * FROM t" + strings.Repeat(" LEFT JOIN u AS x ON x.a = t.b AND x.c IS NOT NULL", 200),
		"case":           "SELECT CASE" + strings.Repeat(" WHEN a = 1 AND b > 2 THEN 'x' || y", 2000) + " ELSE 'z' END",
		"concatenation":  "SELECT a" + strings.Repeat(" || 'b'", 900),
		"sub-selects":    strings.Repeat("SELECT * FROM (", 100) + "SELECT 1" + strings.Repeat(") AS x WHERE a = 1", 100),
		"select list":    "SELECT 1" + strings.Repeat(", coalesce(a, 'x') || b::text AS c", 1600),
	} {
		statements, err := Scan(sql, DefaultLimits())
		if err != nil || len(statements) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := pg_query.Parse(sql); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	limits := Limits{Bytes: 40, Tokens: 8, Depth: 3, Chain: 10}
	for sql, code := range map[string]string{
		"SELECT 1, 2, 3, 4":                         "", // 8 tokens
		"SELECT 1, 2, 3, 4;SELECT 1, 2, 3, 4":       "",
		"SELECT 1, 2, 3, 4 x":                       "54001",
		"SELECT (((1)))":                            "",
		"SELECT ((((1":                              "54001",
		"SELECT CASE CASE CASE CASE":                "54001",
		"- - - - - - - -":                           "",
		"x1234567890123456789012345678901234567890": "54000",
		"a;b;c;d;e;f;g;h;":                          "",
		"a;b;c;d;e;f;g;h;i":                         "54000",
		";;;;;;;;;":                                 "54000",
	} {
		_, err := Scan(sql, limits)
		if got := codeOf(err); got != code {
			t.Errorf("%s: %q, want %q", sql, got, code)
		}
	}
	if _, err := Scan("- - - - - - - -", Limits{Bytes: 40, Tokens: 8, Depth: 3, Chain: 7}); codeOf(err) != "54001" {
		t.Errorf("chain: %v", err)
	}
}

func TestWithin(t *testing.T) {
	for stack, chain := range map[uint64]int{1 << 20: 125, 2 << 20: 250, 8 << 20: 1000, 16 << 20: 1000, 1 << 63: 1000} {
		if l := DefaultLimits().Within(stack); l.Chain != chain {
			t.Errorf("%d bytes: %+v", stack, l)
		}
	}
	l := DefaultLimits()
	l.Chain = 5000
	if l = l.Within(16 << 20); l.Chain != 2000 {
		t.Errorf("raised for 16 MiB: %+v", l)
	}
	if stack := ThreadStackBytes(); stack < 64<<10 || stack > 1<<40 {
		t.Errorf("threads have %d bytes", stack)
	}
}

func codeOf(err *sqlstate.Error) string {
	if err == nil {
		return ""
	}
	return err.Code.String()
}
