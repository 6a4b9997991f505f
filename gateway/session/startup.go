package session

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// start brings the client from its first byte to ReadyForQuery. It reports false if the connection ends here: a cancel
// request, or an error that the client has been told.
func (s *Session) start() bool {
	ctx, cancel := context.WithTimeout(s.working, s.options.Limits.withDefaults().StartupTimeout)
	defer cancel()
	leave, err := s.options.Logins.enter(ctx, s.conn.RemoteAddr())
	if err != nil {
		s.startFailed(err)
		return false
	}
	defer leave()
	startup, err := s.conn.ReadStartup(ctx, s.options.tls())
	if err != nil {
		s.startFailed(err)
		return false
	}
	if startup.Cancel != nil {
		s.options.Registry.Cancel(ctx, startup.Cancel)
		return false
	}
	s.startup = startup
	s.log = s.log.With("client", s.client, "user", startup.User, "database", startup.Database)
	s.state = s.options.State()
	if err := s.authenticate(ctx); err != nil {
		s.startFailed(err)
		return false
	}
	if err := s.admit(); err != nil {
		s.recordSession("login", err)
		s.fatal(err)
		return false
	}
	if err := s.options.Registry.add(s, s.options.Random, s.options.Limits.withDefaults().Sessions); err != nil {
		s.startFailed(err)
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

// startFailed tells the client an error from before authentication was done, unless the client has gone.
func (s *Session) startFailed(err error) {
	var known *sqlstate.Error
	switch {
	case errors.As(err, &known):
		if known.Code == sqlstate.InvalidPassword {
			s.recordSession("login", known)
		}
		s.fatal(known)
	case errors.Is(err, context.DeadlineExceeded):
		s.fatal(sqlstate.New(sqlstate.ProtocolViolation, "canceling authentication due to timeout"))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
	case errors.Is(err, wire.ErrVerifier):
		s.log.Error("a user's verifier cannot be read")
		s.fatal(sqlstate.New(sqlstate.InvalidPassword, "password authentication failed for user \"%s\"", s.startup.User))
	default:
		s.log.Debug("a connection ended before authentication", "error", err)
	}
}

// authenticate runs SCRAM. A user that does not exist fails as a wrong password does.
func (s *Session) authenticate(ctx context.Context) error {
	user := s.state.Policy.Users[s.startup.User]
	verifier := ""
	if user != nil {
		verifier = s.state.Verifiers[user.Name]
	}
	if _, err := s.options.SCRAM.Authenticate(ctx, s.conn, s.startup.User, verifier); err != nil {
		return err
	}
	s.user = user
	return nil
}

// admit finds the database and takes the startup parameters. Only who has proved a password learns what exists here.
func (s *Session) admit() *sqlstate.Error {
	if s.drained.Load() || s.working.Err() != nil {
		return shutdown()
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
	s.view = s.user.Views[s.startup.Database]
	s.settings = newSettings(s.user.Name, s.database.Parameters)
	if s.database.Policy.Transparent() {
		return nil // the server judges its parameters itself
	}
	return s.startupParameters()
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
