package wire

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"
)

// Parameters of new verifiers (PostgreSQL, src/include/common/scram-common.h).
const (
	scramIterations = 4096 // SCRAM_SHA_256_DEFAULT_ITERATIONS
	scramSaltBytes  = 16   // SCRAM_DEFAULT_SALT_LEN
	scramKeyBytes   = 32   // SCRAM_SHA_256_KEY_LEN
)

// verifierScheme is the first field of a stored verifier, and the name of the mechanism.
const verifierScheme = "SCRAM-SHA-256"

// ErrVerifier means that a stored verifier does not have PostgreSQL's form.
var ErrVerifier = errors.New("not a SCRAM-SHA-256 verifier as PostgreSQL stores it")

// Verifier makes the verifier that PostgreSQL would store for password in pg_authid.rolpassword:
// "SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>" (RFC 7677, and RFC 5803 in PostgreSQL's manner). The password is
// prepared by SASLprep, and used as it is if that refuses it. random gives the salt. Errors: those of random.
func Verifier(password string, random io.Reader) (string, error) {
	salt := make([]byte, scramSaltBytes)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("draw a salt: %w", err)
	}
	client, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		client, err = scram.SHA256.NewClientUnprepped("", password, "")
	}
	if err != nil {
		return "", fmt.Errorf("prepare the password: %w", err)
	}
	keys, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: scramIterations})
	if err != nil {
		return "", fmt.Errorf("derive the keys: %w", err)
	}
	return storedKeys{iterations: scramIterations, salt: salt, storedKey: [scramKeyBytes]byte(keys.StoredKey),
		serverKey: [scramKeyBytes]byte(keys.ServerKey)}.verifier(), nil
}

// CheckVerifier returns ErrVerifier unless verifier has the form that Verifier makes, with any number of iterations.
func CheckVerifier(verifier string) error {
	_, err := parseVerifier(verifier)
	return err
}

// storedKeys is what a verifier says.
type storedKeys struct {
	iterations           int
	salt                 []byte
	storedKey, serverKey [scramKeyBytes]byte
}

// verifier returns the form that is stored.
func (k storedKeys) verifier() string {
	b := make([]byte, 0, verifierBytes)
	b = strconv.AppendInt(append(b, verifierScheme+"$"...), int64(k.iterations), 10)
	b = base64.StdEncoding.AppendEncode(append(b, ':'), k.salt)
	b = base64.StdEncoding.AppendEncode(append(b, '$'), k.storedKey[:])
	b = base64.StdEncoding.AppendEncode(append(b, ':'), k.serverKey[:])
	return string(b)
}

// verifierBytes is the usual length of a verifier, rounded up.
const verifierBytes = 144

func parseVerifier(verifier string) (storedKeys, error) {
	scheme, rest, _ := strings.Cut(verifier, "$")
	factors, keys, _ := strings.Cut(rest, "$")
	iterations, salt64, _ := strings.Cut(factors, ":")
	stored64, server64, _ := strings.Cut(keys, ":")

	var k storedKeys
	n, err := strconv.Atoi(iterations)
	if scheme != verifierScheme || err != nil || n < 1 {
		return storedKeys{}, ErrVerifier
	}
	k.iterations = n
	if k.salt, err = base64.StdEncoding.DecodeString(salt64); err != nil || len(k.salt) == 0 {
		return storedKeys{}, ErrVerifier
	}
	if !decodeKey(&k.storedKey, stored64) || !decodeKey(&k.serverKey, server64) {
		return storedKeys{}, ErrVerifier
	}
	return k, nil
}

func decodeKey(key *[scramKeyBytes]byte, text string) bool {
	decoded, err := base64.StdEncoding.DecodeString(text)
	return err == nil && copy(key[:], decoded) == scramKeyBytes && len(decoded) == scramKeyBytes
}
