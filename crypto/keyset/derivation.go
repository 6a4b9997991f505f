package keyset

import (
	"encoding/binary"
	"fmt"
)

// The derivations. Each subkey is HKDF-SHA256 (RFC 5869) of a master key with an empty salt and an info that names what
// the subkey is for; every field of an info is preceded by its length, so that no two of them coincide. docs/format.md
// repeats them for readers in other languages.
const (
	labelDerive = "portcullis-derive-1"
	labelWrap   = "portcullis-keyset-1"

	kindAES256GCM = "AES256_GCM"
	kindEquality  = "equality"
	kindColumn    = "column"

	versionEquality = "1"
	versionColumn   = "1"

	subkeySize = 32
	// TagSize is the length of a column tag in bytes.
	TagSize = 4
)

// Scope says which tokens of equal values are equal.
type Scope struct {
	Column string // the column's id, if it has a domain of its own
	Domain string // the search domain that it shares with others, if Column is empty
	// Class is the type class and Folding what was done to the text before: values of other classes or foldings never
	// have equal tokens.
	Class, Folding string
}

// fields joins byte strings, each after its length in 4 bytes, big-endian.
func fields(texts ...string) []byte {
	var out []byte
	for _, t := range texts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(t)))
		out = append(out, t...)
	}
	return out
}

func infoAEAD(column string) []byte { return fields(labelDerive, purposeAEAD, kindAES256GCM, column) }

func infoEquality(s Scope) []byte {
	scopeKind, scope := "column", s.Column
	if s.Column == "" {
		scopeKind, scope = "domain", s.Domain
	}
	return fields(labelDerive, purposeToken, kindEquality, versionEquality, scopeKind, scope, s.Class, s.Folding)
}

func infoTag(column string) []byte {
	return fields(labelDerive, purposeTag, kindColumn, versionColumn, column)
}

// wrapAssociatedData is authenticated by the KEK beside the master keys of a purpose.
func wrapAssociatedData(name, purpose string, generation uint64) []byte {
	return fields(labelWrap, name, purpose, string(binary.BigEndian.AppendUint64(nil, generation)))
}

// ColumnTag returns the tag of a column: the first bytes of the PRF of its id. It tells columns apart for diagnosis; what
// binds a value to its column is the associated data.
func (k *Keyset) ColumnTag(column string) ([TagSize]byte, error) {
	tag, err := k.tags.ComputePrimaryPRF(infoTag(column), TagSize)
	if err != nil {
		return [TagSize]byte{}, fmt.Errorf("derive a column tag: %w", err)
	}
	return [TagSize]byte(tag), nil
}

// EqualityPRF returns the PRF of the equality tokens of a scope.
func (k *Keyset) EqualityPRF(s Scope) (*PRF, error) {
	key, err := k.tokens.ComputePrimaryPRF(infoEquality(s), subkeySize)
	if err != nil {
		return nil, fmt.Errorf("derive a token key: %w", err)
	}
	defer clear(key)
	return newPRF(key), nil
}

// AEAD returns the AEAD of a column. All callers share one, and its count of seals.
func (k *Keyset) AEAD(column string) (*AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a := k.aeads[column]; a != nil {
		return a, nil
	}
	a, err := k.deriveAEAD(column)
	if err != nil {
		return nil, err
	}
	k.aeads[column] = a
	return a, nil
}
