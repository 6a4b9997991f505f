package session

import (
	"bytes"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/effect"
)

// scopes is a count of a database from which the scopes of its sessions' prepared statements are made. It begins with the
// time, because server connections, and the statements on them, outlive a reload of the configuration. The zero scopes is
// ready; it may be used concurrently.
type scopes struct {
	count atomic.Uint64

	mu    sync.Mutex
	texts map[pool.SharedText]struct{} // that some server has parsed
}

// textsMax is the number of texts that are remembered as parsed. When there are more, all are forgotten.
const textsMax = 4096

// learn takes note that a server has parsed a text.
func (c *scopes) learn(text pool.SharedText) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.texts == nil || len(c.texts) >= textsMax {
		c.texts = map[pool.SharedText]struct{}{}
	}
	c.texts[text] = struct{}{}
}

// parsed reports whether some server has parsed a text, in the scope that is part of it.
func (c *scopes) parsed(text pool.SharedText) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.texts[text]
	return ok
}

// next counts: what was parsed before is in another scope than what is parsed from now on.
func (c *scopes) next(clock func() time.Time) uint64 {
	c.now(clock)
	return c.count.Add(1)
}

// now returns the count.
func (c *scopes) now(clock func() time.Time) uint64 {
	if n := c.count.Load(); n != 0 {
		return n
	}
	c.count.CompareAndSwap(0, uint64(clock().UnixNano()))
	return c.count.Load()
}

// scopeWatch follows one session for the scopes of its prepared statements: statements that were parsed before the schema
// was changed, or under other settings, are not what a Parse of the same text would make now.
type scopeWatch struct {
	of       *pool.Settings // that settings was made of
	settings string
	// local: something was set in the open transaction, perhaps for its length only, so that the session's snapshot of
	// settings says too little. Only the reader of the server's messages sets it.
	local atomic.Bool
	// asked is the segment after that of the last text that sets something, 0 if it has been answered. The relay's mu guards
	// it.
	asked uint64
	// altered: the schema was changed in the open transaction. Only the reader of the server's messages uses it.
	altered bool
}

// scope is that of a statement that is parsed now. mu is held.
func (l *lender) scope() pool.Scope {
	s := l.relay.session
	w := &l.watch
	if w.local.Load() || w.asked != 0 || l.effects&(effect.Settings|effect.Role) != 0 {
		return pool.Scope{Own: s.database.scopes.next(s.options.Clock)}
	}
	if w.of != l.settings {
		w.of, w.settings = l.settings, ""
		if l.settings != nil {
			values := maps.Clone(l.settings.Values)
			for _, name := range scopeless {
				delete(values, name)
			}
			w.settings = settingsKey(values)
		}
		if s.database.Pooling.Backend == BackendClientKeys {
			w.settings += s.user.Name // who may use which schema is judged when a text is parsed
		}
	}
	return pool.Scope{Schema: s.database.scopes.now(s.options.Clock), Settings: w.settings}
}

// scopeless are settings that clients have of their own and that no statement's meaning depends on.
var scopeless = []string{"application_name", "client_min_messages", "extra_float_digits", "idle_in_transaction_session_timeout",
	"idle_session_timeout", "lock_timeout", "statement_timeout", "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_user_timeout"}

// schemaChanged counts a change of the schema.
func (l *lender) schemaChanged() {
	s := l.relay.session
	s.database.scopes.next(s.options.Clock)
}

// asks takes note of a text that is sent: the next Parse may come before the answer to it. mu is held.
func (l *lender) asks(text []byte) {
	const set = "set"
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) > len(set) && bytes.EqualFold(text[:len(set)], []byte(set)) {
		l.watch.asked = l.relay.server.AskedFor() + 1
	}
}

// Beginnings of command tags (src/include/tcop/cmdtaglist.h).
var (
	tagSet     = []byte("SET\x00")
	tagsSchema = [][]byte{[]byte("ALTER "), []byte("CREATE "), []byte("DROP "), []byte("DO\x00")} // a DO block may do any of them
)

// completed follows a command's tag.
func (l *lender) completed(tag []byte) {
	switch tag[0] {
	case 'S':
		if bytes.Equal(tag, tagSet) {
			l.watch.local.Store(true)
		}
	case 'A', 'C', 'D':
		for _, t := range tagsSchema {
			if bytes.HasPrefix(tag, t) {
				// The session itself sees the change now, others when it is committed.
				l.schemaChanged()
				l.watch.altered = true
				return
			}
		}
	}
}

// rested follows ReadyForQuery. mu is held.
func (l *lender) rested(status byte) {
	if l.watch.asked != 0 && l.watch.asked <= l.relay.server.Answered() {
		l.watch.asked = 0
	}
	if status != wire.StatusIdle {
		return
	}
	if l.watch.altered {
		l.schemaChanged()
		l.watch.altered = false
	}
	l.watch.local.Store(false)
}

// stale follows an error. One that says that a prepared statement does not fit the schema any more tells of a change that was
// not seen: made past the gateway, or by a function.
func (l *lender) stale(report []byte) {
	if bytes.Contains(report, routineRevalidate) || bytes.Contains(report, codeInternal) {
		l.schemaChanged()
	}
}

var (
	routineRevalidate = []byte("\x00RRevalidateCachedQuery\x00") // 0A000, src/backend/utils/cache/plancache.c
	codeInternal      = []byte("\x00CXX000\x00")                 // "cache lookup failed for type 16421"
)
