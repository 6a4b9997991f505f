package session

import (
	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Statements of PREPARE are kept with those of Parse, under one set of names, as in PostgreSQL. No server knows of either:
// what is prepared there are plans (package pool).

// newStatement refuses a name that is taken, and one statement too many.
func (s *Session) newStatement(name string) *sqlstate.Error {
	if s.protocol.statements[name] != nil {
		return sqlstate.New(sqlstate.DuplicatePreparedStatement, "prepared statement \"%s\" already exists", name)
	}
	if len(s.protocol.statements) >= s.options.Limits.withDefaults().Statements {
		return sqlstate.New(sqlstate.ProgramLimitExceeded, "the session has too many prepared statements").
			WithHint("Deallocate those that are not needed any more.")
	}
	return nil
}

func (s *Session) keepStatement(name string, st *statement) {
	if s.protocol.statements == nil {
		s.protocol.statements = map[string]*statement{}
	}
	s.protocol.statements[name] = st
}

// actPrepare is PREPARE (src/backend/commands/prepare.c, PrepareQuery).
func (s *Session) actPrepare(p *portal) *sqlstate.Error {
	s.enter()
	action := p.plan.Session
	st := &statement{parsed: p.statement.parsed.Embedded, oids: action.ParamOIDs}
	if err := s.planFor(st); err != nil {
		return err
	}
	if err := s.newStatement(action.Name); err != nil {
		return err
	}
	s.keepStatement(action.Name, st)
	return nil
}

// deallocate is DEALLOCATE. The unnamed statement of the protocol is none of its business.
func (s *Session) deallocate(name string) *sqlstate.Error {
	if name == "" {
		s.deallocateAll()
		return nil
	}
	if s.protocol.statements[name] == nil {
		return sqlstate.New(sqlstate.InvalidSQLStatementName, "prepared statement \"%s\" does not exist", name)
	}
	delete(s.protocol.statements, name)
	return nil
}

func (s *Session) deallocateAll() {
	for name := range s.protocol.statements {
		if name != "" {
			delete(s.protocol.statements, name)
		}
	}
}

// executed returns the statement that EXECUTE names, planned.
func (s *Session) executed(action *rewrite.SessionAction) (*statement, *sqlstate.Error) {
	st, err := s.findStatement([]byte(action.Name))
	if err != nil {
		return nil, err
	}
	if st.parsed != nil {
		err = s.planFor(st)
	}
	if err == nil && (st.plan == nil || st.plan.Destination == rewrite.DestinationSession) {
		err = sqlstate.New(sqlstate.FeatureNotSupported, "EXECUTE of a statement that is no query is not supported on a protected or sharded database").
			WithRule("execute-utility")
	}
	return st, err
}

// resolve turns the portal of an EXECUTE into one of the statement that it names, with its values: from there on it is one
// like any other.
func (s *Session) resolve(p *portal) *sqlstate.Error {
	if p.plan == nil || p.plan.Destination != rewrite.DestinationSession || p.plan.Session.Kind != "EXECUTE" {
		return nil
	}
	action := p.plan.Session
	st, err := s.executed(action)
	if err != nil {
		return err
	}
	if have, want := len(action.Arguments), len(st.plan.Params); have != want {
		return sqlstate.New(sqlstate.SyntaxError, "wrong number of parameters for prepared statement \"%s\"", action.Name).
			WithDetail("Expected %d parameters but got %d.", want, have)
	}
	literals := p.statement.parsed.Literals
	params := make([][]byte, len(action.Arguments))
	for i := range params {
		a := &action.Arguments[i]
		if params[i], err = execute.ArgumentText(a, literals, st.plan.Params[i], i+1, s.datumSettings()); err != nil {
			return err.At(p.statement.parsed.TokenPosition(a.Token))
		}
	}
	q, err := s.bind(st, params, nil, p.formats)
	if err != nil {
		return err
	}
	p.statement, p.plan, p.view, p.run = q.statement, q.plan, q.view, q.run
	return nil
}

// columns returns the row shape of a plan as the session has it now: that of EXECUTE is the named statement's, that of FETCH
// the cursor's. nil is without rows, or nothing of that name.
func (s *Session) columns(plan *rewrite.Plan) []rewrite.Column {
	if plan == nil || plan.Destination != rewrite.DestinationSession {
		return columnsOf(plan)
	}
	switch plan.Session.Kind {
	case "EXECUTE":
		if st, err := s.executed(plan.Session); err == nil {
			return columnsOf(st.plan)
		}
		return nil
	case "FETCH":
		if p := s.protocol.portals[plan.Session.Name]; p != nil {
			return columnsOf(p.plan)
		}
		return nil
	}
	return columnsOf(plan)
}

// describeRows answers Describe.
func (s *Session) describeRows(out *wire.Output, plan *rewrite.Plan, formats []int16) {
	rowDescription(out, s.columns(plan), formats)
}
