package wire

import (
	"strconv"

	"github.com/jackc/pgproto3/v2"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Severity is field S of ErrorResponse and NoticeResponse; it is not translated, and so is field V as well.
type Severity string

// The severities (src/include/utils/elog.h).
const (
	SeverityError   Severity = "ERROR"
	SeverityFatal   Severity = "FATAL" // the session ends after it
	SeverityPanic   Severity = "PANIC"
	SeverityWarning Severity = "WARNING"
	SeverityNotice  Severity = "NOTICE"
	SeverityInfo    Severity = "INFO"
	SeverityLog     Severity = "LOG"
	SeverityDebug   Severity = "DEBUG"
)

// rulePrefix stands before the id of a planner's rule in field R, where PostgreSQL names a routine of its source.
const rulePrefix = "rule:"

// ErrorResponse appends ErrorResponse.
func (o *Output) ErrorResponse(severity Severity, e *sqlstate.Error) {
	o.report(TypeErrorResponse, severity, e)
}

// NoticeResponse appends NoticeResponse.
func (o *Output) NoticeResponse(severity Severity, e *sqlstate.Error) {
	o.report(TypeNoticeResponse, severity, e)
}

func (o *Output) report(t Type, severity Severity, e *sqlstate.Error) {
	start := o.begin(t)
	o.field('S', string(severity))
	o.field('V', string(severity))
	o.field('C', e.Code.String())
	// A message is always there (protocol.sgml, "Error and Notice Message Fields"), so it is written even if empty.
	o.byte('M')
	o.text(e.Message)
	o.field('D', e.Detail)
	o.field('H', e.Hint)
	if e.Position > 0 {
		o.field('P', strconv.Itoa(e.Position))
	}
	o.field('s', e.Schema)
	o.field('t', e.Table)
	o.field('c', e.Column)
	o.field('d', e.DataType)
	o.field('n', e.Constraint)
	if e.Rule != "" {
		o.field('R', rulePrefix+e.Rule)
	}
	o.byte(0)
	o.end(start)
}

func (o *Output) field(code byte, value string) {
	if value == "" {
		return
	}
	o.byte(code)
	o.text(value)
}

// Report is an ErrorResponse or NoticeResponse of a server, with the fields that sqlstate.Error does not have. Its texts
// may hold values of a client: they are for the client, or for nobody.
type Report struct {
	Severity         Severity
	Code             sqlstate.Code
	Message          string
	Detail           string
	Hint             string
	Position         int // characters of the statement from 1; 0 is absent
	InternalPosition int
	InternalQuery    string
	Where            string
	Schema           string
	Table            string
	Column           string
	DataType         string
	Constraint       string
	File             string
	Line             string
	Routine          string
}

// DecodeReport reads an ErrorResponse or NoticeResponse. Fields of unknown codes are passed over, as the protocol
// demands. Errors: 08P01.
func DecodeReport(bytes []byte) (Report, *sqlstate.Error) {
	var m pgproto3.ErrorResponse
	if err := m.Decode(bytes); err != nil {
		return Report{Code: sqlstate.InternalError}, sqlstate.New(sqlstate.ProtocolViolation, "invalid message format")
	}
	r := Report{Severity: Severity(m.SeverityUnlocalized), Code: sqlstate.FromServer(m.Code), Message: m.Message, Detail: m.Detail,
		Hint: m.Hint, Position: int(m.Position), InternalPosition: int(m.InternalPosition), InternalQuery: m.InternalQuery,
		Where: m.Where, Schema: m.SchemaName, Table: m.TableName, Column: m.ColumnName, DataType: m.DataTypeName,
		Constraint: m.ConstraintName, File: m.File, Routine: m.Routine}
	if m.Line != 0 {
		r.Line = strconv.Itoa(int(m.Line))
	}
	if r.Severity == "" {
		r.Severity = Severity(m.Severity)
	}
	return r, nil
}

// SQLState returns the fields that sqlstate.Error has.
func (r Report) SQLState() *sqlstate.Error {
	return &sqlstate.Error{Code: r.Code, Message: r.Message, Detail: r.Detail, Hint: r.Hint, Position: r.Position,
		Schema: r.Schema, Table: r.Table, Column: r.Column, DataType: r.DataType, Constraint: r.Constraint}
}
