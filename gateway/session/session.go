package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// A Session is one client, from its first byte to its last. All of it belongs to the goroutine of Serve, but for Cancel.
type Session struct {
	activity
	options *Options
	conn    *wire.Conn
	log     *slog.Logger

	// reading is the context of reads from the client: it ends when the gateway drains. working is that of everything
	// else: it ends when the gateway must stop.
	reading, working context.Context
	stopReading      context.CancelCauseFunc
	stopWorking      context.CancelCauseFunc // terminate
	drained          atomic.Bool
	busy             atomic.Bool           // a statement is under way
	using            atomic.Pointer[State] // that of the transaction under way; nil between transactions

	pid    uint32 // as the client knows it
	serial uint32 // tells the session from all others
	secret [secretBytes]byte
	place  int    // in the registry's list; the registry's
	client string // address, or "[local]"

	startup  *wire.Startup
	state    *State
	database *Database
	user     *policy.User
	found    bool            // user is one that the database's auth_query has found
	keys     *wire.SCRAMKeys // of the login, if servers are logged in to by them
	subject  string          // of the certificate that the client has shown; "": none
	view     *policy.View
	settings *Settings
	told     map[string]string // ParameterStatus as the client knows it
	toldAt   uint64            // settings.version at that time

	datum   *datum.Settings // as datumSettings made it, at settings.version datumAt
	datumAt uint64
	tx      transaction
	mu      sync.Mutex // guards servers and linked for Cancel, and stopReading
	servers map[string]*server
	linked  *pool.Server // the relay's
	stirred bool         // stir has found something to read
	claim   pool.Claim
	// forShards and forLogical are what servers must be set to, at settings.version forServersAt; nil is not made yet.
	forShards, forLogical *pool.Settings
	forServersAt          uint64

	protocol protocol
	environ  environment
	held     held
}

// Serve runs a session on an accepted socket, which it closes. ctx is the life of the gateway.
func Serve(ctx context.Context, nc net.Conn, o *Options) {
	s := &Session{options: o, servers: map[string]*server{}, client: clientAddress(nc), log: o.Log}
	s.conn = wire.NewConn(nc, o.Limits.Wire, o.Buffers)
	s.claim.Gone = gone(nc)
	s.working, s.stopWorking = context.WithCancelCause(ctx)
	defer s.stopWorking(nil)
	s.reading, s.stopReading = context.WithCancelCause(s.working)
	defer func() { _ = s.conn.Close() }()
	defer s.recover()
	if s.startApart() {
		s.live()
	}
	s.conn.GiveBack() // but not after a panic: the relay's helper may still be there
}

// startApart runs start on a goroutine of its own: a login needs more stack than a client that waits, and a goroutine keeps what
// it once had. It reports false after a panic too.
func (s *Session) startApart() bool {
	started := make(chan bool, 1)
	go func() {
		ok := false
		defer func() { started <- ok }()
		defer s.recover()
		ok = s.start()
	}()
	return <-started
}

// live serves a client that has logged in, until it leaves.
func (s *Session) live() {
	defer s.end()
	if s.database.Policy.Transparent() {
		s.relay()
		return
	}
	s.serve()
}

// clientAddress names who is on the other side of a socket, in logs and in the audit log. Clients by Unix socket are what
// PostgreSQL calls them (%r of log_line_prefix).
func clientAddress(nc net.Conn) string {
	if _, local := nc.(*net.UnixConn); local {
		return "[local]"
	}
	return nc.RemoteAddr().String()
}

// Refuse tells a client that has just connected why it is not served, and closes the socket.
func Refuse(ctx context.Context, nc net.Conn, e *sqlstate.Error) {
	s := &Session{working: ctx, conn: wire.NewConn(nc, wire.Limits{}, nil)}
	s.fatal(e)
	_ = nc.Close()
}

// recover ends the session after a panic, and it alone. What was half written is not sent.
func (s *Session) recover() {
	cause := recover()
	if cause == nil {
		return
	}
	s.logPanic(cause)
	s.conn.Out.Reset()
	s.fatal(sqlstate.New(sqlstate.InternalError, "internal error"))
	s.closeServers()
	s.options.Registry.remove(s) // end has done so, unless the session never came to its start
}

// recoverHelper ends the session, and it alone, after a panic in the relay's helper.
func (s *Session) recoverHelper() {
	if cause := recover(); cause != nil {
		s.logPanic(cause)
		s.conn.Out.Reset()
		s.interrupt(errServerGone)
	}
}

// logPanic logs where a panic came from, but not what it says: that may hold values.
func (s *Session) logPanic(cause any) {
	s.log.Error("session ended by a panic", "cause", fmt.Sprintf("%T", cause), "stack", callers())
}

// callers names the functions that led to a panic. Unlike a trace of the runtime it holds no argument, which may be a value.
func callers() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	var b strings.Builder
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		fmt.Fprintf(&b, "%s:%d ", f.Function, f.Line)
	}
	return strings.TrimSpace(b.String())
}

// Cancel asks the servers to cancel what they run for this session. It may be called from any goroutine.
func (s *Session) Cancel(ctx context.Context) {
	if !s.busy.Load() {
		return
	}
	s.mu.Lock()
	requests := make(map[string]func(context.Context) error, len(s.servers))
	for datasource, sv := range s.servers {
		requests[datasource] = sv.Server.PrepareCancel()
	}
	if s.linked != nil {
		requests[s.linked.Datasource()] = s.linked.PrepareCancel()
	}
	s.mu.Unlock()
	for datasource, request := range requests {
		if err := request(ctx); err != nil {
			s.log.Warn("a cancel request did not reach its server", "datasource", datasource, "error", err)
		}
	}
}

// interrupt ends the read from the client that the session waits in, or the next one. It may be called from any goroutine.
func (s *Session) interrupt(cause error) {
	s.mu.Lock()
	stop := s.stopReading
	s.mu.Unlock()
	stop(cause)
}

// drain makes the session end when it is in no transaction. It may be called from any goroutine.
func (s *Session) drain() {
	s.drained.Store(true)
	s.interrupt(errDraining)
}

var errDraining = errors.New("the gateway is draining")

// serve reads and answers messages until the client leaves.
func (s *Session) serve() {
	for {
		if s.drained.Load() && s.tx.idle() {
			s.fatal(shutdown())
			return
		}
		m, err := s.read()
		if err != nil {
			s.readFailed(err)
			return
		}
		s.busy.Store(true)
		s.setPhase(phaseActive)
		s.countStatement(m.Type)
		if done := s.handle(m); done {
			return
		}
		if s.tx.idle() {
			s.busy.Store(false)
			s.using.Store(nil)
		}
	}
}

// read returns the client's next message. Before it waits, all answers are sent; they are also when a client goes on
// asking without ever waiting for them.
func (s *Session) read() (wire.Message, error) {
	buffered := s.conn.Buffered()
	if !buffered || s.protocol.tail.Full() {
		s.drainPending()
	}
	if !buffered || s.conn.Out.Full() {
		if err := s.conn.Flush(s.working); err != nil {
			return wire.Message{}, err
		}
	}
	if !buffered {
		s.setPhase(s.waitingPhase())
	}
	ctx := s.reading
	if s.drained.Load() {
		ctx = s.working // a transaction may end
	}
	m, err := s.readClient(ctx)
	if errors.Is(err, errDraining) && !s.tx.idle() {
		return s.conn.Read(s.working)
	}
	return m, err
}

// waitingPhase is what a session does that waits for its client.
func (s *Session) waitingPhase() phase {
	if s.tx.idle() {
		return phaseIdle
	}
	return phaseIdleInTransaction
}

func (s *Session) readFailed(err error) {
	var protocol *sqlstate.Error
	switch {
	case errors.As(err, &protocol):
		s.fatal(protocol)
	case errors.Is(err, errDraining), s.working.Err() != nil:
		s.fatal(s.ended())
	case errors.Is(err, io.EOF):
	default:
		s.log.Debug("the client's connection broke", "error", err)
	}
}

func shutdown() *sqlstate.Error {
	return sqlstate.New(sqlstate.AdminShutdown, "terminating connection due to administrator command")
}

// fatal tells the client why its session ends.
func (s *Session) fatal(e *sqlstate.Error) {
	s.conn.Out.ErrorResponse(wire.SeverityFatal, e)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.working), farewellTimeout)
	defer cancel()
	_ = s.conn.Flush(ctx) // the client may have gone
}

// end leaves nothing behind: what the servers hold is rolled back by closing them.
func (s *Session) end() {
	s.closeServers()
	s.forgetKeys()
	s.recordSession("logout", nil)
	s.options.Registry.remove(s)
}

// farewellTimeout bounds the last message to a client that may not read any more.
const farewellTimeout = 2 * time.Second
