package session

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// relay serves a transparent database: messages go through, between the client and a server connection. The two sides take
// turns on one goroutine: the client's batch goes to the server, then the server's answers to the client. A helper reads
// the server while the client is read only where turns do not work: in COPY, in a batch that is longer than what sockets
// hold, after Flush, and for notifications.
//
// In session mode the connection is the client's own, from its login to its end, and every byte passes as it is. In
// transaction mode (lent) a connection is linked when the client begins something, and goes back to its pool when
// nothing is under way: see link, lender and settle.
type relay struct {
	session *Session
	lent    *lender // nil in session mode

	mu     sync.Mutex // guards what follows: the helper and the session's goroutine share it
	pool   *pool.Pool
	server *pool.Server // nil while nothing is linked
	up     *wire.Conn   // to the server
	sent   bool         // something was sent since the server was idle
	// owed is what the server still has to answer with ReadyForQuery. open: messages of the extended protocol were sent since
	// the last Sync. mixed: a Query came behind them, which the server may pass over without ReadyForQuery.
	owed        barriers
	open, mixed bool
	passing     bool // after an error of the extended protocol: the server passes everything over until Sync
	helping     bool // the helper owns up's reading side and the client's writing side
	// flushing: the session's goroutine has something for the server that it has not sent yet, or not quite. The helper waits
	// for that before it does anything but read.
	flushing    bool
	helperEnded bool
	flushed     sync.Cond

	helper     sync.WaitGroup
	assist     context.Context // of the helper's reads
	stopAssist context.CancelFunc
	status     atomic.Int32 // of the last ReadyForQuery
	listening  atomic.Bool  // notifications may come at any time
	farewell   bool         // the server has said itself why it ends
	skipping   bool         // nothing is linked, and the client was told an error of the extended protocol: until Sync
}

// relay serves the session until one side ends.
func (s *Session) relay() {
	r := &relay{session: s}
	r.flushed.L = &r.mu
	held := s.database.Pooling.mode(s.state, s.user.Name) == ModeSession
	if !held || s.database.Pooling.Backend == BackendSetRole { // whose statements must not change the role
		r.lent = newLender(r, held)
	}
	r.status.Store(int32(wire.StatusIdle))
	defer context.AfterFunc(s.working, s.killLinked)()
	if err := r.welcome(); err != nil {
		s.fatal(err)
		return
	}
	defer r.close()
	r.run()
}

// welcome tells the client what it has come to.
func (r *relay) welcome() *sqlstate.Error {
	s := r.session
	var parameters []pool.Parameter
	var err *sqlstate.Error
	if r.lent != nil {
		parameters, err = r.lent.parameters()
	} else {
		parameters, err = r.connect()
	}
	if err != nil {
		return err
	}
	for _, p := range parameters {
		s.conn.Out.ParameterStatus(p.Name, p.Value)
	}
	s.conn.Out.BackendKeyData(s.pid, s.secret[:])
	s.conn.Out.ReadyForQuery(wire.StatusIdle)
	s.setPhase(phaseIdle)
	return nil
}

// connect links the connection of session mode: one that was dialled with the client's own startup parameters.
func (r *relay) connect() ([]pool.Parameter, *sqlstate.Error) {
	s := r.session
	params := maps.Clone(s.startup.Parameters)
	delete(params, "replication")
	s.claim.Startup = pool.NewStartup(params)
	if err := r.acquire(); err != nil {
		return nil, err
	}
	s.busy.Store(true) // what the server does is known to the server alone
	ctx, cancel := context.WithTimeout(s.working, s.options.Limits.withDefaults().ConnectTimeout)
	defer cancel()
	if err := forgetUnnamed(ctx, r.server); err != nil {
		r.discard()
		s.log.Error("could not connect", "datasource", s.database.Policy.Datasources[0], "error", err)
		return nil, connectionGone(s.database.Policy.Datasources[0])
	}
	s.options.Registry.adopt(s, r.server.PID())
	return reported(r.server), nil
}

// reported returns what a server has reported of itself, by name.
func reported(server *pool.Server) []pool.Parameter {
	parameters := make([]pool.Parameter, 0, len(server.Parameters()))
	for _, name := range slices.Sorted(maps.Keys(server.Parameters())) {
		parameters = append(parameters, pool.Parameter{Name: name, Value: server.Parameter(name)})
	}
	return parameters
}

// forgetUnnamed drops the unnamed statement that dialling has left behind: the client must not find one. The simple
// protocol does so.
func forgetUnnamed(ctx context.Context, server *pool.Server) error { return server.Exec(ctx, "") }

// acquire links a connection of the pool. mu is held, or nobody else is there yet.
func (r *relay) acquire() *sqlstate.Error {
	s := r.session
	datasource := s.database.Policy.Datasources[0]
	p, refused := s.database.Pool(datasource, s.identity())
	if refused != nil {
		return refused
	}
	s.claim.User, s.claim.UserMax = s.user.Name, s.state.UserPools[s.user.Name].Max
	s.setPhase(phaseWaiting)
	server, err := p.Acquire(s.working, &s.claim)
	if err != nil {
		return s.dialError(datasource, err)
	}
	s.setPhase(phaseActive)
	r.pool, r.server, r.up = p, server, server.Relay()
	r.sent, r.open, r.mixed, r.passing, r.owed = false, false, false, false, barriers{kinds: emptied(r.owed.kinds)}
	s.mu.Lock()
	s.linked, s.stirred = server, false
	s.mu.Unlock()
	if s.working.Err() != nil {
		r.discard()
		return s.ended()
	}
	return nil
}

// untilKilled is the context of what is read from and written to the server. It is the same for all sessions, because to
// put another one over a connection for each transaction costs more than the transaction; killLinked ends the wait.
func (r *relay) untilKilled() context.Context { return context.Background() }

// killLinked ends the server connection that the session has at the moment.
func (s *Session) killLinked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.linked != nil {
		s.linked.Kill()
	}
}

// emptied returns a slice to be filled again; one that has become long is left to the garbage collector.
func emptied[T any](s []T) []T {
	const keptMax = 4096
	if cap(s) > keptMax {
		return nil
	}
	clear(s)
	return s[:0]
}

// unlink takes the connection away from the session, so that no cancel request goes there any more. mu is held.
func (r *relay) unlink() (server *pool.Server) {
	s := r.session
	s.mu.Lock()
	s.linked = nil
	s.mu.Unlock()
	server, r.server, r.up = r.server, nil, nil
	return server
}

// discard gives the connection up: whatever it was in is rolled back. mu is held.
func (r *relay) discard() {
	if r.server != nil {
		r.pool.Discard(r.unlink())
	}
}

// dialError is what the client is told of an error of the pool.
func (s *Session) dialError(datasource string, err error) *sqlstate.Error {
	if known := (*sqlstate.Error)(nil); errors.As(err, &known) {
		return known
	}
	if s.working.Err() != nil {
		return s.ended()
	}
	s.log.Error("could not connect", "datasource", datasource, "error", err)
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
			r.finish()
			return
		}
		if r.lent != nil && r.unsettled(m) {
			if err := r.catchUp(); err != nil {
				r.serverFailed(err)
				return
			}
		}
		up, helping := r.take(m)
		if up == nil || s.conn.Buffered() && !up.Out.Full() {
			continue
		}
		if !helping && !r.inTurn() {
			r.help(true)
			helping = true
		}
		if err := up.Flush(r.untilKilled()); err != nil {
			r.serverFailed(err)
			return
		}
		if helping {
			r.mu.Lock()
			r.flushing = false
			r.mu.Unlock()
			r.flushed.Broadcast()
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

// finish has what was sent before Terminate run to its end: servers do, whether the client still waits or not.
func (r *relay) finish() {
	if err := r.catchUp(); err != nil {
		r.serverFailed(err)
		return
	}
	r.mu.Lock()
	helping := r.helping // then the last answers are the helper's to send: close waits for it
	r.mu.Unlock()
	if !helping {
		_ = r.session.conn.Flush(r.session.working) // the client may have gone
	}
}

// catchUp sends what is queued and waits until the server has answered all that it will answer with ReadyForQuery.
func (r *relay) catchUp() error {
	r.mu.Lock()
	up, helping := r.up, r.helping
	wanted := r.server != nil && r.owed.count > 0 && !r.owed.copying && !r.owed.doubtful
	apart := !helping && (r.open || r.mixed)
	r.mu.Unlock()
	if !wanted {
		return nil
	}
	if apart {
		r.help(true)
	}
	if err := up.Flush(r.untilKilled()); err != nil {
		return err
	}
	if !helping && !apart {
		return r.answers()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flushing = false
	r.flushed.Broadcast()
	for r.owed.count > 0 && !r.owed.copying && !r.owed.doubtful && !r.helperEnded {
		r.flushed.Wait()
	}
	return nil
}

// readClient returns the client's next message. Before it waits, the answers are sent, unless the helper does that.
func (r *relay) readClient() (wire.Message, error) {
	s := r.session
	if !s.conn.Buffered() {
		r.mu.Lock()
		idle := r.owed.none() && !r.open && !r.helping
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
	for errors.Is(err, errStirred) {
		r.listen()
		m, err = s.conn.Read(r.clientContext())
	}
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
	s.state, s.user, s.database, s.view = newest, user, database, user.Views[s.startup.Database]
	return true
}

// take queues a message for the server, which it links if it has none, and counts what it asks for. It returns the
// connection, nil if nothing is to be sent.
func (r *relay) take(m wire.Message) (up *wire.Conn, helping bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server == nil {
		if r.answerAlone(m) {
			return nil, false
		}
		if err := r.lent.link(); err != nil {
			r.refuse(m.Type, err)
			return nil, false
		}
	}
	if r.passing {
		if m.Type != wire.TypeSync {
			// The server would pass it over. What was queued before it is sent all the same.
			return r.up, r.helping
		}
		r.passing = false
	}
	if !r.sent && !r.helping {
		r.session.setPhase(phaseActive)
	}
	if r.lent != nil {
		r.lent.forward(m)
	} else {
		r.up.Out.Forward(m)
		r.owed.sent(m.Type, r.open)
	}
	r.sending(m.Type)
	r.flushing = r.helping
	return r.up, r.helping
}

// unsettled reports whether a message cannot be sent before what was sent ahead of it has been answered.
func (r *relay) unsettled(m wire.Message) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.server != nil && r.lent.statements.unsettled(m)
}

// sending takes note of the shape of a batch.
func (r *relay) sending(t wire.Type) {
	r.session.countStatement(t)
	switch t {
	case wire.TypeSync:
		r.open = r.owed.copying
	case wire.TypeQuery, wire.TypeFunctionCall:
		r.mixed = r.mixed || r.open
	case wire.TypeParse, wire.TypeBind, wire.TypeDescribe, wire.TypeExecute, wire.TypeClose:
		r.open = true
	}
}

// answerAlone answers what needs no server while nothing is linked, as a server that is idle does.
func (r *relay) answerAlone(m wire.Message) bool {
	switch m.Type {
	case wire.TypeSync, wire.TypeFlush:
		if len(m.Body) > 0 {
			return false // the server's to refuse
		}
	}
	switch m.Type {
	case wire.TypeParse:
		return r.skipping || r.lent.statements.parseAlone(m)
	case wire.TypeSync:
		r.skipping = false
		r.session.conn.Out.ReadyForQuery(wire.StatusIdle)
		return true
	case wire.TypeFlush, wire.TypeCopyData, wire.TypeCopyDone, wire.TypeCopyFail:
		return true
	}
	return r.skipping
}

// refuse tells the client that its message could not be served, outside of any transaction.
func (r *relay) refuse(t wire.Type, err *sqlstate.Error) {
	out := &r.session.conn.Out
	out.ErrorResponse(wire.SeverityError, err)
	if t == wire.TypeQuery || t == wire.TypeFunctionCall {
		out.ReadyForQuery(wire.StatusIdle)
	} else {
		r.skipping = true
	}
	r.session.setPhase(phaseIdle)
}

// turnBytes is what a batch may be long to be sent without a helper: sockets take that much at once while the server
// is still answering what came before.
const turnBytes = 2 * wire.OutputFull

// inTurn reports whether what is queued can be sent and then answered in turns. If more was sent before, the server may
// be stuck on answers that nobody reads; and if no ReadyForQuery was asked for, or perhaps too many, nobody knows how many
// answers to wait for.
func (r *relay) inTurn() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := !r.sent
	r.sent = true
	return first && !r.mixed && !r.owed.copying && !r.owed.doubtful && r.up.Out.Len() <= turnBytes &&
		(r.owed.count > 0 && !r.open || r.session.conn.Buffered())
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
	s := r.session
	r.abandon()
	var known *sqlstate.Error
	switch {
	case errors.Is(err, errClientGone):
	case s.working.Err() != nil:
		s.fatal(s.ended())
	case errors.As(err, &known):
		s.fatal(known)
	case r.farewell:
		_ = s.conn.Flush(s.working) // the client may have gone as well
	default:
		if r.lent != nil && r.lent.failure != nil {
			s.fatal(r.lent.failure)
			return
		}
		s.fatal(connectionGone(s.database.Policy.Datasources[0]))
	}
}

// abandon ends the helper by ending its connection, and gives the connection up.
func (r *relay) abandon() {
	r.mu.Lock()
	if r.server != nil {
		r.server.Kill()
	}
	r.mu.Unlock()
	r.helper.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.discard()
}

// close gives the connection back if nothing is under way on it and it can be made as it was; else it is given up.
func (r *relay) close() {
	r.mu.Lock()
	if r.stopAssist != nil {
		r.stopAssist()
	}
	atRest := r.server != nil && r.owed.none() && !r.open && byte(r.status.Load()) == wire.StatusIdle && !r.farewell
	r.mu.Unlock()
	if !atRest {
		r.abandon()
		return
	}
	r.helper.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server == nil {
		return
	}
	if err := r.reset(); err != nil {
		r.session.log.Debug("a server connection was not reset", "error", err)
		r.discard()
		return
	}
	r.pool.Release(r.unlink())
}

// reset makes the connection as it was when it was dialled.
func (r *relay) reset() error {
	ctx, cancel := context.WithTimeout(r.session.working, farewellTimeout)
	defer cancel()
	if r.up.Out.Len() > 0 {
		return errDesynchronised
	}
	if err := r.server.Exec(ctx, "DISCARD ALL"); err != nil {
		return err
	}
	r.server.DroppedStatements()
	r.server.Applied, r.server.Unknown = nil, false
	return nil
}
