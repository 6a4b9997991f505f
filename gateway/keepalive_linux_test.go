package gateway

import (
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tcpPair returns the two ends of a connection.
func tcpPair(t *testing.T) (ours, theirs *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = dialled.Close(), accepted.Close() })
	return accepted.(*net.TCPConn), dialled.(*net.TCPConn)
}

// vanish makes the system drop whatever reaches a socket, as if its machine had lost its power.
func vanish(t *testing.T, tcp *net.TCPConn) {
	t.Helper()
	raw, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	if controlErr := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop[0]})
	}); controlErr != nil || err != nil {
		t.Fatal(controlErr, err)
	}
}

// A peer that is gone while it owes an acknowledgement is given up after three intervals.
func TestPeerThatIsGone(t *testing.T) {
	ours, theirs := tcpPair(t)
	interval := 300 * time.Millisecond
	p := newPeers(func() time.Duration { return interval })
	p.watch(ours)
	vanish(t, theirs)
	if _, err := ours.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	p.look()
	if len(p.open) != 1 {
		t.Fatal("it is given up at once")
	}
	started := time.Now()
	for len(p.open) > 0 {
		if time.Since(started) > 30*time.Second {
			t.Fatal("it is never given up")
		}
		p.look()
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := ours.Write([]byte("more")); err == nil {
		t.Error("the connection is not closed")
	}
}

// A peer that is there and does not read is not given up: it answers that it has no room.
func TestPeerThatDoesNotRead(t *testing.T) {
	ours, theirs := tcpPair(t)
	interval := 50 * time.Millisecond
	p := newPeers(func() time.Duration { return interval })
	p.watch(ours)
	_ = ours.SetWriteDeadline(time.Now().Add(2 * time.Second))
	sent, err := ours.Write(make([]byte, 64<<20))
	if err == nil {
		t.Fatal("the socket takes everything")
	}
	for range 100 {
		p.look()
		time.Sleep(10 * time.Millisecond)
	}
	if len(p.open) != 1 {
		t.Fatal("it is given up")
	}
	_ = ours.SetWriteDeadline(time.Time{})
	go func() { _, _ = ours.Write([]byte("end")); _ = ours.CloseWrite() }()
	if n, err := io.Copy(io.Discard, theirs); err != nil || n != int64(sent)+3 {
		t.Errorf("%d of %d bytes, %v", n, sent+3, err)
	}
}

// Silence alone is no reason, and a connection that has ended is forgotten.
func TestPeerThatIsSilent(t *testing.T) {
	ours, _ := tcpPair(t)
	interval := time.Millisecond
	p := newPeers(func() time.Duration { return interval })
	p.watch(ours)
	for range 20 {
		p.look()
		time.Sleep(time.Millisecond)
	}
	if len(p.open) != 1 {
		t.Fatal("it is given up")
	}
	_ = ours.Close()
	p.look()
	if len(p.open) != 0 {
		t.Error("it is not forgotten")
	}
}

// A client whose machine has lost its power is found, and its transaction rolled back.
func TestClientThatIsGone(t *testing.T) {
	s := newShopWith(t, Options{}, "audit:", "timeouts: {keep_alive: 1s}\naudit:")
	conn := s.connect("app")
	mustExec(t, conn, "BEGIN")
	vanish(t, conn.PgConn().Conn().(*net.TCPConn))
	for started := time.Now(); s.gateway.registry.Len() > 0; time.Sleep(50 * time.Millisecond) {
		if time.Since(started) > time.Minute {
			t.Fatal("the session never ends")
		}
	}
}
