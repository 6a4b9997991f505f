package session

import (
	"context"
	"errors"

	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// held is what the session's connection to the logical database keeps of it between transactions: while there is anything,
// the connection is not given back.
type held struct {
	now   rewrite.Held
	freed rewrite.Held // by the transaction, if it is committed
	// notifications wait for the end of a transaction. Server messages, as they came.
	notifications wire.Output
}

// notificationBytesMax bounds what waits for a client that stays in a transaction; beyond, its session ends.
const notificationBytesMax = 1 << 20

// hold takes note of what a statement may leave on the logical database, before it runs: a lock stays even if the statement
// fails.
func (s *Session) hold(plan *rewrite.Plan) {
	if plan.Destination != rewrite.DestinationLogical || plan.Holds == 0 {
		return
	}
	s.held.now |= plan.Holds
	s.held.freed &^= plan.Holds
	s.servers[execute.LogicalDatasource].Backend.Notified = s.notified
}

// free takes note of what a statement has freed.
func (s *Session) free(plan *rewrite.Plan) {
	if plan.Destination == rewrite.DestinationLogical {
		s.held.freed |= plan.Frees
	}
}

// holds reports that the connection to a datasource stays with the session between transactions.
func (s *Session) holds(datasource string) bool {
	return datasource == execute.LogicalDatasource && s.held.now != 0
}

// settleHeld follows the end of a transaction: what it has freed is freed if it was committed.
func (s *Session) settleHeld(committed bool) {
	if committed {
		s.held.now &^= s.held.freed
	}
	s.held.freed = 0
}

// checkHeld ends a session whose connection to the logical database is lost with what it held: the client would believe that
// it has its locks still, and wait for news in vain.
func (s *Session) checkHeld() {
	if s.held.now == 0 {
		return
	}
	if sv := s.servers[execute.LogicalDatasource]; sv == nil || sv.Broken() {
		s.held.now = 0
		s.terminate(heldLost())
	}
}

func heldLost() *sqlstate.Error {
	return sqlstate.New(sqlstate.ConnectionFailure, "the connection to the logical database was lost").
		WithDetail("The advisory locks of the session are released, and it does not listen any more.")
}

// freeHeld is part of DISCARD ALL: the connection goes, and all that it holds with it.
func (s *Session) freeHeld() {
	if s.held.now != 0 {
		s.held.now, s.held.freed = 0, 0
		s.dropServer(execute.LogicalDatasource)
	}
}

// notified keeps a notification until the client may have it.
func (s *Session) notified(m wire.Message) {
	if s.held.notifications.Len()+len(m.Body) > notificationBytesMax {
		s.terminate(sqlstate.New(sqlstate.ProgramLimitExceeded, "too many notifications wait for the end of a transaction"))
		return
	}
	s.held.notifications.Forward(m)
}

// deliver sends the notifications that have come, outside of a transaction.
func (s *Session) deliver() {
	if s.held.notifications.Len() > 0 && s.tx.idle() {
		s.conn.Out.Append(s.held.notifications.Bytes())
		s.held.notifications.Reset()
	}
}

var errNotified = errors.New("a notification has come")

// readClient returns the client's next message. While it waits for one outside of a transaction, notifications are
// delivered.
func (s *Session) readClient(ctx context.Context) (wire.Message, error) {
	for {
		sv := s.servers[execute.LogicalDatasource]
		if s.held.now&rewrite.HeldChannels == 0 || sv == nil || !s.tx.idle() || s.conn.Buffered() {
			return s.conn.Read(ctx)
		}
		m, err := s.readBeside(ctx, sv)
		if !errors.Is(err, errNotified) {
			return m, err
		}
		s.deliver()
		if err := s.conn.Flush(s.working); err != nil {
			return wire.Message{}, err
		}
	}
}

// readBeside reads from the client, and meanwhile from a server, until there is something of either.
func (s *Session) readBeside(ctx context.Context, sv *server) (wire.Message, error) {
	reading, stop := context.WithCancelCause(ctx)
	watching, unwatch := context.WithCancel(s.working)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer s.recoverHelper()
		for watching.Err() == nil {
			m, err := sv.Server.Read(watching)
			switch {
			case err != nil && watching.Err() == nil:
				stop(heldLost())
				return
			case err == nil && m.Type == wire.TypeNotificationResponse:
				s.notified(m)
				stop(errNotified)
				return
			}
		}
	}()
	m, err := s.conn.Read(reading)
	unwatch()
	<-done
	stop(nil)
	return m, err
}
