package wire

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// longAgo is a deadline that ends each wait at once.
var longAgo = time.Unix(1, 0)

// deadline puts a context over one direction of a socket: its deadline and its cancellation become the socket's
// deadline. To apply the same context again costs a comparison, so a session that uses one context for all its
// messages pays once.
type deadline struct {
	set func(time.Time) error

	ctx context.Context // the one that is applied; the reader's or writer's alone

	mu         sync.Mutex // over what follows, and over set
	stop       func() bool
	generation uint64
	closed     bool
}

// apply makes ctx the one whose end ends a wait. It replaces the one before.
func (d *deadline) apply(ctx context.Context) error {
	if ctx == d.ctx {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return net.ErrClosed
	}
	d.release()
	d.ctx = nil
	at, _ := ctx.Deadline()
	if err := d.set(at); err != nil {
		return err
	}
	d.ctx = ctx
	if ctx.Done() == nil {
		return nil
	}
	generation := d.generation
	d.stop = context.AfterFunc(ctx, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.generation == generation {
			_ = d.set(longAgo)
		}
	})
	return nil
}

// detach makes the end of the context that is applied of no more effect. What ends a wait is not known until the next one is
// applied.
func (d *deadline) detach() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.release()
	d.ctx = nil
}

// close forgets the context for good, so that a context that lives on does not keep the connection in memory.
func (d *deadline) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.release()
}

// release makes the end of the context before of no more effect. mu is held.
func (d *deadline) release() {
	d.generation++
	if d.stop != nil {
		d.stop()
		d.stop = nil
	}
}

// explain replaces a timeout of the socket by the end of the context that brought it about.
func (d *deadline) explain(err error) error {
	if d.ctx == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if cause := context.Cause(d.ctx); cause != nil {
		return cause
	}
	return context.DeadlineExceeded
}
