package wire

import (
	"context"
	"net"
	"testing"
)

// What is read and written is counted, however it is read and written: by the system's calls and by net.Conn.
func TestTraffic(t *testing.T) {
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
	left, right := net.Pipe()
	for what, pair := range map[string][2]net.Conn{"sockets": {dialled, accepted}, "pipe": {left, right}} {
		from, to := NewConn(pair[0], Limits{}, nil), NewConn(pair[1], Limits{}, nil)
		const messages, size = 3, 1 + 4 + 100
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range messages {
				from.Out.Append(append([]byte{'D', 0, 0, 0, 104}, make([]byte, 100)...))
				_ = from.Flush(context.Background())
			}
		}()
		for range messages {
			if _, err := to.Read(context.Background()); err != nil {
				t.Fatal(what, err)
			}
		}
		<-done
		if _, sent := from.Traffic(); sent != messages*size {
			t.Errorf("%s: sent %d", what, sent)
		}
		if received, sent := to.Traffic(); received != messages*size || sent != 0 {
			t.Errorf("%s: received %d, sent %d", what, received, sent)
		}
		_, _ = from.Close(), to.Close()
	}
}
