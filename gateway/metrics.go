package gateway

import (
	"cmp"
	"crypto/x509"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/portcullisdb/portcullis/gateway/admin"
	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/session"
)

// counters are what the gateway counts beside its sessions.
type counters struct {
	reloads, reloadsFailed atomic.Uint64
	reloadedAt             atomic.Int64  // Unix time
	refused                atomic.Uint64 // sockets, for there were too many
}

// Snapshot returns what metrics are made of.
func (g *Gateway) Snapshot() admin.Snapshot {
	options := g.sessions.Load()
	gate, counts := options.Logins.Stats(), g.registry.Counts()
	s := admin.Snapshot{
		Build:    admin.Build{Version: g.options.Version, GoVersion: runtime.Version()},
		Draining: g.isLeaving(), Sockets: int(g.sockets.Load()),
		Logins: admin.Logins{Accepted: counts.LoginsAccepted, Failed: counts.LoginsFailed, Refused: g.counters.refused.Load(),
			InProgress: gate.Inside, Queued: gate.Waiting},
		Refusals: counts.Refusals, Timeouts: map[string]uint64{},
		Cancels: admin.Cancels{Accepted: counts.Cancels, Dropped: options.Cancels.Dropped()},
		Reloads: admin.Reloads{Done: g.counters.reloads.Load(), Failed: g.counters.reloadsFailed.Load(),
			Last: time.Unix(g.counters.reloadedAt.Load(), 0)},
		CertExpiry: g.certificateExpiry(),
	}
	for kind := range session.TimeoutKinds {
		s.Timeouts[kind.String()] = g.registry.TimedOut(kind)
	}
	if g.audit != nil {
		s.Audit = &admin.Audit{Writable: g.health.auditTroubles.Load() == 0}
	}
	g.snapshotSessions(&s)
	g.snapshotPools(&s)
	return s
}

func (g *Gateway) snapshotSessions(s *admin.Snapshot) {
	sessions, traffic := g.registry.Census()
	for group, count := range sessions {
		s.Sessions = append(s.Sessions, admin.Sessions{Database: group.Database, Mode: group.Mode, Phase: group.Phase, Count: count})
	}
	for name := range g.state.Load().databases {
		if _, known := traffic[name]; !known {
			traffic[name] = session.Traffic{}
		}
	}
	for name, t := range traffic {
		s.Databases = append(s.Databases, admin.Database{Name: name, Transactions: t.Transactions, Statements: t.Statements,
			BytesIn: t.BytesIn, BytesOut: t.BytesOut})
	}
}

// snapshotPools adds up the pools of each datasource: where clients log in to servers themselves each has one of his own.
func (g *Gateway) snapshotPools(s *admin.Snapshot) {
	pools := map[[2]string]*admin.Pool{}
	for _, one := range g.PoolStats() {
		key := [2]string{one.Database, cmp.Or(one.Datasource, logicalLabel)}
		p := pools[key]
		if p == nil {
			p = &admin.Pool{Database: key[0], Datasource: key[1], Up: true, Max: one.Max, Reserve: one.Reserve}
			pools[key] = p
		}
		if one.User == "" {
			p.Up = !one.Failing
		}
		p.Idle, p.Used, p.Dialling, p.Checking = p.Idle+one.Idle, p.Used+one.Used, p.Dialling+one.Dialling, p.Checking+one.Checking
		p.Waiting, p.OldestWait, p.WaitedFor = p.Waiting+one.Waiting, max(p.OldestWait, one.OldestWait), p.WaitedFor+one.WaitedFor
		p.Acquired, p.Waited, p.TimedOut = p.Acquired+one.Acquired, p.Waited+one.Waited, p.TimedOut+one.TimedOut
		p.Failed, p.Cancelled = p.Failed+one.Failed, p.Cancelled+one.Cancelled
		p.Dials, p.DialFailures, p.Closed = p.Dials+one.Dials, p.DialFailures+one.DialFailures, p.Closed+one.Closed
	}
	for name, d := range g.state.Load().databases {
		if d.logical == nil {
			delete(pools, [2]string{name, cmp.Or(execute.LogicalDatasource, logicalLabel)}) // nobody uses it
		}
	}
	for _, p := range pools {
		s.Pools = append(s.Pools, *p)
	}
	slices.SortFunc(s.Pools, func(a, b admin.Pool) int {
		return cmp.Or(cmp.Compare(a.Database, b.Database), cmp.Compare(a.Datasource, b.Datasource))
	})
}

// logicalLabel stands for the logical database among the datasources of metrics. No datasource can have this name.
const logicalLabel = "(logical)"

// certificateExpiry returns when the listener's certificate ends; zero without TLS.
func (g *Gateway) certificateExpiry() time.Time {
	t := g.tls.Load()
	if t == nil || len(t.Certificates) == 0 {
		return time.Time{}
	}
	leaf := t.Certificates[0].Leaf
	if leaf == nil {
		parsed, err := x509.ParseCertificate(t.Certificates[0].Certificate[0])
		if err != nil {
			return time.Time{}
		}
		leaf = parsed
	}
	return leaf.NotAfter
}

// Admin makes the HTTP server of administration.
func (g *Gateway) Admin() *admin.Server { return admin.NewServer(g, g.options.Log) }
