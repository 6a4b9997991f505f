package session

import (
	"context"
	"errors"
	"strings"

	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// server is the session's connection to one datasource, with what the session has done to it. It is taken from the
// datasource's pool when a transaction first uses it, and given back when the transaction has ended.
type server struct {
	*execute.Backend
	pool  *pool.Pool
	begun bool // BEGIN was sent, or is queued

	applied *pool.Settings // as the server has them
	// saved is applied as it was before the server's transaction: what a rollback returns to. changed says that there is one.
	saved   *pool.Settings
	changed bool
}

func (sv *server) committed() { sv.begun, sv.saved, sv.changed = false, nil, false }

func (sv *server) rolledBack() {
	if sv.changed {
		sv.applied = sv.saved
	}
	sv.committed()
}

// server returns the connection to a datasource, ready for a statement of the current transaction: connected, with the
// session's settings, in the session's block. What that takes is queued, not sent.
func (s *Session) server(ctx context.Context, datasource string) (*server, *sqlstate.Error) {
	sv := s.servers[datasource]
	if sv != nil && sv.Broken() {
		lost := sv.begun || sv.Unsynced
		s.dropServer(datasource)
		if sv = nil; lost {
			return nil, connectionGone(datasource)
		}
	}
	if sv == nil {
		var err *sqlstate.Error
		if sv, err = s.acquire(ctx, datasource); err != nil {
			return nil, err
		}
	}
	// BEGIN comes first: its isolation level cannot be set once a query has run.
	if !sv.begun && (s.tx.block || s.isolates(sv)) {
		s.beginOn(sv)
	}
	if wanted := s.serverSettings(datasource); sv.applied != wanted {
		sv.apply(wanted)
	}
	return sv, nil
}

// acquire takes a connection from the pool of a datasource.
func (s *Session) acquire(ctx context.Context, datasource string) (*server, *sqlstate.Error) {
	id := Identity{}
	if datasource != execute.LogicalDatasource {
		id = s.identity()
	}
	p, refused := s.database.Pool(datasource, id)
	if refused != nil {
		return nil, refused
	}
	s.claim.User, s.claim.UserMax = s.user.Name, s.state.UserPools[s.user.Name].Max
	s.setPhase(phaseWaiting)
	conn, err := p.Acquire(ctx, &s.claim)
	s.setPhase(phaseActive)
	if err != nil {
		if known := (*sqlstate.Error)(nil); errors.As(err, &known) {
			return nil, known
		}
		s.log.Error("could not connect", "datasource", datasource, "error", err)
		return nil, sqlstate.New(sqlstate.ConnectionFailure, "could not connect to datasource %q", datasource)
	}
	conn.LastSession = s.serial
	sv := &server{Backend: execute.NewBackend(conn), pool: p, applied: conn.Applied}
	s.mu.Lock()
	s.servers[datasource] = sv
	s.mu.Unlock()
	return sv, nil
}

// serverSettings returns what a server connection must be set to: the same snapshot as long as nothing has changed.
// Statements are printed with every name qualified, so shards need no search_path; on the logical database it decides
// what introspection calls visible, and it is asked as its service user.
func (s *Session) serverSettings(datasource string) *pool.Settings {
	if s.forServersAt != s.settings.version {
		s.forShards, s.forLogical, s.forServersAt = nil, nil, s.settings.version
	}
	snapshot, path := &s.forShards, "pg_catalog"
	if datasource == execute.LogicalDatasource {
		snapshot, path = &s.forLogical, formatIdentifiers(s.settings.schemas(s.user.Name))
	}
	if *snapshot == nil {
		values := map[string]string{"search_path": path}
		s.settings.forServers(func(name, value string) { values[name] = value })
		if role := s.database.Pooling.role(s.user.Name); role != "" && datasource != execute.LogicalDatasource {
			values[settingRole] = role
		}
		*snapshot = s.database.welcomes.share(values)
	}
	return *snapshot
}

// apply queues the settings in which the server differs from wanted.
func (sv *server) apply(wanted *pool.Settings) {
	if !sv.changed {
		sv.saved, sv.changed = sv.applied, true
	}
	var have map[string]string
	if sv.applied != nil {
		have = sv.applied.Values
	}
	if calls := differences(have, wanted.Values); len(calls) > 0 {
		sv.Command("SELECT " + strings.Join(calls, ", "))
	}
	sv.applied = wanted
}

// quoteLiteral writes a string constant that every setting of standard_conforming_strings reads the same way
// (src/interfaces/libpq/fe-exec.c, PQescapeLiteral).
func quoteLiteral(v string) string {
	quoted := "'" + strings.ReplaceAll(v, "'", "''") + "'"
	if strings.Contains(v, `\`) {
		return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// leaveServer takes a connection out of the session's hands: no cancel request of its client's begins on it any more.
func (s *Session) leaveServer(datasource string) *server {
	s.mu.Lock()
	defer s.mu.Unlock()
	sv := s.servers[datasource]
	delete(s.servers, datasource)
	return sv
}

// dropServer closes a connection.
func (s *Session) dropServer(datasource string) {
	if sv := s.leaveServer(datasource); sv != nil {
		sv.pool.Discard(sv.Server)
	}
}

// releaseServers gives all connections back: no transaction is open. One that holds anything of the session is closed.
func (s *Session) releaseServers() {
	for datasource := range s.servers {
		if s.holds(datasource) {
			continue
		}
		sv := s.leaveServer(datasource)
		if sv.begun || sv.Unsynced || sv.Failed || !sv.Server.Idle() {
			sv.pool.Discard(sv.Server)
			continue
		}
		sv.Server.Applied = sv.applied
		sv.pool.Release(sv.Server)
	}
}

func (s *Session) closeServers() {
	for datasource := range s.servers {
		s.dropServer(datasource)
	}
}
