package session

import (
	"bytes"
	"strings"

	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/effect"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// namespace holds the prepared statements of a client in transaction mode: their texts, by the client's names. On servers
// they have names of the pool's, and are made when they are needed.
//
// Parse and Close take effect at once, so that what follows in the same batch finds it so; what an error passes over is
// taken back when the server says that it is ready again.
type namespace struct {
	lender  *lender
	named   map[string]prepared
	bytes   int                 // of the texts in named
	bySQL   map[string]struct{} // names that PREPARE has given, on a connection that the session is bound to
	unnamed []byte              // the body of the Parse that made the unnamed statement; empty: there is none
	// unnamedEffects are its effects; unnamedHere: it is the linked connection's unnamed statement.
	unnamedEffects effect.Effects
	unnamedHere    bool
	changes        []change // oldest first; the first dropped ones have been answered
	dropped        int
	deallocating   []deallocation
}

// prepared is a prepared statement.
type prepared struct {
	text    pool.SharedText
	effects effect.Effects
	// indirect: the text names another statement of the client's, EXECUTE or DEALLOCATE, and is sent with the server's name.
	indirect bool
}

// change is a Parse or Close of the client's that the server has not answered yet.
type change struct {
	segment  uint64
	name     string
	before   prepared // what name stood for, if had
	had      bool
	kind     changeKind
	parsed   pool.SharedText // what the server was asked to parse for it; zero if nothing that others can know by
	emulated bool            // the server has the statement: Close was sent for it, to hold the place of the answer
}

type changeKind byte

const (
	changeNamed   changeKind = iota // a named statement is made or closed
	changeUnnamed                   // the unnamed statement is made or closed
	changeNone                      // a portal is closed
)

// statementBytesMax bounds the texts of one session's prepared statements.
const statementBytesMax = 64 << 20

// placeName is in no server: to close it does nothing, and is answered.
const placeName = pool.StatementPrefix + "place"

// parse queues a Parse.
func (n *namespace) parse(m wire.Message) {
	l := n.lender
	r := l.relay
	p, problem := wire.DecodeParse(m.Body)
	if problem != nil {
		n.forward(m, changeNone) // the server's to refuse
		return
	}
	effects := effect.Of(p.SQL)
	if err := l.admit(effects, p.SQL); err != nil {
		n.refuse(err)
		return
	}
	l.asks(p.SQL)
	l.learn(effects, p.SQL)
	l.forgetSequences(effects)
	if len(p.Name) == 0 {
		n.unnamed = append(emptied(n.unnamed), m.Body...)
		n.unnamedEffects, n.unnamedHere = effects, true
		if effects&(effect.Execute|effect.Deallocate) != 0 {
			p.SQL = []byte(n.direct(string(p.SQL)))
			r.server.ExpectParse()
			r.up.Out.ParseUnnamed(p)
			n.changes = append(n.changes, change{segment: r.server.AskedFor(), kind: changeUnnamed})
			return
		}
		n.forward(m, changeUnnamed)
		return
	}
	name := string(statementName(p.Name))
	_, exists := n.named[name]
	if _, bySQL := n.bySQL[name]; bySQL {
		exists = true
	}
	switch {
	case exists:
		if byte(r.status.Load()) == wire.StatusFailed && r.owed.count == 0 && !r.open {
			// The block has failed for certain: the server looks at that first, and takes no statement (25P02).
			r.up.Out.Parse(refusalName, "SELECT", nil)
			r.server.ExpectParse()
			return
		}
		n.refuse(duplicateStatement(p.Name))
		return
	case len(n.named) >= r.session.options.Limits.withDefaults().Statements, n.bytes+len(p.SQL) > statementBytesMax:
		n.refuse(sqlstate.New(sqlstate.ProgramLimitExceeded, "the session has too many prepared statements").
			WithHint("Deallocate those that are not needed any more."))
		return
	}
	made := prepared{text: pool.NewSharedText(p, l.scope()), effects: effects,
		indirect: effects&(effect.Execute|effect.Deallocate) != 0}
	n.put(name, made)
	// A failed transaction takes no new statement, and only the server can say so.
	failed := byte(r.status.Load()) == wire.StatusFailed
	_, sent := r.server.PrepareShared(n.textOf(made), true, failed)
	if !sent {
		r.up.Out.Close(wire.KindStatement, placeName)
		r.server.ExpectClose()
	}
	c := change{segment: r.server.AskedFor(), name: name, kind: changeNamed, emulated: !sent}
	if sent && !made.indirect {
		c.parsed = made.text
	}
	n.changes = append(n.changes, c)
}

// put gives a statement a name that is free.
func (n *namespace) put(name string, st prepared) {
	if n.named == nil {
		n.named = map[string]prepared{}
	}
	n.named[name] = st
	n.bytes += len(st.text.SQL())
}

// take frees a name, and returns what it stood for.
func (n *namespace) take(name string) (st prepared, had bool) {
	if st, had = n.named[name]; had {
		delete(n.named, name)
		n.bytes -= len(st.text.SQL())
	}
	return st, had
}

// parseAlone answers a Parse while nothing is linked, if some server has parsed the same text in the same scope: it would do so
// again. A client that prepares its statements takes no connection for that. It is false if a server has to be asked.
func (n *namespace) parseAlone(m wire.Message) bool {
	l := n.lender
	s := l.relay.session
	p, problem := wire.DecodeParse(m.Body)
	if problem != nil || len(p.Name) == 0 || effect.Of(p.SQL)&^effect.Unknown != 0 {
		return false
	}
	name := string(statementName(p.Name))
	_, exists := n.named[name]
	if exists || len(n.named) >= s.options.Limits.withDefaults().Statements || n.bytes+len(p.SQL) > statementBytesMax {
		return false
	}
	text := pool.NewSharedText(p, l.scope())
	if !s.database.scopes.parsed(text) {
		return false
	}
	n.put(name, prepared{text: text, effects: effect.Of(p.SQL)})
	s.conn.Out.ParseComplete()
	return true
}

// forward queues a Parse or Close as it is.
func (n *namespace) forward(m wire.Message, kind changeKind) {
	r := n.lender.relay
	r.up.Out.Forward(m)
	if m.Type == wire.TypeParse {
		r.server.ExpectParse()
	} else {
		r.server.ExpectClose()
	}
	n.changes = append(n.changes, change{segment: r.server.AskedFor(), kind: kind})
}

// admit refuses a text that names a prepared statement of the pool's: that is another client's. The words are PostgreSQL's for
// one that does not exist.
func (n *namespace) admit(text []byte) *sqlstate.Error {
	for _, found := range effect.StatementNames(text) {
		if _, own := n.named[found.Name]; !own && strings.HasPrefix(found.Name, pool.StatementPrefix) {
			return noStatement([]byte(found.Name))
		}
	}
	return nil
}

func noStatement(name []byte) *sqlstate.Error {
	return sqlstate.New(sqlstate.InvalidSQLStatementName, "prepared statement \"%s\" does not exist", name)
}

// refuse makes the server fail in a message's place.
func (n *namespace) refuse(err *sqlstate.Error) {
	n.lender.refuse(err)
	n.lender.relay.up.Out.BindRest(nil, refusalName, emptyBind[:])
}

// emptyBind is a Bind without values, behind its names.
var emptyBind = [6]byte{}

// bind queues a Bind, with the server's name of its statement.
func (n *namespace) bind(m wire.Message) {
	l := n.lender
	r := l.relay
	portal, name, rest, ok := wire.BindNames(m.Body)
	if !ok {
		r.up.Out.Forward(m) // the server's to refuse
		return
	}
	if len(name) == 0 {
		if !n.bringUnnamed() {
			return
		}
		l.effects |= n.unnamedEffects
		if n.unnamedEffects&effect.Deallocate != 0 {
			if p, problem := wire.DecodeParse(n.unnamed); problem == nil {
				n.deallocate(string(p.SQL))
			}
		}
		r.up.Out.Forward(m)
		return
	}
	st, exists := n.named[string(statementName(name))]
	if !exists {
		n.forwardUnknown(m, name)
		return
	}
	l.effects |= st.effects
	l.forgetSequences(st.effects)
	statement, _ := r.server.PrepareShared(n.textOf(st), false, false)
	if st.effects&effect.Deallocate != 0 {
		n.deallocate(st.text.SQL())
	}
	r.up.Out.BindRest(portal, statement.Name, rest)
}

// describe queues a Describe, with the server's name if it is of a statement.
func (n *namespace) describe(m wire.Message) {
	r := n.lender.relay
	kind, name, problem := wire.DecodeDescribe(m.Body)
	switch {
	case problem != nil || kind == wire.KindPortal:
		r.up.Out.Forward(m)
	case len(name) == 0:
		if n.bringUnnamed() {
			r.up.Out.Forward(m)
		}
	default:
		st, exists := n.named[string(statementName(name))]
		if !exists {
			n.forwardUnknown(m, name)
			return
		}
		statement, _ := r.server.PrepareShared(n.textOf(st), false, false)
		r.up.Out.Describe(wire.KindStatement, statement.Name)
	}
}

// close queues a Close. The server keeps the statement, for others.
func (n *namespace) close(m wire.Message) {
	r := n.lender.relay
	kind, name, problem := wire.DecodeClose(m.Body)
	switch {
	case problem != nil, kind == wire.KindPortal:
		n.forward(m, changeNone)
	case len(name) == 0:
		n.unnamed = n.unnamed[:0]
		n.forward(m, changeUnnamed)
	default:
		own := string(statementName(name))
		if _, bySQL := n.bySQL[own]; bySQL {
			delete(n.bySQL, own)
			n.forward(m, changeNone)
			return
		}
		before, had := n.take(own)
		r.up.Out.Close(wire.KindStatement, placeName)
		r.server.ExpectClose()
		n.changes = append(n.changes, change{segment: r.server.AskedFor(), name: own, before: before, had: had,
			kind: changeNamed})
	}
}

// forwardUnknown queues a message about a statement that does not exist: the server says so, unless it has one of that
// name for others.
func (n *namespace) forwardUnknown(m wire.Message, name []byte) {
	if bytes.HasPrefix(name, []byte(pool.StatementPrefix)) {
		n.refuse(noStatement(name))
		return
	}
	n.lender.relay.up.Out.Forward(m)
}

// bringUnnamed makes the client's unnamed statement that of the linked connection. If the client has none, the server is made
// to fail: its unnamed statement is another one's.
func (n *namespace) bringUnnamed() bool {
	if n.unnamedHere {
		return true
	}
	if len(n.unnamed) == 0 {
		n.refuse(sqlstate.New(sqlstate.InvalidSQLStatementName, "unnamed prepared statement does not exist"))
		return false
	}
	p, problem := wire.DecodeParse(n.unnamed)
	if problem != nil {
		n.refuse(problem)
		return false
	}
	n.unnamedHere = true
	if n.unnamedEffects&(effect.Execute|effect.Deallocate) != 0 {
		p.SQL = []byte(n.direct(string(p.SQL)))
	}
	n.lender.relay.server.ParseUnnamed(p)
	return true
}

// forgetUnnamed follows a Query, which drops the unnamed statement.
func (n *namespace) forgetUnnamed() {
	n.unnamed, n.unnamedHere = emptied(n.unnamed), false
}

// answered takes the answer to the oldest change. emulated says that the client waits for ParseComplete instead.
func (n *namespace) answered() (emulated bool) {
	pending := n.pending()
	if len(pending) == 0 {
		return false
	}
	c := &pending[0]
	if c.parsed != (pool.SharedText{}) {
		n.lender.relay.session.database.scopes.learn(c.parsed)
	}
	emulated = c.emulated
	n.drop(1)
	return emulated
}

// pending are the changes that the server has not answered yet.
func (n *namespace) pending() []change { return n.changes[n.dropped:] }

// drop takes out the oldest of pending. The others move when they are no more than half: a batch may be long.
func (n *namespace) drop(count int) {
	n.dropped += count
	if 2*n.dropped < len(n.changes) {
		return
	}
	kept := copy(n.changes, n.pending())
	clear(n.changes[kept:])
	n.changes, n.dropped = n.changes[:kept], 0
}

// passedOver takes back the changes that the server has passed over, after an error in a segment before the answered-th.
func (n *namespace) passedOver(answered uint64) {
	for len(n.deallocating) > 0 && n.deallocating[0].segment < answered {
		n.deallocating = n.deallocating[1:]
	}
	count, pending := 0, n.pending()
	for count < len(pending) && pending[count].segment < answered {
		count++
	}
	if count == 0 {
		return
	}
	for i := count - 1; i >= 0; i-- {
		n.undo(&pending[i], pending[count:])
	}
	n.drop(count)
}

// undo takes one change back. Those that came later stay.
func (n *namespace) undo(c *change, later []change) {
	switch c.kind {
	case changeUnnamed:
		n.unnamed, n.unnamedHere = n.unnamed[:0], false
	case changeNamed:
		for i := range later {
			if later[i].kind == changeNamed && later[i].name == c.name {
				later[i].before, later[i].had = c.before, c.had
				return
			}
		}
		n.take(c.name)
		if c.had {
			n.put(c.name, c.before)
		}
	}
}

// clear forgets all statements: DEALLOCATE ALL or DISCARD ALL has been done.
func (n *namespace) clear() {
	clear(n.named)
	clear(n.bySQL)
	n.bytes, n.unnamedHere = 0, false
}

// rewrite queues a text that names prepared statements of the client's, with the names that they have on the server: EXECUTE,
// EXPLAIN EXECUTE, CREATE TABLE AS EXECUTE, DEALLOCATE. It is false if the text is to go as it is.
func (n *namespace) rewrite(text []byte) bool {
	r := n.lender.relay
	if r.open {
		return false
	}
	var out []byte
	gone := map[string]bool{} // by a DEALLOCATE further ahead in the text
	at := 0
	for _, found := range effect.StatementNames(text) {
		st, exists := n.named[found.Name]
		if found.Verb == effect.Prepare || !exists || gone[found.Name] {
			if found.Verb == effect.Deallocate {
				n.deallocating = append(n.deallocating, deallocation{r.server.AskedFor(), ""})
			}
			continue
		}
		statement, made := r.server.PrepareShared(n.textOf(st), false, false)
		if made {
			r.up.Out.Sync()
			r.server.Asked()
			r.owed.sentHidden(preparing)
			n.lender.hide()
		}
		n.lender.effects |= st.effects
		out = append(append(out, text[at:found.Start]...), statement.Name...)
		at = found.End
		if found.Verb == effect.Deallocate {
			gone[found.Name] = true
			n.deallocating = append(n.deallocating, deallocation{r.server.AskedFor(), found.Name})
			r.server.Deallocating(statement)
		}
	}
	if at == 0 {
		return false
	}
	r.up.Out.QueryParts(out, "", text[at:])
	return true
}

// prepareBySQL takes note of the names that PREPARE gives. It is false if the client has a statement of such a name, and the
// server was made to fail.
func (n *namespace) prepareBySQL(text []byte) bool {
	for _, found := range effect.StatementNames(text) {
		if found.Verb != effect.Prepare {
			continue
		}
		name := string(statementName([]byte(found.Name)))
		if _, exists := n.named[name]; exists {
			n.lender.refuse(duplicateStatement([]byte(found.Name)))
			n.lender.relay.up.Out.Query(refusalName)
			return false
		}
		if n.bySQL == nil {
			n.bySQL = map[string]struct{}{}
		}
		n.bySQL[name] = struct{}{}
	}
	return true
}

func duplicateStatement(name []byte) *sqlstate.Error {
	return sqlstate.New(sqlstate.DuplicatePreparedStatement, "prepared statement \"%s\" already exists", name)
}

// textOf returns the text by which the linked server knows a statement.
func (n *namespace) textOf(st prepared) pool.SharedText {
	if !st.indirect {
		return st.text
	}
	return st.text.WithSQL(n.direct(st.text.SQL()))
}

// direct returns an EXECUTE or DEALLOCATE with the name that the statement has on the linked server, where it is made if it
// must be. What names no statement of the client's stays as it is.
func (n *namespace) direct(sql string) string {
	found, st, ok := n.target(sql)
	if !ok {
		return sql
	}
	statement, _ := n.lender.relay.server.PrepareShared(st.text, false, false)
	n.lender.effects |= st.effects
	return sql[:found.Start] + statement.Name + sql[found.End:]
}

// target finds the statement of the client's that the one statement of a text names.
func (n *namespace) target(sql string) (found effect.StatementName, st prepared, ok bool) {
	names := effect.StatementNames([]byte(sql))
	if len(names) != 1 {
		return found, st, false
	}
	found = names[0]
	st, ok = n.named[found.Name]
	return found, st, ok && !st.indirect
}

// deallocate takes note of a DEALLOCATE that is about to run.
func (n *namespace) deallocate(sql string) {
	r := n.lender.relay
	found, st, ok := n.target(sql)
	if !ok {
		n.deallocating = append(n.deallocating, deallocation{r.server.AskedFor(), ""})
		return
	}
	statement, _ := r.server.PrepareShared(st.text, false, false)
	n.deallocating = append(n.deallocating, deallocation{r.server.AskedFor(), found.Name})
	r.server.Deallocating(statement)
}

// statementName cuts a name as servers do, which keep names of at most 63 bytes (src/backend/commands/prepare.c,
// NAMEDATALEN).
func statementName(name []byte) []byte {
	const nameBytesMax = 63
	return name[:min(len(name), nameBytesMax)]
}

// deallocation is a DEALLOCATE that is under way.
type deallocation struct {
	segment uint64
	name    string // "" if it is none of Parse
}

// deallocated follows the success of the oldest DEALLOCATE of a statement that was made by Parse.
func (n *namespace) deallocated() {
	if len(n.deallocating) > 0 {
		n.take(n.deallocating[0].name)
		n.deallocating = n.deallocating[1:]
	}
}

// translate puts the client's names of statements in the place of the server's in the texts of an error.
func (n *namespace) translate(body []byte) []byte {
	gone := bytes.Contains(body, codeNoStatement)
	var out []byte
	for {
		at := bytes.Index(body, statementQuoted)
		if at < 0 {
			return append(out, body...)
		}
		end := at + len(statementQuoted)
		at = end - len(pool.StatementPrefix)
		for end < len(body) && body[end] >= '0' && body[end] <= '9' {
			end++
		}
		name := string(body[at:end])
		out = append(append(out, body[:at]...), n.clientName(name)...)
		if gone {
			n.lender.relay.server.Lost(name) // by something that was not seen: it is made again when it is needed
		}
		body = body[end:]
	}
}

// clientName returns what the client calls a statement of the server's; the server's name if it is not the client's.
func (n *namespace) clientName(name string) string {
	text, ok := n.lender.relay.server.TextOf(name)
	if !ok {
		return name
	}
	found := ""
	for own, st := range n.named {
		if st.text == text && (found == "" || own < found) {
			found = own
		}
	}
	if found == "" {
		return name
	}
	return found
}

// unsettled reports whether a message is about a name that is in doubt: something of an earlier segment decides what it stands
// for, and has not been answered.
func (n *namespace) unsettled(m wire.Message) bool {
	pending := n.pending()
	if len(pending) == 0 || pending[0].segment >= n.lender.relay.server.AskedFor() {
		return false
	}
	var name []byte
	switch m.Type {
	case wire.TypeParse:
		if p, problem := wire.DecodeParse(m.Body); problem == nil {
			name = p.Name
		}
	case wire.TypeBind:
		_, name, _, _ = wire.BindNames(m.Body)
	case wire.TypeDescribe:
		if kind, of, problem := wire.DecodeDescribe(m.Body); problem == nil && kind == wire.KindStatement {
			name = of
		}
	case wire.TypeClose:
		if kind, of, problem := wire.DecodeClose(m.Body); problem == nil && kind == wire.KindStatement {
			name = of
		}
	case wire.TypeQuery:
		return len(n.named) > 0 && n.namesAny(m)
	default:
		return false
	}
	for i := range pending {
		c := &pending[i]
		if c.segment >= n.lender.relay.server.AskedFor() {
			break
		}
		if c.kind == changeUnnamed && len(name) == 0 || c.kind == changeNamed && c.name == string(statementName(name)) {
			return true
		}
	}
	return false
}

// namesAny reports whether a Query is about prepared statements.
func (n *namespace) namesAny(m wire.Message) bool {
	text, problem := wire.DecodeQuery(m.Body)
	return problem == nil && effect.Of(text)&(effect.Prepare|effect.Execute|effect.Deallocate) != 0
}
