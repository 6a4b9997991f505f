package gateway

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/pool"
)

// health is what the last look has found.
type health struct {
	mu       sync.Mutex
	looked   bool
	troubles []string // of datasources, sorted

	auditTroubles atomic.Int32 // log and anchors that cannot be written
}

const (
	// healthInterval is the time between two looks.
	healthInterval = 5 * time.Second
	// healthTimeout bounds the look at one datasource.
	healthTimeout = 5 * time.Second
)

// NotReady returns why the gateway cannot serve all that it is configured for, a line for each reason; none if it can. What
// is said of datasources was found by the last look, a few seconds ago.
func (g *Gateway) NotReady() []string {
	var reasons []string
	switch g.leavingNow() {
	case draining:
		reasons = append(reasons, "the gateway is draining")
	case retiring:
		reasons = append(reasons, "the gateway is being replaced")
	}
	if g.health.auditTroubles.Load() > 0 {
		reasons = append(reasons, "the audit log cannot be written")
	}
	g.health.mu.Lock()
	defer g.health.mu.Unlock()
	if !g.health.looked {
		reasons = append(reasons, "the datasources have not been looked at yet")
	}
	return append(reasons, g.health.troubles...)
}

// watchHealth looks at the datasources from time to time.
func (g *Gateway) watchHealth(ctx context.Context) {
	ticker := time.NewTicker(healthInterval)
	defer ticker.Stop()
	for {
		g.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look tries each datasource of the current generation, all at the same time.
func (g *Gateway) look(ctx context.Context) {
	var mu sync.Mutex
	var troubles []string
	var all sync.WaitGroup
	for name, d := range g.state.Load().databases {
		for datasource, s := range d.sources {
			if datasource == execute.LogicalDatasource && d.logical == nil {
				continue // nobody needs it
			}
			all.Go(func() {
				if reachable(ctx, s.service) {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				troubles = append(troubles, fmt.Sprintf("database %q: %s cannot be reached", name, datasourceName(datasource)))
			})
		}
	}
	all.Wait()
	if ctx.Err() != nil {
		return
	}
	slices.Sort(troubles)
	g.health.mu.Lock()
	defer g.health.mu.Unlock()
	g.health.looked, g.health.troubles = true, troubles
}

func datasourceName(datasource string) string {
	if datasource == execute.LogicalDatasource {
		return "the logical database"
	}
	return fmt.Sprintf("datasource %q", datasource)
}

// reachable reports whether a pool can give connections out. It takes one only if the pool's figures do not tell.
func reachable(ctx context.Context, p *pool.Pool) bool {
	if s := p.Stats(); !s.Failing && s.Used+s.Idle > 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	server, err := p.Acquire(ctx, &pool.Claim{})
	if err != nil {
		return false
	}
	p.Release(server)
	return true
}
