package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// leaving says whether a gateway is on its way out.
type leaving int

const (
	staying  leaving = iota
	retiring         // another process serves: those who have come are let in, the others end in time
	draining         // nobody is let in
)

func errAccept(err error) error { return fmt.Errorf("accept: %w", err) }

func (g *Gateway) isLeaving() bool { return g.leavingNow() != staying }

func (g *Gateway) leavingNow() leaving {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.leaving
}

// Shutdown stops accepting, tells idle clients 57P01 and those that are logging in 57P03, and waits for the transactions of the
// others. When ctx ends those are cut off. The gateway is of no use afterwards. It may be called again.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.leave(draining)
	g.registry.Drain()
	return g.wait(ctx, g.registry.Wait)
}

// Retire stops accepting because another process has the listening sockets. Nobody is refused: those that are logging in are
// let in. A client is told 57P01 when it is in no transaction and has had one, or does nothing for a time. When ctx ends the
// rest are cut off. The gateway is of no use afterwards.
func (g *Gateway) Retire(ctx context.Context) error {
	g.leave(retiring)
	return g.wait(ctx, func() {
		for g.sockets.Load() > 0 || g.registry.Len() > 0 {
			if !g.registry.Retire(g.life) {
				return
			}
		}
	})
}

func (g *Gateway) leave(how leaving) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leaving = max(g.leaving, how)
	for l := range g.listeners {
		_ = l.Close()
	}
	clear(g.listeners)
}

// wait waits until the sessions have ended, or cuts them off, and closes the gateway.
func (g *Gateway) wait(ctx context.Context, ended func()) error {
	done := make(chan struct{})
	go func() {
		ended()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = fmt.Errorf("wait for transactions: %w", context.Cause(ctx))
		g.kill()
		<-done
		g.registry.Wait()
	}
	g.kill()
	return errors.Join(err, g.close())
}

// DrainTimeout is how long the configuration lets sessions take to end.
func (g *Gateway) DrainTimeout() time.Duration { return g.current.Load().Timeouts.Drain }
