package wire

import (
	"encoding/binary"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// ParamsMax is the largest number of parameters, columns or format codes that a message can carry.
const ParamsMax = 1<<16 - 1

// Bind is a view of a Bind message. It aliases the message's body.
type Bind struct {
	Portal        []byte
	Statement     []byte
	ParamFormats  Formats
	Params        Values
	ResultFormats Formats
	// Rest is what follows the statement's name, as it came: formats, values, result formats. See Output.BindRest.
	Rest []byte
}

// DecodeBind reads a Bind message and validates that each of its fields lies within it. Errors: 08P01.
func DecodeBind(bytes []byte) (Bind, *sqlstate.Error) {
	b := body{rest: bytes}
	m := Bind{Portal: b.text(), Statement: b.text()}
	m.Rest = b.rest
	m.ParamFormats.codes = b.bytes(2 * b.count())
	n := b.count()
	if f := m.ParamFormats.Len(); b.err == nil && f > 1 && f != n {
		return Bind{}, sqlstate.New(sqlstate.ProtocolViolation,
			"bind message has %d parameter formats but %d parameters", f, n)
	}
	m.Params = b.values(n)
	m.ResultFormats.codes = b.bytes(2 * b.count())
	if err := b.end(); err != nil {
		return Bind{}, err
	}
	return m, nil
}

// BindNames reads the names of a Bind message, and what follows them; false if they are not there. All of them alias bytes.
func BindNames(bytes []byte) (portal, statement, rest []byte, ok bool) {
	b := body{rest: bytes}
	portal, statement = b.text(), b.text()
	return portal, statement, b.rest, b.err == nil
}

// Bind starts a Bind message. The caller gives each of params values to the builder and then calls Finish. At most
// ParamsMax parameters and formats; no formats means text, one holds for all.
func (o *Output) Bind(portal, statement string, paramFormats []int16, params int) BindBuilder {
	start := o.begin(TypeBind)
	o.text(portal)
	o.text(statement)
	o.count(len(paramFormats))
	for _, f := range paramFormats {
		o.int16(f)
	}
	o.count(params)
	return BindBuilder{valueBuilder{o: o, start: start, left: params}}
}

// BindRest appends a Bind message made of a client's but for the name of the statement. portal holds no zero byte.
func (o *Output) BindRest(portal []byte, statement string, rest []byte) {
	start := o.begin(TypeBind)
	o.bytes(portal)
	o.byte(0)
	o.text(statement)
	o.bytes(rest)
	o.end(start)
}

// BindBuilder takes the values of a Bind message, in order. Nothing else may be appended to the Output before Finish or
// Abort.
type BindBuilder struct{ valueBuilder }

// Finish ends the message. It panics unless each parameter has got its value.
func (b *BindBuilder) Finish(resultFormats []int16) {
	b.complete()
	b.o.count(len(resultFormats))
	for _, f := range resultFormats {
		b.o.int16(f)
	}
	b.o.end(b.start)
}

// Formats are the format codes of a Bind message, of which none means text and one holds for all.
type Formats struct{ codes []byte }

// Len returns the number of codes as they were sent.
func (f Formats) Len() int { return len(f.codes) / 2 }

// At returns the code of the i-th value, from 0. With more than one code i must be less than Len.
func (f Formats) At(i int) int16 {
	switch len(f.codes) {
	case 0:
		return FormatText
	case 2:
		i = 0
	}
	return int16(binary.BigEndian.Uint16(f.codes[2*i:]))
}

// Append appends the codes as they were sent to dst.
func (f Formats) Append(dst []int16) []int16 {
	for i := range f.Len() {
		dst = append(dst, f.At(i))
	}
	return dst
}
