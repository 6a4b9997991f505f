package pool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// UserQuery asks a database for users and their stored passwords, on connections of its own that it keeps. It may be used
// concurrently.
type UserQuery struct {
	config *pgx.ConnConfig
	query  string
	places chan struct{}  // of questions under way
	idle   chan *pgx.Conn // connections that are in order
	closed atomic.Bool
}

// UserQueryConfig says where and what to ask.
type UserQueryConfig struct {
	URL string // libpq's, and secret
	// Query has one parameter, the user's name, and gives one row of name and stored password, or none.
	Query string
	// DialNet opens the socket; nil means net.Dialer's.
	DialNet func(ctx context.Context, network, address string) (net.Conn, error)
}

// userQueriesMax bounds the questions of a UserQuery that run at one time, and so its connections. Others wait.
const userQueriesMax = 4

// NewUserQuery prepares to ask; nothing is dialled before the first question. Errors: ErrURL.
func NewUserQuery(c UserQueryConfig) (*UserQuery, error) {
	config, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return nil, ErrURL
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // the server knows the parameter's type
	if _, named := config.RuntimeParams["application_name"]; !named {
		config.RuntimeParams["application_name"] = "portcullis"
	}
	if c.DialNet != nil {
		config.DialFunc = c.DialNet
	}
	return &UserQuery{config: config, query: c.Query, places: make(chan struct{}, userQueriesMax),
		idle: make(chan *pgx.Conn, userQueriesMax)}, nil
}

// Find asks for a user. ok is false if the query gives no row; verifier is "" if its second column is NULL. Errors: those of
// dialling and of the server, none of which holds a password; more than one row; the end of ctx.
func (q *UserQuery) Find(ctx context.Context, user string) (name, verifier string, ok bool, err error) {
	select {
	case q.places <- struct{}{}:
		defer func() { <-q.places }()
	case <-ctx.Done():
		return "", "", false, context.Cause(ctx)
	}
	for {
		conn, kept, err := q.connect(ctx)
		if err != nil {
			return "", "", false, err
		}
		name, verifier, ok, err = q.ask(ctx, conn, user)
		if !conn.IsClosed() && ctx.Err() == nil {
			q.idle <- conn // has room: there are no more connections than places
			if q.closed.Load() {
				q.Close()
			}
			return name, verifier, ok, err
		}
		closeQuietly(conn.PgConn())
		if err == nil || !kept || ctx.Err() != nil {
			return name, verifier, ok, err
		}
		// The server has closed a connection that was kept: another one is made, or taken.
	}
}

// connect returns a connection that is kept, or a new one.
func (q *UserQuery) connect(ctx context.Context) (conn *pgx.Conn, kept bool, err error) {
	select {
	case conn = <-q.idle:
		return conn, true, nil
	default:
	}
	if conn, err = pgx.ConnectConfig(ctx, q.config); err != nil {
		// A ConnectError would carry the configuration, password included, to whoever prints it field by field.
		if connect := (*pgconn.ConnectError)(nil); errors.As(err, &connect) {
			err = connect.Unwrap()
		}
		return nil, false, fmt.Errorf("connect for the auth_query: %w", err)
	}
	return conn, false, nil
}

func (q *UserQuery) ask(ctx context.Context, conn *pgx.Conn, user string) (name, verifier string, ok bool, err error) {
	rows, err := conn.Query(ctx, q.query, user)
	if err != nil {
		return "", "", false, err
	}
	defer rows.Close()
	for rows.Next() {
		if ok {
			return "", "", false, errors.New("the auth_query gives more than one row")
		}
		var n, v *string
		if err := rows.Scan(&n, &v); err != nil {
			return "", "", false, errors.New("the auth_query does not give two columns of text")
		}
		ok = n != nil
		if n != nil {
			name = *n
		}
		if v != nil {
			verifier = *v
		}
	}
	return name, verifier, ok, rows.Err()
}

// Close closes the connections that are kept. Questions under way end as they would, and so do later ones.
func (q *UserQuery) Close() {
	q.closed.Store(true)
	for {
		select {
		case conn := <-q.idle:
			closeQuietly(conn.PgConn())
		default:
			return
		}
	}
}
