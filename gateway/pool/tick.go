package pool

import (
	"time"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Bounds of the time between two looks at idle connections.
const (
	sweepMin = 250 * time.Millisecond
	sweepMax = 15 * time.Second
)

// sweepInterval is the time between two looks at idle connections: a part of the shortest time that they are looked at for.
func (p *Pool) sweepInterval() time.Duration {
	const part = 4
	interval := sweepMax
	for _, d := range []time.Duration{p.options.Life, p.options.Idle, p.options.CheckAfter} {
		if d > 0 {
			interval = min(interval, d/part)
		}
	}
	return max(interval, sweepMin)
}

// tick does what is due: ends waits, opens what the reserve may give, tries again to connect, closes what is too old.
func (p *Pool) tick() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.alarmAt = time.Time{}
	now := p.options.Clock()
	for c := p.arrivals.first; c != nil && p.options.Wait > 0 && now.Sub(c.since) >= p.options.Wait; c = p.arrivals.first {
		p.refuse(c, p.errWait(c), now)
		p.stats.TimedOut++
	}
	p.dismissGone(now)
	victims := p.sweep(now)
	p.forgetUsers()
	p.serve(now)
	p.mu.Unlock()
	if len(victims) > 0 {
		p.bury(victims)
	}
}

// goneInterval is the time between two looks whether those who wait are still there, and how long they have waited at least.
const goneInterval = 500 * time.Millisecond

// dismissGone ends the waits of those who are not there any more, so that no connection is taken, and nothing is sent on it, for
// nobody: clients that give up and come again would else use up what there is. p.mu is held.
func (p *Pool) dismissGone(now time.Time) {
	if now.Sub(p.lookedAt) < goneInterval {
		return
	}
	p.lookedAt = now
	for c := p.arrivals.first; c != nil && now.Sub(c.since) >= goneInterval; {
		next := p.arrivals.next(c)
		if c.Gone != nil && c.Gone() {
			p.refuse(c, errGone(), now)
			p.stats.Cancelled++
		}
		c = next
	}
}

func errGone() *sqlstate.Error {
	return sqlstate.New(sqlstate.ConnectionFailure, "connection to client lost")
}

// sweep takes out the idle connections that are to be closed: those that have died, and those that are too old. p.mu is held.
func (p *Pool) sweep(now time.Time) (victims []*Server) {
	kept := p.idle[:0]
	for _, s := range p.idle {
		idleFor := now.Sub(s.idleSince)
		spare := p.open-p.closing-len(victims) > p.options.Min
		switch {
		case s.socket.peek() == hungUp:
			p.stats.Stale++
			victims = append(victims, s)
		case p.worn(s, now), p.options.Idle > 0 && idleFor >= p.options.Idle && spare:
			p.stats.Expired++
			victims = append(victims, s)
		default:
			kept = append(kept, s)
		}
	}
	clear(p.idle[len(kept):])
	p.idle = kept
	p.closing += len(victims)
	return victims
}

// arm sets the alarm for what is due next. p.mu is held.
func (p *Pool) arm(now time.Time) {
	if p.closed {
		return
	}
	if c := p.arrivals.first; c != nil && p.options.Wait > 0 {
		p.wake(c.since.Add(p.options.Wait), now)
	}
	if p.arrivals.first != nil {
		p.wake(now.Add(goneInterval), now)
	}
	if c := p.queue.first; c != nil && p.options.Reserve > 0 && p.open < p.options.Max+p.options.Reserve {
		if at := c.since.Add(p.options.ReserveAfter); at.After(now) {
			p.wake(at, now)
		}
	}
	if p.resting(now) && (p.queue.first != nil || p.open-p.closing < p.options.Min) {
		p.wake(p.retryAt, now)
	}
	if len(p.idle) > 0 || len(p.users) > 0 {
		p.wake(now.Add(p.sweepInterval()), now)
	}
}

// wake sets the alarm, unless it will ring before. p.mu is held.
func (p *Pool) wake(at, now time.Time) {
	if p.alarmAt.IsZero() || at.Before(p.alarmAt) {
		p.alarmAt = at
		p.alarm.Reset(at.Sub(now))
	}
}

// errWait is what a claim is told that has waited in vain.
func (p *Pool) errWait(c *Claim) *sqlstate.Error {
	o := &p.options
	e := sqlstate.New(sqlstate.TooManyConnections, "datasource %q has no free connection", o.Datasource)
	switch {
	case c.blocked:
		return e.WithDetail("User %q has waited %v, and has all of the %d connections that are allowed to the user.",
			c.User, o.Wait, c.UserMax).WithHint("Raise pool.max of the user, or make the user's transactions shorter.")
	case p.failures > 0:
		return e.WithDetail("The session has waited %v. The last attempt to open a connection has failed.", o.Wait).
			WithHint("The log of the gateway has the cause.")
	case o.Reserve > 0:
		e.WithDetail("The session has waited %v, and all of %d connections, with %d in reserve, are in use.", o.Wait, o.Max, o.Reserve)
	default:
		e.WithDetail("The session has waited %v, and all of %d connections are in use.", o.Wait, o.Max)
	}
	return e.WithHint("Raise pool.max of the datasource, or make transactions shorter.")
}
