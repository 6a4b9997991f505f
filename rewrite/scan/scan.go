package scan

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Statement is one statement of a client's string, as the scanner sees it.
type Statement struct {
	// Text is the statement without its terminating semicolon and without blanks around it; comments stay. Offset is
	// where it starts in the client's string, in bytes.
	Text   string
	Offset int
	// Skeleton is the text with each literal replaced by a mark of its lexical class, comments removed and blanks folded:
	// two statements with equal skeletons have the same tree but for the values of their Literals. It is a key, not SQL:
	// the marks are bytes that no valid UTF-8 text holds.
	Skeleton string
	// Literals are the replaced literals in the order of the text.
	Literals []Literal
	// Empty reports that the text holds no token.
	Empty bool
}

// Literal is one numeric, string or bit-string constant of the text. The precision in FLOAT(n), which the grammar turns
// into a choice of type, is part of the skeleton and no Literal; so is the escape character of a U&"" identifier.
type Literal struct {
	Class Class
	// Start and End delimit the token in Statement.Text, in bytes. A string continued over lines is one token, and so are
	// U&'' and its UESCAPE clause. The n of N'' stands before the token: it is a word of the grammar.
	Start, End int
	// Value is the decoded value: what PostgreSQL's lexer would hand to the grammar, with numbers in plain decimal form
	// (0x1F and 3_1 are 31). Bit strings carry the b or x that tells them apart. It may share memory with the text.
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

// mark is the byte that stands for a literal of the class in a skeleton: 0xF8..0xFF, which occur nowhere in UTF-8.
func (c Class) mark() byte { return 0xF7 + byte(c) }

// Limits bounds what the parser behind the scanner is given; beyond is 54001 (54000 for Bytes and the number of statements).
type Limits struct {
	Bytes  int // length of the client's string
	Tokens int // of one statement; and statements of one string
	Depth  int // brackets and CASEs open at once
	Chain  int // weight of the heaviest path through the statement's tree: see depth.go
}

// DefaultLimits admits what applications send and is safe with the 8 MiB of stack that a thread has by default.
func DefaultLimits() Limits {
	return Limits{Bytes: 16 << 20, Tokens: 500_000, Depth: 300, Chain: chainOfStack}
}

// chainOfStack is the weight for which libpg_query takes, at the worst, a quarter of usualStack. Measured by
// TestHeaviestTreesFitTheStack, which takes each recursive production of the grammar there: 1.6 to 2.0 KiB for each unit.
const (
	chainOfStack = 1000
	usualStack   = 8 << 20 // bytes: RLIMIT_STACK as Linux and macOS set it
)

// Within returns l with a Chain that threads with so many bytes of stack bear: see ThreadStackBytes. With more than
// 8 MiB Chain may be greater than DefaultLimits has it; it is never raised.
func (l Limits) Within(stackBytes uint64) Limits {
	bearable := min(stackBytes, 1<<30) * chainOfStack / usualStack
	l.Chain = min(l.Chain, int(bearable))
	return l
}

// Scan cuts a client's string into statements. An error is 42601 with position (unterminated literal, comment or
// identifier, stray byte, unbalanced bracket), 22021 for NUL or invalid UTF-8, 22025 for a malformed escape, 54000 or
// 54001 for a limit. Positions count characters of sql from 1. No error holds a piece of the text.
//
// Statements that are empty are kept: the simple protocol answers EmptyQueryResponse only if all are. What follows the
// last semicolon is a statement only if it holds a token or stands alone, so that "" is one empty statement, and
// "SELECT 1;" is one statement. A semicolon inside brackets or inside the BEGIN ATOMIC body of a routine does not cut.
func Scan(sql string, limits Limits) ([]Statement, *sqlstate.Error) {
	if len(sql) > limits.Bytes {
		return nil, sqlstate.New(sqlstate.ProgramLimitExceeded,
			"query string of %d bytes is longer than the limit of %d", len(sql), limits.Bytes).
			WithHint("Send large values as parameters, or raise statement_bytes in the gateway's limits.")
	}
	if err := checkText(sql); err != nil {
		return nil, err
	}
	s := scanner{lexer: lexer{sql: sql}, limits: limits}
	s.path.depthMax, s.path.weightMax = limits.Depth, limits.Chain
	statements := make([]Statement, 0, 1)
	for {
		statement, last, err := s.statement()
		if err != nil {
			return nil, err
		}
		if !last || !statement.Empty || len(statements) == 0 {
			statements = append(statements, statement)
		}
		if len(statements) > limits.Tokens {
			return nil, sqlstate.New(sqlstate.ProgramLimitExceeded, "query string has more than %d statements", limits.Tokens).
				WithHint("Send the statements in several strings.")
		}
		if last {
			return statements, nil
		}
	}
}

// checkText makes sure that sql is what PostgreSQL takes for UTF-8 (src/common/wchar.c, pg_utf8_verifystr).
func checkText(sql string) *sqlstate.Error {
	if strings.IndexByte(sql, 0) < 0 && utf8.ValidString(sql) {
		return nil
	}
	for i := 0; i < len(sql); {
		r, size := utf8.DecodeRuneInString(sql[i:])
		if r == 0 || r == utf8.RuneError && size == 1 {
			return sqlstate.New(sqlstate.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8"`).
				At(utf8.RuneCountInString(sql[:i]) + 1)
		}
		i += size
	}
	return nil
}

// scanner assembles statements from tokens.
type scanner struct {
	lexer
	limits Limits
	path   path
}

// statement reads up to the next cutting semicolon, or to the end of the text: last.
func (s *scanner) statement() (_ Statement, last bool, _ *sqlstate.Error) {
	var (
		literalSpace  [16]Literal // what most statements need, on the stack
		skeletonSpace [512]byte
		literals      = literalSpace[:0]
		skeleton      = skeletonSpace[:0]
		start         = s.pos
		tokens        int
		routine       routine
		// glued is the n of N'...': nothing stands between it and its string, so that it differs from a name n.
		glued bool
		// floats counts the tokens of FLOAT ( seen.
		floats int
		// dots counts those of one name, sinceDot the tokens behind the last.
		dots, sinceDot int
	)
	s.path.reset()
	for {
		t, err := s.next()
		if err != nil {
			return Statement{}, false, err
		}
		if t.kind == kindEnd || t.kind == kindSemicolon && !routine.open() && s.path.brackets == 0 {
			if s.path.brackets > 0 || routine.open() {
				return Statement{}, false, s.fail(t.start, "syntax error at end of input")
			}
			if !s.path.finish() {
				return Statement{}, false, s.tooDeep()
			}
			return s.cut(start, t.start, skeleton, literals), t.kind == kindEnd, nil
		}
		if tokens++; tokens > s.limits.Tokens {
			return Statement{}, false, sqlstate.New(sqlstate.StatementTooComplex,
				"statement has more than %d tokens", s.limits.Tokens).
				WithHint("Send the rows or values in several statements, or as one array parameter.")
		}
		if sinceDot++; t.kind == kindDot {
			if sinceDot > 2 {
				dots = 0
			}
			if dots, sinceDot = dots+1, 0; dots > dotsMax {
				return Statement{}, false, s.failWith(sqlstate.StatementTooComplex, t.start,
					"improper qualified name (too many dotted names)")
			}
		}
		if s.path.brackets == 0 {
			routine.token(t.kind, t.keyword)
		}
		switch s.path.token(t.kind, t.keyword, routine.ended) {
		case pathTooDeep:
			return Statement{}, false, s.tooDeep()
		case pathUnbalanced:
			return Statement{}, false, s.fail(t.start, `syntax error at or near "`+s.sql[t.start:t.end]+`"`)
		}

		if len(skeleton) > 0 && !glued {
			skeleton = append(skeleton, ' ')
		}
		glued = t.kind == kindNChar
		switch {
		case t.kind == kindLiteral && floats == 2 && t.class == ClassInt4 && len(t.value) <= 2:
			skeleton = append(skeleton, t.value...)
		case t.kind == kindLiteral:
			skeleton = append(skeleton, t.class.mark())
			literals = append(literals, Literal{Class: t.class, Start: t.start, End: t.end, Value: t.value})
		case t.kind == kindEscapedName:
			skeleton = append(skeleton, t.value...)
		default:
			skeleton = append(skeleton, s.sql[t.start:t.end]...)
		}
		switch {
		case t.keyword == wordFloat:
			floats = 1
		case floats == 1 && t.kind == kindOpen:
			floats = 2
		default:
			floats = 0
		}
	}
}

// dotsMax bounds the dots of one name: the parser's work for the name of a setting grows with their square.
const dotsMax = 100

// cut makes the statement that lies between two bytes of the text. It copies skeleton and literals.
func (s *scanner) cut(start, end int, skeleton []byte, literals []Literal) Statement {
	for start < end && isSpace(s.sql[start]) {
		start++
	}
	for end > start && isSpace(s.sql[end-1]) {
		end--
	}
	statement := Statement{Text: s.sql[start:end], Offset: start, Skeleton: string(skeleton), Empty: len(skeleton) == 0}
	if len(literals) > 0 {
		statement.Literals = slices.Clone(literals)
	}
	for i := range statement.Literals {
		statement.Literals[i].Start -= start
		statement.Literals[i].End -= start
	}
	return statement
}

func (s *scanner) tooDeep() *sqlstate.Error {
	return sqlstate.New(sqlstate.StatementTooComplex, "stack depth limit exceeded: the statement is nested too deeply").
		WithDetail("A statement may hold %d levels of brackets, and chains of operators, joins and set operations of a weight of %d.",
			s.limits.Depth, s.limits.Chain).
		WithHint("Use IN or = ANY for long chains of comparisons, a multi-row VALUES for long chains of UNION, or split the statement.")
}

// routine follows CREATE [OR REPLACE] FUNCTION|PROCEDURE ... BEGIN ATOMIC ...; END, whose semicolons do not cut
// (src/backend/parser/gram.y, opt_routine_body). It sees the tokens outside brackets.
type routine struct {
	state routineState
	depth int  // bodies open: a statement of a body may be another CREATE FUNCTION
	first bool // the last token was ATOMIC or a semicolon of a body, so that END ends the body and is not a name
	ended bool // this token ended a body
}

type routineState byte

const (
	routineStart routineState = iota // nothing read of the statement
	routineCreate
	routineOr
	routineReplace
	routineHead  // FUNCTION or PROCEDURE read: a body may come
	routineBegin // BEGIN read
	routineNone  // no such statement
)

func (r *routine) open() bool { return r.depth > 0 }

func (r *routine) token(k kind, w keyword) {
	first := r.first
	r.first, r.ended = false, false
	if r.depth > 0 && first && w == wordEnd {
		r.depth--
		r.ended = true
		r.state = routineNone
		return
	}
	if k == kindSemicolon {
		r.state = routineStart
		r.first = true
		return
	}
	switch {
	case r.state == routineStart && w == wordCreate:
		r.state = routineCreate
	case r.state == routineCreate && w == wordOr:
		r.state = routineOr
	case r.state == routineOr && w == wordReplace:
		r.state = routineReplace
	case (r.state == routineCreate || r.state == routineReplace) && w == wordRoutine:
		r.state = routineHead
	case (r.state == routineHead || r.state == routineBegin) && w == wordBegin:
		r.state = routineBegin
	case r.state == routineBegin && w == wordAtomic:
		r.depth++
		r.state = routineStart
		r.first = true
	case r.state == routineBegin:
		r.state = routineHead
	case r.state != routineHead:
		r.state = routineNone
	}
}
