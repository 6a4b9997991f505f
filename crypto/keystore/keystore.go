package keystore

import (
	"context"
	"errors"
)

// Wrapped is one generation of a keyset as it is stored.
type Wrapped struct {
	Name string
	// Generation counts the changes of the keyset, from 1.
	Generation uint64
	// Parts holds the wrapped Tink keysets by purpose. Name, purpose and generation are authenticated in each.
	Parts map[string][]byte
}

// Store keeps the newest generation of each keyset.
type Store interface {
	// Load returns the keyset's newest generation, or ErrNotFound.
	Load(ctx context.Context, name string) (Wrapped, error)
	// Save stores a generation, durably before it returns. The first of a name is 1; each one after must be the stored one
	// plus 1, else Save returns ErrGeneration and changes nothing.
	Save(ctx context.Context, w Wrapped) error
	// List returns the names, sorted.
	List(ctx context.Context) ([]string, error)
}

// Errors of every store. They hold names at most.
var (
	ErrNotFound   = errors.New("no such keyset")
	ErrGeneration = errors.New("keyset was changed by someone else")
	ErrName       = errors.New("keyset name must be 1 to 63 lower-case letters, digits, '_' and '-', and begin with a letter")
	ErrMalformed  = errors.New("stored keyset is malformed")
)

const nameSizeMax = 63

// CheckName returns ErrName for a name that is not fit to be a file name everywhere.
func CheckName(name string) error {
	if len(name) == 0 || len(name) > nameSizeMax || name[0] < 'a' || name[0] > 'z' {
		return ErrName
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return ErrName
		}
	}
	return nil
}
