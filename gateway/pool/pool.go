package pool

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"sync"
	"time"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Options say how a Pool behaves. A duration of 0 switches off what it is for.
type Options struct {
	// Datasource is its name, for messages.
	Datasource string
	// Max bounds the connections, those that are being dialled included; at least 1. Min of them are kept open. Reserve more
	// are opened for claims that have waited ReserveAfter, and closed when nobody needs them.
	Min, Max, Reserve int
	ReserveAfter      time.Duration
	// Wait bounds the time that a claim waits.
	Wait time.Duration
	// Life is how long a connection is kept, a little less by chance; Idle how long one is kept that nobody uses, Min of them
	// excepted.
	Life, Idle time.Duration
	// CheckAfter: a connection that was idle for longer is asked for a sign of life before it is handed out.
	CheckAfter time.Duration
	// Connect bounds one dial. BackoffMin, or BackoffMinDefault, is the pause after a dial that has failed; it doubles up to
	// BackoffMax.
	Connect, BackoffMin, BackoffMax time.Duration

	// Dial opens a connection with startup parameters; nil are the pool's own. A *sqlstate.Error is what claims are told;
	// other errors are logged, and claims are told 08006.
	Dial func(ctx context.Context, startup *Startup) (*Server, error)
	// Clock gives the time, Random a number from 0 to below 1, Log takes what goes wrong. Nil are the process's own.
	Clock  func() time.Time
	Random func() float64
	Log    *slog.Logger
}

// BackoffMinDefault is the default of Options.BackoffMin: there is always a pause.
const BackoffMinDefault = 100 * time.Millisecond

func (o Options) withDefaults() Options {
	o.Max = max(o.Max, 1)
	if o.BackoffMin <= 0 {
		o.BackoffMin = BackoffMinDefault
	}
	o.BackoffMax = max(o.BackoffMax, o.BackoffMin)
	o.Min = min(o.Min, o.Max)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Random == nil {
		o.Random = random
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// random returns a number from 0 to below 1.
func random() float64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	const bits = 53
	return float64(binary.BigEndian.Uint64(b[:])>>(64-bits)) / (1 << bits)
}

// Pool holds the connections to one datasource. Its methods may be used concurrently. It has no goroutine of its own while
// nothing happens.
type Pool struct {
	options Options
	life    context.Context // of dials
	end     context.CancelFunc

	mu sync.Mutex // guards what follows

	// open counts all connections: idle, used, those of works, and closing ones, which wait only for their sockets.
	open, closing int
	idle          []*Server // the last one was used last
	works         []*work

	arrivals claims // all that wait
	queue    claims // of them those that their user's bound does not block, in order of arrival
	arrived  uint64
	users    map[string]*user

	failures int             // dials that failed, since one succeeded
	failure  *sqlstate.Error // what the last of them tells claims
	retryAt  time.Time       // no dial before
	doubtAt  time.Time       // a connection was lost: those that are idle since before may be lost as well

	alarm   *time.Timer // calls tick
	alarmAt time.Time   // zero: not set

	lookedAt time.Time // for claims that nobody waits for any more

	closed bool
	stats  Stats
}

// New makes a Pool, and begins to open Options.Min connections.
func New(o Options) *Pool {
	o = o.withDefaults()
	p := &Pool{options: o, users: map[string]*user{}, idle: make([]*Server, 0, o.Max+o.Reserve),
		arrivals: claims{order: byArrival}, queue: claims{order: byTurn}}
	p.life, p.end = context.WithCancel(context.Background())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alarm = time.AfterFunc(time.Hour, p.tick)
	p.alarm.Stop()
	p.warm(o.Clock())
	return p
}

// Acquire returns an idle connection, or waits for one: who came first is served first. Errors: *sqlstate.Error, which is
// 53300 when the claim has waited Options.Wait, 08006 when Claim.Gone says so, 08006 or what the server said when there is no
// connection and none can be opened, 57P01 when the pool is closed; the cause of ctx.
func (p *Pool) Acquire(ctx context.Context, c *Claim) (*Server, error) {
	now := p.options.Clock()
	c.waited = false
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed()
	}
	admitted := p.admit(c)
	if admitted && p.queue.first == nil {
		if s := p.take(c.Startup, now); s != nil {
			s.user = c.user
			p.stats.Acquired++
			p.mu.Unlock()
			return s, nil
		}
	}
	p.wait(c, admitted, now)
	p.mu.Unlock()
	select {
	case <-c.granted:
	case <-ctx.Done():
		p.giveUp(ctx, c)
	}
	s, err := c.server, c.err
	c.server, c.err = nil, nil
	return s, err
}

// wait puts c into the queue. p.mu is held.
func (p *Pool) wait(c *Claim, admitted bool, now time.Time) {
	if c.granted == nil {
		c.granted = make(chan struct{}, 1)
	}
	p.arrived++
	c.number, c.since, c.blocked, c.waited = p.arrived, now, !admitted, true
	p.arrivals.push(c)
	if admitted {
		p.queue.push(c)
	} else {
		c.user.blocked.push(c)
	}
	p.serve(now)
}

// giveUp ends the wait of a claim whose context is over, unless it was granted meanwhile.
func (p *Pool) giveUp(ctx context.Context, c *Claim) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-c.granted:
		return
	default:
	}
	now := p.options.Clock()
	p.dismiss(c, now)
	c.err = context.Cause(ctx)
	p.stats.Cancelled++
	p.serve(now)
}

// dequeue takes c out of the lists. p.mu is held.
func (p *Pool) dequeue(c *Claim, now time.Time) {
	p.stats.WaitedFor += now.Sub(c.since)
	p.arrivals.remove(c)
	if c.blocked {
		c.user.blocked.remove(c)
	} else {
		p.queue.remove(c)
	}
}

// dismiss is dequeue for a claim that gets nothing. p.mu is held.
func (p *Pool) dismiss(c *Claim, now time.Time) {
	p.dequeue(c, now)
	if !c.blocked {
		p.leave(c.user)
	}
}

// Release gives a connection back. It must be Idle and clean: the next one finds it as it is. It is closed instead if it is
// too old, broken or not Idle, if its server has lost its role, or if the pool is closed.
func (p *Pool) Release(s *Server) {
	if !s.Idle() {
		p.Discard(s)
		return
	}
	if s.cancels.underWay() {
		p.releaseLater(s)
		return
	}
	now := p.options.Clock()
	p.mu.Lock()
	if p.closed || p.worn(s, now) || !s.inRole() {
		p.mu.Unlock()
		p.Discard(s)
		return
	}
	p.leave(s.user)
	s.user = nil
	p.put(s, now)
	p.mu.Unlock()
}

// releaseLater is Release when no cancel request is under way any more.
func (p *Pool) releaseLater(s *Server) {
	if !s.cancels.afterwards(func() { p.Release(s) }) {
		p.Release(s)
	}
}

// Discard closes a connection and frees its place.
func (p *Pool) Discard(s *Server) {
	lost := s.Broken()
	_ = s.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if lost {
		p.doubtAt = p.options.Clock()
	}
	p.leave(s.user)
	s.user = nil
	p.open--
	p.stats.Closed++
	p.serve(p.options.Clock())
}

// Close closes the idle connections at once and the others when they come back. Claims end with 57P01.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.end()
	p.alarm.Stop()
	now := p.options.Clock()
	for p.arrivals.first != nil {
		p.refuse(p.arrivals.first, errClosed(), now)
	}
	p.mu.Unlock()
	p.CloseIdle()
}

// CloseIdle closes the connections that nobody uses.
func (p *Pool) CloseIdle() {
	p.mu.Lock()
	victims := p.idle
	p.idle = make([]*Server, 0, cap(victims))
	p.closing += len(victims)
	p.mu.Unlock()
	p.bury(victims)
}

// bury closes connections that are counted as closing.
func (p *Pool) bury(victims []*Server) {
	for _, s := range victims {
		_ = s.Close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open -= len(victims)
	p.closing -= len(victims)
	p.stats.Closed += uint64(len(victims))
	p.serve(p.options.Clock())
}

func errClosed() *sqlstate.Error {
	return sqlstate.New(sqlstate.AdminShutdown, "terminating connection due to administrator command")
}
