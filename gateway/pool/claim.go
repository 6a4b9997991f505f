package pool

import "time"

// Claim asks a Pool for a connection. It may be used again, and should be: its first wait makes what its later ones need. It
// belongs to one goroutine, and must not be copied while Acquire runs.
type Claim struct {
	// Startup is nil for a connection that was dialled with the pool's own parameters; else for one dialled with exactly
	// these, for which others are closed if there is no room.
	Startup *Startup
	// User and UserMax bound the connections that one user has of the pool; UserMax 0 is no bound.
	User    string
	UserMax int

	next, previous *Claim
	granted        chan struct{} // holds one token when server or err is set
	server         *Server
	err            error
	since          time.Time
}
