// Package catalog is an immutable snapshot of what the logical database contains: schemas, relations, columns and
// types, as far as the planner needs them to resolve names as PostgreSQL would.
//
// It promises nothing about freshness: Version names the snapshot, and whoever loads it (gateway/schema) decides when
// it is old. A Catalog may be used concurrently.
package catalog

// Catalog is one snapshot. It must not be modified after New.
type Catalog struct {
	version   uint64
	schemas   map[string]bool
	relations map[Name]*Relation
	types     map[uint32]Type
	functions map[Name]bool
	code      map[string]bool // schemas that hold functions, or types that are not those of tables
}

// Name is a schema-qualified name, unquoted, as pg_class stores it.
type Name struct{ Schema, Name string }

// Kind is pg_class.relkind.
type Kind byte

// The kinds of relation that the planner tells apart (pg_class.relkind).
const (
	Table            Kind = 'r'
	PartitionedTable Kind = 'p'
	View             Kind = 'v'
	MaterializedView Kind = 'm'
	Sequence         Kind = 'S'
	ForeignTable     Kind = 'f'
	CompositeType    Kind = 'c'
)

// Relation is one row of pg_class with its columns in attnum order, dropped ones left out.
type Relation struct {
	Name
	OID     uint32
	Kind    Kind
	Columns []Column
	// Keys holds the columns of each primary key and unique constraint or index, the primary key first.
	Keys []Key
	// Parents are the relations that this one inherits from or is a partition of; Children the reverse.
	Parents, Children []Name
}

// Key is a primary key or unique constraint.
type Key struct {
	Name    string
	Primary bool
	Columns []string
}

// Column is one row of pg_attribute. ID is the column's identity for sealed values (portcullis.columns), empty when
// the column is not sealed.
type Column struct {
	Name       string
	Attnum     int16
	TypeOID    uint32 // base type for a domain is Catalog.Type(TypeOID).Base
	Typmod     int32  // -1: none
	NotNull    bool
	HasDefault bool
	Generated  bool // GENERATED ALWAYS AS (...) STORED or VIRTUAL
	Identity   bool
	Collation  string // "" not collatable, "C", "default", or another name
	ID         string
}

// Type is one row of pg_type.
type Type struct {
	OID  uint32
	Name Name
	Len  int16
	Kind byte   // pg_type.typtype: 'b' base, 'd' domain, 'e' enum, 'c' composite, 'r' range
	Base uint32 // of a domain, else 0
	Elem uint32 // of an array, else 0
}

// New makes a snapshot. It takes ownership of its arguments. functions names every function outside pg_catalog.
func New(version uint64, schemas []string, relations []*Relation, types []Type, functions []Name) *Catalog {
	c := &Catalog{version: version, schemas: make(map[string]bool, len(schemas)),
		relations: make(map[Name]*Relation, len(relations)), types: make(map[uint32]Type, len(types)),
		functions: make(map[Name]bool, len(functions)), code: make(map[string]bool)}
	for _, s := range schemas {
		c.schemas[s] = true
	}
	for _, r := range relations {
		c.relations[r.Name] = r
	}
	for _, t := range types {
		c.types[t.OID] = t
		if t.Kind != 'c' && t.Elem == 0 {
			c.code[t.Name.Schema] = true
		}
	}
	for _, f := range functions {
		c.functions[f] = true
		c.code[f.Schema] = true
	}
	return c
}

// Version names the snapshot: two snapshots with one version are equal.
func (c *Catalog) Version() uint64 { return c.version }

// HasSchema reports whether the schema exists.
func (c *Catalog) HasSchema(name string) bool { return c.schemas[name] }

// Relation returns the relation with exactly that name, or nil.
func (c *Catalog) Relation(name Name) *Relation { return c.relations[name] }

// Find returns the relation that an unqualified name means under the effective schemas, in their order
// (PostgreSQL, src/backend/catalog/namespace.c, RelnameGetRelid), or nil. The caller puts pg_catalog where it belongs.
func (c *Catalog) Find(name string, schemas []string) *Relation {
	for _, s := range schemas {
		if r := c.relations[Name{s, name}]; r != nil {
			return r
		}
	}
	return nil
}

// HasCode reports that a schema holds functions, or types that are not those of its tables, so that names in it may hide
// what pg_catalog has under the same name. Operators are made of functions, which commonly stand beside them.
func (c *Catalog) HasCode(schema string) bool { return c.code[schema] }

// UserFunction reports whether a function of that name exists in that schema, which is not pg_catalog.
func (c *Catalog) UserFunction(name Name) bool { return c.functions[name] }

// Type returns the type with that OID.
func (c *Catalog) Type(oid uint32) (Type, bool) { t, ok := c.types[oid]; return t, ok }

// Relations calls yield for every relation, in no order.
func (c *Catalog) Relations(yield func(*Relation) bool) {
	for _, r := range c.relations {
		if !yield(r) {
			return
		}
	}
}

// Column returns the column of that name, or nil.
func (r *Relation) Column(name string) *Column {
	for i := range r.Columns {
		if r.Columns[i].Name == name {
			return &r.Columns[i]
		}
	}
	return nil
}
