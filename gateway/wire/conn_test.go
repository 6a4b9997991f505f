package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// batch is what a client might send: one of each common message, an empty body and a long one among them.
func batch() []byte {
	var o Output
	o.Parse("s1", "SELECT $1::int", []uint32{23})
	b := o.Bind("", "s1", []int16{FormatBinary}, 2)
	b.Value([]byte{0, 0, 0, 7})
	b.Null()
	b.Finish([]int16{FormatText})
	o.Describe(KindPortal, "")
	o.Execute("", 0)
	o.Sync()
	o.Query(strings.Repeat("x", 300))
	o.Terminate()
	return o.Bytes()
}

// readAll reads until the stream ends and returns what it read, copied.
func readAll(c *Conn) (frames [][]byte, err error) {
	for {
		m, err := c.Read(context.Background())
		if err == io.EOF {
			return frames, nil
		}
		if err != nil {
			return frames, err
		}
		if m.Type != m.Frame()[0] || !bytes.Equal(m.Body, m.Frame()[headerBytes:]) {
			return frames, errors.New("a message differs from its frame")
		}
		frames = append(frames, bytes.Clone(m.Frame()))
	}
}

func authenticated(nc net.Conn, limits Limits) *Conn {
	c := NewConn(nc, limits, nil)
	c.Authenticated()
	return c
}

func TestReadIsTheSameForEachSplit(t *testing.T) {
	stream := batch()
	want, err := readAll(authenticated(&memory{input: stream}, Limits{}))
	if err != nil || len(want) != 7 || !bytes.Equal(bytes.Join(want, nil), stream) {
		t.Fatalf("got %d messages, error %v; want the stream's 7", len(want), err)
	}
	for first := 1; first < len(stream); first++ {
		for _, second := range []int{first, first + 1, first + 4, first + 5, first + 6, len(stream) - 1} {
			got, err := readAll(authenticated(&memory{input: stream, cuts: []int{first, second}}, Limits{}))
			if err != nil || !equalFrames(got, want) {
				t.Fatalf("split at %d and %d: got %d messages, error %v", first, second, len(got), err)
			}
		}
	}
	got, err := readAll(authenticated(&faulty{Conn: &memory{input: stream}, readMax: 1}, Limits{}))
	if err != nil || !equalFrames(got, want) {
		t.Fatalf("byte by byte: got %d messages, error %v", len(got), err)
	}
}

func equalFrames(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// Over a socket of the system the first bytes take another way than over other connections.
func TestReadOverTCP(t *testing.T) {
	stream := bytes.Repeat(batch(), 300) // longer than a large buffer
	client, server := tcpPair(t)
	go func() {
		for at := 0; at < len(stream); at += 777 {
			_, _ = client.Write(stream[at:min(at+777, len(stream))])
		}
		_ = client.Close()
	}()
	got, err := readAll(authenticated(server, Limits{}))
	if err != nil || !bytes.Equal(bytes.Join(got, nil), stream) {
		t.Fatalf("got %d messages, error %v", len(got), err)
	}
}

func TestReadOfLongMessages(t *testing.T) {
	for _, size := range []int{bufferSmall - 10, bufferSmall, bufferLarge - 5, bufferLarge, bufferLarge + 1, 3 << 20} {
		var o Output
		o.Sync()
		o.Query(strings.Repeat("q", size))
		o.Sync()
		got, err := readAll(authenticated(&memory{input: o.Bytes()}, Limits{}))
		if err != nil || !bytes.Equal(bytes.Join(got, nil), o.Bytes()) {
			t.Errorf("%d bytes: got %d messages, error %v", size, len(got), err)
		}
	}
}

func TestReadEndsWithinAMessage(t *testing.T) {
	stream := batch()
	boundaries := map[int]bool{0: true}
	frames, _ := readAll(authenticated(&memory{input: stream}, Limits{}))
	for at, i := 0, 0; i < len(frames); i++ {
		at += len(frames[i])
		boundaries[at] = true
	}
	for end := 0; end <= len(stream); end++ {
		_, err := readAll(authenticated(&memory{input: stream[:end]}, Limits{}))
		if boundaries[end] && err != nil || !boundaries[end] && err != io.ErrUnexpectedEOF {
			t.Errorf("end at byte %d: error %v", end, err)
		}
	}
}

func TestReadFailsWithTheSocket(t *testing.T) {
	stream := batch()
	for failAt := 1; failAt <= len(stream); failAt++ {
		c := authenticated(&faulty{Conn: &memory{input: stream}, readMax: 1, failAt: failAt}, Limits{})
		if _, err := readAll(c); !errors.Is(err, errFault) {
			t.Fatalf("fault at read %d: got %v", failAt, err)
		}
	}
}

func frameOf(t Type, length uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{t}, length)
}

func TestLimitsHoldBeforeMemoryIsTaken(t *testing.T) {
	limits := Limits{StartupBytes: 10_000, MessageBytes: 1 << 20, SmallBytes: 1000}
	tests := []struct {
		name          string
		authenticated bool
		header        []byte
		refused       bool
	}{
		{"shorter than its length", true, frameOf(TypeQuery, 3), true},
		{"zero", true, frameOf(TypeQuery, 0), true},
		{"negative", true, frameOf(TypeQuery, 1<<31), true},
		{"largest number", true, frameOf(TypeQuery, 1<<32-1), true},
		{"at the limit", true, frameOf(TypeQuery, 1<<20), false},
		{"beyond the limit", true, frameOf(TypeQuery, 1<<20+1), true},
		{"at the limit before authentication", false, frameOf(TypePassword, 10_000), false},
		{"beyond the limit before authentication", false, frameOf(TypePassword, 10_001), true},
		{"small message at its limit", true, frameOf(TypeExecute, 1000), false},
		{"small message beyond its limit", true, frameOf(TypeExecute, 1001), true},
		{"unknown type", true, []byte{'!'}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := NewConn(&memory{input: test.header}, limits, nil)
			c.frontend = true
			if test.authenticated {
				c.Authenticated()
			}
			_, err := c.Read(context.Background())
			var state *sqlstate.Error
			switch {
			case test.refused && (!errors.As(err, &state) || state.Code != sqlstate.ProtocolViolation):
				t.Errorf("got %v, want 08P01", err)
			case !test.refused && err != io.ErrUnexpectedEOF:
				t.Errorf("got %v, want the frame to be waited for", err)
			}
			if len(c.in) > bufferLarge {
				t.Errorf("the buffer has %d bytes for %d that came", len(c.in), len(test.header))
			}
		})
	}
}

// A frame's declared length takes no memory: the buffer follows the bytes.
func TestBufferGrowsWithTheBytesThatCame(t *testing.T) {
	const declared = 60 << 20
	for _, sent := range []int{0, 1000, 100_000, 1_000_000} {
		stream := append(frameOf(TypeQuery, declared), make([]byte, sent)...)
		c := authenticated(&memory{input: stream}, Limits{})
		if _, err := c.Read(context.Background()); err != io.ErrUnexpectedEOF {
			t.Fatalf("got %v", err)
		}
		if most := max(bufferLarge, 2*len(stream)); len(c.in) > most {
			t.Errorf("%d bytes came: the buffer has %d, more than %d", len(stream), len(c.in), most)
		}
	}
}

func TestIdleConnectionHoldsNoBuffer(t *testing.T) {
	client, server := tcpPair(t)
	c := authenticated(server, Limits{})
	if _, err := client.Write(batch()); err != nil {
		t.Fatal(err)
	}
	for range 7 {
		if _, err := c.Read(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want the context's deadline", err)
	}
	if c.in != nil {
		t.Errorf("an idle connection holds %d bytes", len(c.in))
	}
	c.Out.Sync()
	if err := c.Flush(context.Background()); err != nil || c.Out.b != nil {
		t.Errorf("after Flush: error %v, output holds %d bytes", err, cap(c.Out.b))
	}
}

func TestReadGoesOnAfterItsContext(t *testing.T) {
	client, server := tcpPair(t)
	c := authenticated(server, Limits{})
	stream := batch()
	if _, err := client.Write(stream[:7]); err != nil { // within the first message
		t.Fatal(err)
	}
	cause := errors.New("woken")
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(10*time.Millisecond, func() { cancel(cause) })
	if _, err := c.Read(ctx); err != cause {
		t.Fatalf("got %v, want the cause", err)
	}
	if _, err := c.Read(ctx); err != cause {
		t.Fatalf("again: got %v, want the cause", err)
	}
	go func() {
		_, _ = client.Write(stream[7:])
		_ = client.Close()
	}()
	got, err := readAll(c)
	if err != nil || !bytes.Equal(bytes.Join(got, nil), stream) {
		t.Fatalf("got %d messages, error %v", len(got), err)
	}
}

func TestPeekAndBuffered(t *testing.T) {
	stream := batch()
	c := authenticated(&memory{input: stream, cuts: []int{len(stream) - 3}}, Limits{})
	if c.Buffered() {
		t.Fatal("something is buffered before the first read")
	}
	for i := range 6 {
		if _, err := c.Read(context.Background()); err != nil {
			t.Fatal(err)
		}
		next, ok := c.Peek()
		again, _ := c.Peek()
		if want := i < 5; ok != want || c.Buffered() != want {
			t.Fatalf("after message %d: peeked %v, buffered %v, want %v", i, ok, c.Buffered(), want)
		}
		if !bytes.Equal(next.Frame(), again.Frame()) {
			t.Fatal("Peek consumed a message")
		}
	}
	// A broken frame counts as buffered: the next Read does not wait.
	c = authenticated(&memory{input: append(bytes.Clone(stream[:len(stream)-5]), 'Q', 0, 0, 0, 0)}, Limits{})
	for range 6 {
		if _, err := c.Read(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := c.Peek(); ok || !c.Buffered() {
		t.Error("a broken frame is not told by Buffered, or given out by Peek")
	}
}

func TestForwardRun(t *testing.T) {
	var rows Output
	for i := range 5 {
		b := rows.DataRow(1)
		b.Value(fmt.Appendf(nil, "row %d", i))
		b.Finish()
	}
	whole := bytes.Clone(rows.Bytes())
	var stream Output
	stream.BindComplete()
	stream.Append(whole)
	stream.CommandComplete("SELECT 5")
	c := authenticated(&memory{input: stream.Bytes(), cuts: []int{len(whole)}}, Limits{}) // cut within the fifth row
	if _, err := c.Read(context.Background()); err != nil {
		t.Fatal(err)
	}
	m, err := c.Read(context.Background())
	if err != nil || m.Type != TypeDataRow {
		t.Fatalf("first: %c, error %v", m.Type, err)
	}
	var dst Output
	dst.Forward(m)
	if n := c.ForwardRun(TypeDataRow, &dst); n != 3 {
		t.Errorf("forwarded %d rows, want the 3 more that are buffered", n)
	}
	m, err = c.Read(context.Background())
	if err != nil || m.Type != TypeDataRow {
		t.Fatalf("then: %c, error %v", m.Type, err)
	}
	dst.Forward(m)
	if !bytes.Equal(dst.Bytes(), whole) {
		t.Error("the rows changed on their way")
	}
	if n := c.ForwardRun(TypeDataRow, &dst); n != 0 {
		t.Errorf("forwarded %d messages of another type", n)
	}
	if m, err = c.Read(context.Background()); err != nil || m.Type != TypeCommandComplete {
		t.Errorf("at last: %c, error %v", m.Type, err)
	}
}

func TestForwardRunStopsWhenTheOutputIsFull(t *testing.T) {
	var rows Output
	for range 60 {
		b := rows.DataRow(1)
		b.Value(make([]byte, 1000))
		b.Finish()
	}
	c := authenticated(&memory{input: rows.Bytes()}, Limits{})
	c.bulk = true // read all at once
	if _, err := c.Read(context.Background()); err != nil {
		t.Fatal(err)
	}
	var dst Output
	if n := c.ForwardRun(TypeDataRow, &dst); n != 33 || !dst.Full() {
		t.Errorf("forwarded %d rows of 1,011 bytes, want the 33 that fill an output", n)
	}
	if n := c.ForwardRun(TypeDataRow, &dst); n != 0 {
		t.Errorf("forwarded %d rows to a full output", n)
	}
}

func TestFlushKeepsWhatWasNotSent(t *testing.T) {
	stream := batch()
	for failAt := 1; failAt < 10; failAt++ {
		peer := &memory{}
		broken := &faulty{Conn: peer, writeMax: 7, failAt: failAt}
		c := authenticated(broken, Limits{})
		c.Out.Append(stream)
		for range failAt { // short writes first
			if err := c.Flush(context.Background()); err == nil {
				t.Fatal("a short write was not an error")
			}
		}
		if got := append(bytes.Clone(peer.output), c.Out.Bytes()...); !bytes.Equal(got, stream) {
			t.Fatalf("fault at write %d: sent and kept are not the stream", failAt)
		}
		broken.failAt, broken.writeMax = 0, 0
		if err := c.Flush(context.Background()); err != nil || !bytes.Equal(peer.output, stream) {
			t.Fatalf("after the fault: error %v, %d bytes sent", err, len(peer.output))
		}
	}
}

// A context that lives on does not keep what was closed, and ends nothing more.
func TestCloseForgetsTheContext(t *testing.T) {
	client, server := tcpPair(t)
	c := authenticated(server, Limits{})
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := client.Write(batch()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(ctx); err != nil {
		t.Fatal(err)
	}
	if c.readEnd.stop == nil {
		t.Fatal("the context is not watched")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if c.readEnd.stop != nil {
		t.Error("the context is still watched")
	}
	cancel()
	c.Out.Sync()
	if err := c.Flush(context.Background()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want a closed connection", err)
	}
}

// One goroutine reads while another one writes, under contexts of their own.
func TestReadAndFlushAtOnce(t *testing.T) {
	near, far := tcpPair(t)
	a, b := authenticated(near, Limits{}), authenticated(far, Limits{})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	const batches = 200
	errs := make(chan error, 4)
	for _, c := range []*Conn{a, b} {
		go func() {
			for range batches {
				c.Out.Append(batch())
				if err := c.Flush(ctx); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
		go func() {
			for range 7 * batches {
				each, stop := context.WithCancel(ctx)
				_, err := c.Read(each)
				stop()
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestFlushEndsWithItsContext(t *testing.T) {
	_, server := tcpPair(t)
	c := authenticated(server, Limits{})
	c.Out.Append(make([]byte, 64<<20)) // nobody reads
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := c.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's end", err)
	}
}

// Relaying allocates nothing, batch after batch.
func TestRelayAllocatesNothing(t *testing.T) {
	stream := bytes.Repeat(batch(), 20)
	ctx := context.Background()
	from := authenticated(&endless{buffer: stream}, Limits{})
	to := authenticated(&endless{}, Limits{})
	relayBatch := func() {
		for {
			m, err := from.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			to.Out.Forward(m)
			if !from.Buffered() {
				break
			}
		}
		if err := to.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	relayBatch()
	if raceEnabled {
		relayBatch() // sync.Pool drops buffers on purpose under the race detector
		return
	}
	if n := testing.AllocsPerRun(1000, relayBatch); n != 0 {
		t.Errorf("%v allocations for each batch", n)
	}
}

func tcpPair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if client, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}
