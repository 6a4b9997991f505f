package wire

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/xdg-go/scram"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// nonceBytes is SCRAM_RAW_NONCE_LEN of PostgreSQL (src/include/common/scram-common.h).
const nonceBytes = 18

// SCRAM authenticates clients by SCRAM-SHA-256 (RFC 7677) against stored verifiers. It may be used concurrently, if its
// source of randomness may.
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
// authenticated connection hold.
//
// Errors: *sqlstate.Error, to be sent as FATAL: 28P01 if the client could not prove that it knows the password, 08P01 if
// it broke the protocol; ErrVerifier; those of Conn.Read and Conn.Flush.
func (s *SCRAM) Authenticate(ctx context.Context, c *Conn, user, verifier string) error {
	credentials, exists, err := s.credentials(user, verifier)
	if err != nil {
		return err
	}
	nonce := make([]byte, nonceBytes)
	if _, err := io.ReadFull(s.random, nonce); err != nil {
		return fmt.Errorf("draw a nonce: %w", err)
	}
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return credentials, nil })
	if err != nil {
		return fmt.Errorf("start SCRAM: %w", err)
	}
	exchange := server.
		WithNonceGenerator(func() string { return base64.StdEncoding.EncodeToString(nonce) }).
		NewConversation()

	c.Out.AuthenticationSASL(verifierScheme)
	first, err := readSASL(ctx, c)
	if err != nil {
		return err
	}
	mechanism, response, problem := decodeSASLInitialResponse(first)
	switch {
	case problem != nil:
		return problem
	case mechanism != verifierScheme:
		return sqlstate.New(sqlstate.ProtocolViolation, "client selected an invalid SASL authentication mechanism")
	}
	if response == nil { // the client waits for an empty challenge first (RFC 4422, section 5)
		c.Out.authenticationSASLContinue("")
		if response, err = readSASL(ctx, c); err != nil {
			return err
		}
	}
	challenge, err := exchange.Step(string(response))
	if err != nil {
		return malformed()
	}
	c.Out.authenticationSASLContinue(challenge)

	last, err := readSASL(ctx, c)
	if err != nil {
		return err
	}
	// The library words a wrong proof as RFC 5802 does. Anything else here is a broken message.
	outcome, err := exchange.Step(string(last))
	switch {
	case err != nil && outcome == scram.ErrInvalidProof, err == nil && !exists:
		return sqlstate.New(sqlstate.InvalidPassword, "password authentication failed for user \"%s\"", user)
	case err != nil || !exchange.Valid():
		return malformed()
	}
	c.Out.authenticationSASLFinal(outcome)
	c.Out.AuthenticationOK()
	c.Authenticated()
	return nil
}

// credentials returns what verifier says, or what stands for it if there is no such user.
func (s *SCRAM) credentials(user, verifier string) (credentials scram.StoredCredentials, exists bool, err error) {
	if verifier != "" {
		credentials, err = parseVerifier(verifier)
		return credentials, true, err
	}
	return scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(s.derive("salt", user)[:scramSaltBytes]), Iters: scramIterations},
		StoredKey:  s.derive("stored key", user),
		ServerKey:  s.derive("server key", user),
	}, false, nil
}

func (s *SCRAM) derive(purpose, user string) []byte {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte(purpose))
	mac.Write([]byte{0})
	mac.Write([]byte(user))
	return mac.Sum(nil)
}

// readSASL sends what waits and reads the client's answer.
func readSASL(ctx context.Context, c *Conn) ([]byte, error) {
	if err := c.Flush(ctx); err != nil {
		return nil, err
	}
	m, err := c.Read(ctx)
	if err != nil {
		return nil, err
	}
	if m.Type != TypePassword {
		return nil, sqlstate.New(sqlstate.ProtocolViolation, "expected SASL response, got message type %d", m.Type)
	}
	return m.Body, nil
}

func malformed() *sqlstate.Error {
	return sqlstate.New(sqlstate.ProtocolViolation, "malformed SCRAM message")
}
