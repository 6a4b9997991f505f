package session

import (
	"context"
	"errors"
	"slices"

	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// start brings the client from its first byte to ReadyForQuery. It reports false if the connection ends here: a cancel
// request, or an error that the client has been told.
func (s *Session) start() bool {
	ctx, cancel := context.WithTimeout(s.working, s.options.Limits.withDefaults().StartupTimeout)
	defer cancel()
	defer s.conn.Detach()
	if err := s.login(ctx); err != nil {
		s.loginFailed(err)
		return false
	}
	if s.startup.Cancel != nil {
		s.cancel(ctx, s.startup.Cancel)
		return false
	}
	if err := s.admit(); err != nil {
		s.recordSession("login", err)
		s.fatal(err)
		return false
	}
	if err := s.options.Registry.add(s, s.options.Random, s.options.Limits.withDefaults().Sessions); err != nil {
		s.loginFailed(err)
		return false
	}
	if err := s.recordSession("login", nil); err != nil {
		s.options.Registry.remove(s)
		s.fatal(err)
		return false
	}
	if !s.database.Policy.Transparent() {
		s.settings.reported(func(name, value string) { s.conn.Out.ParameterStatus(name, value) })
		s.told, s.toldAt = s.reportedNow(), s.settings.version
		s.conn.Out.BackendKeyData(s.pid, s.secret[:])
		s.conn.Out.ReadyForQuery(wire.StatusIdle)
		s.setPhase(phaseIdle)
	}
	return true
}

// login reads what the client says first and, unless that is a cancel request, authenticates it. It holds a place in the
// gate from the client's first bytes on: who only connects takes nobody's.
func (s *Session) login(ctx context.Context) error {
	cancels, err := s.conn.AwaitStartup(ctx)
	if err != nil {
		return err
	}
	if !cancels {
		leave, err := s.options.Logins.enter(ctx, s.conn.RemoteAddr())
		if errors.Is(err, context.DeadlineExceeded) {
			return tooManyClients()
		} else if err != nil {
			return err
		}
		defer leave()
	}
	config := s.options.tls()
	if _, local := remoteAddress(s.conn.RemoteAddr()); local {
		config = nil // PostgreSQL has no TLS on Unix sockets
	}
	startup, err := s.conn.ReadStartup(ctx, config)
	if err != nil {
		return err
	}
	if s.startup = startup; startup.Cancel != nil {
		return nil
	}
	s.log = s.log.With("client", s.client, "user", startup.User, "database", startup.Database)
	s.state = s.options.State()
	return s.authenticate(ctx)
}

// admit finds the database and takes the startup parameters. Only who has proved a password learns what exists here.
func (s *Session) admit() *sqlstate.Error {
	if s.working.Err() != nil {
		return shuttingDown()
	}
	if v, ok := s.startup.Parameters["replication"]; ok {
		if replication, valid := boolean(v); !valid || replication == "on" {
			return sqlstate.New(sqlstate.InsufficientPrivilege, "replication connections are not allowed")
		}
	}
	s.database = s.state.Databases[s.startup.Database]
	if s.database == nil || s.user.Views[s.startup.Database] == nil {
		return sqlstate.New(sqlstate.InvalidCatalogName, "database \"%s\" does not exist", s.startup.Database)
	}
	if s.database.Pooling.Backend != BackendClientKeys {
		s.forgetKeys()
	}
	s.view = s.user.Views[s.startup.Database]
	if s.database.Policy.Transparent() {
		return nil // the server judges its parameters itself, and no model of settings is needed
	}
	s.settings = newSettings(s.user.Name, s.database.Parameters)
	return s.startupParameters()
}

// forgetKeys clears what the exchange told of the password.
func (s *Session) forgetKeys() {
	s.keys.Clear()
	s.keys = nil
}

func tooManyClients() *sqlstate.Error {
	return sqlstate.New(sqlstate.TooManyConnections, "sorry, too many clients already")
}

// shuttingDown is what who comes during the shutdown is told; who is there already is told shutdown.
func shuttingDown() *sqlstate.Error {
	return sqlstate.New(sqlstate.CannotConnectNow, "the database system is shutting down")
}

func (s *Session) startupParameters() *sqlstate.Error {
	if err := parseOptions(s.startup.Parameters["options"], s.settings.Startup); err != nil {
		return err
	}
	names := make([]string, 0, len(s.startup.Parameters))
	for name := range s.startup.Parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name == "options" || name == "replication" {
			continue
		}
		if err := s.settings.Startup(name, s.startup.Parameters[name]); err != nil {
			return err
		}
	}
	return nil
}

// reportedNow returns the parameters that clients are told of.
func (s *Session) reportedNow() map[string]string {
	values := map[string]string{}
	s.settings.reported(func(name, value string) { values[name] = value })
	return values
}

// report sends ParameterStatus for what has changed since the client was told last.
func (s *Session) report() {
	if s.toldAt == s.settings.version {
		return
	}
	s.toldAt = s.settings.version
	s.settings.reported(func(name, value string) {
		if s.told[name] != value {
			s.told[name] = value
			s.conn.Out.ParameterStatus(name, value)
		}
	})
}
