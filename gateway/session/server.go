package session

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// server is the session's connection to one datasource, with what the session has done to it.
//
// Between transactions it is parked: then the Registry may take it away, for a session that waits for one. parked decides
// whose it is; held is the session's own note that it is not parked.
type server struct {
	*execute.Backend
	database *Database
	release  func() // of its place among the datasource's connections
	parked   atomic.Bool
	held     bool
	begun    bool // BEGIN was sent, or is queued

	applied   map[string]string // settings as the server has them; never modified, but replaced
	appliedAt uint64            // settings.version at that time
	// saved are applied and appliedAt as they were before the server's transaction: what a rollback returns to.
	saved   map[string]string
	savedAt uint64
}

func newServer(database *Database, conn *pool.Server, release func()) *server {
	return &server{Backend: execute.NewBackend(conn), database: database, release: release, held: true}
}

// park lets go of the connection until the next transaction.
func (sv *server) park() {
	if sv.held && !sv.begun && !sv.Unsynced {
		sv.held = false
		sv.parked.Store(true)
	}
}

// hold takes the connection back; it is false if it was taken away.
func (sv *server) hold() bool {
	if !sv.held {
		sv.held = sv.parked.CompareAndSwap(true, false)
	}
	return sv.held
}

// takeAway ends a parked connection. It may be called from any goroutine; it is false if the session uses the connection.
func (sv *server) takeAway() bool {
	if !sv.parked.CompareAndSwap(true, false) {
		return false
	}
	_ = sv.Server.Close() // it may be broken already
	sv.release()
	return true
}

func (sv *server) committed() { sv.begun, sv.saved = false, nil }

func (sv *server) rolledBack() {
	sv.begun = false
	if sv.saved != nil {
		sv.applied, sv.appliedAt, sv.saved = sv.saved, sv.savedAt, nil
	}
}

// server returns the connection to a datasource, ready for a statement of the current transaction: connected, with the
// session's settings, in the session's block. What that takes is queued, not sent.
func (s *Session) server(ctx context.Context, datasource string) (*server, *sqlstate.Error) {
	sv := s.servers[datasource]
	if sv != nil && (!sv.hold() || sv.database != s.database && !sv.begun && !sv.Unsynced) {
		s.dropServer(datasource)
		sv = nil
	}
	if sv != nil && sv.Broken() {
		lost := sv.begun || sv.Unsynced
		s.dropServer(datasource)
		if sv = nil; lost {
			return nil, connectionGone(datasource)
		}
	}
	if sv == nil {
		var err *sqlstate.Error
		if sv, err = s.connect(ctx, datasource); err != nil {
			return nil, err
		}
	}
	// BEGIN comes first: its isolation level cannot be set once a query has run.
	if s.tx.block && !sv.begun {
		s.beginOn(sv)
	}
	if sv.appliedAt != s.settings.version {
		s.apply(sv)
	}
	return sv, nil
}

func (s *Session) connect(ctx context.Context, datasource string) (*server, *sqlstate.Error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.Limits.withDefaults().ConnectTimeout)
	defer cancel()
	params := s.serverSettings(datasource)
	conn, release, err := s.database.Dial(ctx, datasource, params)
	if err != nil {
		if known := (*sqlstate.Error)(nil); errors.As(err, &known) {
			return nil, known
		}
		s.log.Error("could not connect", "datasource", datasource, "error", err)
		return nil, sqlstate.New(sqlstate.ConnectionFailure, "could not connect to datasource %q", datasource)
	}
	sv := newServer(s.database, conn, release)
	sv.applied, sv.appliedAt = params, s.settings.version
	s.mu.Lock()
	s.servers[datasource] = sv
	s.mu.Unlock()
	return sv, nil
}

// serverSettings returns what a server connection must be set to. Statements are printed with every name qualified, so
// shards need no search_path; on the logical database it decides what introspection calls visible.
func (s *Session) serverSettings(datasource string) map[string]string {
	values := map[string]string{}
	s.settings.forServers(func(name, value string) { values[name] = value })
	values["search_path"] = "pg_catalog"
	if datasource == execute.LogicalDatasource {
		values["search_path"] = formatIdentifiers(s.settings.schemas(s.user.Name))
	}
	return values
}

// apply queues the settings in which the server differs from the session.
func (s *Session) apply(sv *server) {
	if sv.saved == nil {
		sv.saved, sv.savedAt = sv.applied, sv.appliedAt
	}
	values := s.serverSettings(sv.Server.Datasource())
	var calls []string
	for i := range settings {
		name := settings[i].name
		if value, ok := values[name]; ok && sv.applied[name] != value {
			calls = append(calls, "pg_catalog.set_config("+quoteLiteral(name)+", "+quoteLiteral(value)+", false)")
		}
	}
	if len(calls) > 0 {
		sv.Command("SELECT " + strings.Join(calls, ", "))
	}
	sv.applied, sv.appliedAt = values, s.settings.version
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

func (s *Session) dropServer(datasource string) {
	sv := s.servers[datasource]
	if sv == nil {
		return
	}
	s.mu.Lock()
	delete(s.servers, datasource)
	s.mu.Unlock()
	if sv.hold() {
		_ = sv.Server.Close() // it may be broken already
		sv.release()
	}
}

// parkServers lets go of all connections: no transaction is open.
func (s *Session) parkServers() {
	for _, sv := range s.servers {
		sv.park()
	}
}

func (s *Session) closeServers() {
	for name := range s.servers {
		s.dropServer(name)
	}
}
