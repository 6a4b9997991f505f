package session

import (
	"sync"
	"sync/atomic"

	"github.com/portcullisdb/portcullis/gateway/wire"
)

// Traffic is what the clients of a database have done.
type Traffic struct {
	// Transactions have ended; implicit ones count. Statements are Query, Execute and FunctionCall messages.
	Transactions, Statements uint64
	BytesIn, BytesOut        uint64 // from clients, to clients
}

func (t *Traffic) add(s *Session) {
	in, out := s.conn.Traffic()
	t.Transactions += s.transactionCount.Load()
	t.Statements += s.statementCount.Load()
	t.BytesIn += in
	t.BytesOut += out
}

// Group is what sessions have in common that are counted together.
type Group struct{ Database, Mode, Phase string }

// Census counts the sessions that are there, and what all that have been there have done, by database. Databases without a
// session so far are not in it.
func (r *Registry) Census() (sessions map[Group]int, traffic map[string]Traffic) {
	sessions, traffic = map[Group]int{}, map[string]Traffic{}
	r.mu.Lock()
	defer r.mu.Unlock()
	for database, t := range r.done {
		traffic[database] = *t
	}
	for _, s := range r.list {
		group := s.group
		group.Phase = phase(s.activity.phase.Load()).String()
		sessions[group]++
		t := traffic[group.Database]
		t.add(s)
		traffic[group.Database] = t
	}
	return sessions, traffic
}

// keepTraffic adds up what a session has done that ends. mu is held.
func (r *Registry) keepTraffic(s *Session) {
	database := s.group.Database
	if r.done[database] == nil {
		r.done[database] = &Traffic{}
	}
	r.done[database].add(s)
}

// countStatement counts a message that asks for something to be run.
func (s *Session) countStatement(t wire.Type) {
	switch t {
	case wire.TypeQuery, wire.TypeExecute, wire.TypeFunctionCall:
		s.statementCount.Add(1)
	}
}

// groupOf says with which others a session is counted. It is asked once, when the session is entered in the registry.
func groupOf(s *Session) Group {
	g := Group{Database: s.database.Policy.Name, Mode: "session"}
	switch {
	case !s.database.Policy.Transparent():
		g.Mode = "protected"
	case s.database.Pooling.mode(s.state, s.user.Name) == ModeTransaction:
		g.Mode = "transaction"
	}
	return g
}

// refusedRulesMax bounds the rules that are counted apart. They are words of the planner, of which there are fewer.
const refusedRulesMax = 200

// counts are events of sessions, by kinds. It may be used concurrently.
type counts struct {
	accepted, failed, cancels atomic.Uint64

	mu       sync.Mutex
	refusals map[string]uint64 // by rule
}

// Counts are the events of all sessions since the start.
type Counts struct {
	LoginsAccepted, LoginsFailed uint64
	Cancels                      uint64            // requests that were looked at
	Refusals                     map[string]uint64 // of statements, by rule; "" is forbidden without a rule
}

// Counts returns what sessions have done since the start.
func (r *Registry) Counts() Counts {
	c := Counts{LoginsAccepted: r.counts.accepted.Load(), LoginsFailed: r.counts.failed.Load(), Cancels: r.counts.cancels.Load(),
		Refusals: map[string]uint64{}}
	r.counts.mu.Lock()
	defer r.counts.mu.Unlock()
	for rule, n := range r.counts.refusals {
		c.Refusals[rule] = n
	}
	return c
}

// refusal counts a refusal of a statement.
func (c *counts) refusal(rule string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusals == nil {
		c.refusals = map[string]uint64{}
	}
	if _, known := c.refusals[rule]; !known && len(c.refusals) >= refusedRulesMax {
		rule = "other"
	}
	c.refusals[rule]++
}
