package scan

import "github.com/portcullisdb/portcullis/rewrite/sqlstate"

// Statement is one statement of a client's string, as the scanner sees it.
type Statement struct {
	// Text is the statement without its terminating semicolon. Offset is where it starts in the client's string, in bytes.
	Text   string
	Offset int
	// Skeleton is the text with each literal replaced by a mark of its lexical class, comments removed and blanks folded:
	// two statements with equal skeletons have the same tree but for the values of their Literals.
	Skeleton string
	// Literals are the replaced literals in the order of the text.
	Literals []Literal
	// Empty reports that the text holds no token.
	Empty bool
}

// Literal is one numeric, string or bit-string constant of the text.
type Literal struct {
	Class Class
	// Start and End delimit the token in Statement.Text, in bytes. A string continued over lines is one token.
	Start, End int
	// Value is the decoded value: what PostgreSQL's lexer would hand to the grammar.
	Value string
}

// Class is the lexical class of a literal. It decides the constant's type before its value is known.
type Class byte

// The classes. The edges are apart because a minus before them changes the type (-2147483648 is an integer).
const (
	ClassInt4     Class = iota + 1 // 0..2147483647
	ClassInt4Edge                  // 2147483648
	ClassInt8                      // up to 9223372036854775807
	ClassInt8Edge                  // 9223372036854775808
	ClassNumeric                   // anything else that is a number
	ClassString                    // '...', E'...', U&'...', $tag$...$tag$
	ClassBits                      // B'...'
	ClassHexBits                   // X'...'
)

// Limits bounds what the parser behind the scanner is given; beyond is 54001 (54000 for Bytes).
type Limits struct {
	Bytes  int // length of the client's string
	Tokens int // of one statement
	Depth  int // brackets, CASE, and other nesting at once
	Chain  int // operators or set operations in one uninterrupted chain
}

// Scan cuts a client's string into statements. An error is 42601 with position (unterminated literal, comment or
// identifier, stray byte), 22021 for NUL or invalid UTF-8, 54000 or 54001 for a limit. Statements that are empty are kept:
// the simple protocol answers EmptyQueryResponse only if all are.
func Scan(sql string, limits Limits) ([]Statement, *sqlstate.Error) { panic("scan: not yet written") }
