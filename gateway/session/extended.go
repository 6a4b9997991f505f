package session

import (
	"bytes"

	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// extended answers one message of the extended protocol.
func (s *Session) extended(m wire.Message) *sqlstate.Error {
	switch m.Type {
	case wire.TypeParse:
		return s.parse(m.Body)
	case wire.TypeBind:
		return s.bindMessage(m.Body)
	case wire.TypeDescribe:
		return s.describe(m.Body)
	case wire.TypeExecute:
		return s.execute(m.Body)
	default:
		return s.close(m.Body)
	}
}

func (s *Session) parse(body []byte) *sqlstate.Error {
	message, err := wire.DecodeParse(body)
	if err != nil {
		return err
	}
	name := string(message.Name)
	if name != "" {
		// What comes before may fail, and then this statement must not exist.
		if s.drainPending(); s.protocol.skipping {
			return nil
		}
		if err := s.newStatement(name); err != nil {
			return err
		}
	} else {
		delete(s.protocol.statements, "")
	}
	parsed, err := s.prepare(string(message.SQL))
	if err != nil {
		return err
	}
	st := &statement{oids: message.ParamOIDs(nil)}
	switch len(parsed) {
	case 0:
	case 1:
		st.parsed = parsed[0]
		if err := s.planFor(st); err != nil {
			return err
		}
	default:
		return sqlstate.New(sqlstate.SyntaxError, "cannot insert multiple commands into a prepared statement")
	}
	s.keepStatement(name, st)
	s.out().ParseComplete()
	return nil
}

func (s *Session) findStatement(name []byte) (*statement, *sqlstate.Error) {
	if st := s.protocol.statements[string(name)]; st != nil {
		return st, nil
	}
	if len(name) == 0 {
		return nil, sqlstate.New(sqlstate.InvalidSQLStatementName, "unnamed prepared statement does not exist")
	}
	return nil, sqlstate.New(sqlstate.InvalidSQLStatementName, "prepared statement \"%s\" does not exist", name)
}

func (s *Session) bindMessage(body []byte) *sqlstate.Error {
	// The values are sent with Execute, when the message's buffer has long been used for others.
	message, err := wire.DecodeBind(bytes.Clone(body))
	if err != nil {
		return err
	}
	st, err := s.findStatement(message.Statement)
	if err != nil {
		return err
	}
	name := string(message.Portal)
	if name != "" {
		if s.drainPending(); s.protocol.skipping {
			return nil
		}
		if err := s.newPortal(name); err != nil {
			return err
		}
	}
	p := &portal{statement: st}
	if st.parsed != nil {
		if err := s.planFor(st); err != nil {
			return err
		}
		if have, want := message.Params.Len(), len(st.params()); have != want {
			return sqlstate.New(sqlstate.ProtocolViolation,
				"bind message supplies %d parameters, but prepared statement \"%s\" requires %d", have, message.Statement, want)
		}
		formats := message.ParamFormats.Append(nil)
		for _, f := range formats {
			if f != wire.FormatText && f != wire.FormatBinary {
				return sqlstate.New(sqlstate.InvalidParameterValue, "unsupported format code: %d", f)
			}
		}
		if p, err = s.bind(st, message.Params.Append(nil), formats, message.ResultFormats.Append(nil)); err != nil {
			return err
		}
	} else if s.tx.failed {
		return failedError()
	}
	s.closePortal(name)
	s.keepPortal(name, p)
	s.out().BindComplete()
	return nil
}

func (s *Session) findPortal(name []byte) (*portal, *sqlstate.Error) {
	if p := s.protocol.portals[string(name)]; p != nil {
		return p, nil
	}
	return nil, sqlstate.New(sqlstate.InvalidCursorName, "portal \"%s\" does not exist", name)
}

func (s *Session) describe(body []byte) *sqlstate.Error {
	kind, name, err := wire.DecodeDescribe(body)
	if err != nil {
		return err
	}
	if kind == wire.KindPortal {
		p, err := s.findPortal(name)
		if err != nil {
			return err
		}
		s.describeRows(s.out(), p.plan, p.formats)
		return nil
	}
	st, err := s.findStatement(name)
	if err != nil {
		return err
	}
	if st.parsed == nil {
		s.out().ParameterDescription(nil)
		s.out().NoData()
		return nil
	}
	if err := s.planFor(st); err != nil {
		return err
	}
	s.out().ParameterDescription(st.params())
	s.describeRows(s.out(), st.plan, nil)
	return nil
}

// columnsOf returns the row shape of a plan: nil without rows.
func columnsOf(plan *rewrite.Plan) []rewrite.Column {
	switch {
	case plan == nil:
		return nil
	case plan.Destination == rewrite.DestinationSession && plan.Session.Kind == "SHOW":
		return showColumns(plan.Session)
	}
	return plan.Columns
}

func (s *Session) execute(body []byte) *sqlstate.Error {
	name, rowsMax, err := wire.DecodeExecute(body)
	if err != nil {
		return err
	}
	p, err := s.findPortal(name)
	if err != nil {
		return err
	}
	switch {
	case p.plan == nil:
		s.out().EmptyQueryResponse()
		return nil
	case s.tx.failed && !leavesFailure(p.plan):
		return failedError()
	case p.gone:
		return sqlstate.New(sqlstate.ObjectNotInState, "portal \"%s\" cannot be run", name).
			WithDetail("It was first read behind a savepoint that was rolled back to.")
	case p.run == nil && !p.done:
		if err := s.resolve(p); err != nil {
			return err
		}
		if p.run != nil {
			break
		}
		if s.drainPending(); s.protocol.skipping {
			return nil
		}
		return s.act(&s.conn.Out, p, int32(rowsMax), false, false)
	case p.done:
		if s.columns(p.plan) == nil {
			return sqlstate.New(sqlstate.ObjectNotInState, "portal \"%s\" cannot be run", name)
		}
		s.out().CommandComplete(noRowsTag(p.plan))
		return nil
	}
	if err := s.overtaken(p); err != nil {
		return err
	}
	return s.run(p, int32(rowsMax))
}

// noRowsTag is the answer of a portal that has given all its rows before.
func noRowsTag(plan *rewrite.Plan) string {
	switch {
	case plan.Destination == rewrite.DestinationSession && plan.Session.Kind == "SETTING CALLS":
		return "SELECT 0"
	case plan.Destination == rewrite.DestinationSession && plan.Session.Kind == "FETCH":
		return "FETCH 0"
	case plan.Destination == rewrite.DestinationSession:
		return plan.Session.Kind
	case plan.Command == rewrite.CommandInsert:
		return "INSERT 0 0"
	}
	return string(plan.Command) + " 0"
}

// run starts a portal and, unless more of the client's batch has arrived already, reads its answer.
func (s *Session) run(p *portal, rowsMax int32) *sqlstate.Error {
	pr := &s.protocol
	size := p.run.Size()
	alone := rowsMax == 0 && !p.started
	if !alone || len(pr.pending) >= pendingMax || pr.pendingSize+size > pendingBytesMax {
		if s.drainPending(); pr.skipping {
			return nil
		}
	}
	next, buffered := s.conn.Peek()
	last := len(pr.pending) == 0 && buffered && next.Type == wire.TypeSync
	if err := s.startRun(p, rowsMax, last); err != nil {
		return err
	}
	if alone && p.run.Started() {
		pr.pending = append(pr.pending, pendingRun{portal: p, lead: pr.tail.Len()})
		pr.pendingSize += size
		p.done = true // for whoever executes it again before it was read
		return nil
	}
	return s.finishRun(p, rowsMax)
}

// underWay reports that servers hold something of the transaction already, or will at its next statement.
func (s *Session) underWay() bool {
	for _, sv := range s.servers {
		if sv.Unsynced || sv.begun {
			return true
		}
	}
	return s.tx.block
}

// finishRun reads a portal's rows and answers its end.
func (s *Session) finishRun(p *portal, rowsMax int32) *sqlstate.Error {
	answer, err := s.readRun(p, rowsMax)
	switch {
	case err != nil:
		return err
	case answer.Suspended:
		s.conn.Out.PortalSuspended()
	default:
		s.conn.Out.CommandComplete(answer.Tag)
	}
	return nil
}

func (s *Session) close(body []byte) *sqlstate.Error {
	kind, name, err := wire.DecodeClose(body)
	if err != nil {
		return err
	}
	if s.drainPending(); s.protocol.skipping {
		return nil
	}
	if kind == wire.KindPortal {
		s.closePortal(string(name))
	} else {
		delete(s.protocol.statements, string(name))
	}
	s.conn.Out.CloseComplete()
	return nil
}

// closePortal forgets a portal and what servers hold of it.
func (s *Session) closePortal(name string) {
	p := s.protocol.portals[name]
	if p == nil {
		return
	}
	if p.run != nil && p.started && !p.done {
		p.run.Abandon(s.working)
	}
	delete(s.protocol.portals, name)
}
