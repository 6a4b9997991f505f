package session

import (
	"math"
	"strconv"

	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// A cursor of SQL is a portal, under the same set of names as those of Bind, as in PostgreSQL. It is opened on its nodes by
// DECLARE, so that what is changed afterwards does not show, and read forward only.

// cursorPlace is where a portal stands for FETCH (src/backend/tcop/pquery.c, DoPortalRunFetch).
type cursorPlace struct {
	row   int64 // number of the row that was read last, 0 before the first
	onRow bool  // false before the first and behind the last
}

// newPortal refuses a name that is taken, and one portal too many.
func (s *Session) newPortal(name string) *sqlstate.Error {
	if s.protocol.portals[name] != nil {
		return sqlstate.New(sqlstate.DuplicateCursor, "cursor \"%s\" already exists", name)
	}
	if len(s.protocol.portals) >= s.options.Limits.withDefaults().Portals {
		return sqlstate.New(sqlstate.ProgramLimitExceeded, "the session has too many open portals")
	}
	return nil
}

func (s *Session) keepPortal(name string, p *portal) {
	if s.protocol.portals == nil {
		s.protocol.portals = map[string]*portal{}
	}
	s.protocol.portals[name] = p
}

// actDeclare is DECLARE CURSOR (src/backend/commands/portalcmds.c, PerformCursorOpen).
func (s *Session) actDeclare(p *portal) *sqlstate.Error {
	action := p.plan.Session
	if !s.tx.block && !s.tx.several {
		return noBlock("DECLARE CURSOR")
	}
	if err := s.newPortal(action.Name); err != nil {
		return err
	}
	cursor := p.query
	if cursor == nil || cursor.run == nil {
		return sqlstate.New(sqlstate.FeatureNotSupported, "this query of a cursor is not supported on a protected or sharded database").
			WithRule("cursor-query")
	}
	if err := s.overtaken(cursor); err != nil {
		return err
	}
	cursor.binary, cursor.level = action.Binary, len(s.tx.savepoints)
	backends, err := s.backends(cursor)
	if err != nil {
		return err
	}
	cursor.started, cursor.openedAt = true, len(s.tx.savepoints)
	if err := cursor.run.Open(s.working, backends); err != nil {
		s.recordFailure(cursor.statement.parsed, cursor.plan, cursor.run.Routes(), err)
		return err
	}
	s.keepPortal(action.Name, cursor)
	return nil
}

// findCursor returns the portal that FETCH, MOVE or CLOSE names.
func (s *Session) findCursor(name string) (*portal, *sqlstate.Error) {
	p := s.protocol.portals[name]
	if p == nil {
		return nil, sqlstate.New(sqlstate.InvalidCursorName, "cursor \"%s\" does not exist", name)
	}
	return p, nil
}

// actFetch is FETCH and MOVE. In the simple protocol the row shape goes before the rows. With rowsMax, of an Execute, only
// so many rows are sent, and fetch says how many are left of what was asked for: they are read when they are wanted.
func (s *Session) actFetch(out *wire.Output, fetch *portal, simple bool, rowsMax int32) (tag string, suspended bool, err *sqlstate.Error) {
	action := fetch.plan.Session
	move := action.Kind == "MOVE"
	p, err := s.findCursor(action.Name)
	if err != nil {
		return "", false, err
	}
	if p.run == nil || p.gone {
		return "", false, sqlstate.New(sqlstate.ObjectNotInState, "portal \"%s\" cannot be run", action.Name)
	}
	if err := s.overtaken(p); err != nil {
		return "", false, err
	}
	formats := fetch.formats
	if simple && p.binary {
		formats = []int16{wire.FormatBinary}
	}
	if !fetch.fetching {
		fetch.fetching = true
		var skip int64
		if skip, fetch.left, err = p.place.steps(action); err != nil {
			return "", false, err
		}
		if skip == hereAgain {
			if !move {
				return "", false, forwardOnly()
			}
			return "MOVE 1", false, nil
		}
		if _, err := s.readCursor(p, skip, formats, true); err != nil {
			return "", false, err
		}
	}
	if simple && !move {
		rowDescription(out, p.plan.Columns, formats)
	}
	count := fetch.left
	if rowsMax > 0 && !move {
		count = min(count, int64(rowsMax))
	}
	rows, err := s.readCursor(p, count, formats, move)
	if err != nil {
		return "", false, err
	}
	fetch.rows += rows
	if fetch.left != rewrite.FetchAll {
		fetch.left -= rows
	}
	if rows == count && count == int64(rowsMax) && fetch.left > 0 && count > 0 {
		return "", true, nil
	}
	return action.Kind + " " + strconv.FormatInt(fetch.rows, 10), false, nil
}

// hereAgain asks for the row at hand once more, which only MOVE can have.
const hereAgain = -1

// steps says how many rows to pass over, or hereAgain, and how many to read then.
func (c *cursorPlace) steps(action *rewrite.SessionAction) (skip, count int64, err *sqlstate.Error) {
	n := action.Count
	switch action.Direction {
	case rewrite.FetchAbsolute:
		switch {
		case n > c.row:
			return n - c.row - 1, 1, nil
		case n == 0 && c.row == 0:
			return 0, 0, nil
		}
		return 0, 0, forwardOnly()
	case rewrite.FetchBackward:
		n = -n
	}
	switch {
	case n == 0 && c.onRow:
		return hereAgain, 0, nil
	case n < 0, n == 0 && action.Direction == rewrite.FetchBackward:
		return 0, 0, forwardOnly()
	case n > 0 && action.Direction == rewrite.FetchRelative:
		return n - 1, 1, nil
	}
	return 0, n, nil
}

func forwardOnly() *sqlstate.Error {
	return sqlstate.New(sqlstate.ObjectNotInState, "cursor can only scan forward").
		WithHint("Declare it with SCROLL option to enable backward scan.")
}

// readCursor reads the next rows of a portal, at most count, and sends them unless they are only passed over. It returns
// how many there were.
func (s *Session) readCursor(p *portal, count int64, formats []int16, discard bool) (rows int64, err *sqlstate.Error) {
	for count > 0 && !p.done {
		limit := int32(min(count, math.MaxInt32))
		if count == rewrite.FetchAll {
			limit = 0
		}
		if err := p.run.Want(formats, discard); err != nil {
			return rows, err
		}
		if err := s.startRun(p, limit, false); err != nil {
			return rows, err
		}
		answer, err := s.readRun(p, limit)
		if err != nil {
			return rows, err
		}
		rows += answer.Rows
		if count != rewrite.FetchAll {
			count -= answer.Rows
		}
	}
	return rows, nil
}

// actClose is CLOSE.
func (s *Session) actClose(name string) *sqlstate.Error {
	if name == "" {
		for name := range s.protocol.portals {
			s.closePortal(name)
		}
		return nil
	}
	if _, err := s.findCursor(name); err != nil {
		return err
	}
	s.closePortal(name)
	return nil
}

// backends returns the connections that a portal runs on, in the transaction.
func (s *Session) backends(p *portal) (func(datasource string) *execute.Backend, *sqlstate.Error) {
	s.enter()
	datasources := p.run.Datasources()
	if err := s.tx.admit(datasources, p.plan); err != nil {
		s.recordFailure(p.statement.parsed, p.plan, p.run.Routes(), err)
		return nil, err
	}
	s.tx.queried = true
	backends := make(map[string]*execute.Backend, len(datasources))
	for _, d := range datasources {
		sv, err := s.server(s.working, d)
		if err != nil {
			return nil, err
		}
		s.establish(d, sv)
		backends[d] = sv.Backend
	}
	if p.plan.Writes {
		s.tx.wrote, s.tx.writer = true, datasources[0]
	}
	return func(d string) *execute.Backend { return backends[d] }, nil
}
