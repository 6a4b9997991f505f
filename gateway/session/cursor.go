package session

import (
	"context"
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
	if !s.tx.block && !s.tx.several && !action.Hold {
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
	cursor.binary, cursor.hold, cursor.level = action.Binary, action.Hold, len(s.tx.savepoints)
	backends, err := s.backends(cursor)
	if err != nil {
		return err
	}
	cursor.started, cursor.openedAt, cursor.scroll = true, len(s.tx.savepoints), action.Scroll
	err = cursor.run.Open(s.working, backends)
	if err == nil && action.Scroll {
		err = cursor.run.Hold(s.working, s.heldBytesLeft())
	}
	if err != nil {
		s.recordFailure(cursor.statement.parsed, cursor.plan, cursor.run.Routes(), err)
		return err
	}
	s.keepPortal(action.Name, cursor)
	return nil
}

// heldBytesLeft is what cursors may still hold in memory.
func (s *Session) heldBytesLeft() int {
	left := s.database.Runner.HeldBytesMax()
	for _, p := range s.protocol.portals {
		if p.run != nil {
			left -= p.run.HeldBytes()
		}
	}
	return left
}

// holdCursors reads what cursors WITH HOLD have still to give, before the transaction that made them is committed
// (src/backend/utils/mmgr/portalmem.c, PreCommit_Portals).
func (s *Session) holdCursors(ctx context.Context) *sqlstate.Error {
	for _, p := range s.protocol.portals {
		if !p.hold || p.gone || p.kept {
			continue
		}
		if err := p.run.Hold(ctx, s.heldBytesLeft()); err != nil {
			s.recordFailure(p.statement.parsed, p.plan, p.run.Routes(), err)
			return err
		}
		p.kept, p.level, p.openedAt = true, 0, 0
	}
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
	if p.scroll {
		return s.actScroll(out, fetch, p, formats, simple)
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
	if fetch.left != rewrite.FetchAll {
		fetch.left -= rows
	}
	if rows == count && count == int64(rowsMax) && fetch.left > 0 && count > 0 {
		return "", true, nil
	}
	return action.Kind + " " + strconv.FormatInt(rows, 10), false, nil
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

// actScroll is FETCH and MOVE of a cursor that scrolls. place.row is 0 before the first row, and one more than there are
// behind the last.
func (s *Session) actScroll(out *wire.Output, fetch, p *portal, formats []int16, simple bool) (tag string, suspended bool, err *sqlstate.Error) {
	action := fetch.plan.Session
	if simple && action.Kind == "FETCH" {
		rowDescription(out, p.plan.Columns, formats)
	}
	from, count, back, row := scrolled(action, p.place.row, int64(p.run.HeldRows()))
	if err := p.run.Want(formats, action.Kind == "MOVE"); err != nil {
		return "", false, err
	}
	if count > 0 {
		p.run.Seek(int(from-1), back)
		if _, err := s.readRun(p, int32(min(count, math.MaxInt32))); err != nil {
			return "", false, err
		}
	}
	p.place.row, p.done = row, false
	return action.Kind + " " + strconv.FormatInt(count, 10), false, nil
}

// scrolled says which rows of so many a FETCH reads from where a cursor stands: count of them, beginning with from, forwards
// or back; and where it stands then (src/backend/tcop/pquery.c, DoPortalRunFetch).
func scrolled(action *rewrite.SessionAction, at, rows int64) (from, count int64, back bool, row int64) {
	n := action.Count
	one := func(target int64) (int64, int64, bool, int64) {
		target = max(0, min(target, rows+1))
		if target == 0 || target > rows {
			return 0, 0, false, target
		}
		return target, 1, false, target
	}
	switch action.Direction {
	case rewrite.FetchAbsolute:
		if n < 0 {
			n = max(n, -rows-1) + rows + 1
		}
		return one(n)
	case rewrite.FetchRelative:
		return one(at + max(-rows-1, min(n, rows+1)))
	case rewrite.FetchBackward:
		n = -n
	}
	n = max(-rows-1, min(n, rows+1))
	switch {
	case n == 0:
		return one(at)
	case n > 0:
		return at + 1, max(min(at+n, rows)-at, 0), false, min(at+n, rows+1)
	}
	return at - 1, max(at-max(at+n, 1), 0), true, max(at+n, 0)
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
		if s.holds(d) && (s.servers[d] == nil || s.servers[d].Broken()) {
			s.checkHeld()
			return nil, heldLost()
		}
		sv, err := s.server(s.working, d)
		if err != nil {
			return nil, err
		}
		s.establish(d, sv)
		backends[d] = sv.Backend
	}
	s.hold(p.plan)
	if p.plan.Writes {
		s.tx.wrote, s.tx.writer = true, datasources[0]
	}
	return func(d string) *execute.Backend { return backends[d] }, nil
}
