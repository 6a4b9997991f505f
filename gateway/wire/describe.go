package wire

import "github.com/portcullisdb/portcullis/rewrite/sqlstate"

// ObjectKind is what Describe and Close name.
type ObjectKind byte

// The kinds.
const (
	KindStatement ObjectKind = 'S'
	KindPortal    ObjectKind = 'P'
)

// DecodeDescribe reads a Describe message. name aliases body. Errors: 08P01.
func DecodeDescribe(bytes []byte) (kind ObjectKind, name []byte, err *sqlstate.Error) {
	return decodeObject(bytes, "DESCRIBE")
}

// Describe appends Describe.
func (o *Output) Describe(kind ObjectKind, name string) { o.object(TypeDescribe, kind, name) }

// DecodeClose reads a Close message. name aliases body. Errors: 08P01.
func DecodeClose(bytes []byte) (kind ObjectKind, name []byte, err *sqlstate.Error) {
	return decodeObject(bytes, "CLOSE")
}

// Close appends Close.
func (o *Output) Close(kind ObjectKind, name string) { o.object(TypeClose, kind, name) }

func decodeObject(bytes []byte, message string) (ObjectKind, []byte, *sqlstate.Error) {
	b := body{rest: bytes}
	kind, name := ObjectKind(b.byte()), b.text()
	if err := b.end(); err != nil {
		return 0, nil, err
	}
	if kind != KindStatement && kind != KindPortal {
		return 0, nil, sqlstate.New(sqlstate.ProtocolViolation, "invalid %s message subtype %d", message, kind)
	}
	return kind, name, nil
}

func (o *Output) object(t Type, kind ObjectKind, name string) {
	start := o.begin(t)
	o.byte(byte(kind))
	o.text(name)
	o.end(start)
}
