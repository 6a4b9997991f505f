package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/config/policy"
)

// precision says how exactly a rule names a column. The zero precision does not name it.
type precision int

const (
	precisionNone precision = iota
	precisionTag
	precisionPattern
	precisionExact
)

// rule is a rule of the file that was understood.
type rule struct {
	source *Rule
	access policy.Access
	// fits holds how exactly the rule names each listed column.
	fits map[policy.ColumnName]precision
}

// views decides what each role set may see. Columns that a rule names, or that are encrypted, become protected columns of
// their tables first.
func (c *databaseCompiler) views(d *policy.Database, roleSets [][]string) map[string]*policy.View {
	rules := c.rules()
	for i := range c.tables {
		entry := &c.tables[i]
		for _, column := range entry.columns {
			switch {
			case column.column.Encrypt != nil || column.named:
				entry.table.Columns[column.column.Name] = column.column
			case len(rules) == len(c.source.Policies):
				c.problems.add(column.source.At(), "add encrypt, or a rule under policies",
					"column %q of table %q is listed, but neither encrypted nor named by a policy", column.column.Name, entry.source.Key)
			}
		}
	}
	views := map[string]*policy.View{}
	for _, roles := range roleSets {
		view := &policy.View{Roles: roles, Columns: map[policy.ColumnName]policy.Access{}}
		for i := range c.tables {
			table := c.tables[i].table
			for _, name := range slices.Sorted(maps.Keys(table.Columns)) {
				column := policy.ColumnName{Table: table.Name, Column: name}
				view.Columns[column] = c.decide(rules, column, roles)
			}
		}
		views[roleSetKey(roles)] = view
	}
	return views
}

// rules understands the rules in written order. Rules with mistakes are reported and left out.
func (c *databaseCompiler) rules() []rule {
	var rules []rule
	for _, source := range c.source.Policies {
		before := len(c.problems.list)
		one := rule{source: source, fits: map[policy.ColumnName]precision{}}
		c.selectors(&one)
		c.ruleRoles(source)
		c.ruleAccess(&one)
		if !source.broken && len(c.problems.list) == before {
			rules = append(rules, one)
		}
	}
	return rules
}

// ruleAccess fills what the rule decides.
func (c *databaseCompiler) ruleAccess(r *rule) {
	s := r.source
	r.access.Rule = s.At().base()
	var effects []string
	for _, one := range []struct {
		key   string
		value *bool
	}{{"reveal", s.Reveal}, {"deny", s.Deny}} {
		if one.value == nil {
			continue
		}
		effects = append(effects, one.key)
		if !*one.value && !s.broken {
			c.problems.add(s.At(one.key), "remove the key: what no rule reveals is denied", "%s: false means nothing", one.key)
		}
	}
	if s.Mask != nil {
		effects = append(effects, "mask")
	}
	switch {
	case s.broken:
		return
	case len(effects) == 0:
		c.problems.add(s.At(), "", "a policy says neither reveal nor mask nor deny")
		return
	case len(effects) > 1:
		c.problems.add(s.At(), "write one of them", "a policy says both %s", strings.Join(effects, " and "))
		return
	}
	switch effects[0] {
	case "reveal":
		r.access.Right, r.access.Write = policy.Reveal, true
		if s.written("predicates") {
			c.problems.add(s.At("predicates"), "a revealed column may be used in every predicate",
				"predicates has no effect beside reveal")
		}
		if s.Write != nil && !*s.Write {
			c.problems.add(s.At("write"), "a revealed column may be written", "write: false beside reveal is not supported")
		}
	case "mask":
		r.access.Right = policy.Masked
		r.access.Mask = &policy.Mask{Type: s.Mask.Type, Props: maps.Clone(s.Mask.Props), OnUnmaskable: s.Mask.OnUnmaskable}
		c.ruleMask(r)
	}
	if r.access.Right != policy.Reveal {
		r.access.Predicates = predicateSet(s.Predicates)
		r.access.Write = s.Write != nil && *s.Write
	}
}

// ruleMask checks the mask against the type of each column that the rule names.
func (c *databaseCompiler) ruleMask(r *rule) {
	mask := r.source.Mask
	for _, entry := range c.tables {
		for _, column := range entry.columns {
			name := policy.ColumnName{Table: entry.table.Name, Column: column.column.Name}
			if r.fits[name] == precisionNone || column.column.Type == "" || column.source.broken || column.refused {
				continue
			}
			if err := c.validators.Mask(mask.Type, maps.Clone(mask.Props), mask.OnUnmaskable, column.column.Type); err != nil {
				c.problems.addCause(mask.At(),
					fmt.Sprintf("mask for column %q of table %q", column.column.Name, entry.source.Key), err, "")
			}
		}
	}
}

func predicateSet(names []string) (set policy.PredicateSet) {
	for _, name := range names {
		switch name {
		case "eq":
			set |= policy.PredicateEq
		case "in":
			set |= policy.PredicateIn
		case "null":
			set |= policy.PredicateNull
		case "range":
			set |= policy.PredicateRange
		case "like":
			set |= policy.PredicateLike
		}
	}
	return set
}

// ruleRoles reports roles that nobody has: a misspelt role would leave the rule without effect.
func (c *databaseCompiler) ruleRoles(s *Rule) {
	if s.written("roles") && len(s.Roles) == 0 && !s.broken {
		c.problems.add(s.At("roles"), "remove the key for a rule that fits every role", "roles is empty")
	}
	known, all := c.config.roles()
	if !all {
		return // the user is the mistake
	}
	for _, role := range s.Roles {
		if role != "" && !slices.Contains(known, role) {
			c.problems.add(s.At("roles"), didYouMean(role, known, "known roles"), "no user has the role %q", role)
		}
	}
}

// selectors finds the listed columns that the rule names.
func (c *databaseCompiler) selectors(r *rule) {
	s := r.source
	if !s.broken {
		switch {
		case len(s.Columns) == 0 && len(s.Tags) == 0:
			c.problems.add(s.At(), `columns: ["*"] means every column`, "a policy names neither columns nor tags")
		case len(s.Columns) > 0 && len(s.Tags) > 0:
			c.problems.add(s.At("tags"), "write two policies", "a policy names both columns and tags")
		}
	}
	for _, text := range s.Columns {
		if text != "" {
			c.columnSelector(r, text)
		}
	}
	for _, tag := range s.Tags {
		if tag != "" {
			c.tagSelector(r, tag)
		}
	}
}

func (c *databaseCompiler) tagSelector(r *rule, tag string) {
	found := false
	var known []string
	for i := range c.tables {
		for j := range c.tables[i].columns {
			column := &c.tables[i].columns[j]
			known = append(known, column.column.Tags...)
			if slices.Contains(column.column.Tags, tag) {
				found = true
				c.fit(r, &c.tables[i], column, precisionTag)
			}
		}
	}
	if !found && !c.anyTableLost() {
		c.problems.add(r.source.At("tags"), didYouMean(tag, sortedSet(known), "known tags"), "no column has the tag %q", tag)
	}
}

// anyTableLost reports whether there may be tables, columns or tags that were not understood, and then reported.
func (c *databaseCompiler) anyTableLost() bool {
	return c.source.lacks("tables") || len(c.tables) < len(c.source.Tables) ||
		slices.ContainsFunc(c.source.Tables, func(t *Table) bool {
			return t.lacks("columns") || slices.ContainsFunc(t.Columns, func(column *Column) bool { return column.lacks("tags") })
		})
}

func (c *databaseCompiler) fit(r *rule, entry *tableEntry, column *columnEntry, p precision) {
	column.named = true
	name := policy.ColumnName{Table: entry.table.Name, Column: column.column.Name}
	r.fits[name] = max(r.fits[name], p)
}

// selector names columns: three parts, each a name or a pattern.
type selector struct{ schema, table, column part }

// parseSelector reads "*", "table.column" or "schema.table.column". In a part outside double quotes "*" stands for any text.
func parseSelector(text string) (selector, error) {
	parts, err := nameParts(text)
	if err != nil {
		return selector{}, err
	}
	switch {
	case text == "*":
		return selector{parts[0], parts[0], parts[0]}, nil
	case len(parts) == 2:
		return selector{part{text: defaultSchema}, parts[0], parts[1]}, nil
	case len(parts) == 3:
		return selector{parts[0], parts[1], parts[2]}, nil
	}
	return selector{}, fmt.Errorf(`%q does not name a column: write table.column, schema.table.column or "*"`, text)
}

func (p part) isPattern() bool { return !p.quoted && strings.Contains(p.text, "*") }

func (p part) matches(name string) bool {
	if !p.isPattern() {
		return p.text == name
	}
	pieces := strings.Split(p.text, "*")
	rest, ok := strings.CutPrefix(name, pieces[0])
	if !ok {
		return false
	}
	last := pieces[len(pieces)-1]
	for _, piece := range pieces[1 : len(pieces)-1] {
		i := strings.Index(rest, piece)
		if i < 0 {
			return false
		}
		rest = rest[i+len(piece):]
	}
	return strings.HasSuffix(rest, last)
}

func (c *databaseCompiler) columnSelector(r *rule, text string) {
	at := r.source.At("columns")
	s, err := parseSelector(text)
	if err != nil {
		c.problems.addCause(at, "policies", err, "")
		return
	}
	p := precisionExact
	if s.schema.isPattern() || s.table.isPattern() || s.column.isPattern() {
		p = precisionPattern
	}
	found, tableFound := false, false
	for i := range c.tables {
		entry := &c.tables[i]
		if !s.schema.matches(entry.table.Name.Schema) || !s.table.matches(entry.table.Name.Name) {
			continue
		}
		tableFound = true
		for j := range entry.columns {
			if column := &entry.columns[j]; s.column.matches(column.column.Name) {
				found = true
				c.fit(r, entry, column, p)
			}
		}
	}
	switch {
	case found || c.anyTableLost():
	case p == precisionPattern:
		c.problems.add(at, "a pattern fits columns that are listed under a table's columns", "no column fits %q", text)
	case !tableFound:
		c.problems.add(at, didYouMean(shortName(policy.TableName{Schema: s.schema.text, Name: s.table.text}), c.tableKeys(),
			"known tables"), "column %q: unknown table", text)
	default:
		c.unlistedColumn(at, s, text)
	}
}

func (c *databaseCompiler) unlistedColumn(at Position, s selector, text string) {
	entry := c.entry(policy.TableName{Schema: s.schema.text, Name: s.table.text})
	var known []string
	for _, column := range entry.columns {
		known = append(known, column.column.Name)
	}
	hint := didYouMean(s.column.text, known, "")
	if closest(s.column.text, known) == "" {
		hint = fmt.Sprintf("add %s: {type: ...} under databases.%s.tables.%s.columns", s.column.text, c.source.Name,
			entry.source.Key)
	}
	c.problems.add(at, hint, "column %q is not listed under its table", text)
}

// decide returns the one decision for a column and a set of roles. A rule is beaten by one that is at least as precise in
// how it names the column and in whether it names a role, and more precise in one of them; of those that nothing beats
// the strictest wins.
func (c *databaseCompiler) decide(rules []rule, column policy.ColumnName, roles []string) policy.Access {
	var best []rule
	for _, r := range rules {
		if r.fits[column] == precisionNone || !r.fitsRoles(roles) {
			continue
		}
		if slices.ContainsFunc(best, func(b rule) bool { return b.beats(r, column) }) {
			continue
		}
		best = slices.DeleteFunc(best, func(b rule) bool { return r.beats(b, column) })
		best = append(best, r)
	}
	if len(best) == 0 {
		return policy.Access{Right: policy.Deny, Rule: "default"}
	}
	strictest := best[0].access.Right
	for _, r := range best {
		strictest = min(strictest, r.access.Right)
	}
	best = slices.DeleteFunc(best, func(r rule) bool { return r.access.Right != strictest })
	access := best[0].access
	for _, r := range best[1:] {
		if !sameMask(access.Mask, r.access.Mask) {
			c.problems.add(r.source.At("mask"),
				"let one of them name the column or the role more exactly, or give both the same mask",
				"column %q of table %q has two masks for %s: this one and that of line %d", column.Column, shortName(column.Table),
				rolesForPeople(roles), best[0].source.At("mask").Line)
			break
		}
		access.Predicates &= r.access.Predicates
		access.Write = access.Write && r.access.Write
	}
	return access
}

func (r rule) fitsRoles(roles []string) bool {
	return len(r.source.Roles) == 0 ||
		slices.ContainsFunc(r.source.Roles, func(role string) bool { return slices.Contains(roles, role) })
}

// beats reports whether r is more precise than other about the column, and nowhere less.
func (r rule) beats(other rule, column policy.ColumnName) bool {
	byColumn := int(r.fits[column]) - int(other.fits[column])
	byRole := min(len(r.source.Roles), 1) - min(len(other.source.Roles), 1)
	return byColumn >= 0 && byRole >= 0 && byColumn+byRole > 0
}

func sameMask(a, b *policy.Mask) bool {
	if a == nil || b == nil {
		return a == b
	}
	return strings.EqualFold(a.Type, b.Type) && a.OnUnmaskable == b.OnUnmaskable && maps.Equal(a.Props, b.Props)
}

func rolesForPeople(roles []string) string {
	if len(roles) == 0 {
		return "users without roles"
	}
	return fmt.Sprintf("role %q", strings.Join(roles, ", "))
}
