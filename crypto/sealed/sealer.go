package sealed

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/crypto/keyset"
)

// Column is what sealing needs to know of an encrypted column.
type Column struct {
	// ID names the column in keys and associated data, for ever. Renaming the column does not change it.
	ID   string
	Type datum.Type
	// Equality puts an equality token into every value.
	Equality bool
	// Domain is the search domain whose columns have equal tokens for equal values; empty: the column is alone.
	Domain string
	// Casefold and Trim make values equal that differ in case, or in blanks (U+0020) at either end. Text types only.
	Casefold, Trim bool
	// BindRow is reserved: NewSealer refuses it.
	BindRow bool
}

// Sealer seals and opens the values of one column.
type Sealer struct {
	column Column
	aead   *keyset.AEAD
	tokens *keyset.PRF // nil without equality
	header [headerSize]byte
	tail   []byte
	pool   sync.Pool // of *[]byte, scratch for canonical forms
}

// Errors of NewSealer.
var (
	ErrNoID       = errors.New("column has no id")
	ErrType       = errors.New("column has no type")
	ErrNoEquality = errors.New("type has no equality, so it cannot have an equality token")
	ErrNotText    = errors.New("casefold and trim are for text and varchar")
	ErrNoToken    = errors.New("column has no equality token")
	ErrBindRow    = errors.New("bind_row is not supported")
)

// Errors of Open. They hold nothing of the value.
var (
	// ErrCorrupt: the value does not authenticate, has been cut, or was written by a version unknown to this one.
	ErrCorrupt = errors.New("sealed value does not authenticate")
	// ErrUnknownKey: no enabled key of the keyset has the value's key id.
	ErrUnknownKey = errors.New("sealed value was sealed with an unknown key")
	// ErrWrongColumn: the value carries the tag of another column, or of another keyset.
	ErrWrongColumn = errors.New("sealed value belongs to another column")
)

// ErrExhausted: too many values were sealed with one key. Seal returns it.
var ErrExhausted = keyset.ErrExhausted

// NewSealer derives the column's keys. It returns ErrNoID or ErrType for an incomplete column, ErrNoEquality for an
// equality token over json, ErrNotText for folding of anything but text, ErrBindRow. Domain, Casefold and Trim without
// Equality return ErrNoToken.
func NewSealer(ks *keyset.Keyset, c Column) (*Sealer, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Sealer{column: c, tail: associatedDataTail(c.Type.Code(), c.ID)}
	s.pool.New = func() any { return new([]byte) }
	var err error
	if s.aead, err = ks.AEAD(c.ID); err != nil {
		return nil, fmt.Errorf("make sealer: %w", err)
	}
	tag, err := ks.ColumnTag(c.ID)
	if err != nil {
		return nil, fmt.Errorf("make sealer: %w", err)
	}
	s.header[0] = version
	copy(s.header[versionSize+layoutSize:], tag[:])
	if c.Equality {
		s.header[versionSize] = layoutEquality
		scope := keyset.Scope{Domain: c.Domain, Class: c.Type.Class(), Folding: c.folding()}
		if c.Domain == "" {
			scope.Column = c.ID
		}
		if s.tokens, err = ks.EqualityPRF(scope); err != nil {
			return nil, fmt.Errorf("make sealer: %w", err)
		}
	}
	return s, nil
}

func (c *Column) check() error {
	switch {
	case c.ID == "":
		return ErrNoID
	case c.Type.Code() == 0:
		return ErrType
	case c.BindRow:
		return ErrBindRow
	case !c.Equality && (c.Casefold || c.Trim || c.Domain != ""):
		return ErrNoToken
	case c.Equality && c.Type.Class() == "":
		return ErrNoEquality
	case (c.Casefold || c.Trim) && !c.Type.Text():
		return ErrNotText
	}
	return nil
}

// folding names what is done to a text before its token is made; it is part of the token's key.
func (c *Column) folding() string {
	switch {
	case c.Casefold && c.Trim:
		return "trim casefold-simple-15.0"
	case c.Casefold:
		return "casefold-simple-15.0"
	case c.Trim:
		return "trim"
	}
	return ""
}

// Tag returns the column tag that every value of the column carries.
func (s *Sealer) Tag() [keyset.TagSize]byte {
	return [keyset.TagSize]byte(s.header[versionSize+layoutSize:])
}

// Seal appends the stored form of a value, given in datum's binary form, to dst, which must not overlap value. Besides
// ErrExhausted it returns no errors for values from package datum.
func (s *Sealer) Seal(dst, value []byte) ([]byte, error) {
	start := len(dst)
	dst = slices.Grow(dst, s.sizeMax(len(value)))
	dst = append(dst, s.header[:]...)
	if s.tokens != nil {
		var err error
		if dst, err = s.EqualityToken(dst, value); err != nil {
			return nil, err
		}
	}
	// The associated data is the header as it stands in dst, and the tail behind it for as long as it takes.
	ciphertext, err := s.aead.Encrypt(value, append(dst, s.tail...)[start:])
	if err != nil {
		return nil, err
	}
	return append(dst, ciphertext...), nil
}

// sizeMax is the room that Seal needs for a value of size bytes.
func (s *Sealer) sizeMax(size int) int {
	return headerSize + TokenSize + max(len(s.tail), size+keyset.OverheadSize)
}

// Open appends the binary form of a sealed value to dst, which must not overlap stored. It returns ErrWrongColumn if the
// value carries another column's tag, ErrUnknownKey if no enabled key has its key id, ErrCorrupt if it does not
// authenticate or is not of a form that this version knows. On error nothing is returned.
func (s *Sealer) Open(dst, stored []byte) ([]byte, error) {
	end, ok := tokensEnd(stored)
	if !ok {
		return nil, ErrCorrupt
	}
	if [keyset.TagSize]byte(stored[versionSize+layoutSize:]) != s.Tag() {
		return nil, ErrWrongColumn
	}
	start := len(dst)
	dst = slices.Grow(dst, max(end+len(s.tail), len(stored)-end-keyset.OverheadSize))
	associatedData := append(append(dst, stored[:end]...), s.tail...)[start:]
	plaintext, err := s.aead.Decrypt(stored[end:], associatedData)
	switch {
	case errors.Is(err, keyset.ErrUnknownKey):
		return nil, ErrUnknownKey
	case err != nil:
		return nil, ErrCorrupt
	}
	dst = append(dst, plaintext...)
	clear(plaintext)
	return dst, nil
}

// EqualityToken appends the equality token of a value, TokenSize bytes, to dst. It returns ErrNoToken if the column has
// none.
func (s *Sealer) EqualityToken(dst, value []byte) ([]byte, error) {
	if s.tokens == nil {
		return nil, ErrNoToken
	}
	scratch := s.pool.Get().(*[]byte)
	canonical, err := s.canonical((*scratch)[:0], value)
	if err == nil {
		dst = s.tokens.Append(dst, canonical, TokenSize)
	}
	s.release(scratch, canonical)
	if err != nil {
		return nil, err
	}
	return dst, nil
}

func (s *Sealer) canonical(dst, value []byte) ([]byte, error) {
	if !s.column.Type.Text() {
		return s.column.Type.Canonical(dst, value)
	}
	if s.column.Trim {
		value = trimmed(value)
	}
	if s.column.Casefold {
		return appendFolded(dst, value), nil
	}
	return append(dst, value...), nil
}

// scratchMax is the largest scratch buffer that is kept.
const scratchMax = 64 << 10

// release wipes a scratch buffer and gives it back.
func (s *Sealer) release(scratch *[]byte, used []byte) {
	clear(used)
	if cap(used) > 0 && cap(used) <= scratchMax {
		*scratch = used[:0]
	}
	s.pool.Put(scratch)
}
