package session

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// phase says what a session is doing.
type phase uint32

// The phases.
const (
	phaseLogin             phase = iota // not yet in the registry, or not yet ready for a query
	phaseIdle                           // waits for its client, outside of a transaction
	phaseActive                         // something of the client's is under way
	phaseIdleInTransaction              // waits for its client, in a transaction
	phaseWaiting                        // waits for a server connection
	phases                              // their number
)

// String names the phase as metrics and PostgreSQL's pg_stat_activity.state do.
func (p phase) String() string {
	return [...]string{"login", "idle", "active", "idle in transaction", "waiting"}[p]
}

// activity is what other goroutines see of a session: the sweeper, and who counts sessions. The session's goroutine writes
// it, but for those that say otherwise.
type activity struct {
	phase atomic.Uint32
	since atomic.Int64 // when the phase, or the statement, began: Registry.now

	transactionCount, statementCount atomic.Uint64 // that have ended; that were asked for

	overdue atomic.Bool                    // the statement under way is being cancelled for its time
	ending  atomic.Pointer[sqlstate.Error] // why terminate was called

	// cancelling is held while the sweeper's cancel request is under way: the next statement does not begin before its end.
	cancelling sync.Mutex

	cancelled int64 // when the overdue statement was cancelled last; the sweeper's alone
	began     int64 // when the session was entered in the registry: Registry.now
	group     Group // but for the phase; of that time
}

// setPhase says what the session does from now on. Of an active session it says that another statement begins.
func (s *Session) setPhase(p phase) {
	if p == phaseIdle && phase(s.activity.phase.Load()) == phaseActive && s.statementCount.Load() > 0 {
		s.transactionCount.Add(1)
	}
	// First since: who reads phase, then since, may take a new phase for younger than it is, never for older.
	s.since.Store(s.options.Registry.now.Load())
	s.activity.phase.Store(uint32(p))
	if s.overdue.Load() {
		s.cancelling.Lock() // a request that has not begun yet will find that its statement has ended
		s.overdue.Store(false)
		s.cancelling.Unlock()
	}
}

// terminate ends the session with FATAL e as soon as its goroutine can say so. The first call decides. It may be called from
// any goroutine.
func (s *Session) terminate(e *sqlstate.Error) {
	if s.ending.CompareAndSwap(nil, e) {
		s.stopWorking(errTerminated)
	}
}

var errTerminated = errors.New("the session was terminated")

// ended is why a session ends whose context has ended.
func (s *Session) ended() *sqlstate.Error {
	if e := s.ending.Load(); e != nil {
		return e
	}
	return shutdown()
}
