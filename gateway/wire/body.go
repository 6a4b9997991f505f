package wire

import (
	"bytes"
	"encoding/binary"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// body reads the fields of a message. After the first field that is not there everything reads as zero, and err tells
// it in the words of src/backend/libpq/pqformat.c.
type body struct {
	rest []byte
	err  *sqlstate.Error
}

func (b *body) fail(message string) {
	if b.err == nil {
		b.err = sqlstate.New(sqlstate.ProtocolViolation, "%s", message)
	}
	b.rest = nil
}

func (b *body) byte() byte {
	if len(b.rest) < 1 {
		b.fail("no data left in message")
		return 0
	}
	v := b.rest[0]
	b.rest = b.rest[1:]
	return v
}

func (b *body) int16() int16 {
	v := b.bytes(2)
	if v == nil {
		return 0
	}
	return int16(binary.BigEndian.Uint16(v))
}

// count reads a number of elements, which the protocol writes as an unsigned 16-bit integer.
func (b *body) count() int { return int(uint16(b.int16())) }

func (b *body) uint32() uint32 {
	v := b.bytes(4)
	if v == nil {
		return 0
	}
	return binary.BigEndian.Uint32(v)
}

func (b *body) int32() int32 { return int32(b.uint32()) }

// bytes returns the next n bytes, nil if there are fewer.
func (b *body) bytes(n int) []byte {
	if n < 0 || len(b.rest) < n {
		b.fail("insufficient data left in message")
		return nil
	}
	v := b.rest[:n:n]
	b.rest = b.rest[n:]
	return v
}

// text returns the bytes before the next zero byte.
func (b *body) text() []byte {
	zero := bytes.IndexByte(b.rest, 0)
	if zero < 0 {
		b.fail("invalid string in message")
		return nil
	}
	v := b.rest[:zero:zero]
	b.rest = b.rest[zero+1:]
	return v
}

// end reports the first error; bytes that are left are one.
func (b *body) end() *sqlstate.Error {
	if b.err == nil && len(b.rest) != 0 {
		b.fail("invalid message format")
	}
	return b.err
}
