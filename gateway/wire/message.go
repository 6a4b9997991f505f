package wire

// Type is the first byte of a message. Frontend and backend have types of their own with the same letters: Type alone
// does not say which side sent it (PostgreSQL, protocol.sgml, "Message Formats").
type Type = byte

// Messages of the frontend.
const (
	TypeBind         Type = 'B'
	TypeClose        Type = 'C'
	TypeCopyFail     Type = 'f'
	TypeDescribe     Type = 'D'
	TypeExecute      Type = 'E'
	TypeFlush        Type = 'H'
	TypeFunctionCall Type = 'F'
	TypeParse        Type = 'P'
	TypePassword     Type = 'p' // PasswordMessage, SASLInitialResponse, SASLResponse
	TypeQuery        Type = 'Q'
	TypeSync         Type = 'S'
	TypeTerminate    Type = 'X'
)

// Messages of both.
const (
	TypeCopyData Type = 'd'
	TypeCopyDone Type = 'c'
)

// Messages of the backend.
const (
	TypeAuthentication           Type = 'R'
	TypeBackendKeyData           Type = 'K'
	TypeBindComplete             Type = '2'
	TypeCloseComplete            Type = '3'
	TypeCommandComplete          Type = 'C'
	TypeCopyBothResponse         Type = 'W'
	TypeCopyInResponse           Type = 'G'
	TypeCopyOutResponse          Type = 'H'
	TypeDataRow                  Type = 'D'
	TypeEmptyQueryResponse       Type = 'I'
	TypeErrorResponse            Type = 'E'
	TypeFunctionCallResponse     Type = 'V'
	TypeNegotiateProtocolVersion Type = 'v'
	TypeNoData                   Type = 'n'
	TypeNoticeResponse           Type = 'N'
	TypeNotificationResponse     Type = 'A'
	TypeParameterDescription     Type = 't'
	TypeParameterStatus          Type = 'S'
	TypeParseComplete            Type = '1'
	TypePortalSuspended          Type = 's'
	TypeReadyForQuery            Type = 'Z'
	TypeRowDescription           Type = 'T'
)

// The status byte of ReadyForQuery.
const (
	StatusIdle   byte = 'I' // not in a transaction block
	StatusInTx   byte = 'T' // in a transaction block
	StatusFailed byte = 'E' // in a failed transaction block
)

// Format codes of parameters and result columns.
const (
	FormatText   int16 = 0
	FormatBinary int16 = 1
)

// headerBytes is the size of what stands before a body: the type and the length, which counts itself and the body.
const headerBytes = 5

// Message is one framed message. Body aliases the input buffer of the Conn that read it and holds until its next Read.
type Message struct {
	Type Type
	Body []byte
	// frame is the message as it came: header and Body.
	frame []byte
}

// Frame returns the message as it travels: type, length and Body. It aliases Body's buffer. It is nil for a Message that
// no Conn has read.
func (m Message) Frame() []byte { return m.frame }
