package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// publish lets the clients that come from now on see the options as they are.
func (g *testGateway) publish() {
	same := func(nc net.Conn) net.Conn { return nc }
	g.wrap.Store(&same)
}

// dialRaw opens a socket and sends bytes.
func dialRaw(t *testing.T, g *testGateway, send []byte) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(send); err != nil {
		t.Fatal(err)
	}
	return conn
}

func startupOf(user string) []byte {
	rest := "user\x00" + user + "\x00database\x00plain\x00\x00"
	return append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(8+len(rest))), 3<<16), rest...)
}

// A client that only connects takes no place at the gate, one in its exchange does, and a cancel request needs none.
func TestGateIsForHandshakes(t *testing.T) {
	g := plainGateway(t)
	g.options.Logins = NewGate(1, 1)
	g.publish()
	session := g.connect(t)
	dialRaw(t, g, nil)
	if err := g.connect(t).Ping(testContext(t)); err != nil {
		t.Fatal(err)
	}

	holder := dialRaw(t, g, startupOf(clientUser))
	if _, err := io.ReadFull(holder, make([]byte, 9)); err != nil { // AuthenticationSASL: it is inside
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() {
		conn, err := pgx.Connect(context.Background(), g.url())
		if err == nil {
			_ = conn.Close(context.Background())
		}
		waiting <- err
	}()
	for g.options.Logins.Stats().Waiting == 0 {
		time.Sleep(time.Millisecond)
	}
	slept := make(chan error, 1)
	go func() {
		_, err := session.Exec(context.Background(), "SELECT pg_sleep(60)")
		slept <- err
	}()
	for ended := false; !ended; {
		key := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 16, 4, 210, 22, 46}, session.PgConn().PID())
		conn := dialRaw(t, g, append(key, session.PgConn().SecretKey()...))
		if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
			t.Fatalf("a cancel request was answered %q, %v", rest, err)
		}
		select {
		case err := <-slept:
			if err == nil || !strings.Contains(err.Error(), "57014") {
				t.Fatalf("the statement ended with %v", err)
			}
			ended = true
		case <-time.After(20 * time.Millisecond): // it had not begun
		}
	}
	_ = holder.Close()
	if err := <-waiting; err != nil {
		t.Fatalf("who waited: %v", err)
	}
}

// Who takes too long is not answered, and who waits too long for others is told so.
func TestLoginsThatTakeTooLong(t *testing.T) {
	g := plainGateway(t)
	g.options.Logins = NewGate(1, 1)
	g.options.Limits.StartupTimeout = 300 * time.Millisecond
	g.publish()
	for name, sent := range map[string][]byte{"nothing": nil, "half a packet": startupOf(clientUser)[:20]} {
		if answer, _ := io.ReadAll(dialRaw(t, g, sent)); len(answer) > 0 {
			t.Errorf("%s: answered %q", name, answer)
		}
	}
	inExchange := dialRaw(t, g, startupOf(clientUser))
	if rest, _ := io.ReadAll(inExchange); bytes.Contains(rest, []byte("FATAL")) {
		t.Errorf("in the exchange: answered %q", rest)
	}
	leave, err := g.options.Logins.enter(testContext(t), &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	if answer, _ := io.ReadAll(dialRaw(t, g, startupOf(clientUser))); !bytes.Contains(answer, []byte("C53300\x00Msorry, too many clients already")) {
		t.Errorf("who waited: answered %q", answer)
	}
}

// A client that comes while the gateway drains is told what PostgreSQL tells it, once it has proved who it is.
func TestLoginWhileDraining(t *testing.T) {
	g := plainGateway(t)
	g.options.Registry.Drain()
	_, err := pgx.Connect(testContext(t), g.url())
	if err == nil || !strings.Contains(err.Error(), "the database system is shutting down (SQLSTATE 57P03)") {
		t.Errorf("got %v", err)
	}
}
