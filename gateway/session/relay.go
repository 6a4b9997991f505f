package session

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// relay serves a transparent database: messages go through as they are, between the client and one server connection of
// its own. The two sides take turns on one goroutine: the client's batch goes to the server, then the server's answers
// to the client. A helper reads the server while the client is read only where turns do not work: in COPY, in a batch
// that is longer than what sockets hold, after Flush, and for notifications.
type relay struct {
	session *Session
	up      *wire.Conn // to the server

	mu      sync.Mutex // guards what follows
	expects int        // ReadyForQuery messages still to come
	helping bool       // the helper owns up's reading side and the client's writing side
	sent    bool       // something was sent since the server was idle

	// open: messages of the extended protocol were sent since the last Sync. mixed: a Query came behind them, which the
	// server may pass over without ReadyForQuery.
	open, mixed bool

	helper    sync.WaitGroup
	status    atomic.Int32 // of the last ReadyForQuery
	listening atomic.Bool  // LISTEN was executed: notifications may come at any time
	farewell  bool         // the server has said itself why it ends
}

// relay serves the session until one side ends.
func (s *Session) relay() {
	r := &relay{session: s}
	if err := r.connect(); err != nil {
		s.fatal(err)
		return
	}
	defer r.close()
	s.busy.Store(true) // what the server does is known to the server alone
	r.run()
}

func (r *relay) connect() *sqlstate.Error {
	s := r.session
	params := maps.Clone(s.startup.Parameters)
	delete(params, "replication")
	ctx, cancel := context.WithTimeout(s.working, s.options.Limits.withDefaults().ConnectTimeout)
	defer cancel()
	datasource := s.database.Policy.Datasources[0]
	p, refused := s.database.Pool(datasource, Identity{})
	if refused != nil {
		return refused
	}
	s.claim = pool.Claim{User: s.user.Name, Startup: pool.NewStartup(params)}
	s.setPhase(phaseWaiting)
	conn, err := p.Acquire(ctx, &s.claim)
	if err != nil {
		return s.dialError(datasource, err)
	}
	sv := &server{Backend: execute.NewBackend(conn), pool: p}
	s.mu.Lock()
	s.servers[datasource] = sv
	s.mu.Unlock()
	if err := forgetUnnamed(ctx, conn); err != nil {
		s.log.Error("could not connect", "datasource", datasource, "error", err)
		return connectionGone(datasource)
	}
	r.up = conn.Relay()
	r.status.Store(int32(wire.StatusIdle))
	for _, name := range slices.Sorted(maps.Keys(conn.Parameters())) {
		s.conn.Out.ParameterStatus(name, conn.Parameter(name))
	}
	s.conn.Out.BackendKeyData(s.pid, s.secret[:])
	s.conn.Out.ReadyForQuery(wire.StatusIdle)
	s.setPhase(phaseIdle)
	return nil
}

// forgetUnnamed drops the unnamed statement that dialling has left behind: the client must not find one. The simple
// protocol does so.
func forgetUnnamed(ctx context.Context, server *pool.Server) error { return server.Exec(ctx, "") }

// dialError tells the client what its own startup parameters did to the server connection, and nothing else.
func (s *Session) dialError(datasource string, err error) *sqlstate.Error {
	if known := (*sqlstate.Error)(nil); errors.As(err, &known) {
		return known
	}
	s.log.Error("could not connect", "datasource", datasource, "error", err)
	if refusal := pool.Refusal(err); refusal != nil {
		switch class := refusal.Code.String()[:2]; class {
		case "22", "42": // data exception; syntax error, or what does not exist
			return refusal
		}
	}
	return sqlstate.New(sqlstate.ConnectionFailure, "could not connect to datasource %q", datasource)
}

// run gives each side its turn.
func (r *relay) run() {
	s := r.session
	for {
		m, err := r.readClient()
		if err != nil {
			r.clientFailed(err)
			return
		}
		if m.Type == wire.TypeTerminate {
			return
		}
		helping := r.forward(m)
		if s.conn.Buffered() && !r.up.Out.Full() {
			continue
		}
		if !helping && !r.inTurn() {
			r.help()
			helping = true
		}
		if err := r.up.Flush(s.working); err != nil {
			r.serverFailed(err)
			return
		}
		if helping || s.conn.Buffered() {
			continue
		}
		if err := r.answers(); err != nil {
			r.serverFailed(err)
			return
		}
	}
}

// readClient returns the client's next message. Before it waits, the answers are sent, unless the helper does that.
func (r *relay) readClient() (wire.Message, error) {
	s := r.session
	if !s.conn.Buffered() {
		r.mu.Lock()
		idle := r.expects == 0 && !r.helping
		helping := r.helping
		r.mu.Unlock()
		if idle && byte(r.status.Load()) == wire.StatusIdle && !s.still() {
			return wire.Message{}, errDraining
		}
		if !helping {
			if err := s.conn.Flush(s.working); err != nil {
				return wire.Message{}, err
			}
		}
	}
	m, err := s.conn.Read(r.clientContext())
	if errors.Is(err, errDraining) && byte(r.status.Load()) != wire.StatusIdle {
		return s.conn.Read(s.working)
	}
	return m, err
}

func (r *relay) clientContext() context.Context {
	if r.session.drained.Load() && byte(r.status.Load()) != wire.StatusIdle {
		return r.session.working // its transaction may end
	}
	return r.session.reading
}

// still reports whether the session may go on: the gateway is not draining, and the database is a transparent one in the
// newest state too.
func (s *Session) still() bool {
	if s.drained.Load() {
		return false
	}
	newest := s.options.State()
	if newest == s.state {
		return true
	}
	user, database := newest.userOf(s.user.Name, s.startup.Database, s.found), newest.Databases[s.startup.Database]
	if user == nil || database == nil || user.Views[s.startup.Database] == nil || !database.Policy.Transparent() {
		return false
	}
	s.state = newest
	return true
}

// forward queues a message for the server and counts what it asks for.
func (r *relay) forward(m wire.Message) (helping bool) {
	r.up.Out.Forward(m)
	if r.session.activity.phase.Load() != uint32(phaseActive) {
		r.session.setPhase(phaseActive)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch m.Type {
	case wire.TypeSync:
		r.expects++
		r.open = false
	case wire.TypeQuery, wire.TypeFunctionCall:
		r.expects++
		r.mixed = r.mixed || r.open
	case wire.TypeParse, wire.TypeBind, wire.TypeDescribe, wire.TypeExecute, wire.TypeClose:
		r.open = true
	}
	return r.helping
}

// inTurn reports whether what is queued can be sent and then answered in turns. If more was sent before, the server may
// be stuck on answers that nobody reads; and if no ReadyForQuery was asked for, or perhaps too many, nobody knows how many
// answers to wait for.
func (r *relay) inTurn() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := !r.sent
	r.sent = true
	return first && !r.mixed && (r.expects > 0 || r.session.conn.Buffered())
}

// answers is the server's turn: until it has answered all that was asked.
func (r *relay) answers() error {
	s := r.session
	for {
		if !r.up.Buffered() || s.conn.Out.Full() {
			if err := s.conn.Flush(s.working); err != nil {
				return errClientGone
			}
		}
		m, err := r.up.Read(s.working)
		if err != nil {
			return err
		}
		r.pass(m)
		switch m.Type {
		case wire.TypeReadyForQuery:
			if r.ready() {
				if r.listening.Load() {
					r.help()
				}
				return nil
			}
		case wire.TypeCopyInResponse, wire.TypeCopyBothResponse:
			r.help()
			return nil
		}
	}
}

var errClientGone = errors.New("the client does not take answers any more")

// pass queues one message of the server's, and the rows that stand behind it, for the client.
func (r *relay) pass(m wire.Message) {
	out := &r.session.conn.Out
	if m.Type == wire.TypeErrorResponse && r.session.overdue.Load() {
		out.Append(statementTimeoutFrame(m.Body))
	} else {
		out.Forward(m)
	}
	switch m.Type {
	case wire.TypeDataRow, wire.TypeCopyData:
		r.up.ForwardRun(m.Type, out)
	case wire.TypeCommandComplete:
		if bytes.HasPrefix(m.Body, tagListen) {
			r.listening.Store(true)
		}
	case wire.TypeReadyForQuery:
		if len(m.Body) == 1 {
			r.status.Store(int32(m.Body[0]))
		}
	case wire.TypeErrorResponse:
		r.farewell = r.farewell || bytes.HasPrefix(m.Body, severityFatal)
	}
}

var (
	tagListen     = []byte("LISTEN\x00")
	severityFatal = []byte("SFATAL\x00")
)

// ready counts a ReadyForQuery and reports whether it was the last that is expected.
func (r *relay) ready() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.expects > 0 {
		r.expects--
	}
	if r.expects > 0 {
		r.session.setPhase(phaseActive)
		return false
	}
	r.sent = r.helping && r.sent
	if byte(r.status.Load()) == wire.StatusIdle {
		r.session.setPhase(phaseIdle)
	} else {
		r.session.setPhase(phaseIdleInTransaction)
	}
	return true
}

// help starts the helper.
func (r *relay) help() {
	r.mu.Lock()
	r.helping = true
	r.mu.Unlock()
	r.helper.Add(1)
	go func() {
		defer r.helper.Done()
		defer r.session.recoverHelper()
		if err := r.helperRun(); err != nil {
			r.session.stopReading(errServerGone) // wakes the client's goroutine
		}
	}()
}

// helperRun passes what the server sends, until the last ReadyForQuery that is expected.
func (r *relay) helperRun() error {
	s := r.session
	for {
		if !r.up.Buffered() || s.conn.Out.Full() {
			if err := s.conn.Flush(s.working); err != nil {
				return err
			}
		}
		m, err := r.up.Read(s.working)
		if err != nil {
			_ = s.conn.Flush(s.working) // what the server said before it went
			return err
		}
		r.pass(m)
		if m.Type == wire.TypeReadyForQuery && r.retire() {
			return nil
		}
	}
}

// retire counts a ReadyForQuery and ends the helper if there is nothing more to wait for.
func (r *relay) retire() bool {
	if r.ready() && !r.listening.Load() {
		// The last answers leave before the client's goroutine may write again.
		if err := r.session.conn.Flush(r.session.working); err != nil {
			return true
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.expects == 0 {
			r.helping, r.sent, r.mixed = false, false, false
			return true
		}
	}
	return false
}

var errServerGone = errors.New("the server has gone")

func (r *relay) clientFailed(err error) {
	if errors.Is(err, errServerGone) {
		r.serverFailed(err)
		return
	}
	r.close()
	r.session.readFailed(err)
}

func (r *relay) serverFailed(err error) {
	r.close()
	s := r.session
	switch {
	case errors.Is(err, errClientGone):
	case s.working.Err() != nil:
		s.fatal(s.ended())
	case r.farewell:
		_ = s.conn.Flush(s.working) // the client may have gone as well
	default:
		s.fatal(connectionGone(s.database.Policy.Datasources[0]))
	}
}

// close ends the helper by ending its connection.
func (r *relay) close() {
	_ = r.up.Close()
	r.helper.Wait()
}
