package pool

import (
	"context"
	"time"
)

// pooled is what a Pool knows of a Server.
type pooled struct {
	user      *user     // of the claim that holds it; nil: without a bound
	idleSince time.Time // while it is idle
	diesAt    time.Time // zero: never
	cancels   cancels
	socket    socket
	standby   string // in_hot_standby when it was dialled
	readOnly  string // default_transaction_read_only then
	refused   bool   // a statement was refused because it would write (25006)
}

// The parameters that tell a server's role; servers report both since version 14.
const (
	inHotStandby   = "in_hot_standby"
	readOnlyByRole = "default_transaction_read_only"
)

// inRole reports that the server is still what it was when it was dialled, and chosen by target_session_attrs: a standby has
// not been promoted, a server that took writes has not stopped to. default_transaction_read_only may be the session's own, so it
// counts only if a statement was refused for it.
func (s *Server) inRole() bool {
	return s.parameters[inHotStandby] == s.standby && (!s.refused || s.parameters[readOnlyByRole] == s.readOnly)
}

// readOnlyTransaction is field C of an ErrorResponse that says 25006, between the ends of its neighbours.
var readOnlyTransaction = []byte("\x00C25006\x00")

// checkTimeout bounds the answer to a request for a sign of life.
const checkTimeout = 3 * time.Second

// checkAlive asks the server for a sign of life. Before it answers, the server reports what has changed of its role.
func (s *Server) checkAlive(ctx context.Context) error {
	s.Sync()
	return s.Drain(ctx)
}
