// Package policy is the compiled meaning of a configuration: for each database which tables lie where, which columns
// are protected and how, and for each user what of them may be seen and done.
//
// config compiles it; rewrite plans by it; nothing in it holds a secret, a socket or a key. A Policy is immutable and
// may be used concurrently.
package policy

import "strings"

// Policy is one generation of the whole configuration's meaning.
type Policy struct {
	Generation uint64
	Databases  map[string]*Database
	Users      map[string]*User
}

// User is one login of the gateway.
type User struct {
	Name  string
	Roles []string // sorted, without duplicates
	// Views holds what this user may see, by database name. Every database of the policy has an entry.
	Views map[string]*View
}

// TableName is a schema-qualified logical name, unquoted.
type TableName struct{ Schema, Name string }

// String returns "schema.name" for people; it is not quoted for SQL.
func (t TableName) String() string { return t.Schema + "." + t.Name }

// Database is one logical database.
type Database struct {
	Name        string
	Datasources []string // in written order; a datasource is one physical database
	Tables      map[TableName]*Table
	// Bindings lists the groups of binding tables; Table.Binding is an index into it.
	Bindings [][]TableName
	// Found is what users are that the database's auth_query finds: without name, with a view of this database alone. It is
	// nil if all users are those of the policy.
	Found *User
}

// Transparent reports that the database protects and shards nothing: its statements are relayed as written.
func (d *Database) Transparent() bool {
	for _, t := range d.Tables {
		if t.Placement != Single || len(t.Columns) > 0 {
			return false
		}
	}
	return true
}

// Placement says how a table's rows are spread over nodes (ShardingSphere's words).
type Placement int

// The placements.
const (
	Single    Placement = iota // one node: all rows are there
	Sharded                    // each row lies in the node that the algorithm gives for its shard key
	Broadcast                  // each node holds all rows
)

// Table is one logical table that the configuration names.
type Table struct {
	Name      TableName
	Placement Placement
	Nodes     []Node    // at least one; for Broadcast one for each datasource
	Shard     *ShardKey // Sharded only
	Key       *KeyGenerator
	Columns   map[string]*Column // protected columns only
	Binding   int                // index into Database.Bindings, -1 if none
}

// Node is one physical table.
type Node struct {
	Datasource string
	Table      string // physical name, in the schema of the logical table
}

// ShardKey names the column and the algorithm (package shard) that place a row. Targets of the algorithm are the
// physical table names in the order of Table.Nodes: they are unique over all datasources.
type ShardKey struct {
	Column    string
	Algorithm Algorithm
}

// Algorithm is an algorithm of package shard with its properties, already validated.
type Algorithm struct {
	Name  string // as the configuration names it
	Type  string // "COSID_MOD"
	Props map[string]string
}

// KeyGenerator fills a column that an INSERT leaves out.
type KeyGenerator struct {
	Column    string
	Generator Algorithm // Type "SNOWFLAKE"
}

// Column is a protected column: one that is encrypted, or that some policy rule names.
type Column struct {
	Name    string
	Type    string // logical type as written: "text", "varchar(40)", "numeric(12,2)"
	Tags    []string
	Encrypt *Encrypt // nil: stored in clear, protected by policy alone
}

// Encrypt says how a column is sealed.
type Encrypt struct {
	Keyset   string
	Equality bool   // carries an equality token
	Domain   string // search domain of its tokens; columns of one domain may be compared with each other
	Casefold bool   // the equality token ignores case
	Trim     bool   // the equality token ignores leading and trailing blanks
}

// Right is what a role may see of a column.
type Right int

// The rights, from the weakest. The zero Right denies.
const (
	Deny Right = iota
	Masked
	Reveal
)

// Access is the decision for one (column, user).
type Access struct {
	Right Right
	Mask  *Mask // Masked only
	// Predicates holds the forms of predicate that are allowed on a column that is not revealed.
	Predicates PredicateSet
	Write      bool   // the column may be written
	Rule       string // "portcullis.yaml:41": what decided; "default" for a column that no rule names
}

// Mask is a mask of package masking with its properties, already validated.
type Mask struct {
	Type  string // "PARTIAL"
	Props map[string]string
	// OnUnmaskable is "hide" or "shardingsphere": what happens to a text in which the mask finds nothing to replace.
	OnUnmaskable string
}

// PredicateSet is a set of predicate forms.
type PredicateSet uint8

// The predicate forms that a policy can give back.
const (
	PredicateEq PredicateSet = 1 << iota
	PredicateIn
	PredicateNull
	PredicateRange
	PredicateLike
)

// Has reports whether all forms of p are in s.
func (s PredicateSet) Has(p PredicateSet) bool { return s&p == p }

// View is what one set of roles sees of one database. Two users with equal roles share one View.
type View struct {
	Roles   []string
	Columns map[ColumnName]Access // every protected column of the database
}

// ColumnName names a column of a logical table.
type ColumnName struct {
	Table  TableName
	Column string
}

// Access returns the decision for a protected column. A column that the view does not know is denied.
func (v *View) Access(table TableName, column string) Access {
	return v.Columns[ColumnName{table, column}]
}

// Restricted reports whether some protected column is not revealed to these roles.
func (v *View) Restricted() bool {
	for _, a := range v.Columns {
		if a.Right != Reveal {
			return true
		}
	}
	return false
}

// RoleNames returns the roles for messages: "support" or "billing, support".
func (v *View) RoleNames() string { return strings.Join(v.Roles, ", ") }
