package schema

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Endpoint is how one physical or logical database is reached.
type Endpoint struct {
	URL   string // of the gateway: its role gets the privileges that the gateway needs
	Owner string // of a role that may create tables; empty: URL
}

// Databases says where the databases of one logical database are. URLs hold passwords: never print them.
type Databases struct {
	Logical     Endpoint
	Datasources map[string]Endpoint // by the configuration's name
}

// owner returns the URL to create with.
func (e Endpoint) owner() string {
	if e.Owner != "" {
		return e.Owner
	}
	return e.URL
}

// role returns the role that the gateway logs in with.
func (e Endpoint) role() (string, error) {
	config, err := pgconn.ParseConfig(e.URL)
	if err != nil {
		return "", err // the driver has removed the password
	}
	return config.User, nil
}

// SQLSTATEs that have an explanation of their own.
const (
	codeInvalidCatalogName = "3D000"
	codeDuplicateSchema    = "42P06"
	codeLockNotAvailable   = "55P03"
	codeDependentObjects   = "2BP01"
	codeQueryCanceled      = "57014" // of a server: its statement_timeout
)

// connectTimeout bounds one connection attempt of Apply and Check.
const connectTimeout = 10 * time.Second

// connect opens a connection on which names outside pg_catalog have to be qualified, so that what is printed there means
// the same everywhere.
func connect(ctx context.Context, url, what string, lockTimeout time.Duration) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("%s: read its URL: %w", what, err)
	}
	config.ConnectTimeout = connectTimeout
	config.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec // DDL goes on between uses of a statement
	for name, value := range map[string]string{
		"application_name":            "portcullis schema",
		"client_encoding":             "UTF8",
		"standard_conforming_strings": "on",
		"search_path":                 "",
		"lock_timeout":                milliseconds(lockTimeout),
	} {
		config.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	var server *pgconn.PgError
	switch {
	case err == nil:
		return conn, nil
	case errors.As(err, &server) && server.Code == codeInvalidCatalogName:
		return nil, fmt.Errorf("%s: database %q does not exist; create it first: CREATE DATABASE %s ENCODING 'UTF8'",
			what, config.Database, identifier(config.Database))
	case errors.As(err, &server):
		return nil, fmt.Errorf("%s: %s (role %q, database %q)", what, server.Message, config.User, config.Database)
	}
	return nil, fmt.Errorf("%s: cannot be reached: %w", what, err)
}

// run runs SQL that an error may show by its first words.
func run(ctx context.Context, conn *pgx.Conn, what, sql string) error {
	_, err := conn.Exec(ctx, sql, pgx.QueryExecModeExec)
	if err == nil {
		return nil
	}
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return fmt.Errorf("%s: %w", what, err)
	}
	if server.Code == codeLockNotAvailable {
		return fmt.Errorf("%s: another session held a lock for longer than lock_timeout; "+
			"nothing of this step was done, run it again", what)
	}
	text := server.Message
	if server.Code == codeDependentObjects {
		return fmt.Errorf("%s: %s: %s", what, text, server.Detail) // it names objects, and the hint would be CASCADE
	}
	if server.Hint != "" {
		text += " (" + strings.TrimSuffix(server.Hint, ".") + ")"
	}
	return fmt.Errorf("%s: %s", what, text)
}
