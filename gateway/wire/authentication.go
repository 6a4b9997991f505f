package wire

import "github.com/portcullisdb/portcullis/rewrite/sqlstate"

// The kinds of Authentication messages that the gateway sends (src/include/libpq/protocol.h, AUTH_REQ_...).
const (
	authenticationOK           = 0
	authenticationSASL         = 10
	authenticationSASLContinue = 11
	authenticationSASLFinal    = 12
)

// AuthenticationOK appends AuthenticationOk.
func (o *Output) AuthenticationOK() {
	start := o.begin(TypeAuthentication)
	o.int32(authenticationOK)
	o.end(start)
}

// AuthenticationSASL appends AuthenticationSASL with the mechanisms that are offered, the preferred one first.
func (o *Output) AuthenticationSASL(mechanisms ...string) {
	start := o.begin(TypeAuthentication)
	o.int32(authenticationSASL)
	for _, m := range mechanisms {
		o.text(m)
	}
	o.byte(0)
	o.end(start)
}

func (o *Output) authenticationSASLContinue(data []byte) { o.sasl(authenticationSASLContinue, data) }

func (o *Output) authenticationSASLFinal(data []byte) { o.sasl(authenticationSASLFinal, data) }

func (o *Output) sasl(kind int32, data []byte) {
	start := o.begin(TypeAuthentication)
	o.int32(kind)
	o.bytes(data)
	o.end(start)
}

// decodeSASLInitialResponse reads the first answer of a client; the rest is the whole body of the next ones. response is
// nil if the client sent none.
func decodeSASLInitialResponse(bytes []byte) (mechanism string, response []byte, err *sqlstate.Error) {
	b := body{rest: bytes}
	mechanism = string(b.text())
	if length := b.int32(); length != -1 {
		response = b.bytes(int(length))
	}
	return mechanism, response, b.end()
}

// ParameterStatus appends ParameterStatus.
func (o *Output) ParameterStatus(name, value string) {
	start := o.begin(TypeParameterStatus)
	o.text(name)
	o.text(value)
	o.end(start)
}

// DecodeParameterStatus returns the name and value of a parameter. Errors: 08P01.
func DecodeParameterStatus(bytes []byte) (name, value string, err *sqlstate.Error) {
	b := body{rest: bytes}
	name, value = string(b.text()), string(b.text())
	return name, value, b.end()
}

// BackendKeyData appends BackendKeyData. secret has 4 bytes in protocol 3.0, and up to 256 in 3.2.
func (o *Output) BackendKeyData(pid uint32, secret []byte) {
	start := o.begin(TypeBackendKeyData)
	o.uint32(pid)
	o.bytes(secret)
	o.end(start)
}

// negotiateProtocolVersion appends NegotiateProtocolVersion: the newest version that is spoken here, and the options of
// the protocol that are not. PostgreSQL sends the whole version, major number included.
func (o *Output) negotiateProtocolVersion(newest uint32, unrecognised []string) {
	start := o.begin(TypeNegotiateProtocolVersion)
	o.uint32(newest)
	o.int32(int32(len(unrecognised)))
	for _, option := range unrecognised {
		o.text(option)
	}
	o.end(start)
}
