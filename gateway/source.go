package gateway

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/session"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// source is one datasource of a database with its pools: one for the user of its URL, and where clients log in to servers
// themselves, one for each client. Generations share it as long as what it is made of does not change.
type source struct {
	made    sourceMade
	owners  atomic.Int32 // generations
	gateway *Gateway
	service *pool.Pool

	mu    sync.Mutex // guards what follows
	users map[string][]*userSource
}

// sourceMade is all that decides how a source's connections are made and kept.
type sourceMade struct {
	database, datasource, url string
	transparent               bool // its sessions leave other settings on connections than those that plan
	clientKeys                bool
	bounds                    poolBounds
	statements                int
	limits                    wire.Limits
}

// poolBounds are the numbers of pool.Options.
type poolBounds struct {
	min, max, reserve                                                           int
	reserveAfter, wait, life, idle, checkAfter, connect, backoffMin, backoffMax time.Duration
}

func boundsOf(c *config.Pool) poolBounds {
	return poolBounds{min: c.Min, max: c.Max, reserve: c.Reserve, reserveAfter: c.ReserveAfter, wait: c.Wait, life: c.Life,
		idle: c.Idle, checkAfter: c.CheckAfter, connect: c.Connect, backoffMin: c.BackoffMin, backoffMax: c.BackoffMax}
}

// logicalBounds are those of the connections of sessions to a logical database.
var logicalBounds = poolBounds{max: 20, wait: 10 * time.Second, life: time.Hour, idle: 10 * time.Minute,
	checkAfter: 30 * time.Second, connect: session.ConnectTimeoutDefault, backoffMax: 15 * time.Second}

// userSource is the pool of a client that logs in to servers by its own keys.
type userSource struct {
	keys  wire.SCRAMKeys
	pool  *pool.Pool
	asked bool // for it, since the last sweep
	quiet int  // sweeps since it was used
}

// openSources makes the sources of a database, or takes over those of the previous generation.
func (g *Gateway) openSources(c *config.Config, dc *config.Database, d *database, previous *generation) {
	d.sources = map[string]*source{}
	open := func(made sourceMade) {
		made.database, made.transparent = dc.Name, d.Policy.Transparent()
		made.statements, made.limits = c.Limits.ServerStatements, wireLimits(c)
		var s *source
		if previous != nil && previous.databases[dc.Name] != nil {
			s = previous.databases[dc.Name].sources[made.datasource]
		}
		if s == nil || s.made != made {
			s = &source{made: made, gateway: g, users: map[string][]*userSource{}}
			bounds := made.bounds
			if made.clientKeys {
				bounds.min = 0 // nearly nobody uses the service user's
			}
			s.service = s.open(bounds, nil)
		}
		s.owners.Add(1)
		d.sources[made.datasource] = s
	}
	open(sourceMade{datasource: execute.LogicalDatasource, url: dc.Logical.Reveal(), bounds: logicalBounds})
	for i := range dc.Datasources {
		ds := &dc.Datasources[i]
		open(sourceMade{datasource: ds.Name, url: ds.URL.Reveal(), bounds: boundsOf(&ds.Pool),
			clientKeys: d.Pooling.Backend == session.BackendClientKeys})
	}
	d.Pool = func(datasource string, id session.Identity) (*pool.Pool, *sqlstate.Error) {
		s := d.sources[datasource]
		if s == nil {
			return nil, sqlstate.New(sqlstate.InternalError, "datasource %q is not configured", datasource)
		}
		return s.pool(id)
	}
}

// open makes a pool, of the service user or of a client.
func (s *source) open(b poolBounds, client *session.Identity) *pool.Pool {
	g := s.gateway
	return pool.New(pool.Options{Datasource: s.made.datasource, Min: b.min, Max: b.max, Reserve: b.reserve,
		ReserveAfter: b.reserveAfter, Wait: b.wait, Life: b.life, Idle: b.idle, CheckAfter: b.checkAfter, Connect: b.connect,
		BackoffMin: b.backoffMin, BackoffMax: b.backoffMax, Clock: g.options.Clock, Log: g.options.Log,
		Dial: func(ctx context.Context, startup *pool.Startup) (*pool.Server, error) {
			c := pool.Config{Datasource: s.made.datasource, URL: s.made.url, StatementsMax: s.made.statements,
				Buffers: g.buffers, Limits: s.made.limits, DialNet: g.options.Dial, AnySettings: s.made.transparent}
			if startup != nil {
				c.Params = startup.Params
			}
			if client != nil {
				c.User, c.Keys = client.User, client.Keys
			}
			return pool.Dial(ctx, c)
		}})
}

// pool returns the pool of an identity.
func (s *source) pool(id session.Identity) (*pool.Pool, *sqlstate.Error) {
	switch {
	case !s.made.clientKeys || id.User == "":
		return s.service, nil
	case id.Keys == nil:
		return nil, sqlstate.New(sqlstate.InvalidAuthorization, "no keys to log in to datasource %q as user \"%s\"",
			s.made.datasource, id.User).
			WithHint("With pool.identity client-keys clients log in by SCRAM-SHA-256: a certificate gives no keys.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users[id.User] {
		if bytes.Equal(u.keys.ClientKey, id.Keys.ClientKey) && bytes.Equal(u.keys.ServerKey, id.Keys.ServerKey) {
			u.asked = true
			return u.pool, nil
		}
	}
	// The session clears its keys at its end.
	u := &userSource{asked: true,
		keys: wire.SCRAMKeys{ClientKey: bytes.Clone(id.Keys.ClientKey), ServerKey: bytes.Clone(id.Keys.ServerKey)}}
	bounds := s.made.bounds
	bounds.min = 0
	u.pool = s.open(bounds, &session.Identity{User: id.User, Keys: &u.keys})
	s.users[id.User] = append(s.users[id.User], u)
	return u.pool, nil
}

// userSweepsMax is after how many sweeps, one every catalogInterval, a client's pool is forgotten that has no connection and that
// nobody has asked for.
const userSweepsMax = 60

// sweep forgets the pools of clients that are not there any more. They have no connections, so there is nothing to close,
// and whoever still holds one of them may use it.
func (s *source) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, users := range s.users {
		kept := users[:0]
		for _, u := range users {
			st := u.pool.Stats()
			if u.asked || st.Idle+st.Used+st.Dialling+st.Checking+st.Waiting > 0 {
				u.quiet = 0
			}
			u.asked = false
			if u.quiet++; u.quiet <= userSweepsMax {
				kept = append(kept, u)
			}
		}
		clear(users[len(kept):])
		if s.users[name] = kept; len(kept) == 0 {
			delete(s.users, name)
		}
	}
}

// close gives up one generation's share.
func (s *source) close() {
	if s.owners.Add(-1) > 0 {
		return
	}
	s.service.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, users := range s.users {
		for _, u := range users {
			u.pool.Close()
		}
	}
}

// PoolStats are the figures of one pool.
type PoolStats struct {
	Database string
	User     string // "": the pool of the datasource's own user
	pool.Stats
}

// PoolStats returns the figures of all pools of the current generation: sorted by nothing, one for each datasource, the logical
// databases' ("") included, and for each client that logs in to servers itself.
func (g *Gateway) PoolStats() []PoolStats {
	var stats []PoolStats
	for _, d := range g.state.Load().databases {
		for _, s := range d.sources {
			stats = append(stats, PoolStats{Database: s.made.database, Stats: s.service.Stats()})
			s.mu.Lock()
			for name, users := range s.users {
				for _, u := range users {
					stats = append(stats, PoolStats{Database: s.made.database, User: name, Stats: u.pool.Stats()})
				}
			}
			s.mu.Unlock()
		}
	}
	return stats
}
