// Package sqlstate holds the errors that reach a client: a code of PostgreSQL's list, a message, and what helps.
//
// Codes are values of an opaque type, so that a loose string cannot pass for one. Messages follow the manner of
// PostgreSQL (doc/src/sgml/sources.sgml, "Error Message Style Guide"): lower case, no full stop, naming column and
// construct; details and hints are sentences. No text here may hold a literal, parameter, plaintext or key byte.
//
// Everything here is immutable after construction and may be used concurrently.
package sqlstate

import "fmt"

// Code is one SQLSTATE (PostgreSQL, src/backend/utils/errcodes.txt). The zero Code is not valid.
type Code struct{ text string }

// String returns the five characters that travel in field C of ErrorResponse.
func (c Code) String() string { return c.text }

// The codes that the gateway itself raises. Errors of servers keep the server's code: see FromServer.
var (
	FeatureNotSupported         = Code{"0A000"} // cannot be done safely
	ConnectionException         = Code{"08000"}
	ConnectionFailure           = Code{"08006"}
	TransactionOutcomeUnknown   = Code{"08007"}
	ProtocolViolation           = Code{"08P01"}
	StringDataRightTruncation   = Code{"22001"}
	NumericValueOutOfRange      = Code{"22003"}
	NullValueNotAllowed         = Code{"22004"}
	InvalidDatetimeFormat       = Code{"22007"}
	DatetimeFieldOverflow       = Code{"22008"}
	CharacterNotInRepertoire    = Code{"22021"}
	InvalidParameterValue       = Code{"22023"}
	InvalidTextRepresentation   = Code{"22P02"}
	InvalidBinaryRepresentation = Code{"22P03"}
	UntranslatableCharacter     = Code{"22P05"}
	NotNullViolation            = Code{"23502"}
	ActiveSQLTransaction        = Code{"25001"}
	ReadOnlySQLTransaction      = Code{"25006"}
	NoActiveSQLTransaction      = Code{"25P01"}
	InFailedSQLTransaction      = Code{"25P02"}
	IdleInTransactionTimeout    = Code{"25P03"}
	InvalidSQLStatementName     = Code{"26000"}
	InvalidAuthorization        = Code{"28000"}
	InvalidPassword             = Code{"28P01"}
	InvalidCursorName           = Code{"34000"}
	InvalidSavepoint            = Code{"3B001"}
	InvalidCatalogName          = Code{"3D000"}
	InvalidSchemaName           = Code{"3F000"}
	InsufficientPrivilege       = Code{"42501"} // forbidden by a policy
	SyntaxError                 = Code{"42601"}
	InvalidName                 = Code{"42602"}
	UndefinedColumn             = Code{"42703"}
	UndefinedObject             = Code{"42704"}
	UndefinedTable              = Code{"42P01"}
	UndefinedParameter          = Code{"42P02"}
	DuplicateCursor             = Code{"42P03"}
	DuplicatePreparedStatement  = Code{"42P05"}
	InvalidCursorDefinition     = Code{"42P11"}
	AmbiguousColumn             = Code{"42702"}
	DuplicateAlias              = Code{"42712"}
	DuplicateColumn             = Code{"42701"}
	IndeterminateDatatype       = Code{"42P18"}
	AmbiguousFunction           = Code{"42725"}
	DatatypeMismatch            = Code{"42804"}
	TooManyConnections          = Code{"53300"}
	ProgramLimitExceeded        = Code{"54000"} // a named limit of the gateway
	StatementTooComplex         = Code{"54001"}
	ObjectNotInState            = Code{"55000"}
	CantChangeRuntimeParam      = Code{"55P02"}
	QueryCanceled               = Code{"57014"}
	AdminShutdown               = Code{"57P01"} // draining
	CannotConnectNow            = Code{"57P03"}
	IdleSessionTimeout          = Code{"57P05"}
	SystemError                 = Code{"58000"} // keys or logical database unavailable
	InternalError               = Code{"XX000"} // our bug
	DataCorrupted               = Code{"XX001"} // a sealed value does not authenticate
)

// FromServer returns the Code of a five-character SQLSTATE that a PostgreSQL server sent. Anything else is XX000.
func FromServer(text string) Code {
	if len(text) != 5 {
		return InternalError
	}
	return Code{text}
}

// Error is one ErrorResponse to be. Position counts characters of the client's statement from 1; 0 is absent.
// Rule names the rule of the planner that refused ("masked-predicate"); it travels in field R as "rule:<id>".
// Schema, Table, Column, DataType and Constraint are logical names.
type Error struct {
	Code                                        Code
	Message, Detail, Hint                       string
	Position                                    int
	Rule                                        string
	Schema, Table, Column, DataType, Constraint string
}

// Error returns the message with its code, for logs. It never holds a value.
func (e *Error) Error() string { return e.Message + " (SQLSTATE " + e.Code.text + ")" }

// New returns an Error with a formatted message. Arguments are names and numbers, never values of a client.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithHint, WithDetail, WithRule and At set one field of e and return e; for use on a fresh Error only.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// WithDetail sets Detail: see WithHint.
func (e *Error) WithDetail(format string, args ...any) *Error {
	e.Detail = fmt.Sprintf(format, args...)
	return e
}

// WithRule sets Rule: see WithHint.
func (e *Error) WithRule(id string) *Error { e.Rule = id; return e }

// At sets Position: see WithHint.
func (e *Error) At(position int) *Error { e.Position = position; return e }
