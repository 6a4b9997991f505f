//go:build unix

package wire

import (
	"io"
	"net"
	"syscall"
)

// waiter reads a socket as net.Conn's Read does, but takes its buffer only when there are bytes, so that a connection
// that waits holds none. One read costs one system call, as with net.Conn.
type waiter struct {
	raw syscall.RawConn

	attemptRead func(fd uintptr) (done bool)
	buffers     *Buffers
	size        int
	buffer      []byte
	n           int
	err         error
}

// newWaiter returns nil for connections that are not sockets of the system: TLS, pipes, wrappers.
func newWaiter(nc net.Conn) *waiter {
	var raw syscall.RawConn
	var err error
	switch nc := nc.(type) {
	case *net.TCPConn:
		raw, err = nc.SyscallConn()
	case *net.UnixConn:
		raw, err = nc.SyscallConn()
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	w := &waiter{raw: raw}
	w.attemptRead = w.tryRead
	return w
}

// read waits for bytes and returns a buffer of buffers that begins with n of them. Without bytes buffer is nil.
func (w *waiter) read(buffers *Buffers, size int) (buffer []byte, n int, err error) {
	w.buffers, w.size = buffers, size
	w.buffer, w.n, w.err = nil, 0, nil
	if err := w.raw.Read(w.attemptRead); err != nil {
		return nil, 0, err
	}
	buffer, w.buffer = w.buffer, nil
	return buffer, w.n, w.err
}

func (w *waiter) tryRead(fd uintptr) (done bool) {
	buffer := w.buffers.get(w.size)
	for {
		n, err := syscall.Read(int(fd), buffer)
		switch {
		case n > 0:
			w.buffer, w.n = buffer, n
			return true
		case err == syscall.EINTR:
			continue
		}
		w.buffers.put(buffer)
		switch err {
		case nil:
			w.err = io.EOF
		case syscall.EAGAIN:
			return false
		default:
			w.err = err
		}
		return true
	}
}
