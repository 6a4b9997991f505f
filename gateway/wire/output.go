package wire

import (
	"encoding/binary"
	"strings"
)

// OutputFull is the number of bytes, waiting in an Output, at which a caller should flush before it appends more. It is
// no limit: an Output takes what it is given.
const OutputFull = bufferLarge / 2

// Output gathers whole messages to be sent. Its methods are named after the messages and append one each; texts are cut
// at the first zero byte, which no text of the protocol can hold. The zero Output is ready; one that belongs to a Conn
// borrows its memory from the Conn's Buffers.
type Output struct {
	b       []byte
	buffers *Buffers
}

// Len returns the number of bytes that wait.
func (o *Output) Len() int { return len(o.b) }

// Full reports whether OutputFull bytes wait.
func (o *Output) Full() bool { return len(o.b) >= OutputFull }

// Bytes returns what waits. It aliases the Output's buffer and holds until the next call of a method that changes it.
func (o *Output) Bytes() []byte { return o.b }

// Append adds frames, whole and in their travelling form.
func (o *Output) Append(frames []byte) {
	if len(frames) == 0 {
		return
	}
	o.reserve(len(frames))
	o.b = append(o.b, frames...)
}

// Forward adds m, as it was read if it was.
func (o *Output) Forward(m Message) {
	if m.frame != nil {
		o.Append(m.frame)
		return
	}
	start := o.begin(m.Type)
	o.bytes(m.Body)
	o.end(start)
}

// Truncate takes back all but the first size bytes: what Len was before the messages that shall not be sent.
func (o *Output) Truncate(size int) { o.b = o.b[:size] }

// Reset takes back everything and gives the buffer back.
func (o *Output) Reset() { o.sent(len(o.b)) }

// sent removes the first n bytes.
func (o *Output) sent(n int) {
	if n < len(o.b) {
		o.b = o.b[:copy(o.b, o.b[n:])]
		return
	}
	if o.buffers != nil && o.b != nil {
		o.buffers.put(o.b)
	}
	o.b = nil
}

// reserve makes room for n more bytes.
func (o *Output) reserve(n int) {
	if cap(o.b)-len(o.b) >= n {
		return
	}
	if o.buffers == nil {
		return // append will grow
	}
	need := len(o.b) + n
	if need > bufferLarge {
		need = max(need, 2*cap(o.b))
	}
	grown := o.buffers.get(need)
	copied := copy(grown, o.b)
	if o.b != nil {
		o.buffers.put(o.b)
	}
	o.b = grown[:copied]
}

// begin starts a message and returns where; end closes it.
func (o *Output) begin(t Type) (start int) {
	o.reserve(headerBytes)
	start = len(o.b)
	o.b = append(o.b, t, 0, 0, 0, 0)
	return start
}

// end writes the length of the message that began at start.
func (o *Output) end(start int) {
	length := len(o.b) - start - 1
	if length > MessageBytesMax {
		panic("wire: internal error: a message longer than the protocol can carry")
	}
	binary.BigEndian.PutUint32(o.b[start+1:], uint32(length))
}

// empty appends a message without a body.
func (o *Output) empty(t Type) {
	o.reserve(headerBytes)
	o.b = append(o.b, t, 0, 0, 0, frameBytesMin)
}

func (o *Output) byte(v byte) {
	o.reserve(1)
	o.b = append(o.b, v)
}

func (o *Output) int16(v int16) {
	o.reserve(2)
	o.b = binary.BigEndian.AppendUint16(o.b, uint16(v))
}

func (o *Output) int32(v int32) {
	o.reserve(4)
	o.b = binary.BigEndian.AppendUint32(o.b, uint32(v))
}

func (o *Output) uint32(v uint32) { o.int32(int32(v)) }

func (o *Output) bytes(v []byte) {
	o.reserve(len(v))
	o.b = append(o.b, v...)
}

// text appends a text and the zero byte that ends it.
func (o *Output) text(v string) {
	o.reserve(len(v) + 1)
	if zero := strings.IndexByte(v, 0); zero >= 0 {
		v = v[:zero]
	}
	o.b = append(append(o.b, v...), 0)
}

// count appends a number of elements, which the protocol writes as an unsigned 16-bit integer.
func (o *Output) count(n int) {
	if n < 0 || n > ParamsMax {
		panic("wire: internal error: more elements than a message can carry")
	}
	o.int16(int16(uint16(n)))
}

// adopt takes a buffer that was appended to in place of the Output's own, of which it is a continuation.
func (o *Output) adopt(b []byte) {
	if o.buffers != nil && cap(o.b) > 0 && &o.b[:1][0] != &b[:1][0] {
		o.buffers.put(o.b)
	}
	o.b = b
}
