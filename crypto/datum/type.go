package datum

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Type is a type with its type modifier. Types can be compared with ==; the zero Type is no type.
type Type struct {
	code   byte
	typmod int32 // as PostgreSQL encodes it, -1 for none
}

// The type codes stand in the associated data of every sealed value: they are never renumbered.
const (
	codeText        = 1
	codeVarchar     = 2
	codeInt2        = 3
	codeInt4        = 4
	codeInt8        = 5
	codeNumeric     = 6
	codeBool        = 7
	codeDate        = 8
	codeTimestamp   = 9
	codeTimestamptz = 10
	codeUUID        = 11
	codeBytea       = 12
	codeJSON        = 13
	codeJSONB       = 14
)

// facts of a type (src/include/catalog/pg_type.dat).
type facts struct {
	code  byte
	oid   uint32
	name  string // as format_type prints it and as messages name it, without the modifier
	class string // values of types of one class are compared with each other; empty: no equality
}

// typeFacts is indexed by type code.
var typeFacts = [...]facts{
	{},
	{codeText, 25, "text", classText},
	{codeVarchar, 1043, "character varying", classText},
	{codeInt2, 21, "smallint", classNumber},
	{codeInt4, 23, "integer", classNumber},
	{codeInt8, 20, "bigint", classNumber},
	{codeNumeric, 1700, "numeric", classNumber},
	{codeBool, 16, "boolean", "boolean"},
	{codeDate, 1082, "date", "date"},
	{codeTimestamp, 1114, nameTimestamp, "timestamp"},
	{codeTimestamptz, 1184, nameTimestamptz, "timestamptz"},
	{codeUUID, 2950, "uuid", "uuid"},
	{codeBytea, 17, "bytea", "bytea"},
	{codeJSON, 114, "json", ""},
	{codeJSONB, 3802, "jsonb", "jsonb"},
}

const (
	classText   = "text"
	classNumber = "number"

	nameTimestamp   = "timestamp without time zone"
	nameTimestamptz = "timestamp with time zone"
)

// TypeByOID returns the type with PostgreSQL's OID and type modifier, -1 for none. It reports false for a type that
// cannot be sealed, and for a modifier that the type cannot have.
func TypeByOID(oid uint32, typmod int32) (Type, bool) {
	for _, f := range typeFacts[1:] {
		if f.oid == oid {
			t := Type{f.code, typmod}
			return t, t.typmodValid()
		}
	}
	return Type{}, false
}

// The modifiers: varchar(n) is n+4, numeric(p,s) is p<<16 | s (11 bits, signed) + 4, timestamp(p) is p.
const (
	typmodNone   = -1
	typmodOffset = 4

	varcharMax         = 10485760 // MaxAttrSize
	precisionMax       = 1000     // NUMERIC_MAX_PRECISION
	scaleMax           = 1000     // NUMERIC_MAX_SCALE
	secondPrecisionMax = 6        // MAX_TIMESTAMP_PRECISION
)

func (t Type) typmodValid() bool {
	if t.typmod == typmodNone {
		return true
	}
	switch t.code {
	case codeVarchar:
		return t.typmod >= typmodOffset+1 && t.typmod <= typmodOffset+varcharMax
	case codeNumeric:
		precision, scale := t.numericModifier()
		return t.typmod >= typmodOffset && precision >= 1 && precision <= precisionMax && scale >= -scaleMax && scale <= scaleMax
	case codeTimestamp, codeTimestamptz:
		return t.typmod >= 0 && t.typmod <= secondPrecisionMax
	}
	return false
}

// numericModifier decodes numeric_typmod_precision and numeric_typmod_scale (src/backend/utils/adt/numeric.c).
func (t Type) numericModifier() (precision, scale int) {
	m := t.typmod - typmodOffset
	return int(m>>16) & 0xffff, int(m&0x7ff^1024) - 1024
}

// Code returns the type code, which stands in the associated data of sealed values.
func (t Type) Code() byte { return t.code }

// OID returns PostgreSQL's OID.
func (t Type) OID() uint32 { return typeFacts[t.code].oid }

// Typmod returns PostgreSQL's type modifier, -1 for none.
func (t Type) Typmod() int32 { return t.typmod }

// Class names the types whose canonical forms can be compared with each other: "text" for text and varchar, "number" for
// the integers and numeric, and a class of its own for each other type. It is empty for a type without equality.
func (t Type) Class() string { return typeFacts[t.code].class }

// Text reports that values are character strings, which can be folded and trimmed.
func (t Type) Text() bool { return t.code == codeText || t.code == codeVarchar }

// String returns the type as format_type prints it: "character varying(40)", "timestamp(3) without time zone".
func (t Type) String() string {
	name := typeFacts[t.code].name
	if t.typmod == typmodNone || t.code == 0 {
		return name
	}
	switch t.code {
	case codeVarchar:
		return name + "(" + strconv.Itoa(int(t.typmod-typmodOffset)) + ")"
	case codeNumeric:
		precision, scale := t.numericModifier()
		return name + "(" + strconv.Itoa(precision) + "," + strconv.Itoa(scale) + ")"
	default:
		first, rest, _ := strings.Cut(name, " ")
		return first + "(" + strconv.Itoa(int(t.typmod)) + ") " + rest
	}
}

// ParseText reads what the type's input function reads, without applying the type modifier, and appends the value to
// dst. Without an error the result is never nil, so that nil can stand for NULL; that is so for all methods of Type.
// Errors are *Error: 22021 for text that is not UTF-8 or holds NUL, else those of the input function.
func (t Type) ParseText(dst, text []byte, s *Settings) ([]byte, error) {
	dst = notNil(dst)
	if err := checkText(text); err != nil {
		return nil, err
	}
	switch t.code {
	case codeText, codeVarchar:
		return append(dst, text...), nil
	case codeInt2, codeInt4, codeInt8:
		return parseInteger(dst, text, t.code)
	case codeNumeric:
		return parseNumeric(dst, text)
	case codeBool:
		return parseBoolean(dst, text)
	case codeDate:
		return parseDate(dst, text, s)
	case codeTimestamp:
		return parseTimestamp(dst, text, s)
	case codeTimestamptz:
		return parseTimestamptz(dst, text, s)
	case codeUUID:
		return parseUUID(dst, text)
	case codeBytea:
		return parseBytea(dst, text)
	case codeJSON:
		return parseJSON(dst, text)
	case codeJSONB:
		return parseJSONB(dst, text)
	}
	return nil, failType()
}

// ParseBinary reads what the type's receive function reads and appends the value, in the form that its send function
// gives, to dst. Errors are *Error.
func (t Type) ParseBinary(dst, binary []byte) ([]byte, error) {
	dst = notNil(dst)
	switch t.code {
	case codeText, codeVarchar:
		if err := checkText(binary); err != nil {
			return nil, err
		}
		return append(dst, binary...), nil
	case codeInt2, codeInt4, codeInt8:
		if size := integerSize(t.code); len(binary) != size {
			return nil, failLength(len(binary), size)
		}
		return append(dst, binary...), nil
	case codeNumeric:
		return receiveNumeric(dst, binary)
	case codeBool:
		return receiveBoolean(dst, binary)
	case codeDate:
		return receiveDate(dst, binary)
	case codeTimestamp, codeTimestamptz:
		return receiveTimestamp(dst, binary)
	case codeUUID:
		if len(binary) != uuidSize {
			return nil, failLength(len(binary), uuidSize)
		}
		return append(dst, binary...), nil
	case codeBytea:
		return append(dst, binary...), nil
	case codeJSON:
		if err := checkText(binary); err != nil {
			return nil, err
		}
		return parseJSON(dst, binary)
	case codeJSONB:
		return receiveJSONB(dst, binary)
	}
	return nil, failType()
}

// Assign converts a value for storage in a column of this type, as an assignment does: varchar(n) cuts trailing blanks
// or fails with 22001, numeric(p,s) rounds half away from zero or fails with 22003, timestamp(p) rounds. It appends to
// dst. The value must be of the type; errors are *Error.
func (t Type) Assign(dst, value []byte) ([]byte, error) {
	dst = notNil(dst)
	if t.typmod == typmodNone {
		return append(dst, value...), nil
	}
	switch t.code {
	case codeVarchar:
		return assignVarchar(dst, value, int(t.typmod-typmodOffset))
	case codeNumeric:
		precision, scale := t.numericModifier()
		return assignNumeric(dst, value, precision, scale)
	case codeTimestamp, codeTimestamptz:
		return assignTimestamp(dst, value, int(t.typmod))
	}
	return nil, failType()
}

// AppendText appends what the type's output function prints. The value must come from this package, or from opening a
// sealed value; it panics if value is not of the type.
func (t Type) AppendText(dst, value []byte, s *Settings) []byte {
	dst = notNil(dst)
	switch t.code {
	case codeText, codeVarchar, codeJSON:
		return append(dst, value...)
	case codeInt2, codeInt4, codeInt8:
		return strconv.AppendInt(dst, integer(value), 10)
	case codeNumeric:
		return appendNumeric(dst, value)
	case codeBool:
		return appendBoolean(dst, value)
	case codeDate:
		return appendDate(dst, value)
	case codeTimestamp:
		return appendTimestamp(dst, value)
	case codeTimestamptz:
		return appendTimestamptz(dst, value, s.location())
	case codeUUID:
		return appendUUID(dst, value)
	case codeBytea:
		return appendBytea(dst, value, s != nil && s.ByteaEscape)
	case codeJSONB:
		return append(dst, value[1:]...)
	}
	panic("datum: internal error: no such type")
}

// Canonical appends the canonical form: two values of types of one class have equal canonical forms if and only if
// PostgreSQL's = holds between them (for text: under a deterministic collation). For json, which has no equality, it
// returns an *Error with 42883. The value must be of the type.
func (t Type) Canonical(dst, value []byte) ([]byte, error) {
	dst = notNil(dst)
	switch t.code {
	case codeText, codeVarchar, codeBool, codeDate, codeTimestamp, codeTimestamptz, codeUUID, codeBytea:
		return append(dst, value...), nil
	case codeInt2, codeInt4, codeInt8:
		return canonicalInteger(dst, integer(value)), nil
	case codeNumeric:
		return canonicalNumeric(dst, value), nil
	case codeJSON:
		return nil, fail(codeUndefinedFunction, "operator does not exist: json = json")
	case codeJSONB:
		return canonicalJSONB(dst, value)
	}
	return nil, failType()
}

func notNil(dst []byte) []byte {
	if dst == nil {
		return []byte{}
	}
	return dst
}

func failType() error { return fail(codeNotSupported, "type cannot be sealed") }

// checkText refuses what no text parameter may hold, whatever its type (pg_any_to_server in
// src/backend/utils/mb/mbutils.c).
func checkText(text []byte) error {
	if bytes.IndexByte(text, 0) >= 0 || !utf8.Valid(text) {
		return fail(codeCharacter, `invalid byte sequence for encoding "UTF8"`)
	}
	return nil
}

// isSpace is C's isspace for ASCII.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func trimSpace(text []byte) []byte {
	for len(text) > 0 && isSpace(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && isSpace(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}
