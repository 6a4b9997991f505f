package wire

import "github.com/portcullisdb/portcullis/rewrite/sqlstate"

// ParseComplete appends ParseComplete.
func (o *Output) ParseComplete() { o.empty(TypeParseComplete) }

// BindComplete appends BindComplete.
func (o *Output) BindComplete() { o.empty(TypeBindComplete) }

// CloseComplete appends CloseComplete.
func (o *Output) CloseComplete() { o.empty(TypeCloseComplete) }

// NoData appends NoData.
func (o *Output) NoData() { o.empty(TypeNoData) }

// PortalSuspended appends PortalSuspended.
func (o *Output) PortalSuspended() { o.empty(TypePortalSuspended) }

// EmptyQueryResponse appends EmptyQueryResponse.
func (o *Output) EmptyQueryResponse() { o.empty(TypeEmptyQueryResponse) }

// CommandComplete appends CommandComplete with a command tag: "INSERT 0 1".
func (o *Output) CommandComplete(tag string) {
	start := o.begin(TypeCommandComplete)
	o.text(tag)
	o.end(start)
}

// DecodeCommandComplete returns the command tag, which aliases body.
func DecodeCommandComplete(bytes []byte) (tag []byte, err *sqlstate.Error) {
	b := body{rest: bytes}
	tag = b.text()
	return tag, b.end()
}

// ReadyForQuery appends ReadyForQuery with one of the status bytes.
func (o *Output) ReadyForQuery(status byte) {
	start := o.begin(TypeReadyForQuery)
	o.byte(status)
	o.end(start)
}

// DecodeReadyForQuery returns the status byte.
func DecodeReadyForQuery(bytes []byte) (status byte, err *sqlstate.Error) {
	b := body{rest: bytes}
	status = b.byte()
	if err := b.end(); err != nil {
		return 0, err
	}
	switch status {
	case StatusIdle, StatusInTx, StatusFailed:
		return status, nil
	}
	return 0, sqlstate.New(sqlstate.ProtocolViolation, "invalid transaction status")
}
