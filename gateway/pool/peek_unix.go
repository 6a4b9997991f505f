//go:build unix

package pool

import "syscall"

// peek looks at a socket without waiting.
func peek(fd uintptr) sight {
	var b [1]byte
	for {
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return quiet
		case err != nil || n == 0:
			return hungUp
		default:
			return talking
		}
	}
}
