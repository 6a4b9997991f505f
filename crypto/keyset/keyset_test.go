package keyset_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/portcullisdb/portcullis/crypto/kek"
	"github.com/portcullisdb/portcullis/crypto/kek/file"
	"github.com/portcullisdb/portcullis/crypto/keyset"
	"github.com/portcullisdb/portcullis/crypto/keystore"
	"github.com/portcullisdb/portcullis/crypto/keystore/folder"
)

func newKEK(t *testing.T) kek.KEK {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kek")
	if err := file.Create(path, rand.Reader); err != nil {
		t.Fatal(err)
	}
	k, err := file.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newStore(t *testing.T) keystore.Store {
	t.Helper()
	s, err := folder.Create(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func created(t *testing.T) (*keyset.Keyset, kek.KEK, keystore.Store) {
	t.Helper()
	k, s := newKEK(t), newStore(t)
	ks, err := keyset.Create(t.Context(), k, s, "pii")
	if err != nil {
		t.Fatal(err)
	}
	return ks, k, s
}

func TestOpenReadsWhatCreateSaved(t *testing.T) {
	before, k, s := created(t)
	after, err := keyset.Open(t.Context(), k, s, "pii")
	if err != nil {
		t.Fatal(err)
	}
	if after.Name() != "pii" || after.Generation() != 1 {
		t.Errorf("opened %v", after)
	}
	sameKeys(t, before, after)
	if _, err := keyset.Create(t.Context(), k, s, "pii"); !errors.Is(err, keyset.ErrExists) {
		t.Errorf("second Create: error %v, want ErrExists", err)
	}
	if _, err := keyset.Open(t.Context(), k, s, "pci"); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("error %v for a keyset that is not there, want ErrNotFound", err)
	}
	if _, err := keyset.Create(t.Context(), k, s, "No Name"); !errors.Is(err, keystore.ErrName) {
		t.Errorf("error %v for an impossible name, want ErrName", err)
	}
}

// sameKeys checks that the second keyset opens what the first one sealed, and makes the same tags and tokens.
func sameKeys(t *testing.T, first, second *keyset.Keyset) {
	t.Helper()
	sealer, opener := aead(t, first), aead(t, second)
	ciphertext, err := sealer.Encrypt([]byte("value"), []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	if plaintext, err := opener.Decrypt(ciphertext, []byte("data")); err != nil || string(plaintext) != "value" {
		t.Errorf("decrypted %q, %v", plaintext, err)
	}
	if tag(t, first, "column 1") != tag(t, second, "column 1") {
		t.Error("column tags differ")
	}
	scope := keyset.Scope{Domain: "person", Class: "text"}
	if !bytes.Equal(token(t, first, scope), token(t, second, scope)) {
		t.Error("tokens differ")
	}
}

func aead(t *testing.T, ks *keyset.Keyset) *keyset.AEAD {
	t.Helper()
	a, err := ks.AEAD("column 1")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func tag(t *testing.T, ks *keyset.Keyset, column string) [keyset.TagSize]byte {
	t.Helper()
	tag, err := ks.ColumnTag(column)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

func token(t *testing.T, ks *keyset.Keyset, s keyset.Scope) []byte {
	t.Helper()
	p, err := ks.EqualityPRF(s)
	if err != nil {
		t.Fatal(err)
	}
	return p.Append(nil, []byte("value"), 16)
}

func TestRotateChangesAEADKeysAlone(t *testing.T) {
	old, k, s := created(t)
	rotated, err := keyset.Rotate(t.Context(), k, s, "pii")
	if err != nil {
		t.Fatal(err)
	}
	sameKeys(t, old, rotated)
	if rotated.Generation() != 2 {
		t.Errorf("generation %d, want 2", rotated.Generation())
	}
	ciphertext, err := aead(t, rotated).Encrypt([]byte("value"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := aead(t, old).Decrypt(ciphertext, nil); !errors.Is(err, keyset.ErrUnknownKey) {
		t.Errorf("the old generation opens a new value with error %v, want ErrUnknownKey", err)
	}
	counts := map[string]int{}
	for _, key := range rotated.Info().Keys {
		counts[key.Purpose]++
		if key.Primary != (counts[key.Purpose] == 1 && key.Purpose != "aead" || counts["aead"] == 2 && key.Purpose == "aead") {
			t.Errorf("wrong primary key: %+v", key)
		}
		if key.Status != "ENABLED" {
			t.Errorf("key is not enabled: %+v", key)
		}
	}
	if counts["aead"] != 2 || counts["token"] != 1 || counts["tag"] != 1 {
		t.Errorf("keys by purpose: %v", counts)
	}
	if reopened, err := keyset.Open(t.Context(), k, s, "pii"); err != nil {
		t.Error(err)
	} else {
		sameKeys(t, rotated, reopened)
	}
}

func TestConcurrentRotationsLoseNoKey(t *testing.T) {
	_, k, s := created(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	rotations := 0
	for range 6 {
		group.Go(func() {
			_, err := keyset.Rotate(t.Context(), k, s, "pii")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				rotations++
			} else if !errors.Is(err, keystore.ErrGeneration) {
				t.Errorf("error %v, want ErrGeneration", err)
			}
		})
	}
	group.Wait()
	ks, err := keyset.Open(t.Context(), k, s, "pii")
	if err != nil {
		t.Fatal(err)
	}
	if keys := len(ks.Info().Keys); keys != 3+rotations || int(ks.Generation()) != 1+rotations {
		t.Errorf("%d keys in generation %d after %d rotations", keys, ks.Generation(), rotations)
	}
}

// Keys are bound to the keyset's name, their purpose and the generation.
func TestOpenRefusesMovedKeys(t *testing.T) {
	_, k, s := created(t)
	if _, err := keyset.Create(t.Context(), k, s, "pci"); err != nil {
		t.Fatal(err)
	}
	load := func(name string) keystore.Wrapped {
		w, err := s.Load(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	for name, change := range map[string]func(w *keystore.Wrapped){
		"purposes swapped":  func(w *keystore.Wrapped) { w.Parts["tag"], w.Parts["token"] = w.Parts["token"], w.Parts["tag"] },
		"other keyset":      func(w *keystore.Wrapped) { w.Parts["aead"] = load("pci").Parts["aead"] },
		"other name":        func(w *keystore.Wrapped) { w.Parts = load("pci").Parts },
		"other generation":  func(w *keystore.Wrapped) { w.Generation++ },
		"one byte changed":  func(w *keystore.Wrapped) { w.Parts["token"][20] ^= 1 },
		"cut":               func(w *keystore.Wrapped) { w.Parts["token"] = w.Parts["token"][:30] },
		"a part is missing": func(w *keystore.Wrapped) { delete(w.Parts, "tag") },
		"a part too many":   func(w *keystore.Wrapped) { w.Parts["mask"] = w.Parts["tag"] },
		"no parts":          func(w *keystore.Wrapped) { w.Parts = nil },
	} {
		w := load("pii")
		change(&w)
		_, err := keyset.Open(t.Context(), k, fixed(w), "pii")
		if !errors.Is(err, kek.ErrUnwrap) && !errors.Is(err, keyset.ErrMalformed) {
			t.Errorf("%s: error %v, want ErrUnwrap or ErrMalformed", name, err)
		}
	}
	if _, err := keyset.Open(t.Context(), newKEK(t), s, "pii"); !errors.Is(err, kek.ErrOtherKEK) {
		t.Errorf("other KEK: error %v, want ErrOtherKEK", err)
	}
}

// fixed is a store that holds one keyset.
type fixed keystore.Wrapped

func (f fixed) Load(context.Context, string) (keystore.Wrapped, error) {
	return keystore.Wrapped(f), nil
}
func (f fixed) Save(context.Context, keystore.Wrapped) error { return errors.New("read only") }
func (f fixed) List(context.Context) ([]string, error)       { return []string{f.Name}, nil }

// broken is a KEK that fails.
type broken struct{}

var errBroken = errors.New("the KEK is out of reach")

func (broken) Wrap(context.Context, []byte, []byte) ([]byte, error)   { return nil, errBroken }
func (broken) Unwrap(context.Context, []byte, []byte) ([]byte, error) { return nil, errBroken }

func TestErrorsOfTheKEKArePassedOn(t *testing.T) {
	_, _, s := created(t)
	if _, err := keyset.Open(t.Context(), broken{}, s, "pii"); !errors.Is(err, errBroken) {
		t.Errorf("Open: error %v", err)
	}
	if _, err := keyset.Create(t.Context(), broken{}, s, "new"); err == nil {
		t.Error("Create: no error")
	}
	if _, err := s.Load(t.Context(), "new"); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("a keyset was saved unwrapped or not at all: %v", err)
	}
}

func TestDerivationsAreSeparate(t *testing.T) {
	ks, _, _ := created(t)
	scopes := []keyset.Scope{
		{Column: "a", Class: "text"}, {Column: "b", Class: "text"}, {Domain: "a", Class: "text"}, {Domain: "a", Class: "number"},
		{Domain: "a", Class: "text", Folding: "trim"}, {Domain: "atext", Class: ""}, {Domain: "", Class: "atext"},
	}
	seen := map[string]keyset.Scope{}
	for _, s := range scopes {
		made := string(token(t, ks, s))
		if other, ok := seen[made]; ok {
			t.Errorf("scopes %+v and %+v have one key", s, other)
		}
		seen[made] = s
	}
	first := aead(t, ks)
	second, err := ks.AEAD("column 2")
	if err != nil {
		t.Fatal(err)
	}
	ciphertext, err := first.Encrypt([]byte("value"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Decrypt(ciphertext, nil); !errors.Is(err, keyset.ErrCorrupt) {
		t.Errorf("another column opens the value with error %v, want ErrCorrupt", err)
	}
	if tag(t, ks, "column 1") == tag(t, ks, "column 2") {
		t.Error("two columns have one tag")
	}
	other, _, _ := created(t)
	if tag(t, ks, "column 1") == tag(t, other, "column 1") {
		t.Error("a column has one tag in two keysets")
	}
}

func TestSealsAreCounted(t *testing.T) {
	ks, _, _ := created(t)
	a := aead(t, ks)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 25 {
				if _, err := a.Encrypt(nil, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if _, err := aead(t, ks).Encrypt(nil, nil); err != nil { // the same AEAD again
		t.Fatal(err)
	}
	want := keyset.Seals{KeyID: ks.Info().Keys[0].ID, Column: "column 1", Count: 201}
	if got := ks.Seals(); len(got) != 1 || got[0] != want {
		t.Errorf("seals %+v, want %+v", got, want)
	}
}

func TestPrintingShowsNoKeys(t *testing.T) {
	ks, _, _ := created(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		if got, want := fmt.Sprintf(verb, ks), `keyset "pii" generation 1`; got != want {
			t.Errorf("%s prints %q, want %q", verb, got, want)
		}
	}
	if got := fmt.Sprintf("%+v", ks.Info()); strings.Contains(strings.ToLower(got), "value") {
		t.Errorf("Info shows %q", got)
	}
}
