package wire

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// nonceBytes is SCRAM_RAW_NONCE_LEN of PostgreSQL (src/include/common/scram-common.h).
const nonceBytes = 18

// saslBytesMax bounds a client's message of the exchange, its length field included: PG_MAX_SASL_MESSAGE_LENGTH
// (src/backend/libpq/auth-sasl.c). A longer one fails as a wrong password does.
const saslBytesMax = 1024

// The mechanisms (RFC 7677). The one with channel binding is offered over TLS only, and before the other.
const (
	mechanismPlain = verifierScheme
	mechanismPlus  = verifierScheme + "-PLUS"
)

// SCRAM authenticates clients by SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677) against stored verifiers. It
// may be used concurrently, if its source of randomness may.
type SCRAM struct {
	secret []byte
	random io.Reader
}

// NewSCRAM keeps secret, of which the salts of users that do not exist are derived: a name gets the same salt each time,
// for as long as the secret stays the same, as it would if the user did exist. random gives the nonces.
func NewSCRAM(secret []byte, random io.Reader) *SCRAM {
	return &SCRAM{secret: secret, random: random}
}

// Authenticate runs the exchange on c, which ReadStartup has brought to this point, for the user of the startup packet.
// An empty verifier means that there is no such user: the exchange runs all the same, with a salt that tells nothing, and
// fails as with a wrong password. On success the last message and AuthenticationOk wait in c.Out, and the limits of an
// authenticated connection hold; the keys are the caller's, who clears them.
//
// Errors: *sqlstate.Error in the words of src/backend/libpq/auth-scram.c, to be sent as FATAL: 28P01 if the client could
// not prove that it knows the password, 28000 if it saw another certificate than ours or did not see what was offered,
// 08P01 and 0A000 if it broke the protocol; ErrVerifier; those of Conn.Read and Conn.Flush.
func (s *SCRAM) Authenticate(ctx context.Context, c *Conn, user, verifier string) (*SCRAMKeys, error) {
	exists := verifier != ""
	if mock := s.mockVerifier(user); !exists { // made in any case: it takes time
		verifier = mock
	}
	keys, err := parseVerifier(verifier)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, nonceBytes)
	if _, err := io.ReadFull(s.random, nonce); err != nil {
		return nil, fmt.Errorf("draw a nonce: %w", err)
	}
	x := exchange{keys: keys, binding: c.endPoint()}

	if x.binding != nil {
		c.Out.AuthenticationSASL(mechanismPlus, mechanismPlain)
	} else {
		c.Out.AuthenticationSASL(mechanismPlain)
	}
	message, err := readSASL(ctx, c, user)
	if err != nil {
		return nil, err
	}
	mechanism, response, problem := decodeSASLInitialResponse(message)
	if problem != nil {
		return nil, problem
	}
	if problem = x.choose(mechanism); problem != nil {
		return nil, problem
	}
	if response == nil { // the client waits for an empty challenge first (RFC 4422, section 5)
		c.Out.authenticationSASLContinue(nil)
		if response, err = readSASL(ctx, c, user); err != nil {
			return nil, err
		}
	}
	challenge, problem := x.first(response, nonce)
	if problem != nil {
		return nil, problem
	}
	c.Out.authenticationSASLContinue(challenge)

	if message, err = readSASL(ctx, c, user); err != nil {
		return nil, err
	}
	clientKey, problem := x.final(message)
	if problem != nil {
		return nil, problem
	}
	if proven := x.proves(&clientKey); !proven || !exists {
		return nil, wrongPassword(user)
	}
	c.Out.authenticationSASLFinal(x.signature())
	c.Out.AuthenticationOK()
	c.Authenticated()
	return &SCRAMKeys{ClientKey: bytes.Clone(clientKey[:]), ServerKey: bytes.Clone(keys.serverKey[:])}, nil
}

// mockVerifier stands for the verifier of a user that does not exist. Nobody knows a password for it.
func (s *SCRAM) mockVerifier(user string) string {
	mac := hmac.New(sha512.New, s.secret)
	mac.Write([]byte(user))
	derived := mac.Sum(make([]byte, 0, sha512.Size))
	return storedKeys{iterations: scramIterations, salt: derived[:scramSaltBytes],
		storedKey: [scramKeyBytes]byte(derived[scramSaltBytes:])}.verifier() // its ServerKey is never used
}

// readSASL sends what waits and reads the client's answer.
func readSASL(ctx context.Context, c *Conn, user string) ([]byte, error) {
	if err := c.Flush(ctx); err != nil {
		return nil, err
	}
	m, err := c.Read(ctx)
	var broken *sqlstate.Error
	switch {
	case errors.As(err, &broken): // the frame was not consumed
		m.Type = Type(c.in[c.r])
	case err != nil:
		return nil, err
	}
	switch {
	case m.Type != TypePassword:
		return nil, sqlstate.New(sqlstate.ProtocolViolation, "expected SASL response, got message type %d", m.Type)
	case broken != nil, len(m.Body) > saslBytesMax-frameBytesMin:
		return nil, wrongPassword(user)
	}
	return m.Body, nil
}

func wrongPassword(user string) *sqlstate.Error {
	return sqlstate.New(sqlstate.InvalidPassword, "password authentication failed for user \"%s\"", user)
}
