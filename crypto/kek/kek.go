package kek

import (
	"context"
	"errors"
)

// KEK wraps and unwraps small secrets. Associated data is authenticated, not stored: Unwrap needs the same bytes again.
type KEK interface {
	// Wrap encrypts plaintext, randomized. The result is the caller's.
	Wrap(ctx context.Context, plaintext, associatedData []byte) ([]byte, error)
	// Unwrap reverses Wrap. It returns ErrUnwrap if wrapped or associatedData is not what Wrap saw, and ErrOtherKEK if the
	// wrapped bytes name another KEK.
	Unwrap(ctx context.Context, wrapped, associatedData []byte) ([]byte, error)
}

// Errors of every KEK. They hold neither key nor plaintext.
var (
	ErrUnwrap   = errors.New("wrapped key does not authenticate")
	ErrOtherKEK = errors.New("wrapped by another key-encryption key")
)
