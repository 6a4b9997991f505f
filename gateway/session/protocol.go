package session

import (
	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// protocol is the state of the extended protocol.
type protocol struct {
	statements map[string]*statement
	portals    map[string]*portal
	skipping   bool // after an error, until Sync
	lost       bool // the client cannot be written to

	// pending are Executes that were sent to servers and whose answers were not read yet. What the gateway itself answers
	// in the meantime waits in tail; lead of each one is how much of it comes before its rows.
	pending     []pendingRun
	pendingSize int
	tail        wire.Output
}

// Limits of what is sent ahead of the answers.
const (
	pendingMax      = 256
	pendingBytesMax = 16 << 10 // of values; the server may not be reading while it waits for us to read
)

type pendingRun struct {
	portal *portal
	lead   int
}

// statement is a prepared statement, or one of a simple query.
type statement struct {
	parsed *rewrite.Statement // nil: empty
	oids   []uint32           // declared by the client
	plan   *rewrite.Plan
	// generation is that of the environment in which plan was made.
	generation uint64
	query      *statement // of DECLARE CURSOR
}

// declares reports a DECLARE CURSOR that has been planned.
func (st *statement) declares() bool {
	return st.plan != nil && st.plan.Destination == rewrite.DestinationSession && st.plan.Session.Kind == "DECLARE"
}

// params are the types of the statement's parameters.
func (st *statement) params() []uint32 {
	switch {
	case st.plan == nil:
		return nil
	case st.declares():
		return st.query.plan.Params
	}
	return st.plan.Params
}

// portal is a statement with its values.
type portal struct {
	statement *statement
	plan      *rewrite.Plan   // nil: empty
	view      *policy.View    // by which it was planned
	run       *execute.Portal // nil: answered by the session
	formats   []int16         // of the result's columns, as asked for
	started   bool
	commits   bool // it writes, and may have been sent together with the end of its transaction
	done      bool

	level    int  // savepoints when it was made: it dies with those
	openedAt int  // savepoints when the last of its servers was asked
	gone     bool // a rollback has taken it from the servers

	params       [][]byte // of what the session answers itself
	paramFormats []int16

	query  *portal // of DECLARE CURSOR: what it will make a cursor of
	hold   bool    // a cursor that outlives the transaction which made it
	kept   bool    // that transaction was committed
	scroll bool    // a cursor that can be read backwards: all its rows are held
	binary bool    // a cursor of which FETCH in the simple protocol gives binary values
	place  cursorPlace

	// Of FETCH and MOVE: what has been asked for is being read, and the rows that are left of it.
	fetching bool
	left     int64
}

// handle answers one message. It reports true if the session is over.
func (s *Session) handle(m wire.Message) (done bool) {
	if s.tx.idle() && !s.refresh() {
		return true
	}
	switch m.Type {
	case wire.TypeTerminate:
		return true
	case wire.TypeSync:
		s.sync()
	case wire.TypeQuery:
		if s.drainPending(); !s.protocol.skipping {
			s.query(m.Body)
		}
	case wire.TypeFlush:
		s.drainPending()
		if err := s.conn.Flush(s.working); err != nil {
			return true
		}
	case wire.TypeParse, wire.TypeBind, wire.TypeDescribe, wire.TypeExecute, wire.TypeClose:
		if s.protocol.skipping {
			break
		}
		if err := s.extended(m); err != nil {
			s.failExtended(err)
		}
	case wire.TypeFunctionCall:
		if s.drainPending(); !s.protocol.skipping {
			s.fail(sqlstate.New(sqlstate.FeatureNotSupported, "function calls by message are not supported"))
			s.readyForQuery()
		}
	case wire.TypeCopyData, wire.TypeCopyDone, wire.TypeCopyFail:
		// What a client sends after a COPY has failed is passed over, as PostgreSQL does.
	default:
		s.fatal(sqlstate.New(sqlstate.ProtocolViolation, "invalid frontend message type %d", m.Type))
		return true
	}
	return s.protocol.lost
}

// sync ends the implicit transaction and the state after an error.
func (s *Session) sync() {
	s.drainPending()
	s.protocol.skipping = false
	if err := s.endImplicit(s.working); err != nil {
		s.fail(err)
	}
	s.readyForQuery()
}

// readyForQuery closes a cycle of the protocol.
func (s *Session) readyForQuery() {
	if s.tx.idle() {
		s.closePortals()
		s.tx = transaction{}
		s.checkHeld()
		s.releaseServers()
		s.deliver()
	}
	s.report()
	s.conn.Out.ReadyForQuery(s.tx.status())
}

// fail tells an error and undoes what the transaction did.
func (s *Session) fail(e *sqlstate.Error) {
	if e == execute.ClientLost {
		s.protocol.lost = true
	}
	s.abort()
	if s.tx.idle() {
		s.closePortals()
	}
	s.conn.Out.ErrorResponse(wire.SeverityError, s.statementTimeout(e))
}

// failExtended is fail in its place: after the answers that are still to come. If one of them is an error, the later one
// never happened.
func (s *Session) failExtended(e *sqlstate.Error) {
	s.drainPending()
	if s.protocol.skipping {
		return
	}
	s.fail(e)
	s.protocol.skipping = true
}

// warn sends a notice, if the client wants warnings.
func (s *Session) warn(code sqlstate.Code, message string) {
	if s.settings.Get("client_min_messages") != "error" {
		s.out().NoticeResponse(wire.SeverityWarning, sqlstate.New(code, "%s", message))
	}
}

// out is where the gateway's own answers go: behind the answers that are still to come.
func (s *Session) out() *wire.Output {
	if len(s.protocol.pending) > 0 {
		return &s.protocol.tail
	}
	return &s.conn.Out
}

// drainPending reads the answers that are still to come, in order. After an error the rest is dropped, and skipping set.
func (s *Session) drainPending() {
	p := &s.protocol
	if len(p.pending) == 0 {
		return
	}
	pending, from := p.pending, 0
	p.pending, p.pendingSize = nil, 0
	for i, run := range pending {
		s.conn.Out.Append(p.tail.Bytes()[from:run.lead])
		from = run.lead
		if err := s.finishRun(run.portal, 0); err != nil {
			for _, later := range pending[i+1:] {
				later.portal.run.Abandon(s.working)
			}
			p.tail.Reset()
			s.fail(err)
			p.skipping = true
			return
		}
	}
	s.conn.Out.Append(p.tail.Bytes()[from:])
	p.tail.Reset()
	p.pending = pending[:0]
}

// closePortals follows the end of a transaction: portals end with it, but for cursors WITH HOLD of which it was committed.
func (s *Session) closePortals() {
	for name, p := range s.protocol.portals {
		if !p.kept {
			delete(s.protocol.portals, name)
		}
	}
}

// rowDescription tells the client the shape of a plan's rows, or that there are none.
func rowDescription(out *wire.Output, columns []rewrite.Column, formats []int16) {
	if columns == nil {
		out.NoData()
		return
	}
	fields := make([]wire.Field, len(columns))
	for i, c := range columns {
		fields[i] = wire.Field{Name: c.Name, TableOID: c.TableOID, Attnum: c.Attnum, TypeOID: c.TypeOID,
			TypeLen: c.TypeLen, Typmod: c.Typmod}
		switch {
		case len(formats) == 1:
			fields[i].Format = formats[0]
		case i < len(formats):
			fields[i].Format = formats[i]
		}
	}
	out.RowDescription(fields)
}
