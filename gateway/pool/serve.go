package pool

import "time"

// serve gives the claims in the queue what there is, first come first served. A claim is granted a connection that is idle; or
// it is covered by one that is being dialled or checked; or one is dialled for it, if there is room, or by closing an idle
// connection that was dialled with other parameters. The first claim for which nothing can be done stops those behind it:
// nothing that it could use may pass it by. p.mu is held.
func (p *Pool) serve(now time.Time) {
	if p.closed {
		return
	}
	for p.queue.first != nil && p.hopeless(now) {
		p.refuse(p.queue.first, p.failure, now)
		p.stats.Failed++
	}
	for _, w := range p.works {
		w.covers = false
	}
	for c := p.queue.first; c != nil; {
		next := p.queue.next(c)
		if s := p.take(c.Startup, now); s != nil {
			p.grant(c, s, now)
		} else if !p.cover(c.Startup) && !p.provide(c, now) {
			break
		}
		c = next
	}
	p.warm(now)
	p.arm(now)
}

// take returns the idle connection of a startup set that was used last. One that has died is dropped; one that must be
// checked first is being checked from now on. p.mu is held.
func (p *Pool) take(startup *Startup, now time.Time) *Server {
	for i := len(p.idle) - 1; i >= 0; i-- {
		s := p.idle[i]
		if !s.Startup.same(startup) {
			continue
		}
		idleFor, seen := now.Sub(s.idleSince), quiet
		if idleFor > peekAfter || s.idleSince.Before(p.doubtAt) {
			seen = s.socket.peek()
		}
		switch {
		case p.worn(s, now):
			p.retire(i, &p.stats.Expired)
		case seen == hungUp:
			p.retire(i, &p.stats.Stale)
		case seen == talking, p.options.CheckAfter > 0 && idleFor > p.options.CheckAfter:
			p.start(&work{startup: startup, server: p.pick(i)})
			return nil
		default:
			return p.pick(i)
		}
	}
	return nil
}

// retire closes the idle connection at i and frees its place. p.mu is held.
func (p *Pool) retire(i int, count *uint64) {
	*count++
	p.closing++
	go p.bury([]*Server{p.pick(i)})
}

// pick takes the connection at i from the idle ones. p.mu is held.
func (p *Pool) pick(i int) *Server {
	s, last := p.idle[i], len(p.idle)-1
	copy(p.idle[i:], p.idle[i+1:])
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return s
}

// hopeless reports that there is no connection, and that none will be opened for some time. p.mu is held.
func (p *Pool) hopeless(now time.Time) bool { return p.resting(now) && p.open == p.closing }

// resting reports that no dial may begin, because the last one failed. p.mu is held.
func (p *Pool) resting(now time.Time) bool { return p.failures > 0 && now.Before(p.retryAt) }

// cover reports whether something is under way for a claim of a startup set. p.mu is held.
func (p *Pool) cover(startup *Startup) bool {
	for _, w := range p.works {
		if !w.covers && w.startup.same(startup) {
			w.covers = true
			return true
		}
	}
	return false
}

// provide starts a dial for a claim. It reports false if the claim can only wait. p.mu is held.
func (p *Pool) provide(c *Claim, now time.Time) bool {
	if !p.mayDial(now) {
		return false
	}
	room := p.options.Max
	if p.options.Reserve > 0 && now.Sub(c.since) >= p.options.ReserveAfter {
		room += p.options.Reserve
	}
	var evicted *Server
	switch {
	case p.open < room:
		p.open++
	case len(p.idle) > 0:
		evicted = p.pick(0)
	default:
		return false
	}
	p.start(&work{startup: c.Startup, evicted: evicted, covers: true})
	return true
}

// grant gives s to a waiting claim. p.mu is held.
func (p *Pool) grant(c *Claim, s *Server, now time.Time) {
	p.dequeue(c, now)
	s.user = c.user
	c.server = s
	p.stats.Acquired++
	p.stats.Waited++
	c.granted <- struct{}{}
}

// refuse ends the wait of a claim. p.mu is held.
func (p *Pool) refuse(c *Claim, err error, now time.Time) {
	p.dismiss(c, now)
	c.err = err
	c.granted <- struct{}{}
}

// put takes a connection in. p.mu is held.
func (p *Pool) put(s *Server, now time.Time) {
	s.idleSince = now
	p.idle = append(p.idle, s)
	if p.queue.first != nil {
		p.serve(now)
	} else if p.alarmAt.IsZero() {
		p.arm(now)
	}
	for p.open-p.closing > p.options.Max && len(p.idle) > 0 {
		p.retire(0, &p.stats.Expired) // the reserve is not needed any more
	}
}

// worn reports that a connection has reached the end of its life.
func (p *Pool) worn(s *Server, now time.Time) bool {
	return !s.diesAt.IsZero() && !now.Before(s.diesAt)
}
