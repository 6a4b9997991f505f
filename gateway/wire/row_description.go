package wire

import "github.com/portcullisdb/portcullis/rewrite/sqlstate"

// Field is one column of a RowDescription.
type Field struct {
	Name     string
	TableOID uint32 // 0 if the column is not a plain column of a table
	Attnum   int16
	TypeOID  uint32
	TypeLen  int16 // pg_type.typlen: negative for variable widths
	Typmod   int32 // -1: none
	Format   int16 // FormatText in the answer to Describe of a statement
}

// RowDescription appends RowDescription. At most ParamsMax fields.
func (o *Output) RowDescription(fields []Field) {
	start := o.begin(TypeRowDescription)
	o.count(len(fields))
	for i := range fields {
		f := &fields[i]
		o.text(f.Name)
		o.uint32(f.TableOID)
		o.int16(f.Attnum)
		o.uint32(f.TypeOID)
		o.int16(f.TypeLen)
		o.int32(f.Typmod)
		o.int16(f.Format)
	}
	o.end(start)
}

// DecodeRowDescription appends the fields to dst. Names are copied. Errors: 08P01.
func DecodeRowDescription(dst []Field, bytes []byte) ([]Field, *sqlstate.Error) {
	b := body{rest: bytes}
	for range b.count() {
		f := Field{Name: string(b.text()), TableOID: b.uint32(), Attnum: b.int16(), TypeOID: b.uint32(),
			TypeLen: b.int16(), Typmod: b.int32(), Format: b.int16()}
		if b.err != nil {
			break
		}
		dst = append(dst, f)
	}
	return dst, b.end()
}
