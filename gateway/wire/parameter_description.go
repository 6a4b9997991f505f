package wire

import "github.com/portcullisdb/portcullis/rewrite/sqlstate"

// ParameterDescription appends ParameterDescription. At most ParamsMax types.
func (o *Output) ParameterDescription(oids []uint32) {
	start := o.begin(TypeParameterDescription)
	o.count(len(oids))
	for _, oid := range oids {
		o.uint32(oid)
	}
	o.end(start)
}

// DecodeParameterDescription appends the types to dst. Errors: 08P01.
func DecodeParameterDescription(dst []uint32, bytes []byte) ([]uint32, *sqlstate.Error) {
	b := body{rest: bytes}
	for range b.count() {
		oid := b.uint32()
		if b.err != nil {
			break
		}
		dst = append(dst, oid)
	}
	return dst, b.end()
}
