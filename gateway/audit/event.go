package audit

import (
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of one event. Text beyond them is cut at a character's boundary and ends in "…"; lists are cut and the number
// of their entries is recorded.
const (
	statementBytesMax = 64 << 10
	textBytesMax      = 1 << 10 // of every other text
	columnsMax        = 1 << 10
	namesMax          = 1 << 8 // roles, routes
)

// Kind says what an event is about.
type Kind string

// The kinds of events that Record takes.
const (
	KindStatement Kind = "statement" // a statement that was allowed
	KindRefusal   Kind = "refusal"   // a statement that was refused
	KindSession   Kind = "session"   // a session began, ended or failed to authenticate
	KindAdmin     Kind = "admin"     // keys, configuration, schema
	KindError     Kind = "error"     // something of ours or of a server failed: a sealed value that does not authenticate
)

// The kinds of lines that the log itself writes.
const (
	kindLog      Kind = "log"      // the first line: names the log and its key
	kindRecovery Kind = "recovery" // what a crash left behind was moved away
	kindGap      Kind = "gap"      // events were lost, and how many
	kindBatch    Kind = "batch"    // closes a batch
)

// Event is one thing that happened. Empty fields are left out of the line. The event is read during Record only and may
// be used again afterwards.
type Event struct {
	Time        time.Time // zero: the log's clock at Record
	Kind        Kind
	Action      string // of sessions and administration: "login", "logout", "rotate keyset pii"
	Session     string // identifies the session within the gateway's life
	User        string // the authenticated user
	Roles       []string
	Database    string
	Client      string // address of the client
	Certificate string // subject of the certificate that the client has shown
	Application string // application_name, as the client chose it
	Statement   string // logical text without constants
	Columns     []Column
	Decision    string // "allow", "refuse"
	SQLState    string // of a refusal or an error
	Rule        string // the rule that refused
	Routes      []string
	Rows        int64  // rows returned or changed, where that is known when the event is recorded
	Generation  uint64 // of the policy that decided
}

// Column is one protected column that a statement reaches.
type Column struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Use    string `json:"use"`  // "read", "masked", "compared", "written"
	Rule   string `json:"rule"` // the policy that decided
}

// recordable reports that callers may record events of this kind.
func (k Kind) recordable() bool {
	switch k {
	case KindStatement, KindRefusal, KindSession, KindAdmin, KindError:
		return true
	}
	return false
}

// appendEvent appends an event's line from its second field on: the writer puts {"seq":N before it, because numbers are
// given in the order of writing.
func appendEvent(dst []byte, e *Event, at time.Time) []byte {
	dst = appendHead(dst, e.Kind, at)
	dst = appendTextField(dst, "action", e.Action, textBytesMax)
	dst = appendTextField(dst, "session", e.Session, textBytesMax)
	dst = appendTextField(dst, "user", e.User, textBytesMax)
	dst = appendNamesField(dst, "roles", e.Roles)
	dst = appendTextField(dst, "database", e.Database, textBytesMax)
	dst = appendTextField(dst, "client", e.Client, textBytesMax)
	dst = appendTextField(dst, "certificate", e.Certificate, textBytesMax)
	dst = appendTextField(dst, "application", e.Application, textBytesMax)
	dst = appendTextField(dst, "decision", e.Decision, textBytesMax)
	dst = appendTextField(dst, "sqlstate", e.SQLState, textBytesMax)
	dst = appendTextField(dst, "rule", e.Rule, textBytesMax)
	dst = appendTextField(dst, "statement", e.Statement, statementBytesMax)
	dst = appendColumnsField(dst, e.Columns)
	dst = appendNamesField(dst, "routes", e.Routes)
	if e.Rows != 0 {
		dst = strconv.AppendInt(append(dst, `,"rows":`...), e.Rows, 10)
	}
	if e.Generation != 0 {
		dst = strconv.AppendUint(append(dst, `,"generation":`...), e.Generation, 10)
	}
	return append(dst, '}', '\n')
}

// appendHead appends the fields that every line but the batch line has after its number.
func appendHead(dst []byte, kind Kind, at time.Time) []byte {
	dst = append(dst, `,"time":"`...)
	dst = at.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
	dst = append(dst, `","kind":`...)
	return appendText(dst, string(kind), textBytesMax)
}

func appendTextField(dst []byte, name, text string, bytesMax int) []byte {
	if text == "" {
		return dst
	}
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return appendText(dst, text, bytesMax)
}

func appendNamesField(dst []byte, name string, names []string) []byte {
	if len(names) == 0 {
		return dst
	}
	dst = append(append(append(dst, `,"`...), name...), `":[`...)
	for i, n := range names[:min(len(names), namesMax)] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, n, textBytesMax)
	}
	dst = append(dst, ']')
	if len(names) > namesMax {
		dst = append(append(append(dst, `,"`...), name...), `_count":`...)
		dst = strconv.AppendInt(dst, int64(len(names)), 10)
	}
	return dst
}

func appendColumnsField(dst []byte, columns []Column) []byte {
	if len(columns) == 0 {
		return dst
	}
	dst = append(dst, `,"columns":[`...)
	for i, c := range columns[:min(len(columns), columnsMax)] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(append(dst, `{"table":`...), c.Table, textBytesMax)
		dst = appendText(append(dst, `,"column":`...), c.Column, textBytesMax)
		dst = appendTextField(dst, "use", c.Use, textBytesMax)
		dst = appendTextField(dst, "rule", c.Rule, textBytesMax)
		dst = append(dst, '}')
	}
	dst = append(dst, ']')
	if len(columns) > columnsMax {
		dst = strconv.AppendInt(append(dst, `,"columns_count":`...), int64(len(columns)), 10)
	}
	return dst
}

// appendText appends a JSON string (RFC 8259, section 7). Beyond what JSON asks for it escapes every character that does
// not print, so that a log shown on a terminal shows only itself; bytes that are not UTF-8 become U+FFFD.
func appendText(dst []byte, text string, bytesMax int) []byte {
	cut := len(text) > bytesMax
	if cut {
		end := bytesMax
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			i++
			switch {
			case c == '"' || c == '\\':
				dst = append(dst, '\\', c)
			case c < ' ' || c == 0x7f:
				dst = appendEscape(dst, rune(c))
			default:
				dst = append(dst, c)
			}
			continue
		}
		r, width := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && width == 1 || !unicode.IsPrint(r):
			dst = appendEscape(dst, r)
		default:
			dst = append(dst, text[i:i+width]...)
		}
		i += width
	}
	if cut {
		dst = append(dst, "…"...)
	}
	return append(dst, '"')
}

// appendEscape appends \uXXXX, as a surrogate pair beyond the basic plane.
func appendEscape(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	unit := func(dst []byte, u rune) []byte {
		return append(dst, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
	}
	if r < 0x10000 {
		return unit(dst, r)
	}
	r -= 0x10000
	return unit(unit(dst, 0xd800+r>>10), 0xdc00+r&0x3ff)
}
