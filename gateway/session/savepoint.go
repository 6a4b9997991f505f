package session

import (
	"context"
	"strconv"

	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// savepoint is one that the client has made, with what a rollback to it returns to. Names of clients do not reach a
// server: there the savepoint has the name of its depth.
//
// A server of the block is given a savepoint when it is next used, together with the statement. Those that it has been
// given are always the outermost ones of the block: tx.marks has an entry for each. Of the others nothing has run there.
type savepoint struct {
	name     string
	settings settingsMark
	modes    modes
	writer   string
	wrote    bool
}

// savepointsMax bounds the savepoints of a transaction: drivers that set one before each statement need not release them.
const savepointsMax = 1 << 16

// serverSavepoint is the name on servers of the savepoint at an index of tx.savepoints.
func serverSavepoint(i int) string { return pool.StatementPrefix + "s" + strconv.Itoa(i+1) }

// makeSavepoint is SAVEPOINT (src/backend/access/transam/xact.c, DefineSavepoint).
func (s *Session) makeSavepoint(name string) *sqlstate.Error {
	if !s.tx.block {
		return noBlock("SAVEPOINT")
	}
	if len(s.tx.savepoints) >= savepointsMax {
		return sqlstate.New(sqlstate.ProgramLimitExceeded, "the transaction has too many savepoints").
			WithHint("Release those that are not needed any more.")
	}
	s.tx.savepoints = append(s.tx.savepoints, savepoint{name: name, settings: s.settings.mark(), modes: s.tx.modes,
		writer: s.tx.writer, wrote: s.tx.wrote})
	return nil
}

// findSavepoint returns the innermost savepoint of a name.
func (s *Session) findSavepoint(name string) (int, *sqlstate.Error) {
	for i := len(s.tx.savepoints) - 1; i >= 0; i-- {
		if s.tx.savepoints[i].name == name {
			return i, nil
		}
	}
	return 0, sqlstate.New(sqlstate.InvalidSavepoint, "savepoint \"%s\" does not exist", name)
}

// releaseSavepoint is RELEASE: what ran since becomes part of what was before. Servers are told with their next statement.
func (s *Session) releaseSavepoint(name string) *sqlstate.Error {
	if !s.tx.block {
		return noBlock("RELEASE SAVEPOINT")
	}
	i, err := s.findSavepoint(name)
	if err != nil {
		return err
	}
	for datasource, marks := range s.tx.marks {
		if sv := s.servers[datasource]; sv != nil && len(marks) > i {
			sv.Command("RELEASE SAVEPOINT " + serverSavepoint(i))
			s.tx.marks[datasource] = marks[:i]
		}
	}
	s.tx.savepoints = s.tx.savepoints[:i]
	for _, p := range s.protocol.portals {
		p.level, p.openedAt = min(p.level, i), min(p.openedAt, i)
	}
	return nil
}

// rollbackTo is ROLLBACK TO. It also brings a failed block back. An error leaves the block failed, for good if a server has
// lost what was done before the savepoint.
func (s *Session) rollbackTo(ctx context.Context, name string) *sqlstate.Error {
	if !s.tx.block {
		return noBlock("ROLLBACK TO SAVEPOINT")
	}
	i, err := s.findSavepoint(name)
	if err != nil {
		return err
	}
	if s.tx.lost == nil {
		s.tx.lost = s.rollbackServersTo(ctx, i)
	}
	if s.tx.lost != nil {
		s.rollbackServers(ctx)
		return s.tx.lost
	}
	sp := &s.tx.savepoints[i]
	s.settings.rollbackTo(sp.settings)
	s.tx.modes, s.tx.writer, s.tx.wrote, s.tx.failed = sp.modes, sp.writer, sp.wrote, false
	s.tx.savepoints = s.tx.savepoints[:i+1]
	for name, p := range s.protocol.portals {
		switch {
		case p.level > i:
			delete(s.protocol.portals, name)
		case p.openedAt > i && !p.done:
			p.gone = true // on servers it was opened behind the savepoint
		}
	}
	return nil
}

// rollbackServersTo undoes what servers have done since a savepoint, everywhere at the same time.
func (s *Session) rollbackServersTo(ctx context.Context, i int) *sqlstate.Error {
	if !s.tx.whole(s.servers) {
		return s.tx.lostError()
	}
	var asked []string
	for datasource, marks := range s.tx.marks {
		sv := s.servers[datasource]
		if len(marks) <= i {
			if sv.Failed { // not where nothing ran
				return s.tx.lostError()
			}
			continue
		}
		if sv.Failed {
			sv.Sync()
		}
		sv.Command("ROLLBACK TO SAVEPOINT " + serverSavepoint(i))
		sv.Sync()
		if err := sv.Send(ctx); err != nil {
			return err
		}
		asked = append(asked, datasource)
	}
	for _, datasource := range asked {
		sv, marks := s.servers[datasource], s.tx.marks[datasource]
		err := sv.Ready(ctx)
		switch {
		case sv.Broken():
			return err
		case err != nil || sv.Server.Status() != wire.StatusInTx:
			return sqlstate.New(sqlstate.InternalError, "datasource %q did not return to a savepoint", datasource)
		}
		sv.applied, s.tx.marks[datasource] = marks[i], marks[:i+1]
	}
	return nil
}

// establish queues the savepoints that a server of the block does not have yet.
func (s *Session) establish(datasource string, sv *server) {
	marks := s.tx.marks[datasource]
	for i := len(marks); i < len(s.tx.savepoints); i++ {
		sv.Command("SAVEPOINT " + serverSavepoint(i))
		marks = append(marks, sv.applied)
	}
	if len(s.tx.savepoints) > 0 {
		s.tx.marks[datasource] = marks
	}
}

// whole reports that each server that has joined the block still holds it.
func (t *transaction) whole(servers map[string]*server) bool {
	for datasource := range t.marks {
		if sv := servers[datasource]; sv == nil || sv.Broken() || !sv.begun {
			return false
		}
	}
	return true
}

func (t *transaction) lostError() *sqlstate.Error {
	return sqlstate.New(sqlstate.ConnectionFailure, "the transaction cannot return to a savepoint: a server has lost it").
		WithHint("Roll back the whole transaction.")
}
