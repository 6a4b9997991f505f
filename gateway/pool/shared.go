package pool

import (
	"encoding/binary"
	"unique"

	"github.com/portcullisdb/portcullis/gateway/wire"
)

// SharedText is the text of a statement with its declared parameter types, and the scope in which it was prepared. Equal
// ones are one object, which many sessions can hold: to compare two is to compare pointers. The zero SharedText is none.
type SharedText struct{ handle unique.Handle[statementText] }

type statementText struct {
	sql, oids string
	scope     Scope
}

// Scope is what beside its text decides what a statement is when it is parsed. A server looks names up, and reads constants
// such as '2020-01-01'::timestamptz, only then; a statement that was parsed in one scope is not to be had in another.
type Scope struct {
	Schema   uint64 // another one whenever the schema may have changed
	Settings string // those of the session, in any form
	Own      uint64 // 0; or a number that no other scope has: the statement is not shared
}

// NewSharedText returns the text of a Parse message. Whatever is not kept by anybody is freed in time.
func NewSharedText(m wire.Parse, scope Scope) SharedText {
	return SharedText{unique.Make(statementText{string(m.SQL), string(m.OIDs()), scope})}
}

// WithSQL returns the text with other words.
func (t SharedText) WithSQL(sql string) SharedText {
	text := t.handle.Value()
	text.sql = sql
	return SharedText{unique.Make(text)}
}

// SQL returns the statement.
func (t SharedText) SQL() string { return t.handle.Value().sql }

// OIDs returns the declared parameter types.
func (t SharedText) OIDs() []uint32 {
	packed := t.handle.Value().oids
	oids := make([]uint32, 0, len(packed)/4)
	for ; len(packed) >= 4; packed = packed[4:] {
		oids = append(oids, binary.BigEndian.Uint32([]byte(packed[:4])))
	}
	return oids
}

// PrepareShared is Prepare for a text that many sessions have. made reports that Parse was appended; with pass its
// ParseComplete is for the client, and else it is consumed. renew makes the statement anew even if the server has it.
func (s *Server) PrepareShared(text SharedText, pass, renew bool) (statement *Statement, made bool) {
	l := &s.statements
	if st := l.byText[text]; st != nil {
		if !renew && (st.state == statementReady || st.segment == l.asked) {
			l.touch(st)
			return st, false
		}
		l.forget(st)
	}
	st := &Statement{text: text}
	l.byText[text] = st
	l.make(&s.conn.Out, st, pass)
	s.conn.Out.Parse(st.Name, text.SQL(), text.OIDs())
	return st, true
}

// TextOf returns the text of a statement of PrepareShared by its name on the server.
func (s *Server) TextOf(name string) (SharedText, bool) {
	for text, st := range s.statements.byText {
		if st.Name == name {
			return text, true
		}
	}
	return SharedText{}, false
}

// Lost tells that the server does not have a statement of PrepareShared any more.
func (s *Server) Lost(name string) {
	for _, st := range s.statements.byText {
		if st.Name == name {
			s.statements.remove(st)
			return
		}
	}
}

// Deallocating tells that the caller has appended a DEALLOCATE of a statement.
func (s *Server) Deallocating(statement *Statement) {
	if s.statements.keeps(statement) {
		s.statements.remove(statement)
	}
}

// HasInput reports whether the server has sent something, or has gone, while nobody reads. It may be called from any goroutine.
func (s *Server) HasInput() bool { return s.socket.peek() != quiet }
