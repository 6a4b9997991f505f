package pgcluster

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// CreateRole makes a role that may log in with a password, with further attributes as CREATE ROLE writes them, such as
// "NOSUPERUSER CREATEDB".
func (c *Cluster) CreateRole(ctx context.Context, role, password string, attributes ...string) error {
	return c.Exec(ctx, "postgres", "CREATE ROLE "+identifier(role)+" LOGIN PASSWORD "+literal(password)+" "+
		strings.Join(attributes, " "))
}

// CreateDatabase makes an empty database. An empty owner means the superuser.
func (c *Cluster) CreateDatabase(ctx context.Context, database, owner string) error {
	if owner == "" {
		owner = Superuser
	}
	return c.Exec(ctx, "postgres", "CREATE DATABASE "+identifier(database)+" OWNER "+identifier(owner))
}

// CopyDatabase makes a database with the content of another, to which nobody may be connected (CREATE DATABASE ...
// TEMPLATE).
func (c *Cluster) CopyDatabase(ctx context.Context, database, from, owner string) error {
	if owner == "" {
		owner = Superuser
	}
	return c.Exec(ctx, "postgres", "CREATE DATABASE "+identifier(database)+" TEMPLATE "+identifier(from)+
		" OWNER "+identifier(owner))
}

// Exec runs SQL, of one statement or several, as the superuser in a database.
func (c *Cluster) Exec(ctx context.Context, database, sql string) error {
	connection, err := pgx.Connect(ctx, c.URL(database))
	if err != nil {
		return fmt.Errorf("connect to database %q: %w", database, err)
	}
	defer connection.Close(context.WithoutCancel(ctx))
	if _, err := connection.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		return fmt.Errorf("run SQL in database %q: %w", database, err)
	}
	return nil
}

func identifier(name string) string { return pgx.Identifier{name}.Sanitize() }

// literal quotes text for a server with standard_conforming_strings on, as those of this package are.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
