package wire

import "github.com/portcullisdb/portcullis/rewrite/sqlstate"

// DecodeExecute reads an Execute message. rowsMax is 0 for all rows: PostgreSQL takes a negative limit for none too.
// portal aliases body. Errors: 08P01.
func DecodeExecute(bytes []byte) (portal []byte, rowsMax int, err *sqlstate.Error) {
	b := body{rest: bytes}
	portal, rowsMax = b.text(), int(b.int32())
	return portal, max(rowsMax, 0), b.end()
}

// Execute appends Execute; rowsMax 0 means all rows.
func (o *Output) Execute(portal string, rowsMax int32) {
	start := o.begin(TypeExecute)
	o.text(portal)
	o.int32(rowsMax)
	o.end(start)
}

// Sync appends Sync.
func (o *Output) Sync() { o.empty(TypeSync) }

// FlushMessage appends Flush, the message that asks the server to send what it has; Conn.Flush writes to the socket.
func (o *Output) FlushMessage() { o.empty(TypeFlush) }

// Terminate appends Terminate.
func (o *Output) Terminate() { o.empty(TypeTerminate) }
