package execute

import (
	"errors"
	"strconv"

	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/scan"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// ArgumentText returns the text of a value of EXECUTE as one of the parameter's type, nil for NULL. It is converted as an
// assignment would (src/backend/commands/prepare.c, EvaluateParams); what that would take a server for is refused. number
// counts from 1. Errors: 42804 for a type that cannot be assigned, those of input functions, 0A000; none holds the value.
func ArgumentText(a *rewrite.Argument, literals []scan.Literal, target uint32, number int, settings *datum.Settings) ([]byte, *sqlstate.Error) {
	if a.Source.Kind == rewrite.FromNull && !a.Boolean {
		return nil, nil
	}
	c := conversion{target: target, number: number, settings: settings}
	text, from := []byte(strconv.FormatBool(a.Value)), uint32(oidBool)
	if !a.Boolean {
		if a.Source.Index >= len(literals) {
			return nil, broken("the plan asks for constant %d", a.Source.Index)
		}
		text, from = []byte(literals[a.Source.Index].Value), a.Source.TypeOID
		if a.Source.Negate {
			text = append([]byte{'-'}, text...)
		}
	}
	if a.TypeOID == from {
		return c.assign(text, from)
	}
	// A cast: the constant becomes a value of its type first.
	cast := c
	cast.target, cast.explicit = a.TypeOID, true
	text, err := cast.assign(text, from)
	if err != nil {
		return nil, err
	}
	return c.assign(text, a.TypeOID)
}

// conversion takes values to a type.
type conversion struct {
	target   uint32
	number   int
	explicit bool // by a cast
	settings *datum.Settings
}

// assign turns the text of one type into that of the target.
func (c conversion) assign(text []byte, from uint32) ([]byte, *sqlstate.Error) {
	switch to := c.target; {
	case from == oidUnknown && !c.explicit, from == to, isString(from) && isString(to):
		return text, nil
	case from == oidUnknown: // the input function of the cast's type
		return c.canonical(text, to)
	case isNumber(from) && isNumber(to):
		return c.numeric(text, from)
	case from == oidBool && isString(to): // src/backend/utils/adt/bool.c, booltext
		value, err := c.canonical(text, from)
		if err == nil {
			value = strconv.AppendBool(nil, value[0] == 't')
		}
		return value, err
	case isNumber(from) && isString(to), isDate(from) && isString(to), from == oidUUID && isString(to):
		return c.canonical(text, from)
	case isInteger(from) && to == oidOID:
		return text, nil
	case from == oidDate && (to == oidTimestamp || to == oidTimestamptz), from == oidTimestamp && to == oidTimestamptz:
		return text, nil
	case typeNames[from] != "" && typeNames[to] != "" && !c.explicit && !isDate(from):
		return nil, sqlstate.New(sqlstate.DatatypeMismatch, "parameter $%d of type %s cannot be coerced to the expected type %s",
			c.number, typeNames[from], typeNames[to]).WithHint("You will need to rewrite or cast the expression.")
	}
	return nil, sqlstate.New(sqlstate.FeatureNotSupported, "the conversion of argument %d of EXECUTE is not supported on a protected or sharded database",
		c.number).WithRule("execute-argument").WithHint("Write the value as a quoted constant.")
}

// canonical reads a value and writes it as the type's output function does. Texts and what the gateway cannot read stay as
// they are: the server will judge them.
func (c conversion) canonical(text []byte, oid uint32) ([]byte, *sqlstate.Error) {
	typ, known := datum.TypeByOID(oid, -1)
	if !known || isString(oid) {
		return text, nil
	}
	value, err := typ.ParseText(nil, text, c.settings)
	if err != nil {
		return nil, argumentError(err, c.number)
	}
	return typ.AppendText(nil, value, c.settings), nil
}

// numeric converts between types of numbers. Fractions are rounded as numeric's are; how floats round depends on the
// machine's, so they are refused.
func (c conversion) numeric(text []byte, from uint32) ([]byte, *sqlstate.Error) {
	if isInteger(c.target) && (from == oidFloat4 || from == oidFloat8) {
		return nil, sqlstate.New(sqlstate.FeatureNotSupported, "the conversion of argument %d of EXECUTE is not supported on a protected or sharded database",
			c.number).WithRule("execute-argument").WithHint("Write the value as a whole number.")
	}
	if isInteger(c.target) && !isInteger(from) {
		rounded, err := wholeNumber(text, true)
		if err != nil {
			return nil, argumentError(err, c.number)
		}
		text = rounded
	}
	value, err := c.canonical(text, c.target)
	if err != nil && err.Code == sqlstate.NumericValueOutOfRange && isInteger(c.target) {
		err.Message = typeNames[c.target] + " out of range"
	}
	return value, err
}

func argumentError(err error, number int) *sqlstate.Error {
	if bad := (*datum.Error)(nil); errors.As(err, &bad) {
		return sqlstate.New(sqlstate.FromServer(bad.Code), "%s in argument %d of EXECUTE", bad.Message, number)
	}
	return sqlstate.New(sqlstate.NumericValueOutOfRange, "argument %d of EXECUTE is out of range", number)
}

func isString(oid uint32) bool {
	const oidBpchar = 1042
	return oid == oidText || oid == oidVarchar || oid == oidBpchar
}

func isDate(oid uint32) bool { return oid == oidDate || oid == oidTimestamp || oid == oidTimestamptz }

// typeNames are those of format_type (src/backend/utils/adt/format_type.c), for the types that have no conversion among each
// other but those that assign knows.
var typeNames = map[uint32]string{
	oidBool: "boolean", oidBytea: "bytea", oidInt2: "smallint", oidInt4: "integer", oidInt8: "bigint", oidNumeric: "numeric",
	oidFloat4: "real", oidFloat8: "double precision", oidDate: "date", oidTimestamp: "timestamp without time zone",
	oidTimestamptz: "timestamp with time zone", oidUUID: "uuid", oidText: "text",
}
