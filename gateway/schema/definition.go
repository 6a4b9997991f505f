package schema

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/config/policy"
)

// definition describes one ordinary or partitioned table as far as Apply builds it and Check compares it. Expressions
// are as PostgreSQL prints them under an empty search_path: they name columns without their table, and everything
// outside pg_catalog with its schema.
type definition struct {
	name        policy.TableName
	columns     []column
	constraints []constraint
	indexes     []index // those that serve no constraint
	// obstacles are what may change rows or hide them behind the gateway's back: "trigger \"t\"", "rule \"r\"",
	// "row-level security", "partitions", "inheritance".
	obstacles []string
}

// column is one column. Type is what format_type prints.
type column struct {
	name      string
	typ       string
	notNull   bool
	collation string // quoted; "" if it is the type's own
	// expression is the default, or what a generated column is computed from; "" if there is none.
	expression string
	generated  bool
	identity   bool
	uses       []string // columns that a generated column is computed from
}

// constraint is a primary key ('p'), unique ('u'), check ('c'), exclusion ('x') or foreign key ('f') constraint
// (pg_constraint.contype).
type constraint struct {
	name string
	kind byte
	// columns are those of the key, in its order; with a check, those that it names, and "" for a whole row.
	columns []string
	include []string // columns that the index of a primary key or unique constraint carries along
	touches []string // all columns that the constraint depends on
	// text is what pg_get_constraintdef prints, but for NOT VALID; it names no table unless kind is 'f', where it is not
	// used.
	text             string
	valid            bool // known to hold for all rows
	nullsNotDistinct bool
	deferrable       bool
	deferred         bool
	// Of a foreign key; the letters are pg_constraint's confmatchtype, confupdtype and confdeltype.
	references        policy.TableName
	referencedColumns []string
	match             byte
	onUpdate          byte
	onDelete          byte
	setColumns        []string // ON DELETE SET NULL (these)
}

// index is an index that serves no constraint.
type index struct {
	name             string
	method           string
	unique           bool
	nullsNotDistinct bool
	valid            bool
	keys             []indexKey
	include          []string
	predicate        string
	options          []string // "fillfactor=70"
	touches          []string // all columns that the index depends on
}

// indexKey is a column or an expression, with what differs from the defaults.
type indexKey struct {
	column     string // unquoted; "" if it is an expression
	expression string
	collation  string // quoted; "" if it is the column's own
	class      string // operator class, quoted; "" if it is the default
	descending bool
	nullsFirst bool
}

// querier is what reading needs of a connection or transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// The queries of readDefinitions. Each takes no argument and sees all tables outside the system's schemas and portcullis;
// the search_path must be empty. Each row begins with schema and table.
const (
	// userTables is a condition on pg_class c and pg_namespace n.
	userTables = `c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
		AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'portcullis') AND n.nspname !~ '^pg_'`
	// freeIndexes is a condition on the pg_class row ic of an index: no constraint owns it.
	freeIndexes = `NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = ic.oid AND o.contype IN ('p', 'u', 'x'))`
	fromTables  = ` FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace `

	// dependsOn lists the columns of table c that an object depends on (pg_depend); %s is a condition on the dependency x.
	dependsOn = `ARRAY(SELECT DISTINCT u.attname::text FROM pg_depend x
			JOIN pg_attribute u ON u.attrelid = c.oid AND u.attnum = x.refobjsubid
			WHERE x.refclassid = 'pg_class'::regclass AND x.refobjid = c.oid AND (%s) ORDER BY 1)`

	definitionTables = `SELECT n.nspname::text, c.relname::text,
			ARRAY(SELECT format('trigger "%s"', tgname) FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal ORDER BY tgname)
			|| ARRAY(SELECT format('rule "%s"', rulename) FROM pg_rewrite WHERE ev_class = c.oid ORDER BY rulename)
			|| CASE WHEN c.relrowsecurity OR EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)
				THEN ARRAY['row-level security'] ELSE '{}' END
			|| CASE WHEN c.relkind = 'p' OR c.relispartition THEN ARRAY['partitions']
				WHEN EXISTS (SELECT FROM pg_inherits WHERE c.oid IN (inhrelid, inhparent)) THEN ARRAY['inheritance'] ELSE '{}' END
		` + fromTables + ` WHERE ` + userTables + ` ORDER BY 1, 2`

	definitionColumns = `SELECT n.nspname::text, c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
			a.attnotnull,
			CASE WHEN a.attcollation <> t.typcollation THEN quote_ident(on_.nspname) || '.' || quote_ident(o.collname) ELSE '' END,
			coalesce(pg_get_expr(d.adbin, d.adrelid), ''), a.attgenerated <> '', a.attidentity <> '',
			%s
		` + fromTables + ` JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
		LEFT JOIN pg_collation o ON o.oid = a.attcollation LEFT JOIN pg_namespace on_ ON on_.oid = o.collnamespace
		LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		WHERE a.attnum > 0 AND NOT a.attisdropped AND ` + userTables + ` ORDER BY 1, 2, a.attnum`

	// columnNames prints an array of attribute numbers of a table as names; "" stands for the whole row.
	columnNames = `ARRAY(SELECT coalesce(ka.attname::text, '') FROM unnest(%[1]s) WITH ORDINALITY k(attnum, place)
			LEFT JOIN pg_attribute ka ON ka.attrelid = %[2]s AND ka.attnum = k.attnum AND k.attnum > 0 ORDER BY k.place)`

	definitionConstraints = `SELECT n.nspname::text, c.relname::text, o.conname::text, o.contype::text, %s,
			CASE WHEN i.indexrelid IS NULL THEN '{}'::text[] ELSE
				%s END,
			%s,
			pg_get_constraintdef(o.oid), o.convalidated, coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
			o.condeferrable, o.condeferred,
			coalesce(rn.nspname::text, ''), coalesce(r.relname::text, ''), %s,
			o.confmatchtype::text, o.confupdtype::text, o.confdeltype::text,
			%s
		` + fromTables + ` JOIN pg_constraint o ON o.conrelid = c.oid
		LEFT JOIN pg_index i ON i.indexrelid = o.conindid AND o.contype IN ('p', 'u')
		LEFT JOIN pg_class r ON r.oid = o.confrelid LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
		WHERE o.contype IN ('p', 'u', 'c', 'x', 'f') AND ` + userTables + ` ORDER BY 1, 2, o.contype <> 'p', 3`

	// The option bits are INDOPTION_DESC and INDOPTION_NULLS_FIRST (src/include/catalog/pg_index.h).
	definitionIndexes = `SELECT n.nspname::text, c.relname::text, ic.relname::text, m.amname::text, i.indisunique,
			coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false), i.indisvalid,
			coalesce(pg_get_expr(i.indpred, i.indrelid), ''), coalesce(ic.reloptions, '{}'),
			%s
		` + fromTables + ` JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class ic ON ic.oid = i.indexrelid
		JOIN pg_am m ON m.oid = ic.relam WHERE ` + freeIndexes + ` AND ` + userTables + ` ORDER BY 1, 2, 3`

	definitionIndexKeys = `SELECT n.nspname::text, c.relname::text, ic.relname::text, k.place > i.indnkeyatts,
			coalesce(a.attname::text, ''), CASE WHEN k.attnum = 0 THEN pg_get_indexdef(ic.oid, k.place::int, false) ELSE '' END,
			CASE WHEN k.collid <> 0 AND k.collid <> ka.attcollation THEN quote_ident(on_.nspname) || '.' || quote_ident(o.collname)
				ELSE '' END,
			CASE WHEN NOT oc.opcdefault THEN quote_ident(ocn.nspname) || '.' || quote_ident(oc.opcname) ELSE '' END,
			coalesce(k.bits, 0) & 1 <> 0, coalesce(k.bits, 0) & 2 <> 0
		` + fromTables + ` JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class ic ON ic.oid = i.indexrelid
		CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indcollation::oid[], i.indclass::oid[], i.indoption::int2[])
			WITH ORDINALITY k(attnum, collid, classid, bits, place)
		LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum AND k.attnum <> 0
		LEFT JOIN pg_attribute ka ON ka.attrelid = CASE WHEN k.attnum = 0 THEN ic.oid ELSE c.oid END
			AND ka.attnum = CASE WHEN k.attnum = 0 THEN k.place ELSE k.attnum END
		LEFT JOIN pg_collation o ON o.oid = k.collid LEFT JOIN pg_namespace on_ ON on_.oid = o.collnamespace
		LEFT JOIN pg_opclass oc ON oc.oid = k.classid LEFT JOIN pg_namespace ocn ON ocn.oid = oc.opcnamespace
		WHERE ` + freeIndexes + ` AND ` + userTables + ` ORDER BY 1, 2, 3, k.place`
)

// The queries whose gaps are filled with further queries.
var (
	columnsQuery = fmt.Sprintf(definitionColumns, fmt.Sprintf(dependsOn, `a.attgenerated <> '' AND u.attnum <> a.attnum
			AND (x.classid = 'pg_attrdef'::regclass AND x.objid = d.oid
				OR x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.objsubid = a.attnum)`))

	constraintsQuery = fmt.Sprintf(definitionConstraints,
		fmt.Sprintf(columnNames, "o.conkey", "c.oid"),
		fmt.Sprintf(columnNames, "(i.indkey::int2[])[i.indnkeyatts:i.indnatts]", "c.oid"),
		fmt.Sprintf(dependsOn, `x.classid = 'pg_constraint'::regclass AND x.objid = o.oid
			OR x.classid = 'pg_class'::regclass AND x.objid = o.conindid AND o.contype <> 'f'`),
		fmt.Sprintf(columnNames, "o.confkey", "o.confrelid"),
		fmt.Sprintf(columnNames, deleteColumns, "c.oid"))

	indexesQuery = fmt.Sprintf(definitionIndexes,
		fmt.Sprintf(dependsOn, `x.classid = 'pg_class'::regclass AND x.objid = ic.oid`))
)

// deleteColumns is confdelsetcols of PostgreSQL 15 and later, and nothing before.
const deleteColumns = `(SELECT array_agg(v.value::int2) FROM jsonb_array_elements_text(
			CASE jsonb_typeof(to_jsonb(o) -> 'confdelsetcols') WHEN 'array' THEN to_jsonb(o) -> 'confdelsetcols' ELSE '[]' END) v)`

// readDefinitions describes every table outside the system's schemas and portcullis. The search_path must be empty.
func readDefinitions(ctx context.Context, q querier) (map[policy.TableName]*definition, error) {
	tables := make(map[policy.TableName]*definition)
	var name policy.TableName
	var obstacles []string
	err := forEach(ctx, q, definitionTables, []any{&name.Schema, &name.Name, &obstacles}, func() {
		tables[name] = &definition{name: name, obstacles: obstacles}
		obstacles = nil
	})
	if err != nil {
		return nil, err
	}
	var c column
	err = forEach(ctx, q, columnsQuery, []any{&name.Schema, &name.Name, &c.name, &c.typ, &c.notNull, &c.collation,
		&c.expression, &c.generated, &c.identity, &c.uses}, func() {
		tables[name].columns = append(tables[name].columns, c)
		c = column{}
	})
	if err != nil {
		return nil, err
	}
	var o constraint
	var kind, match, onUpdate, onDelete string
	err = forEach(ctx, q, constraintsQuery, []any{&name.Schema, &name.Name, &o.name, &kind, &o.columns, &o.include,
		&o.touches, &o.text, &o.valid, &o.nullsNotDistinct, &o.deferrable, &o.deferred, &o.references.Schema, &o.references.Name,
		&o.referencedColumns, &match, &onUpdate, &onDelete, &o.setColumns}, func() {
		o.text = strings.TrimSuffix(o.text, notValid)
		o.kind, o.match, o.onUpdate, o.onDelete = letter(kind), letter(match), letter(onUpdate), letter(onDelete)
		tables[name].constraints = append(tables[name].constraints, o)
		o = constraint{}
	})
	if err != nil {
		return nil, err
	}
	indexes := make(map[policy.TableName]map[string]int)
	var i index
	err = forEach(ctx, q, indexesQuery, []any{&name.Schema, &name.Name, &i.name, &i.method, &i.unique,
		&i.nullsNotDistinct, &i.valid, &i.predicate, &i.options, &i.touches}, func() {
		if indexes[name] == nil {
			indexes[name] = make(map[string]int)
		}
		indexes[name][i.name] = len(tables[name].indexes)
		tables[name].indexes = append(tables[name].indexes, i)
		i = index{}
	})
	if err != nil {
		return nil, err
	}
	var k indexKey
	var indexName string
	var include bool
	err = forEach(ctx, q, definitionIndexKeys, []any{&name.Schema, &name.Name, &indexName, &include, &k.column,
		&k.expression, &k.collation, &k.class, &k.descending, &k.nullsFirst}, func() {
		of := &tables[name].indexes[indexes[name][indexName]]
		if include {
			of.include = append(of.include, k.column)
		} else {
			of.keys = append(of.keys, k)
		}
		k = indexKey{}
	})
	return tables, err
}

// forEach scans each row into targets and calls each.
func forEach(ctx context.Context, q querier, sql string, targets []any, each func()) error {
	found, err := q.Query(ctx, sql)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(found, targets, func() error { each(); return nil })
	return err
}

// notValid ends the definition of a constraint that may not hold for rows that were there before it.
const notValid = " NOT VALID"

// letter returns the only character of a "char" column; 0 for none.
func letter(text string) byte {
	if text == "" {
		return 0
	}
	return text[0]
}

// column returns the column of that name, or nil.
func (d *definition) column(name string) *column {
	for i := range d.columns {
		if d.columns[i].name == name {
			return &d.columns[i]
		}
	}
	return nil
}

// qualified quotes a table's name for SQL.
func qualified(name policy.TableName) string {
	return identifier(name.Schema) + "." + identifier(name.Name)
}

// identifiers quotes names for SQL and joins them: "a", "b".
func identifiers(names []string) string { return searchPath(names) }

// sql prints a column as CREATE TABLE and ADD COLUMN take it.
func (c *column) sql() string {
	var b strings.Builder
	b.WriteString(identifier(c.name) + " " + c.typ)
	if c.collation != "" {
		b.WriteString(" COLLATE " + c.collation)
	}
	switch {
	case c.generated:
		b.WriteString(" GENERATED ALWAYS AS (" + c.expression + ") STORED")
	case c.expression != "":
		b.WriteString(" DEFAULT " + c.expression)
	}
	if c.notNull {
		b.WriteString(" NOT NULL")
	}
	return b.String()
}

// sql prints a constraint as ADD CONSTRAINT takes it, without its name.
func (c *constraint) sql() string {
	if c.kind != 'f' {
		return c.text
	}
	var b strings.Builder
	b.WriteString("FOREIGN KEY (" + identifiers(c.columns) + ") REFERENCES " + qualified(c.references) +
		" (" + identifiers(c.referencedColumns) + ")")
	if c.match == 'f' {
		b.WriteString(" MATCH FULL")
	}
	actions := map[byte]string{'r': "RESTRICT", 'c': "CASCADE", 'n': "SET NULL", 'd': "SET DEFAULT"} // 'a' is the default
	if action := actions[c.onUpdate]; action != "" {
		b.WriteString(" ON UPDATE " + action)
	}
	if action := actions[c.onDelete]; action != "" {
		b.WriteString(" ON DELETE " + action)
		if len(c.setColumns) > 0 {
			b.WriteString(" (" + identifiers(c.setColumns) + ")")
		}
	}
	if c.deferrable {
		b.WriteString(" DEFERRABLE")
	}
	if c.deferred {
		b.WriteString(" INITIALLY DEFERRED")
	}
	return b.String()
}

// sql prints CREATE INDEX.
func (i *index) sql(table policy.TableName) string {
	var b strings.Builder
	b.WriteString("CREATE ")
	if i.unique {
		b.WriteString("UNIQUE ")
	}
	b.WriteString("INDEX " + identifier(i.name) + " ON " + qualified(table) + " USING " + identifier(i.method) + " (")
	for n, k := range i.keys {
		if n > 0 {
			b.WriteString(", ")
		}
		b.WriteString(k.sql())
	}
	b.WriteString(")")
	if len(i.include) > 0 {
		b.WriteString(" INCLUDE (" + identifiers(i.include) + ")")
	}
	if i.nullsNotDistinct {
		b.WriteString(" NULLS NOT DISTINCT")
	}
	if len(i.options) > 0 {
		b.WriteString(" WITH (" + strings.Join(i.options, ", ") + ")")
	}
	if i.predicate != "" {
		b.WriteString(" WHERE " + i.predicate)
	}
	return b.String()
}

// sql prints one key of CREATE INDEX. NULLS FIRST is the default of DESC, NULLS LAST that of ASC.
func (k *indexKey) sql() string {
	text := "(" + k.expression + ")"
	if k.column != "" {
		text = identifier(k.column)
	}
	if k.collation != "" {
		text += " COLLATE " + k.collation
	}
	if k.class != "" {
		text += " " + k.class
	}
	switch {
	case k.descending && !k.nullsFirst:
		text += " DESC NULLS LAST"
	case k.descending:
		text += " DESC"
	case k.nullsFirst:
		text += " NULLS FIRST"
	}
	return text
}
