package session

import (
	"context"

	"github.com/portcullisdb/portcullis/gateway/wire"
)

// help starts the helper. flushing says that something waits to be sent to the server.
func (r *relay) help(flushing bool) {
	r.mu.Lock()
	r.helping, r.flushing, r.helperEnded = true, flushing, false
	up := r.up
	if r.assist == nil || r.assist.Err() != nil {
		r.assist, r.stopAssist = context.WithCancel(r.session.working)
	}
	ctx := r.assist
	r.mu.Unlock()
	r.helper.Add(1)
	go func() {
		defer r.helper.Done()
		defer func() {
			r.mu.Lock()
			r.helperEnded = true
			r.mu.Unlock()
			r.flushed.Broadcast()
		}()
		defer r.session.recoverHelper()
		if err := r.helperRun(ctx, up); err != nil {
			r.session.interrupt(errServerGone) // wakes the client's goroutine
		}
	}()
}

// helperRun passes what the server sends, until all that was asked is answered.
func (r *relay) helperRun(ctx context.Context, up *wire.Conn) error {
	s := r.session
	for {
		if !up.Buffered() || s.conn.Out.Full() {
			if err := s.conn.Flush(s.working); err != nil {
				return err
			}
		}
		m, err := up.Read(ctx)
		if err != nil {
			if ctx.Err() != nil && s.working.Err() == nil {
				return nil // close has asked for it
			}
			_ = s.conn.Flush(s.working) // what the server said before it went
			return err
		}
		if m.Type != wire.TypeReadyForQuery {
			if err := r.pass(m); err != nil {
				return err
			}
			continue
		}
		last, err := r.ready(m)
		if err != nil {
			return err
		}
		if !last {
			continue
		}
		// The last answers leave before the client's goroutine may write again.
		r.mu.Lock()
		if err = r.lookBack(); err == nil {
			r.tell(byte(r.status.Load()))
		}
		r.mu.Unlock()
		if err != nil {
			return err
		}
		r.flushed.Broadcast()
		if err := s.conn.Flush(s.working); err != nil {
			return err
		}
		done, err := r.retire()
		if done || err != nil {
			return err
		}
	}
}

// lookBack is called before the client is told that everything is answered. mu is held.
func (r *relay) lookBack() error {
	for r.owed.none() && !r.open && r.flushing {
		r.flushed.Wait()
	}
	if r.lent == nil || r.server == nil || !r.owed.none() || r.open || byte(r.status.Load()) != wire.StatusIdle {
		return nil
	}
	return r.lent.look()
}

// retire ends the helper if nothing more was asked meanwhile.
func (r *relay) retire() (done bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.owed.none() && !r.open && r.flushing {
		r.flushed.Wait()
	}
	if !r.owed.none() || r.open {
		return false, nil
	}
	if err := r.rest(); err != nil {
		return false, err
	}
	if r.up != nil && r.listening.Load() {
		return false, nil
	}
	if err := r.session.conn.Flush(r.session.working); err != nil { // changes of settings, if there were any
		return false, err
	}
	r.helping, r.sent, r.mixed = false, false, false
	r.session.mu.Lock()
	r.session.stirred = false
	r.session.mu.Unlock()
	return true, nil
}
