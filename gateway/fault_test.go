package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// faults counts the reads and writes on connections to servers, and fails one of them. It keeps what is written.
type faults struct {
	mu      sync.Mutex
	left    int // operations until the fault; 0: none is due
	fired   bool
	written bytes.Buffer
}

var errFault = errors.New("a fault was injected")

func (f *faults) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &faultyConn{Conn: nc, faults: f}, nil
}

func (f *faults) arm(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.fired = n, false
}

// disarm reports whether the fault has happened.
func (f *faults) disarm() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = 0
	return f.fired
}

func (f *faults) due() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		return false
	}
	f.left--
	f.fired = f.fired || f.left == 0
	return f.left == 0
}

type faultyConn struct {
	net.Conn
	faults *faults
}

func (c *faultyConn) Read(p []byte) (int, error) {
	if c.faults.due() {
		_ = c.Conn.Close()
		return 0, errFault
	}
	return c.Conn.Read(p)
}

func (c *faultyConn) Write(p []byte) (int, error) {
	if c.faults.due() {
		// Half of it may have left.
		n, _ := c.Conn.Write(p[:len(p)/2])
		_ = c.Conn.Close()
		return n, errFault
	}
	c.faults.mu.Lock()
	c.faults.written.Write(p)
	c.faults.mu.Unlock()
	return c.Conn.Write(p)
}

// Whatever read or write fails, the client is told the truth of its transaction, and no clear text has left.
func TestFaultsLeaveNothingHalfDone(t *testing.T) {
	f := &faults{}
	s := newShopWith(t, Options{Dial: f.dial})
	insertCustomers(t, s.connect("app"), 4)
	shard := s.direct("_0")
	state := func() string { return rows(t, shard, "SELECT name FROM customers_1 WHERE id = 1") }
	const canary = "canary-0815@example.com"
	scenarios := map[string]func(conn *pgx.Conn, name string) (committed bool, err error){
		"one statement": func(conn *pgx.Conn, name string) (bool, error) {
			_, err := conn.Exec(testContext(t), "UPDATE customers SET name = $1, email = $2 WHERE id = 1", name, canary)
			return err == nil, err
		},
		"one statement that ends its transaction itself": func(conn *pgx.Conn, name string) (bool, error) {
			_, err := conn.Exec(testContext(t), "UPDATE customers SET name = $1 WHERE id = 1", name)
			return err == nil, err
		},
		"a block over two servers": func(conn *pgx.Conn, name string) (bool, error) {
			ctx := testContext(t)
			tx, err := conn.Begin(ctx)
			if err != nil {
				return false, err
			}
			if _, err = tx.Exec(ctx, "UPDATE customers SET name = $1, email = $2 WHERE id = 1", name, canary); err != nil {
				return false, errors.Join(err, tx.Rollback(ctx))
			}
			var n int
			if err = tx.QueryRow(ctx, "SELECT count(*) FROM customers").Scan(&n); err != nil {
				return false, errors.Join(err, tx.Rollback(ctx))
			}
			if err := tx.Commit(ctx); err != nil {
				return false, err
			}
			return true, nil
		},
		"a string of statements": func(conn *pgx.Conn, name string) (bool, error) {
			_, err := conn.Exec(testContext(t), "UPDATE customers SET name = 'between' WHERE id = 1;"+
				"SELECT count(*) FROM customers; UPDATE customers SET name = '"+name+"', email = '"+canary+"' WHERE id = 1",
				pgx.QueryExecModeSimpleProtocol)
			return err == nil, err
		},
	}
	for what, scenario := range scenarios {
		lostCommits := 0
		for n := 1; ; n++ {
			before, name := state(), fmt.Sprintf("%s %d", what, n)
			conn := s.connect("app")
			for { // until nothing of the last fault is left: after a failed dial there is a pause
				if _, err := tryRows(t, conn, "SELECT count(*) FROM customers"); err == nil {
					break
				}
			}
			for _, source := range s.gateway.state.Load().databases["shop"].sources {
				source.service.CloseIdle() // dialling is part of what fails
			}
			f.arm(n)
			committed, err := scenario(conn, name)
			fired := f.disarm()
			_ = conn.Close(testContext(t))
			// What a lost connection has sent is still done, later.
			for rows(t, shard, "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE $1 AND state <> 'idle' AND pid <> pg_backend_pid()",
				s.prefix+"%") != "0" {
				time.Sleep(time.Millisecond)
			}
			after := state()
			var told *pgconn.PgError
			if errors.As(err, &told) && told.Code == "08007" {
				lostCommits++
			}
			unknown := errors.As(err, &told) && told.Code == "08007"
			switch {
			case committed && after != name:
				t.Fatalf("%s, fault %d: said to be committed, but the row is %q", what, n, after)
			case !committed && !unknown && after != before:
				t.Fatalf("%s, fault %d: the error was %v, but the row is %q", what, n, err, after)
			case !committed && told == nil:
				t.Fatalf("%s, fault %d: the client was told nothing: %v", what, n, err)
			case after != before && after != name:
				t.Fatalf("%s, fault %d: half done: %q", what, n, after)
			}
			if !fired {
				if err != nil {
					t.Fatalf("%s, without a fault: %v", what, err)
				}
				t.Logf("%s: %d operations", what, n-1)
				if lostCommits == 0 {
					t.Errorf("%s: no fault was in COMMIT", what)
				}
				break
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if bytes.Contains(f.written.Bytes(), []byte(canary)) {
		t.Error("clear text was written to a server")
	}
}
