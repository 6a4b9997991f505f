package gateway

import (
	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/gateway/session"
)

// pooling reads how the sessions of a database use server connections.
func pooling(c *config.DatabasePool) session.Pooling {
	p := session.Pooling{Mode: poolMode(c.Mode), RefuseState: c.SessionState == "refuse"}
	switch c.Identity {
	case "set-role":
		p.Backend = session.BackendSetRole
	case "client-keys":
		p.Backend = session.BackendClientKeys
	}
	return p
}

func poolMode(name string) session.Mode {
	if name == "transaction" {
		return session.ModeTransaction
	}
	return session.ModeSession
}

// userPools reads what users have of their own in pools, by name.
func userPools(c *config.Config) map[string]session.UserPool {
	pools := map[string]session.UserPool{}
	for i := range c.Users {
		own := c.Users[i].Pool
		if own == nil {
			continue
		}
		p := session.UserPool{Max: own.Max}
		if own.Mode != "" {
			mode := poolMode(own.Mode)
			p.Mode = &mode
		}
		pools[c.Users[i].Name] = p
	}
	return pools
}
