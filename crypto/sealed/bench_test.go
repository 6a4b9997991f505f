package sealed_test

import (
	"crypto/rand"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	tinkkeyset "github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/portcullisdb/portcullis/crypto/sealed"
)

var benchValue = []byte("ada.lovelace@example.org")

func BenchmarkSeal(b *testing.B) {
	ks, _ := keys(b)
	s := sealer(b, ks, sealed.Column{ID: "column", Type: typ(b, "text")})
	benchmark(b, func(dst []byte) error { _, err := s.Seal(dst, benchValue); return err })
}

func BenchmarkSealWithToken(b *testing.B) {
	ks, _ := keys(b)
	s := sealer(b, ks, email(b))
	benchmark(b, func(dst []byte) error { _, err := s.Seal(dst, benchValue); return err })
}

func BenchmarkOpen(b *testing.B) {
	ks, _ := keys(b)
	s := sealer(b, ks, email(b))
	stored := seal(b, s, benchValue)
	benchmark(b, func(dst []byte) error { _, err := s.Open(dst, stored); return err })
}

func BenchmarkEqualityToken(b *testing.B) {
	ks, _ := keys(b)
	s := sealer(b, ks, email(b))
	benchmark(b, func(dst []byte) error { _, err := s.EqualityToken(dst, benchValue); return err })
}

func BenchmarkEqualityTokenFolded(b *testing.B) {
	ks, _ := keys(b)
	column := email(b)
	column.Casefold, column.Trim = true, true
	s := sealer(b, ks, column)
	benchmark(b, func(dst []byte) error { _, err := s.EqualityToken(dst, benchValue); return err })
}

func BenchmarkNewSealer(b *testing.B) {
	ks, _ := keys(b)
	column := email(b)
	benchmark(b, func([]byte) error { _, err := sealed.NewSealer(ks, column); return err })
}

// BenchmarkTinkEncrypt and BenchmarkTinkDecrypt are the bare AEAD, to compare with Seal and Open.
func BenchmarkTinkEncrypt(b *testing.B) {
	primitive, data := bareTink(b)
	benchmark(b, func([]byte) error { _, err := primitive.Encrypt(benchValue, data); return err })
}

func BenchmarkTinkDecrypt(b *testing.B) {
	primitive, data := bareTink(b)
	ciphertext, err := primitive.Encrypt(benchValue, data)
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, func([]byte) error { _, err := primitive.Decrypt(ciphertext, data); return err })
}

func bareTink(b *testing.B) (primitive interface {
	Encrypt(plaintext, associatedData []byte) ([]byte, error)
	Decrypt(ciphertext, associatedData []byte) ([]byte, error)
}, associatedData []byte) {
	b.Helper()
	handle, err := tinkkeyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		b.Fatal(err)
	}
	bare, err := aead.New(handle)
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 46) // as long as that of the column email
	rand.Read(data)
	return bare, data
}

func benchmark(b *testing.B, run func(dst []byte) error) {
	b.Helper()
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		if err := run(dst); err != nil {
			b.Fatal(err)
		}
	}
}
