package pool

// user is one user's share of a pool, if it is bounded. Only as many of his claims as may be granted stand in the queue of
// the pool: the others wait here, so that they are in nobody's way.
type user struct {
	name     string
	admitted int // connections that he has, and claims in the queue
	blocked  claims
}

// admit lets c into the queue of the pool, unless its user's bound is reached. p.mu is held.
func (p *Pool) admit(c *Claim) bool {
	c.user = nil
	if c.UserMax <= 0 {
		return true
	}
	u := p.users[c.User]
	if u == nil {
		u = &user{name: c.User, blocked: claims{order: byTurn}}
		p.users[c.User] = u
	}
	c.user = u
	if u.admitted >= c.UserMax {
		return false
	}
	u.admitted++
	return true
}

// leave takes back what admit gave; the longest waiter of the user comes into the queue at its old place. p.mu is held.
func (p *Pool) leave(u *user) {
	if u == nil {
		return
	}
	u.admitted--
	if c := u.blocked.first; c != nil && u.admitted < c.UserMax {
		u.blocked.remove(c)
		c.blocked = false
		u.admitted++
		p.queue.insertByNumber(c)
	}
}

// forgetUsers drops those who have nothing. p.mu is held.
func (p *Pool) forgetUsers() {
	for name, u := range p.users {
		if u.admitted == 0 && u.blocked.len == 0 {
			delete(p.users, name)
		}
	}
}
