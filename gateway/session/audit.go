package session

import (
	"github.com/portcullisdb/portcullis/gateway/audit"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// event starts an audit event with who asks, from where, for what.
func (s *Session) event(kind audit.Kind) *audit.Event {
	e := &audit.Event{Kind: kind, Session: sessionID(s.serial), User: s.startup.User, Database: s.startup.Database,
		Client: s.client, Certificate: s.subject, Generation: s.state.Policy.Generation}
	if s.user != nil {
		e.Roles = s.user.Roles
	}
	if s.settings != nil {
		e.Application = s.settings.Get("application_name")
	} else {
		e.Application = s.startup.Parameters["application_name"]
	}
	return e
}

// record keeps an event. An event that cannot be kept is an error of what it tells of.
func (s *Session) record(e *audit.Event) *sqlstate.Error {
	if s.options.Audit == nil {
		return nil
	}
	if err := s.options.Audit.Record(s.working, e); err != nil {
		s.log.Error("an audit event could not be recorded", "kind", e.Kind, "error", err)
		return sqlstate.New(sqlstate.SystemError, "the audit log does not take events")
	}
	return nil
}

// recordSession records the begin or end of a session, or a login that failed.
func (s *Session) recordSession(action string, failure *sqlstate.Error) *sqlstate.Error {
	e := s.event(audit.KindSession)
	e.Action, e.Decision = action, "allow"
	if failure != nil {
		e.Decision, e.SQLState = "refuse", failure.Code.String()
	}
	s.note(e)
	return s.record(e)
}

// note counts and logs the begin or end of a session, or a login that failed.
func (s *Session) note(e *audit.Event) {
	switch {
	case e.Decision == "refuse":
		s.options.Registry.counts.failed.Add(1)
		s.log.Info("login refused", "sqlstate", e.SQLState)
	case e.Action == "login":
		s.options.Registry.counts.accepted.Add(1)
		s.log.Info("login", "session", e.Session)
	default:
		s.log.Info("logout", "session", e.Session)
	}
}

// recordStatement records a statement that touches protected columns, before its first row leaves.
func (s *Session) recordStatement(plan *rewrite.Plan, routes []string, rows int64) *sqlstate.Error {
	if !s.audited(plan) {
		return nil
	}
	e := s.event(audit.KindStatement)
	e.Statement, e.Decision, e.Routes, e.Rows = plan.Logical, "allow", routes, rows
	e.Columns = touchedColumns(plan)
	return s.record(e)
}

// audited reports whether a statement has an event when it is allowed.
func (s *Session) audited(plan *rewrite.Plan) bool {
	return s.options.Audit != nil && (len(plan.Touched) > 0 || s.options.AuditAll)
}

func touchedColumns(plan *rewrite.Plan) []audit.Column {
	columns := make([]audit.Column, len(plan.Touched))
	for i, t := range plan.Touched {
		columns[i] = audit.Column{Table: t.Column.Table.String(), Column: t.Column.Column, Use: t.Use, Rule: t.Rule}
	}
	return columns
}

// recordFailure records a refusal, or an error in a statement that touches protected columns. What PostgreSQL says of
// any other statement is no event.
func (s *Session) recordFailure(statement *rewrite.Statement, plan *rewrite.Plan, routes []string, failure *sqlstate.Error) {
	kind := audit.KindError
	switch {
	case failure.Rule != "" || failure.Code == sqlstate.InsufficientPrivilege:
		kind = audit.KindRefusal
	case failure.Code == sqlstate.DataCorrupted:
	case plan == nil || !s.audited(plan):
		return
	}
	e := s.event(kind)
	e.Decision, e.SQLState, e.Rule, e.Routes = "refuse", failure.Code.String(), failure.Rule, routes
	if kind == audit.KindRefusal {
		s.options.Registry.counts.refusal(failure.Rule)
		s.log.Info("statement refused", "session", e.Session, "sqlstate", e.SQLState, "rule", failure.Rule)
	}
	switch {
	case plan != nil:
		e.Statement, e.Columns = plan.Logical, touchedColumns(plan)
	case statement != nil:
		e.Statement = statement.Shape()
	}
	_ = s.record(e) // logged there; the statement fails in any case
}
