package rewrite

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/portcullisdb/portcullis/config/policy"
)

// String prints the plan for people: one line for each thing that will be done. Golden files and `portcullis explain`
// print the same. It holds no value of a client: literals are "literal", parameters their number.
func (p *Plan) String() string {
	var b strings.Builder
	line := func(word, format string, args ...any) {
		fmt.Fprintf(&b, "%-8s "+format+"\n", append([]any{word}, args...)...)
	}
	switch p.Destination {
	case DestinationSession:
		line("session", "%s", p.Session.text())
		return b.String()
	case DestinationLogical:
		line("sql", "%s", p.Text.Fragments[0])
	case DestinationShards:
		line("sql", "%s", p.sql())
	}
	for i, in := range p.Inputs {
		line("param", "$%d %s", i+1, p.inputText(in))
	}
	for _, c := range p.Columns {
		if text := p.outputText(p.Outputs[c.Output]); text != "" {
			line("column", "%s %s", c.Name, text)
		}
	}
	if p.Destination == DestinationLogical {
		line("route", "logical database%s", map[bool]string{true: ", which the session keeps"}[p.Holds != 0])
		return b.String()
	}
	line("route", "%s", p.routeText())
	if text := p.mergeText(); text != "" {
		line("merge", "%s", text)
	}
	return b.String()
}

// sql is the physical text with logical names at the places of nodes' tables.
func (p *Plan) sql() string {
	var b strings.Builder
	for i, fragment := range p.Text.Fragments {
		b.WriteString(fragment)
		if i < len(p.Text.Tables) {
			table := p.Route.Tables[p.Text.Tables[i]].Table
			b.WriteString(quoted(table.Name.Name))
			if table.Placement == policy.Sharded {
				b.WriteString("_*")
			}
		}
	}
	return b.String()
}

// quoted quotes a name where SQL would need it.
func quoted(name string) string {
	plain := name != ""
	for i, r := range name {
		plain = plain && (r == '_' || r >= 'a' && r <= 'z' || i > 0 && r >= '0' && r <= '9')
	}
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func (p *Plan) inputText(in Input) string {
	from := sourceText(in.Source)
	switch in.Transform {
	case Seal:
		return from + " -> sealed for " + p.Sealed[in.Sealed].name()
	case EqualityToken:
		return from + " -> equality token of " + p.Sealed[in.Sealed].name()
	}
	return from
}

func (s *SealedColumn) name() string { return s.Table.Name + "." + s.Column }

func sourceText(s Source) string {
	sign := ""
	if s.Negate {
		sign = "-"
	}
	switch s.Kind {
	case FromParam:
		return "parameter $" + strconv.Itoa(s.Index+1)
	case FromConstant:
		return sign + "literal " + strconv.Itoa(s.Index+1)
	case FromGenerated:
		return "generated key of row " + strconv.Itoa(s.Index+1)
	case FromSession:
		return [...]string{"user", "database", "schema", "backend pid"}[s.Index] + " of the session"
	}
	return "NULL"
}

func (p *Plan) outputText(o Output) string {
	var steps []string
	if len(o.Open) > 0 {
		var from []string
		for _, i := range o.Open {
			from = append(from, p.Sealed[i].name())
		}
		steps = append(steps, "<- opened "+strings.Join(from, " or "))
	}
	if o.Mask != nil {
		steps = append(steps, "<- masked by "+o.Mask.Type)
	}
	return strings.Join(steps, " ")
}

func (p *Plan) routeText() string {
	r := &p.Route
	if r.Lead < 0 {
		t := r.Tables[0].Table
		if t.Placement == policy.Broadcast {
			return "any node"
		}
		return "node " + t.Nodes[0].Datasource + "." + t.Nodes[0].Table
	}
	lead := r.Tables[r.Lead].Table
	text := "all"
	switch {
	case r.Rows != nil:
		var rows []string
		for _, o := range r.Rows {
			rows = append(rows, sourceText(o.Source))
		}
		text = lead.Name.Name + "." + lead.Shard.Column + " = " + strings.Join(rows, ", ")
	case r.Condition != nil:
		text = r.Condition.text(lead)
	}
	if r.One {
		text += ", one node"
	}
	return text
}

func (c *Condition) text(lead *policy.Table) string {
	key := lead.Name.Name + "." + lead.Shard.Column
	switch c.Kind {
	case ConditionNone:
		return "none"
	case ConditionIn:
		var list []string
		for _, o := range c.Operands {
			list = append(list, sourceText(o.Source))
		}
		if len(list) == 1 {
			return key + " = " + list[0]
		}
		return key + " in " + strings.Join(list, ", ")
	}
	var parts []string
	for _, child := range c.Children {
		parts = append(parts, child.text(lead))
	}
	word := " and "
	if c.Kind == ConditionOr {
		word = " or "
	}
	return "(" + strings.Join(parts, word) + ")"
}

func (p *Plan) mergeText() string {
	m := &p.Merge
	var parts []string
	if m.Kind == MergeGrouped {
		var groups []string
		for _, g := range m.Groups {
			groups = append(groups, p.columnName(g))
		}
		text := "one group"
		if len(groups) > 0 {
			text = "group by " + strings.Join(groups, ", ")
		}
		for _, a := range m.Aggregates {
			text += ", " + a.Function + " of column " + strconv.Itoa(a.Output+1)
		}
		parts = append(parts, text)
	}
	if len(m.Order) > 0 {
		var keys []string
		for _, k := range m.Order {
			text := p.columnName(k.Output)
			if k.Descending {
				text += " descending"
			}
			if k.NullsFirst != k.Descending {
				text += map[bool]string{true: " nulls first", false: " nulls last"}[k.NullsFirst]
			}
			keys = append(keys, text)
		}
		parts = append(parts, "order by "+strings.Join(keys, ", "))
	}
	if m.Limit != nil {
		parts = append(parts, "limit "+sourceText(m.Limit.Source))
	}
	if m.Offset != nil {
		parts = append(parts, "offset "+sourceText(m.Offset.Source))
	}
	return strings.Join(parts, "; ")
}

func (p *Plan) columnName(output int) string {
	for _, c := range p.Columns {
		if c.Output == output {
			return c.Name
		}
	}
	return "hidden column " + strconv.Itoa(output+1)
}

func (s *SessionAction) text() string {
	parts := []string{s.Kind}
	if s.Name != "" {
		parts = append(parts, s.Name)
	}
	if len(s.Values) > 0 {
		parts = append(parts, "to", strconv.Itoa(len(s.Values)), "value(s)")
	}
	parts = append(parts, s.Modes...)
	if s.Chain {
		parts = append(parts, "AND CHAIN")
	}
	if len(s.ParamOIDs) > 0 {
		parts = append(parts, "with parameters of types", strings.Trim(fmt.Sprint(s.ParamOIDs), "[]"))
	}
	for i, a := range s.Arguments {
		parts = append(parts, fmt.Sprintf("$%d = %s", i+1, a.text()))
	}
	for _, c := range s.Calls {
		parts = append(parts, c.text())
	}
	switch s.Kind {
	case "NOTHING":
		parts = append(parts, "for", s.Tag)
	case "DECLARE":
		if s.Binary {
			parts = append(parts, "BINARY")
		}
		if s.Scroll {
			parts = append(parts, "SCROLL")
		}
		if s.Hold {
			parts = append(parts, "WITH HOLD")
		}
	case "FETCH", "MOVE":
		count := strconv.FormatInt(s.Count, 10)
		if s.Count == FetchAll {
			count = "ALL"
		}
		parts = append(parts, [...]string{"FORWARD", "BACKWARD", "ABSOLUTE", "RELATIVE"}[s.Direction], count)
	}
	return strings.Join(parts, " ")
}

func (c *SettingCall) text() string {
	arguments := make([]string, len(c.Arguments))
	for i := range c.Arguments {
		arguments[i] = c.Arguments[i].text()
	}
	return c.Function + "(" + strings.Join(arguments, ", ") + ")"
}

func (a *Argument) text() string {
	what := sourceText(a.Source)
	if a.Boolean {
		what = strconv.FormatBool(a.Value)
	}
	return fmt.Sprintf("%s of type %d", what, a.TypeOID)
}
