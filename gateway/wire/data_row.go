package wire

import "github.com/portcullisdb/portcullis/rewrite/sqlstate"

// DecodeDataRow validates a DataRow message and returns the walk over its columns, which aliases body. Errors: 08P01.
func DecodeDataRow(bytes []byte) (Values, *sqlstate.Error) {
	b := body{rest: bytes}
	columns := b.values(b.count())
	if err := b.end(); err != nil {
		return Values{}, err
	}
	return columns, nil
}

// DataRow starts a DataRow message. The caller gives each of columns values to the builder and then calls Finish. At
// most ParamsMax columns.
func (o *Output) DataRow(columns int) RowBuilder {
	start := o.begin(TypeDataRow)
	o.count(columns)
	return RowBuilder{valueBuilder{o: o, start: start, left: columns}}
}

// RowBuilder takes the columns of a DataRow message, in order. Nothing else may be appended to the Output before Finish
// or Abort.
type RowBuilder struct{ valueBuilder }

// Finish ends the message. It panics unless each column has got its value.
func (b *RowBuilder) Finish() {
	b.complete()
	b.o.end(b.start)
}
