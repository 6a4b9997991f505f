package session

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Timeouts bound what a session may do. Zero is no bound.
type Timeouts struct {
	Query             time.Duration // a statement under way; it is cancelled: 57014
	IdleInTransaction time.Duration // a client that says nothing in a transaction: 25P03
	IdleClient        time.Duration // a client that says nothing outside of one: 57P05
}

// TimeoutKind names a timeout in metrics.
type TimeoutKind int

// The kinds of timeout.
const (
	TimeoutQuery TimeoutKind = iota
	TimeoutIdleInTransaction
	TimeoutIdleClient
	TimeoutLogin
	TimeoutKinds // their number
)

// String names the kind as the configuration does.
func (k TimeoutKind) String() string {
	return [...]string{"query", "idle_in_transaction", "idle_client", "login"}[k]
}

const (
	// sweepInterval is the resolution of the sessions' clock and of timeouts: a session notes the time at which the last
	// sweep was.
	sweepInterval = 100 * time.Millisecond
	// sweepChunk is how many sessions are looked at while the registry is locked once.
	sweepChunk = 256
	// cancelAgain is the time after which a statement that has not ended is cancelled once more: the request may have
	// been lost.
	cancelAgain = time.Second
	// cancelTimeout bounds a cancel request of the sweeper.
	cancelTimeout = 5 * time.Second
)

// Sweep keeps the sessions' clock and ends what takes too long, until ctx ends. One goroutine does so for all sessions, and
// they have no timers of their own. timeouts is asked before each sweep. Nothing ends before its time; it may take
// two intervals, 200 ms, longer.
func (r *Registry) Sweep(ctx context.Context, timeouts func() Timeouts) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	start, before, ticks := time.Now(), r.now.Load(), 0
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-ticker.C:
			r.now.Store(before + at.Sub(start).Milliseconds())
		}
		if ticks++; ticks%stirTicks == 0 {
			r.stir()
		}
		if t := timeouts(); t != (Timeouts{}) {
			r.sweep(ctx, t)
		}
	}
}

// sweep looks at every session once.
func (r *Registry) sweep(ctx context.Context, t Timeouts) {
	limits := [phases]int64{phaseIdle: milliseconds(t.IdleClient), phaseActive: milliseconds(t.Query),
		phaseIdleInTransaction: milliseconds(t.IdleInTransaction)}
	now := r.now.Load()
	for s := range r.all() {
		p := phase(s.activity.phase.Load())
		since := s.since.Load()
		if limit := limits[p]; limit > 0 && now-since > limit {
			r.overdue(ctx, s, p, since)
		}
	}
}

// milliseconds rounds up.
func milliseconds(d time.Duration) int64 { return (d + time.Millisecond - 1).Milliseconds() }

// overdue does what a session's phase asks for that has lasted too long.
func (r *Registry) overdue(ctx context.Context, s *Session, p phase, since int64) {
	switch p {
	case phaseActive:
		if s.overdue.Load() && r.now.Load()-s.cancelled < cancelAgain.Milliseconds() {
			return
		}
		if !s.overdue.Swap(true) {
			r.timeouts[TimeoutQuery].Add(1)
		}
		s.cancelled = r.now.Load()
		go s.cancelOverdue(ctx, since)
	case phaseIdleInTransaction:
		r.expire(s, TimeoutIdleInTransaction, sqlstate.New(sqlstate.IdleInTransactionTimeout,
			"terminating connection due to idle-in-transaction timeout"))
	case phaseIdle:
		r.expire(s, TimeoutIdleClient, sqlstate.New(sqlstate.IdleSessionTimeout,
			"terminating connection due to idle-session timeout"))
	}
}

// cancelOverdue cancels the statement that began at a time, unless it has ended. It never meets a later one: the session waits
// for its end.
func (s *Session) cancelOverdue(ctx context.Context, since int64) {
	ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
	defer cancel()
	s.cancelling.Lock()
	defer s.cancelling.Unlock()
	if s.since.Load() == since && phase(s.activity.phase.Load()) == phaseActive {
		s.Cancel(ctx)
	}
}

func (r *Registry) expire(s *Session, kind TimeoutKind, e *sqlstate.Error) {
	if s.ending.Load() == nil {
		r.timeouts[kind].Add(1)
		s.terminate(e)
	}
}

// TimedOut returns how often a timeout has ended something.
func (r *Registry) TimedOut(kind TimeoutKind) uint64 { return r.timeouts[kind].Load() }

// statementTimeout returns the error of a cancelled statement as PostgreSQL words it when its time has run out: the server
// was asked to cancel, and believes that the user wished so (src/backend/tcop/postgres.c, ProcessInterrupts).
func (s *Session) statementTimeout(e *sqlstate.Error) *sqlstate.Error {
	if e.Code != sqlstate.QueryCanceled || !s.overdue.Load() {
		return e
	}
	reworded := *e
	reworded.Message = statementTimeoutMessage
	return &reworded
}

const statementTimeoutMessage = "canceling statement due to statement timeout"

type timeoutCounts [TimeoutKinds]atomic.Uint64
