package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

const (
	generatorSeed            = 20261125
	generatedStatements      = 300
	generatedRefusedShareMax = 0.2
)

// generator makes statements from a small grammar over the shop's tables.
type generator struct {
	rand   *rand.Rand
	params []*string
}

func newGenerator(seed uint64) *generator {
	return &generator{rand: rand.New(rand.NewPCG(seed, seed))}
}

func (g *generator) pick(options ...string) string { return options[g.rand.IntN(len(options))] }

func (g *generator) chance(percent int) bool { return g.rand.IntN(100) < percent }

// The values that predicates compare with, by type.
var generatorValues = map[string][]string{
	"bigint":  {"0", "1", "2", "3", "4", "7", "9", "11", "1000000007", "9223372036854775807", "-1", "42"},
	"numeric": {"0", "0.00", "0.1", "10", "10.000", "12.5", "99.995", "100.00", "-0.01", "1e3", "9999999999.99"},
	"text": {"''", "'Ada'", "'bob@example.com'", "'Berlin'", "'123-45-6789'", "'é'", "'Rome'", "'open'", "'DE'", "'NULL'",
		"'日本@example.com'", "'o''hara@example.com'", `'\x41'`},
	"email":       {"''", "'bob@example.com'", "'日本@example.com'", "'o''hara@example.com'", "'ada2@example.com'", "'null'"},
	"date":        {"'2000-02-29'", "'0044-03-15 BC'", "'infinity'", "'1970-01-01'", "'0001-01-01'"},
	"timestamptz": {"'2024-01-01 00:00:00+00'", "'2024-03-10 03:30:00'", "'infinity'", "'-infinity'", "'2024-02-29'"},
}

type generatorColumn struct {
	name, typ string
	sealed    bool // no order, no expressions
	token     bool // equality
}

var generatorColumns = map[string][]generatorColumn{
	"c": {{"id", "bigint", false, true}, {"name", "text", false, true}, {"email", "text", true, true}, {"ssn", "text", true, true},
		{"phone", "text", true, false}, {"birth_date", "date", true, false}, {"balance", "numeric", true, false},
		{"city", "text", false, true}, {"country", "text", false, true}, {"created_at", "timestamptz", false, true}},
	"o": {{"customer_id", "bigint", false, true}, {"id", "bigint", false, true}, {"amount", "numeric", false, true},
		{"status", "text", false, true}, {"placed_at", "timestamptz", false, true}},
	"k": {{"code", "text", false, true}, {"name", "text", false, true}},
}

// totalOrder is a unique key of each table.
var totalOrder = map[string]string{"c": "c.id", "o": "o.customer_id, o.id", "k": "k.code"}

// generatorSources are the FROM clauses and the aliases that they give.
var generatorSources = []struct {
	from, aliases string
}{
	{"customers c", "c"}, {"orders o", "o"}, {"countries k", "k"},
	{"customers c JOIN orders o ON o.customer_id = c.id", "co"},
	{"customers c LEFT JOIN orders o ON c.id = o.customer_id", "co"},
	{"customers c LEFT JOIN orders o ON c.id = o.customer_id AND o.status = 'open'", "co"},
	{"customers c JOIN countries k ON k.code = c.country", "ck"},
	{"customers c LEFT JOIN countries k ON k.code = c.country", "ck"},
	{"customers c LEFT JOIN orders o ON o.customer_id = c.id LEFT JOIN countries k ON c.country = k.code", "cok"},
	{"customers c, orders o", "co!"}, // with the join in WHERE
	{"(SELECT id, name, email, ssn, phone, birth_date, balance, city, country, created_at FROM customers) c", "c"},
	{"(SELECT customer_id, id, amount, status, placed_at FROM orders WHERE amount > 1) o", "o"},
}

func (g *generator) column(aliases string, fits func(generatorColumn) bool) (string, generatorColumn) {
	for {
		alias := string(aliases[g.rand.IntN(len(aliases))])
		c := generatorColumns[alias][g.rand.IntN(len(generatorColumns[alias]))]
		if fits(c) {
			return alias + "." + c.name, c
		}
	}
}

// compared is a value for a column. E-mail addresses are small letters alone: the gateway folds their case.
func (g *generator) compared(c generatorColumn) string {
	if c.name == "email" {
		return g.value("email")
	}
	return g.value(c.typ)
}

// value writes a literal, a cast literal or a parameter.
func (g *generator) value(typ string) string {
	v := g.pick(generatorValues[typ]...)
	if typ == "email" {
		typ = "text"
	}
	switch {
	case g.chance(25):
		text := strings.ReplaceAll(strings.Trim(v, "'"), "''", "'")
		g.params = append(g.params, &text)
		if g.chance(10) {
			g.params[len(g.params)-1] = nil
		}
		return fmt.Sprintf("$%d", len(g.params))
	case g.chance(10):
		return "NULL"
	case g.chance(15) && typ != "numeric":
		return v + "::" + typ
	}
	return v
}

func (g *generator) predicate(aliases string, depth int) string {
	if depth > 0 && g.chance(35) {
		return "(" + g.predicate(aliases, depth-1) + g.pick(" AND ", " OR ") + g.predicate(aliases, depth-1) + ")"
	}
	if depth > 0 && g.chance(10) {
		return "NOT (" + g.predicate(aliases, depth-1) + ")"
	}
	if g.chance(15) {
		name, _ := g.column(aliases, func(generatorColumn) bool { return true })
		return name + g.pick(" IS NULL", " IS NOT NULL")
	}
	name, c := g.column(aliases, func(c generatorColumn) bool { return c.token })
	switch {
	case g.chance(25):
		values := []string{g.compared(c)}
		for len(values) < 3 && g.chance(60) {
			values = append(values, g.compared(c))
		}
		return name + g.pick(" IN (", " NOT IN (") + strings.Join(values, ", ") + ")"
	case c.sealed || g.chance(40):
		if g.chance(15) {
			return g.compared(c) + g.pick(" = ", " <> ") + name
		}
		return name + g.pick(" = ", " <> ") + g.compared(c)
	case c.typ == "text" && g.chance(50):
		return name + g.pick(" LIKE ", " NOT LIKE ", " ILIKE ") + g.pick("'%a%'", "'B%'", "'_o%'", "'%'")
	case g.chance(25):
		return name + " BETWEEN " + g.compared(c) + " AND " + g.compared(c)
	case g.chance(20):
		return name + g.pick(" IS DISTINCT FROM ", " IS NOT DISTINCT FROM ") + g.compared(c)
	}
	return name + g.pick(" < ", " <= ", " > ", " >= ") + g.compared(c)
}

// expression is one output without aggregates.
func (g *generator) expression(aliases string) string {
	name, c := g.column(aliases, func(generatorColumn) bool { return true })
	if c.sealed || g.chance(50) {
		return name
	}
	switch c.typ {
	case "bigint":
		return g.pick(name+" % 7", name+"::text", name+" / 2", "-"+name, name+"::numeric * 1.50", "coalesce("+name+", 0)", "abs("+name+")")
	case "numeric":
		return g.pick(name+" * 2.50", "round("+name+", 1)", name+"::text", name+" + 1", name+"::numeric(14,3)", "greatest("+name+", 5)")
	case "text":
		return g.pick("upper("+name+")", "length("+name+")", name+" || '!'", "coalesce("+name+", 'none')", "nullif("+name+", 'Ada')",
			name+"::varchar(3)", "CASE WHEN "+name+" = 'Rome' THEN 1 ELSE 2 END", name+" = 'Ada'")
	}
	return g.pick(name+"::date", "date_trunc('month', "+name+")", name+" AT TIME ZONE 'UTC'", name+"::timestamp(3)", "extract(year FROM "+name+")")
}

// statement makes one statement. Any refusal will do: that it is none is what the written ones are for.
func (g *generator) statement() *oracleCase {
	g.params = nil
	if g.chance(25) {
		return g.write()
	}
	source := generatorSources[g.rand.IntN(len(generatorSources))]
	aliases := strings.TrimSuffix(source.aliases, "!")
	var where []string
	if aliases != source.aliases {
		where = append(where, "c.id = o.customer_id")
	}
	if g.chance(20) && aliases[0] != 'k' {
		key := map[byte]string{'c': "c.id", 'o': "o.customer_id"}[aliases[0]]
		where = append(where, key+" = "+g.value("bigint"))
	}
	for g.chance(45) {
		where = append(where, g.predicate(aliases, 2))
	}
	c := &oracleCase{refused: "*"}
	var b strings.Builder
	if g.chance(30) {
		g.aggregates(&b, c, source.from, aliases, where)
	} else {
		g.rows(&b, c, source.from, aliases, where)
	}
	c.sql, c.params = []string{b.String()}, g.params
	return c
}

func writeWhere(b *strings.Builder, where []string) {
	if len(where) > 0 {
		b.WriteString(" WHERE " + strings.Join(where, " AND "))
	}
}

func (g *generator) rows(b *strings.Builder, c *oracleCase, from, aliases string, where []string) {
	var outputs []string
	for i := range 1 + g.rand.IntN(4) {
		output := g.expression(aliases)
		if g.chance(20) {
			output += fmt.Sprintf(" AS x%d", i)
		}
		outputs = append(outputs, output)
	}
	if g.chance(10) {
		outputs = []string{"*"}
	}
	b.WriteString("SELECT " + strings.Join(outputs, ", ") + " FROM " + from)
	writeWhere(b, where)
	if !g.chance(50) {
		return
	}
	var keys []string
	if g.chance(60) {
		key, _ := g.column(aliases, func(c generatorColumn) bool { return !c.sealed && (c.typ != "text" || g.chance(10)) || aliases == "k" })
		keys = append(keys, key+g.direction())
	}
	for _, alias := range strings.Split(aliases, "") {
		for _, key := range strings.Split(totalOrder[alias], ", ") {
			if alias != "k" || aliases == "k" { // there is one country at most for each customer
				keys = append(keys, key+g.direction())
			}
		}
	}
	b.WriteString(" ORDER BY " + strings.Join(keys, ", "))
	c.ordered = true
	g.limits(b)
}

func (g *generator) direction() string {
	return g.pick("", " ASC", " DESC") + g.pick("", "", " NULLS FIRST", " NULLS LAST")
}

func (g *generator) limits(b *strings.Builder) {
	if g.chance(50) {
		b.WriteString(" LIMIT " + g.pick("0", "1", "3", "10", "1000", "NULL", "ALL", "'2'", "2.5"))
	}
	if g.chance(30) {
		b.WriteString(" OFFSET " + g.pick("0", "1", "5", "1000", "NULL"))
	}
}

func (g *generator) aggregates(b *strings.Builder, c *oracleCase, from, aliases string, where []string) {
	outputs := []string{"count(*)"}
	for g.chance(60) {
		name, column := g.column(aliases, func(generatorColumn) bool { return true })
		function := g.pick("count", "min", "max", "sum")
		if column.sealed || function == "sum" && column.typ != "bigint" && column.typ != "numeric" {
			function = "count"
		}
		outputs = append(outputs, function+"("+name+")")
	}
	var group string
	if g.chance(60) {
		group, _ = g.column(aliases, func(c generatorColumn) bool { return !c.sealed })
		outputs = append([]string{group}, outputs...)
	}
	b.WriteString("SELECT " + strings.Join(outputs, ", ") + " FROM " + from)
	writeWhere(b, where)
	if group == "" {
		return
	}
	b.WriteString(" GROUP BY " + g.pick(group, "1"))
	if g.chance(40) {
		b.WriteString(" ORDER BY " + group + g.direction())
		c.ordered = true
		g.limits(b)
	}
}

// write makes an INSERT, UPDATE or DELETE of rows of one shard key, most of the time.
func (g *generator) write() *oracleCase {
	alias, table, key := "c", "customers", "id"
	if g.chance(40) {
		alias, table, key = "o", "orders", "customer_id"
	}
	var b strings.Builder
	if g.chance(30) {
		g.insert(&b, alias, table, key)
	} else {
		where := []string{alias + "." + key + " = " + g.value("bigint")}
		for g.chance(40) {
			where = append(where, g.predicate(alias, 1))
		}
		if g.chance(60) {
			var set []string
			for _, c := range generatorColumns[alias] {
				if c.name != key && g.chance(25) {
					set = append(set, c.name+" = "+g.assigned(c))
				}
			}
			if len(set) == 0 {
				set = []string{key + " = " + key}
			}
			b.WriteString("UPDATE " + table + " AS " + alias + " SET " + strings.Join(set, ", "))
		} else {
			b.WriteString("DELETE FROM " + table + " " + alias)
		}
		writeWhere(&b, where)
	}
	if g.chance(70) {
		outputs := []string{g.expression(alias), g.expression(alias)}
		b.WriteString(" RETURNING " + strings.Join(outputs, ", "))
	}
	return &oracleCase{sql: []string{b.String()}, params: g.params, refused: "*"}
}

func (g *generator) insert(b *strings.Builder, alias, table, key string) {
	var columns []string
	rows := make([][]string, 1+g.rand.IntN(2))
	for _, c := range generatorColumns[alias] {
		if c.name == "created_at" || c.name == "placed_at" || g.chance(80) || c.name == key {
			columns = append(columns, c.name)
			for i := range rows {
				switch {
				case c.typ == "timestamptz": // the default is the clock's
					rows[i] = append(rows[i], "'2024-01-02 03:04:05'")
				case c.name == key:
					rows[i] = append(rows[i], g.pick("5", "9", "13", "17", "'5'"))
				default:
					rows[i] = append(rows[i], g.assigned(c))
				}
			}
		}
	}
	b.WriteString("INSERT INTO " + table + " AS " + alias + " (" + strings.Join(columns, ", ") + ") VALUES ")
	for i, row := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(" + strings.Join(row, ", ") + ")")
	}
}

// assigned is what a column is set to.
func (g *generator) assigned(c generatorColumn) string {
	switch {
	case c.typ == "timestamptz", g.chance(70):
		return g.value(c.typ)
	case g.chance(10):
		return "DEFAULT"
	case c.typ == "bigint":
		return g.pick("1.5", "'12'", "2 + 3", "99999999999999999999", "'x'", "-3")
	case c.typ == "numeric":
		return g.pick("1.005", "'1.004'", "-0.005", "1e9", "'NaN'", "12345678901", "'infinity'", "'x'", "5")
	case c.typ == "date":
		return g.pick("'epoch'", "'1/2/2003'", "'20030102'", "'2003-02-30'", "'x'", "'2003-01-02 10:00:00'", "'-infinity'", "'J2451187'")
	}
	return g.pick("'paid'", "'FR'", "5", "1.50", "true", `E'a\tb'`, "'x'::varchar", "'2000-01-01'::date")
}
