package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Conn frames one socket. See the package comment for what it promises and for concurrency.
//
// Read and Flush take a context; its deadline and cancellation become the socket's. A Read that ends so loses nothing
// and may be repeated; a Flush too, unless the socket is TLS.
type Conn struct {
	// Out is what waits to be sent: see Flush. It belongs to the writer.
	Out Output

	base        net.Conn // the socket, for deadlines
	net         net.Conn // base, or TLS over it
	secure      atomic.Pointer[tls.Conn]
	certificate *x509.Certificate // that we have shown in TLS; nil without, or if it is not known
	waiter      *waiter           // reads and writes base as the system does; nil if net is more than a socket of the system
	buffers     *Buffers
	limits      Limits

	received, sent atomic.Uint64 // bytes, for Traffic

	frontend      bool // the other side is a frontend: types are checked, small messages are bounded
	authenticated bool

	in       []byte // nil while nothing is buffered
	r, w     int    // in[r:w] is buffered and not yet given out
	bulk     bool   // the last read filled the buffer: read more at once
	peek     [headerBytes]byte
	readEnd  deadline
	writeEnd deadline
}

// NewConn frames nc, which it owns from now on. Frames are bounded by limits.StartupBytes until Authenticated is called.
// buffers may be nil; connections that share one share memory.
func NewConn(nc net.Conn, limits Limits, buffers *Buffers) *Conn {
	if buffers == nil {
		buffers = &Buffers{}
	}
	c := &Conn{base: nc, net: nc, buffers: buffers, limits: limits.withDefaults(), Out: Output{buffers: buffers}}
	c.readEnd.set = nc.SetReadDeadline
	c.writeEnd.set = nc.SetWriteDeadline
	c.waiter = newWaiter(nc)
	if secure, ok := nc.(*tls.Conn); ok {
		c.secure.Store(secure)
	}
	return c
}

// Authenticated lifts the limit of frames from Limits.StartupBytes to Limits.MessageBytes.
func (c *Conn) Authenticated() { c.authenticated = true }

// RemoteAddr returns the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.base.RemoteAddr() }

// Detach parts the connection from the contexts of the last Read and the last Flush. Who ends such a context while the
// connection lives on should call it first: the end would start a goroutine for each direction. Nobody may be reading or
// writing meanwhile.
func (c *Conn) Detach() {
	c.readEnd.detach()
	c.writeEnd.detach()
}

// Encrypted reports whether the connection is TLS.
func (c *Conn) Encrypted() bool { return c.secure.Load() != nil }

// Traffic returns how many bytes were read and written, without what TLS adds. It may be called from any goroutine.
func (c *Conn) Traffic() (received, sent uint64) { return c.received.Load(), c.sent.Load() }

// TLS returns the state of TLS, and false if the connection is not encrypted.
func (c *Conn) TLS() (tls.ConnectionState, bool) {
	if secure := c.secure.Load(); secure != nil {
		return secure.ConnectionState(), true
	}
	return tls.ConnectionState{}, false
}

// Close closes the socket; reads and writes under way end with an error. What Out holds is not sent. It may be called
// from any goroutine, more than once.
func (c *Conn) Close() error {
	c.readEnd.close()
	c.writeEnd.close()
	if secure := c.secure.Load(); secure != nil {
		return secure.Close()
	}
	return c.base.Close()
}

// GiveBack closes the connection and gives back the buffers that it holds. It is for the last one who uses it.
func (c *Conn) GiveBack() {
	_ = c.Close()
	c.release()
	c.Out.Reset()
}

// Read returns the next message, waiting for it if none is buffered. Message.Body holds until the next Read, Peek not
// counted. Errors: io.EOF if the peer closed between two messages, io.ErrUnexpectedEOF if it closed within one,
// context.Cause of ctx, *sqlstate.Error (08P01) for a frame that breaks the protocol or a limit, or the socket's. After
// an error other than ctx's the connection is of no more use.
func (c *Conn) Read(ctx context.Context) (Message, error) {
	for {
		m, need, err := c.next()
		if err != nil {
			return Message{}, err
		}
		if need == 0 {
			c.r += len(m.frame)
			return m, nil
		}
		if err := c.readEnd.apply(ctx); err != nil {
			return Message{}, err
		}
		if err := c.fill(need); err != nil {
			return Message{}, c.readError(err)
		}
	}
}

// Peek returns the next message without consuming it, if it is buffered whole. It never waits. A frame that breaks the
// protocol is not reported here but by Read.
func (c *Conn) Peek() (Message, bool) {
	m, need, err := c.next()
	return m, err == nil && need == 0
}

// Buffered reports whether the next Read returns without waiting: a caller flushes its answers when it does not.
func (c *Conn) Buffered() bool {
	_, need, err := c.next()
	return err != nil || need == 0
}

// ForwardRun moves the messages of type t that stand next and are buffered whole to dst, in one copy, and returns how
// many they were. It never waits. It stops when dst holds OutputFull bytes or more.
func (c *Conn) ForwardRun(t Type, dst *Output) (messages int) {
	start, end := c.r, c.r
	room := OutputFull - dst.Len()
	for end-start < room && c.w-end >= headerBytes && c.in[end] == t {
		length := binary.BigEndian.Uint32(c.in[end+1:])
		if length < frameBytesMin || int64(length) > int64(c.limit(t)) || int64(c.w-end-1) < int64(length) {
			break
		}
		end += 1 + int(length)
		messages++
	}
	dst.Append(c.in[start:end])
	c.r = end
	return messages
}

// next looks for a whole message in the buffer. If there is none, need is the number of bytes, from c.r, that the
// frame is known to take.
func (c *Conn) next() (m Message, need int, err error) {
	have := c.w - c.r
	if have < headerBytes {
		if have > 0 && c.frontend && !knownFrontendType(c.in[c.r]) {
			return Message{}, 0, invalidType(c.in[c.r])
		}
		return Message{}, headerBytes, nil
	}
	t := c.in[c.r]
	if c.frontend && !knownFrontendType(t) {
		return Message{}, 0, invalidType(t)
	}
	length := binary.BigEndian.Uint32(c.in[c.r+1:])
	if limit := c.limit(t); length < frameBytesMin || int64(length) > int64(limit) {
		return Message{}, 0, invalidLength(length, limit)
	}
	size := 1 + int(length)
	if have < size {
		return Message{}, size, nil
	}
	frame := c.in[c.r : c.r+size : c.r+size]
	return Message{Type: t, Body: frame[headerBytes:], frame: frame}, 0, nil
}

func (c *Conn) limit(t Type) int {
	switch {
	case !c.authenticated:
		return c.limits.StartupBytes
	case c.frontend && smallFrontendType(t):
		return min(c.limits.SmallBytes, c.limits.MessageBytes)
	}
	return c.limits.MessageBytes
}

// fill reads once, at least one byte. need is the number of bytes from c.r that shall find room in the end; the buffer
// grows towards it no faster than bytes arrive.
func (c *Conn) fill(need int) error {
	if c.r == c.w {
		return c.fillIdle()
	}
	if c.r > 0 && (c.w == len(c.in) || c.r+need > len(c.in)) {
		c.w = copy(c.in, c.in[c.r:c.w])
		c.r = 0
	}
	if c.w == len(c.in) || c.bulk && len(c.in) < bufferLarge {
		grown := c.buffers.get(max(bufferLarge, min(need, 2*len(c.in))))
		c.w = copy(grown, c.in[c.r:c.w])
		c.r = 0
		c.buffers.put(c.in)
		c.in = grown
	}
	n, err := c.net.Read(c.in[c.w:])
	c.received.Add(uint64(n))
	c.w += n
	c.bulk = c.w == len(c.in)
	return readResult(n, err)
}

// fillIdle reads the first bytes after the buffer ran empty. It gives the buffer back before it waits.
func (c *Conn) fillIdle() error {
	c.release()
	size := bufferSmall
	if c.bulk {
		size = bufferLarge
	}
	if c.waiter != nil {
		var err error
		c.in, c.w, err = c.waiter.read(c.buffers, size)
		c.bulk = c.in != nil && c.w == len(c.in)
		c.received.Add(uint64(c.w))
		return readResult(c.w, err)
	}
	n, err := c.net.Read(c.peek[:])
	if n > 0 {
		c.in = c.buffers.get(size)
		c.w = copy(c.in, c.peek[:n])
		c.received.Add(uint64(n))
	}
	return readResult(n, err)
}

// release gives the input buffer back; what it still holds is lost.
func (c *Conn) release() {
	if c.in != nil {
		c.buffers.put(c.in)
	}
	c.in, c.r, c.w = nil, 0, 0
}

// readResult makes one error of a Read's two results (io.Reader): bytes count before the error that came with them,
// which the next Read will give again.
func readResult(n int, err error) error {
	if n > 0 {
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

func (c *Conn) readError(err error) error {
	if err == io.EOF && c.r != c.w {
		return io.ErrUnexpectedEOF
	}
	return c.readEnd.explain(err)
}

// Flush sends what Out holds, in one write, and gives its buffer back. If it fails, Out keeps what was not sent.
// Errors: context.Cause of ctx, or the socket's.
func (c *Conn) Flush(ctx context.Context) error {
	if c.Out.Len() == 0 {
		return nil
	}
	if err := c.writeEnd.apply(ctx); err != nil {
		return err
	}
	n, err := c.net.Write(c.Out.b)
	if err == nil && n < c.Out.Len() {
		err = io.ErrShortWrite
	}
	c.Out.sent(n)
	c.sent.Add(uint64(n))
	if err != nil {
		return fmt.Errorf("write to %s: %w", c.peerKind(), c.writeEnd.explain(err))
	}
	return nil
}

func (c *Conn) peerKind() string {
	if c.frontend {
		return "client"
	}
	return "server"
}

func knownFrontendType(t Type) bool {
	switch t {
	case TypeQuery, TypeParse, TypeBind, TypeDescribe, TypeExecute, TypeClose, TypeSync, TypeFlush, TypeTerminate,
		TypePassword, TypeFunctionCall, TypeCopyData, TypeCopyDone, TypeCopyFail:
		return true
	}
	return false
}

// smallFrontendType tells the types that PostgreSQL bounds by PQ_SMALL_MESSAGE_LIMIT (SocketBackend of
// src/backend/tcop/postgres.c).
func smallFrontendType(t Type) bool {
	switch t {
	case TypeClose, TypeDescribe, TypeExecute, TypeFlush, TypeSync, TypeTerminate, TypeCopyDone, TypeCopyFail:
		return true
	}
	return false
}

func invalidType(t Type) error {
	return sqlstate.New(sqlstate.ProtocolViolation, "invalid frontend message type %d", t)
}

func invalidLength(length uint32, limit int) error {
	return sqlstate.New(sqlstate.ProtocolViolation, "invalid message length").
		WithDetail("The frame declares %d bytes; from %d to %d are accepted here.", length, frameBytesMin, limit)
}
