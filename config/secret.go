package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// secretPrinted is what stands for a secret in every text.
const secretPrinted = "<secret>"

// secretBytesMax bounds the file of a secret.
const secretBytesMax = 64 << 10

// The prefixes of a secret that is a reference.
const (
	secretFilePrefix = "file:"
	secretEnvPrefix  = "env:"
)

// Secret is a password, a verifier or a URL that may hold one. It was given inline, as "file:/path" (one final line end
// is not part of it) or as "env:NAME". It prints and encodes as "<secret>", whatever the verb or encoder; Reveal alone
// gives the value. The zero Secret is empty.
type Secret struct {
	// value is a pointer so that fmt, which reflects into unexported fields of other structs without calling methods,
	// finds an address and not the text.
	value  *string
	source string // "file:/path", "env:NAME", or "" for inline
}

// NewSecret returns a secret that holds value.
func NewSecret(value string) Secret { return Secret{value: &value} }

// Reveal returns the value, "" for the zero Secret.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty reports whether there is no value.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// Reference returns "file:/path" or "env:NAME" as it was written, "" for a secret that was given inline.
func (s Secret) Reference() string { return s.source }

// String returns "<secret>".
func (s Secret) String() string { return secretPrinted }

// GoString returns "<secret>".
func (s Secret) GoString() string { return secretPrinted }

// Format writes "<secret>" for every verb and flag.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, secretPrinted) }

// MarshalText returns "<secret>": encoding/json, yaml and xml use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(secretPrinted), nil }

// MarshalBinary returns "<secret>": encoding/gob uses it.
func (s Secret) MarshalBinary() ([]byte, error) { return []byte(secretPrinted), nil }

// LogValue returns "<secret>" for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(secretPrinted) }

// resolveSecret follows a reference. The error does not hold the value; it may hold the reference.
func resolveSecret(text string, files pathResolver, lookupEnv func(string) (string, bool)) (Secret, error) {
	switch {
	case strings.HasPrefix(text, secretFilePrefix):
		path := strings.TrimPrefix(text, secretFilePrefix)
		value, err := readSecretFile(files.resolve(path))
		if err != nil {
			return Secret{}, fileError(path, err)
		}
		return Secret{value: &value, source: text}, nil
	case strings.HasPrefix(text, secretEnvPrefix):
		name := strings.TrimPrefix(text, secretEnvPrefix)
		value, ok := lookupEnv(name)
		if !ok || value == "" {
			return Secret{}, fmt.Errorf("environment variable %s is not set", name)
		}
		return Secret{value: &value, source: text}, nil
	}
	return NewSecret(text), nil
}

func readSecretFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil {
		return "", err
	} else if info.IsDir() {
		return "", errors.New("is a folder")
	}
	data, err := io.ReadAll(io.LimitReader(file, secretBytesMax+1))
	if err != nil {
		return "", err
	}
	if len(data) > secretBytesMax {
		return "", fmt.Errorf("longer than %d bytes", secretBytesMax)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if value == "" {
		return "", errors.New("is empty")
	}
	return value, nil
}
