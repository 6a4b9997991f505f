package session

import (
	"context"
	"crypto/x509"
	"errors"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// identified is who the startup packet names, before that is proved. A nil user does not exist.
type identified struct {
	user     *policy.User
	verifier string // "": no password lets this user in
	found    bool   // by the database's auth_query
}

// authenticate finds out that the client is who it says, or refuses it. On success AuthenticationOk waits in the output.
//
// As in PostgreSQL the hba list decides before anything is known of the user. What it tells a client that has not proved
// who it is, is what it would tell if the user did not exist: a rule for a role counts only once the password or the
// certificate has been shown, and where a password could let somebody in, everybody is asked for one. Without that, the
// answers would tell which users exist and which roles they have.
func (s *Session) authenticate(ctx context.Context) error {
	a := s.attempt()
	j := s.state.HBA.judge(&a, nil)
	if !j.byRole && (j.actual.by() == methodNone || j.actual.by() == methodReject) {
		return a.refuse(j.actual, nil)
	}
	who, err := s.identify(ctx)
	if err != nil {
		return err
	}
	if who.user != nil && j.byRole {
		j = s.state.HBA.judge(&a, who.user.Roles)
	}
	certificate := s.certificate()
	if certificate != nil {
		s.subject = certificate.Subject.String()
	}
	switch {
	case j.actual.by() == methodCert && certificate != nil && j.actual.names.lets(certificate, a.user):
		if who.user == nil {
			return sqlstate.New(sqlstate.InvalidAuthorization, "role \"%s\" does not exist", a.user)
		}
		s.conn.Out.AuthenticationOK()
		s.conn.Authenticated()
	case !j.password:
		return a.refuse(j.unknown, certificate)
	default:
		if j.actual.by() == methodCert {
			who.verifier = "" // the password does not let this user in
		}
		if s.keys, err = s.options.SCRAM.Authenticate(ctx, s.conn, a.user, who.verifier); err != nil {
			return err
		}
		if j.actual.by() != methodSCRAM {
			return a.refuse(j.actual, nil)
		}
	}
	s.user, s.found = who.user, who.found
	return nil
}

// attempt is what the hba list goes by.
func (s *Session) attempt() attempt {
	a := attempt{user: s.startup.User, database: s.startup.Database}
	a.address, a.local = remoteAddress(s.conn.RemoteAddr())
	a.encrypted = s.conn.Encrypted()
	return a
}

// certificate returns the certificate that the client has shown in TLS and that an authority has signed; nil if there is
// none.
func (s *Session) certificate() *x509.Certificate {
	state, encrypted := s.conn.TLS()
	if !encrypted || len(state.VerifiedChains) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}

// refuse is what PostgreSQL says for a rule that does not let the client in (src/backend/libpq/auth.c, ClientAuthentication
// and auth_failed).
func (a *attempt) refuse(r *hbaRule, certificate *x509.Certificate) *sqlstate.Error {
	encryption := "no encryption"
	if a.encrypted {
		encryption = "SSL encryption"
	}
	refused := func(format string, arguments ...any) *sqlstate.Error {
		return sqlstate.New(sqlstate.InvalidAuthorization, format, arguments...)
	}
	switch {
	case r.by() == methodReject:
		return refused("pg_hba.conf rejects connection for host \"%s\", user \"%s\", database \"%s\", %s",
			a.host(), a.user, a.database, encryption)
	case r.by() == methodCert && certificate == nil:
		return refused("connection requires a valid client certificate")
	case r.by() == methodCert:
		return refused("certificate authentication failed for user \"%s\"", a.user)
	}
	return refused("no pg_hba.conf entry for host \"%s\", user \"%s\", database \"%s\", %s",
		a.host(), a.user, a.database, encryption)
}

// identify looks for the user: among those of the configuration, then where its database keeps users.
func (s *Session) identify(ctx context.Context) (identified, error) {
	name := s.startup.User
	if user := s.state.Policy.Users[name]; user != nil {
		return identified{user: user, verifier: s.state.Verifiers[name]}, nil
	}
	query := s.state.AuthQueries[s.startup.Database]
	if query == nil {
		return identified{}, nil
	}
	found, verifier, err := query.find(ctx, name)
	switch {
	case err != nil && ctx.Err() != nil:
		return identified{}, context.Cause(ctx)
	case err != nil:
		s.log.Error("a user could not be looked up", "error", err)
		return identified{}, sqlstate.New(sqlstate.SystemError, "could not look up user \"%s\"", name)
	case !found:
		return identified{}, nil
	}
	return identified{user: s.state.userOf(name, s.startup.Database, true), verifier: verifier, found: true}, nil
}

// userOf returns what a user may in this state, nil if there is no such user. found says that a database's auth_query has
// found it. The configuration's users come first: one who was found, and whom it has come to name since, is another one.
func (st *State) userOf(name, database string, found bool) *policy.User {
	user := st.Policy.Users[name]
	if !found {
		return user
	}
	d := st.Policy.Databases[database]
	if user != nil || d == nil || d.Found == nil {
		return nil
	}
	named := *d.Found
	named.Name = name
	return &named
}

// loginFailed tells the client why it is not let in, and records it, unless the client has gone.
func (s *Session) loginFailed(err error) {
	s.forgetKeys()
	var known *sqlstate.Error
	switch {
	case errors.As(err, &known):
		if s.startup != nil {
			s.recordSession("login", known)
		}
		s.fatal(known)
	case errors.Is(err, wire.ErrVerifier):
		s.log.Error("a user's verifier cannot be read")
		s.fatal(sqlstate.New(sqlstate.InvalidPassword, "password authentication failed for user \"%s\"", s.startup.User))
	case errors.Is(err, wire.ErrTLSHandshake) && !errors.Is(err, context.DeadlineExceeded):
		s.log.Info("TLS could not be agreed on with a client", "client", s.client, "error", err)
	default:
		if errors.Is(err, context.DeadlineExceeded) {
			s.options.Registry.timeouts[TimeoutLogin].Add(1)
		}
		// PostgreSQL does not answer what is no startup packet, nor a client that takes too long: it may be in the middle of
		// a message of its own (ProcessInterrupts of src/backend/tcop/postgres.c).
		s.log.Debug("a connection ended before authentication", "error", err)
	}
}
