package session

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/portcullisdb/portcullis/gateway/wire"
)

// What is guaranteed of a cancel request: it reaches only server connections that the session named by the key has at
// that moment, and none of them is given to another session before the server has taken the request (pool.Server,
// PrepareCancel): the server has then signalled the backend, and a signal that finds no statement under way is dropped
// before the next one begins (PostgresMain of src/backend/tcop/postgres.c). So no statement of another session is ever
// hit. As on PostgreSQL itself, a request that comes late may hit the next statement of the same session.

// Cancels bounds cancel requests, each of which is a guess at the 32 secret bits of a session's key: for each address, and
// for all together. It may be used concurrently.
type Cancels struct {
	perAddress float64 // a second
	clock      func() time.Time
	log        *slog.Logger

	mu        sync.Mutex
	all       bucket
	addresses map[netip.Prefix]*bucket
	others    bucket // of addresses for which there is no room
	swept     time.Time
	dropped   uint64
	told      uint64 // of dropped, when that was logged last
	toldAt    time.Time
}

// Limits of cancel requests.
const (
	// cancelsPerSecond bounds the guesses of all addresses together: to try half of the 2^32 keys of one session takes 24
	// days then.
	cancelsPerSecond = 1000
	// cancelAddressesMax bounds the addresses that are counted apart.
	cancelAddressesMax = 10_000
	// cancelsToldInterval is the least time between two lines of the log.
	cancelsToldInterval = 10 * time.Second
)

// NewCancels allows perSecond cancel requests a second from one address, and as many at once: see
// sourceOf for what counts as one. What is dropped is logged, though not each.
func NewCancels(perSecond int, clock func() time.Time, log *slog.Logger) *Cancels {
	now := clock()
	return &Cancels{perAddress: float64(perSecond), clock: clock, log: log, addresses: map[netip.Prefix]*bucket{},
		all: bucket{cancelsPerSecond, now}, others: bucket{float64(perSecond), now}, swept: now}
}

// Allow reports whether a cancel request of an address is to be looked at. A nil Cancels allows all.
func (c *Cancels) Allow(address net.Addr) bool {
	if c == nil {
		return true
	}
	now := c.clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bucketOf(sourceOf(address), now).take(c.perAddress, now) && c.all.take(cancelsPerSecond, now) {
		return true
	}
	c.dropped++
	if now.Sub(c.toldAt) >= cancelsToldInterval {
		c.log.Warn("cancel requests were passed over: too many at one time", "requests", c.dropped-c.told)
		c.told, c.toldAt = c.dropped, now
	}
	return false
}

// Dropped returns how many requests were passed over.
func (c *Cancels) Dropped() uint64 {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped
}

func (c *Cancels) bucketOf(address netip.Prefix, now time.Time) *bucket {
	if b := c.addresses[address]; b != nil {
		return b
	}
	if len(c.addresses) >= cancelAddressesMax && now.Sub(c.swept) >= time.Second {
		c.swept = now
		for other, b := range c.addresses {
			if now.Sub(b.at) >= time.Second { // it is full again, as a new one is
				delete(c.addresses, other)
			}
		}
	}
	if len(c.addresses) >= cancelAddressesMax {
		return &c.others
	}
	b := &bucket{c.perAddress, now}
	c.addresses[address] = b
	return b
}

// bucket holds tokens, which come back at a rate and never are more than that of one second.
type bucket struct {
	tokens float64
	at     time.Time
}

// take takes one token if there is one. rate is of tokens in a second.
func (b *bucket) take(rate float64, now time.Time) bool {
	if elapsed := now.Sub(b.at); elapsed > 0 {
		b.tokens = min(rate, b.tokens+rate*elapsed.Seconds())
		b.at = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// cancel does what a cancel request asks for, if it is one that may be looked at. Nobody is answered.
func (s *Session) cancel(ctx context.Context, key *wire.CancelKey) {
	if s.options.Cancels.Allow(s.conn.RemoteAddr()) {
		s.options.Registry.Cancel(ctx, key)
	}
}
