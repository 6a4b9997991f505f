package session

import (
	"net"
	"testing"
	"time"
)

// A client that has gone is known to have, whatever it has sent before that nobody has read.
func TestGone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, abort := range []bool{false, true} {
		client, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		nc, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		gone := gone(nc)
		if _, err := client.Write([]byte("X\x00\x00\x00\x04")); err != nil {
			t.Fatal(err)
		}
		if gone() {
			t.Error("a client that is there is taken for gone")
		}
		if abort {
			_ = client.(*net.TCPConn).SetLinger(0)
		}
		_ = client.Close()
		for !gone() {
			time.Sleep(time.Millisecond)
		}
		_ = nc.Close()
		if !gone() {
			t.Error("a socket that was closed here is taken for open")
		}
	}
	near, _ := net.Pipe()
	if gone(near) != nil {
		t.Error("something is said of what is no socket")
	}
}
