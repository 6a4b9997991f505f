package session

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"iter"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portcullisdb/portcullis/gateway/wire"
)

// Registry knows the sessions that are under way: for cancel requests, and for the end of the gateway. It may be used
// concurrently.
type Registry struct {
	now      atomic.Int64 // coarse clock of sessions, in milliseconds: Sweep
	timeouts timeoutCounts
	counts   counts

	mu       sync.Mutex
	next     uint32
	sessions map[uint32]*Session
	list     []*Session // the same, for walks; Session.place is the index
	draining bool
	ended    sync.Cond           // a session has ended
	done     map[string]*Traffic // of sessions that have ended, by database
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry {
	r := &Registry{sessions: map[uint32]*Session{}, done: map[string]*Traffic{}}
	r.ended.L = &r.mu
	return r
}

// secretBytes is the length of a cancel key in protocol 3.0.
const secretBytes = 4

// add enters a session and gives it the key of its BackendKeyData. Errors: 53300 with sessionsMax sessions, 57P03 while
// draining.
func (r *Registry) add(s *Session, random io.Reader, sessionsMax int) error {
	var secret [secretBytes]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return fmt.Errorf("draw a cancel key: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.draining {
		return shuttingDown()
	}
	if len(r.sessions) >= sessionsMax {
		return tooManyClients()
	}
	for {
		r.next++
		if _, taken := r.sessions[r.next]; !taken && r.next != 0 && int32(r.next) > 0 {
			break
		}
	}
	s.pid, s.serial, s.secret, s.place = r.next, r.next, secret, len(r.list)
	r.sessions[s.pid] = s
	r.list = append(r.list, s)
	s.began, s.group = r.now.Load(), groupOf(s)
	return nil
}

// adopt gives a session the process id of its server connection, if no other session has it: then the ids that the server
// tells in notifications and activity views are those that clients know.
func (r *Registry) adopt(s *Session, pid uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.sessions[pid]; taken || pid == 0 || int32(pid) < 0 || r.sessions[s.pid] != s {
		return
	}
	delete(r.sessions, s.pid)
	s.pid = pid
	r.sessions[pid] = s
}

func (r *Registry) remove(s *Session) {
	r.mu.Lock()
	if r.sessions[s.pid] == s {
		delete(r.sessions, s.pid)
		last := len(r.list) - 1
		r.list[s.place] = r.list[last]
		r.list[s.place].place = s.place
		r.list[last] = nil
		r.list = r.list[:last]
		r.keepTraffic(s)
	}
	r.mu.Unlock()
	r.ended.Broadcast()
}

// all goes over the sessions without keeping the registry locked. One that comes or goes meanwhile may be left out, and so may
// one that another's end has moved.
func (r *Registry) all() iter.Seq[*Session] {
	return func(yield func(*Session) bool) {
		var chunk [sweepChunk]*Session
		for start := 0; ; start += sweepChunk {
			r.mu.Lock()
			n := 0
			if start < len(r.list) {
				n = copy(chunk[:], r.list[start:])
			}
			r.mu.Unlock()
			if n == 0 {
				return
			}
			for _, s := range chunk[:n] {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// Len returns the number of sessions.
func (r *Registry) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

// Cancel asks the servers of the session that key names to cancel what they run for it. A key that fits no session does
// nothing, and the one who sent it is not told.
func (r *Registry) Cancel(ctx context.Context, key *wire.CancelKey) {
	r.mu.Lock()
	s := r.sessions[key.PID]
	r.mu.Unlock()
	if s == nil || subtle.ConstantTimeCompare(s.secret[:], key.Secret) != 1 {
		return
	}
	r.counts.cancels.Add(1)
	s.Cancel(ctx)
}

// Uses reports whether some transaction under way began with a state. A state that has been replaced and is not used any
// more will not be used again.
func (r *Registry) Uses(state *State) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sessions {
		if s.using.Load() == state {
			return true
		}
	}
	return false
}

// Drain tells every session to end with 57P01 as soon as it is in no transaction, and lets no more in.
func (r *Registry) Drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
	for _, s := range r.sessions {
		s.drain()
	}
}

// retireGrace is how long a session that has done nothing yet may go on doing so while the gateway is replaced.
const retireGrace = 10 * time.Second

// Retire tells the sessions to end with 57P01 that have had a transaction, or have done nothing for a time, as soon as they are
// in none: who has just come to a gateway that is being replaced shall not come in vain. It then waits as long as a sweep takes,
// and is called again until there are no sessions. It is false if ctx has ended.
func (r *Registry) Retire(ctx context.Context) bool {
	for s := range r.all() {
		if s.transactionCount.Load() > 0 || r.now.Load()-s.began > retireGrace.Milliseconds() {
			s.drain()
		}
	}
	timer := time.NewTimer(sweepInterval)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Wait returns when there are no sessions.
func (r *Registry) Wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.sessions) > 0 {
		r.ended.Wait()
	}
}

// sessionID names a session in the audit log. It does not hold the secret: who reads the log must not be able to cancel
// statements.
func sessionID(pid uint32) string { return strconv.FormatUint(uint64(pid), 10) }
