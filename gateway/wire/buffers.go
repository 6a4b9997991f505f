package wire

import "sync"

// The sizes of pooled buffers, in bytes. The small one takes the messages of an ordinary statement. The large one is
// for results and bulk writes, where the number of system calls is what costs.
const (
	bufferSmall = 8 << 10
	bufferLarge = 64 << 10
)

// Buffers lends input and output buffers to connections. Conns that share one share its memory: an idle Conn holds none
// of it. The zero Buffers is ready; it may be used concurrently.
type Buffers struct {
	small, large sync.Pool
}

// get returns a buffer of at least size bytes; its content is undefined.
func (b *Buffers) get(size int) []byte {
	switch {
	case size <= bufferSmall:
		if p, ok := b.small.Get().(*[bufferSmall]byte); ok {
			return p[:]
		}
		return make([]byte, bufferSmall)
	case size <= bufferLarge:
		if p, ok := b.large.Get().(*[bufferLarge]byte); ok {
			return p[:]
		}
		return make([]byte, bufferLarge)
	}
	return make([]byte, size)
}

// put takes back a buffer that get lent. Other sizes are left to the garbage collector.
func (b *Buffers) put(buffer []byte) {
	switch cap(buffer) {
	case bufferSmall:
		b.small.Put((*[bufferSmall]byte)(buffer[:bufferSmall]))
	case bufferLarge:
		b.large.Put((*[bufferLarge]byte)(buffer[:bufferLarge]))
	}
}
