package pool

import (
	"errors"

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
