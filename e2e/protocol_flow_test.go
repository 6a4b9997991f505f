package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/portcullisdb/portcullis/e2e/wirescript"
)

// Sizes of what flows. PORTCULLIS_COPY_MB gives COPY another, 2048 in the long form.
const (
	flowBatchBytes   = 64 << 20
	flowCopyMB       = 256
	flowPipelineLen  = 100_000
	flowPipelineLent = 100_000 // in transaction mode
	flowTimeout      = time.Minute
	// flowGrowthMax is how much memory the gateway's process may take beside what it had, under any one stream. A build with
	// the race detector takes several times what it takes without.
	flowGrowthMax = 48 << 20
)

// flowTest runs f in each mode of the gateway.
func flowTest(t *testing.T, f func(t *testing.T, w *wireStage, mode string)) {
	w := startWire(t)
	for _, mode := range wireModes[1:] {
		t.Run(mode, func(t *testing.T) {
			if err := wirescript.Reset(t.Context(), w.target(mode).Superuser); err != nil {
				t.Fatal(err)
			}
			f(t, w, mode)
		})
	}
}

// narrowBytes is what a socket of narrow holds: little more than one segment of the loopback interface, below which TCP
// waits for its timers.
const narrowBytes = 128 << 10

// narrow connects with small socket buffers, and takes the connection from the driver.
func (w *wireStage) narrow(t *testing.T, mode string) (net.Conn, *pgproto3.Frontend) {
	t.Helper()
	config, err := pgconn.ParseConfig(w.url(mode))
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(narrowBytes)
			_ = tcp.SetWriteBuffer(narrowBytes)
		}
		return conn, err
	}
	conn, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hijacked.Conn.Close() })
	if err := hijacked.Conn.SetDeadline(time.Now().Add(flowTimeout)); err != nil {
		t.Fatal(err)
	}
	return hijacked.Conn, hijacked.Frontend
}

// A batch of 64 MB, whose answers are as long, goes through sockets that hold little of it: the client writes all the while
// and reads what comes, as drivers do.
func TestFlowBatch(t *testing.T) {
	flowTest(t, func(t *testing.T, w *wireStage, mode string) {
		conn, front := w.narrow(t, mode)
		value := bytes.Repeat([]byte("v"), 16<<10)
		batch := encode(t, &pgproto3.Parse{Name: "s", Query: "SELECT $1::text"})
		one := encode(t, &pgproto3.Bind{PreparedStatement: "s", Parameters: [][]byte{value}}, &pgproto3.Execute{})
		const executions = flowBatchBytes / (16 << 10)
		written := make(chan error, 1)
		go func() {
			_, err := conn.Write(batch)
			for i := 0; i < executions && err == nil; i++ {
				_, err = conn.Write(one)
			}
			if err == nil {
				_, err = conn.Write(encode(t, &pgproto3.Sync{}))
			}
			written <- err
		}()
		if rows := readRows(t, front, 1); rows != executions {
			t.Errorf("%d rows of %d", rows, executions)
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
	})
}

// Many batches under way at once, each with its own Sync.
func TestFlowPipeline(t *testing.T) {
	flowTest(t, func(t *testing.T, w *wireStage, mode string) {
		conn, front := w.narrow(t, mode)
		batches := flowPipelineLen
		if mode == wirescript.TargetTransaction {
			batches = flowPipelineLent
		}
		one := encode(t, &pgproto3.Bind{PreparedStatement: "s"}, &pgproto3.Execute{}, &pgproto3.Sync{})
		all := append(encode(t, &pgproto3.Parse{Name: "s", Query: "SELECT 1"}, &pgproto3.Sync{}), bytes.Repeat(one, batches)...)
		written := make(chan error, 1)
		go func() {
			_, err := conn.Write(all)
			written <- err
		}()
		if rows := readRows(t, front, batches+1); rows != batches {
			t.Errorf("%d rows of %d", rows, batches)
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
	})
}

// COPY in and out: what the gateway holds does not grow with the stream.
func TestFlowCopy(t *testing.T) {
	megabytes := flowCopyMB
	if text := os.Getenv("PORTCULLIS_COPY_MB"); text != "" {
		var err error
		if megabytes, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	flowTest(t, func(t *testing.T, w *wireStage, mode string) {
		conn := w.connectWire(t, mode)
		ctx, cancel := context.WithTimeout(t.Context(), flowTimeout)
		defer cancel()
		const line = 1 << 10
		rows := int64(megabytes) << 20 / line
		if err := conn.Exec(ctx, "CREATE UNLOGGED TABLE copied (body text)").Close(); err != nil {
			t.Fatal(err)
		}
		memory := w.watchMemory(t)
		source := io.LimitReader(&repeated{text: []byte(strings.Repeat("c", line-1) + "\n")}, rows*line)
		tag, err := conn.CopyFrom(ctx, source, "COPY copied FROM STDIN")
		if err != nil || tag.RowsAffected() != rows {
			t.Fatalf("in: %v, %v", tag, err)
		}
		counted := &counter{}
		if tag, err = conn.CopyTo(ctx, counted, "COPY copied TO STDOUT"); err != nil || tag.RowsAffected() != rows || counted.bytes != rows*line {
			t.Fatalf("out: %v, %d bytes, %v", tag, counted.bytes, err)
		}
		memory.check(t)
	})
}

// A server that tells notices without end, and a client that reads slowly a result that is larger than any buffer: the
// gateway waits with its client.
func TestFlowSlowReader(t *testing.T) {
	flowTest(t, func(t *testing.T, w *wireStage, mode string) {
		for _, sql := range []string{
			"SELECT repeat('s', 1000) FROM generate_series(1, 300000)",
			"DO $$ BEGIN FOR i IN 1..300000 LOOP RAISE NOTICE '%', repeat('n', 800); END LOOP; END $$",
		} {
			memory := w.watchMemory(t)
			conn, front := w.narrow(t, mode)
			if _, err := conn.Write(encode(t, &pgproto3.Query{String: sql})); err != nil {
				t.Fatal(err)
			}
			// The server is stuck on its socket: nobody reads.
			w.await(t, mode, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'ClientWrite')")
			readRows(t, front, 1)
			memory.check(t)
		}
	})
}

// Cancel requests hit the statement of the session whose key they have, while others run beside it.
func TestFlowCancel(t *testing.T) {
	flowTest(t, func(t *testing.T, w *wireStage, mode string) {
		const sessions, rounds = 8, 5
		failures := make(chan error, sessions)
		for i := range sessions {
			conn := w.connectWire(t, mode)
			go func() { failures <- cancelRounds(t.Context(), conn, i%2 == 0, rounds) }()
		}
		for range sessions {
			if err := <-failures; err != nil {
				t.Error(err)
			}
		}
	})
}

// cancelRounds runs statements. Those of a victim are cancelled, the others' must not be.
func cancelRounds(ctx context.Context, conn *pgconn.PgConn, victim bool, rounds int) error {
	for range rounds {
		if !victim {
			for n := range 20 {
				result := conn.ExecParams(ctx, "SELECT $1::int, pg_sleep(0.005)", [][]byte{[]byte(strconv.Itoa(n))}, nil, nil, nil).Read()
				if result.Err != nil || len(result.Rows) != 1 || string(result.Rows[0][0]) != strconv.Itoa(n) {
					return fmt.Errorf("a bystander got %v, %w", result.Rows, result.Err)
				}
			}
			continue
		}
		done := make(chan error, 1)
		go func() { done <- conn.Exec(ctx, "SELECT pg_sleep(60)").Close() }()
		for asked := false; !asked; {
			select {
			case err := <-done:
				if pg, ok := err.(*pgconn.PgError); !ok || pg.Code != "57014" {
					return fmt.Errorf("a victim got %w", err)
				}
				asked = true
			case <-time.After(100 * time.Millisecond): // one that comes before the statement hits nothing
				if err := conn.CancelRequest(ctx); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// encode puts messages behind each other.
func encode(t *testing.T, messages ...pgproto3.FrontendMessage) (all []byte) {
	for _, m := range messages {
		var err error
		if all, err = m.Encode(all); err != nil {
			t.Error(err)
		}
	}
	return all
}

// readRows reads up to the n-th ReadyForQuery and counts rows.
func readRows(t *testing.T, front *pgproto3.Frontend, n int) (rows int) {
	t.Helper()
	for n > 0 {
		m, err := front.Receive()
		if err != nil {
			t.Fatalf("after %d rows: %v", rows, err)
		}
		switch m := m.(type) {
		case *pgproto3.DataRow:
			rows++
		case *pgproto3.ErrorResponse:
			t.Fatalf("after %d rows: %s %s", rows, m.Code, m.Message)
		case *pgproto3.ReadyForQuery:
			n--
		}
	}
	return rows
}

func (w *wireStage) connectWire(t *testing.T, mode string) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), w.url(mode))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// await waits until a superuser, past the gateway, finds something true.
func (w *wireStage) await(t *testing.T, mode, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), flowTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, w.target(mode).Superuser)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for is := false; !is; time.Sleep(5 * time.Millisecond) {
		if err := conn.QueryRow(ctx, sql).Scan(&is); err != nil {
			t.Fatal(err)
		}
	}
}

// memoryWatch looks at the resident memory of the gateway's process, again and again until check.
type memoryWatch struct {
	before, most atomic.Int64
	stop         chan struct{}
	stopped      chan struct{}
}

func (w *wireStage) watchMemory(t *testing.T) *memoryWatch {
	t.Helper()
	m := &memoryWatch{stop: make(chan struct{}), stopped: make(chan struct{})}
	pid := w.gateway.Process.Pid
	m.before.Store(residentBytes(pid))
	go func() {
		defer close(m.stopped)
		for {
			m.most.Store(max(m.most.Load(), residentBytes(pid)))
			select {
			case <-m.stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return m
}

func (m *memoryWatch) check(t *testing.T) {
	t.Helper()
	close(m.stop)
	<-m.stopped
	if before, most := m.before.Load(), m.most.Load(); before == 0 || most-before > flowGrowthMax {
		t.Errorf("the gateway had %d KB and came to have %d KB", before>>10, most>>10)
	}
}

// residentBytes is the resident memory of a process, 0 if the system does not tell it: /proc/PID/statm counts pages.
func residentBytes(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	var size, resident int64
	if err == nil {
		_, err = fmt.Sscan(string(text), &size, &resident)
	}
	if err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}

// repeated is a text without end.
type repeated struct {
	text []byte
	at   int
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) {
		k := copy(p[n:], r.text[r.at:])
		n += k
		r.at = (r.at + k) % len(r.text)
	}
	return n, nil
}

type counter struct{ bytes int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return len(p), nil
}

// Sixty-five thousand parameters in one statement, and one more than the protocol can count.
func TestFlowParameters(t *testing.T) {
	flowTest(t, func(t *testing.T, w *wireStage, mode string) {
		const parametersMax = 65_535
		conn := w.connectWire(t, mode)
		var sql strings.Builder
		values := make([][]byte, parametersMax)
		sql.WriteString("SELECT count(*) FROM (VALUES ")
		for i := range values {
			if i > 0 {
				sql.WriteString(", ")
			}
			fmt.Fprintf(&sql, "($%d::int)", i+1)
			values[i] = []byte{0, 0, byte(i >> 8), byte(i)}
		}
		sql.WriteString(") v")
		result := conn.ExecParams(t.Context(), sql.String(), values, nil, []int16{1}, nil).Read()
		if result.Err != nil || len(result.Rows) != 1 || string(result.Rows[0][0]) != strconv.Itoa(parametersMax) {
			t.Errorf("%q, %v", result.Rows, result.Err)
		}
		if _, err := conn.Prepare(t.Context(), "", "SELECT $65536::int", nil); err == nil {
			t.Error("a parameter too many was taken")
		}
	})
}
