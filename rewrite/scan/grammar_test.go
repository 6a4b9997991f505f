package scan

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// grammar is PostgreSQL's, taken out of the very parser that stands behind the scanner: bison writes the right-hand
// sides of the rules into src_backend_parser_gram.c (yyprhs, yyrhs, yytname), for its own traces.
type grammar struct {
	names  []string
	tokens int // symbols below are terminals
	rules  []rule
	byLeft map[int][]int
	text   map[string][]string // of a terminal
	height []int               // of the lowest tree below a symbol
	// barred are rules that the grammar's actions refuse, or nearly always refuse.
	barred       map[int]bool
	surroundings map[int]pump // of a symbol
}

type rule struct {
	left  int
	right []int
}

var loadGrammar = sync.OnceValues(func() (*grammar, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/pganalyze/pg_query_go/v5").Output()
	if err != nil {
		return nil, err
	}
	parser := filepath.Join(strings.TrimSpace(string(dir)), "parser")
	source, err := os.ReadFile(filepath.Join(parser, "src_backend_parser_gram.c"))
	if err != nil {
		return nil, err
	}
	keywords, err := os.ReadFile(filepath.Join(parser, "include/postgres/parser/kwlist.h"))
	if err != nil {
		return nil, err
	}
	return readGrammar(string(source), string(keywords)), nil
})

func mustGrammar(t testing.TB) *grammar {
	t.Helper()
	g, err := loadGrammar()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func readGrammar(source, keywords string) *grammar {
	array := func(name string) string {
		return regexp.MustCompile(`(?s)\b` + name + `\[\] =\s*\{(.*?)\};`).FindStringSubmatch(source)[1]
	}
	numbers := func(name string) (out []int) {
		text := regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(array(name), "")
		for _, n := range regexp.MustCompile(`-?\d+`).FindAllString(text, -1) {
			i, _ := strconv.Atoi(n)
			out = append(out, i)
		}
		return out
	}
	g := &grammar{byLeft: map[int][]int{}, text: map[string][]string{}}
	for _, n := range regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(array("yytname"), -1) {
		g.names = append(g.names, n[1])
	}
	g.tokens, _ = strconv.Atoi(regexp.MustCompile(`#define YYNTOKENS\s+(\d+)`).FindStringSubmatch(source)[1])
	starts, symbols, lefts := numbers("yyprhs"), numbers("yyrhs"), numbers("yyr1")
	for i := 1; i < len(starts); i++ {
		r := rule{left: lefts[i]}
		for j := starts[i]; symbols[j] != -1; j++ {
			r.right = append(r.right, symbols[j])
		}
		g.byLeft[r.left] = append(g.byLeft[r.left], len(g.rules))
		g.rules = append(g.rules, r)
	}
	for _, k := range regexp.MustCompile(`PG_KEYWORD\("(\w+)", (\w+),`).FindAllStringSubmatch(keywords, -1) {
		g.text[k[2]] = []string{k[1], strings.ToUpper(k[1])}
	}
	for la, word := range map[string]string{
		"NOT_LA": "NOT", "WITH_LA": "WITH", "NULLS_LA": "NULLS", "FORMAT_LA": "FORMAT", "WITHOUT_LA": "WITHOUT"} {
		g.text[la] = []string{word}
	}
	for name, texts := range map[string][]string{
		"IDENT":          {"a", "b", "t", `"x y"`, `"a""b"`, "e$1", "ünder", `U&"d\0061t"`, `U&"d!0061t" UESCAPE '!'`},
		"ICONST":         {"0", "1", "42", "2147483647", "0x1F", "0o17", "0b11", "1_000", "007"},
		"FCONST":         {"2147483648", "9223372036854775807", "9223372036854775808", "1.5", ".5", "5.", "1e10", "1_0.2_5E-1_0", "0xFFFFFFFFFF", "99999999999999999999"},
		"SCONST":         {"'abcdef'", "''", "'it''s'", "'a'\n'b'", `E'a\'b\n\u0041\x41\101'`, `U&'d\0061t'`, `U&'d!0061t' UESCAPE '!'`, "$$d$q$$", "$tag$a$$b$tag$", `'\'`, "'--'", "'/*'", "';'"},
		"BCONST":         {"b'0101'", "B''"},
		"XCONST":         {"x'1F'", "X'a'\n'b'"},
		"PARAM":          {"$1", "$2"},
		"Op":             {"||", "@>", "?-", "~", "->>", "!!", "@-", "&&", "<->"},
		"TYPECAST":       {"::"},
		"DOT_DOT":        {".."},
		"COLON_EQUALS":   {":="},
		"EQUALS_GREATER": {"=>"},
		"LESS_EQUALS":    {"<="},
		"GREATER_EQUALS": {">="},
		"NOT_EQUALS":     {"<>", "!="},
	} {
		g.text[name] = texts
	}
	for s := range g.tokens {
		if n := g.names[s]; strings.HasPrefix(n, "'") && len(n) == 3 {
			g.text[n] = []string{n[1:2]}
		}
	}
	g.measure()
	g.barred, g.surroundings = map[int]bool{}, map[int]pump{}
	for i := range g.rules {
		switch g.ruleName(i) {
		case "qualified_name: ColId indirection", "func_name: ColId indirection", "xmltable_column_option_el: IDENT b_expr":
			g.barred[i] = true
		}
	}
	return g
}

func (g *grammar) ruleName(i int) string {
	name := g.names[g.rules[i].left] + ":"
	for _, s := range g.rules[i].right {
		name += " " + g.names[s]
	}
	return name
}

// measure finds the height of the lowest tree below each symbol; none for terminals that no text makes.
func (g *grammar) measure() {
	const none = 1 << 20
	g.height = make([]int, len(g.names))
	for s := range g.height {
		if s >= g.tokens || g.text[g.names[s]] == nil {
			g.height[s] = none
		}
	}
	for changed := true; changed; {
		changed = false
		for _, r := range g.rules {
			if h := g.ruleHeight(r); h < g.height[r.left] {
				g.height[r.left] = h
				changed = true
			}
		}
	}
}

func (g *grammar) ruleHeight(r rule) int {
	h := 0
	for _, s := range r.right {
		h = max(h, g.height[s])
	}
	return h + 1
}

func (g *grammar) symbol(name string) int {
	for s, n := range g.names {
		if n == name {
			return s
		}
	}
	panic("no symbol " + name)
}

// sentence derives a random text from a symbol.
func (g *grammar) sentence(r *rand.Rand, start string, height int) string {
	var words []string
	var derive func(symbol, height int)
	derive = func(symbol, height int) {
		if symbol < g.tokens {
			texts := g.text[g.names[symbol]]
			words = append(words, texts[r.IntN(len(texts))])
			return
		}
		var fitting []int
		for _, i := range g.byLeft[symbol] {
			if g.ruleHeight(g.rules[i]) <= max(height, g.height[symbol]) {
				fitting = append(fitting, i)
			}
		}
		for _, s := range g.rules[fitting[r.IntN(len(fitting))]].right {
			if len(words) > 300 {
				height = 0
			}
			derive(s, height-1)
		}
	}
	derive(g.symbol(start), height)
	blanks := []string{" ", " ", " ", "\n", "\t", "\f", " /* c */ ", " -- c\n", ""}
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			blank := " "
			if r.IntN(4) == 0 {
				blank = blanks[r.IntN(len(blanks))]
			}
			if blank == "" && !(strings.Contains("(),[];", w) || strings.Contains("(),[];", words[i-1])) {
				blank = " "
			}
			if strings.Contains(blank, "c") && lookahead[strings.ToUpper(words[i-1])] {
				blank = " "
			}
			b.WriteString(blank)
		}
		b.WriteString(w)
	}
	return b.String()
}

// statement derives a random statement.
func (g *grammar) statement(r *rand.Rand) string {
	height := 4 + r.IntN(40)
	switch r.IntN(8) {
	case 0, 1:
		return "SELECT " + g.sentence(r, "a_expr", height)
	case 2:
		return "SELECT " + g.sentence(r, "func_expr", height)
	case 3:
		return "SELECT FROM " + g.sentence(r, "table_ref", height)
	case 4:
		return g.sentence(r, "InsertStmt", height)
	case 5:
		return g.sentence(r, "stmt", height)
	}
	return g.sentence(r, "SelectStmt", height)
}

// lookahead are the words behind which libpg_query, which hands comments to its parser's filter as tokens, reads wrong.
var lookahead = map[string]bool{"NOT": true, "NULLS": true, "WITH": true, "WITHOUT": true, "FORMAT": true}

// step is one place in a rule where the derivation goes on; what stands left and right of it is as short as can be.
type step struct {
	rule, place int
}

// cycles returns, for each place of each rule from which a derivation comes back to the rule's left side, the shortest
// way around. Lists are left out: what they repeat is flat.
func (g *grammar) cycles(r *rand.Rand) [][]step {
	var out [][]step
	for i, rule := range g.rules {
		for place, s := range rule.right {
			if s < g.tokens || place == 0 && s == rule.left && g.isList(rule) || g.barred[i] {
				continue
			}
			if back, ok := g.way(s, rule.left, r); ok {
				out = append(out, append([]step{{i, place}}, back...))
			}
		}
	}
	return out
}

// isList reports whether a rule that begins with its own left side only goes on to a next item.
func (g *grammar) isList(r rule) bool {
	name := g.names[r.left]
	return name != "a_expr" && name != "b_expr"
}

// way finds the shortest derivation from one symbol to another, by the number of rules.
//
// What r is given for shuffles the rules, so that another of the shortest derivations may be found.
func (g *grammar) way(from, to int, r *rand.Rand) ([]step, bool) {
	type node struct {
		before *node
		symbol int
		step   step
	}
	queue, seen := []*node{{symbol: from}}, map[int]bool{from: true}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		if n.symbol == to {
			var steps []step
			for ; n.before != nil; n = n.before {
				steps = append([]step{n.step}, steps...)
			}
			return steps, true
		}
		rules := g.byLeft[n.symbol]
		if r != nil {
			rules = slices.Clone(rules)
			r.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
		}
		for _, i := range rules {
			if g.barred[i] {
				continue
			}
			for place, s := range g.rules[i].right {
				if s >= g.tokens && !seen[s] && g.ruleHeight(g.rules[i]) < 1<<20 {
					seen[s] = true
					queue = append(queue, &node{n, s, step{i, place}})
				}
			}
		}
	}
	return nil, false
}

// around returns what stands left and right of the last place of the steps.
func (g *grammar) around(steps []step) (left, right string) {
	for _, s := range steps {
		symbols := g.rules[s.rule].right
		left += g.shortest(symbols[:s.place])
		right = g.shortest(symbols[s.place+1:]) + right
	}
	return left, right
}

// shortest is the lowest sentence of symbols.
func (g *grammar) shortest(symbols []int) string {
	text := ""
	for _, s := range symbols {
		if s < g.tokens {
			text += g.text[g.names[s]][0] + " "
			continue
		}
		best := -1
		for _, i := range g.byLeft[s] {
			if best < 0 || g.ruleHeight(g.rules[i]) < g.ruleHeight(g.rules[best]) {
				best = i
			}
		}
		text += g.shortest(g.rules[best].right)
	}
	return text
}

// pump is a statement in which a cycle can be repeated.
type pump struct {
	before, left, middle, right, after string
}

func (p pump) times(n int) string {
	return p.before + strings.Repeat(p.left, n) + p.middle + strings.Repeat(p.right, n) + p.after
}

// pump makes a statement around a cycle.
func (g *grammar) pump(cycle []step) pump {
	start := g.rules[cycle[0].rule].left
	p, ok := g.surroundings[start]
	if !ok {
		for _, s := range []string{"SelectStmt", "InsertStmt", "UpdateStmt", "MergeStmt", "IndexStmt", "stmt"} {
			if way, ok := g.way(g.symbol(s), start, nil); ok {
				p.before, p.after = g.around(way)
				break
			}
		}
		p.middle = g.shortest([]int{start})
		g.surroundings[start] = p
	}
	p.left, p.right = g.around(cycle)
	return p
}

// cycleName shows a cycle by its rules.
func (g *grammar) cycleName(cycle []step) string {
	var b strings.Builder
	for i, s := range cycle {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(g.names[g.rules[s.rule].left] + ":")
		for j, symbol := range g.rules[s.rule].right {
			if j == s.place {
				b.WriteString(" <" + g.names[symbol] + ">")
			} else {
				b.WriteString(" " + g.names[symbol])
			}
		}
	}
	return b.String()
}
