package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/config/policy"
)

// gap is one difference between what a node's table shall be and what it is.
type gap struct {
	Finding
	stage stage
	done  string   // says what the steps do: "ds_0: create table public.customers_0"
	steps []string // SQL that closes the gap; none if Apply may not or cannot
	late  []string // SQL that follows when steps are committed, each statement by itself
}

// stage orders the steps of one datasource: what refers to something comes after it.
type stage int

const (
	stageTable stage = iota
	stageColumn
	stageConstraint
	stageIndex
	stageForeignKey
)

// nodeTarget is a node's table as it shall be.
type nodeTarget struct {
	table    *policy.Table
	node     policy.Node
	expected *definition
}

// finding makes a finding about the node.
func (n *nodeTarget) finding(severity Severity, format string, args ...any) Finding {
	f := about(n.table.Name, severity, format, args...)
	f.Datasource, f.NodeTable = n.node.Datasource, n.node.Table
	return f
}

// guarded reports that a node's table holds protected rows, or one part of the rows: what changes or hides rows there
// behind the gateway's back breaks a promise.
func (n *nodeTarget) guarded() bool {
	return n.table.Placement == policy.Sharded || len(n.table.Columns) > 0
}

// gaps compares what is there (nil: nothing) with what shall be.
func (n *nodeTarget) gaps(actual *definition) []gap {
	if actual == nil {
		return n.createGaps()
	}
	var gaps []gap
	severity := Warning
	if n.guarded() {
		severity = Fatal
	}
	for _, obstacle := range actual.obstacles {
		gaps = append(gaps, gap{Finding: n.finding(severity, "table %q has %s", actual.name, obstacle).
			hint("Remove it: it works on rows behind the gateway's back.")})
	}
	gaps = append(gaps, n.columnGaps(actual)...)
	gaps = append(gaps, n.constraintGaps(actual)...)
	return append(gaps, n.indexGaps(actual)...)
}

// createGaps closes one gap with the whole table; its foreign keys come when every table is there.
func (n *nodeTarget) createGaps() []gap {
	d := n.expected
	var elements []string
	for i := range d.columns {
		elements = append(elements, d.columns[i].sql())
	}
	var foreignKeys []gap
	for i := range d.constraints {
		c := &d.constraints[i]
		if c.kind == 'f' {
			foreignKeys = append(foreignKeys, n.missingConstraint(c, false))
			continue
		}
		elements = append(elements, "CONSTRAINT "+identifier(c.name)+" "+c.sql())
	}
	steps := []string{"CREATE TABLE " + qualified(d.name) + " (\n\t" + strings.Join(elements, ",\n\t") + "\n)"}
	for i := range d.columns {
		if d.columns[i].typ == sealedType {
			steps = append(steps, storeExternal(d.name, d.columns[i].name))
		}
	}
	for i := range d.indexes {
		steps = append(steps, d.indexes[i].sql(d.name))
	}
	return append([]gap{{Finding: n.finding(Fatal, "table %q does not exist", d.name).hint(applyHint), stage: stageTable,
		done: n.node.Datasource + ": create table " + d.name.String(), steps: steps}}, foreignKeys...)
}

const applyHint = `"portcullis schema apply" makes it.`

// storeExternal keeps PostgreSQL from trying to compress sealed values, and lets it read a token from a long one without
// fetching all of it.
func storeExternal(table policy.TableName, column string) string {
	return "ALTER TABLE " + qualified(table) + " ALTER COLUMN " + identifier(column) + " SET STORAGE EXTERNAL"
}

func (n *nodeTarget) columnGaps(actual *definition) []gap {
	var gaps []gap
	for i := range n.expected.columns {
		c := &n.expected.columns[i]
		found := actual.column(c.name)
		if found == nil {
			steps := []string{"ALTER TABLE " + qualified(actual.name) + " ADD COLUMN " + c.sql()}
			if c.typ == sealedType {
				steps = append(steps, storeExternal(actual.name, c.name))
			}
			f := n.finding(Fatal, "column %q of %q does not exist", c.name, actual.name).on(c.name).hint(applyHint)
			gaps = append(gaps, gap{Finding: f, stage: stageColumn, steps: steps,
				done: n.node.Datasource + ": add column " + c.name + " to " + actual.name.String()})
			continue
		}
		for _, f := range n.columnFindings(c, found) {
			gaps = append(gaps, gap{Finding: f.on(c.name)})
		}
	}
	for i := range actual.columns {
		c := &actual.columns[i]
		if n.expected.column(c.name) != nil {
			continue
		}
		f := n.finding(Warning, "column %q of %q is not in the logical table", c.name, actual.name)
		if c.notNull && c.expression == "" && !c.identity {
			f = n.finding(Fatal, "column %q of %q is not in the logical table, and may not be null", c.name, actual.name)
		}
		gaps = append(gaps, gap{Finding: f.on(c.name)})
	}
	return gaps
}

// columnFindings compares a column that is there with what it shall be. None of these gaps can be closed without moving
// data or changing what the owner of the database made.
func (n *nodeTarget) columnFindings(c, found *column) []Finding {
	table := n.expected.name
	var findings []Finding
	add := func(f Finding) { findings = append(findings, f) }
	switch {
	case found.typ == c.typ:
	case c.typ == sealedType:
		add(n.finding(Fatal, "column %q of %q is of type %s, not sealed", c.name, table, found.typ).
			hint("It holds plaintext: the data must be moved to a sealed column first."))
	case found.typ == sealedType:
		add(n.finding(Fatal, "column %q of %q is sealed, but the configuration does not encrypt it", c.name, table).
			hint("The data must be moved to an open column first."))
	default:
		add(n.finding(Fatal, "column %q of %q is of type %s, not %s", c.name, table, found.typ, c.typ))
	}
	if found.generated != c.generated {
		add(n.finding(Fatal, "column %q of %q is generated on one side only", c.name, table))
	} else if found.expression != c.expression || found.identity != c.identity {
		add(n.finding(Warning, "column %q of %q has another default than the logical column", c.name, table))
	}
	if found.notNull != c.notNull {
		add(n.finding(Warning, "column %q of %q differs from the logical column in NOT NULL", c.name, table))
	}
	if found.collation != c.collation && found.typ == c.typ {
		add(n.finding(Warning, "column %q of %q has another collation than the logical column", c.name, table))
	}
	return findings
}

func (n *nodeTarget) constraintGaps(actual *definition) []gap {
	var gaps []gap
	for i := range n.expected.constraints {
		c := &n.expected.constraints[i]
		at := slices.IndexFunc(actual.constraints, func(a constraint) bool { return a.name == c.name })
		switch {
		case at < 0:
			gaps = append(gaps, n.missingConstraint(c, true))
		case !sameSQL(actual.constraints[at].sql(), c.sql()):
			f := n.finding(Warning, "constraint %q of %q is not what the logical table needs", c.name, actual.name)
			if c.checksSealed() {
				f.Severity = Fatal
			}
			gaps = append(gaps, gap{Finding: f})
		case c.valid && !actual.constraints[at].valid:
			f := n.finding(Warning, "constraint %q of %q was not validated", c.name, actual.name).hint(applyHint)
			gaps = append(gaps, gap{Finding: f, stage: stageConstraint, late: []string{validate(actual.name, c.name)},
				done: n.node.Datasource + ": validate constraint " + c.name + " of " + actual.name.String()})
		}
	}
	return gaps
}

// missingConstraint adds a constraint. Without a key rows may be wrong for good, without the check of a sealed column
// plaintext may come to lie there; without another constraint the application's mistakes go unnoticed. To a table with
// rows, a check is added first and validated later, so that writers do not have to wait while the rows are read.
func (n *nodeTarget) missingConstraint(c *constraint, rows bool) gap {
	table := n.expected.name
	add := "ALTER TABLE " + qualified(table) + " ADD CONSTRAINT " + identifier(c.name) + " " + c.sql()
	severity := Warning
	if c.kind == 'p' || c.kind == 'u' || c.checksSealed() {
		severity = Fatal
	}
	g := gap{Finding: n.finding(severity, "constraint %q of %q does not exist", c.name, table).hint(applyHint),
		stage: stageConstraint, steps: []string{add},
		done: n.node.Datasource + ": add constraint " + c.name + " to " + table.String()}
	if c.kind == 'f' {
		g.stage = stageForeignKey
	}
	if c.kind == 'c' || c.kind == 'f' {
		if rows || !c.valid {
			g.steps = []string{add + notValid}
		}
		if rows && c.valid {
			g.late = []string{validate(table, c.name)}
		}
	}
	return g
}

func validate(table policy.TableName, constraint string) string {
	return "ALTER TABLE " + qualified(table) + " VALIDATE CONSTRAINT " + identifier(constraint)
}

func (n *nodeTarget) indexGaps(actual *definition) []gap {
	var gaps []gap
	for i := range n.expected.indexes {
		x := &n.expected.indexes[i]
		at := slices.IndexFunc(actual.indexes, func(a index) bool { return a.name == x.name })
		severity := Warning // it is slow without
		if x.unique {
			severity = Fatal // it is wrong without
		}
		switch {
		case at < 0:
			f := n.finding(severity, "index %q of %q does not exist", x.name, actual.name).hint(applyHint)
			gaps = append(gaps, gap{Finding: f, stage: stageIndex,
				steps: []string{x.sql(actual.name), "ANALYZE " + qualified(actual.name)}, // statistics of its expressions
				done:  n.node.Datasource + ": create index " + x.name + " on " + actual.name.String()})
		case !sameSQL(actual.indexes[at].sql(actual.name), x.sql(actual.name)):
			f := n.finding(severity, "index %q of %q is not what the logical table needs", x.name, actual.name)
			gaps = append(gaps, gap{Finding: f})
		case !actual.indexes[at].valid:
			f := n.finding(severity, "index %q of %q is not valid", x.name, actual.name).hint("Drop it; %s", applyHint)
			gaps = append(gaps, gap{Finding: f})
		}
	}
	return gaps
}

// sameSQL compares texts that one side quotes always and the other as needed.
func sameSQL(a, b string) bool {
	return strings.ReplaceAll(a, `"`, "") == strings.ReplaceAll(b, `"`, "")
}

// sealingGaps compares a datasource's schema portcullis with what its nodes need. The zero gap means none.
func sealingGaps(datasource string, s sealingState) []gap {
	var gaps []gap
	find := func(format string, args ...any) Finding {
		f := about(policy.TableName{}, Fatal, format, args...)
		f.Datasource = datasource
		return f
	}
	for _, object := range s.wrong {
		gaps = append(gaps, gap{Finding: find("%s is not what this version makes", object).
			hint("Something else made or changed it.")})
	}
	if !s.complete() && len(s.wrong) == 0 {
		gaps = append(gaps, gap{Finding: find("schema portcullis is not complete").hint(applyHint), steps: s.missing(),
			done: fmt.Sprintf("%s: create type portcullis.sealed and its functions", datasource)})
	}
	return gaps
}
