package rewrite

import (
	"context"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/scan"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Statement is one statement of a client's string, lexed and known to be syntactically right. Its Literals travel
// beside the plan to the executor: Source{Kind: FromConstant, Index: i} means the value of Literals[i].
type Statement struct {
	scan.Statement
	// Embedded is the statement that PREPARE or DECLARE CURSOR holds; nil for every other.
	Embedded *Statement
	start    int // characters before this statement in the client's string, for positions
}

// TokenPosition is where a token begins in the client's string, in characters from 1; 0 if there is no telling.
func (s *Statement) TokenPosition(number int) int {
	at, ok := tokenStart(s.Text, number)
	if !ok {
		return 0
	}
	return s.position(at)
}

// Shape is the statement without its constants, for logs: the skeleton, with a question mark for each literal.
func (s *Statement) Shape() string {
	shape := []byte(s.Skeleton)
	for i, b := range shape {
		if b >= firstMark {
			shape[i] = '?'
		}
	}
	return string(shape)
}

// firstMark is the lowest of the bytes that stand for literals in a skeleton; no UTF-8 text holds it (package scan).
const firstMark = 0xf8

// Env is all that the meaning of a statement depends on, besides its text. Everything in it is part of the plan's key.
type Env struct {
	Generation uint64 // of the policy
	Database   *policy.Database
	View       *policy.View
	Catalog    *catalog.Catalog
	SearchPath []string // effective schemas, pg_catalog left out unless the client put it there
	ParamOIDs  []uint32 // declared by Parse; 0 or missing: to be inferred
}

// Describer asks the logical database. gateway/schema implements it.
type Describer interface {
	// Describe prepares the statement and returns its parameter types and row shape. sql holds no literal of a client
	// in an expression. Errors of PostgreSQL come back as they are, Position counting characters of sql; 58000 if the
	// logical database cannot be reached.
	Describe(ctx context.Context, request DescribeRequest) (Description, *sqlstate.Error)
}

// DescribeRequest is a statement to be prepared on the logical database.
type DescribeRequest struct {
	SQL        string
	ParamOIDs  []uint32
	SearchPath []string
}

// Description is PostgreSQL's answer: types of $1..$n, and the row shape, nil for a statement without rows.
type Description struct {
	Params  []uint32
	Columns []Field
}

// Field is one column of RowDescription.
type Field struct {
	Name     string
	TableOID uint32
	Attnum   int16
	TypeOID  uint32
	TypeLen  int16
	Typmod   int32
}
