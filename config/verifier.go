package config

import (
	"encoding/base64"
	"strings"
)

// scramKeyBytes is the length of StoredKey and ServerKey: SHA-256's.
const scramKeyBytes = 32

// isSCRAMVerifier reports whether text has the form in which PostgreSQL stores a password
// (src/common/scram-common.c, scram_build_secret): SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey.
func isSCRAMVerifier(text string) bool {
	rest, ok := strings.CutPrefix(text, "SCRAM-SHA-256$")
	if !ok {
		return false
	}
	first, second, ok := strings.Cut(rest, "$")
	if !ok {
		return false
	}
	iterations, salt, ok := strings.Cut(first, ":")
	if !ok {
		return false
	}
	if n, ok := parseInteger(iterations); !ok || n < 1 || n > 1<<31-1 {
		return false
	}
	if raw, err := base64.StdEncoding.Strict().DecodeString(salt); err != nil || len(raw) == 0 {
		return false
	}
	storedKey, serverKey, ok := strings.Cut(second, ":")
	if !ok {
		return false
	}
	for _, key := range []string{storedKey, serverKey} {
		raw, err := base64.StdEncoding.Strict().DecodeString(key)
		if err != nil || len(raw) != scramKeyBytes {
			return false
		}
	}
	return true
}
