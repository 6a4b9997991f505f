package session

import (
	"context"
	"errors"
)

// stirTicks is the number of sweeps between two looks at the server connections of idle clients.
const stirTicks = 5

// errStirred ends the read of a session whose server has something to say although nobody has asked.
var errStirred = errors.New("the server has sent something")

// stir wakes the sessions that hold a server connection, wait for their client, and do not read what the server says on its own:
// that it ends, most likely.
func (r *Registry) stir() {
	for s := range r.all() {
		if phase(s.activity.phase.Load()) != phaseIdle {
			continue
		}
		s.mu.Lock()
		stirred := s.linked != nil && !s.stirred && s.linked.HasInput()
		s.stirred = s.stirred || stirred
		s.mu.Unlock()
		if stirred {
			s.interrupt(errStirred)
		}
	}
}

// listen has the helper read what the server says on its own, from now on.
func (r *relay) listen() {
	s := r.session
	s.mu.Lock()
	s.reading, s.stopReading = context.WithCancelCause(s.working)
	s.mu.Unlock()
	if s.drained.Load() {
		s.interrupt(errDraining)
	}
	r.mu.Lock()
	helping := r.helping || r.server == nil
	r.mu.Unlock()
	if !helping {
		r.help(false)
	}
}
