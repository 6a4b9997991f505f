package session

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/portcullisdb/portcullis/gateway/wire"
)

// relayPair is a relay between two sockets whose other ends the test holds.
func relayPair(tb testing.TB) (r *relay, client, server *peer) {
	tb.Helper()
	clientNear, clientFar := socketPair(tb)
	serverNear, serverFar := socketPair(tb)
	s := &Session{conn: wire.NewConn(clientNear, wire.Limits{}, nil), reading: context.Background(), working: context.Background()}
	s.conn.Authenticated()
	up := wire.NewConn(serverNear, wire.Limits{}, nil)
	up.Authenticated()
	r = &relay{session: s, up: up}
	r.status.Store(int32(wire.StatusIdle))
	return r, &peer{Conn: clientFar}, &peer{Conn: serverFar}
}

func socketPair(tb testing.TB) (near, far net.Conn) {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer listener.Close()
	if far, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		tb.Fatal(err)
	}
	if near, err = listener.Accept(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = near.Close(); _ = far.Close() })
	return near, far
}

// peer is the far end of a socket.
type peer struct {
	net.Conn
	buffer [64 << 10]byte
}

func (p *peer) send(tb testing.TB, bytes []byte) {
	if _, err := p.Write(bytes); err != nil {
		tb.Fatal(err)
	}
}

func (p *peer) receive(tb testing.TB, n int) {
	if _, err := io.ReadFull(p.Conn, p.buffer[:n]); err != nil {
		tb.Fatal(err)
	}
}

// transaction is one exchange as a prepared pgbench -S has it, with rows rows.
func exchange(rows int) (ask, answer []byte) {
	frame := func(dst []byte, t byte, body []byte) []byte {
		dst = binary.BigEndian.AppendUint32(append(dst, t), uint32(len(body)+4))
		return append(dst, body...)
	}
	ask = frame(ask, 'B', []byte("\x00P0_1\x00\x00\x00\x00\x01\x00\x00\x00\x0242\x00\x00"))
	ask = frame(ask, 'E', []byte("\x00\x00\x00\x00\x00"))
	ask = frame(ask, 'S', nil)
	answer = frame(answer, '2', nil)
	for range rows {
		answer = frame(answer, 'D', []byte("\x00\x01\x00\x00\x00\x0512345"))
	}
	answer = frame(answer, 'C', []byte("SELECT 1\x00"))
	return ask, frame(answer, 'Z', []byte("I"))
}

// turn is one exchange through the relay: what run does, for one batch.
func (r *relay) turn(tb testing.TB, client, server *peer, ask, answer []byte) {
	client.send(tb, ask)
	for {
		m, err := r.readClient()
		if err != nil {
			tb.Fatal(err)
		}
		r.forward(m)
		if !r.session.conn.Buffered() {
			break
		}
	}
	r.inTurn()
	if err := r.up.Flush(r.session.working); err != nil {
		tb.Fatal(err)
	}
	server.receive(tb, len(ask))
	server.send(tb, answer)
	if err := r.answers(); err != nil {
		tb.Fatal(err)
	}
	if err := r.session.conn.Flush(r.session.working); err != nil {
		tb.Fatal(err)
	}
	client.receive(tb, len(answer))
}

// A relayed transaction allocates nothing. The race detector makes pools forget, so it is not counted there.
func TestRelayedTransactionAllocatesNothing(t *testing.T) {
	r, client, server := relayPair(t)
	state := &State{}
	r.session.options, r.session.state = &Options{State: func() *State { return state }, Registry: NewRegistry()}, state
	ask, answer := exchange(10)
	r.turn(t, client, server, ask, answer)
	if n := testing.AllocsPerRun(200, func() { r.turn(t, client, server, ask, answer) }); n != 0 && !raceDetector {
		t.Errorf("%v allocations for each transaction", n)
	}
}

// BenchmarkRelayRow is the cost of one row of a result that is relayed, sockets included.
func BenchmarkRelayRow(b *testing.B) {
	r, client, server := relayPair(b)
	state := &State{}
	r.session.options, r.session.state = &Options{State: func() *State { return state }, Registry: NewRegistry()}, state
	const rows = 1000
	ask, answer := exchange(rows)
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += rows {
		r.turn(b, client, server, ask, answer)
	}
}

// BenchmarkRelayTransaction is the cost of one exchange with one row.
func BenchmarkRelayTransaction(b *testing.B) {
	r, client, server := relayPair(b)
	state := &State{}
	r.session.options, r.session.state = &Options{State: func() *State { return state }, Registry: NewRegistry()}, state
	ask, answer := exchange(1)
	b.ReportAllocs()
	for b.Loop() {
		r.turn(b, client, server, ask, answer)
	}
}
