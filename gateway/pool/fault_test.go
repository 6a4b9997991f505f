package pool

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
)

// errFault is what a faulty connection fails with.
var errFault = errors.New("injected fault")

// faulty wraps a connection that fails from its n-th read or write on.
type faulty struct {
	net.Conn
	left *atomic.Int64
}

func (f faulty) Read(b []byte) (int, error) {
	if f.left.Add(-1) < 0 {
		return 0, errFault
	}
	return f.Conn.Read(b)
}

func (f faulty) Write(b []byte) (int, error) {
	if f.left.Add(-1) < 0 {
		_ = f.Conn.Close() // else the server waits, and so would a later read of the test
		return 0, errFault
	}
	return f.Conn.Write(b)
}

// Whichever read or write fails: Dial or what follows it says so, and the Server is Broken.
func TestFailEachOperation(t *testing.T) {
	const operationsMax = 500
	for n := int64(1); ; n++ {
		if n > operationsMax {
			t.Fatalf("the session still fails after %d operations", operationsMax)
		}
		left := new(atomic.Int64)
		left.Store(n)
		c := config()
		c.DialNet = func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return faulty{nc, left}, err
		}
		s, err := Dial(testContext(t), c)
		if err != nil {
			if !errors.Is(err, errFault) {
				t.Fatalf("operation %d: Dial: %v", n, err)
			}
			continue
		}
		err = func() error {
			defer s.Close()
			execute(s, "SELECT 1")
			if err := s.Drain(testContext(t)); err != nil {
				return err
			}
			if err := s.Exec(testContext(t), "SET application_name = 'x'"); err != nil {
				return err
			}
			if s.Broken() || !s.Idle() {
				t.Errorf("operation %d: broken %v, idle %v without an error", n, s.Broken(), s.Idle())
			}
			return nil
		}()
		if err == nil {
			return // no operation was left to fail
		}
		if !errors.Is(err, errFault) || !s.Broken() || s.Idle() {
			t.Errorf("operation %d: %v, broken %v, idle %v", n, err, s.Broken(), s.Idle())
		}
	}
}
