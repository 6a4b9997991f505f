package pool

import (
	"net"
	"syscall"
	"time"
)

// socket looks at a connection that nobody reads.
type socket struct {
	raw  syscall.RawConn // nil: it cannot be looked at
	look func(fd uintptr)
	seen sight
}

// sight is what was seen on a socket.
type sight int

const (
	quiet   sight = iota // nothing has come
	talking              // bytes have come: a parameter that has changed, or a farewell
	hungUp               // the other side has closed
)

// peekAfter: a connection that was idle for no longer is taken for alive without a look at its socket.
const peekAfter = 10 * time.Millisecond

// newSocket prepares to look at nc: the system's socket, or one below TLS.
func newSocket(nc net.Conn) socket {
	for {
		below, ok := nc.(interface{ NetConn() net.Conn }) // tls.Conn
		if !ok {
			break
		}
		nc = below.NetConn()
	}
	var s socket
	if system, ok := nc.(syscall.Conn); ok {
		s.raw, _ = system.SyscallConn()
	}
	return s
}

// peek looks at the socket without waiting and without taking anything from it.
func (s *socket) peek() sight {
	if s.raw == nil {
		return quiet
	}
	if s.look == nil {
		s.look = func(fd uintptr) { s.seen = peek(fd) }
	}
	if err := s.raw.Control(s.look); err != nil {
		return hungUp // closed on this side
	}
	return s.seen
}
