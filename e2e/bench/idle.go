package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	idleFirst  = 50              // clients that come before the memory is looked at
	idleSettle = 5 * time.Second // for a process to give back what it has done with
	idleAtOnce = 8               // clients that connect at one time
)

// Goals: bytes for each idle client.
const (
	goalIdle       = 12 << 10
	goalIdleSecure = 24 << 10
)

// memory is what an idle client takes.
type memory struct {
	name   string
	secure bool
	bytes  int
	goal   int // of the gateway's; 0: none
}

// idleMemory starts each proxy once more, because what one has freed does not show when it is used again, and connects
// clients in transaction mode that ask one thing and then keep still. In session mode each would need a PostgreSQL process.
func (s *stage) idleMemory(ctx context.Context) (found []memory, err error) {
	for _, secure := range []bool{false, true} {
		for _, p := range []struct {
			proxy proxy
			start func(ctx context.Context) (process, error)
		}{
			{pgBouncer, s.startPgBouncer},
			{gateway, func(ctx context.Context) (process, error) { return s.startGateway(ctx, "portcullis.yaml") }},
		} {
			if p.proxy == pgBouncer && s.bouncer.pid == 0 {
				continue
			}
			fresh, err := p.start(ctx)
			if err != nil {
				return nil, err
			}
			m := memory{name: wayName(p.proxy, modeTransaction), secure: secure}
			if p.proxy == gateway {
				if m.goal = goalIdle; secure {
					m.goal = goalIdleSecure
				}
			}
			m.bytes, err = s.idleClients(ctx, way{proxy: p.proxy, mode: modeTransaction, pid: fresh.pid, address: fresh.address,
				path: modeTransaction + "_" + string(plain)}, secure)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.name, err)
			}
			found = append(found, m)
		}
	}
	return found, nil
}

// idleClients returns by how much each client makes the proxy larger.
func (s *stage) idleClients(ctx context.Context, w way, secure bool) (bytes int, err error) {
	config, err := pgconn.ParseConfig(w.url(secure))
	if err != nil {
		return 0, err
	}
	conns := make([]*pgconn.PgConn, idleFirst+s.options.idle)
	defer func() {
		for _, conn := range conns {
			if conn != nil {
				_ = conn.Close(ctx) // the proxy ends anyway
			}
		}
	}()
	connect := func(conns []*pgconn.PgConn) error {
		errs := make([]error, idleAtOnce)
		var workers sync.WaitGroup
		for n := range idleAtOnce {
			workers.Go(func() {
				for i := n; i < len(conns) && errs[n] == nil; i += idleAtOnce {
					if conns[i], errs[n] = pgconn.ConnectConfig(ctx, config); errs[n] == nil {
						_, errs[n] = conns[i].Exec(ctx, "SELECT 1").ReadAll()
					}
				}
			})
		}
		workers.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		select {
		case <-time.After(idleSettle):
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	if err := connect(conns[:idleFirst]); err != nil {
		return 0, err
	}
	before := residentBytes(w.pid)
	if err := connect(conns[idleFirst:]); err != nil {
		return 0, err
	}
	return (residentBytes(w.pid) - before) / s.options.idle, nil
}

func printMemory(w io.Writer, idle []memory) {
	if len(idle) == 0 {
		return
	}
	fmt.Fprint(w, "**memory of an idle client that has asked one thing**\n\n| | TLS | KB |\n|---|---|--:|\n")
	for _, m := range idle {
		secure := "no"
		if m.secure {
			secure = "yes"
		}
		fmt.Fprintf(w, "| %s | %s | %.1f |\n", m.name, secure, float64(m.bytes)/1024)
	}
	fmt.Fprintln(w)
}
