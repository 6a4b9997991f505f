package keyset

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// AEAD encrypts and decrypts the values of one column: AES-256-GCM (NIST SP 800-38D) by Tink, random 12-byte nonces.
// Encrypt uses the subkey of the primary master key, Decrypt that of the key id in the ciphertext's prefix.
type AEAD struct {
	primary *subkey
	byID    map[uint32]*subkey
}

type subkey struct {
	id    uint32
	aead  tink.AEAD
	seals atomic.Uint64
}

// Errors of Encrypt and Decrypt.
var (
	ErrUnknownKey = errors.New("no enabled key has the value's key id")
	ErrCorrupt    = errors.New("value does not authenticate")
	ErrExhausted  = errors.New("too many values were sealed with one key: rotate the keyset")
)

// Limits on the values sealed with one subkey, that is, with one master key for one column. With random nonces 2^32
// keep the odds of a repeated nonce below 2^-32 (NIST SP 800-38D, section 8.3).
const (
	SealsWarning = 1 << 31 // from here on operators should be told to rotate
	SealsMax     = 1 << 32 // Encrypt returns ErrExhausted beyond
)

// Sizes of a ciphertext's parts in bytes: prefix (0x01 and the key id) | nonce | as long as the plaintext | tag.
const (
	PrefixSize   = 5
	NonceSize    = 12
	GCMTagSize   = 16
	OverheadSize = PrefixSize + NonceSize + GCMTagSize

	prefixTink = 0x01
)

func (k *Keyset) deriveAEAD(column string) (*AEAD, error) {
	handle, err := k.deriver.DeriveKeyset(infoAEAD(column))
	if err != nil {
		return nil, fmt.Errorf("derive the keys of a column: %w", err)
	}
	a := &AEAD{byID: map[uint32]*subkey{}}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("derive the keys of a column: %w", err)
		}
		key, ok := entry.Key().(*aesgcm.Key)
		if id, required := entry.Key().IDRequirement(); !ok || !required || id != entry.KeyID() {
			return nil, ErrMalformed
		}
		primitive, err := aesgcm.NewAEAD(key)
		if err != nil {
			return nil, fmt.Errorf("derive the keys of a column: %w", err)
		}
		s := &subkey{id: entry.KeyID(), aead: primitive}
		a.byID[s.id] = s
		if entry.IsPrimary() {
			a.primary = s
		}
	}
	if a.primary == nil {
		return nil, ErrMalformed
	}
	return a, nil
}

// Encrypt seals plaintext with the primary key. The result is the caller's. It returns ErrExhausted after SealsMax values.
func (a *AEAD) Encrypt(plaintext, associatedData []byte) ([]byte, error) {
	if a.primary.seals.Add(1) > SealsMax {
		return nil, ErrExhausted
	}
	return a.primary.aead.Encrypt(plaintext, associatedData)
}

// Decrypt returns ErrUnknownKey if no enabled key has the ciphertext's key id, ErrCorrupt if authentication fails.
func (a *AEAD) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	if len(ciphertext) < OverheadSize || ciphertext[0] != prefixTink {
		return nil, ErrCorrupt
	}
	key := a.byID[binary.BigEndian.Uint32(ciphertext[1:PrefixSize])]
	if key == nil {
		return nil, ErrUnknownKey
	}
	plaintext, err := key.aead.Decrypt(ciphertext, associatedData)
	if err != nil {
		return nil, ErrCorrupt
	}
	return plaintext, nil
}

// Seals is the count of values that one subkey has sealed in this process.
type Seals struct {
	KeyID  uint32
	Column string // column id
	Count  uint64
}

// Seals returns the counts of the primary key, largest first. They begin at 0 with each process: over all of a key's life the
// number of a column's rows is the lower bound to watch.
func (k *Keyset) Seals() []Seals {
	k.mu.Lock()
	defer k.mu.Unlock()
	var counts []Seals
	for column, a := range k.aeads {
		counts = append(counts, Seals{KeyID: a.primary.id, Column: column, Count: a.primary.seals.Load()})
	}
	slices.SortFunc(counts, func(a, b Seals) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Column, b.Column))
	})
	return counts
}
