package wire

import (
	"context"
	"errors"
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

	ctx  context.Context
	stop func() bool

	mu         sync.Mutex // between apply and the function that a cancelled context runs
	generation uint64
}

// apply makes ctx the one whose end ends a wait. It replaces the one before.
func (d *deadline) apply(ctx context.Context) error {
	if ctx == d.ctx {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	d.release()
	d.mu.Lock()
	d.generation++
	generation := d.generation
	at, _ := ctx.Deadline()
	err := d.set(at)
	d.mu.Unlock()
	if err != nil {
		return err
	}
	d.ctx = ctx
	if ctx.Done() != nil {
		d.stop = context.AfterFunc(ctx, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.generation == generation {
				_ = d.set(longAgo)
			}
		})
	}
	return nil
}

// release forgets the context. The socket's deadline stays as it is until the next apply.
func (d *deadline) release() {
	if d.stop != nil {
		d.stop()
		d.stop = nil
	}
	d.ctx = nil
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
