package session

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"time"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/audit"
	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// State is one generation of what sessions work by. It is immutable; a session takes the newest one between
// transactions.
type State struct {
	Policy    *policy.Policy
	Databases map[string]*Database
	Verifiers map[string]string // of users, in PostgreSQL's form; secret
	HBA       *HBA              // nil: everybody by SCRAM
	// AuthQueries find the users of a database, by its name, that the policy does not have.
	AuthQueries map[string]*AuthQuery
	UserPools   map[string]UserPool
}

// Database is what the sessions of one database share.
type Database struct {
	Policy  *policy.Database
	Planner Planner // nil on a transparent database
	Runner  *execute.Runner
	Catalog func() *catalog.Catalog // the newest snapshot
	// Disabled returns the tables that the last check found not to be what the policy needs, and why.
	Disabled func() map[policy.TableName]string
	// Pool returns the connections to a datasource, execute.LogicalDatasource included, that are made as an identity.
	// Errors: those that the client is to be told.
	Pool func(datasource string, id Identity) (*pool.Pool, *sqlstate.Error)
	// Pooling says how sessions of a transparent database use server connections.
	Pooling Pooling
	// Parameters are what a server reported at its start: server_version, TimeZone, ...
	Parameters map[string]string

	welcomes welcomes
	scopes   scopes
}

// Identity is who a server connection is made as. The zero Identity is the user of the datasource's URL.
type Identity struct {
	User string
	Keys *wire.SCRAMKeys
}

// Planner turns a client's string into plans. *rewrite.Planner is one.
type Planner interface {
	Prepare(ctx context.Context, sql string) ([]*rewrite.Statement, *sqlstate.Error)
	Plan(ctx context.Context, s *rewrite.Statement, env *rewrite.Env) (*rewrite.Plan, *sqlstate.Error)
}

// Recorder takes audit events; Record returns when the event is kept. *audit.Log is one.
type Recorder interface {
	Record(ctx context.Context, e *audit.Event) error
}

// Options are what the sessions of a gateway share.
type Options struct {
	State    func() *State
	Registry *Registry
	SCRAM    *wire.SCRAM
	TLS      func() *tls.Config // for the next client; nil, or a nil Config: no TLS
	Logins   *Gate              // of clients in their handshake; nil: no bound
	Cancels  *Cancels           // nil: no bound
	Audit    Recorder           // nil: nothing is recorded
	AuditAll bool               // statements that touch no protected column too
	Log      *slog.Logger
	Clock    func() time.Time
	Random   io.Reader
	Limits   Limits
	Buffers  *wire.Buffers
}

func (o *Options) tls() *tls.Config {
	if o.TLS == nil {
		return nil
	}
	return o.TLS()
}

// Limits bounds a session. Zero means the default.
type Limits struct {
	Wire           wire.Limits
	Statements     int           // prepared statements
	Portals        int           // open portals
	Sessions       int           // of all clients together
	StartupTimeout time.Duration // until authentication is done
	ConnectTimeout time.Duration // of one server connection
}

// The defaults of Limits.
const (
	StatementsDefault     = 4096
	PortalsDefault        = 1024
	SessionsDefault       = 1000
	StartupTimeoutDefault = 60 * time.Second // authentication_timeout of PostgreSQL
	ConnectTimeoutDefault = 10 * time.Second
)

func (l Limits) withDefaults() Limits {
	if l.Statements <= 0 {
		l.Statements = StatementsDefault
	}
	if l.Portals <= 0 {
		l.Portals = PortalsDefault
	}
	if l.Sessions <= 0 {
		l.Sessions = SessionsDefault
	}
	if l.StartupTimeout <= 0 {
		l.StartupTimeout = StartupTimeoutDefault
	}
	if l.ConnectTimeout <= 0 {
		l.ConnectTimeout = ConnectTimeoutDefault
	}
	return l
}
