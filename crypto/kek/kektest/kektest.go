package kektest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/portcullisdb/portcullis/crypto/kek"
)

// Test checks that a KEK wraps randomized, binds the associated data, and notices every changed byte. open returns the
// same KEK each time it is called, as after a restart; other returns a different one.
func Test(t *testing.T, open, other func(t *testing.T) kek.KEK) {
	plaintext, associatedData := []byte("a keyset, thirty-two bytes of it"), []byte("pii aead 1")
	wrap := func(t *testing.T) []byte {
		t.Helper()
		wrapped, err := open(t).Wrap(t.Context(), plaintext, associatedData)
		if err != nil {
			t.Fatal(err)
		}
		return wrapped
	}
	t.Run("round trip", func(t *testing.T) {
		for _, text := range [][]byte{plaintext, {}} {
			wrapped, err := open(t).Wrap(t.Context(), text, associatedData)
			if err != nil {
				t.Fatal(err)
			}
			got, err := open(t).Unwrap(t.Context(), wrapped, associatedData)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, text) {
				t.Error("unwrapped bytes differ from those wrapped")
			}
		}
	})
	t.Run("randomized", func(t *testing.T) {
		if bytes.Equal(wrap(t), wrap(t)) {
			t.Error("two wraps of one plaintext are equal")
		}
	})
	t.Run("does not show the plaintext", func(t *testing.T) {
		if bytes.Contains(wrap(t), plaintext[:8]) {
			t.Error("plaintext stands in the wrapped bytes")
		}
	})
	t.Run("associated data", func(t *testing.T) {
		for _, other := range [][]byte{nil, []byte("pii aead 2"), []byte("pii aead 1 ")} {
			if _, err := open(t).Unwrap(t.Context(), wrap(t), other); !errors.Is(err, kek.ErrUnwrap) {
				t.Errorf("error %v with associated data %q, want ErrUnwrap", err, other)
			}
		}
	})
	t.Run("tampered", func(t *testing.T) {
		wrapped := wrap(t)
		for i := range wrapped {
			changed := bytes.Clone(wrapped)
			changed[i] ^= 0x40
			if _, err := open(t).Unwrap(t.Context(), changed, associatedData); err == nil {
				t.Errorf("byte %d changed: no error", i)
			}
			if _, err := open(t).Unwrap(t.Context(), wrapped[:i], associatedData); err == nil {
				t.Errorf("cut to %d bytes: no error", i)
			}
		}
		if _, err := open(t).Unwrap(t.Context(), append(wrapped, 0), associatedData); !errors.Is(err, kek.ErrUnwrap) {
			t.Errorf("error %v with a byte more, want ErrUnwrap", err)
		}
	})
	t.Run("other KEK", func(t *testing.T) {
		_, err := other(t).Unwrap(t.Context(), wrap(t), associatedData)
		if !errors.Is(err, kek.ErrOtherKEK) && !errors.Is(err, kek.ErrUnwrap) {
			t.Errorf("error %v, want ErrOtherKEK or ErrUnwrap", err)
		}
	})
}
