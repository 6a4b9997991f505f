package keyset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyderivation"
	tinkkeyset "github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"

	"github.com/portcullisdb/portcullis/crypto/kek"
	"github.com/portcullisdb/portcullis/crypto/keystore"
)

// Keyset is one generation of a named keyset, unwrapped. It does not change: Rotate returns the next generation.
type Keyset struct {
	name       string
	generation uint64
	masters    map[string]*tinkkeyset.Handle // by purpose
	deriver    keyderivation.KeysetDeriver   // of purpose aead
	tokens     *prf.Set
	tags       *prf.Set

	mu    sync.Mutex
	aeads map[string]*AEAD // by column id
}

// The purposes of master keys.
const (
	purposeAEAD  = "aead"
	purposeToken = "token"
	purposeTag   = "tag"
)

// Errors of this package, besides those of the KEK (kek.ErrUnwrap, kek.ErrOtherKEK) and of the store
// (keystore.ErrNotFound, keystore.ErrGeneration, keystore.ErrName).
var (
	ErrExists    = errors.New("keyset exists already")
	ErrMalformed = errors.New("keyset is malformed")
)

// Create draws the first master keys of a keyset, wraps and saves them as generation 1. It returns ErrExists if the store
// has a keyset of that name. Randomness is Tink's: crypto/rand.
func Create(ctx context.Context, k kek.KEK, s keystore.Store, name string) (*Keyset, error) {
	masters, err := newMasters()
	if err != nil {
		return nil, fmt.Errorf("create keyset %q: %w", name, err)
	}
	created, err := newKeyset(name, 1, masters)
	if err != nil {
		return nil, fmt.Errorf("create keyset %q: %w", name, err)
	}
	err = created.save(ctx, k, s)
	if errors.Is(err, keystore.ErrGeneration) {
		err = ErrExists
	}
	if err != nil {
		return nil, fmt.Errorf("create keyset %q: %w", name, err)
	}
	return created, nil
}

// Open loads and unwraps the newest generation of a keyset. It returns ErrMalformed if a part is missing or is not what
// this version of the program can use.
func Open(ctx context.Context, k kek.KEK, s keystore.Store, name string) (*Keyset, error) {
	wrapped, err := s.Load(ctx, name)
	if err != nil {
		return nil, err
	}
	opened, err := unwrap(ctx, k, wrapped)
	if err != nil {
		return nil, fmt.Errorf("open keyset %q: %w", name, err)
	}
	return opened, nil
}

// Rotate adds an aead master key, makes it primary and saves the next generation, which it returns. Values sealed
// before stay readable, and tokens stay as they are. It returns keystore.ErrGeneration if someone else changed the keyset
// meanwhile: then nothing was done, and it may be tried again.
func Rotate(ctx context.Context, k kek.KEK, s keystore.Store, name string) (*Keyset, error) {
	old, err := Open(ctx, k, s, name)
	if err != nil {
		return nil, err
	}
	rotated, err := old.rotated()
	if err != nil {
		return nil, fmt.Errorf("rotate keyset %q: %w", name, err)
	}
	if err := rotated.save(ctx, k, s); err != nil {
		return nil, fmt.Errorf("rotate keyset %q: %w", name, err)
	}
	return rotated, nil
}

func (k *Keyset) rotated() (*Keyset, error) {
	template, err := masterTemplate(purposeAEAD)
	if err != nil {
		return nil, err
	}
	manager := tinkkeyset.NewManagerFromHandle(k.masters[purposeAEAD])
	id, err := manager.Add(template)
	if err != nil {
		return nil, err
	}
	if err := manager.SetPrimary(id); err != nil {
		return nil, err
	}
	masters := maps.Clone(k.masters)
	if masters[purposeAEAD], err = manager.Handle(); err != nil {
		return nil, err
	}
	return newKeyset(k.name, k.generation+1, masters)
}

// newMasters draws one master key for each purpose.
func newMasters() (map[string]*tinkkeyset.Handle, error) {
	masters := map[string]*tinkkeyset.Handle{}
	for _, purpose := range purposes() {
		template, err := masterTemplate(purpose)
		if err != nil {
			return nil, err
		}
		if masters[purpose], err = tinkkeyset.NewHandle(template); err != nil {
			return nil, err
		}
	}
	return masters, nil
}

func purposes() []string { return []string{purposeAEAD, purposeToken, purposeTag} }

// masterTemplate describes a master key. One of aead is HKDF-SHA256 together with what is derived: AES-256-GCM with
// Tink's output prefix, 0x01 and the master key's id.
func masterTemplate(purpose string) (*tinkpb.KeyTemplate, error) {
	master := prf.HKDFSHA256PRFKeyTemplate()
	if purpose != purposeAEAD {
		return master, nil
	}
	return keyderivation.CreatePRFBasedKeyTemplate(master, aead.AES256GCMKeyTemplate())
}

func newKeyset(name string, generation uint64, masters map[string]*tinkkeyset.Handle) (*Keyset, error) {
	k := &Keyset{name: name, generation: generation, masters: masters, aeads: map[string]*AEAD{}}
	var err error
	if k.deriver, err = keyderivation.New(masters[purposeAEAD]); err != nil {
		return nil, ErrMalformed
	}
	if k.tokens, err = prf.NewPRFSet(masters[purposeToken]); err != nil {
		return nil, ErrMalformed
	}
	if k.tags, err = prf.NewPRFSet(masters[purposeTag]); err != nil {
		return nil, ErrMalformed
	}
	// Tell now, not at the first value, that this is no keyset of ours.
	if _, err := k.deriveAEAD(""); err != nil {
		return nil, ErrMalformed
	}
	for _, set := range []*prf.Set{k.tokens, k.tags} {
		if _, err := set.ComputePrimaryPRF(nil, subkeySize); err != nil {
			return nil, ErrMalformed
		}
	}
	return k, nil
}

// Name returns the name under which the keyset is stored.
func (k *Keyset) Name() string { return k.name }

// Generation counts the changes of the keyset, from 1.
func (k *Keyset) Generation() uint64 { return k.generation }

// String shows name and generation.
func (k *Keyset) String() string { return fmt.Sprintf("keyset %q generation %d", k.name, k.generation) }

// Format prints what String returns, whatever the verb: the fields hold keys.
func (k *Keyset) Format(s fmt.State, _ rune) { io.WriteString(s, k.String()) }

// Info is what may be shown of a keyset.
type Info struct {
	Name       string
	Generation uint64
	Keys       []KeyInfo // by purpose (aead, token, tag), then in the order in which they were added
}

// KeyInfo is what may be shown of a master key.
type KeyInfo struct {
	Purpose string
	ID      uint32 // Tink's key id; of an aead key it stands before each ciphertext
	Primary bool   // seals; the others only open
	Status  string // "ENABLED", "DISABLED", "DESTROYED"
}

// Info lists the master keys.
func (k *Keyset) Info() Info {
	info := Info{Name: k.name, Generation: k.generation}
	for _, purpose := range purposes() {
		keys := k.masters[purpose].KeysetInfo()
		for _, key := range keys.GetKeyInfo() {
			info.Keys = append(info.Keys, KeyInfo{Purpose: purpose, ID: key.GetKeyId(),
				Primary: key.GetKeyId() == keys.GetPrimaryKeyId(), Status: key.GetStatus().String()})
		}
	}
	return info
}

// save wraps the master keys and stores them.
func (k *Keyset) save(ctx context.Context, wrapper kek.KEK, s keystore.Store) error {
	w := keystore.Wrapped{Name: k.name, Generation: k.generation, Parts: map[string][]byte{}}
	for purpose, handle := range k.masters {
		var part encrypted
		ad := wrapAssociatedData(k.name, purpose, k.generation)
		if err := handle.WriteWithContext(ctx, &part, wrapping{wrapper}, ad); err != nil {
			return fmt.Errorf("wrap %s keys: %w", purpose, err)
		}
		w.Parts[purpose] = part.bytes
	}
	return s.Save(ctx, w)
}

func unwrap(ctx context.Context, unwrapper kek.KEK, w keystore.Wrapped) (*Keyset, error) {
	if !slices.Equal(slices.Sorted(maps.Keys(w.Parts)), slices.Sorted(slices.Values(purposes()))) {
		return nil, ErrMalformed
	}
	masters := map[string]*tinkkeyset.Handle{}
	for purpose, bytes := range w.Parts {
		wrapping := &recording{wrapping: wrapping{unwrapper}}
		ad := wrapAssociatedData(w.Name, purpose, w.Generation)
		handle, err := tinkkeyset.ReadWithContext(ctx, &encrypted{bytes}, wrapping, ad)
		if wrapping.err != nil {
			return nil, fmt.Errorf("unwrap %s keys: %w", purpose, wrapping.err)
		}
		if err != nil {
			return nil, ErrMalformed
		}
		masters[purpose] = handle
	}
	return newKeyset(w.Name, w.Generation, masters)
}

// wrapping shows a KEK to Tink.
type wrapping struct{ kek kek.KEK }

func (w wrapping) EncryptWithContext(ctx context.Context, plaintext, associatedData []byte) ([]byte, error) {
	defer clear(plaintext) // Tink's own copy of the serialized keys, which it does not use again
	return w.kek.Wrap(ctx, plaintext, associatedData)
}

func (w wrapping) DecryptWithContext(ctx context.Context, ciphertext, associatedData []byte) ([]byte, error) {
	return w.kek.Unwrap(ctx, ciphertext, associatedData)
}

// recording keeps the KEK's error, which Tink's text form of it would lose.
type recording struct {
	wrapping
	err error
}

func (r *recording) DecryptWithContext(ctx context.Context, ciphertext, associatedData []byte) ([]byte, error) {
	plaintext, err := r.wrapping.DecryptWithContext(ctx, ciphertext, associatedData)
	r.err = err
	return plaintext, err
}

// encrypted is a reader and writer of Tink keysets that holds the ciphertext alone: Tink's own form repeats key ids
// beside it, unauthenticated. It refuses cleartext.
type encrypted struct{ bytes []byte }

var errCleartext = errors.New("keyset: internal error: cleartext keyset")

func (e *encrypted) Write(*tinkpb.Keyset) error { return errCleartext }

func (e *encrypted) Read() (*tinkpb.Keyset, error) { return nil, errCleartext }

func (e *encrypted) WriteEncrypted(k *tinkpb.EncryptedKeyset) error {
	e.bytes = bytes.Clone(k.GetEncryptedKeyset())
	return nil
}

func (e *encrypted) ReadEncrypted() (*tinkpb.EncryptedKeyset, error) {
	return &tinkpb.EncryptedKeyset{EncryptedKeyset: e.bytes}, nil
}
