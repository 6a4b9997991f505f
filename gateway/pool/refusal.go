package pool

import (
	"context"
	"errors"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Refusal returns what the server said when it refused the connection that Dial asked for; nil if err is of another kind.
func Refusal(err error) *sqlstate.Error {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return nil
	}
	return sqlstate.New(sqlstate.FromServer(server.Code), "%s", server.Message)
}

// unreachable is what a claim is told of an error of Dial. What the server says of the client's own parameters, and of a state
// that will pass, goes to the client as it is; of its credentials, addresses and rights nothing does.
func unreachable(datasource string, err error) *sqlstate.Error {
	told := sqlstate.New(sqlstate.ConnectionFailure, "could not connect to datasource %q", datasource)
	if refusal := Refusal(err); refusal != nil {
		switch {
		case ofParameters(refusal):
			return refusal
		case refusal.Code == sqlstate.CannotConnectNow: // it starts, stops, or recovers
			return refusal.WithDetail("The server of datasource %q says so.", datasource)
		case refusal.Code == sqlstate.TooManyConnections:
			return refusal.WithDetail("The server of datasource %q says so.", datasource).
				WithHint("Lower pool.max of the datasource, or raise max_connections of its server.")
		case refusal.Code.String()[:2] == "28":
			return told.WithDetail("The server did not accept the gateway as the user of the datasource's URL.")
		}
		return told.WithDetail("The server has refused the connection (SQLSTATE %s).", refusal.Code)
	}
	var network net.Error
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		told.WithDetail("The server's host name could not be translated to an address.")
	case errors.Is(err, syscall.ECONNREFUSED):
		told.WithDetail("Connection refused.")
	case errors.Is(err, syscall.ENOENT):
		told.WithDetail("The server's socket does not exist.")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		told.WithDetail("The server did not answer in time.")
	case errors.Is(err, ErrPrivilegedRole), errors.Is(err, ErrServerVersion), errors.Is(err, ErrServerSetting):
		told.WithDetail("The gateway must not use this server or role.")
	}
	return told.WithHint("The log of the gateway has the cause.")
}

// ofParameters reports that the server has refused startup parameters: a data exception, a name that does not exist or is
// not for everybody, or a parameter that cannot be changed now.
func ofParameters(e *sqlstate.Error) bool {
	class := e.Code.String()[:2]
	return class == "22" || class == "42" || e.Code == sqlstate.CantChangeRuntimeParam
}
