package wire

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// exchange is the server's side of one SCRAM exchange without the messages that carry it: choose, first, final, proves,
// signature, in this order. It reads what src/backend/libpq/auth-scram.c reads and refuses it in the same words.
type exchange struct {
	keys    storedKeys
	binding []byte // what a client that saw our certificate can send; nil if no channel binding was offered
	bound   bool   // the client chose the mechanism with channel binding
	flag    byte   // gs2-cbind-flag: 'n', 'y' or 'p'
	nonce   []byte // the client's, then ours
	// authMessage is what both sides sign: client-first-message-bare, server-first-message and
	// client-final-message-without-proof, joined by commas.
	authMessage []byte
}

// bindingHeader is the gs2-header of the only channel binding that is known here.
const bindingHeader = "p=" + bindingType + ",,"

// bindingType is the server's certificate (RFC 5929, section 4).
const bindingType = "tls-server-end-point"

// choose takes the mechanism that the client has selected.
func (x *exchange) choose(mechanism string) *sqlstate.Error {
	switch {
	case mechanism == mechanismPlus && x.binding != nil:
		x.bound = true
	case mechanism != mechanismPlain:
		return sqlstate.New(sqlstate.ProtocolViolation, "client selected an invalid SASL authentication mechanism")
	}
	return nil
}

// first reads client-first-message and returns server-first-message, of which the nonce is a part. The result is the
// exchange's own.
func (x *exchange) first(message, nonce []byte) ([]byte, *sqlstate.Error) {
	r, err := newAttributes(message)
	if err != nil {
		return nil, err
	}
	if err := x.header(r); err != nil {
		return nil, err
	}
	bare := r.rest
	if r.next() == 'm' {
		return nil, sqlstate.New(sqlstate.FeatureNotSupported, "client requires an unsupported SCRAM extension")
	}
	r.value('n') // the user's name is that of the startup packet
	clientNonce := r.value('r')
	if r.err == nil && !printable(clientNonce) {
		return nil, sqlstate.New(sqlstate.ProtocolViolation, "non-printable characters in SCRAM nonce")
	}
	for r.err == nil && len(r.rest) > 0 { // extensions that may be ignored
		r.any()
	}
	if r.err != nil {
		return nil, r.err
	}
	x.nonce = base64.StdEncoding.AppendEncode(bytes.Clone(clientNonce), nonce)
	x.authMessage = make([]byte, 0, authMessageBytes+2*len(message))
	x.authMessage = append(append(x.authMessage, bare...), ',')
	start := len(x.authMessage)
	x.authMessage = append(append(x.authMessage, "r="...), x.nonce...)
	x.authMessage = base64.StdEncoding.AppendEncode(append(x.authMessage, ",s="...), x.keys.salt)
	x.authMessage = strconv.AppendInt(append(x.authMessage, ",i="...), int64(x.keys.iterations), 10)
	return x.authMessage[start:], nil
}

// authMessageBytes is about what the server's part of the signed text takes, and the client's last message.
const authMessageBytes = 256

// header reads gs2-header, up to client-first-message-bare (RFC 5802, section 6).
func (x *exchange) header(r *attributes) *sqlstate.Error {
	x.flag = r.next()
	switch x.flag {
	case 'n', 'y':
		if x.bound {
			return malformed("The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.")
		}
		if x.flag == 'y' && x.binding != nil { // somebody took it from what we offered
			return sqlstate.New(sqlstate.InvalidAuthorization, "SCRAM channel binding negotiation error").WithDetail(
				"The client supports SCRAM channel binding but thinks the server does not.  " +
					"However, this server does support channel binding.")
		}
		r.skip()
		if r.next() != ',' {
			return malformed("Comma expected, but found character \"%s\".", sanitize(r.next()))
		}
		r.skip()
	case 'p':
		if !x.bound {
			return malformed("The client selected SCRAM-SHA-256 without channel binding, " +
				"but the SCRAM message includes channel binding data.")
		}
		kind := r.value('p')
		if r.err != nil {
			return r.err
		}
		if string(kind) != bindingType {
			return sqlstate.New(sqlstate.ProtocolViolation, "unsupported SCRAM channel-binding type \"%s\"",
				sanitizeText(kind))
		}
	default:
		return malformed("Unexpected channel-binding flag \"%s\".", sanitize(x.flag))
	}
	switch r.next() {
	case 'a':
		return sqlstate.New(sqlstate.FeatureNotSupported, "client uses authorization identity, but it is not supported")
	case ',':
		r.skip()
		return nil
	}
	return malformed("Unexpected attribute \"%s\" in client-first-message.", sanitize(r.next()))
}

// final reads client-final-message and returns the ClientKey that its proof makes, which proves has still to judge.
func (x *exchange) final(message []byte) (clientKey [scramKeyBytes]byte, err *sqlstate.Error) {
	r, err := newAttributes(message)
	if err != nil {
		return clientKey, err
	}
	channel := r.value('c')
	if r.err == nil {
		if err := x.checkBinding(channel); err != nil {
			return clientKey, err
		}
	}
	nonce := r.value('r')
	var proof []byte
	signed := 0 // bytes of the message before ",p="
	for attribute := byte(0); r.err == nil && attribute != 'p'; {
		signed = len(message) - len(r.rest) - 1
		attribute, proof = r.any()
	}
	if r.err != nil {
		return clientKey, r.err
	}
	var decoded [scramKeyBytes + 1]byte // one more, so that a longer proof does not look right
	if base64.StdEncoding.DecodedLen(len(proof)) > len(decoded) {
		return clientKey, malformed("Malformed proof in client-final-message.")
	}
	if n, bad := base64.StdEncoding.Decode(decoded[:], proof); bad != nil || n != scramKeyBytes {
		return clientKey, malformed("Malformed proof in client-final-message.")
	}
	if len(r.rest) > 0 {
		return clientKey, malformed("Garbage found at the end of client-final-message.")
	}
	if !bytes.Equal(nonce, x.nonce) {
		return clientKey, sqlstate.New(sqlstate.ProtocolViolation, "invalid SCRAM response").
			WithDetail("Nonce does not match.")
	}
	x.authMessage = append(append(x.authMessage, ','), message[:signed]...)
	mac := hmac.New(sha256.New, x.keys.storedKey[:])
	mac.Write(x.authMessage)
	mac.Sum(clientKey[:0]) // ClientSignature
	subtle.XORBytes(clientKey[:], clientKey[:], decoded[:scramKeyBytes])
	return clientKey, nil
}

// checkBinding compares what the client says of the channel with what was said before and with our certificate.
func (x *exchange) checkBinding(channel []byte) *sqlstate.Error {
	if x.bound {
		want := base64.StdEncoding.AppendEncode(nil, append([]byte(bindingHeader), x.binding...))
		if subtle.ConstantTimeCompare(channel, want) != 1 {
			return sqlstate.New(sqlstate.InvalidAuthorization, "SCRAM channel binding check failed")
		}
		return nil
	}
	// "n,," or "y,," in base64.
	if (x.flag == 'n' && string(channel) == "biws") || (x.flag == 'y' && string(channel) == "eSws") {
		return nil
	}
	return sqlstate.New(sqlstate.ProtocolViolation, "unexpected SCRAM channel-binding attribute in client-final-message")
}

// proves reports whether clientKey is that of the verifier, in constant time.
func (x *exchange) proves(clientKey *[scramKeyBytes]byte) bool {
	stored := sha256.Sum256(clientKey[:])
	return subtle.ConstantTimeCompare(stored[:], x.keys.storedKey[:]) == 1
}

// signature returns server-final-message, which proves to the client that we know its verifier.
func (x *exchange) signature() []byte {
	mac := hmac.New(sha256.New, x.keys.serverKey[:])
	mac.Write(x.authMessage)
	return base64.StdEncoding.AppendEncode([]byte("v="), mac.Sum(nil))
}

// attributes reads the attributes of a message: letter, "=", value, separated by commas. After the first that is not as
// it should be nothing more is read, and err tells it.
type attributes struct {
	rest []byte
	err  *sqlstate.Error
}

func newAttributes(message []byte) (*attributes, *sqlstate.Error) {
	switch {
	case len(message) == 0:
		return nil, malformed("The message is empty.")
	case bytes.IndexByte(message, 0) >= 0:
		return nil, malformed("Message length does not match input length.")
	}
	return &attributes{rest: message}, nil
}

// next returns the next byte without taking it; 0 at the end.
func (a *attributes) next() byte {
	if len(a.rest) == 0 {
		return 0
	}
	return a.rest[0]
}

// skip takes one byte. It must not be called at the end.
func (a *attributes) skip() { a.rest = a.rest[1:] }

// value returns the value of the attribute that must come next.
func (a *attributes) value(attribute byte) []byte {
	if a.err == nil && a.next() != attribute {
		a.err = malformed("Expected attribute \"%c\" but found \"%s\".", attribute, sanitize(a.next()))
	}
	return a.assigned(attribute)
}

// any returns the attribute that comes next, whichever it is.
func (a *attributes) any() (attribute byte, value []byte) {
	attribute = a.next()
	switch {
	case a.err != nil:
	case attribute == 0:
		a.err = malformed("Attribute expected, but found end of string.")
	case (attribute < 'A' || attribute > 'Z') && (attribute < 'a' || attribute > 'z'):
		a.err = malformed("Attribute expected, but found invalid character \"%s\".", sanitize(attribute))
	}
	return attribute, a.assigned(attribute)
}

// assigned takes the attribute's letter, "=", the value and the comma behind it.
func (a *attributes) assigned(attribute byte) []byte {
	if a.err != nil {
		return nil
	}
	a.skip()
	if a.next() != '=' {
		a.err = malformed("Expected character \"=\" for attribute \"%c\".", attribute)
		return nil
	}
	a.skip()
	value, rest, _ := bytes.Cut(a.rest, []byte{','})
	a.rest = rest
	return value
}

// printable reports whether a nonce holds only what RFC 5802 allows in one.
func printable(nonce []byte) bool {
	for _, b := range nonce {
		if b < 0x21 || b > 0x7e || b == ',' {
			return false
		}
	}
	return true
}

// sanitize writes a byte of a client's for a message (sanitize_char of auth-scram.c).
func sanitize(b byte) string {
	if b >= 0x21 && b <= 0x7e {
		return "'" + string(rune(b)) + "'"
	}
	return fmt.Sprintf("0x%02x", b)
}

// sanitizeText writes at most 30 bytes of a client's for a message (sanitize_str of auth-scram.c).
func sanitizeText(text []byte) []byte {
	const textMax = 30
	clean := bytes.Clone(text[:min(len(text), textMax)])
	for i, b := range clean {
		if b < 0x21 || b > 0x7e {
			clean[i] = '?'
		}
	}
	return clean
}

func malformed(detail string, arguments ...any) *sqlstate.Error {
	return sqlstate.New(sqlstate.ProtocolViolation, "malformed SCRAM message").WithDetail(detail, arguments...)
}
