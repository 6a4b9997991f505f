package pool

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Options say how a Pool behaves. Zero durations and numbers mean none of it, but for Max, which must be positive.
type Options struct {
	// Datasource is its name, for messages.
	Datasource string
	// Max bounds the connections, those that are being dialled included. Min of them are kept open. Reserve more may be
	// opened when a claim has waited ReserveAfter.
	Min, Max, Reserve int
	ReserveAfter      time.Duration
	// Wait bounds the time that a claim waits.
	Wait time.Duration
	// Life is how long a connection is kept, Idle how long one is kept that nobody uses.
	Life, Idle time.Duration
	// CheckAfter: a connection that was idle for longer is asked for a sign of life before it is handed out.
	CheckAfter time.Duration
	// Connect bounds one dial. BackoffMin and BackoffMax bound the pause after a failed one.
	Connect, BackoffMin, BackoffMax time.Duration
	// Dial opens a connection with startup parameters; nil are the pool's own.
	Dial  func(ctx context.Context, startup *Startup) (*Server, error)
	Clock func() time.Time
	Log   *slog.Logger
}

// Pool holds the connections to one datasource. Its methods may be used concurrently.
type Pool struct {
	options Options

	mu          sync.Mutex
	idle        []*Server
	open        int // idle, used and being dialled
	dialling    int
	users       map[string]int
	first, last *Claim
	waiting     int
	closed      bool
	stats       Stats
}

// New makes a Pool. It connects when somebody asks.
func New(o Options) *Pool {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Pool{options: o, users: map[string]int{}}
}

// Acquire returns an idle connection, or waits for one: who came first is served first. Errors: *sqlstate.Error (53300) when
// the claim has waited Options.Wait, 57P01 when the pool is closed; an error of Options.Dial; the cause of ctx.
func (p *Pool) Acquire(ctx context.Context, c *Claim) (*Server, error) {
	if c.granted == nil {
		c.granted = make(chan struct{}, 1)
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed()
	}
	c.server, c.err, c.since = nil, nil, p.options.Clock()
	p.push(c)
	p.serve()
	p.mu.Unlock()
	var expired <-chan time.Time
	if p.options.Wait > 0 {
		timer := time.NewTimer(p.options.Wait)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-c.granted:
		return c.server, c.err
	case <-expired:
		return p.giveUp(c, p.errWait())
	case <-ctx.Done():
		return p.giveUp(c, context.Cause(ctx))
	}
}

// giveUp takes c out of the queue, unless it was granted meanwhile.
func (p *Pool) giveUp(c *Claim, err error) (*Server, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-c.granted:
		return c.server, c.err
	default:
	}
	p.remove(c)
	return nil, err
}

func errClosed() *sqlstate.Error {
	return sqlstate.New(sqlstate.AdminShutdown, "terminating connection due to administrator command")
}

func (p *Pool) errWait() *sqlstate.Error {
	return sqlstate.New(sqlstate.TooManyConnections, "datasource %q has no free connection", p.options.Datasource).
		WithHint("Raise pool.max of the datasource, which has %d.", p.options.Max)
}

// serve grants what can be granted. p.mu is held.
func (p *Pool) serve() {
	for c := p.first; c != nil; {
		next := c.next
		if c.UserMax > 0 && p.users[c.User] >= c.UserMax {
			c = next
			continue
		}
		if s := p.take(c.Startup); s != nil {
			p.grant(c, s, nil)
			c = next
			continue
		}
		if p.open >= p.options.Max && len(p.idle) > 0 {
			s := p.idle[0]
			p.idle = p.idle[1:]
			p.open--
			go func() { _ = s.Close() }()
		}
		if p.open < p.options.Max && p.dialling < p.waiting {
			p.open++
			p.dialling++
			go p.dial(c.Startup)
		}
		c = next
	}
}

// take returns the idle connection of a startup set that was used last.
func (p *Pool) take(startup *Startup) *Server {
	for i := len(p.idle) - 1; i >= 0; i-- {
		if s := p.idle[i]; s.Startup.same(startup) {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			return s
		}
	}
	return nil
}

func (p *Pool) dial(startup *Startup) {
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if p.options.Connect > 0 {
		ctx, cancel = context.WithTimeout(ctx, p.options.Connect)
	}
	defer cancel()
	s, err := p.options.Dial(ctx, startup)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialling--
	if err != nil {
		p.open--
		for c := p.first; c != nil; c = c.next {
			if c.Startup.same(startup) {
				p.grant(c, nil, err)
				break
			}
		}
		p.serve()
		return
	}
	s.Startup = startup
	if p.closed {
		p.open--
		go func() { _ = s.Close() }()
		return
	}
	p.idle = append(p.idle, s)
	p.serve()
}

// grant ends the wait of a claim. p.mu is held.
func (p *Pool) grant(c *Claim, s *Server, err error) {
	p.remove(c)
	c.server, c.err = s, err
	if s != nil {
		s.user = c.User
		p.users[c.User]++
	}
	c.granted <- struct{}{}
}

// Release gives a connection back. It must be Idle and clean: the next one finds it as it is. It is closed instead if it is
// broken, or if the pool is closed.
func (p *Pool) Release(s *Server) {
	if !s.Idle() {
		p.Discard(s)
		return
	}
	if s.cancels.Defer(func() { p.Release(s) }) {
		return
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.Discard(s)
		return
	}
	p.leave(s)
	p.idle = append(p.idle, s)
	p.serve()
	p.mu.Unlock()
}

// Discard closes a connection and frees its place.
func (p *Pool) Discard(s *Server) {
	_ = s.Close() // it may be broken already
	p.mu.Lock()
	p.leave(s)
	p.open--
	p.stats.Discarded++
	if !p.closed {
		p.serve()
	}
	p.mu.Unlock()
}

func (p *Pool) leave(s *Server) {
	if p.users[s.user]--; p.users[s.user] == 0 {
		delete(p.users, s.user)
	}
}

// Stats says what the pool does.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Datasource, s.Max, s.Reserve = p.options.Datasource, p.options.Max, p.options.Reserve
	s.Idle, s.Dialling, s.Waiting = len(p.idle), p.dialling, p.waiting
	s.Used = p.open - p.dialling - len(p.idle)
	return s
}

// Close closes the idle connections at once and the others when they come back. Claims end with 57P01.
func (p *Pool) Close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.open -= len(idle)
	for p.first != nil {
		p.grant(p.first, nil, errClosed())
	}
	p.mu.Unlock()
	for _, s := range idle {
		_ = s.Close()
	}
}

// CloseIdle closes the connections that nobody uses.
func (p *Pool) CloseIdle() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.open -= len(idle)
	if !p.closed {
		p.serve()
	}
	p.mu.Unlock()
	for _, s := range idle {
		_ = s.Close()
	}
}

func (p *Pool) push(c *Claim) {
	c.previous, c.next = p.last, nil
	if p.last != nil {
		p.last.next = c
	} else {
		p.first = c
	}
	p.last = c
	p.waiting++
}

func (p *Pool) remove(c *Claim) {
	if c.previous != nil {
		c.previous.next = c.next
	} else {
		p.first = c.next
	}
	if c.next != nil {
		c.next.previous = c.previous
	} else {
		p.last = c.previous
	}
	c.next, c.previous = nil, nil
	p.waiting--
}
