package config

import (
	"fmt"
	"slices"

	"github.com/portcullisdb/portcullis/config/policy"
)

// columnEntry is a listed column's written form beside its meaning. It becomes part of the table if it is protected.
type columnEntry struct {
	source *Column
	column *policy.Column
	named  bool // some rule names it
	// refused says that the type was refused, and reported.
	refused bool
}

// domainUse remembers which column first used a search domain, and how.
type domainUse struct {
	column   string
	at       Position
	keyset   string
	class    string
	casefold bool
	trim     bool
}

// columns checks the columns that are listed under a table.
func (c *databaseCompiler) columns(source *Table, t *policy.Table) []columnEntry {
	var entries []columnEntry
	for _, written := range source.Columns {
		c.columnName(written.At(), source, written.Name)
		column := &policy.Column{Name: written.Name, Type: written.Type, Tags: sortedSet(written.Tags)}
		for _, tag := range written.Tags {
			if tag != "" && !isWord(tag) {
				c.problems.add(written.At("tags"), roleHint, "column %q of table %q: tag %q is not a plain word", written.Name,
					source.Key, tag)
			}
		}
		if len(column.Tags) < len(written.Tags) && !written.lacks("tags") {
			c.problems.add(written.At("tags"), "", "column %q of table %q has a tag twice", written.Name, source.Key)
		}
		before := len(c.problems.list)
		if written.Encrypt != nil {
			column.Encrypt = c.encrypt(source, t, written)
		}
		entries = append(entries, columnEntry{source: written, column: column, refused: len(c.problems.list) > before})
	}
	return entries
}

func (c *databaseCompiler) encrypt(source *Table, t *policy.Table, written *Column) *policy.Encrypt {
	e := written.Encrypt
	name := fmt.Sprintf("column %q of table %q", written.Name, source.Key)
	out := &policy.Encrypt{Keyset: e.Keyset, Casefold: e.Casefold, Trim: e.Trim,
		Equality: slices.Contains(e.Search, "equality")}
	if source.Shard != nil && source.Shard.Column == written.Name {
		c.problems.add(e.At(), "shard by another column", "%s is the shard key and cannot be encrypted", name)
	}
	keysetsKnown := !c.config.lacks("keys") && !c.config.Keys.lacks("keysets")
	if _, ok := c.config.Keys.Keysets[e.Keyset]; !ok && e.Keyset != "" && keysetsKnown {
		var known []string
		for keyset := range c.config.Keys.Keysets {
			known = append(known, keyset)
		}
		c.problems.add(e.At("keyset"), orHint(didYouMean(e.Keyset, known, "known keysets"), "add it under keys.keysets"),
			"%s: unknown keyset %q", name, e.Keyset)
	}
	if e.broken {
		return out
	}
	if len(sortedSet(e.Search)) < len(e.Search) {
		c.problems.add(e.At("search"), "", "%s: a kind of search stands there twice", name)
	}
	if !out.Equality {
		for _, key := range []string{"domain", "casefold", "trim"} {
			if e.written(key) {
				c.problems.add(e.At(key), "add search: [equality]", "%s: %s has no effect without search", name, key)
			}
		}
	}
	if written.Type != "" {
		if err := c.validators.ColumnType(written.Type, out.Equality, out.Casefold, out.Trim); err != nil {
			c.problems.addCause(written.At("type"), name, err, "")
		}
	}
	if out.Equality {
		out.Domain = c.domain(name, t, written)
	}
	return out
}

// domain returns the search domain of a searchable column: the one that is written, or one of its own, whose name contains
// dots, which written ones cannot.
func (c *databaseCompiler) domain(name string, t *policy.Table, written *Column) string {
	e := written.Encrypt
	if e.Domain == "" {
		return t.Name.String() + "." + written.Name
	}
	if !isWord(e.Domain) {
		c.problems.add(e.At("domain"), roleHint, "%s: search domain %q is not a plain word", name, e.Domain)
		return e.Domain
	}
	use := domainUse{column: name, at: e.At("domain"), keyset: e.Keyset, class: c.validators.TypeClass(written.Type),
		casefold: e.Casefold, trim: e.Trim}
	first, shared := c.domains[e.Domain]
	if !shared {
		c.domains[e.Domain] = use
		return e.Domain
	}
	var differs string
	switch {
	case first.keyset != use.keyset:
		differs = "keysets"
	case first.class != use.class:
		differs = "types"
	case first.casefold != use.casefold:
		differs = "casefold"
	case first.trim != use.trim:
		differs = "trim"
	default:
		return e.Domain
	}
	c.problems.add(use.at,
		fmt.Sprintf("its other column stands in line %d; values of one domain have equal tokens", first.at.Line),
		"%s: search domain %q is shared by columns with different %s", name, e.Domain, differs)
	return e.Domain
}

func orHint(hint, otherwise string) string {
	if hint == "" {
		return otherwise
	}
	return hint
}
