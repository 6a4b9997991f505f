package gateway

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/session"
)

// buildLogins fills in who may log in how. Answers of auth queries are kept for each generation: a reload forgets them.
func (g *Gateway) buildLogins(c *config.Config, next *generation) error {
	state := next.state
	state.Verifiers = make(map[string]string, len(c.Users))
	for i := range c.Users {
		state.Verifiers[c.Users[i].Name] = c.Users[i].Verifier.Reveal()
	}
	var err error
	if state.HBA, err = session.NewHBA(c); err != nil {
		return err
	}
	state.AuthQueries = map[string]*session.AuthQuery{}
	for _, d := range c.Databases {
		if d.AuthQuery == nil {
			continue
		}
		query, err := pool.NewUserQuery(pool.UserQueryConfig{URL: d.AuthQuery.URL.Reveal(), Query: d.AuthQuery.Query,
			DialNet: g.options.Dial})
		if err != nil {
			return fmt.Errorf("auth_query of database %q: %w", d.Name, err)
		}
		next.userQueries = append(next.userQueries, query)
		state.AuthQueries[d.Name] = session.NewAuthQuery(session.AuthQueryOptions{Find: query.Find,
			Keep: d.AuthQuery.Cache, Clock: g.options.Clock, Log: g.options.Log.With("database", d.Name)})
	}
	return nil
}

// mockSecret returns the secret of which the salts of users that do not exist are made. Such a salt must stay what it is for
// as long as possible, as that of a user who exists does, and over restarts: it is derived from what is secret and does not
// change, the signing key of the audit log or else the private key of the listener. A gateway that has neither draws one at each start; then who asks before and after a restart can tell users
// that exist from others. It is called when the signing key exists.
func mockSecret(c *config.Config, random io.Reader) ([]byte, error) {
	var source []byte
	switch {
	case c.Audit.File != nil:
		source, _ = os.ReadFile(c.Audit.File.Key)
	case c.Listen.TLS != nil:
		source, _ = os.ReadFile(c.Listen.TLS.Key)
	}
	if len(source) == 0 {
		source = make([]byte, mockSecretBytes)
		if _, err := io.ReadFull(random, source); err != nil {
			return nil, fmt.Errorf("draw the secret of unknown users: %w", err)
		}
	}
	return hkdf.Key(sha256.New, source, nil, "portcullis: users that do not exist", mockSecretBytes)
}

// mockSecretBytes is the length of the secret of unknown users.
const mockSecretBytes = 32
