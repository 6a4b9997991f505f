package session

import (
	"encoding/binary"
	"net"
	"syscall"
)

// gone returns what tells, without reading, whether the client at the other end of nc has closed its side; nil if nothing
// can.
func gone(nc net.Conn) func() bool {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return func() bool {
		var state byte
		look := func(fd uintptr) {
			// The state is the first byte of tcp_info.
			if info, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO); err == nil {
				state = nativeFirst(uint32(info))
			}
		}
		if raw.Control(look) != nil {
			return true // closed on this side
		}
		return state == stateClose || state == stateCloseWait
	}
}

// nativeFirst returns the byte of v that lies first in memory.
func nativeFirst(v uint32) byte {
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], v)
	return b[0]
}

// The states of a socket whose other side has closed: by RST, by FIN (include/net/tcp_states.h of Linux).
const (
	stateClose     = 7
	stateCloseWait = 8
)
