package suite

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
)

// Suite is one row of the table. Name, Title, Prepare and Run are required.
type Suite struct {
	Name  string // short, in lower case, without spaces: the -suite flag, the folder, the file of known differences
	Title string // what the table calls it, such as "pgx, its own tests"

	// Database and Role are what clients connect with, "conformance" and "conform" if empty. The role owns the database
	// and is an ordinary one: the gateway does not stand before a superuser.
	Database, Role string
	Password       string // of Role and of all Users; "conformance" if empty
	// Attributes are further attributes of Role, such as "CREATEDB".
	Attributes []string
	// Databases are further databases that Role owns and clients connect to. postgres can always be connected to.
	Databases []string
	// Setup is SQL that the superuser runs in Database before the gateway starts: extensions, roles, grants.
	Setup string
	// Users may log in besides Role.
	Users []User
	// Crowd has other clients work in the database meanwhile, with settings of their own, so that in transaction mode server
	// connections go from hand to hand.
	Crowd bool
	// ServerConnections is how many the gateway has for each database; 150 if 0.
	ServerConnections int
	// ServerTLS has the gateway connect to the server by TLS, so that a client by TLS finds it in pg_stat_ssl too.
	ServerTLS bool
	// Certificates are those that both servers show, asked for after Prepare. nil: an authority is made that signs one for
	// localhost and 127.0.0.1, and one for each user with Certificate.
	Certificates func(w *Workspace) Certificates
	// Settings are settings of postgresql.conf by name.
	Settings map[string]string
	// Length bounds one run; 10 minutes if 0.
	Length time.Duration

	// Prepare gets what Run needs into the workspace and says which versions that are, for people: "pgx 5.12.0, Go 1.26.8".
	// What it got the last time it need not get again. An error that wraps ErrMissing means that this machine cannot run the
	// suite; the table says so.
	Prepare func(ctx context.Context, w *Workspace) (versions string, err error)
	// Run runs the suite against a server that nobody has used yet. A test that fails is a result, not an error.
	Run func(ctx context.Context, w *Workspace, s *Server) (Results, error)
	// Again runs some tests of the suite once more, those that failed directly or did not pass through the gateway as they did
	// directly, and those beside them. A test that passes then counts as passed on the second try: suites have tests that a
	// busy machine fails. nil: there is no second try.
	Again func(ctx context.Context, w *Workspace, s *Server, tests []string) (Results, error)
}

// ErrMissing is what errors of Prepare wrap when the machine has not got, and cannot get, a program or package.
var ErrMissing = errors.New("not on this machine")

// User is a role that may log in. It exists in the cluster and is a user of the gateway.
type User struct {
	Name       string
	Attributes []string // as of Suite
	// TLS refuses the user without it. Certificate does too, and has the user log in by a client certificate whose common
	// name is his, and not by password.
	TLS, Certificate bool
}

// Certificates are paths of PEM files.
type Certificates struct {
	Cert, Key string // of the server
	CA        string // that client certificates are checked by
}

// Setting says what a suite runs against.
type Setting string

// The settings.
const (
	Direct      Setting = "direct"
	Session     Setting = "session"     // the gateway, a server connection for each client from log-in to end
	Transaction Setting = "transaction" // the gateway, a server connection for each transaction
)

// Settings lists all of them in the order of the table's columns.
func Settings() []Setting { return []Setting{Direct, Session, Transaction} }

// Server is what a suite connects to: PostgreSQL or the gateway. Nothing of it outlives the run.
type Server struct {
	Setting        Setting
	Host           string // an address of this machine; the certificate names it, and localhost
	Port           int
	User, Password string
	Database       string
	SocketDir      string // folder of the Unix socket, for libpq's host parameter
	// CAFile is the authority that signed the server's certificate. CertDir holds NAME.crt and NAME.key for each user with
	// Certificate, unless the suite brought its own.
	CAFile, CertDir string
	// Cluster is the server itself, past the gateway if there is one: for set-up that only a superuser can do.
	Cluster *pgcluster.Cluster
}

// Status is how a test ended.
type Status string

// The ways in which tests end. A test that another setting has and this one has not is missing.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Skipped Status = "skipped"
	Missing Status = "missing"
)

// Results holds the status of each test by name. Names are the same in each setting and hold no random part.
type Results map[string]Status

// Add records a test. If the name is there already, the worse status stands: failed, then passed, then skipped.
func (r Results) Add(name string, status Status) {
	worse := map[Status]int{Skipped: 1, Passed: 2, Failed: 3}
	if worse[status] > worse[r[name]] {
		r[name] = status
	}
}

// Count returns how many tests ended so.
func (r Results) Count(status Status) int {
	n := 0
	for _, s := range r {
		if s == status {
			n++
		}
	}
	return n
}

// Names lists, sorted, the tests that ended so.
func (r Results) Names(status Status) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if r[name] == status {
			names = append(names, name)
		}
	}
	return names
}
