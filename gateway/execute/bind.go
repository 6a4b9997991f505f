package execute

import (
	"context"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/scan"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Request is what one execution supplies to a plan. Bind does not keep it.
type Request struct {
	Plan     *rewrite.Plan
	Literals []scan.Literal // of the statement
	// Params are the client's, nil for NULL; ParamFormats has none, one or as many as Params, ResultFormats none, one or
	// as many as the plan has columns. Params may alias the client's message.
	Params        [][]byte
	ParamFormats  []int16
	ResultFormats []int16
	Facts         Facts
	Settings      *datum.Settings // how the client reads and writes dates and the like
	// Home is the datasource to prefer where any will do.
	Home string
	// Restricted: errors of servers lose everything but their code.
	Restricted bool
}

// Facts are what the session knows of itself: see rewrite.SessionFact.
type Facts struct {
	User, Database, Schema string // Schema is empty for NULL
	PID                    uint32
}

// binder gathers the values of one execution.
type binder struct {
	ctx       context.Context
	program   *program
	request   *Request
	generated []*int64 // keys drawn, by row
}

// value is one input on its way to a node. It is NULL if bytes is nil.
type value struct {
	bytes  []byte
	format int16
}

// inputs computes the physical parameters, but for those of LIMIT and OFFSET, which depend on the nodes.
func (b *binder) inputs() ([]value, *sqlstate.Error) {
	if err := b.checkTexts(); err != nil {
		return nil, err
	}
	values := make([]value, len(b.program.inputs))
	for i := range b.program.inputs {
		v, err := b.input(&b.program.inputs[i])
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

// checkTexts refuses what is no text of UTF-8 before it can reach a node or an error text of one.
func (b *binder) checkTexts() *sqlstate.Error {
	for i, p := range b.request.Params {
		binaryText := i < len(b.program.plan.Params) && isText(b.program.plan.Params[i])
		if p == nil || b.paramFormat(i) != formatText && !binaryText {
			continue
		}
		if !validText(p) {
			return sqlstate.New(sqlstate.CharacterNotInRepertoire,
				"invalid byte sequence for encoding \"UTF8\" in parameter $%d", i+1)
		}
	}
	return nil
}

func validText(p []byte) bool {
	for _, c := range p {
		if c == 0 {
			return false
		}
	}
	return utf8.Valid(p)
}

func isText(oid uint32) bool {
	const oidBpchar, oidJSON = 1042, 114
	switch oid {
	case oidText, oidVarchar, oidBpchar, oidName, oidUnknown, oidJSON:
		return true
	}
	return false
}

func (b *binder) paramFormat(i int) int16 {
	switch f := b.request.ParamFormats; len(f) {
	case 0:
		return formatText
	case 1:
		return f[0]
	default:
		return f[i]
	}
}

func (b *binder) input(in *input) (value, *sqlstate.Error) {
	if in.Transform == rewrite.Plain {
		return b.source(in.Source)
	}
	column := &b.program.sealed[in.Sealed]
	plaintext, err := b.datum(in, column)
	if errors.Is(err, errNoSuchValue) && in.Transform == rewrite.EqualityToken {
		// A value that the type cannot hold equals no stored one. A token of no bytes does the same, and keeps what NOT and
		// <> make of it.
		return value{bytes: []byte{}, format: formatBinary}, nil
	}
	if err != nil {
		return value{}, b.inputError(err, column.name)
	}
	if plaintext == nil {
		return value{format: formatBinary}, nil
	}
	var out []byte
	if in.Transform == rewrite.Seal {
		out, err = column.sealer.Seal(nil, plaintext)
	} else {
		out, err = column.sealer.EqualityToken(nil, plaintext)
	}
	clear(plaintext)
	if err != nil {
		return value{}, b.inputError(err, column.name)
	}
	return value{bytes: out, format: formatBinary}, nil
}

// source returns a value as it will be sent in clear: a client's parameter byte for byte, anything else as text.
func (b *binder) source(s rewrite.Source) (value, *sqlstate.Error) {
	switch s.Kind {
	case rewrite.FromParam:
		if s.Index >= len(b.request.Params) {
			return value{}, broken("the plan asks for parameter $%d", s.Index+1)
		}
		return value{bytes: b.request.Params[s.Index], format: b.paramFormat(s.Index)}, nil
	case rewrite.FromConstant:
		if s.Index >= len(b.request.Literals) {
			return value{}, broken("the plan asks for constant %d", s.Index)
		}
		text := b.request.Literals[s.Index].Value
		if s.Negate {
			text = "-" + text
		}
		return value{bytes: []byte(text)}, nil
	case rewrite.FromGenerated:
		key, err := b.key(s.Index)
		if err != nil {
			return value{}, err
		}
		return value{bytes: strconv.AppendInt(nil, key, 10)}, nil
	case rewrite.FromNull:
		return value{}, nil
	case rewrite.FromSession:
		return b.fact(s.Index)
	}
	return value{}, broken("unknown kind of source")
}

func (b *binder) fact(fact rewrite.SessionFact) (value, *sqlstate.Error) {
	facts := &b.request.Facts
	switch fact {
	case rewrite.SessionUser:
		return value{bytes: []byte(facts.User)}, nil
	case rewrite.SessionDatabase:
		return value{bytes: []byte(facts.Database)}, nil
	case rewrite.SessionSchema:
		if facts.Schema == "" {
			return value{}, nil
		}
		return value{bytes: []byte(facts.Schema)}, nil
	case rewrite.SessionBackendPID:
		return value{bytes: strconv.AppendUint(nil, uint64(facts.PID), 10)}, nil
	}
	return value{}, broken("unknown fact of the session")
}

// key returns the generated key of a row; it is drawn once.
func (b *binder) key(row int) (int64, *sqlstate.Error) {
	for row >= len(b.generated) {
		b.generated = append(b.generated, nil)
	}
	if b.generated[row] == nil {
		if b.program.generator == nil {
			return 0, broken("the table has no key generator")
		}
		key, err := b.program.generator.Next(b.ctx)
		if err != nil {
			return 0, sqlstate.New(sqlstate.SystemError, "could not generate a key for table %q",
				b.program.plan.Route.Tables[max(b.program.plan.Route.Lead, 0)].Table.Name.Name)
		}
		b.generated[row] = &key
	}
	return *b.generated[row], nil
}

// errNoSuchValue means that a number of another type has no equal in the type asked for.
var errNoSuchValue = errors.New("value out of range of the type compared with")

// datum converts a source to the binary form of the input's type. The result is the caller's; nil is NULL.
func (b *binder) datum(in *input, column *sealedColumn) ([]byte, error) {
	if !in.known {
		return nil, broken("column %q has a type that cannot be sealed", column.name.Column)
	}
	converted, err := b.convert(in.Source, in.TypeOID, in.typ, in.Assign)
	if err != nil || converted == nil || !in.Assign {
		return converted, err
	}
	assigned, err := in.typ.Assign(nil, converted)
	clear(converted)
	return assigned, err
}

// convert turns a source into the binary form of a type, as an assignment does, or as a comparison with a value of that
// type would: then a number that the type cannot hold is errNoSuchValue.
func (b *binder) convert(s rewrite.Source, oid uint32, typ datum.Type, assign bool) ([]byte, error) {
	v, failure := b.source(s)
	if failure != nil {
		return nil, failure
	}
	if v.bytes == nil {
		return nil, nil
	}
	from := s.TypeOID
	switch s.Kind {
	case rewrite.FromGenerated:
		from = oidInt8
	case rewrite.FromSession:
		from = oidUnknown
	}
	if v.format == formatBinary && from == oid {
		return typ.ParseBinary(nil, v.bytes)
	}
	text := v.bytes
	if v.format == formatBinary {
		source, ok := datum.TypeByOID(from, -1)
		switch {
		case ok:
			binary, err := source.ParseBinary(nil, v.bytes)
			if err != nil {
				return nil, err
			}
			text = source.AppendText(nil, binary, b.request.Settings)
			clear(binary)
		case !isText(from):
			return nil, sqlstate.New(sqlstate.FeatureNotSupported,
				"a binary parameter of type %d cannot be converted to the type of the column", from).
				WithHint("Send the parameter in the type of the column, or as text.")
		}
	}
	if isNumber(from) && from != oid && isInteger(oid) {
		var err error
		if text, err = wholeNumber(text, assign); err != nil {
			return nil, err
		}
	}
	converted, err := typ.ParseText(nil, text, b.request.Settings)
	if err != nil && !assign && isNumber(from) && from != oid {
		return nil, errNoSuchValue
	}
	return converted, err
}

func isInteger(oid uint32) bool { return oid == oidInt2 || oid == oidInt4 || oid == oidInt8 }

func isNumber(oid uint32) bool {
	return isInteger(oid) || oid == oidNumeric || oid == oidFloat4 || oid == oidFloat8
}

// wholeNumber writes a number as an integer's text: rounded half away from zero when it is assigned
// (src/backend/utils/adt/numeric.c, numericvar_to_int64), and errNoSuchValue if it is only compared and not whole.
func wholeNumber(text []byte, assign bool) ([]byte, error) {
	var d, whole apd.Decimal
	if _, _, err := d.SetString(string(text)); err != nil || d.Form != apd.Finite || d.Exponent > digitsMax {
		if assign {
			return text, nil // for the type's own error
		}
		return nil, errNoSuchValue
	}
	c := apd.BaseContext.WithPrecision(digitsMax)
	c.Rounding = apd.RoundHalfUp
	if _, err := c.RoundToIntegralValue(&whole, &d); err != nil {
		return nil, errNoSuchValue
	}
	if !assign && whole.Cmp(&d) != 0 {
		return nil, errNoSuchValue
	}
	return []byte(whole.Text('f')), nil
}

// digitsMax is the number of digits with which numerics are computed; it is more than any integer has.
const digitsMax = 1000

// inputError words an error of a value that was to be stored in, or compared with, a sealed column. It never holds the
// value.
func (b *binder) inputError(err error, column policy.ColumnName) *sqlstate.Error {
	var known *sqlstate.Error
	if errors.As(err, &known) {
		return known
	}
	e := sqlstate.New(sqlstate.InternalError, "a value could not be sealed")
	if bad := (*datum.Error)(nil); errors.As(err, &bad) {
		e = sqlstate.New(sqlstate.FromServer(bad.Code), "%s", bad.Message)
	} else if errors.Is(err, errNoSuchValue) {
		e = sqlstate.New(sqlstate.NumericValueOutOfRange, "value out of range")
	}
	e.Message += " in column " + strconv.Quote(column.Column)
	e.Schema, e.Table, e.Column = column.Table.Schema, column.Table.Name, column.Column
	return e
}

// count converts the operand of LIMIT or OFFSET; null is NULL, which is no limit.
func (b *binder) count(operand *rewrite.Operand, code, clause string) (n int64, null bool, failure *sqlstate.Error) {
	if operand == nil {
		return 0, true, nil
	}
	int8Type, _ := datum.TypeByOID(oidInt8, -1)
	binary, err := b.convert(operand.Source, oidInt8, int8Type, true)
	if err != nil {
		return 0, false, b.inputError(err, policy.ColumnName{Column: clause})
	}
	if binary == nil {
		return 0, true, nil
	}
	if n = signed(binary); n < 0 {
		return 0, false, sqlstate.New(sqlstate.FromServer(code), "%s must not be negative", clause)
	}
	return n, false, nil
}

// SQLSTATEs of LIMIT and OFFSET (src/backend/utils/errcodes.txt).
const (
	codeLimit  = "2201W"
	codeOffset = "2201X"
)

// saturatingSum adds two counts that are not negative.
func saturatingSum(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
