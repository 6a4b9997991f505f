package gateway

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// silenceOf returns the time since a connection's peer has acknowledged anything, and whether it owes an acknowledgement: for
// what was sent, or for a question whether it has room again (TCP_INFO of tcp(7)).
func silenceOf(tcp *net.TCPConn) (silence time.Duration, owes bool, err error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	var info *unix.TCPInfo
	var failed error
	if err := raw.Control(func(fd uintptr) {
		info, failed = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	}); err != nil {
		return 0, false, err
	}
	if failed != nil {
		return 0, false, failed
	}
	return time.Duration(info.Last_ack_recv) * time.Millisecond, info.Unacked > 0 || info.Probes > 0, nil
}
