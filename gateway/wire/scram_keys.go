package wire

import "bytes"

// SCRAMKeys are what an exchange tells the server of a client's password: enough to log in as that client wherever the
// same verifier is stored, salt and iterations included, and nowhere else (RFC 5802, section 3). They are secrets.
type SCRAMKeys struct {
	ClientKey, ServerKey []byte // 32 bytes each
}

// Clone returns a copy that lives longer than the login's, which ends with its session.
func (k *SCRAMKeys) Clone() *SCRAMKeys {
	return &SCRAMKeys{ClientKey: bytes.Clone(k.ClientKey), ServerKey: bytes.Clone(k.ServerKey)}
}

// Clear overwrites the keys. A nil SCRAMKeys holds none.
func (k *SCRAMKeys) Clear() {
	if k != nil {
		clear(k.ClientKey)
		clear(k.ServerKey)
	}
}

// String keeps the keys out of logs.
func (k *SCRAMKeys) String() string { return "<secret>" }

// GoString is String for %#v.
func (k *SCRAMKeys) GoString() string { return "<secret>" }
