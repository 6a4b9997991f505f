package session

// Mode says for how long a client of a transparent database holds a server connection.
type Mode int

// The modes.
const (
	ModeSession     Mode = iota // from login to end
	ModeTransaction             // while a transaction runs
)

// Pooling says how the sessions of a database use server connections.
type Pooling struct {
	Mode Mode
	// RefuseState: what would bind a client of transaction mode to one connection is refused, instead of binding it.
	RefuseState bool
	Backend     Backend
}

// Backend says who server connections are made as.
type Backend int

// The kinds.
const (
	BackendService    Backend = iota // the user of the datasource's URL
	BackendSetRole                   // the same, with SET ROLE to the client's name
	BackendClientKeys                // the client, by its own SCRAM keys
)

// UserPool is what the configuration says of one user's connections.
type UserPool struct {
	Mode *Mode // nil is the database's
	Max  int   // 0 is no bound of its own
}

// mode is that of a user.
func (p *Pooling) mode(state *State, user string) Mode {
	if own := state.UserPools[user].Mode; own != nil {
		return *own
	}
	return p.Mode
}

// role is what sessions of a user set their role to; "" for none.
func (p *Pooling) role(user string) string {
	if p.Backend == BackendSetRole {
		return user
	}
	return ""
}

// identity is who the session's server connections are made as.
func (s *Session) identity() Identity {
	if s.database.Pooling.Backend == BackendClientKeys {
		return Identity{User: s.user.Name, Keys: s.keys}
	}
	return Identity{}
}
