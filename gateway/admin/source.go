package admin

import "time"

// Source is what a gateway tells of itself. Its methods are called from many goroutines.
type Source interface {
	// NotReady returns why the gateway cannot serve, a line for each reason; none if it can.
	NotReady() []string
	// Snapshot returns what metrics are made of.
	Snapshot() Snapshot
}

// Snapshot is a gateway at one moment. Counters begin with the process and never go back, but for those of pools, which begin
// anew with each reload.
type Snapshot struct {
	Build     Build
	Draining  bool
	Sockets   int // of clients, logged in or not
	Sessions  []Sessions
	Databases []Database
	Pools     []Pool

	Logins     Logins
	Refusals   map[string]uint64 // by the rule's id
	Timeouts   map[string]uint64 // by the name of the timeout
	Cancels    Cancels
	Reloads    Reloads
	Audit      *Audit    // nil: there is no log
	CertExpiry time.Time // of the listener's certificate; zero without TLS
}

// Build says what runs.
type Build struct{ Version, GoVersion string }

// Sessions counts those that are the same in these respects.
type Sessions struct {
	Database, Mode, Phase string
	Count                 int
}

// Database says what the clients of a database have done.
type Database struct {
	Name                     string
	Transactions, Statements uint64
	BytesIn, BytesOut        uint64 // from clients and to them, without what TLS adds
}

// Pool is that of a datasource. See pool.Stats of package pool for the fields.
type Pool struct {
	Database, Datasource           string
	Up                             bool // it was reached at the last attempt
	Max, Reserve                   int
	Idle, Used, Dialling, Checking int
	Waiting                        int
	OldestWait, WaitedFor          time.Duration

	Acquired, Waited, TimedOut, Failed, Cancelled uint64
	Dials, DialFailures, Closed                   uint64
}

// Logins counts clients that log in.
type Logins struct {
	Accepted, Failed   uint64
	Refused            uint64 // before anything was read, for too many sockets
	InProgress, Queued int
}

// Cancels counts cancel requests.
type Cancels struct{ Accepted, Dropped uint64 }

// Reloads counts reloads of the configuration.
type Reloads struct {
	Done, Failed uint64
	Last         time.Time // the last that was done; the start if there was none
}

// Audit is the state of the audit log.
type Audit struct{ Writable bool }
