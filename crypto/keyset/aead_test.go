package keyset

import (
	"errors"
	"testing"
)

// A key that has sealed 2^32 values seals no more.
func TestEncryptStopsAtTheLimit(t *testing.T) {
	master, err := newMasters()
	if err != nil {
		t.Fatal(err)
	}
	ks, err := newKeyset("pii", 1, master)
	if err != nil {
		t.Fatal(err)
	}
	a, err := ks.AEAD("column 1")
	if err != nil {
		t.Fatal(err)
	}
	a.primary.seals.Store(SealsMax - 1)
	last, err := a.Encrypt([]byte("value"), nil)
	if err != nil {
		t.Errorf("value 2^32: %v", err)
	}
	if _, err := a.Encrypt([]byte("value"), nil); !errors.Is(err, ErrExhausted) {
		t.Errorf("value 2^32 + 1: error %v, want ErrExhausted", err)
	}
	if _, err := a.Decrypt(last, nil); err != nil {
		t.Errorf("the key does not open any more: %v", err)
	}
}
