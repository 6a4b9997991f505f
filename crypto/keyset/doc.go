// Package keyset holds the keys of a named keyset in memory and derives from them what sealing needs.
//
// A keyset is three Tink keysets of 32-byte HKDF-SHA256 master keys, one for each purpose: "aead" (rotates freely; a
// new primary key seals, the older ones still open), "token" (decides what equals what, so it does not rotate with aead)
// and "tag" (never rotates). No master key encrypts anything: each column, search domain, kind and version has a subkey
// of its own. They are stored only wrapped by a KEK, with the keyset's name, purpose and generation in the associated
// data. Tink's insecure cleartext reader and writer are not used. The package promises that no exported method returns a
// key and that printing a Keyset shows none. When to refresh is left to the caller. A Keyset may be used concurrently.
package keyset
