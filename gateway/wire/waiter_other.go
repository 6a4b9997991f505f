//go:build !unix

package wire

import "net"

// waiter does not exist here: a waiting connection reads its first bytes into the Conn itself.
type waiter struct{}

func newWaiter(net.Conn) *waiter { return nil }

func (*waiter) read(*Buffers, int) ([]byte, int, error) {
	panic("wire: internal error: no waiter on this system")
}
