package gateway

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
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
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
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
	config   *config.Config // listen, audit and limits are those of New
	state    atomic.Pointer[generation]
	tls      atomic.Pointer[tls.Config] // of clients that come now; nil: no TLS
	registry *session.Registry
	audit    *audit.Log // nil: nothing is recorded
	sessions session.Options
	buffers  *wire.Buffers
	sockets  atomic.Int64 // of clients

	life context.Context // of sessions
	kill context.CancelFunc

	mu        sync.Mutex // guards what follows
	listeners map[net.Listener]struct{}
	draining  bool
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
	tlsConfig, err := loadTLS(c.Listen.TLS)
	if err != nil {
		return nil, err
	}
	first, err := g.build(ctx, c, p, nil)
	if err != nil {
		return nil, err
	}
	g.state.Store(first)
	if g.audit, err = openAudit(&c.Audit, o); err != nil {
		first.close()
		return nil, err
	}
	secret, err := mockSecret(c, o.Random)
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	g.tls.Store(tlsConfig)
	g.life, g.kill = context.WithCancel(context.Background())
	g.sessions = session.Options{
		State:    func() *session.State { return g.state.Load().state },
		Registry: g.registry, SCRAM: wire.NewSCRAM(secret, o.Random), TLS: g.tls.Load,
		Logins:   session.NewGate(c.Limits.Logins, c.Limits.LoginsPerAddress),
		Cancels:  session.NewCancels(c.Limits.CancelsPerSecond, o.Clock, o.Log),
		AuditAll: c.Audit.All, Log: o.Log, Clock: o.Clock, Random: o.Random, Buffers: g.buffers,
		Limits: session.Limits{Wire: wireLimits(c), Statements: c.Limits.PreparedStatements, Portals: c.Limits.Portals,
			Sessions: c.Limits.Sessions, StartupTimeout: c.Limits.StartupTime},
	}
	if g.audit != nil {
		g.sessions.Audit = g.audit
	}
	return g, nil
}

func wireLimits(c *config.Config) wire.Limits {
	return wire.Limits{StartupBytes: c.Limits.StartupBytes, MessageBytes: c.Limits.MessageBytes}
}

// openAudit opens the audit log; nil if the configuration has none.
func openAudit(c *config.Audit, o Options) (*audit.Log, error) {
	if c.File == nil {
		return nil, nil
	}
	key, err := audit.ReadSigningKey(c.File.Key)
	if errors.Is(err, os.ErrNotExist) {
		key, err = audit.CreateSigningKey(c.File.Key, o.Random)
	}
	if err != nil {
		return nil, fmt.Errorf("read the signing key of the audit log: %w", err)
	}
	onFull := audit.OnFullBlock
	if c.OnFull == "gap" {
		onFull = audit.OnFullGap
	}
	return audit.Open(c.File.Path, audit.Options{SigningKey: key, AnchorPath: c.File.Anchors, OnFull: onFull,
		NoSync: !c.File.Sync, Clock: o.Clock, Random: o.Random,
		Alarm: func(err error) {
			if err != nil {
				o.Log.Error("the audit log cannot be written", "error", err)
				return
			}
			o.Log.Info("the audit log can be written again")
		}})
}

// Listen opens the listener that the configuration asks for.
func (g *Gateway) Listen(ctx context.Context) (net.Listener, error) {
	var l net.ListenConfig
	listener, err := l.Listen(ctx, "tcp", g.config.Listen.Address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", g.config.Listen.Address, err)
	}
	return listener, nil
}

// ErrClosed is what Serve returns after Shutdown.
var ErrClosed = errors.New("the gateway is shut down")

// Serve accepts clients on listener, which it closes, until ctx ends or Shutdown is called. The end of ctx ends the
// sessions too, without waiting for them.
func (g *Gateway) Serve(ctx context.Context, listener net.Listener) error {
	if !g.own(listener) {
		_ = listener.Close()
		return ErrClosed
	}
	defer g.disown(listener)
	stop := context.AfterFunc(ctx, func() {
		g.kill()
		_ = listener.Close()
	})
	defer stop()
	go g.watch(ctx)
	for {
		nc, err := listener.Accept()
		switch {
		case err == nil:
			go g.client(nc)
		case g.isDraining():
			return ErrClosed
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept: %w", err)
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
	defer g.sockets.Add(-1)
	if g.sockets.Add(1) > int64(g.config.Limits.Sessions+socketsReserved) {
		session.Refuse(g.life, nc, sqlstate.New(sqlstate.TooManyConnections, "sorry, too many clients already"))
		return
	}
	session.Serve(g.life, nc, &g.sessions)
}

func (g *Gateway) own(l net.Listener) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.draining {
		g.listeners[l] = struct{}{}
	}
	return !g.draining
}

func (g *Gateway) disown(l net.Listener) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.listeners, l)
	_ = l.Close()
}

func (g *Gateway) isDraining() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.draining
}

// Shutdown stops accepting, tells idle clients 57P01 and waits for the transactions of the others. When ctx ends those are
// cut off. The gateway is of no use afterwards. It may be called again.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.mu.Lock()
	g.draining = true
	for l := range g.listeners {
		_ = l.Close()
	}
	g.mu.Unlock()
	g.registry.Drain()
	done := make(chan struct{})
	go func() {
		g.registry.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = fmt.Errorf("wait for transactions: %w", context.Cause(ctx))
		g.kill()
		<-done
	}
	g.kill()
	return errors.Join(err, g.close())
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

// Reload builds a new generation from a configuration and serves by it from now on; statements under way keep the one
// they began with. The certificate of the listener and the authorities of its clients are read again. If it cannot be built,
// the old one stays and the error says why. Other changes of listen, of audit and of limits of clients take effect with the
// next start. Reload takes p over and numbers its generation.
func (g *Gateway) Reload(ctx context.Context, c *config.Config, p *policy.Policy) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	old := g.state.Load()
	p.Generation = old.state.Policy.Generation + 1
	tlsConfig, err := loadTLS(c.Listen.TLS)
	var next *generation
	if err == nil {
		next, err = g.build(ctx, c, p, old)
	}
	if err == nil {
		g.tls.Store(tlsConfig)
		g.state.Store(next)
		g.retired = append(g.retired, old)
	}
	g.recordAdmin("reload", err)
	return err
}

// retire closes the replaced generations that no transaction goes by any more.
func (g *Gateway) retire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.retired = slices.DeleteFunc(g.retired, func(old *generation) bool {
		if g.registry.Uses(old.state) {
			return false
		}
		old.close()
		return true
	})
}

func (g *Gateway) recordAdmin(action string, failure error) {
	if g.audit == nil {
		return
	}
	e := &audit.Event{Kind: audit.KindAdmin, Action: action, Decision: "allow",
		Generation: g.state.Load().state.Policy.Generation}
	if failure != nil {
		e.Decision, e.SQLState = "refuse", sqlstate.InvalidParameterValue.String()
	}
	if err := g.audit.Record(g.life, e); err != nil {
		g.options.Log.Error("an audit event could not be recorded", "kind", e.Kind, "error", err)
	}
}

// Audit returns the audit log, for events of administration; nil if there is none.
func (g *Gateway) Audit() *audit.Log { return g.audit }
