package pool

import "time"

// Claim asks a Pool for a connection. It may be used again, and should be: its first wait makes what its later ones need. It
// belongs to one goroutine, and must not be copied.
type Claim struct {
	// Startup is nil for a connection that was dialled with the pool's own parameters; else for one dialled with exactly
	// these, for which others are closed if there is no room.
	Startup *Startup
	// User and UserMax bound the connections that one user has of the pool; UserMax 0 is no bound.
	User    string
	UserMax int
	// Gone reports that nobody waits for the connection any more: it is asked now and then while the claim waits, from another
	// goroutine and under the pool's lock. Nil: nobody knows.
	Gone func() bool

	links   [2]links      // by order
	granted chan struct{} // holds one token when server or err is set
	server  *Server
	err     error

	number  uint64    // of the claims that waited
	since   time.Time // when it began to wait
	user    *user     // nil: without a bound
	blocked bool      // it waits for a connection of its user to come back
	waited  bool      // the last time
}

// order is one of the lists that a waiting claim is in.
type order int

const (
	byArrival order = iota // all that wait
	byTurn                 // those whose turn may come; or those that their user's bound blocks
)

type links struct{ next, previous *Claim }

// claims is a list of claims, linked within them.
type claims struct {
	order       order
	first, last *Claim
	len         int
}

func (l *claims) push(c *Claim) { l.insert(l.last, c) }

// insert puts c behind previous; nil is the head of the list.
func (l *claims) insert(previous, c *Claim) {
	at := &c.links[l.order]
	at.previous = previous
	if previous != nil {
		at.next = previous.links[l.order].next
		previous.links[l.order].next = c
	} else {
		at.next = l.first
		l.first = c
	}
	if at.next != nil {
		at.next.links[l.order].previous = c
	} else {
		l.last = c
	}
	l.len++
}

// insertByNumber puts c where it would be had it never been out of the list.
func (l *claims) insertByNumber(c *Claim) {
	var previous *Claim
	for later := l.first; later != nil && later.number < c.number; later = later.links[l.order].next {
		previous = later
	}
	l.insert(previous, c)
}

func (l *claims) remove(c *Claim) {
	at := &c.links[l.order]
	if at.previous != nil {
		at.previous.links[l.order].next = at.next
	} else {
		l.first = at.next
	}
	if at.next != nil {
		at.next.links[l.order].previous = at.previous
	} else {
		l.last = at.previous
	}
	*at = links{}
	l.len--
}

func (l *claims) next(c *Claim) *Claim { return c.links[l.order].next }
