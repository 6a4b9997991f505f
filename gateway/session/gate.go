package session

import (
	"container/list"
	"context"
	"net"
	"net/netip"
	"sync"
)

// Gate bounds how many clients are in their handshake at one time: a storm of logins must not take the processor from those who
// are logged in, nor one address the place of the others. Who finds no place waits: first come, first served, but for
// addresses that have their share already, whose clients wait for each other. It may be used concurrently; a nil Gate lets
// everybody in.
type Gate struct {
	mu       sync.Mutex
	places   int
	share    int // of places, for one address
	taken    int
	admitted uint64
	waited   uint64
	sources  map[netip.Prefix]*source
	queue    list.List // of *caller: those whose address has room
}

// source is an address from which clients come.
type source struct {
	prefix netip.Prefix
	taken  int // of the share, by those inside and those in the gate's queue
	queue  list.List
}

// caller waits at the gate.
type caller struct {
	from    *source
	element *list.Element
	in      *list.List
	let     chan struct{} // closed when it has a place
}

// NewGate makes a gate with so many places, of which one address may have its share.
func NewGate(places, share int) *Gate {
	return &Gate{places: places, share: share, sources: map[netip.Prefix]*source{}}
}

// Resize changes the bounds. Those inside stay.
func (g *Gate) Resize(places, share int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.places, g.share = places, share
	for _, from := range g.sources {
		g.promote(from)
	}
	g.admit()
}

// GateStats says what a gate does and has done.
type GateStats struct {
	Inside, Waiting  int
	Admitted, Waited uint64 // those let in, and those of them that had to wait
}

// Stats returns what the gate does now.
func (g *Gate) Stats() GateStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := GateStats{Inside: g.taken, Waiting: g.queue.Len(), Admitted: g.admitted, Waited: g.waited}
	for _, from := range g.sources {
		s.Waiting += from.queue.Len()
	}
	return s
}

// enter waits for a place. The caller calls leave when it has one. The error is the cause of ctx.
func (g *Gate) enter(ctx context.Context, address net.Addr) (leave func(), err error) {
	if g == nil {
		return func() {}, nil
	}
	c := g.arrive(sourceOf(address))
	leave = func() { g.leave(c.from) }
	if c.let == nil {
		return leave, nil
	}
	select {
	case <-c.let:
		return leave, nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.element == nil { // it has just got a place
		return leave, nil
	}
	c.in.Remove(c.element)
	if c.in == &g.queue {
		c.from.taken--
		g.promote(c.from)
	}
	g.forget(c.from)
	return nil, context.Cause(ctx)
}

// arrive gives a client its place in the gate or in a queue. let is nil if it is inside.
func (g *Gate) arrive(prefix netip.Prefix) *caller {
	g.mu.Lock()
	defer g.mu.Unlock()
	from := g.sources[prefix]
	if from == nil {
		from = &source{prefix: prefix}
		g.sources[prefix] = from
	}
	c := &caller{from: from}
	hasShare := from.taken < g.shareOf(prefix)
	if hasShare && g.taken < g.places && g.queue.Len() == 0 {
		from.taken++
		g.taken++
		g.admitted++
		return c
	}
	c.let, c.in = make(chan struct{}), &from.queue
	if hasShare {
		from.taken++
		c.in = &g.queue
	}
	c.element = c.in.PushBack(c)
	return c
}

func (g *Gate) leave(from *source) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken--
	from.taken--
	g.promote(from)
	g.admit()
	g.forget(from)
}

// promote moves those of an address into the gate's queue for whom it has room again.
func (g *Gate) promote(from *source) {
	for from.taken < g.shareOf(from.prefix) && from.queue.Len() > 0 {
		c := from.queue.Remove(from.queue.Front()).(*caller)
		c.in, c.element = &g.queue, g.queue.PushBack(c)
		from.taken++
	}
}

// admit lets in who is first in the queue, as long as there are places.
func (g *Gate) admit() {
	for g.taken < g.places && g.queue.Len() > 0 {
		c := g.queue.Remove(g.queue.Front()).(*caller)
		c.element = nil
		g.taken++
		g.admitted++
		g.waited++
		close(c.let)
	}
}

// forget drops an address of which nobody is here.
func (g *Gate) forget(from *source) {
	if from.taken == 0 && from.queue.Len() == 0 {
		delete(g.sources, from.prefix)
	}
}

// shareOf returns how many places an address may have. Clients by Unix socket have no address to tell them apart.
func (g *Gate) shareOf(prefix netip.Prefix) int {
	if !prefix.IsValid() {
		return g.places
	}
	return g.share
}

// networkBits6 is the length of the prefix that one IPv6 site has at least (RFC 6177): its addresses count as one.
const networkBits6 = 64

// sourceOf returns whose share a client's place is taken from; the zero Prefix for a client by Unix socket.
func sourceOf(address net.Addr) netip.Prefix {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = networkBits6
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
