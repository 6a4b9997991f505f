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
