package wire

import "encoding/binary"

// Values walks over the values of a Bind or DataRow message: each a 32-bit length and its bytes, or -1 for NULL. The
// bytes have been validated before. It is a value: a copy walks on its own.
type Values struct {
	n    int // values not yet walked over
	rest []byte
}

// Len returns the number of values that are left.
func (v Values) Len() int { return v.n }

// Next returns the next value and whether there was one. NULL is nil; an empty value is not.
func (v *Values) Next() (value []byte, ok bool) {
	if v.n == 0 {
		return nil, false
	}
	v.n--
	length := int32(binary.BigEndian.Uint32(v.rest))
	v.rest = v.rest[4:]
	if length < 0 {
		return nil, true
	}
	value, v.rest = v.rest[:length:length], v.rest[length:]
	return value, true
}

// Span skips the next n values and returns them as they stand in the message, lengths included: to be copied by
// valueBuilder.Raw. n must not be more than Len.
func (v *Values) Span(n int) []byte {
	whole := v.rest
	for range n {
		v.Next()
	}
	size := len(whole) - len(v.rest)
	return whole[:size:size]
}

// Append appends the values that are left to dst: views, nil for NULL.
func (v Values) Append(dst [][]byte) [][]byte {
	for {
		value, ok := v.Next()
		if !ok {
			return dst
		}
		dst = append(dst, value)
	}
}

// values validates the next n values and returns the walk over them.
func (b *body) values(n int) Values {
	whole := b.rest
	for range n {
		if length := b.int32(); length != -1 {
			b.bytes(int(length)) // fails for less than -1
		}
		if b.err != nil {
			return Values{}
		}
	}
	return Values{n: n, rest: whole[: len(whole)-len(b.rest) : len(whole)-len(b.rest)]}
}

// valueBuilder appends values to a message under construction.
type valueBuilder struct {
	o     *Output
	start int // of the message
	left  int // values still to come
	value int // of the value under construction
}

// Value appends one value; nil is NULL.
func (b *valueBuilder) Value(value []byte) {
	if value == nil {
		b.Null()
		return
	}
	b.left--
	b.o.int32(int32(len(value)))
	b.o.bytes(value)
}

// Null appends NULL.
func (b *valueBuilder) Null() {
	b.left--
	b.o.int32(-1)
}

// Raw appends n values that are already encoded: see Values.Span.
func (b *valueBuilder) Raw(n int, encoded []byte) {
	b.left -= n
	b.o.bytes(encoded)
}

// Begin starts one value and returns the buffer to append its bytes to; End takes the longer buffer back. In between the
// builder and its Output must not be used.
func (b *valueBuilder) Begin() []byte {
	b.left--
	b.o.int32(0)
	b.value = len(b.o.b)
	return b.o.b
}

// End closes the value that Begin started.
func (b *valueBuilder) End(buffer []byte) {
	b.o.adopt(buffer)
	binary.BigEndian.PutUint32(buffer[b.value-4:], uint32(len(buffer)-b.value))
}

// EndNull closes the value that Begin started, as NULL; what was appended to the buffer is dropped.
func (b *valueBuilder) EndNull() {
	binary.BigEndian.PutUint32(b.o.b[b.value-4:], 1<<32-1)
}

// Abort takes the whole message back.
func (b *valueBuilder) Abort() { b.o.Truncate(b.start) }

func (b *valueBuilder) complete() {
	if b.left != 0 {
		panic("wire: internal error: number of values differs from the number that was announced")
	}
}
