package suite

import (
	"net"
	"net/url"
	"strconv"
	"strings"
)

// URL is a connection URL for Server's user and database. parameters follow as "name=value"; sslmode=disable is among
// them if no sslmode is given.
func (s *Server) URL(parameters ...string) string {
	return s.URLFor(s.User, s.Database, parameters...)
}

// URLFor is URL for another user or database.
func (s *Server) URLFor(user, database string, parameters ...string) string {
	query := url.Values{"sslmode": {"disable"}}
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		query.Set(name, value)
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, s.Password), Host: net.JoinHostPort(s.Host, strconv.Itoa(s.Port)),
		Path:     "/" + database,
		RawQuery: strings.ReplaceAll(query.Encode(), "+", "%20")} // libpq takes a plus as it is
	return u.String()
}

// Environ is the environment variables by which libpq and its likes connect: PGHOST, PGPORT, PGUSER, PGPASSWORD,
// PGDATABASE, PGSSLMODE=disable.
func (s *Server) Environ() []string {
	return []string{"PGHOST=" + s.Host, "PGPORT=" + strconv.Itoa(s.Port), "PGUSER=" + s.User, "PGPASSWORD=" + s.Password,
		"PGDATABASE=" + s.Database, "PGSSLMODE=disable"}
}
