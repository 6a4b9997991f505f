package wirescript

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// authenticate answers requests for a password until the server is content or not (RFC 5802, without channel binding).
// last is AuthenticationOk or ErrorResponse. Other messages go to aside.
func (c *client) authenticate(ctx context.Context, password string, aside func(Message)) (last Message, err error) {
	nonce := rand.Text()
	first := "n=,r=" + nonce
	var serverSignature []byte
	for {
		m, err := c.receive(ctx)
		if err != nil {
			return m, err
		}
		if m.Type == 'E' {
			return m, nil
		}
		if m.Type != 'R' || len(m.Body) < 4 {
			aside(m)
			continue
		}
		body := m.Body[4:]
		switch code := binary.BigEndian.Uint32(m.Body); code {
		case 0:
			return m, nil
		case 10:
			message := "n,," + first
			body := append([]byte("SCRAM-SHA-256\x00"), binary.BigEndian.AppendUint32(nil, uint32(len(message)))...)
			if err := c.send('p', append(body, message...)); err != nil {
				return m, err
			}
		case 11:
			final, signature, err := scramFinal(first, string(body), nonce, password)
			if err != nil {
				return m, err
			}
			serverSignature = signature
			if err := c.send('p', []byte(final)); err != nil {
				return m, err
			}
		case 12:
			if string(body) != "v="+base64.StdEncoding.EncodeToString(serverSignature) {
				return m, errors.New("the server does not know the password")
			}
		default:
			return m, fmt.Errorf("authentication %d is not known here", code)
		}
	}
}

// scramFinal is the client's last message, and what the server must prove by its own.
func scramFinal(clientFirst, serverFirst, nonce, password string) (message string, serverSignature []byte, err error) {
	parts := map[string]string{}
	for _, part := range strings.Split(serverFirst, ",") {
		name, value, _ := strings.Cut(part, "=")
		parts[name] = value
	}
	salt, err := base64.StdEncoding.DecodeString(parts["s"])
	if err != nil {
		return "", nil, err
	}
	iterations, err := strconv.Atoi(parts["i"])
	if err != nil || !strings.HasPrefix(parts["r"], nonce) {
		return "", nil, errors.New("the server's first message of SCRAM is broken")
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", nil, err
	}
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	withoutProof := "c=biws,r=" + parts["r"]
	signed := clientFirst + "," + serverFirst + "," + withoutProof
	clientKey := mac(salted, "Client Key")
	storedKey := sha256.Sum256(clientKey)
	proof := mac(storedKey[:], signed)
	for i := range proof {
		proof[i] ^= clientKey[i]
	}
	return withoutProof + ",p=" + base64.StdEncoding.EncodeToString(proof), mac(mac(salted, "Server Key"), signed), nil
}
