package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// errFault is what a faulty connection fails with.
var errFault = errors.New("injected fault")

// faulty wraps a connection: it reads and writes no more than a number of bytes at once, and fails from a given
// operation on. Zero values change nothing.
type faulty struct {
	net.Conn
	readMax, writeMax int // bytes of one operation; a write of more is short, and an error
	failAt            int // number of the operation that fails, counted from 1
	operations        int
}

func (f *faulty) fails() bool {
	f.operations++
	return f.failAt > 0 && f.operations >= f.failAt
}

func (f *faulty) Read(b []byte) (int, error) {
	if f.fails() {
		return 0, errFault
	}
	if f.readMax > 0 && len(b) > f.readMax {
		b = b[:f.readMax]
	}
	return f.Conn.Read(b)
}

func (f *faulty) Write(b []byte) (int, error) {
	if f.fails() {
		return 0, errFault
	}
	if f.writeMax > 0 && len(b) > f.writeMax {
		n, err := f.Conn.Write(b[:f.writeMax])
		if err == nil {
			err = os.ErrDeadlineExceeded
		}
		return n, err
	}
	return f.Conn.Write(b)
}

// memory is a connection whose peer has sent all of input, in chunks that end where cuts says, and takes everything.
type memory struct {
	input  []byte
	cuts   []int // ascending offsets into input at which a read ends
	at     int
	output []byte
}

func (m *memory) Read(b []byte) (int, error) {
	if m.at == len(m.input) {
		return 0, io.EOF
	}
	end := len(m.input)
	for len(m.cuts) > 0 && m.cuts[0] <= m.at {
		m.cuts = m.cuts[1:]
	}
	if len(m.cuts) > 0 {
		end = min(end, m.cuts[0])
	}
	n := copy(b, m.input[m.at:end])
	m.at += n
	return n, nil
}

func (m *memory) Write(b []byte) (int, error) {
	m.output = append(m.output, b...)
	return len(b), nil
}

func (m *memory) Close() error                     { return nil }
func (m *memory) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (m *memory) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (m *memory) SetDeadline(time.Time) error      { return nil }
func (m *memory) SetReadDeadline(time.Time) error  { return nil }
func (m *memory) SetWriteDeadline(time.Time) error { return nil }

// endless is a connection that sends the same bytes again and again, and takes everything.
type endless struct {
	memory
	buffer []byte
}

func (e *endless) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		if e.at == len(e.buffer) {
			if n > 0 {
				break // as a socket gives what has come
			}
			e.at = 0
		}
		copied := copy(b[n:], e.buffer[e.at:])
		n += copied
		e.at += copied
	}
	return n, nil
}

func (e *endless) Write(b []byte) (int, error) { return len(b), nil }
