package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Config says where and how to dial.
type Config struct {
	// Datasource is its name, for messages.
	Datasource string
	// URL is libpq's, and secret. What it leaves out comes from libpq's environment variables (PGHOST, ...).
	URL string
	// Params are startup parameters, put over those of URL: application_name, search_path, ...
	Params map[string]string
	// Keys log in as User, in place of the user and password of URL; nil: as URL says.
	User string
	Keys *wire.SCRAMKeys
	// InsecureAllowSuperuser lets pass backend roles that Dial refuses otherwise: for the owner of the logical database.
	InsecureAllowSuperuser bool
	// AnySettings lets pass servers whose settings the gateway cannot read statements and values by: for those that it relays.
	AnySettings bool
	// StatementsMax is the number of prepared statements that a Server keeps; 0 means StatementsMaxDefault.
	StatementsMax int
	// Limits bound the server's messages; Buffers may be nil.
	Limits  wire.Limits
	Buffers *wire.Buffers
	// DialNet opens the socket; nil means net.Dialer's.
	DialNet func(ctx context.Context, network, address string) (net.Conn, error)
}

// ErrURL means that a datasource's URL cannot be read. The cause is not told, because it would repeat parts of the URL.
var ErrURL = errors.New("the URL is not one that libpq understands")

// ErrDesynchronised means that a server's answer does not fit what was asked. The connection is of no more use.
var ErrDesynchronised = errors.New("the server's answers do not fit what was asked")

// Server is one connection to a datasource. What is asked is appended to Out and by the methods that append, sent by
// Flush, and answered through Read.
type Server struct {
	// Startup is the set that the connection was dialled with; nil is the pool's own. Applied is what was set on it since,
	// nil is nothing, and LastSession the one that used it last. They are notes of who holds the connection.
	Startup     *Startup
	Applied     *Settings
	LastSession uint32
	// Unknown: settings may have been made that Applied does not know of.
	Unknown bool

	pooled
	conn       *wire.Conn
	hijacked   *pgconn.HijackedConn
	datasource string
	pid        uint32
	parameters map[string]string
	status     byte
	broken     atomic.Bool
	statements statements
}

// Dial opens a connection. Errors: ErrURL, ErrServerVersion, ErrServerSetting, ErrPrivilegedRole, a *pgconn.PgError
// within what pgx tells, or a network error. All texts name the datasource; none holds a password.
func Dial(ctx context.Context, c Config) (*Server, error) {
	s, err := dial(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("connect to datasource %q: %w", c.Datasource, err)
	}
	return s, nil
}

func dial(ctx context.Context, c Config) (*Server, error) {
	config, err := pgconn.ParseConfig(c.URL)
	if err != nil {
		return nil, ErrURL
	}
	maps.Copy(config.RuntimeParams, c.Params)
	if c.DialNet != nil {
		config.DialFunc = c.DialNet
	}
	if c.Keys != nil {
		loginByKeys(config, c.User, c.Keys)
	}
	pg, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		// A ConnectError would carry the configuration, password included, to whoever prints it field by field.
		if connect := (*pgconn.ConnectError)(nil); errors.As(err, &connect) {
			err = connect.Unwrap()
		}
		if c.Keys != nil {
			err = keysRefused(c, err)
		}
		return nil, err
	}
	if err := check(ctx, pg, &c); err != nil {
		closeQuietly(pg)
		return nil, err
	}
	if err := pg.SyncConn(ctx); err != nil {
		closeQuietly(pg)
		return nil, err
	}
	hijacked, err := pg.Hijack()
	if err != nil {
		closeQuietly(pg)
		return nil, err
	}
	if login, ok := hijacked.Conn.(*keyLogin); ok {
		hijacked.Conn = login.Conn
	}
	s := &Server{
		conn:       wire.NewConn(hijacked.Conn, c.Limits, c.Buffers),
		hijacked:   hijacked,
		datasource: c.Datasource,
		pid:        hijacked.PID,
		parameters: hijacked.ParameterStatuses,
		status:     hijacked.TxStatus,
		statements: newStatements(c.StatementsMax),
	}
	s.pooled = pooled{socket: newSocket(hijacked.Conn), standby: s.parameters[inHotStandby], readOnly: s.parameters[readOnlyByRole]}
	hijacked.Frontend = nil // its read buffer is empty and shall not live as long as the connection
	s.conn.Authenticated()
	return s, nil
}

// closeTimeout bounds the farewell to a server that is given up.
const closeTimeout = time.Second

func closeQuietly(pg *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = pg.Close(ctx)
}

// Datasource returns the name that Config gave.
func (s *Server) Datasource() string { return s.datasource }

// PID returns the process id of the backend.
func (s *Server) PID() uint32 { return s.pid }

// Status returns the transaction status of the last ReadyForQuery: wire.StatusIdle, ...
func (s *Server) Status() byte { return s.status }

// Parameter returns the value that the server reported last, "" if it does not report the parameter.
func (s *Server) Parameter(name string) string { return s.parameters[name] }

// Parameters returns what the server reported. The map is the Server's own.
func (s *Server) Parameters() map[string]string { return s.parameters }

// Broken reports that reading or writing has failed: the connection must not be used again.
func (s *Server) Broken() bool { return s.broken.Load() }

// Pending returns the number of ReadyForQuery messages that are still to come.
func (s *Server) Pending() int { return int(s.statements.asked - s.statements.answered) }

// Idle reports that nothing is asked, unanswered or open: the connection can be given to another one.
func (s *Server) Idle() bool {
	return !s.broken.Load() && s.status == wire.StatusIdle && s.Pending() == 0 && s.conn.Out.Len() == 0 && !s.conn.Buffered()
}

// Out is what Flush will send. Bind, Describe, Execute and Flush messages may be appended to it directly; messages that
// make or close statements or that ask for ReadyForQuery only by the methods of Server.
func (s *Server) Out() *wire.Output { return &s.conn.Out }

// Buffered reports whether a message can be read without waiting.
func (s *Server) Buffered() bool { return s.conn.Buffered() }

// Sync appends Sync.
func (s *Server) Sync() {
	s.statements.closeForgotten(&s.conn.Out)
	s.conn.Out.Sync()
	s.statements.asked++
}

// Query appends Query. It must not stand between a message of the extended protocol and its Sync: after an error the
// server would pass over it, and its ReadyForQuery would never come.
func (s *Server) Query(sql string) {
	s.conn.Out.Query(sql)
	s.statements.asked++
}

// Forward appends a client's message as it is, and keeps count of what it will bring. Parse and Close name statements
// of the client's: they must not begin with StatementPrefix.
func (s *Server) Forward(m wire.Message) {
	switch m.Type {
	case wire.TypeParse:
		s.statements.expectParse(nil)
	case wire.TypeClose:
		s.statements.expectClose("")
	case wire.TypeSync, wire.TypeQuery, wire.TypeFunctionCall:
		s.statements.asked++
	}
	s.conn.Out.Forward(m)
}

// Flush sends what Out holds. One goroutine may Flush while another one Reads. After an error the Server is Broken.
func (s *Server) Flush(ctx context.Context) error {
	if err := s.conn.Flush(ctx); err != nil {
		s.broken.Store(true)
		return s.wrap(err)
	}
	return nil
}

// Read returns the server's next message; Message.Body holds until the next Read. ParseComplete and CloseComplete that
// belong to Prepare are consumed here. ParameterStatus and ReadyForQuery are noted, and returned. Errors: those of
// wire.Conn.Read, of which io.EOF is io.ErrUnexpectedEOF here, and ErrDesynchronised. After any but the end of ctx the
// Server is Broken; after the end of ctx Read may be repeated with another one.
func (s *Server) Read(ctx context.Context) (wire.Message, error) {
	for {
		m, err := s.conn.Read(ctx)
		switch {
		case err != nil && (ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded)):
			return wire.Message{}, s.wrap(err)
		case err == io.EOF:
			return wire.Message{}, s.fail(io.ErrUnexpectedEOF)
		case err != nil:
			return wire.Message{}, s.fail(err)
		}
		own, err := s.Note(m)
		if err != nil {
			return wire.Message{}, err
		}
		if own {
			continue
		}
		return m, nil
	}
}

// ForwardRows moves the DataRow messages that are buffered whole and stand next to dst, in one copy, and returns how many
// they were: see wire.Conn.ForwardRun.
func (s *Server) ForwardRows(dst *wire.Output) int { return s.conn.ForwardRun(wire.TypeDataRow, dst) }

// Drain sends what waits and reads until nothing is pending, dropping what it reads. Errors: those of Flush and Read.
func (s *Server) Drain(ctx context.Context) error {
	if err := s.Flush(ctx); err != nil {
		return err
	}
	for s.Pending() > 0 {
		if _, err := s.Read(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Exec runs statements that return nothing of interest by the simple protocol, on a Server without pending answers. An
// error of the server is a *sqlstate.Error; the connection is usable after it.
func (s *Server) Exec(ctx context.Context, sql string) error {
	s.Query(sql)
	if err := s.Flush(ctx); err != nil {
		return err
	}
	var failure error
	for s.Pending() > 0 {
		m, err := s.Read(ctx)
		if err != nil {
			return err
		}
		if m.Type == wire.TypeErrorResponse && failure == nil {
			report, problem := wire.DecodeReport(m.Body)
			if problem != nil {
				return s.fail(problem)
			}
			failure = report.SQLState()
		}
	}
	return failure
}

// Cancel asks the server, on a connection of its own, to cancel the statement that this one runs, and waits until the
// server has taken the request; whether it comes in time is not known. It may be called from any goroutine.
func (s *Server) Cancel(ctx context.Context) error { return s.PrepareCancel()(ctx) }

// PrepareCancel returns the function that does what Cancel does; it must be called. A Server that is released before it has
// returned goes to nobody until then, so that the request cannot meet another one's statement: who may release the Server
// at the same time prepares under the lock that makes it his. It may be called from any goroutine.
func (s *Server) PrepareCancel() func(ctx context.Context) error {
	s.cancels.begin()
	return func(ctx context.Context) error {
		defer s.cancels.end()
		twin, err := pgconn.Construct(s.hijacked)
		if err == nil {
			err = twin.CancelRequest(ctx)
		}
		if err != nil {
			return s.wrap(fmt.Errorf("cancel: %w", err))
		}
		return nil
	}
}

// Kill closes the socket at once; reads and writes under way end with an error, and the Server is Broken. It may be
// called from any goroutine.
func (s *Server) Kill() {
	s.broken.Store(true)
	_ = s.conn.Close()
}

// Close says farewell if the connection is in order, and closes it.
func (s *Server) Close() error {
	if !s.broken.Load() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		s.conn.Out.Reset()
		s.conn.Out.Terminate()
		_ = s.conn.Flush(ctx)
	}
	s.broken.Store(true)
	return s.conn.Close()
}

func (s *Server) fail(err error) error {
	s.broken.Store(true)
	return s.wrap(err)
}

func (s *Server) wrap(err error) error {
	if state := (*sqlstate.Error)(nil); errors.As(err, &state) {
		return fmt.Errorf("datasource %q broke the protocol: %w", s.datasource, err)
	}
	return fmt.Errorf("datasource %q: %w", s.datasource, err)
}
