package rewrite

import (
	"math"

	"github.com/portcullisdb/portcullis/config/policy"
)

// Plan is what will be done to one statement. It is immutable data: printed by String, compared with golden files,
// cached and executed any number of times, by any number of sessions at once. It holds no key, socket or value of a
// client: literals of the statement became Constants, whose values travel beside the plan (Statement.Literals).
type Plan struct {
	Destination Destination
	Command     Command
	// Logical is the statement printed from its tree with every constant removed: for audit and logs.
	Logical string
	// Params are the types of the client's parameters $1..$n, as ParameterDescription gives them.
	Params []uint32
	// Columns is the row shape that the client sees; nil if the statement returns no rows.
	Columns []Column
	// Session is set when Destination is DestinationSession.
	Session *SessionAction
	// Text is the physical statement with a placeholder for each node's table names, or, with DestinationLogical, the
	// statement for the logical database, without placeholders.
	Text Text
	// Inputs are the physical statement's parameters $1..$m, in order.
	Inputs []Input
	// Outputs are the physical result columns, in order; nil if there are none.
	Outputs []Output
	// Sealed lists the sealed columns that Inputs and Outputs refer to by index.
	Sealed []SealedColumn
	Route  Route
	Merge  Merge
	// Touched are the protected columns that the statement reaches, for audit.
	Touched []Touch
	// Writes reports that the statement changes rows or locks them.
	Writes bool
	// Holds is what the statement leaves on the connection to the logical database, Frees what is gone when its transaction
	// is committed.
	Holds, Frees Held
}

// Destination says where a plan runs.
type Destination int

// The destinations.
const (
	DestinationSession Destination = iota // answered by the session, from its own model
	DestinationLogical                    // the session's connection to the logical database
	DestinationShards                     // the nodes that Route computes
)

// Command is the kind of statement; its tag is made by the executor from the counts of the nodes.
type Command string

// The commands that are understood. Session actions name themselves.
const (
	CommandSelect Command = "SELECT"
	CommandInsert Command = "INSERT"
	CommandUpdate Command = "UPDATE"
	CommandDelete Command = "DELETE"

	CommandListen   Command = "LISTEN"
	CommandUnlisten Command = "UNLISTEN"
	CommandNotify   Command = "NOTIFY"
)

// Column is one column of RowDescription as the client sees it.
type Column struct {
	Name     string
	TableOID uint32 // of the logical database, 0 if the column is not a plain column
	Attnum   int16
	TypeOID  uint32
	TypeLen  int16
	Typmod   int32
	// Output is the index into Plan.Outputs that feeds this column. Outputs that no Column names are hidden: they serve
	// the merge only.
	Output int
}

// Text is a statement cut at the places where a node's table name stands. It has one more Fragments than Tables.
type Text struct {
	Fragments []string
	Tables    []int // index into Route.Tables
}

// Input is one parameter of the physical statement.
type Input struct {
	Source Source
	// TypeOID is the logical type of the place where the value stands: what the text of a literal or parameter must be
	// a value of. Typmod applies when Assign is set (coercion on assignment), else it is -1.
	TypeOID uint32
	Typmod  int32
	Assign  bool
	// PhysicalOID is declared in the physical Parse: TypeOID for open values, 0 for what PostgreSQL shall infer, 17
	// (bytea) for sealed values and tokens.
	PhysicalOID uint32
	Transform   Transform
	Sealed      int // index into Plan.Sealed; with Seal and EqualityToken only
}

// Transform says what happens to a value on its way to a node.
type Transform int

// The transforms of inputs.
const (
	Plain         Transform = iota // sent as it is
	Seal                           // sealed for Plan.Sealed[i]
	EqualityToken                  // replaced by the equality token of Plan.Sealed[i]
)

// Source says where a value comes from.
type Source struct {
	Kind  SourceKind
	Index int // client parameter (from 0), constant (index into Statement.Literals), or generated key (row number)
	// TypeOID is the type in which the source value arrives: the client's parameter's, or the constant's (23, 20, 1700,
	// or 705, unknown, for a quoted one).
	TypeOID uint32
	// Negate: the constant stands under a unary minus.
	Negate bool
}

// SourceKind tells the sources apart.
type SourceKind int

// The kinds of source.
const (
	FromParam     SourceKind = iota
	FromConstant             // a literal of the client's statement
	FromGenerated            // a key that the gateway draws, one for each row of an INSERT
	FromNull                 // NULL written out
	FromSession              // a fact of the session: Index is a SessionFact
)

// SessionFact is a value that the session knows and no server may answer for it.
type SessionFact = int

// The facts, each of type name but the last, which is integer. The schema is NULL if the search path names none that
// exists.
const (
	SessionUser       SessionFact = iota // current_user, session_user, user, current_role
	SessionDatabase                      // current_database(), current_catalog
	SessionSchema                        // current_schema()
	SessionBackendPID                    // pg_backend_pid()
)

// Output is one column of the physical result.
type Output struct {
	// PhysicalOID is the type that the node's RowDescription must give: the logical type for open columns; 17 for
	// sealed ones (PostgreSQL sends a domain's base type). Another one is a refusal.
	PhysicalOID uint32
	// Open lists the sealed columns (indexes into Plan.Sealed) whose values may stand here. Empty: stored in clear.
	Open []int
	// Mask, if set, is applied after opening. Deny never appears here: it is refused.
	Mask *policy.Mask
	// Column is the masked column, for messages and for the keys of random masks.
	Column policy.ColumnName
}

// SealedColumn is what the executor needs to seal, open and tokenise values of one encrypted column.
type SealedColumn struct {
	Table   policy.TableName
	Column  string
	ID      string // portcullis.columns
	TypeOID uint32
	Typmod  int32
	Encrypt policy.Encrypt
}

// Route says which nodes a statement runs on. Its soundness rule: the nodes computed are a superset of those that can
// hold a matching row.
type Route struct {
	// Tables are the tables whose physical names stand in Text, in the order of their first appearance.
	Tables []RouteTable
	// Lead is the index in Tables of the sharded table whose nodes are computed; the other sharded tables are bound to it
	// and follow by position. -1: no sharded table, any one node of Tables[0] will do (a broadcast or single table).
	Lead int
	// Condition is a necessary condition on the lead's shard key. Nil: none is known, all nodes.
	Condition *Condition
	// Rows holds, for INSERT, the source of the shard key of each row. All rows must lie in one node.
	Rows []Operand
	// One: the statement must run on exactly one node, else it is refused (0A000): writes, until distributed commit.
	One bool
}

// RouteTable is one table of a route.
type RouteTable struct {
	Table *policy.Table
}

// Condition is a tree over the shard key of Route.Lead.
type Condition struct {
	Kind     ConditionKind
	Operands []Operand    // ConditionIn: key = any of these
	Children []*Condition // ConditionAnd, ConditionOr
}

// ConditionKind tells conditions apart. Predicates that say nothing about the key are left out of an And and make an
// Or disappear as a whole.
type ConditionKind int

// The kinds of condition.
const (
	ConditionIn ConditionKind = iota
	ConditionAnd
	ConditionOr
	ConditionNone // no row can match
)

// Operand is one value compared with, or stored in, a shard key.
type Operand struct {
	Source  Source
	TypeOID uint32 // the type of the shard key column: the value is converted to it before it is hashed
}

// Merge says how the answers of several nodes become one. With one node it is not applied.
type Merge struct {
	Kind MergeKind
	// Order holds the sort keys, most significant first (MergeSorted, and MergeGrouped after grouping).
	Order []SortKey
	// Limit and Offset are nil when absent. The nodes get LIMIT limit+offset as Inputs of their own: see LimitInput.
	Limit, Offset *Operand
	// LimitInput is the index in Inputs of the physical LIMIT: the client's limit on one node; on several nodes
	// limit+offset, but NULL (no limit) for MergeGrouped. OffsetInput is that of the physical OFFSET: the client's on one
	// node, 0 on several. -1: absent.
	LimitInput, OffsetInput int
	// Groups are indexes into Outputs whose equal values make one group (MergeGrouped). None: one group, always one row.
	Groups []int
	// Aggregates combine the other outputs of a group.
	Aggregates []Aggregate
}

// MergeKind tells merges apart.
type MergeKind int

// The kinds of merge.
const (
	MergeNone    MergeKind = iota // concatenate in node order
	MergeSorted                   // n-way merge by Order
	MergeGrouped                  // group by Groups, combine Aggregates, then sort by Order
)

// SortKey orders by one physical output.
type SortKey struct {
	Output     int
	TypeOID    uint32
	Descending bool
	NullsFirst bool
}

// Aggregate combines one output of the rows of a group. Function is "count", "sum", "min" or "max"; TypeOID is the
// type of its result.
type Aggregate struct {
	Output   int
	Function string
	TypeOID  uint32
}

// Touch is one protected column that a statement reaches, and how.
type Touch struct {
	Column policy.ColumnName
	// Use is "reveal", "mask", "search", "write", "null-test" or "count".
	Use  string
	Rule string // the policy rule that decided
}

// SessionAction is a statement that the session answers from its own model.
type SessionAction struct {
	// Kind is one of BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, ROLLBACK TO, SET, SET LOCAL, SHOW, RESET, RESET ALL,
	// DISCARD ALL, SETTING CALLS, PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH, MOVE, CLOSE, NOTHING, EMPTY.
	Kind string
	Tag  string // command tag to answer
	// Name and Values are the setting and what it is set to (SET x TO DEFAULT: Values nil), the savepoint, the prepared
	// statement or the cursor ("" for ALL of them).
	Name   string
	Values []string
	// Begin carries BEGIN's and SET TRANSACTION's modes: "ISOLATION LEVEL SERIALIZABLE", "READ ONLY", ...; Chain is AND
	// CHAIN of COMMIT and ROLLBACK.
	Modes []string
	Chain bool
	// ParamOIDs are the types that PREPARE declares; Arguments the values of EXECUTE. The statement of PREPARE and the query
	// of DECLARE are Statement.Embedded, planned on its own.
	ParamOIDs []uint32
	Arguments []Argument
	Calls     []SettingCall
	// Binary, Hold and Scroll are how DECLARE makes a cursor. Direction and Count are what FETCH and MOVE ask of it; FetchAll is
	// ALL.
	Binary, Hold, Scroll bool
	Direction            FetchDirection
	Count                int64
}

// FetchDirection says what Count of FETCH and MOVE counts.
type FetchDirection int

// The directions.
const (
	FetchForward  FetchDirection = iota // rows from here on; backwards if negative
	FetchBackward                       // rows before this one; forward if negative
	FetchAbsolute                       // from the first row, which is 1; from behind the last if negative
	FetchRelative                       // from the current row
)

// FetchAll is the count of FETCH ALL (src/include/nodes/parsenodes.h, FETCH_ALL).
const FetchAll = math.MaxInt64
