package sealed_test

import (
	"testing"

	"github.com/portcullisdb/portcullis/crypto/sealed"
)

// FuzzOpen: bytes that were not sealed never open, whatever their form, and never panic.
func FuzzOpen(f *testing.F) {
	s := sealer(f, vectorKeys(f), email(f)) // the same keys in every process of the fuzzer
	sealedOnes := map[string]string{}
	for _, v := range readVectors(f) {
		if v.Kind == "value" && v.Column == "customers.email" && v.Type == "text" {
			sealedOnes[string(v.Stored)] = string(v.Plaintext)
		}
		f.Add([]byte(v.Stored))
	}
	for stored := range sealedOnes {
		f.Add([]byte(stored[:len(stored)-1]))
		f.Add([]byte(stored[:6]))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, stored []byte) {
		got, err := s.Open(nil, stored)
		want, known := sealedOnes[string(stored)]
		switch {
		case known && (err != nil || string(got) != want):
			t.Errorf("a sealed value opens as %q, %v", got, err)
		case !known && (err == nil || got != nil):
			t.Errorf("%x opens as %q", stored, got)
		}
		if _, ok := sealed.TagOf(stored); known && !ok {
			t.Error("a sealed value has no tag")
		}
	})
}
