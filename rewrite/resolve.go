package rewrite

import (
	"slices"

	pg_query "github.com/pganalyze/pg_query_go/v5"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// entry is one item of a FROM clause, or the target of a DML statement: a table, or a sub-select.
type entry struct {
	alias     string // the name that references use
	aliased   bool   // the client gave it: then schema.table.column does not reach it
	table     *policy.Table
	relation  *catalog.Relation
	sub       *query
	nullable  bool // on the nullable side of an outer join
	columns   []column
	placement int // number of the sharded entry in the statement, -1 if its table is not sharded
}

// column is one column of an entry or of a query's output.
type column struct {
	name string
	from *base // nil if the value is computed, and then from open columns only
}

// base is a column of a table: where the value of a plain reference comes from.
type base struct {
	entry     *entry
	column    *catalog.Column
	protected *policy.Column // nil: not protected
	access    policy.Access
	derived   bool // generated, and the table has columns that these roles may not see
}

// free reports that the value may be used in any expression: it is stored in clear, and these roles may see it.
func (b *base) free() bool {
	return b == nil || b.protected == nil || b.protected.Encrypt == nil && b.access.Right == policy.Reveal
}

func (b *base) sealed() bool { return b.protected != nil && b.protected.Encrypt != nil }

func (b *base) name() policy.ColumnName {
	return policy.ColumnName{Table: b.entry.table.Name, Column: b.column.Name}
}

// isShardKey reports whether the column places the rows of its table.
func (b *base) isShardKey() bool {
	t := b.entry.table
	return t != nil && t.Placement == policy.Sharded && t.Shard.Column == b.column.Name
}

// query is one level of SELECT, or the one level of a DML statement.
type query struct {
	entries []*entry
	columns []column
	// barrier: the level groups, limits or folds rows, so that a condition from outside may not choose its nodes.
	barrier bool
	// nullable: the level stands on the nullable side of an outer join, so that its conditions do not hold for every row.
	nullable   bool
	subs       []*query
	conditions []*condition
}

// relation finds the table that a RangeVar means, and refuses what the planner does not understand or know.
func (a *analysis) relation(r *pg_query.RangeVar) (*catalog.Relation, *policy.Table, *sqlstate.Error) {
	if r.Catalogname != "" && r.Catalogname != a.env.Database.Name {
		return nil, nil, a.refuse(sqlstate.FeatureNotSupported, "cross-database", r.Location,
			"cross-database references are not implemented: %q", r.Catalogname)
	}
	var relation *catalog.Relation
	if r.Schemaname != "" {
		relation = a.env.Catalog.Relation(catalog.Name{Schema: r.Schemaname, Name: r.Relname})
	} else {
		relation = a.env.Catalog.Find(r.Relname, effectivePath(a.env.SearchPath))
	}
	if relation == nil {
		return nil, nil, a.refuse(sqlstate.UndefinedTable, "undefined-table", r.Location, "relation %q does not exist", r.Relname)
	}
	if relation.Schema == "pg_catalog" || relation.Schema == "information_schema" {
		return nil, nil, a.refuse(sqlstate.FeatureNotSupported, "catalog-with-tables", r.Location,
			"system catalog %q may not be used together with tables of the application", relation.Name.Name).
			WithHint("Ask the catalog in a statement of its own.")
	}
	if relation.Kind != catalog.Table {
		return nil, nil, a.refuse(sqlstate.FeatureNotSupported, "relation-kind", r.Location,
			"relation %q is not an ordinary table", relation.Name.Name).
			WithHint("Views, partitions, sequences and foreign tables are not served yet; name the tables below them.")
	}
	if len(relation.Parents)+len(relation.Children) > 0 {
		return nil, nil, a.refuse(sqlstate.FeatureNotSupported, "inheritance", r.Location,
			"table %q takes part in inheritance", relation.Name.Name).
			WithHint("Partitioned and inherited tables are not served yet.")
	}
	table := a.env.Database.Tables[policy.TableName{Schema: relation.Schema, Name: relation.Name.Name}]
	if table == nil {
		return nil, nil, a.refuse(sqlstate.FeatureNotSupported, "unconfigured-table", r.Location,
			"table %q is not in the configuration", relation.Name.Name).
			WithHint("List it under \"tables:\" of database %q and run \"portcullis schema apply\".", a.env.Database.Name)
	}
	for name, c := range table.Columns {
		if relation.Column(name) == nil {
			return nil, nil, a.refuse(sqlstate.UndefinedColumn, "drift", r.Location,
				"protected column %q of table %q does not exist in the logical database", name, relation.Name.Name).
				WithHint("Run \"portcullis schema check\".")
		} else if c.Encrypt != nil && relation.Column(name).ID == "" {
			return nil, nil, a.refuse(sqlstate.ObjectNotInState, "drift", r.Location,
				"encrypted column %q of table %q has no identity yet", name, relation.Name.Name).
				WithHint("Run \"portcullis schema apply\".")
		}
	}
	return relation, table, nil
}

// effectivePath puts pg_catalog in front unless the client placed it (src/backend/catalog/namespace.c).
func effectivePath(path []string) []string {
	if slices.Contains(path, "pg_catalog") {
		return path
	}
	return append([]string{"pg_catalog"}, path...)
}

// catalogFirst refuses a search path on which an application's function, operator or type hides one of PostgreSQL's: what
// is printed means PostgreSQL's own.
func (a *analysis) catalogFirst() *sqlstate.Error {
	for i, schema := range a.env.SearchPath {
		if schema == "pg_catalog" {
			for _, before := range a.env.SearchPath[:i] {
				if a.env.Catalog.HasCode(before) {
					return sqlstate.New(sqlstate.FeatureNotSupported,
						"schema %q holds functions or types and stands before pg_catalog on the search path", before).
						WithRule("search-path").WithHint("Leave pg_catalog out of search_path: then it comes first.")
				}
			}
		}
	}
	return nil
}

// addTable makes an entry of a table, notes its placeholder and gives the RangeVar its final form.
func (a *analysis) addTable(r *pg_query.RangeVar) (*entry, *sqlstate.Error) {
	relation, table, refusal := a.relation(r)
	if refusal != nil {
		return nil, refusal
	}
	if !r.Inh {
		return nil, a.refuse(sqlstate.FeatureNotSupported, "only", r.Location, "ONLY is not supported").
			WithHint("No table that is served has children: leave the word out.")
	}
	e := &entry{alias: r.Relname, table: table, relation: relation, placement: -1}
	if r.Alias != nil {
		if len(r.Alias.Colnames) > 0 {
			return nil, a.refuse(sqlstate.FeatureNotSupported, "alias-columns", r.Location,
				"column names in the alias of table %q are not supported", relation.Name.Name)
		}
		e.alias, e.aliased = r.Alias.Aliasname, true
	}
	if table.Placement == policy.Sharded {
		e.placement = len(a.sharded)
		a.sharded = append(a.sharded, e)
	}
	hides := false
	for name := range table.Columns {
		hides = hides || a.env.View.Access(table.Name, name).Right != policy.Reveal
	}
	for i := range relation.Columns {
		c := &relation.Columns[i]
		b := &base{entry: e, column: c}
		if p := table.Columns[c.Name]; p != nil {
			b.protected = p
			b.access = a.env.View.Access(table.Name, c.Name)
		} else {
			b.derived = c.Generated && hides
		}
		e.columns = append(e.columns, column{name: c.Name, from: b})
	}
	a.tables = append(a.tables, tableUse{r, table})
	r.Catalogname = ""
	r.Schemaname = relation.Schema
	r.Alias = &pg_query.Alias{Aliasname: e.alias}
	return e, nil
}

// resolve finds the column that a reference means among the entries of a level.
func (a *analysis) resolve(ref *pg_query.ColumnRef, entries []*entry) (*column, *entry, *sqlstate.Error) {
	path, ok := names(ref.Fields)
	if !ok {
		return nil, nil, a.refuse(sqlstate.FeatureNotSupported, "whole-row", ref.Location,
			"a whole row may not be used in an expression").WithHint("Name the columns.")
	}
	var found *column
	var of *entry
	last := path[len(path)-1]
	for _, e := range entries {
		switch len(path) {
		case 1:
		case 2:
			if e.alias != path[0] {
				continue
			}
		case 3:
			if e.aliased || e.relation == nil || e.relation.Schema != path[0] || e.relation.Name.Name != path[1] {
				continue
			}
		default:
			return nil, nil, a.refuse(sqlstate.FeatureNotSupported, "cross-database", ref.Location,
				"a column may be qualified by schema and table only")
		}
		for i := range e.columns {
			if e.columns[i].name != last {
				continue
			}
			if found != nil {
				return nil, nil, a.refuse(sqlstate.AmbiguousColumn, "ambiguous-column", ref.Location,
					"column reference %q is ambiguous", last)
			}
			found, of = &e.columns[i], e
		}
	}
	if found != nil {
		return found, of, a.refuseDerived(found.from, ref.Location)
	}
	if slices.Contains(systemColumns, last) {
		return nil, nil, a.refuse(sqlstate.FeatureNotSupported, "system-column", ref.Location,
			"system column %q may not be used", last).
			WithHint("Physical addresses and transaction ids belong to one shard and mean nothing here.")
	}
	for _, e := range entries {
		if e.alias == last {
			return nil, nil, a.refuse(sqlstate.FeatureNotSupported, "whole-row", ref.Location,
				"the whole row of %q may not be used as a value", last).WithHint("Name the columns.")
		}
	}
	return nil, nil, a.refuse(sqlstate.UndefinedColumn, "undefined-column", ref.Location, "column %q does not exist", last)
}

// systemColumns are those of src/backend/catalog/heap.c.
var systemColumns = []string{"tableoid", "ctid", "xmin", "cmin", "xmax", "cmax"}

// has counts the columns of that name.
func (e *entry) has(name string) int {
	n := 0
	for i := range e.columns {
		if e.columns[i].name == name {
			n++
		}
	}
	return n
}

// qualify gives a reference its final form.
func qualify(ref *pg_query.ColumnRef, e *entry, name string) {
	ref.Fields = []*pg_query.Node{pg_query.MakeStrNode(e.alias), pg_query.MakeStrNode(name)}
}
