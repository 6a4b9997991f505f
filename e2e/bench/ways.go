package main

import "net/url"

// proxy is what stands between pgbench and PostgreSQL.
type proxy int

const (
	direct proxy = iota
	pgBouncer
	gateway
)

// The modes of pooling.
const (
	modeSession     = "session"
	modeTransaction = "transaction"
)

// database is one that several ways lead to. Proxies have it by the name of the mode before it: session_plain.
type database string

const (
	plain database = "plain"
	tpcb  database = "tpcb"
)

// way leads to a database.
type way struct {
	name    string
	proxy   proxy
	mode    string
	pid     int // of the proxy; 0: there is none
	address string
	path    string
}

func wayName(p proxy, mode string) string {
	switch p {
	case pgBouncer:
		return "PgBouncer, " + mode + " mode"
	case gateway:
		return "gateway, " + mode + " mode"
	}
	return "direct"
}

// url is the way's as libpq understands it.
func (w way) url(secure bool) string {
	user, sslmode := "app", "disable"
	if w.proxy == direct {
		user = "gateway"
	}
	if secure {
		sslmode = "require"
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: w.address, Path: "/" + w.path,
		RawQuery: "sslmode=" + sslmode}
	return u.String()
}

// waysTo lists the ways to a database, PgBouncer's before the gateway's of the same mode.
func (s *stage) waysTo(of database) []way {
	ways := []way{{name: wayName(direct, ""), proxy: direct, address: s.server, path: string(of)}}
	for _, mode := range []string{modeSession, modeTransaction} {
		for _, p := range []struct {
			proxy   proxy
			process process
		}{{pgBouncer, s.bouncer}, {gateway, s.gateway}} {
			if p.process.pid != 0 {
				ways = append(ways, way{name: wayName(p.proxy, mode), proxy: p.proxy, mode: mode, pid: p.process.pid,
					address: p.process.address, path: mode + "_" + string(of)})
			}
		}
	}
	return ways
}
