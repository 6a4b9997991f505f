package config

import (
	"fmt"
	"strings"
)

// checkPools finds the contradictions in how sessions of a database use server connections.
func checkPools(c *Config, d *Database, found *problems) {
	for i := range d.Datasources {
		checkPool(&d.Datasources[i].Pool, fmt.Sprintf("databases.%s.datasources.%s.pool", d.Name, d.Datasources[i].Name), found)
	}
	if d.Pool.Identity == "client-keys" && !d.Pool.broken && !c.lacks("hba") && len(c.HBA) > 0 && !c.takesPasswords(d.Name) {
		found.add(d.Pool.At("identity"), "certificates have no keys: add a rule of method scram-sha-256, or let identity be set-role",
			"databases.%s.pool.identity is client-keys, but no hba rule lets users of it log in by scram-sha-256", d.Name)
	}
}

func checkPool(p *Pool, path string, found *problems) {
	if p.broken {
		return
	}
	if p.Min > p.Max {
		found.add(p.At("min"), "", "%s.min is greater than max", path)
	}
	switch {
	case p.Reserve == 0 && p.written("reserve_after"):
		found.add(p.At("reserve_after"), "add reserve", "%s.reserve_after has no effect without reserve", path)
	case p.Reserve > 0 && p.ReserveAfter >= p.Wait:
		found.add(p.At("reserve"), "let reserve_after be less than wait",
			"%s.reserve is never used: nobody waits as long as reserve_after", path)
	case p.Max+p.Reserve > poolConnectionsMax:
		found.add(p.At("reserve"), "", "%s: max and reserve are more than %d connections together", path, poolConnectionsMax)
	}
	if p.BackoffMin > p.BackoffMax {
		at := p.At("backoff_min")
		if !p.written("backoff_min") {
			at = p.At("backoff_max")
		}
		found.add(at, "", "%s.backoff_min is greater than backoff_max", path)
	}
}

// poolConnectionsMax bounds the connections to one datasource.
const poolConnectionsMax = 10000

// takesPasswords reports whether a rule of the hba list lets somebody log in to the database with a password.
func (c *Config) takesPasswords(database string) bool {
	for i := range c.HBA {
		if r := &c.HBA[i]; r.Method == "scram-sha-256" && listed(r.Databases, database) || r.broken {
			return true
		}
	}
	return false
}

func checkAuthQuery(d *Database, found *problems) {
	q := d.AuthQuery
	if q == nil {
		return
	}
	if q.Query != "" && !strings.Contains(q.Query, "$1") {
		found.add(q.At("query"), "such as: SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1 AND rolcanlogin",
			"databases.%s.auth_query.query does not use its parameter $1, the user's name", d.Name)
	}
	checkRoles(&q.block, q.Roles, fmt.Sprintf("databases.%s.auth_query", d.Name), found)
}

// findsUsers reports whether some database finds users that the file does not have.
func (c *Config) findsUsers() bool {
	if c.lacks("databases") {
		return true
	}
	for _, d := range c.Databases {
		if d.AuthQuery != nil || d.lacks("auth_query") {
			return true
		}
	}
	return false
}
