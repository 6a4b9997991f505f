package effect

import (
	"bytes"
	"strings"
)

// Effects is what a text may do, as a set.
type Effects uint16

// The effects.
const (
	// Settings: a setting of the session may change: SET, RESET, DISCARD, set_config. Not SET LOCAL, nor SET TRANSACTION.
	Settings Effects = 1 << iota
	// Role: the current or session user may change: SET ROLE, SET SESSION AUTHORIZATION, DISCARD ALL, set_config of any name
	// that is not a constant.
	Role
	// Listen: LISTEN.
	Listen
	// Temporary: a temporary table, view or sequence is made, or a schema pg_temp is named.
	Temporary
	// Hold: a cursor that outlives its transaction is declared.
	Hold
	// Advisory: a lock of the session is taken.
	Advisory
	// Prepare: PREPARE of a statement, by SQL.
	Prepare
	// Execute: EXECUTE, or EXPLAIN and CREATE TABLE AS of one.
	Execute
	// Deallocate: DEALLOCATE, DISCARD ALL.
	Deallocate
	// Sequences: currval or lastval is read, which answer by what the connection has done before.
	Sequences
	// Unknown: a function, block or procedure is run of which nothing is known.
	Unknown
	// Discard: DISCARD ALL.
	Discard
	// Clean: something that was left on the connection may be cleared away: UNLISTEN, DROP, CLOSE, DISCARD, unlocking.
	Clean
)

// State are the effects that may leave something on the server connection that no other session may find.
const State = Settings | Role | Listen | Temporary | Hold | Advisory | Prepare | Unknown | Discard

// Pin are the effects that leave there, if they do, what cannot be carried to another connection.
const Pin = Listen | Temporary | Hold | Advisory | Prepare

// Of returns what the statements of a text may do together. It allocates nothing.
func Of(sql []byte) Effects {
	s := scanner{sql: sql, first: true}
	for s.next() {
		s.judge()
	}
	return s.effects
}

// ASCIISafe reports whether bytes below 0x80 always stand for themselves in a client encoding, by its name as PostgreSQL
// writes it. In the others a quote or a letter may be the second byte of a character (src/include/mb/pg_wchar.h, the
// encodings that are for clients only).
func ASCIISafe(encoding string) bool {
	switch strings.ToUpper(encoding) {
	case "SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004":
		return false
	}
	return true
}

// judge takes the token that next has found into account.
func (s *scanner) judge() {
	if s.kind != kindWord && s.kind != kindName {
		return
	}
	if s.first {
		s.firstWord()
		return // COPY (, VALUES (
	}
	if s.kind == kindWord || s.verb == verbSet || s.verb == verbSetLocal || s.verb == verbReset {
		s.laterWord()
	}
	if s.call() {
		s.function()
	}
}

// firstWord judges the word that begins a statement.
func (s *scanner) firstWord() {
	s.verb = verbOther
	switch string(s.word()) {
	case "set":
		s.verb = verbSet
	case "reset":
		s.verb = verbReset
		s.effects |= Settings
	case "discard":
		s.verb = verbDiscard
		s.effects |= Settings | Clean
	case "listen":
		s.effects |= Listen
	case "unlisten", "close", "drop":
		s.effects |= Clean
	case "prepare":
		s.verb = verbPrepare
	case "execute":
		s.effects |= Execute
	case "deallocate":
		s.effects |= Deallocate | Clean
	case "declare":
		s.verb = verbDeclare
	case "do", "call", "load":
		s.effects |= Unknown
	case "explain":
		s.verb = verbExplain
	case "create":
		s.verb = verbCreate
	}
}

// laterWord judges a word inside a statement.
func (s *scanner) laterWord() {
	word := s.word()
	switch s.verb {
	case verbSet:
		s.setWord(word)
	case verbSetLocal:
		if s.ordinal <= 3 && s.namesRole(word) {
			s.effects |= Role
		}
	case verbReset:
		if is(word, "session") || s.namesRole(word) {
			s.effects |= Role
		}
	case verbDiscard:
		if is(word, "all") {
			s.effects |= Role | Deallocate | Discard
		}
	case verbPrepare:
		if s.ordinal == 1 && !is(word, "transaction") {
			s.effects |= Prepare
		}
	case verbDeclare:
		if is(word, "hold") && is(s.previousWord(), "with") {
			s.effects |= Hold
		}
	case verbExplain, verbCreate:
		if is(word, "execute") {
			s.effects |= Execute
		}
	}
	switch {
	case is(word, "temp"), is(word, "temporary"):
		switch string(s.previousWord()) {
		case "create", "local", "global", "into", "replace":
			s.effects |= Temporary
		}
	case is(word, "pg_temp"):
		s.effects |= Temporary
	}
}

// setWord judges the words of SET. What follows LOCAL or TRANSACTION ends with the transaction.
func (s *scanner) setWord(word []byte) {
	switch s.ordinal {
	case 1:
		switch {
		case s.kind == kindName:
			s.effects |= Settings
		case is(word, "local"):
			s.verb = verbSetLocal
		case is(word, "transaction"), is(word, "constraints"):
			s.verb = verbOther
		default:
			s.effects |= Settings
		}
		if s.namesRole(word) {
			s.effects |= Role
		}
	case 2:
		if is(s.previousWord(), "session") && s.namesRole(word) {
			s.effects |= Role
		}
	}
}

// namesRole reports whether a word of SET or RESET can name the current or the session user. Names of settings have no case, in
// quotes neither, and nobody knows what a name with Unicode escapes spells.
func (s *scanner) namesRole(word []byte) bool {
	if s.kind == kindName && s.start == s.end {
		return true
	}
	for _, name := range []string{"role", "authorization", "session_authorization"} {
		if len(word) == len(name) && bytes.EqualFold(word, []byte(name)) {
			return true
		}
	}
	return false
}

// function judges a name that a bracket follows.
func (s *scanner) function() {
	name := s.word()
	if len(name) == 0 { // too long for any that is known
		s.effects |= Unknown
		return
	}
	if !s.builtin() {
		s.effects |= Unknown
		return
	}
	switch string(name) {
	case "set_config":
		s.effects |= Settings | Role
		return
	case "currval", "lastval":
		s.effects |= Sequences
		return
	case "pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared":
		s.effects |= Advisory
		return
	case "pg_advisory_unlock", "pg_advisory_unlock_shared", "pg_advisory_unlock_all":
		s.effects |= Clean
		return
	}
	if !harmless(name) {
		s.effects |= Unknown
	}
}

// is compares a folded word.
func is(word []byte, want string) bool { return string(word) == want }
