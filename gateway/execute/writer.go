package execute

import (
	"context"

	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// writer takes the client's rows of one Execute.
type writer struct {
	conn     *wire.Conn
	start    int // of this statement's rows in conn.Out, -1 once some of them have left
	rows     int64
	release  func(rows int64) *sqlstate.Error
	released bool
	discard  bool // rows are taken back instead of sent
	keep     bool // rows are kept by the portal; there is no client
}

func (w *writer) done() *sqlstate.Error {
	if w.released || w.release == nil {
		return nil
	}
	w.released = true
	return w.release(w.rows)
}

func (w *writer) flushIfFull(ctx context.Context) *sqlstate.Error {
	if !w.conn.Out.Full() {
		return nil
	}
	if w.discard {
		w.takeBack()
		return nil
	}
	if err := w.done(); err != nil {
		return err
	}
	w.start = -1
	if err := w.conn.Flush(ctx); err != nil {
		return ClientLost
	}
	return nil
}

// takeBack drops the rows that have not left.
func (w *writer) takeBack() {
	if w.start >= 0 {
		w.conn.Out.Truncate(w.start)
	}
}

// ClientLost means that the client's socket does not take rows any more; nobody is left to be told.
var ClientLost = sqlstate.New(sqlstate.ConnectionFailure, "could not send rows to the client")
