package schema

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// LogicalOptions bounds a Logical. The zero value of a field means its default.
type LogicalOptions struct {
	ConnectionsMax int           // connections at one time; default 4
	ConnectTimeout time.Duration // of one connection, until it can be used; default 5 s
	// AnswerTimeout is PostgreSQL's statement_timeout, and half of it lock_timeout; default 10 s. A server that has said
	// nothing after ConnectTimeout and twice AnswerTimeout is given up.
	AnswerTimeout time.Duration
	// Trouble is told each error that made a connection unusable, for the gateway's log; it may be nil. It is called by
	// any goroutine that uses the Logical.
	Trouble func(error)
}

const (
	connectionsDefault    = 4
	connectTimeoutDefault = 5 * time.Second
	answerTimeoutDefault  = 10 * time.Second
)

// Logical is a client of one logical database. It may be used concurrently.
type Logical struct {
	config   *pgconn.Config
	patience time.Duration // for one use
	trouble  func(error)
	// slots holds ConnectionsMax elements while nothing is under way; nil stands for a connection not yet made.
	slots chan *connection
}

// connection is one connection to the logical database, with the search_path that it has.
type connection struct {
	*pgconn.PgConn
	searchPath string
}

// OpenLogical makes a client for the logical database at url. It connects at need, so that a database that is down makes
// no error here. Close it after use.
func OpenLogical(url string, options LogicalOptions) (*Logical, error) {
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the URL of the logical database: %w", err)
	}
	if options.ConnectionsMax <= 0 {
		options.ConnectionsMax = connectionsDefault
	}
	if options.ConnectTimeout <= 0 {
		options.ConnectTimeout = connectTimeoutDefault
	}
	if options.AnswerTimeout <= 0 {
		options.AnswerTimeout = answerTimeoutDefault
	}
	if options.Trouble == nil {
		options.Trouble = func(error) {}
	}
	config.ConnectTimeout = options.ConnectTimeout
	for name, value := range map[string]string{
		"application_name":              "portcullis",
		"client_encoding":               "UTF8",
		"standard_conforming_strings":   "on",
		"search_path":                   "",
		"default_transaction_read_only": "on",
		"statement_timeout":             milliseconds(options.AnswerTimeout),
		"lock_timeout":                  milliseconds(options.AnswerTimeout / 2),
	} {
		config.RuntimeParams[name] = value
	}
	l := &Logical{config: config, patience: options.ConnectTimeout + 2*options.AnswerTimeout, trouble: options.Trouble,
		slots: make(chan *connection, options.ConnectionsMax)}
	for range options.ConnectionsMax {
		l.slots <- nil
	}
	return l, nil
}

// Close ends the connections. It waits for what is under way; the Logical must not be used afterwards.
func (l *Logical) Close() {
	for range cap(l.slots) {
		if c := <-l.slots; c != nil {
			_ = c.Close(context.Background()) // a courtesy: the server notices either way
		}
	}
}

// Describe implements rewrite.Describer: PostgreSQL parses and analyses the statement under the request's search_path and
// says which parameters and columns it has. Nothing is executed, and no prepared statement is kept. For a SELECT without
// FOR UPDATE and the like PostgreSQL takes no lock stronger than ACCESS SHARE, and only for the moment.
//
// PostgreSQL's errors come back as they are. Trouble with the connection, and an answer that takes too long, is 58000; a
// cancelled ctx is 57014.
func (l *Logical) Describe(ctx context.Context, request rewrite.DescribeRequest) (rewrite.Description, *sqlstate.Error) {
	var statement *pgconn.StatementDescription
	err := l.use(ctx, func(ctx context.Context, c *connection) error {
		if err := c.setSearchPath(ctx, request.SearchPath); err != nil {
			return err
		}
		var err error
		statement, err = c.Prepare(ctx, "", request.SQL, request.ParamOIDs)
		return err
	})
	if err != nil {
		return rewrite.Description{}, describeError(ctx, err)
	}
	d := rewrite.Description{Params: statement.ParamOIDs}
	if statement.Fields != nil {
		d.Columns = make([]rewrite.Field, len(statement.Fields))
	}
	for i, f := range statement.Fields {
		d.Columns[i] = rewrite.Field{Name: f.Name, TableOID: f.TableOID, Attnum: int16(f.TableAttributeNumber),
			TypeOID: f.DataTypeOID, TypeLen: f.DataTypeSize, Typmod: f.TypeModifier}
	}
	return d, nil
}

// use runs work on a connection: on a fresh one, once more, if one that had been idle turns out to be dead. What work
// does has no effect beyond the connection, so that doing it twice is harmless.
func (l *Logical) use(ctx context.Context, work func(context.Context, *connection) error) error {
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	var c *connection
	select {
	case c = <-l.slots:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { l.slots <- c }()

	idle := c != nil
	for {
		if c == nil {
			fresh, err := pgconn.ConnectConfig(ctx, l.config)
			if err != nil {
				l.trouble(fmt.Errorf("connect to the logical database: %w", err))
				return &unreachableError{err}
			}
			c = &connection{PgConn: fresh}
		}
		err := work(ctx, c)
		if err == nil || !c.IsClosed() && !fatal(err) {
			return err
		}
		_ = c.Close(context.WithoutCancel(ctx)) // it is beyond use already
		c = nil
		if caller.Err() != nil {
			return err
		}
		l.trouble(fmt.Errorf("use the logical database: %w", err))
		if !idle || ctx.Err() != nil {
			return &unreachableError{err}
		}
		idle = false
	}
}

// setSearchPath makes the connection resolve unqualified names in these schemas.
func (c *connection) setSearchPath(ctx context.Context, schemas []string) error {
	path := searchPath(schemas)
	if path == c.searchPath {
		return nil
	}
	result := c.ExecParams(ctx, "SELECT pg_catalog.set_config('search_path', $1, false)", [][]byte{[]byte(path)},
		nil, nil, nil)
	if _, err := result.Close(); err != nil {
		return err
	}
	c.searchPath = path
	return nil
}

// searchPath prints schemas as a value of the setting search_path.
func searchPath(schemas []string) string {
	quoted := make([]string, len(schemas))
	for i, s := range schemas {
		quoted[i] = identifier(s)
	}
	return strings.Join(quoted, ", ")
}

// unreachableError says that the logical database could not be asked.
type unreachableError struct{ cause error }

func (e *unreachableError) Error() string { return e.cause.Error() }
func (e *unreachableError) Unwrap() error { return e.cause }

// describeError turns an error of use into one for the client. It never holds what the driver says about addresses.
func describeError(ctx context.Context, err error) *sqlstate.Error {
	var unreachable *unreachableError
	var server *pgconn.PgError
	switch {
	case ctx.Err() != nil:
		return sqlstate.New(sqlstate.QueryCanceled, "canceling statement due to user request")
	case errors.As(err, &unreachable), !errors.As(err, &server):
		return sqlstate.New(sqlstate.SystemError, "the logical database cannot be reached").WithHint(
			"New statements are planned with its help; those that were planned before still work. Try again when it is back.")
	}
	if server.Code == codeLockNotAvailable || server.Code == codeQueryCanceled {
		return sqlstate.New(sqlstate.SystemError, "the logical database did not answer in time").WithHint(
			"Its schema may be changing at this moment. Try again.")
	}
	return fromServer(server)
}

// fromServer copies an error of PostgreSQL, names and position included.
func fromServer(e *pgconn.PgError) *sqlstate.Error {
	return &sqlstate.Error{Code: sqlstate.FromServer(e.Code), Message: e.Message, Detail: e.Detail, Hint: e.Hint,
		Position: int(e.Position), Schema: e.SchemaName, Table: e.TableName, Column: e.ColumnName,
		DataType: e.DataTypeName, Constraint: e.ConstraintName}
}

// fatal reports that the server has ended the connection with this error, or is about to.
func fatal(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && (server.SeverityUnlocalized == "FATAL" || server.SeverityUnlocalized == "PANIC")
}

// milliseconds prints a duration as PostgreSQL's time settings take it.
func milliseconds(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

// identifier quotes one name for SQL; always, so that keywords need no list.
func identifier(name string) string { return pgx.Identifier{name}.Sanitize() }
