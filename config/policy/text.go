package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// String returns the policy for people and golden files: stable, one fact a line, without secrets because there are none.
func (p *Policy) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p.Databases)) {
		p.Databases[name].write(&b)
		for _, roles := range p.roleSets() {
			users := p.usersWith(roles)
			fmt.Fprintf(&b, "  view of %s: %s\n", rolesText(roles), strings.Join(users, ", "))
			p.Users[users[0]].Views[name].write(&b)
		}
		if found := p.Databases[name].Found; found != nil {
			fmt.Fprintf(&b, "  view of %s: users found by the auth_query\n", rolesText(found.Roles))
			found.Views[name].write(&b)
		}
	}
	return b.String()
}

// roleSets returns the distinct role sets of the users, sorted.
func (p *Policy) roleSets() [][]string {
	var sets [][]string
	for _, name := range slices.Sorted(maps.Keys(p.Users)) {
		roles := p.Users[name].Roles
		if !slices.ContainsFunc(sets, func(s []string) bool { return slices.Equal(s, roles) }) {
			sets = append(sets, roles)
		}
	}
	slices.SortFunc(sets, slices.Compare)
	return sets
}

func (p *Policy) usersWith(roles []string) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(p.Users)) {
		if slices.Equal(p.Users[name].Roles, roles) {
			names = append(names, name)
		}
	}
	return names
}

func rolesText(roles []string) string {
	if len(roles) == 0 {
		return "no role"
	}
	return strings.Join(roles, ", ")
}

func (d *Database) write(b *strings.Builder) {
	fmt.Fprintf(b, "database %s\n  datasources %s\n", d.Name, strings.Join(d.Datasources, ", "))
	for _, name := range sortedTables(d.Tables) {
		d.Tables[name].write(b)
	}
	for _, group := range d.Bindings {
		names := make([]string, len(group))
		for i, name := range group {
			names[i] = name.String()
		}
		fmt.Fprintf(b, "  binding %s\n", strings.Join(names, ", "))
	}
}

func sortedTables(tables map[TableName]*Table) []TableName {
	return slices.SortedFunc(maps.Keys(tables), func(a, b TableName) int { return strings.Compare(a.String(), b.String()) })
}

// String returns "single", "sharded" or "broadcast".
func (p Placement) String() string { return [...]string{"single", "sharded", "broadcast"}[p] }

// String returns "deny", "mask" or "reveal".
func (r Right) String() string { return [...]string{"deny", "mask", "reveal"}[r] }

func (t *Table) write(b *strings.Builder) {
	nodes := make([]string, len(t.Nodes))
	for i, n := range t.Nodes {
		nodes[i] = n.Datasource + "." + n.Table
	}
	fmt.Fprintf(b, "  table %s %s %s\n", t.Name, t.Placement, strings.Join(nodes, ", "))
	if t.Shard != nil {
		fmt.Fprintf(b, "    shard %s by %s\n", t.Shard.Column, t.Shard.Algorithm)
	}
	if t.Key != nil {
		fmt.Fprintf(b, "    key %s by %s\n", t.Key.Column, t.Key.Generator)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Columns)) {
		t.Columns[name].write(b)
	}
}

// String returns "COSID_MOD{mod: 4}".
func (a Algorithm) String() string { return a.Type + propsText(a.Props) }

func propsText(props map[string]string) string {
	if len(props) == 0 {
		return ""
	}
	pairs := make([]string, 0, len(props))
	for _, key := range slices.Sorted(maps.Keys(props)) {
		pairs = append(pairs, key+": "+props[key])
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

func (c *Column) write(b *strings.Builder) {
	fmt.Fprintf(b, "    column %s %s", c.Name, c.Type)
	if len(c.Tags) > 0 {
		fmt.Fprintf(b, " [%s]", strings.Join(c.Tags, ", "))
	}
	if e := c.Encrypt; e != nil {
		fmt.Fprintf(b, " encrypt %s", e.Keyset)
		if e.Equality {
			fmt.Fprintf(b, " equality in %s", e.Domain)
		}
		if e.Casefold {
			b.WriteString(" casefold")
		}
		if e.Trim {
			b.WriteString(" trim")
		}
	}
	b.WriteByte('\n')
}

func (v *View) write(b *strings.Builder) {
	names := slices.SortedFunc(maps.Keys(v.Columns), func(a, b ColumnName) int {
		return strings.Compare(a.Table.String()+"."+a.Column, b.Table.String()+"."+b.Column)
	})
	for _, name := range names {
		fmt.Fprintf(b, "    %s.%s %s\n", name.Table, name.Column, v.Columns[name])
	}
}

// String returns the decision for people: "mask PARTIAL{suffix: 4} predicates eq write (portcullis.yaml:41)".
func (a Access) String() string {
	var b strings.Builder
	b.WriteString(a.Right.String())
	if a.Mask != nil {
		fmt.Fprintf(&b, " %s%s", a.Mask.Type, propsText(a.Mask.Props))
		if a.Mask.OnUnmaskable != "hide" {
			fmt.Fprintf(&b, " or %s", a.Mask.OnUnmaskable)
		}
	}
	if a.Predicates != 0 {
		fmt.Fprintf(&b, " predicates %s", a.Predicates)
	}
	if a.Write && a.Right != Reveal {
		b.WriteString(" write")
	}
	fmt.Fprintf(&b, " (%s)", a.Rule)
	return b.String()
}

// String returns the forms as the configuration names them: "eq, in".
func (s PredicateSet) String() string {
	var names []string
	for _, one := range []struct {
		form PredicateSet
		name string
	}{{PredicateEq, "eq"}, {PredicateIn, "in"}, {PredicateNull, "null"}, {PredicateRange, "range"}, {PredicateLike, "like"}} {
		if s.Has(one.form) {
			names = append(names, one.name)
		}
	}
	return strings.Join(names, ", ")
}
