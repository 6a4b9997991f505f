package gateway

import (
	"context"
	"reflect"
	"slices"

	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/session"
)

// Reload builds a new generation from a configuration and serves by it from now on; statements under way keep the one they
// began with, sessions that are there keep the limits that they began with. The certificate of the listener and the authorities
// of its clients are read again. If it cannot be built, the old one stays and the error says why. What takes effect with the
// next start alone is logged by its key: NeedsRestart. Reload takes p over and numbers its generation. While it builds, clients
// come and go, and Shutdown does not wait for it; two Reloads wait for each other.
func (g *Gateway) Reload(ctx context.Context, c *config.Config, p *policy.Policy) error {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	err := g.reload(ctx, c, p)
	g.reloaded(err)
	if err != nil {
		return err
	}
	if keys := NeedsRestart(g.config, c); len(keys) > 0 {
		g.options.Log.Warn("keys of the configuration take effect with the next start", "keys", keys)
	}
	return nil
}

// RefuseReload says that a configuration could not even be read; what serves goes on.
func (g *Gateway) RefuseReload(err error) { g.reloaded(err) }

// reloaded counts and records a reload.
func (g *Gateway) reloaded(err error) {
	if err != nil {
		g.counters.reloadsFailed.Add(1)
	} else {
		g.counters.reloads.Add(1)
		g.counters.reloadedAt.Store(g.options.Clock().Unix())
	}
	g.recordAdmin("reload", err)
}

func (g *Gateway) reload(ctx context.Context, c *config.Config, p *policy.Policy) error {
	if g.isClosed() {
		return ErrClosed
	}
	old := g.state.Load()
	p.Generation = old.state.Policy.Generation + 1
	tlsConfig, err := loadTLS(c.Listen.TLS)
	if err != nil {
		return err
	}
	next, err := g.build(ctx, c, p, old)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		next.close()
		return ErrClosed
	}
	g.tls.Store(tlsConfig)
	g.state.Store(next)
	g.retired = append(g.retired, old)
	g.sessions.Store(g.sessionOptions(c))
	g.current.Store(c)
	return nil
}

// sessionOptions are the options of sessions by another configuration.
func (g *Gateway) sessionOptions(c *config.Config) *session.Options {
	next := *g.sessions.Load()
	next.AuditAll, next.Limits = c.Audit.All, sessionLimits(c)
	next.Logins.Resize(c.Limits.Logins, c.Limits.LoginsPerAddress)
	if c.Limits.CancelsPerSecond != g.current.Load().Limits.CancelsPerSecond {
		next.Cancels = session.NewCancels(c.Limits.CancelsPerSecond, g.options.Clock, g.options.Log)
	}
	return &next
}

func (g *Gateway) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// NeedsRestart returns the keys in which two configurations differ and that a reload does not change.
func NeedsRestart(running, wanted *config.Config) []string {
	var keys []string
	for _, one := range []struct {
		key             string
		running, wanted any
	}{
		{"listen.address", running.Listen.Address, wanted.Listen.Address},
		{"listen.unix", unixOf(running), unixOf(wanted)},
		{"admin", adminOf(running), adminOf(wanted)},
		{"audit.file", auditOf(running), auditOf(wanted)},
		{"audit.on_full", running.Audit.OnFull, wanted.Audit.OnFull},
		{"log.format", running.Log.Format, wanted.Log.Format},
	} {
		if !reflect.DeepEqual(one.running, one.wanted) {
			keys = append(keys, one.key)
		}
	}
	return keys
}

// The blocks of a configuration without their positions.

func unixOf(c *config.Config) [2]string {
	if c.Listen.Unix == nil {
		return [2]string{}
	}
	return [2]string{c.Listen.Unix.Path, c.Listen.Unix.Mode}
}

func adminOf(c *config.Config) string {
	if c.Admin == nil {
		return ""
	}
	return c.Admin.Address
}

func auditOf(c *config.Config) (f struct {
	path, key, anchors string
	sync               bool
}) {
	if c.Audit.File != nil {
		f.path, f.key, f.anchors, f.sync = c.Audit.File.Path, c.Audit.File.Key, c.Audit.File.Anchors, c.Audit.File.Sync
	}
	return f
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
