package pool

import (
	"bytes"

	"github.com/portcullisdb/portcullis/gateway/wire"
)

// Relay returns the framed socket, for a caller that passes a client's messages through. What he reads there he gives to
// Note, and what he appends to Conn.Out he tells by the methods below, unless he counts everything himself until the
// Server is Reset.
func (s *Server) Relay() *wire.Conn { return s.conn }

// Asked counts a request for ReadyForQuery that the caller has appended.
func (s *Server) Asked() { s.statements.asked++ }

// Passed takes back the last n requests: COPY has passed over their Syncs.
func (s *Server) Passed(n int) {
	l := &s.statements
	l.asked -= uint64(n)
	for i := range l.expected {
		l.expected[i].segment = min(l.expected[i].segment, l.asked)
	}
}

// ExpectParse tells that the caller has appended a Parse of the client's, ExpectClose a Close.
func (s *Server) ExpectParse() { s.statements.expectParse(nil) }

// ExpectClose is ExpectParse for Close.
func (s *Server) ExpectClose() { s.statements.expectClose("") }

// Answered returns the number of ReadyForQuery messages that have come, and AskedFor that of those that were asked for.
func (s *Server) Answered() uint64 { return s.statements.answered }

// AskedFor returns the number of requests for ReadyForQuery so far.
func (s *Server) AskedFor() uint64 { return s.statements.asked }

// DroppedStatements tells that the server has dropped all prepared statements: DEALLOCATE ALL, DISCARD ALL.
func (s *Server) DroppedStatements() { s.statements.clear() }

// Note takes note of a message that was read from the connection, as Read does: own says that it belongs to a statement of
// Prepare and to nobody else. Errors: ErrDesynchronised and 08P01, after which the Server is Broken.
func (s *Server) Note(m wire.Message) (own bool, err error) {
	switch m.Type {
	case wire.TypeParseComplete:
		own, err = s.statements.parsed()
	case wire.TypeCloseComplete:
		own, err = s.statements.closed()
	case wire.TypeReadyForQuery:
		status, problem := wire.DecodeReadyForQuery(m.Body)
		if problem != nil {
			return false, s.fail(problem)
		}
		s.status = status
		err = s.statements.ready()
	case wire.TypeErrorResponse:
		s.refused = s.refused || bytes.Contains(m.Body, readOnlyTransaction)
	case wire.TypeParameterStatus:
		name, value, problem := wire.DecodeParameterStatus(m.Body)
		if problem != nil {
			return false, s.fail(problem)
		}
		s.parameters[name] = value
	}
	if err != nil {
		return false, s.fail(err)
	}
	return own, nil
}

// ParseUnnamed appends a Parse of the unnamed statement whose answer is for nobody.
func (s *Server) ParseUnnamed(p wire.Parse) {
	l := &s.statements
	l.expected = append(l.expected, expectation{kind: wire.TypeParseComplete, segment: l.asked, hidden: true})
	s.conn.Out.ParseUnnamed(p)
}

// Parameter is one that a server reports.
type Parameter struct{ Name, Value string }
