package pool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Many clients do at random whatever clients do, before servers that go and come. What must always hold is looked at under
// the pool's lock all the time; what must hold in the end, in the end.
func TestInvariants(t *testing.T) {
	for _, c := range []struct {
		name          string
		options       Options
		startups      int
		users         bool
		failing, dead float64 // of dials, and of connections while they are used
	}{
		{"plain", Options{Max: 5}, 1, false, 0, 0.05},
		{"reserve and min", Options{Max: 4, Min: 2, Reserve: 3, ReserveAfter: 3 * time.Millisecond}, 1, false, 0, 0.05},
		{"failing dials", Options{Max: 5, BackoffMin: time.Millisecond, BackoffMax: 8 * time.Millisecond}, 1, false, 0.3, 0.2},
		{"startup parameters", Options{Max: 5}, 4, false, 0.05, 0.05},
		{"users", Options{Max: 6}, 1, true, 0, 0.05},
		{"everything", Options{Max: 6, Min: 1, Reserve: 2, ReserveAfter: 2 * time.Millisecond, Life: 50 * time.Millisecond,
			Idle: 20 * time.Millisecond, CheckAfter: 5 * time.Millisecond, BackoffMin: time.Millisecond}, 3, true, 0.1, 0.1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.options.Wait = 20 * time.Millisecond
				testInvariants(t, c.options, c.startups, c.users, c.failing, c.dead)
			})
		})
	}
}

func testInvariants(t *testing.T, o Options, startups int, users bool, failing, dead float64) {
	var alive, most, used atomic.Int64
	w := newWorldWith(t, o, func(w *world, ctx context.Context, startup *Startup) (*Server, error) {
		now := alive.Add(1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
		if rand.Float64() < failing {
			alive.Add(-1)
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		s, err := w.dial(ctx, startup)
		if err != nil {
			return nil, err
		}
		s.conn = newFakeServer(&countedConn{Conn: w.server(fmt.Sprint(s.pid)).near, closed: func() { alive.Add(-1) }}, 0).conn
		return s, nil
	})
	defer w.close()
	sets := []*Startup{nil}
	for i := 1; i < startups; i++ {
		sets = append(sets, NewStartup(map[string]string{"application_name": fmt.Sprint(i)}))
	}
	const clients, claims = 30, 60
	ended := make(chan struct{}, clients)
	for client := range clients {
		go func() {
			defer func() { ended <- struct{}{} }()
			c := &Claim{}
			for range claims {
				if users {
					c.User, c.UserMax = fmt.Sprint(client%4), client%4 // user 0 has no bound
				}
				c.Startup = sets[rand.IntN(len(sets))]
				one(t, w, c, !users && startups == 1, dead, &used)
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
			}
		}()
	}
	for range clients {
		<-ended
	}
	time.Sleep(time.Second) // longer than any pause, wait or life
	synctest.Wait()
	w.pool.mu.Lock()
	verify(t, w.pool)
	left := w.pool.arrivals.len + len(w.pool.works) + w.pool.closing
	for _, u := range w.pool.users {
		left += u.admitted
	}
	if left != 0 || used.Load() != 0 || w.pool.open != len(w.pool.idle) {
		t.Errorf("left: %d, used %d, open %d, idle %d", left, used.Load(), w.pool.open, len(w.pool.idle))
	}
	stats := w.pool.stats
	w.pool.mu.Unlock()
	if most := most.Load(); most > int64(o.Max+o.Reserve) {
		t.Errorf("%d connections at one time", most)
	}
	if stats.Acquired+stats.TimedOut+stats.Failed+stats.Cancelled != clients*claims {
		t.Errorf("claims do not add up: %+v", stats)
	}
	if stats.Waited == 0 || stats.Cancelled == 0 || dead > 0 && stats.Closed == 0 || failing > 0 && stats.DialFailures == 0 {
		t.Errorf("the test has not come to what it is for: %+v", stats)
	}
}

// one is one claim and what is done with its connection.
func one(t *testing.T, w *world, c *Claim, inOrder bool, dead float64, used *atomic.Int64) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if rand.IntN(10) == 0 {
		timer := time.AfterFunc(time.Duration(rand.IntN(3000))*time.Microsecond, cancel)
		defer timer.Stop()
	}
	s, err := w.pool.Acquire(ctx, c)
	w.pool.mu.Lock()
	verify(t, w.pool)
	if first := w.pool.queue.first; inOrder && err == nil && c.waited && first != nil && first.number < c.number {
		t.Errorf("claim %d was granted before claim %d", c.number, first.number)
	}
	w.pool.mu.Unlock()
	var state *sqlstate.Error
	if err != nil {
		if !errors.As(err, &state) && !errors.Is(err, context.Canceled) {
			t.Errorf("claim: %v", err)
		}
		return
	}
	used.Add(1)
	if !s.Startup.same(c.Startup) || s.Broken() {
		t.Errorf("the connection is for %v, broken %v", s.Startup, s.Broken())
	}
	time.Sleep(time.Duration(rand.IntN(1500)) * time.Microsecond)
	used.Add(-1)
	switch p := rand.Float64(); {
	case p < dead:
		s.Kill()
		w.pool.Discard(s)
	case p < 2*dead:
		w.pool.Discard(s)
	default:
		w.pool.Release(s)
	}
}

// verify checks what holds whenever nobody is at work in the pool. p.mu is held.
func verify(t *testing.T, p *Pool) {
	if used := p.open - p.closing - len(p.idle) - len(p.works); used < 0 {
		t.Errorf("%d open, %d closing, %d idle, %d at work", p.open, p.closing, len(p.idle), len(p.works))
	}
	if p.open > p.options.Max+p.options.Reserve {
		t.Errorf("%d open", p.open)
	}
	now := p.options.Clock()
	var last uint64
	for c := p.queue.first; c != nil; c = p.queue.next(c) {
		if c.number <= last || c.blocked {
			t.Errorf("claim %d is behind claim %d, blocked %v", c.number, last, c.blocked)
		}
		last = c.number
	}
	for _, u := range p.users {
		if first := u.blocked.first; first != nil && u.admitted < first.UserMax {
			t.Errorf("claim %d waits for its user, who has %d of %d", first.number, u.admitted, first.UserMax)
		}
	}
	if c := p.queue.first; c != nil && !p.closed {
		for _, s := range p.idle {
			if s.Startup.same(c.Startup) {
				t.Errorf("claim %d waits, and a connection is idle", c.number)
			}
		}
		if len(p.works) == 0 && p.open < p.options.Max && !p.resting(now) {
			t.Errorf("claim %d waits, and there is room", c.number)
		}
		if p.alarmAt.IsZero() {
			t.Errorf("claim %d waits, and no alarm is set", c.number)
		}
	}
}

// countedConn tells when it is closed.
type countedConn struct {
	net.Conn
	once   atomic.Bool
	closed func()
}

func (c *countedConn) Close() error {
	if c.once.CompareAndSwap(false, true) {
		c.closed()
	}
	return c.Conn.Close()
}

func BenchmarkAcquireRelease(b *testing.B) {
	p, claim := benchmarkPool(b, 1), &Claim{}
	b.ReportAllocs()
	for b.Loop() {
		s, err := p.Acquire(context.Background(), claim)
		if err != nil {
			b.Fatal(err)
		}
		p.Release(s)
	}
}

// BenchmarkAcquireReleaseContended has more clients than connections: nearly every claim waits.
func BenchmarkAcquireReleaseContended(b *testing.B) {
	p := benchmarkPool(b, 4)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		claim := &Claim{User: "u", UserMax: 100}
		for pb.Next() {
			s, err := p.Acquire(context.Background(), claim)
			if err != nil {
				b.Fatal(err)
			}
			p.Release(s)
		}
	})
}

func benchmarkPool(tb testing.TB, connectionsMax int) *Pool {
	p := New(Options{Datasource: "ds_0", Max: connectionsMax, Wait: time.Minute, Life: time.Hour, Idle: time.Hour, CheckAfter: time.Hour,
		Dial: func(context.Context, *Startup) (*Server, error) {
			near, _ := net.Pipe()
			return newFakeServer(near, 1), nil
		}})
	tb.Cleanup(p.Close)
	return p
}

// No claim allocates, once it has waited once.
func TestAllocations(t *testing.T) {
	p, ctx := benchmarkPool(t, 1), context.Background()
	held, err := p.Acquire(ctx, &Claim{})
	if err != nil {
		t.Fatal(err)
	}
	p.Release(held)
	claim := &Claim{User: "u", UserMax: 2}
	if n := testing.AllocsPerRun(1000, func() {
		s, _ := p.Acquire(ctx, claim)
		p.Release(s)
	}); n != 0 {
		t.Errorf("a claim that does not wait makes %v allocations", n)
	}

	turn, done := make(chan struct{}), make(chan struct{})
	waiter := &Claim{}
	go func() {
		for range turn {
			s, err := p.Acquire(ctx, waiter)
			if err != nil {
				t.Error(err)
			}
			p.Release(s)
			done <- struct{}{}
		}
	}()
	defer close(turn)
	handOver := func() {
		s, _ := p.Acquire(ctx, claim)
		turn <- struct{}{}
		for waiting := 0; waiting == 0; { // until the other one waits
			runtime.Gosched()
			p.mu.Lock()
			waiting = p.arrivals.len
			p.mu.Unlock()
		}
		p.Release(s)
		<-done
	}
	handOver()
	if n := testing.AllocsPerRun(200, handOver); n != 0 {
		t.Errorf("a claim that waits makes %v allocations", n)
	}
}
