package keyset

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// PRF is HMAC-SHA256 (RFC 2104) under one subkey. It may be used concurrently.
type PRF struct {
	pool sync.Pool // of *mac
}

type mac struct {
	hash hash.Hash
	sum  [sha256.Size]byte
}

// newPRF keeps no reference to key.
func newPRF(key []byte) *PRF {
	own := append([]byte(nil), key...)
	return &PRF{pool: sync.Pool{New: func() any { return &mac{hash: hmac.New(sha256.New, own)} }}}
}

// Append appends the first size bytes of the PRF of input; size is at most 32.
func (p *PRF) Append(dst, input []byte, size int) []byte {
	m := p.pool.Get().(*mac)
	m.hash.Reset()
	m.hash.Write(input)
	dst = append(dst, m.hash.Sum(m.sum[:0])[:size]...)
	p.pool.Put(m)
	return dst
}
