package gateway

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/audit"
	"github.com/portcullisdb/portcullis/gateway/session"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Options are what a Gateway takes from its process. Zero fields mean the process's own logger, clock, randomness and
// network.
type Options struct {
	Log    *slog.Logger
	Clock  func() time.Time
	Random io.Reader
	// Dial opens the sockets of sessions to servers.
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	Version string // of the build, for metrics
	// AuditFiles are those that AuditFiles of the gateway that this one replaces returned, as this process has inherited them.
	AuditFiles []*os.File
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return o
}

// Gateway serves the databases of one configuration. Its methods may be called from any goroutine.
type Gateway struct {
	options  Options
	config   *config.Config // of New: sockets and the audit log are its
	current  atomic.Pointer[config.Config]
	state    atomic.Pointer[generation]
	tls      atomic.Pointer[tls.Config]      // of clients that come now; nil: no TLS
	sessions atomic.Pointer[session.Options] // of clients that come now
	registry *session.Registry
	audit    *audit.Log // nil: nothing is recorded
	buffers  *wire.Buffers
	peers    *peers
	health   health
	counters counters
	sockets  atomic.Int64 // of clients

	life   context.Context // of sessions
	kill   context.CancelFunc
	chores sync.Once // starts what goes on beside the sessions

	reloading sync.Mutex // held while a generation is built

	mu        sync.Mutex // guards what follows
	listeners map[net.Listener]struct{}
	leaving   leaving
	retired   []*generation // replaced, and perhaps still used
	closed    bool
}

// New builds a Gateway: it opens the keysets, loads the catalog of each logical database, checks the physical tables, and
// opens the audit log. ctx bounds the building alone. Tables that are not what the policy needs are disabled and logged;
// an error means that the gateway cannot serve at all.
func New(ctx context.Context, c *config.Config, p *policy.Policy, o Options) (*Gateway, error) {
	o = o.withDefaults()
	g := &Gateway{options: o, config: c, registry: session.NewRegistry(), buffers: &wire.Buffers{},
		listeners: map[net.Listener]struct{}{}}
	g.peers = newPeers(func() time.Duration { return g.current.Load().Timeouts.KeepAlive })
	if o.Dial == nil {
		g.options.Dial = g.peers.dial
	}
	g.current.Store(c)
	g.counters.reloadedAt.Store(o.Clock().Unix())
	tlsConfig, err := loadTLS(c.Listen.TLS)
	if err != nil {
		return nil, err
	}
	first, err := g.build(ctx, c, p, nil)
	if err != nil {
		return nil, err
	}
	g.state.Store(first)
	if g.audit, err = g.openAudit(&c.Audit); err != nil {
		first.close()
		return nil, err
	}
	secret, err := mockSecret(c, o.Random)
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	g.tls.Store(tlsConfig)
	g.life, g.kill = context.WithCancel(context.Background())
	g.sessions.Store(&session.Options{
		State:    func() *session.State { return g.state.Load().state },
		Registry: g.registry, SCRAM: wire.NewSCRAM(secret, o.Random), TLS: g.tls.Load,
		Logins:   session.NewGate(c.Limits.Logins, c.Limits.LoginsPerAddress),
		Cancels:  session.NewCancels(c.Limits.CancelsPerSecond, o.Clock, o.Log),
		AuditAll: c.Audit.All, Log: o.Log, Clock: o.Clock, Random: o.Random, Buffers: g.buffers,
		Limits: sessionLimits(c), Audit: g.recorder(),
	})
	return g, nil
}

func wireLimits(c *config.Config) wire.Limits {
	return wire.Limits{StartupBytes: c.Limits.StartupBytes, MessageBytes: c.Limits.MessageBytes}
}

func sessionLimits(c *config.Config) session.Limits {
	return session.Limits{Wire: wireLimits(c), Statements: c.Limits.PreparedStatements, Portals: c.Limits.Portals,
		Sessions: c.Limits.Sessions, StartupTimeout: c.Limits.StartupTime}
}

// ErrClosed is what Serve returns after Shutdown or Retire.
var ErrClosed = errors.New("the gateway is shut down")

// Serve accepts clients on listeners, which it closes, until ctx ends, Shutdown or Retire is called, or one of the listeners
// fails. The end of ctx ends the sessions too, without waiting for them.
func (g *Gateway) Serve(ctx context.Context, listeners ...net.Listener) error {
	if !g.own(listeners) {
		for _, l := range listeners {
			_ = l.Close()
		}
		return ErrClosed
	}
	defer g.disown(listeners)
	stop := context.AfterFunc(ctx, func() {
		g.kill()
		g.disown(listeners)
	})
	defer stop()
	g.chores.Do(g.startChores)
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { ended <- g.accept(ctx, l) }()
	}
	first := <-ended
	g.disown(listeners)
	for range listeners[1:] {
		<-ended
	}
	return first
}

// startChores starts what goes on beside the sessions. It ends when the gateway does.
func (g *Gateway) startChores() {
	go g.watch(g.life)
	go g.registry.Sweep(g.life, g.timeouts)
	go g.peers.run(g.life)
	go g.watchHealth(g.life)
}

func (g *Gateway) timeouts() session.Timeouts {
	t := &g.current.Load().Timeouts
	return session.Timeouts{Query: t.Query, IdleInTransaction: t.IdleInTransaction, IdleClient: t.IdleClient}
}

// accept takes clients from one listener until it is closed.
func (g *Gateway) accept(ctx context.Context, listener net.Listener) error {
	for {
		nc, err := listener.Accept()
		switch {
		case err == nil:
			go g.client(nc)
		case g.isLeaving():
			return ErrClosed
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, net.ErrClosed):
			return errAccept(err)
		default:
			g.options.Log.Error("could not accept a client", "error", err)
			time.Sleep(acceptPause)
		}
	}
}

// acceptPause is the wait after a failed accept, most likely for want of file descriptors.
const acceptPause = 50 * time.Millisecond

// socketsReserved is how many sockets, above the limit of sessions, may be in their startup at one time: cancel requests
// among them.
const socketsReserved = 100

// client serves one socket. Who comes when too many are open is told so before anything is read.
func (g *Gateway) client(nc net.Conn) {
	g.peers.watch(nc)
	defer g.peers.forget(nc)
	defer g.sockets.Add(-1)
	options := g.sessions.Load()
	if g.sockets.Add(1) > int64(options.Limits.Sessions+socketsReserved) {
		g.counters.refused.Add(1)
		session.Refuse(g.life, nc, sqlstate.New(sqlstate.TooManyConnections, "sorry, too many clients already"))
		return
	}
	session.Serve(g.life, nc, options)
}

func (g *Gateway) own(listeners []net.Listener) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leaving != staying {
		return false
	}
	for _, l := range listeners {
		g.listeners[l] = struct{}{}
	}
	return true
}

func (g *Gateway) disown(listeners []net.Listener) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range listeners {
		delete(g.listeners, l)
		_ = l.Close()
	}
}

// close gives back what New and Reload took.
func (g *Gateway) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	for _, old := range append(g.retired, g.state.Load()) {
		old.close()
	}
	g.retired = nil
	if g.audit == nil {
		return nil
	}
	return g.audit.Close()
}
