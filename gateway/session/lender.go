package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/effect"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// lender is what the relay of transaction mode knows beside that of session mode: what belongs to the client and has to be
// there on whichever connection it gets. The client's settings are a snapshot that is put on a connection when it is linked.
// Its prepared statements have names of the gateway's on servers, and are made there when they are used. What cannot be
// carried pins the connection to the session.
//
// A lender is guarded by the relay's mu, but for what only the reader of the server's messages uses.
type lender struct {
	relay    *relay
	settings *pool.Settings // what the session has set; nil is nothing
	startup  *pool.Settings // what it asked for at its start; RESET returns to that
	custom   []string       // names of settings that pg_settings may not list

	held     bool           // the connection is the session's for good: session mode
	stranger bool           // the connection was another session's before
	effects  effect.Effects // of what was sent since the connection was last known to be clean
	pins     effect.Effects // what is on the connection that cannot be carried; 0 is nothing

	statements namespace
	watch      scopeWatch
	refusals   []refusal

	hides   atomic.Uint32   // barriers.hides, for the reader
	failure *sqlstate.Error // of what link has sent
	changed []changedParameter
}

// changedParameter is a setting that the server has reported since the client was told last.
type changedParameter struct{ name, before string }

// refusal is an error of the gateway's own in a pipeline. The server is made to fail in its place, so that all that follows
// from an error follows; and its error is replaced.
type refusal struct {
	segment uint64
	err     *sqlstate.Error
}

// refusalName stands where the server is to fail. It is in no other message of ours.
const refusalName = pool.StatementPrefix + "refusal"

func newLender(r *relay, held bool) *lender {
	l := &lender{relay: r, held: held}
	l.statements.lender = l
	return l
}

// parameters returns what the client is told at its start. It is known of an earlier session that started with the same
// parameters, or else a server is asked, which also judges them.
func (l *lender) parameters() ([]pool.Parameter, *sqlstate.Error) {
	s := l.relay.session
	startup, err := l.startupSettings()
	if err != nil {
		return nil, err
	}
	settings := s.database.welcomes.share(startup)
	l.startup, l.settings = settings, settings
	// Where each client is another user of the server's, it is told other things.
	shared := s.database.Pooling.Backend != BackendClientKeys
	if known := s.database.welcomes.find(settings); known != nil && shared && !l.held {
		return known, nil
	}
	if err := l.link(); err != nil {
		return nil, err
	}
	if err := l.ask(); err != nil {
		l.relay.discard()
		s.log.Error("could not connect", "datasource", s.database.Policy.Datasources[0], "error", err)
		return nil, connectionGone(s.database.Policy.Datasources[0])
	}
	if l.failure != nil {
		l.relay.discard()
		return nil, l.failure
	}
	parameters := reported(l.relay.server)
	if shared {
		s.database.welcomes.keep(settings, parameters)
	}
	if l.held {
		s.options.Registry.adopt(s, l.relay.server.PID())
	} else if l.pins == 0 {
		l.give()
	}
	return parameters, nil
}

// startupSettings reads the startup packet as settings, by names in lower case.
func (l *lender) startupSettings() (map[string]string, *sqlstate.Error) {
	s := l.relay.session
	values := map[string]string{}
	set := func(name, value string) *sqlstate.Error {
		values[strings.ToLower(name)] = value
		return nil
	}
	if err := parseOptions(s.startup.Parameters["options"], set); err != nil {
		return nil, err
	}
	for name, value := range s.startup.Parameters {
		if name != "options" && name != "replication" {
			_ = set(name, value)
		}
	}
	if role := s.database.Pooling.role(s.user.Name); role != "" {
		values[settingRole] = role
	}
	if conforming, ok := boolean(values[settingStrings]); ok && conforming == "off" || !readable(values) {
		if s.database.Pooling.RefuseState && !l.held {
			return nil, cannotKeep()
		}
		l.pins = effect.Settings // what its statements do cannot be read
	}
	return values, nil
}

// Settings that are treated on their own.
const (
	settingRole     = "role"
	settingEncoding = "client_encoding"
	settingPath     = "search_path"
	settingStrings  = "standard_conforming_strings"
)

// link takes a connection from the pool and queues what makes it the session's.
func (l *lender) link() *sqlstate.Error {
	r := l.relay
	if err := r.acquire(); err != nil {
		return err
	}
	server := r.server
	l.failure, l.changed, l.statements.unnamedHere = nil, l.changed[:0], false
	l.hides.Store(0)
	l.stranger = server.LastSession != r.session.serial
	server.LastSession = r.session.serial
	r.session.busy.Store(true)
	l.apply()
	return nil
}

// command queues a statement of the gateway's own, whose answers are for nobody.
func (l *lender) command(sql string) {
	r := l.relay
	r.up.Out.Query(sql)
	r.server.Asked()
	r.owed.sentHidden(settingUp)
	l.hide()
}

// hide tells the reader whom the next answers are for. mu is held.
func (l *lender) hide() { l.hides.Store(uint32(l.relay.owed.hides())) }

// hiding returns what of the gateway's own the server answers now, 0 if it answers the client.
func (l *lender) hiding() byte { return byte(l.hides.Load()) }

// ask sends what is queued and reads the answers to commands.
func (l *lender) ask() error {
	r := l.relay
	ctx, cancel := context.WithTimeout(r.session.working, r.session.options.Limits.withDefaults().ConnectTimeout)
	defer cancel()
	if err := r.up.Flush(ctx); err != nil {
		return err
	}
	for r.owed.count > 0 {
		m, err := r.up.Read(ctx)
		if err != nil {
			return err
		}
		if _, err := l.note(m); err != nil {
			return err
		}
	}
	return nil
}

// note takes note of a message of the server's and reports whether it is hidden from the client, because it belongs to
// something of the gateway's own. mu is held.
func (l *lender) note(m wire.Message) (hidden bool, err error) {
	r := l.relay
	hides := l.hiding()
	if m.Type == wire.TypeParameterStatus && hides == 0 {
		l.change(m)
	}
	own, err := r.server.Note(m)
	if err != nil || own {
		return own, err
	}
	switch m.Type {
	case wire.TypeReadyForQuery:
		if !r.owed.ready() {
			return false, errDesynchronised
		}
		l.hide()
	case wire.TypeErrorResponse:
		if report, problem := wire.DecodeReport(m.Body); hides == settingUp && problem == nil && l.failure == nil {
			l.failure = report.SQLState()
		}
	case wire.TypeNotificationResponse:
		return false, nil
	}
	return hides != 0, nil
}

// change takes note of a setting that the server reports, before its value is replaced.
func (l *lender) change(m wire.Message) {
	name, _, problem := wire.DecodeParameterStatus(m.Body)
	known := func(c changedParameter) bool { return c.name == name }
	if problem == nil && !slices.ContainsFunc(l.changed, known) {
		l.changed = append(l.changed, changedParameter{name, l.relay.server.Parameter(name)})
	}
}

// report tells the client what has changed in the end, as servers do before ReadyForQuery: what was reset to a value that is
// not the client's, and put right, has not changed. mu is held.
func (l *lender) report() {
	r := l.relay
	if len(l.changed) == 0 || r.server == nil {
		return
	}
	for _, c := range l.changed {
		if value := r.server.Parameter(c.name); value != c.before {
			r.session.conn.Out.ParameterStatus(c.name, value)
		}
	}
	l.changed = l.changed[:0]
}

// give lets go of the connection: it goes back to the pool as it is, with the session's settings on it. mu is held, or
// nobody else is there yet.
func (l *lender) give() {
	r := l.relay
	r.session.busy.Store(false)
	r.pool.Release(r.unlink())
}

// forward queues a client's message. mu is held.
func (l *lender) forward(m wire.Message) {
	r := l.relay
	if r.owed.copying {
		r.up.Out.Forward(m)
		if r.owed.sent(m.Type, r.open) {
			r.server.Asked()
		}
		return
	}
	switch m.Type {
	case wire.TypeQuery:
		l.query(m)
	case wire.TypeParse:
		l.statements.parse(m)
	case wire.TypeBind:
		l.statements.bind(m)
	case wire.TypeDescribe:
		l.statements.describe(m)
	case wire.TypeClose:
		l.statements.close(m)
	case wire.TypeFunctionCall:
		l.functionCall(m)
	default:
		r.up.Out.Forward(m)
	}
	if r.owed.sent(m.Type, r.open) {
		r.server.Asked()
	}
}

// functionCall queues a FunctionCall. It names its function by a number, and so nobody sees which it is.
func (l *lender) functionCall(m wire.Message) {
	if l.relay.session.database.Pooling.Backend == BackendSetRole {
		l.refuse(roleIsFixed())
		l.relay.up.Out.Query(refusalName)
		return
	}
	l.effects |= effect.Unknown
	l.relay.up.Out.Forward(m)
}

// query queues a Query.
func (l *lender) query(m wire.Message) {
	l.statements.forgetUnnamed()
	text, problem := wire.DecodeQuery(m.Body)
	if problem != nil {
		l.relay.up.Out.Forward(m) // the server's to refuse
		return
	}
	effects := effect.Of(text)
	if err := l.admit(effects, text); err != nil {
		l.refuse(err)
		l.relay.up.Out.Query(refusalName)
		return
	}
	l.asks(text)
	l.learn(effects, text)
	l.effects |= effects
	l.forgetSequences(effects)
	if effects&effect.Prepare != 0 && !l.statements.prepareBySQL(text) {
		return
	}
	if effects&(effect.Execute|effect.Deallocate) != 0 && l.statements.rewrite(text) {
		return
	}
	l.relay.up.Out.Forward(m)
}

// admit refuses what may not be sent.
func (l *lender) admit(effects effect.Effects, text []byte) *sqlstate.Error {
	pooling := &l.relay.session.database.Pooling
	if pooling.RefuseState {
		for _, p := range pinReasons {
			if effects&p.effect != 0 {
				return sqlstate.New(sqlstate.FeatureNotSupported, "%s cannot be used in transaction mode", p.what).
					WithRule("session-state").WithHint(hintState)
			}
		}
	}
	if pooling.Backend == BackendSetRole && effects&effect.Role != 0 && changesRole(effects, text) {
		return roleIsFixed()
	}
	if effects&(effect.Prepare|effect.Execute|effect.Deallocate) != 0 {
		return l.statements.admit(text)
	}
	return nil
}

func roleIsFixed() *sqlstate.Error {
	return sqlstate.New(sqlstate.InsufficientPrivilege, "the role of the session cannot be changed").
		WithRule("set-role").WithHint("Each client has the role of its own name here.")
}

// changesRole reports whether a text that might change the role names it, or hides what it names.
func changesRole(effects effect.Effects, text []byte) bool {
	names, known := effect.SettingNames(text)
	return !known || effects&effect.Discard != 0 || slices.ContainsFunc(names, func(name string) bool {
		return strings.EqualFold(name, settingRole) || strings.EqualFold(name, "session_authorization")
	}) || bytes.Contains(bytes.ToLower(text), []byte("authorization"))
}

// pinReasons are what binds a session to a connection, and what it is called.
var pinReasons = []struct {
	effect effect.Effects
	name   string // in the probe's answer
	what   string
}{
	{effect.Listen, "listen", "LISTEN"},
	{effect.Temporary, "temporary", "a temporary table"},
	{effect.Hold, "hold", "a cursor WITH HOLD"},
	{effect.Advisory, "advisory", "an advisory lock of the session"},
	{effect.Prepare, "prepared", "PREPARE by SQL"},
}

// learn takes note of the settings that a text names.
func (l *lender) learn(effects effect.Effects, text []byte) {
	if effects&effect.Settings == 0 {
		return
	}
	names, known := effect.SettingNames(text)
	for _, name := range names {
		if name = strings.ToLower(name); strings.Contains(name, ".") && !slices.Contains(l.custom, name) {
			l.custom = append(l.custom, name)
		}
	}
	if !known || len(l.custom) > customMax {
		l.pins |= effect.Settings // what is set is not known by name, so it cannot be asked for
	}
}

// forgetSequences drops what the connection knows of the sequences that another session has drawn from, before currval or
// lastval is asked first thing, or the connection comes to stay. Later it would drop what the session has drawn itself.
func (l *lender) forgetSequences(effects effect.Effects) {
	r := l.relay
	if effects&(effect.Sequences|effect.Pin) != 0 && l.stranger && !r.open && r.owed.hides() == 0 && r.owed.count == 0 &&
		byte(r.status.Load()) == wire.StatusIdle {
		l.command("DISCARD SEQUENCES")
		l.stranger = false
	}
}

// customMax is the number of settings with names of their own ("app.user") that a session can carry with it.
const customMax = 100

// refuse queues the gateway's own error. What makes the server fail has to be queued with it.
func (l *lender) refuse(err *sqlstate.Error) {
	l.refusals = append(l.refusals, refusal{l.relay.server.AskedFor(), err})
}

// pass queues a message of the server's for the client, unless it is the gateway's own affair.
func (l *lender) pass(m wire.Message) error {
	r := l.relay
	switch m.Type {
	case wire.TypeParseComplete, wire.TypeCloseComplete, wire.TypeErrorResponse, wire.TypeParameterStatus:
		r.mu.Lock()
		defer r.mu.Unlock()
		hidden, err := l.note(m)
		if hidden || err != nil {
			return err
		}
		switch m.Type {
		case wire.TypeErrorResponse:
			l.passError(m)
			return nil
		case wire.TypeParameterStatus:
			if r.owed.count == 0 { // nobody asked: the server's configuration was reloaded
				l.report()
			}
			return nil
		case wire.TypeParseComplete, wire.TypeCloseComplete:
			if emulated := l.statements.answered(); emulated {
				r.session.conn.Out.ParseComplete()
				return nil
			}
		}
	case wire.TypeNotificationResponse:
		l.notify(m)
		return nil
	default:
		if l.hiding() != 0 {
			return nil
		}
		if m.Type == wire.TypeCommandComplete && len(m.Body) > 0 {
			l.completed(m.Body)
			if bytes.HasPrefix(m.Body, tagD) {
				l.dropped(m.Body)
			}
		}
	}
	r.session.conn.Out.Forward(m)
	return nil
}

// dropped follows a command that has dropped prepared statements.
func (l *lender) dropped(tag []byte) {
	r := l.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case bytes.Equal(tag, tagDiscardAll), bytes.Equal(tag, tagDeallocateAll):
		r.server.DroppedStatements()
		l.statements.clear()
	case bytes.Equal(tag, tagDeallocate):
		l.statements.deallocated()
	}
}

// notify passes a notification on. One that comes from the session itself names the process id that the client knows.
func (l *lender) notify(m wire.Message) {
	s := l.relay.session
	if len(m.Body) >= 4 && binary.BigEndian.Uint32(m.Body) == s.linked.PID() {
		binary.BigEndian.PutUint32(m.Body, s.pid)
	}
	s.conn.Out.Forward(m)
}

var (
	tagD             = []byte("D")
	tagDiscardAll    = []byte("DISCARD ALL\x00")
	tagDeallocateAll = []byte("DEALLOCATE ALL\x00")
	tagDeallocate    = []byte("DEALLOCATE\x00")
)

// passError passes an error on, the gateway's own in place of the one that it has brought about.
func (l *lender) passError(m wire.Message) {
	r := l.relay
	out := &r.session.conn.Out
	l.stale(m.Body)
	switch {
	case len(l.refusals) > 0 && bytes.Contains(m.Body, []byte(refusalName)):
		out.ErrorResponse(wire.SeverityError, l.refusals[0].err)
		l.refusals = l.refusals[1:]
	case r.session.overdue.Load() && r.passOverdue(m):
	case bytes.Contains(m.Body, statementQuoted):
		out.Forward(wire.Message{Type: m.Type, Body: l.statements.translate(m.Body)})
	default:
		out.Forward(m)
	}
}

// statementQuoted is how servers name a prepared statement of the pool's in an error; codeNoStatement tells that it is not there.
var (
	statementQuoted = []byte(`statement "` + pool.StatementPrefix)
	codeNoStatement = []byte("\x00C" + "26000\x00")
)

// ready takes note of ReadyForQuery. mu is held.
func (l *lender) ready(m wire.Message) (hidden bool, err error) {
	if hidden, err = l.note(m); err != nil {
		return hidden, err
	}
	if l.failure != nil {
		return true, l.failure
	}
	if len(m.Body) > 0 && !hidden {
		l.rested(m.Body[0])
	}
	answered := l.relay.server.Answered()
	l.statements.passedOver(answered)
	for len(l.refusals) > 0 && l.refusals[0].segment < answered {
		l.refusals = l.refusals[1:]
	}
	return hidden, nil
}

// rest gives the connection back, unless something is on it that has to stay. mu is held.
func (l *lender) rest() error {
	if err := l.look(); err != nil {
		return err
	}
	l.report()
	if l.pins == 0 && !l.held {
		l.give()
	}
	return nil
}

// look finds out what the session has left on the connection, if what it has done may have left something. mu is held.
func (l *lender) look() error {
	if l.effects&effect.State != 0 || l.pins != 0 && l.effects&effect.Clean != 0 {
		if err := l.settle(); err != nil {
			return err
		}
	}
	l.effects, l.stranger = 0, false
	return nil
}
