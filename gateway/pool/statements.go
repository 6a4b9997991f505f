package pool

import (
	"encoding/binary"
	"fmt"

	"github.com/portcullisdb/portcullis/gateway/wire"
)

// StatementsMaxDefault is the number of prepared statements that a Server keeps unless Config says another one.
const StatementsMaxDefault = 256

// StatementPrefix begins the names of the statements that Prepare makes.
const StatementPrefix = "portcullis_"

// Statement is one prepared statement on one Server, valid until the next Prepare.
type Statement struct {
	Name string
	// Described and Fields are the caller's: what it has learnt of the statement's result, and checked.
	Described bool
	Fields    []wire.Field

	key          string     // of Prepare; or
	text         SharedText // of PrepareShared
	state        statementState
	segment      uint64     // of the Parse
	older, newer *Statement // by last use
}

type statementState int

const (
	statementAsked statementState = iota // Parse is sent, nothing is known yet
	statementReady                       // ParseComplete has come
)

// Prepare returns the statement that the server keeps for a text and its declared parameter types. If there is none, it
// appends Parse, and Close for the one that was used least recently if there are too many; their answers are consumed by
// Read. If the Parse fails, the error comes in the place of the answers to what follows it, and the statement is
// forgotten. Call it for each execution: it knows what errors and evictions have left.
func (s *Server) Prepare(sql string, paramOIDs []uint32) *Statement {
	return s.statements.prepare(&s.conn.Out, sql, paramOIDs)
}

// Forget drops a statement, after the server has said that it cannot be used any more: the next Prepare makes it anew.
func (s *Server) Forget(statement *Statement) { s.statements.forget(statement) }

// statements follows what a server knows of prepared statements. The server passes over messages after an error, up to
// the next Sync, and answers nothing to them. So what is asked is kept in order, with the segment, the stretch between
// two requests for ReadyForQuery, in which it was asked; ReadyForQuery tells that what is left of its segment was passed
// over.
type statements struct {
	max      int
	serial   uint64
	byKey    map[string]*Statement
	byText   map[SharedText]*Statement
	kept     int // in byKey and byText
	oldest   *Statement
	newest   *Statement
	scratch  []byte
	expected []expectation // oldest first; the first dropped ones are behind us
	dropped  int
	// forgotten are names of statements that the server may have and nobody will use: to be closed.
	forgotten []string
	// asked and answered count requests for ReadyForQuery, and ReadyForQuery messages.
	asked, answered uint64
}

// expectation is a ParseComplete or CloseComplete to come.
type expectation struct {
	kind      byte       // wire.TypeParseComplete or wire.TypeCloseComplete
	segment   uint64     // value of asked when it was sent
	statement *Statement // of a Parse of ours
	pass      bool       // the client waits for the answer to that Parse too
	hidden    bool       // it is nobody's: ParseUnnamed
	name      string     // of a Close of ours
}

func newStatements(limit int) statements {
	if limit <= 0 {
		limit = StatementsMaxDefault
	}
	return statements{max: limit, byKey: map[string]*Statement{}, byText: map[SharedText]*Statement{}}
}

func (l *statements) prepare(out *wire.Output, sql string, paramOIDs []uint32) *Statement {
	l.scratch = binary.BigEndian.AppendUint32(l.scratch[:0], uint32(len(paramOIDs)))
	for _, oid := range paramOIDs {
		l.scratch = binary.BigEndian.AppendUint32(l.scratch, oid)
	}
	l.scratch = append(l.scratch, sql...)
	if s, ok := l.byKey[string(l.scratch)]; ok {
		// A Parse of an earlier segment that is not answered yet may still fail, and what is asked now would not be
		// passed over with it.
		if s.state == statementReady || s.segment == l.asked {
			l.touch(s)
			return s
		}
		l.forget(s)
	}
	s := &Statement{key: string(l.scratch)}
	l.byKey[s.key] = s
	l.make(out, s, false)
	out.Parse(s.Name, sql, paramOIDs)
	return s
}

// make names a new statement and makes room for it.
func (l *statements) make(out *wire.Output, s *Statement, pass bool) {
	l.closeForgotten(out)
	for l.kept >= l.max {
		evicted := l.oldest
		l.remove(evicted)
		l.expectClose(evicted.Name)
		out.Close(wire.KindStatement, evicted.Name)
	}
	l.serial++
	s.Name, s.segment = fmt.Sprintf("%s%d", StatementPrefix, l.serial), l.asked
	l.kept++
	l.push(s)
	l.expected = append(l.expected, expectation{kind: wire.TypeParseComplete, segment: l.asked, statement: s, pass: pass})
}

// keeps reports whether s is still in the table.
func (l *statements) keeps(s *Statement) bool {
	if s.text != (SharedText{}) {
		return l.byText[s.text] == s
	}
	return l.byKey[s.key] == s
}

// forget takes s out; if the server has it or may come to have it, it is closed later.
func (l *statements) forget(s *Statement) {
	if !l.keeps(s) {
		return
	}
	l.remove(s)
	if s.state == statementReady {
		l.forgotten = append(l.forgotten, s.Name)
	} // else parsed will find that nobody keeps it
}

func (l *statements) closeForgotten(out *wire.Output) {
	for _, name := range l.forgotten {
		l.expectClose(name)
		out.Close(wire.KindStatement, name)
	}
	l.forgotten = l.forgotten[:0]
}

func (l *statements) expectParse(s *Statement) {
	l.expected = append(l.expected, expectation{kind: wire.TypeParseComplete, segment: l.asked, statement: s})
}

func (l *statements) expectClose(name string) {
	l.expected = append(l.expected, expectation{kind: wire.TypeCloseComplete, segment: l.asked, name: name})
}

// parsed takes note of a ParseComplete; own is false if it belongs to a client's Parse.
func (l *statements) parsed() (own bool, err error) {
	e, err := l.next(wire.TypeParseComplete)
	if err != nil || e.statement == nil {
		return e.hidden, err
	}
	e.statement.state = statementReady
	if !l.keeps(e.statement) && !l.closing(e.statement.Name) {
		l.forgotten = append(l.forgotten, e.statement.Name)
	}
	return !e.pass, nil
}

// closed takes note of a CloseComplete; own is false if it belongs to a client's Close.
func (l *statements) closed() (own bool, err error) {
	e, err := l.next(wire.TypeCloseComplete)
	return e.name != "", err
}

// ready takes note of a ReadyForQuery: what was asked before and not answered was passed over.
func (l *statements) ready() error {
	if l.answered == l.asked {
		return ErrDesynchronised
	}
	segment := l.answered
	l.answered++
	done, pending := 0, l.pending()
	for ; done < len(pending) && pending[done].segment <= segment; done++ {
		switch e := pending[done]; {
		case e.statement != nil:
			if l.keeps(e.statement) {
				l.remove(e.statement)
			}
		case e.name != "":
			l.forgotten = append(l.forgotten, e.name)
		}
	}
	l.drop(done)
	return nil
}

func (l *statements) next(kind byte) (expectation, error) {
	pending := l.pending()
	if len(pending) == 0 || pending[0].kind != kind {
		return expectation{}, ErrDesynchronised
	}
	e := pending[0]
	l.drop(1)
	return e, nil
}

func (l *statements) pending() []expectation { return l.expected[l.dropped:] }

// drop takes out the n oldest of pending. The others move when they are no more than half: a batch may be long.
func (l *statements) drop(n int) {
	l.dropped += n
	if 2*l.dropped < len(l.expected) {
		return
	}
	kept := copy(l.expected, l.pending())
	clear(l.expected[kept:])
	l.expected, l.dropped = l.expected[:kept], 0
}

func (l *statements) closing(name string) bool {
	for _, e := range l.pending() {
		if e.name == name {
			return true
		}
	}
	return false
}

func (l *statements) touch(s *Statement) {
	if l.newest != s {
		l.unlink(s)
		l.push(s)
	}
}

func (l *statements) push(s *Statement) {
	s.older, s.newer = l.newest, nil
	if l.newest != nil {
		l.newest.newer = s
	} else {
		l.oldest = s
	}
	l.newest = s
}

func (l *statements) unlink(s *Statement) {
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		l.oldest = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		l.newest = s.older
	}
}

func (l *statements) remove(s *Statement) {
	l.unlink(s)
	l.kept--
	if s.text != (SharedText{}) {
		delete(l.byText, s.text)
	} else {
		delete(l.byKey, s.key)
	}
}

// clear forgets everything: the server has dropped all of its statements.
func (l *statements) clear() {
	clear(l.byKey)
	clear(l.byText)
	l.kept, l.oldest, l.newest, l.forgotten = 0, nil, nil, nil
}
