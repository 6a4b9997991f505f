package session

import (
	"bytes"
	"errors"

	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// answers is the server's turn: until it has answered all that was asked.
func (r *relay) answers() error {
	s := r.session
	for {
		if !r.up.Buffered() || s.conn.Out.Full() {
			if err := s.conn.Flush(s.working); err != nil {
				return errClientGone
			}
		}
		m, err := r.up.Read(r.untilKilled())
		if err != nil {
			return err
		}
		if m.Type == wire.TypeReadyForQuery {
			last, err := r.ready(m)
			if err != nil {
				return err
			}
			if !last {
				continue
			}
			r.mu.Lock()
			err = r.rest()
			helping := r.listening.Load() && r.up != nil
			if err == nil {
				r.tell(byte(r.status.Load()))
			}
			r.mu.Unlock()
			if err != nil {
				return err
			}
			if helping {
				r.help(false)
			}
			return nil
		}
		if err := r.pass(m); err != nil {
			return err
		}
		if m.Type == wire.TypeCopyInResponse || m.Type == wire.TypeCopyBothResponse {
			r.help(false)
			return nil
		}
	}
}

var errClientGone = errors.New("the client does not take answers any more")

// pass queues one message of the server's, and the rows that stand behind it, for the client.
func (r *relay) pass(m wire.Message) error {
	out := &r.session.conn.Out
	switch m.Type {
	case wire.TypeDataRow, wire.TypeCopyData:
		if r.lent != nil && r.lent.hiding() != 0 {
			return nil
		}
		out.Forward(m)
		r.up.ForwardRun(m.Type, out)
		return nil
	case wire.TypeCopyInResponse:
		r.copyIn()
	case wire.TypeErrorResponse:
		r.mu.Lock()
		r.owed.failed()
		r.passing = r.open && r.owed.count == 0
		r.owed.doubtful = r.owed.doubtful || r.mixed // is a Query behind it passed over, or has it failed itself?
		r.flushed.Broadcast()
		r.mu.Unlock()
		r.farewell = r.farewell || bytes.HasPrefix(m.Body, severityFatal)
	}
	if r.lent != nil {
		return r.lent.pass(m)
	}
	switch m.Type {
	case wire.TypeCommandComplete:
		if bytes.HasPrefix(m.Body, tagListen) {
			r.listening.Store(true)
		}
	case wire.TypeErrorResponse:
		if r.session.overdue.Load() && r.passOverdue(m) {
			return nil
		}
	}
	out.Forward(m)
	return nil
}

// passOverdue rewords the error of a statement that was cancelled because its time had run out; false if m is another one.
func (r *relay) passOverdue(m wire.Message) bool {
	report, problem := wire.DecodeReport(m.Body)
	if problem != nil || report.Code != sqlstate.QueryCanceled {
		return false
	}
	r.session.conn.Out.ErrorResponse(report.Severity, r.session.statementTimeout(report.SQLState()))
	return true
}

var (
	tagListen     = []byte("LISTEN\x00")
	severityFatal = []byte("SFATAL\x00")
)

// copyIn follows the server into COPY.
func (r *relay) copyIn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	passed, simple := r.owed.copyIn()
	r.flushed.Broadcast()
	if r.lent != nil {
		r.server.Passed(passed)
	}
	if !simple {
		r.open = r.owed.count == 0 // a Sync has to come behind the data
	}
}

// ready counts a ReadyForQuery and reports whether it was the last that is owed: then it is for the caller to pass on, when
// the connection rests.
func (r *relay) ready(m wire.Message) (last bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(m.Body) != 1 {
		return false, errDesynchronised
	}
	if r.lent != nil {
		hidden, err := r.lent.ready(m)
		if hidden || err != nil {
			return false, err
		}
	} else if !r.owed.ready() {
		return false, errDesynchronised
	}
	r.status.Store(int32(m.Body[0]))
	if r.owed.count == 0 {
		r.flushed.Broadcast() // for catchUp
	}
	if r.owed.none() && !r.open {
		r.sent = r.helping && r.sent
		r.mixed = false
		return true, nil
	}
	r.tell(m.Body[0])
	return false, nil
}

// tell queues ReadyForQuery for the client, behind what it is told with it.
func (r *relay) tell(status byte) {
	if r.lent != nil {
		r.lent.report()
	}
	r.session.conn.Out.ReadyForQuery(status)
}

var errDesynchronised = errors.New("the server's answers do not fit what was asked")

// rest is called when the server has answered everything. In transaction mode the connection goes back to its pool, if it
// may. mu is held.
func (r *relay) rest() error {
	s := r.session
	if byte(r.status.Load()) != wire.StatusIdle {
		s.setPhase(phaseIdleInTransaction)
		return nil
	}
	if r.lent != nil {
		if err := r.lent.rest(); err != nil {
			return err
		}
	}
	s.setPhase(phaseIdle)
	return nil
}
