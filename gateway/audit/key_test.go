package audit

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSigningKeyFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.key")
	random := bytes.NewReader(bytes.Repeat([]byte{3}, 1024))
	created, err := CreateSigningKey(path, random)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CreateSigningKey(path, random); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a key was overwritten: %v", err)
	}
	private, err := ReadSigningKey(path)
	if err != nil || !private.Equal(created) {
		t.Errorf("read another key back (%v)", err)
	}
	public, err := ReadPublicKey(path + ".pub")
	if err != nil || !public.Equal(created.Public()) {
		t.Errorf("read another public key back (%v)", err)
	}
	if public, err := ReadPublicKey(path); err != nil || !public.Equal(created.Public()) {
		t.Errorf("derived another public key (%v)", err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSigningKey(path); !errors.Is(err, ErrKeyFile) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if _, err := ReadSigningKey(path + ".pub"); !errors.Is(err, ErrKeyFile) {
		t.Errorf("public key as signing key: %v", err)
	}
	if _, err := ReadPublicKey(path); !errors.Is(err, ErrKeyFile) {
		t.Errorf("public key out of a signing key that others can read: %v", err)
	}
}

// curvePublicKey is a key of another kind, in the same form.
const curvePublicKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMKBCTNIcKUSDii11ySs3526iDZ8A
iTo7Tu6KPAqv7D7gS2XpJFbZiItSs3m9+9Ue6GnvHw/GW2ZZaVtszggXIw==
-----END PUBLIC KEY-----
`

func TestKeyFileErrorsHoldNoKey(t *testing.T) {
	const secret = "c2VjcmV0LWtleS1ieXRlcw=="
	for name, content := range map[string]string{
		"empty":   "",
		"no PEM":  secret,
		"no key":  "-----BEGIN PRIVATE KEY-----\n" + secret + "\n-----END PRIVATE KEY-----\n",
		"not DER": "-----BEGIN PUBLIC KEY-----\n" + secret + "\n-----END PUBLIC KEY-----\n",
		"EC":      curvePublicKey,
	} {
		path := filepath.Join(t.TempDir(), "key")
		write(t, path, []byte(content))
		_, privateErr := ReadSigningKey(path)
		_, publicErr := ReadPublicKey(path)
		for _, err := range []error{privateErr, publicErr} {
			if !errors.Is(err, ErrKeyFile) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
