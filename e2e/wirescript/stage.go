package wirescript

import (
	"context"
	_ "embed" // setup.sql

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
)

// Role is the one that scripts run as, Password its password.
const (
	Role     = "wire"
	Password = "wire secret"
)

//go:embed setup.sql
var setup string

// reset takes away what a script has made. The lock time-out tells of a transaction that a script's end left open.
const reset = `SET lock_timeout = '10s'; SET client_min_messages = error;
DROP SCHEMA IF EXISTS scratch CASCADE;
CREATE SCHEMA scratch AUTHORIZATION ` + Role + `;
SELECT lo_unlink(oid) FROM pg_largeobject_metadata;`

// Stage makes, in a cluster that has nothing of it yet, the role and databases in which scripts run. The databases are
// equal down to their OIDs.
func Stage(ctx context.Context, cluster *pgcluster.Cluster, databases ...string) error {
	if err := cluster.CreateRole(ctx, Role, Password); err != nil {
		return err
	}
	if err := cluster.Exec(ctx, "postgres", "ALTER ROLE "+Role+" SET search_path = scratch, public"); err != nil {
		return err
	}
	const template = "wirescripts"
	if err := cluster.CreateDatabase(ctx, template, Role); err != nil {
		return err
	}
	if err := cluster.Exec(ctx, template, "SET ROLE "+Role+"; "+setup); err != nil {
		return err
	}
	for _, database := range databases {
		if err := cluster.CopyDatabase(ctx, database, template, Role); err != nil {
			return err
		}
	}
	return nil
}

// Reset makes a staged database as it was before any script. url is a superuser's.
func Reset(ctx context.Context, url string) error {
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	rows, err := connection.Query(ctx, "SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_prepared_xacts WHERE database = current_database()")
	if err != nil {
		return err
	}
	prepared, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, rollback := range prepared {
		if _, err := connection.Exec(ctx, rollback); err != nil {
			return err
		}
	}
	return connection.PgConn().Exec(ctx, reset).Close()
}
