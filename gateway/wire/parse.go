package wire

import (
	"encoding/binary"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Parse is a view of a Parse message. It aliases the message's body.
type Parse struct {
	Name []byte // of the prepared statement, empty for the unnamed one
	SQL  []byte
	oids []byte
}

// DecodeParse reads a Parse message. Errors: 08P01.
func DecodeParse(bytes []byte) (Parse, *sqlstate.Error) {
	b := body{rest: bytes}
	p := Parse{Name: b.text(), SQL: b.text()}
	p.oids = b.bytes(4 * b.count())
	return p, b.end()
}

// NumParams returns the number of parameters whose types are declared; the statement may have more.
func (p Parse) NumParams() int { return len(p.oids) / 4 }

// ParamOIDs appends the declared types to dst; 0 leaves a type to the server.
func (p Parse) ParamOIDs(dst []uint32) []uint32 {
	for at := 0; at < len(p.oids); at += 4 {
		dst = append(dst, binary.BigEndian.Uint32(p.oids[at:]))
	}
	return dst
}

// OIDs returns the declared types as they travel, 4 bytes each. It aliases the message's body.
func (p Parse) OIDs() []byte { return p.oids }

// Parse appends Parse. At most ParamsMax types may be declared.
func (o *Output) Parse(name, sql string, paramOIDs []uint32) {
	start := o.begin(TypeParse)
	o.text(name)
	o.text(sql)
	o.count(len(paramOIDs))
	for _, oid := range paramOIDs {
		o.uint32(oid)
	}
	o.end(start)
}

// ParseUnnamed appends the Parse message that p is a view of, but for the name.
func (o *Output) ParseUnnamed(p Parse) {
	start := o.begin(TypeParse)
	o.byte(0)
	o.bytes(p.SQL)
	o.byte(0)
	o.count(p.NumParams())
	o.bytes(p.oids)
	o.end(start)
}
