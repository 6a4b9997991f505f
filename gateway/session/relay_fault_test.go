package session

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// faultStep is the distance between the bytes at which a session is cut. With 1 it takes half an hour.
var faultStep = flag.Int64("faultstep", 997, "cut, delay and split sessions at each so many bytes")

// trouble is what happens to a socket of the gateway's at the n-th byte, counted over reading and writing.
type trouble struct {
	left  atomic.Int64 // bytes until it happens
	fired atomic.Bool
	kind  troubleKind
}

type troubleKind int

const (
	cut   troubleKind = iota // the connection ends
	delay                    // it pauses
	split                    // from here on, one byte at a time
	troubleKinds
)

func (k troubleKind) String() string { return [...]string{"cut", "delay", "split"}[k] }

const pause = 5 * time.Millisecond

// troubled is a socket with its trouble.
type troubled struct {
	net.Conn
	*trouble
}

// some returns how many of n bytes may pass now; done says that the connection has ended.
func (c troubled) some(n int) (allowed int, done bool) {
	left := c.left.Load()
	if left > 0 && int64(n) > left {
		return int(left), false
	}
	if left > 0 {
		return n, false
	}
	first := !c.fired.Swap(true)
	switch c.kind {
	case cut:
		_ = c.Conn.Close()
		return 0, true
	case delay:
		if first {
			time.Sleep(pause)
		}
		return n, false
	}
	return min(n, 1), false
}

func (c troubled) Read(p []byte) (int, error) {
	allowed, done := c.some(len(p))
	if done {
		return 0, errFault
	}
	n, err := c.Conn.Read(p[:allowed])
	c.left.Add(-int64(n))
	return n, err
}

func (c troubled) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		allowed, done := c.some(len(p) - written)
		if done {
			return written, errFault
		}
		n, err := c.Conn.Write(p[written : written+allowed])
		c.left.Add(-int64(n))
		if written += n; err != nil {
			return written, err
		}
	}
	return written, nil
}

// representative is a session that does a little of everything.
func representative(ctx context.Context, url, who string) error {
	conn, err := pgx.Connect(ctx, url+"&application_name="+who)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	check := func(want, sql string, args ...any) error {
		var got string
		if err := conn.QueryRow(ctx, sql, args...).Scan(&got); err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%w: %q, not %q", errWrongAnswer, got, want)
		}
		return nil
	}
	steps := []func() error{
		func() error { _, err := conn.Exec(ctx, "TRUNCATE faults"); return err },
		func() error { return check(who, "SHOW application_name") },
		func() error { return check(who+"1", "SELECT $1::text || '1'", who) },
		func() error {
			return check(who, "SELECT current_setting('application_name')", pgx.QueryExecModeSimpleProtocol)
		},
		func() error { _, err := conn.Exec(ctx, "SET app.who = '"+who+"'"); return err },
		func() error { return check(who, "SELECT current_setting('app.who')") },
		func() error {
			tx, err := conn.Begin(ctx)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "INSERT INTO faults VALUES ($1)", who); err != nil {
				return err
			}
			batch := &pgx.Batch{}
			for range 3 {
				batch.Queue("SELECT count(*) FROM faults WHERE who = $1", who)
			}
			if err := tx.SendBatch(ctx, batch).Close(); err != nil {
				return err
			}
			return tx.Rollback(ctx)
		},
		func() error {
			_, err := conn.Exec(ctx, "SELECT 1/0")
			if code(err) == "22012" {
				return nil
			}
			return fmt.Errorf("1/0: %w", err)
		},
		func() error {
			_, err := conn.PgConn().CopyFrom(ctx, strings.NewReader(strings.Repeat(who+"\n", 50)), "COPY faults FROM STDIN")
			return err
		},
		func() error { _, err := conn.PgConn().CopyTo(ctx, io.Discard, "COPY faults TO STDOUT"); return err },
		func() error { _, err := conn.Exec(ctx, "LISTEN faults"); return err },
		func() error { _, err := conn.Exec(ctx, "UNLISTEN *"); return err },
		func() error { return check(who+"1", "SELECT $1::text || '1'", who) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

var errWrongAnswer = fmt.Errorf("an answer of somebody else's")

// Wherever a session is cut, delayed or split, on either side: it ends, or goes on, by itself; who comes next finds a
// connection that works and nothing of others; and nothing is left.
func TestRelaySurvivesTroubleAtEachByte(t *testing.T) {
	for _, side := range []string{"client", "server"} {
		for kind := range troubleKinds {
			t.Run(side+" "+kind.String(), func(t *testing.T) {
				eachMode(t, func(t *testing.T, g *testGateway) { troubleAtEachByte(t, g, side, kind) })
			})
		}
	}
}

func troubleAtEachByte(t *testing.T, g *testGateway, side string, kind troubleKind) {
	if err := cluster.Exec(testContext(t), "plain", "CREATE TABLE IF NOT EXISTS faults (who text); GRANT ALL ON faults TO "+backendRole); err != nil {
		t.Fatal(err)
	}
	current := &trouble{}
	current.left.Store(1 << 60)
	var now atomic.Pointer[trouble]
	now.Store(current)
	if side == "client" {
		wrap := func(nc net.Conn) net.Conn { return troubled{nc, now.Load()} }
		g.wrap.Store(&wrap)
	} else {
		g.dialNet = func(ctx context.Context, network, address string) (net.Conn, error) {
			var d net.Dialer
			nc, err := d.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return troubled{nc, now.Load()}, nil
		}
	}
	g.limitServers("ds_0", 2)
	before := runtime.NumGoroutine()
	for n := *faultStep / 2; ; n += *faultStep {
		f := &trouble{kind: kind}
		f.left.Store(n + 1)
		now.Store(f)
		if side == "server" {
			g.limitServers("ds_0", 2) // the connection with the fault is the first that is dialled
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		err := representative(ctx, g.url(), "victim")
		if strings.Contains(fmt.Sprint(err), errWrongAnswer.Error()) {
			t.Fatalf("byte %d: %v", n, err)
		}
		fired := f.fired.Load()
		if err != nil && (!fired || kind != cut) {
			t.Fatalf("byte %d: %v", n, err)
		}
		healthy := &trouble{}
		healthy.left.Store(1 << 60)
		now.Store(healthy)
		for try := 0; ; try++ { // a dial that failed is followed by a pause
			if err = representative(ctx, g.url(), "witness"); err == nil || try == 20 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		cancel()
		if err != nil {
			t.Fatalf("byte %d: the next client: %v", n, err)
		}
		if !fired {
			t.Logf("%d bytes", n)
			break
		}
	}
	g.options.Registry.Wait()
	if st := g.pools["ds_0"].Stats(); st.Used != 0 {
		t.Errorf("%d connections are still used", st.Used)
	}
	for range 300 {
		if runtime.NumGoroutine() <= before+goroutinesOfPools {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

// goroutinesOfPools is what a pool and its connections may have running.
const goroutinesOfPools = 8
