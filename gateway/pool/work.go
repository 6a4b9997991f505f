package pool

import (
	"context"
	"errors"
	"time"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// work is a connection that is made ready in the background: dialled, or checked. It has a place among the open ones.
type work struct {
	startup *Startup
	evicted *Server // has given its place, and is closed first; nil if there was room
	server  *Server // to be checked; nil: to be dialled
	covers  bool    // a claim waits for it; scratch of serve
}

// dialsMax bounds the dials of one pool that are under way at one time.
const dialsMax = 4

// lifeJitter is the part of Options.Life by which lives differ: connections that were opened together are not closed
// together.
const lifeJitter = 0.1

// mayDial reports whether one more dial may be under way. While dials fail, one at a time finds out. p.mu is held.
func (p *Pool) mayDial(now time.Time) bool {
	if p.resting(now) {
		return false
	}
	dials := 0
	for _, w := range p.works {
		if w.server == nil {
			dials++
		}
	}
	return dials == 0 || p.failures == 0 && dials < dialsMax
}

// warm dials for Options.Min. p.mu is held.
func (p *Pool) warm(now time.Time) {
	for p.open-p.closing < p.options.Min && p.open < p.options.Max && p.mayDial(now) {
		p.open++
		p.start(&work{})
	}
}

// start runs w in the background. p.mu is held.
func (p *Pool) start(w *work) {
	p.works = append(p.works, w)
	if w.server != nil {
		go p.check(w)
	} else {
		go p.dial(w)
	}
}

// finish takes w out of the works. p.mu is held.
func (p *Pool) finish(w *work) {
	for i := range p.works {
		if p.works[i] == w {
			p.works[i] = p.works[len(p.works)-1]
			p.works = p.works[:len(p.works)-1]
			return
		}
	}
}

// dial opens the connection that w is for.
func (p *Pool) dial(w *work) {
	if w.evicted != nil {
		_ = w.evicted.Close()
	}
	ctx := p.life
	if p.options.Connect > 0 {
		bounded, cancel := context.WithTimeout(ctx, p.options.Connect)
		defer cancel()
		ctx = bounded
	}
	s, err := p.options.Dial(ctx, w.startup)

	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.options.Clock()
	p.finish(w)
	if w.evicted != nil {
		p.stats.Closed++
	}
	if err != nil {
		p.open--
		p.stats.DialFailures++
		if !p.closed {
			p.dialFailed(w.startup, err, now)
		}
		return
	}
	p.stats.Dials++
	if p.failures > 0 {
		p.options.Log.Info("a datasource can be reached again", "datasource", p.options.Datasource)
	}
	p.failures, p.failure = 0, nil
	s.Startup = w.startup
	if p.options.Life > 0 {
		s.diesAt = now.Add(time.Duration(float64(p.options.Life) * (1 - lifeJitter*p.options.Random())))
	}
	p.ready(s, now)
}

// ready puts a connection that was dialled or checked among the idle ones. p.mu is held.
func (p *Pool) ready(s *Server, now time.Time) {
	if p.closed {
		p.closing++
		go p.bury([]*Server{s})
		return
	}
	p.put(s, now)
	p.serve(now) // others may be dialled now
}

// dialFailed tells those that cannot have a connection why, and sets the pause before the next attempt. p.mu is held.
func (p *Pool) dialFailed(startup *Startup, err error, now time.Time) {
	told := p.explain(err)
	if startup != nil && ofParameters(told) {
		// What the server does not like are the client's own parameters: it says nothing of other ones.
		for c := p.queue.first; c != nil; {
			next := p.queue.next(c)
			if c.Startup.same(startup) {
				p.refuse(c, told, now)
				p.stats.Failed++
			}
			c = next
		}
		p.serve(now)
		return
	}
	p.failures++
	p.failure = told
	pause := p.backoff()
	p.retryAt = now.Add(pause)
	p.options.Log.Error("could not connect", "datasource", p.options.Datasource, "error", err, "attempt", p.failures,
		"pause", pause)
	p.serve(now)
}

// backoffShiftMax keeps the doubling of pauses within what a Duration holds.
const backoffShiftMax = 20

// backoff is the pause after a failed dial: it doubles with each, up to a bound, and half of it is chance.
func (p *Pool) backoff() time.Duration {
	pause := p.options.BackoffMin << min(p.failures-1, backoffShiftMax)
	pause = min(pause, p.options.BackoffMax)
	return pause/2 + time.Duration(p.options.Random()*float64(pause-pause/2))
}

// check asks the server of w for a sign of life.
func (p *Pool) check(w *work) {
	ctx, cancel := context.WithTimeout(p.life, checkTimeout)
	defer cancel()
	err := w.server.checkAlive(ctx)

	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.options.Clock()
	p.finish(w)
	if err == nil && w.server.inRole() {
		p.ready(w.server, now)
		return
	}
	p.stats.Stale++
	p.closing++
	go p.bury([]*Server{w.server})
	p.serve(now)
}

// explain makes of an error of Options.Dial what claims are told.
func (p *Pool) explain(err error) *sqlstate.Error {
	var known *sqlstate.Error
	if errors.As(err, &known) {
		return known
	}
	return unreachable(p.options.Datasource, err)
}
