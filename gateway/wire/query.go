package wire

import "github.com/portcullisdb/portcullis/rewrite/sqlstate"

// DecodeQuery returns the statements of a Query message. The result aliases body. Errors: 08P01.
func DecodeQuery(bytes []byte) (sql []byte, err *sqlstate.Error) {
	b := body{rest: bytes}
	sql = b.text()
	return sql, b.end()
}

// Query appends Query.
func (o *Output) Query(sql string) {
	start := o.begin(TypeQuery)
	o.text(sql)
	o.end(start)
}

// QueryParts appends a Query whose text comes in three parts, without zero bytes.
func (o *Output) QueryParts(before []byte, middle string, after []byte) {
	start := o.begin(TypeQuery)
	o.bytes(before)
	o.bytes([]byte(middle))
	o.bytes(after)
	o.byte(0)
	o.end(start)
}
