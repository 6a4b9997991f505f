package sealed

import (
	"encoding/binary"

	"github.com/portcullisdb/portcullis/crypto/keyset"
)

// The header: version | layout | column tag. Tokens follow in the order of their bits in layout, then the ciphertext.
const (
	versionSize = 1
	layoutSize  = 1
	headerSize  = versionSize + layoutSize + keyset.TagSize

	version = 1

	// layoutEquality: an equality token stands at byte 6.
	layoutEquality = 0x01

	// TokenSize is the length of an equality token in bytes.
	TokenSize = 16
)

// tokensEnd returns where the ciphertext begins, or false if a sealed value of that layout is unknown to this version or too
// short.
func tokensEnd(stored []byte) (end int, ok bool) {
	if len(stored) < headerSize || stored[0] != version {
		return 0, false
	}
	end = headerSize
	switch stored[versionSize] {
	case 0:
	case layoutEquality:
		end += TokenSize
	default:
		return 0, false
	}
	return end, len(stored) >= end+keyset.OverheadSize
}

// TagOf returns the column tag of a sealed value, without authenticating it, and false if stored does not have the form
// of one.
func TagOf(stored []byte) (tag [keyset.TagSize]byte, ok bool) {
	if _, ok := tokensEnd(stored); !ok {
		return tag, false
	}
	return [keyset.TagSize]byte(stored[versionSize+layoutSize:]), true
}

// associatedDataTail is what follows the header in the associated data: type code | column id | row key, the latter two after
// their length in 4 bytes, big-endian. The row key is empty: bind_row, which would put one there, is reserved.
func associatedDataTail(typeCode byte, column string) []byte {
	tail := binary.BigEndian.AppendUint32([]byte{typeCode}, uint32(len(column)))
	tail = append(tail, column...)
	return binary.BigEndian.AppendUint32(tail, 0)
}
