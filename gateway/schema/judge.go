package schema

import (
	"maps"
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/config/policy"
)

// judge says what of a logical table cannot be built on its nodes (fatal), and what holds there in a weaker sense than
// its author may expect (warning).
func judge(db *policy.Database, t *policy.Table, d *definition) []Finding {
	j := &judgement{db: db, table: t, definition: d}
	for _, obstacle := range d.obstacles {
		j.fatal("table %q has %s", d.name, obstacle).hint("Only ordinary tables without it can be built on nodes.")
	}
	j.judgeColumns()
	for i := range d.constraints {
		j.judgeConstraint(&d.constraints[i])
	}
	for i := range d.indexes {
		j.judgeIndex(&d.indexes[i])
	}
	return j.findings
}

// judgement collects the findings on one table.
type judgement struct {
	db         *policy.Database
	table      *policy.Table
	definition *definition
	findings   []Finding
}

// note adds a finding and returns it for its hint.
func (j *judgement) note(severity Severity, format string, args ...any) *pending {
	j.findings = append(j.findings, about(j.table.Name, severity, format, args...))
	return &pending{&j.findings[len(j.findings)-1]}
}

func (j *judgement) fatal(format string, args ...any) *pending { return j.note(Fatal, format, args...) }

// pending is a finding that was just added and may still get column and hint.
type pending struct{ *Finding }

func (p *pending) on(column string) *pending { p.Column = column; return p }
func (p *pending) hint(format string, args ...any) {
	*p.Finding = p.Finding.hint(format, args...)
}

// encrypted returns the encryption of a column, nil if it is stored in clear.
func encrypted(t *policy.Table, column string) *policy.Encrypt {
	if c := t.Columns[column]; c != nil {
		return c.Encrypt
	}
	return nil
}

// firstEncrypted returns the first encrypted column of the list.
func firstEncrypted(t *policy.Table, columns []string) (string, bool) {
	for _, c := range columns {
		if encrypted(t, c) != nil {
			return c, true
		}
	}
	return "", false
}

func (j *judgement) judgeColumns() {
	if key := j.table.Shard; key != nil && j.definition.column(key.Column) == nil {
		j.fatal("the shard key %q of %q is not a column of it", key.Column, j.definition.name).on(key.Column)
	}
	if key := j.table.Key; key != nil && j.definition.column(key.Column) == nil {
		j.fatal("the generated key %q of %q is not a column of it", key.Column, j.definition.name).on(key.Column)
	}
	if key := j.table.Shard; key != nil && encrypted(j.table, key.Column) != nil {
		j.fatal("the shard key %q of %q is encrypted", key.Column, j.definition.name).on(key.Column).
			hint("Rows are placed by an open column.")
	}
	for _, c := range j.definition.columns {
		if used, found := firstEncrypted(j.table, c.uses); found {
			j.fatal("column %q of %q is generated from the encrypted column %q", c.name, j.definition.name, used).on(c.name)
		}
		if encrypted(j.table, c.name) == nil {
			continue
		}
		switch {
		case c.generated, c.identity:
			j.fatal("the encrypted column %q of %q is generated", c.name, j.definition.name).on(c.name)
		case c.expression != "":
			j.fatal("the encrypted column %q of %q has a DEFAULT", c.name, j.definition.name).on(c.name).
				hint("A node cannot seal a default; leave it out and let the application send the value.")
		}
	}
}

// judgeConstraint looks at a constraint for encrypted columns, for rows on other nodes, and at its name.
func (j *judgement) judgeConstraint(c *constraint) {
	j.judgeName(c.name)
	touched, sealed := firstEncrypted(j.table, append(slices.Clone(c.touches), c.columns...))
	if c.kind == 'c' && slices.Contains(c.columns, "") && len(encryptedColumns(j.table)) > 0 {
		j.fatal("CHECK %q of %q reads the whole row, in which columns are encrypted", c.name, j.definition.name).
			hint("Name the open columns that it is about.")
		return
	}
	switch {
	case c.kind == 'f':
		j.judgeForeignKey(c, touched, sealed)
	case c.kind == 'u' && sealed:
		j.judgeSealedUnique(c.name, c.columns, c.include, c.deferrable)
	case sealed:
		kinds := map[byte]string{'p': "PRIMARY KEY", 'c': "CHECK", 'x': "EXCLUDE"}
		j.fatal("%s %q of %q needs the encrypted column %q in clear", kinds[c.kind], c.name, j.definition.name, touched).
			on(touched).hint("Leave the constraint out, or do not encrypt the column.")
	}
	if c.kind != 'c' && c.kind != 'f' {
		j.judgeUniqueness(c.name, c.columns)
	}
}

// judgeSealedUnique allows uniqueness over encrypted columns where equality tokens can decide it.
func (j *judgement) judgeSealedUnique(name string, columns, include []string, deferrable bool) {
	if c, found := firstEncrypted(j.table, include); found {
		j.fatal("index %q of %q includes the encrypted column %q", name, j.definition.name, c).on(c)
	}
	for _, column := range columns {
		e := encrypted(j.table, column)
		switch {
		case e == nil:
		case !e.Equality:
			j.fatal("UNIQUE %q of %q needs equality search on the encrypted column %q", name, j.definition.name, column).
				on(column).hint("Give the column \"search: [equality]\".")
		case deferrable:
			j.fatal("UNIQUE %q of %q is DEFERRABLE, which the encrypted column %q does not allow",
				name, j.definition.name, column).on(column)
		case e.Casefold || e.Trim:
			j.note(Warning, "UNIQUE %q of %q compares %q as its equality search does, which ignores case or blanks",
				name, j.definition.name, column).on(column)
		}
	}
}

// judgeUniqueness warns where PostgreSQL can compare rows of one node only.
func (j *judgement) judgeUniqueness(name string, columns []string) {
	if j.table.Placement == policy.Sharded && len(j.table.Nodes) > 1 && !slices.Contains(columns, j.table.Shard.Column) {
		j.note(Warning, "%q of %q holds on each node by itself, because it does not include the shard key %q",
			name, j.definition.name, j.table.Shard.Column)
	}
}

// judgeForeignKey allows foreign keys between open columns whose rows always meet in one datasource.
func (j *judgement) judgeForeignKey(c *constraint, touched string, sealed bool) {
	referenced := j.db.Tables[c.references]
	if referenced == nil {
		return // that schema.sql has a table which the configuration does not name is a finding already
	}
	if !sealed {
		touched, sealed = firstEncrypted(referenced, c.referencedColumns)
	}
	if sealed {
		j.fatal("FOREIGN KEY %q of %q is over the encrypted column %q", c.name, j.definition.name, touched).on(touched).
			hint("PostgreSQL compares stored bytes, and two sealed values are never equal.")
		return
	}
	for position := range j.table.Nodes {
		if _, found := referencedNode(j.table, position, referenced, c); !found {
			j.fatal("FOREIGN KEY %q of %q refers to rows of %q on other nodes", c.name, j.definition.name, c.references).
				hint("Possible are references to broadcast tables, to tables of the same datasource, " +
					"and between binding tables over their shard keys.")
			return
		}
	}
}

// referencedNode returns the node that holds every row which rows of t's node at position refer to by c, if there is one.
func referencedNode(t *policy.Table, position int, referenced *policy.Table, c *constraint) (policy.Node, bool) {
	datasource := t.Nodes[position].Datasource
	if referenced.Placement != policy.Sharded || len(referenced.Nodes) == 1 {
		for _, node := range referenced.Nodes {
			if node.Datasource == datasource {
				return node, true
			}
		}
		return policy.Node{}, false
	}
	bound := t.Placement == policy.Sharded && (t == referenced || t.Binding >= 0 && t.Binding == referenced.Binding)
	if !bound || position >= len(referenced.Nodes) || referenced.Nodes[position].Datasource != datasource {
		return policy.Node{}, false
	}
	for i, column := range c.columns {
		if column == t.Shard.Column && c.referencedColumns[i] == referenced.Shard.Column {
			return referenced.Nodes[position], true
		}
	}
	return policy.Node{}, false
}

// judgeIndex allows indexes whose encrypted columns can be replaced by their equality tokens.
func (j *judgement) judgeIndex(i *index) {
	j.judgeName(i.name)
	var columns []string
	for _, k := range i.keys {
		columns = append(columns, k.column) // "" for an expression
	}
	if i.unique {
		j.judgeUniqueness(i.name, columns)
	}
	touched, sealed := firstEncrypted(j.table, append(slices.Clone(i.touches), columns...))
	if !sealed {
		return
	}
	if i.unique {
		j.judgeSealedUnique(i.name, columns, i.include, false)
	} else {
		j.judgeSealedIndex(i, columns)
	}
	// What touches names beyond the plain keys stands in an expression or in the predicate.
	for _, column := range i.touches {
		if encrypted(j.table, column) != nil && !slices.Contains(columns, column) && !slices.Contains(i.include, column) {
			j.fatal("index %q of %q computes with the encrypted column %q", i.name, j.definition.name, column).on(column).
				hint("Equality search that ignores case or blanks is \"casefold\" and \"trim\" of the column's search.")
			return
		}
	}
	if i.method != "btree" && i.method != "hash" {
		j.fatal("index %q of %q is of method %q, which cannot hold the encrypted column %q",
			i.name, j.definition.name, i.method, touched).on(touched)
	}
}

func (j *judgement) judgeSealedIndex(i *index, columns []string) {
	if c, found := firstEncrypted(j.table, i.include); found {
		j.fatal("index %q of %q includes the encrypted column %q", i.name, j.definition.name, c).on(c)
	}
	for _, column := range columns {
		if e := encrypted(j.table, column); e != nil && !e.Equality {
			j.fatal("index %q of %q needs equality search on the encrypted column %q", i.name, j.definition.name, column).
				on(column).hint("Give the column \"search: [equality]\", or leave the index out.")
		}
	}
}

// judgeName refuses names that would be cut on a node: they could not be mapped back for a client's error.
func (j *judgement) judgeName(name string) {
	for position := range j.table.Nodes {
		if physical := physicalName(j.table, position, name); len(physical) > nameBytesMax {
			j.fatal("name %q of %q is too long for its nodes", name, j.definition.name).
				hint("Give it a name of at most %d bytes.", nameBytesMax-(len(physical)-len(name)))
			return
		}
	}
}

// encryptedColumns returns the names of the encrypted columns of a table, sorted.
func encryptedColumns(t *policy.Table) []string {
	var names []string
	for name, c := range t.Columns {
		if c.Encrypt != nil {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	return names
}

// sortedColumns returns the names of the protected columns of a table.
func sortedColumns(t *policy.Table) []string { return slices.Sorted(maps.Keys(t.Columns)) }
