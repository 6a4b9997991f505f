package session

import (
	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// query answers a Query message: its statements run one after the other in one implicit transaction, and an error stops
// the rest (src/backend/tcop/postgres.c, exec_simple_query).
func (s *Session) query(body []byte) {
	if err := s.statements(body); err != nil {
		s.fail(err)
	}
	s.readyForQuery()
}

func (s *Session) statements(body []byte) *sqlstate.Error {
	text, err := wire.DecodeQuery(body)
	if err != nil {
		return err
	}
	delete(s.protocol.portals, "")
	delete(s.protocol.statements, "")
	parsed, err := s.prepare(string(text))
	if err != nil {
		return err
	}
	if len(parsed) == 0 {
		s.conn.Out.EmptyQueryResponse()
		return nil
	}
	for i, p := range parsed {
		s.tx.several = len(parsed) > 1
		if err := s.simpleStatement(p, i == len(parsed)-1); err != nil {
			return err
		}
	}
	s.tx.several = false
	return nil
}

// prepare cuts a client's string into statements, without the empty ones.
func (s *Session) prepare(sql string) ([]*rewrite.Statement, *sqlstate.Error) {
	parsed, err := s.database.Planner.Prepare(s.working, sql)
	if err != nil {
		return nil, err
	}
	kept := parsed[:0:0]
	for _, p := range parsed {
		if !p.Empty {
			kept = append(kept, p)
		}
	}
	return kept, nil
}

// simpleStatement plans, runs and answers one statement. After the last one the implicit transaction ends before the
// client is told that the statement is complete.
func (s *Session) simpleStatement(parsed *rewrite.Statement, last bool) *sqlstate.Error {
	st := &statement{parsed: parsed}
	if err := s.planFor(st); err != nil {
		return err
	}
	if len(st.params()) > 0 {
		return sqlstate.New(sqlstate.UndefinedParameter, "there is no parameter $1").
			WithHint("Parameters belong to the extended protocol.")
	}
	p, err := s.bind(st, nil, nil, nil)
	if err != nil {
		return err
	}
	if err := s.resolve(p); err != nil {
		return err
	}
	if p.plan.Destination == rewrite.DestinationSession {
		return s.act(&s.conn.Out, p, 0, true, last)
	}
	if err := s.startRun(p, 0, last); err != nil {
		return err
	}
	if p.plan.Columns != nil {
		rowDescription(&s.conn.Out, p.plan.Columns, nil)
	}
	answer, err := s.readRun(p, 0)
	if err != nil {
		return err
	}
	if last {
		if err := s.endImplicit(s.working); err != nil {
			return err
		}
	}
	s.conn.Out.CommandComplete(answer.Tag)
	return nil
}

// planFor plans a statement in the state of the transaction: in a failed block only its end will do, or ROLLBACK TO.
func (s *Session) planFor(st *statement) *sqlstate.Error {
	err := s.plan(s.working, st)
	failed := st.parsed
	if err == nil && st.declares() {
		if st.query == nil {
			st.query = &statement{parsed: st.parsed.Embedded, oids: st.oids}
		}
		err, failed = s.plan(s.working, st.query), st.query.parsed
	}
	if s.tx.failed && (err != nil || !leavesFailure(st.plan)) {
		return failedError()
	}
	if err != nil {
		s.recordFailure(failed, nil, nil, err)
	}
	return err
}

// leavesFailure reports that a statement is good for a failed block (src/backend/tcop/postgres.c, IsTransactionExitStmt).
func leavesFailure(plan *rewrite.Plan) bool {
	if plan.Destination != rewrite.DestinationSession {
		return false
	}
	switch plan.Session.Kind {
	case "COMMIT", "ROLLBACK", "ROLLBACK TO":
		return true
	}
	return false
}

// bind makes a portal of a statement and its values.
func (s *Session) bind(st *statement, params [][]byte, paramFormats, resultFormats []int16) (*portal, *sqlstate.Error) {
	p := &portal{statement: st, plan: st.plan, view: s.view, formats: resultFormats, level: len(s.tx.savepoints)}
	if st.plan.Destination == rewrite.DestinationSession {
		if !st.declares() {
			p.params, p.paramFormats = params, paramFormats
			return p, nil
		}
		var err *sqlstate.Error
		var formats []int16
		if st.plan.Session.Binary {
			formats = []int16{wire.FormatBinary}
		}
		p.query, err = s.bind(st.query, params, paramFormats, formats)
		return p, err
	}
	if err := s.overtaken(p); err != nil {
		return nil, err
	}
	if err := s.usable(st.plan); err != nil {
		s.recordFailure(st.parsed, st.plan, nil, err)
		return nil, err
	}
	var err *sqlstate.Error
	p.run, err = s.database.Runner.Bind(s.working, &execute.Request{
		Plan: st.plan, Literals: st.parsed.Literals, Params: params, ParamFormats: paramFormats,
		ResultFormats: resultFormats, Facts: s.facts(), Settings: s.datumSettings(), Home: s.home(),
		Restricted: s.restricted()})
	if err != nil {
		s.recordFailure(st.parsed, st.plan, nil, err)
		return nil, err
	}
	return p, nil
}

// startRun sends a portal to its servers. With last the implicit transaction may end with it.
func (s *Session) startRun(p *portal, rowsMax int32, last bool) *sqlstate.Error {
	if p.run.Held() {
		if p.scroll {
			p.run.Seek(int(p.place.row), false)
		}
		return nil
	}
	// A Sync that comes with the statement ends the transaction only there, so nothing may be under way elsewhere.
	// Nor may it end before its audit event is kept.
	last = last && !s.underWay() && !(p.plan.Writes && s.audited(p.plan))
	backends, err := s.backends(p)
	if err != nil {
		return err
	}
	for _, d := range p.run.Datasources() {
		last = last && !s.servers[d].begun
	}
	if !p.run.Opened() {
		p.openedAt = len(s.tx.savepoints)
	}
	p.started, p.commits = true, last && p.plan.Writes
	return p.run.Start(s.working, backends, rowsMax, last)
}

// readRun reads the rows of a portal that was started.
func (s *Session) readRun(p *portal, rowsMax int32) (execute.Answer, *sqlstate.Error) {
	answer, err := p.run.Rows(s.working, s.conn, rowsMax, func(rows int64) *sqlstate.Error {
		return s.recordStatement(p.plan, p.run.Routes(), rows)
	})
	if err != nil {
		if writer := s.servers[s.tx.writer]; p.commits && err != execute.ClientLost && writer != nil && writer.Broken() {
			err = outcomeUnknown(s.tx.writer)
		}
		s.recordFailure(p.statement.parsed, p.plan, p.run.Routes(), err)
		return answer, err
	}
	s.free(p.plan)
	p.done = !answer.Suspended
	p.place.row, p.place.onRow = p.place.row+answer.Rows, answer.Suspended
	return answer, nil
}
