package session

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// exchange is one transaction as a prepared pgbench -S has it, with rows rows.
type exchange struct {
	net.Conn
	ask    []byte
	answer []byte
}

// newExchange logs in to the gateway and prepares a statement that returns rows rows of one integer.
func newExchange(tb testing.TB, g *testGateway, rows int) *exchange {
	tb.Helper()
	conn := g.connect(tb)
	if _, err := conn.Prepare(testContext(tb), "P0_1", "SELECT 12345 FROM generate_series(1, $1::int4)"); err != nil {
		tb.Fatal(err)
	}
	hijacked, err := conn.PgConn().Hijack()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = hijacked.Conn.Close() })
	frame := func(dst []byte, t byte, body []byte) []byte {
		dst = binary.BigEndian.AppendUint32(append(dst, t), uint32(len(body)+4))
		return append(dst, body...)
	}
	e := &exchange{Conn: hijacked.Conn}
	body := []byte("\x00P0_1\x00\x00\x01\x00\x01\x00\x01\x00\x00\x00\x04")
	body = binary.BigEndian.AppendUint32(body, uint32(rows))
	e.ask = frame(e.ask, 'B', append(body, 0, 0))
	e.ask = frame(e.ask, 'E', []byte("\x00\x00\x00\x00\x00"))
	e.ask = frame(e.ask, 'S', nil)
	size := 5 + rows*(5+2+4+5) + 6 // BindComplete, rows, ReadyForQuery
	tag := "SELECT "
	for n := rows; n > 0; n /= 10 {
		tag += "0"
	}
	e.answer = make([]byte, size+5+len(tag)+1)
	return e
}

func (e *exchange) run(tb testing.TB) {
	if _, err := e.Write(e.ask); err != nil {
		tb.Fatal(err)
	}
	if _, err := io.ReadFull(e, e.answer); err != nil {
		tb.Fatal(err)
	}
	if end := len(e.answer); e.answer[end-6] != 'Z' || e.answer[0] != '2' {
		tb.Fatalf("%q", e.answer)
	}
}

// eachMode runs a test or benchmark for each mode of a transparent database.
func eachMode[T interface {
	testing.TB
	Run(name string, f func(T)) bool
}](tb T, f func(tb T, g *testGateway)) {
	for _, m := range []struct {
		name string
		mode Mode
	}{{"session", ModeSession}, {"transaction", ModeTransaction}} {
		tb.Run(m.name, func(tb T) {
			g := plainGateway(tb)
			g.database.Pooling.Mode = m.mode
			f(tb, g)
		})
	}
}

// A relayed transaction allocates nothing. The race detector makes pools forget, so it is not counted there.
func TestRelayedTransactionAllocatesNothing(t *testing.T) {
	eachMode(t, func(t *testing.T, g *testGateway) {
		e := newExchange(t, g, 10)
		for range 10 {
			e.run(t)
		}
		// What the cluster's watchers do in the background counts too, so a fraction is let pass.
		if n := testing.AllocsPerRun(500, func() { e.run(t) }); n >= 1 && !raceDetector {
			t.Errorf("%v allocations for each transaction", n)
		}
	})
}

// BenchmarkRelayTransaction is the cost of one exchange with one row, the server's included.
func BenchmarkRelayTransaction(b *testing.B) {
	eachMode(b, func(b *testing.B, g *testGateway) {
		e := newExchange(b, g, 1)
		b.ReportAllocs()
		for b.Loop() {
			e.run(b)
		}
	})
}

// BenchmarkRelayRow is the cost of one row of a result that is relayed, the server's included.
func BenchmarkRelayRow(b *testing.B) {
	eachMode(b, func(b *testing.B, g *testGateway) {
		const rows = 1000
		e := newExchange(b, g, rows)
		b.ReportAllocs()
		b.ResetTimer()
		for done := 0; done < b.N; done += rows {
			e.run(b)
		}
	})
}
