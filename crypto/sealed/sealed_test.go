package sealed_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/crypto/kek/file"
	"github.com/portcullisdb/portcullis/crypto/keyset"
	"github.com/portcullisdb/portcullis/crypto/keystore/folder"
	"github.com/portcullisdb/portcullis/crypto/sealed"
)

// keys makes a keyset; rotate returns its next generation.
func keys(t testing.TB) (ks *keyset.Keyset, rotate func() *keyset.Keyset) {
	t.Helper()
	dir := t.TempDir()
	if err := file.Create(filepath.Join(dir, "kek"), rand.Reader); err != nil {
		t.Fatal(err)
	}
	k, err := file.Open(filepath.Join(dir, "kek"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := folder.Create(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	if ks, err = keyset.Create(t.Context(), k, s, "pii"); err != nil {
		t.Fatal(err)
	}
	return ks, func() *keyset.Keyset {
		t.Helper()
		rotated, err := keyset.Rotate(t.Context(), k, s, "pii")
		if err != nil {
			t.Fatal(err)
		}
		return rotated
	}
}

func typ(t testing.TB, name string) datum.Type {
	t.Helper()
	parsed, err := datum.ParseType(name)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func sealer(t testing.TB, ks *keyset.Keyset, c sealed.Column) *sealed.Sealer {
	t.Helper()
	s, err := sealed.NewSealer(ks, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// email is the column of most tests.
func email(t testing.TB) sealed.Column {
	return sealed.Column{ID: "customers.email", Type: typ(t, "text"), Equality: true, Domain: "email"}
}

func seal(t testing.TB, s *sealed.Sealer, value []byte) []byte {
	t.Helper()
	stored, err := s.Seal(nil, value)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func value(t testing.TB, typ datum.Type, text string) []byte {
	t.Helper()
	v, err := typ.ParseText(nil, []byte(text), nil)
	if err != nil {
		t.Fatalf("%s %q: %v", typ, text, err)
	}
	return v
}

func TestOpenReversesSeal(t *testing.T) {
	ks, _ := keys(t)
	for name, texts := range map[string][]string{
		"text":         {"", "a", "ada@example.org", strings.Repeat("long ", 200_000)},
		"varchar(20)":  {"Ada"},
		"smallint":     {"-7"},
		"integer":      {"42"},
		"bigint":       {"-9223372036854775808"},
		"numeric(9,2)": {"12.50", "NaN"},
		"boolean":      {"true"},
		"date":         {"1815-12-10", "infinity"},
		"timestamp":    {"1815-12-10 01:02:03.4"},
		"timestamptz":  {"1815-12-10 01:02:03.4+02"},
		"uuid":         {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		"bytea":        {`\x00ff`, ""},
		"json":         {`{"a": [1, 2]}`},
		"jsonb":        {`{"a": [1, 2]}`},
	} {
		for _, equality := range []bool{false, name != "json"} {
			s := sealer(t, ks, sealed.Column{ID: "column", Type: typ(t, name), Equality: equality})
			for _, text := range texts {
				want := value(t, typ(t, name), text)
				before := bytes.Clone(want)
				stored, err := s.Seal([]byte("before"), want)
				if err != nil {
					t.Fatal(err)
				}
				stored, found := bytes.CutPrefix(stored, []byte("before"))
				if !found || !bytes.Equal(want, before) {
					t.Errorf("%s: Seal does not append, or changes the value", name)
				}
				got, err := s.Open([]byte("before"), stored)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, append([]byte("before"), want...)) {
					t.Errorf("%s %.20q: opened as %.40x", name, text, got)
				}
				if tag, ok := sealed.TagOf(stored); !ok || tag != s.Tag() {
					t.Errorf("%s: tag %x, %v, want %x", name, tag, ok, s.Tag())
				}
			}
		}
	}
}

// An empty value is not NULL: what Open gives is never nil.
func TestOpenOfEmptyIsNotNil(t *testing.T) {
	ks, _ := keys(t)
	s := sealer(t, ks, email(t))
	if got, err := s.Open(nil, seal(t, s, []byte{})); got == nil || len(got) != 0 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func TestSealIsRandomized(t *testing.T) {
	ks, _ := keys(t)
	s := sealer(t, ks, email(t))
	first, second := seal(t, s, []byte("ada@example.org")), seal(t, s, []byte("ada@example.org"))
	const tokenEnd = 6 + sealed.TokenSize
	if !bytes.Equal(first[:tokenEnd], second[:tokenEnd]) {
		t.Error("headers and tokens of equal values differ")
	}
	if bytes.Equal(first[tokenEnd:], second[tokenEnd:]) {
		t.Error("two seals of one value are equal")
	}
}

func TestOpenNoticesEveryChange(t *testing.T) {
	ks, _ := keys(t)
	for _, equality := range []bool{true, false} {
		column := email(t)
		if column.Equality = equality; !equality {
			column.Domain = ""
		}
		s := sealer(t, ks, column)
		stored := seal(t, s, []byte("ada@example.org"))
		for i := range stored {
			for _, mask := range []byte{0x01, 0x80, 0xff} {
				changed := bytes.Clone(stored)
				changed[i] ^= mask
				refused(t, s, changed, fmt.Sprintf("byte %d changed by %#x", i, mask))
			}
			refused(t, s, stored[:i], fmt.Sprintf("cut to %d bytes", i))
			refused(t, s, append(bytes.Clone(stored[:i]), stored[i+1:]...), fmt.Sprintf("without byte %d", i))
			refused(t, s, append(append(bytes.Clone(stored[:i]), 0), stored[i:]...), fmt.Sprintf("a byte more at %d", i))
		}
		refused(t, s, append(bytes.Clone(stored), 0), "a byte more at the end")
		refused(t, s, append(bytes.Clone(stored), stored...), "doubled")
		if _, err := s.Open(nil, stored); err != nil {
			t.Errorf("unchanged: %v", err)
		}
	}
}

// refused checks that a value does not open, that nothing is handed out, and that the error shows nothing.
func refused(t *testing.T, s *sealed.Sealer, stored []byte, what string) {
	t.Helper()
	got, err := s.Open(nil, stored)
	switch {
	case err == nil || got != nil:
		t.Errorf("%s: opened as %q, error %v", what, got, err)
	case err != sealed.ErrCorrupt && err != sealed.ErrUnknownKey && err != sealed.ErrWrongColumn:
		t.Errorf("%s: error %v is none of the three", what, err)
	}
}

func TestOpenRefusesOtherPlaces(t *testing.T) {
	ks, _ := keys(t)
	column := email(t)
	s := sealer(t, ks, column)
	stored := seal(t, s, []byte("ada@example.org"))
	other := column
	other.ID = "customers.name"
	if _, err := sealer(t, ks, other).Open(nil, stored); !errors.Is(err, sealed.ErrWrongColumn) {
		t.Errorf("other column: error %v, want ErrWrongColumn", err)
	}
	// With the other column's tag it still does not open: the id is in the key and in the associated data.
	forged := bytes.Clone(stored)
	tag := sealer(t, ks, other).Tag()
	copy(forged[2:], tag[:])
	if _, err := sealer(t, ks, other).Open(nil, forged); !errors.Is(err, sealed.ErrCorrupt) {
		t.Errorf("other column, tag forged: error %v, want ErrCorrupt", err)
	}
	for _, name := range []string{"varchar", "bytea", "uuid", "numeric"} {
		other := column
		other.Type = typ(t, name)
		if _, err := sealer(t, ks, other).Open(nil, stored); !errors.Is(err, sealed.ErrCorrupt) {
			t.Errorf("as %s: error %v, want ErrCorrupt", name, err)
		}
	}
	stranger, _ := keys(t)
	if _, err := sealer(t, stranger, column).Open(nil, stored); !errors.Is(err, sealed.ErrWrongColumn) {
		t.Errorf("other keyset: error %v, want ErrWrongColumn", err)
	}
}

func TestOpenRefusesSwappedTokens(t *testing.T) {
	ks, _ := keys(t)
	s := sealer(t, ks, email(t))
	ada, eve := seal(t, s, []byte("ada@example.org")), seal(t, s, []byte("eve@example.org"))
	for i := 6; i < 6+sealed.TokenSize; i++ {
		ada[i], eve[i] = eve[i], ada[i]
	}
	refused(t, s, ada, "ada with eve's token")
	refused(t, s, eve, "eve with ada's token")
	// The token taken out, and the layout byte with it.
	without := append(bytes.Clone(ada[:6]), ada[6+sealed.TokenSize:]...)
	without[1] = 0
	refused(t, s, without, "token taken out")
}

func TestRotation(t *testing.T) {
	ks, rotate := keys(t)
	old := sealer(t, ks, email(t))
	stored := seal(t, old, []byte("ada@example.org"))
	current := sealer(t, rotate(), email(t))
	if got, err := current.Open(nil, stored); err != nil || string(got) != "ada@example.org" {
		t.Errorf("an old value opens as %q, %v", got, err)
	}
	fresh := seal(t, current, []byte("ada@example.org"))
	if _, err := old.Open(nil, fresh); !errors.Is(err, sealed.ErrUnknownKey) {
		t.Errorf("the old generation opens a new value: error %v, want ErrUnknownKey", err)
	}
	const tokenEnd = 6 + sealed.TokenSize
	if !bytes.Equal(stored[:tokenEnd], fresh[:tokenEnd]) {
		t.Error("rotation changed tag or token")
	}
	if bytes.Equal(stored[tokenEnd:tokenEnd+keyset.PrefixSize], fresh[tokenEnd:tokenEnd+keyset.PrefixSize]) {
		t.Error("a new value has the old key id")
	}
}

// Tokens are equal if and only if values are, within a domain.
func TestEqualityTokens(t *testing.T) {
	ks, _ := keys(t)
	token := func(typeName, text string, change func(*sealed.Column)) string {
		t.Helper()
		c := sealed.Column{ID: "column", Type: typ(t, typeName), Equality: true, Domain: "domain"}
		if change != nil {
			change(&c)
		}
		made, err := sealer(t, ks, c).EqualityToken(nil, value(t, c.Type, text))
		if err != nil {
			t.Fatal(err)
		}
		if len(made) != sealed.TokenSize {
			t.Fatalf("token of %d bytes", len(made))
		}
		return string(made)
	}
	fold := func(c *sealed.Column) { c.Casefold = true }
	trim := func(c *sealed.Column) { c.Trim = true }
	both := func(c *sealed.Column) { c.Casefold, c.Trim = true, true }
	otherColumn := func(c *sealed.Column) { c.ID = "other" }
	otherDomain := func(c *sealed.Column) { c.Domain = "other" }
	alone := func(c *sealed.Column) { c.Domain = "" }
	aloneOther := func(c *sealed.Column) { c.Domain, c.ID = "", "other" }
	named := func(c *sealed.Column) { c.Domain = "column" } // a domain that is named like the column's id
	type side struct {
		typ, text string
		change    func(*sealed.Column)
	}
	for _, test := range []struct {
		name string
		a, b side
		want bool
	}{
		{"equal texts", side{"text", "a", nil}, side{"text", "a", nil}, true},
		{"texts", side{"text", "a", nil}, side{"text", "b", nil}, false},
		{"text and varchar", side{"text", "a", nil}, side{"varchar(9)", "a", nil}, true},
		{"columns of a domain", side{"text", "a", nil}, side{"text", "a", otherColumn}, true},
		{"domains", side{"text", "a", nil}, side{"text", "a", otherDomain}, false},
		{"columns without a domain", side{"text", "a", alone}, side{"text", "a", aloneOther}, false},
		{"a column and a domain of its name", side{"text", "a", alone}, side{"text", "a", named}, false},
		{"case", side{"text", "Ada", nil}, side{"text", "ada", nil}, false},
		{"case folded", side{"text", "ADÄ", fold}, side{"text", "adä", fold}, true},
		{"case folded, blanks", side{"text", "ada", fold}, side{"text", "ada ", fold}, false},
		{"trimmed", side{"text", "  ada ", trim}, side{"text", "ada", trim}, true},
		{"trimmed inside", side{"text", "a da", trim}, side{"text", "ada", trim}, false},
		{"trimmed tab", side{"text", "\tada", trim}, side{"text", "ada", trim}, false},
		{"trimmed and folded", side{"text", " ADA", both}, side{"text", "ada ", both}, true},
		{"folded and not", side{"text", "ada", fold}, side{"text", "ada", nil}, false},
		{"numbers", side{"numeric", "1.0", nil}, side{"numeric", "1.00", nil}, true},
		{"zeros", side{"numeric", "-0.00", nil}, side{"numeric", "0", nil}, true},
		{"integers", side{"integer", "42", nil}, side{"bigint", "42", nil}, true},
		{"integer and numeric", side{"smallint", "-300", nil}, side{"numeric(9,2)", "-300.00", nil}, true},
		{"big integers", side{"bigint", "-9223372036854775808", nil}, side{"numeric", "-9223372036854775808", nil}, true},
		{"number and text", side{"integer", "42", nil}, side{"text", "42", nil}, false},
		{"jsonb", side{"jsonb", `{"b":1.0,"a":"1.0"}`, nil}, side{"jsonb", `{"a":"1.0","b":1}`, nil}, true},
		{"jsonb strings", side{"jsonb", `"1.0"`, nil}, side{"jsonb", `"1.00"`, nil}, false},
		{"instants", side{"timestamptz", "2024-01-01 00:00+00", nil}, side{"timestamptz", "2024-01-01 02:00+02", nil}, true},
		{"date and timestamp", side{"date", "2024-01-01", nil}, side{"timestamp", "2024-01-01", nil}, false},
	} {
		equal := token(test.a.typ, test.a.text, test.a.change) == token(test.b.typ, test.b.text, test.b.change)
		if equal != test.want {
			t.Errorf("%s: tokens equal: %v, want %v", test.name, equal, test.want)
		}
	}
}

func TestStoredTokenIsTheEqualityToken(t *testing.T) {
	ks, _ := keys(t)
	s := sealer(t, ks, email(t))
	token, err := s.EqualityToken([]byte("before"), []byte("ada"))
	if err != nil {
		t.Fatal(err)
	}
	stored := seal(t, s, []byte("ada"))
	if want := append([]byte("before"), stored[6:6+sealed.TokenSize]...); !bytes.Equal(token, want) {
		t.Errorf("token %x, stored is %x", token, want)
	}
}

func TestNewSealerRefuses(t *testing.T) {
	ks, _ := keys(t)
	text, json, integer := typ(t, "text"), typ(t, "json"), typ(t, "integer")
	for _, test := range []struct {
		column sealed.Column
		want   error
	}{
		{sealed.Column{Type: text}, sealed.ErrNoID},
		{sealed.Column{ID: "c"}, sealed.ErrType},
		{sealed.Column{ID: "c", Type: text, BindRow: true}, sealed.ErrBindRow},
		{sealed.Column{ID: "c", Type: json, Equality: true}, sealed.ErrNoEquality},
		{sealed.Column{ID: "c", Type: integer, Equality: true, Casefold: true}, sealed.ErrNotText},
		{sealed.Column{ID: "c", Type: integer, Equality: true, Trim: true}, sealed.ErrNotText},
		{sealed.Column{ID: "c", Type: text, Casefold: true}, sealed.ErrNoToken},
		{sealed.Column{ID: "c", Type: text, Domain: "d"}, sealed.ErrNoToken},
		{sealed.Column{ID: "c", Type: json}, nil},
	} {
		if _, err := sealed.NewSealer(ks, test.column); !errors.Is(err, test.want) {
			t.Errorf("%+v: error %v, want %v", test.column, err, test.want)
		}
	}
	s := sealer(t, ks, sealed.Column{ID: "c", Type: text})
	if _, err := s.EqualityToken(nil, []byte("a")); !errors.Is(err, sealed.ErrNoToken) {
		t.Errorf("EqualityToken: error %v, want ErrNoToken", err)
	}
}

func TestTagOf(t *testing.T) {
	ks, _ := keys(t)
	stored := seal(t, sealer(t, ks, email(t)), nil)
	for name, bad := range map[string][]byte{
		"nothing":       nil,
		"header alone":  stored[:6],
		"other version": append([]byte{2}, stored[1:]...),
		"other layout":  append([]byte{1, 0x80}, stored[2:]...),
		"cut":           stored[:len(stored)-1],
	} {
		if tag, ok := sealed.TagOf(bad); ok {
			t.Errorf("%s has tag %x", name, tag)
		}
	}
}

func TestSealersAreConcurrent(t *testing.T) {
	ks, _ := keys(t)
	s := sealer(t, ks, email(t))
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			want := []byte(fmt.Sprintf("user-%d@example.org", i))
			for range 50 {
				stored, err := s.Seal(nil, want)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := s.Open(nil, stored); err != nil || !bytes.Equal(got, want) {
					t.Errorf("opened %q, %v, want %q", got, err, want)
				}
			}
		})
	}
	group.Wait()
}

// Tink allocates its result, and crypto/cipher nothing else: that is all when dst has room.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		return // the race detector drops pooled buffers at random
	}
	ks, _ := keys(t)
	s := sealer(t, ks, email(t))
	plaintext := []byte("ada@example.org")
	stored := seal(t, s, plaintext)
	dst := make([]byte, 0, 1024)
	for name, test := range map[string]struct {
		limit float64
		run   func()
	}{
		"Seal":          {1, func() { s.Seal(dst, plaintext) }},
		"Open":          {1, func() { s.Open(dst, stored) }},
		"EqualityToken": {0, func() { s.EqualityToken(dst, plaintext) }},
	} {
		if got := testing.AllocsPerRun(200, test.run); got > test.limit {
			t.Errorf("%s allocates %v times, at most %v are allowed", name, got, test.limit)
		}
	}
}
