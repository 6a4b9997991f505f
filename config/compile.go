package config

import (
	"maps"
	"slices"

	"github.com/portcullisdb/portcullis/config/policy"
)

// Compile turns the configuration into its meaning. The error is Errors. The policy's Generation is 1: who reloads counts
// on from there.
func (c *Config) Compile(v Validators) (*policy.Policy, error) {
	var found problems
	compiled := compile(c, v, &found)
	if err := found.err(); err != nil {
		return nil, err
	}
	return compiled, nil
}

// compile compiles what of the configuration is whole. Its result is of use only if found stays empty.
func compile(c *Config, v Validators, found *problems) *policy.Policy {
	v = v.withDefaults()
	p := &policy.Policy{Generation: 1, Databases: map[string]*policy.Database{}, Users: map[string]*policy.User{}}
	for i := range c.Users {
		u := &c.Users[i]
		p.Users[u.Name] = &policy.User{Name: u.Name, Roles: sortedSet(u.Roles), Views: map[string]*policy.View{}}
	}
	roleSets := distinctRoleSets(p.Users)
	for _, d := range c.Databases {
		dc := databaseCompiler{config: c, source: d, validators: v, problems: found}
		compiled := dc.compile()
		p.Databases[d.Name] = compiled
		views := dc.views(compiled, d.withFoundRoles(roleSets))
		if d.AuthQuery != nil {
			roles := sortedSet(d.AuthQuery.Roles)
			compiled.Found = &policy.User{Roles: roles, Views: map[string]*policy.View{d.Name: views[roleSetKey(roles)]}}
		}
		for _, u := range p.Users {
			u.Views[d.Name] = views[roleSetKey(u.Roles)]
		}
	}
	return p
}

func (v Validators) withDefaults() Validators {
	if v.ExpandNodes == nil {
		panic("config: internal error: Validators.ExpandNodes is nil")
	}
	if v.Algorithm == nil {
		v.Algorithm = func(string, map[string]string, string, []string) error { return nil }
	}
	if v.KeyGenerator == nil {
		v.KeyGenerator = func(string, map[string]string) error { return nil }
	}
	if v.Mask == nil {
		v.Mask = func(string, map[string]string, string, string) error { return nil }
	}
	if v.ColumnType == nil {
		v.ColumnType = func(string, bool, bool, bool) error { return nil }
	}
	if v.TypeClass == nil {
		v.TypeClass = func(name string) string { return name }
	}
	return v
}

// sortedSet returns the names sorted and without duplicates.
func sortedSet(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// roleSetKey makes a map key of a sorted role set.
func roleSetKey(roles []string) string {
	key := ""
	for _, r := range roles {
		key += r + delimiter
	}
	return key
}

// withFoundRoles adds the role set of users that the database finds by its AuthQuery.
func (d *Database) withFoundRoles(sets [][]string) [][]string {
	if d.AuthQuery == nil {
		return sets
	}
	roles := sortedSet(d.AuthQuery.Roles)
	if slices.ContainsFunc(sets, func(s []string) bool { return slices.Equal(s, roles) }) {
		return sets
	}
	return append(slices.Clone(sets), roles)
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// distinctRoleSets returns each role set that some user has, in a fixed order.
func distinctRoleSets(users map[string]*policy.User) [][]string {
	var sets [][]string
	for _, u := range users {
		if !slices.ContainsFunc(sets, func(s []string) bool { return slices.Equal(s, u.Roles) }) {
			sets = append(sets, u.Roles)
		}
	}
	slices.SortFunc(sets, slices.Compare)
	return sets
}
