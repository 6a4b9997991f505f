package pool

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// keyLogin stands between pgx and a server that a client is logged in to by keys of its own, of which pgx knows nothing: it
// answers what the server asks for authentication, and pgx reads that nothing was asked. All else, addresses, TLS and
// target_session_attrs, stays pgx's.
type keyLogin struct {
	net.Conn
	keys    *wire.SCRAMKeys
	binding string // channel_binding
	unread  []byte // by pgx
	done    bool   // the server does not ask any more
}

// loginByKeys makes config log in as user by keys.
func loginByKeys(config *pgconn.Config, user string, keys *wire.SCRAMKeys) {
	binding := config.ChannelBinding
	config.User, config.Password = user, ""
	config.ChannelBinding, config.RequireAuth = "disable", "" // SCRAM is all that is done here
	config.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, nc net.Conn) (net.Conn, error) {
		return &keyLogin{Conn: nc, keys: keys, binding: binding}, nil
	}
}

// keysRefused says what an error of a login by keys means; others stay as they are.
func keysRefused(c Config, err error) error {
	if refusal := Refusal(err); refusal == nil || refusal.Code != sqlstate.InvalidPassword {
		return err
	}
	return sqlstate.New(sqlstate.InvalidAuthorization, "could not log in to datasource %q as user \"%s\"", c.Datasource, c.User).
		WithDetail("The server did not accept the keys of the client's login.").
		WithHint("With pool.identity client-keys the server and the gateway must have the same verifier of the user: the same " +
			"salt and iterations.")
}

// errMechanism means that the server wants something else than SCRAM-SHA-256.
func errMechanism() *sqlstate.Error {
	return sqlstate.New(sqlstate.InvalidAuthorization, "the server does not ask for SCRAM-SHA-256").
		WithHint("With pool.identity client-keys pg_hba.conf of the server must ask for scram-sha-256.")
}

// errNotTheServer means that the server could not prove that it has the user's verifier.
var errNotTheServer = errors.New("the server did not prove that it knows the user's keys")

// Read gives pgx what the server sends, without what is answered here.
func (l *keyLogin) Read(b []byte) (int, error) {
	for len(l.unread) == 0 {
		if l.done {
			return l.Conn.Read(b)
		}
		if err := l.step(); err != nil {
			return 0, err
		}
	}
	n := copy(b, l.unread)
	l.unread = l.unread[n:]
	return n, nil
}

// Requests of authentication (src/include/libpq/protocol.h, AUTH_REQ_*).
const (
	requestOK           = 0
	requestSASL         = 10
	requestSASLContinue = 11
	requestSASLFinal    = 12
)

// step reads one message.
func (l *keyLogin) step() error {
	frame, err := l.next()
	if err != nil {
		return err
	}
	request, body, ok := authentication(frame)
	switch {
	case !ok: // an error, a notice, NegotiateProtocolVersion
		l.unread = frame
		return nil
	case request == requestOK:
		l.unread, l.done = frame, true
		if l.binding == "require" {
			return errMechanism() // nothing was bound
		}
		return nil
	case request == requestSASL:
		return l.exchange(strings.Split(string(body), "\x00"))
	}
	return errMechanism()
}

// authentication reads a frame as a request of authentication.
func authentication(frame []byte) (request uint32, body []byte, ok bool) {
	const header, code = 5, 4
	if frame[0] != 'R' || len(frame) < header+code {
		return 0, nil, false
	}
	return binary.BigEndian.Uint32(frame[header:]), frame[header+code:], true
}

// loginBytesMax bounds a message of the server's before it has let us in.
const loginBytesMax = 64 << 10

// next reads one message, and not a byte more.
func (l *keyLogin) next() ([]byte, error) {
	frame := make([]byte, 5)
	if _, err := io.ReadFull(l.Conn, frame); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(frame[1:])
	if size < 4 || size > loginBytesMax {
		return nil, ErrDesynchronised
	}
	frame = append(frame, make([]byte, size-4)...)
	_, err := io.ReadFull(l.Conn, frame[5:])
	return frame, err
}

// exchange is SCRAM (RFC 5802, section 3) with keys in place of a password: ClientProof = ClientKey XOR HMAC(StoredKey,
// AuthMessage), and ServerSignature = HMAC(ServerKey, AuthMessage).
func (l *keyLogin) exchange(mechanisms []string) error {
	const plain, plus = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
	mechanism, header, bound := plain, "n,,", []byte(nil)
	if end := l.endPoint(); end != nil {
		header = "y,,"
		if slices.Contains(mechanisms, plus) {
			mechanism, header, bound = plus, "p=tls-server-end-point,,", end
		}
	}
	switch {
	case !slices.Contains(mechanisms, mechanism), l.binding == "require" && bound == nil:
		return errMechanism()
	}
	nonce := rand.Text()
	clientFirst := "n=,r=" + nonce
	initial := binary.BigEndian.AppendUint32(append([]byte(mechanism), 0), uint32(len(header)+len(clientFirst)))
	serverFirst, err := l.ask(append(initial, header+clientFirst...), requestSASLContinue)
	if err != nil || serverFirst == nil {
		return err
	}
	combined, _, _ := strings.Cut(strings.TrimPrefix(string(serverFirst), "r="), ",")
	if !strings.HasPrefix(combined, nonce) || len(combined) == len(nonce) {
		return ErrDesynchronised
	}
	clientFinal := "c=" + base64.StdEncoding.EncodeToString(append([]byte(header), bound...)) + ",r=" + combined
	message := clientFirst + "," + string(serverFirst) + "," + clientFinal
	storedKey := sha256.Sum256(l.keys.ClientKey)
	proof := sign(storedKey[:], message)
	subtle.XORBytes(proof, proof, l.keys.ClientKey)
	serverFinal, err := l.ask([]byte(clientFinal+",p="+base64.StdEncoding.EncodeToString(proof)), requestSASLFinal)
	if err != nil || serverFinal == nil {
		return err
	}
	signature, err := base64.StdEncoding.DecodeString(string(bytes.TrimPrefix(serverFinal, []byte("v="))))
	if err != nil || !hmac.Equal(signature, sign(l.keys.ServerKey, message)) {
		return errNotTheServer
	}
	l.binding = "" // done
	return nil
}

func sign(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

// ask sends a SASL message and returns the server's answer. If that is an error, it is left to pgx, and the answer is nil.
func (l *keyLogin) ask(message []byte, answer uint32) ([]byte, error) {
	frame := binary.BigEndian.AppendUint32([]byte{'p'}, uint32(4+len(message)))
	if _, err := l.Conn.Write(append(frame, message...)); err != nil {
		return nil, err
	}
	for {
		frame, err := l.next()
		if err != nil {
			return nil, err
		}
		request, body, ok := authentication(frame)
		switch {
		case ok && request == answer:
			return body, nil
		case ok:
			return nil, fmt.Errorf("%w: request of authentication %d", ErrDesynchronised, request)
		case frame[0] == 'E':
			l.unread, l.done = frame, true
			return nil, nil
		case frame[0] != 'N':
			return nil, ErrDesynchronised
		}
	}
}

// endPoint returns what the exchange can be bound to: the certificate of the server; nil without TLS, or if it is not wanted.
func (l *keyLogin) endPoint() []byte {
	secure, ok := l.Conn.(*tls.Conn)
	if !ok || l.binding == "disable" {
		return nil
	}
	certificates := secure.ConnectionState().PeerCertificates
	if len(certificates) == 0 {
		return nil
	}
	return wire.EndPoint(certificates[0])
}
