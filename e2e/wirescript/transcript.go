package wirescript

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// firstNormalOID is the first that PostgreSQL gives to objects that are made later than itself (FirstNormalObjectId in
// src/include/access/transam.h).
const firstNormalOID = 16384

// Transcript is all that a server sent while a script ran, each client's messages for themselves, byte by byte but for
// what no two servers have in common: process ids, numbers of backends, secrets, and OIDs of objects that the script made, which are numbered
// by their first appearance. Left out is what a line of one target alone waited for, and what may be anything.
type Transcript struct {
	clients []string // in the order of their first appearance
	lines   map[string][]entry
	oids    map[uint32]int
}

// entry is one message. source is the place in PostgreSQL's source that an error or notice names: one that the gateway
// says itself has none.
type entry struct{ text, source string }

func newTranscript() *Transcript {
	return &Transcript{lines: map[string][]entry{}, oids: map[uint32]int{}}
}

func (t *Transcript) add(client, line string) { t.addEntry(client, entry{text: line}) }

func (t *Transcript) addEntry(client string, line entry) {
	if _, known := t.lines[client]; !known {
		t.clients = append(t.clients, client)
	}
	t.lines[client] = append(t.lines[client], line)
}

// message writes down what came.
func (t *Transcript) message(client string, m Message) {
	t.addEntry(client, entry{t.text(m), m.source()})
}

// startup writes down what came behind AuthenticationOk. PostgreSQL has no order of ParameterStatus.
func (t *Transcript) startup(client string, messages []Message) {
	var lines, statuses []string
	for _, m := range messages {
		if m.Type == 'S' {
			statuses = append(statuses, t.text(m))
			continue
		}
		lines = append(lines, t.text(m))
	}
	slices.Sort(statuses)
	for _, line := range append(statuses, lines...) {
		t.add(client, line)
	}
}

// backendNumber is a process id in a text of PostgreSQL's ("Process 123 waits for ..."), or the number of a backend.
var backendNumber = regexp.MustCompile(`\b([Pp]rocess |PID |pg_temp_)\d+`)

func (t *Transcript) text(m Message) string {
	switch m.Type {
	case 'T':
		line := m.Name()
		for _, c := range m.columns() {
			line += fmt.Sprintf(" %q table %s column %d type %s size %d modifier %d format %d;", c.Name, t.oid(c.TableOID),
				c.TableAttributeNumber, t.oid(c.DataTypeOID), c.DataTypeSize, c.TypeModifier, c.Format)
		}
		return line
	case 't':
		line := m.Name()
		for _, word := range m.texts() {
			oid, _ := strconv.ParseUint(word, 10, 32)
			line += " " + t.oid(uint32(oid))
		}
		return line
	case 'E', 'N':
		line := m.Name()
		for _, f := range fields(m.Body) {
			if strings.IndexByte(sourceLetters, f.letter) >= 0 {
				continue
			}
			line += fmt.Sprintf(" %c=%q", f.letter, backendNumber.ReplaceAllString(f.text, "${1}N"))
		}
		return line
	case 'A':
		if len(m.Body) >= 4 {
			return fmt.Sprintf("%s of a process, %q", m.Name(), m.Body[4:])
		}
	case 'K':
		return fmt.Sprintf("%s of %d bytes", m.Name(), len(m.Body))
	}
	return fmt.Sprintf("%s %q", m.Name(), m.Body)
}

// sourceLetters are the fields that name a file, a line and a function.
const sourceLetters = "FLR"

func (m Message) source() (text string) {
	if m.Type != 'E' && m.Type != 'N' {
		return ""
	}
	for _, f := range fields(m.Body) {
		if strings.IndexByte(sourceLetters, f.letter) >= 0 {
			text += fmt.Sprintf(" %c=%q", f.letter, f.text)
		}
	}
	return text
}

func (t *Transcript) oid(oid uint32) string {
	if oid < firstNormalOID {
		return strconv.FormatUint(uint64(oid), 10)
	}
	number, known := t.oids[oid]
	if !known {
		number = len(t.oids) + 1
		t.oids[oid] = number
	}
	return "own" + strconv.Itoa(number)
}

// Difference tells where another transcript parts from this one, and is "" if it does not. Errors of the other may name
// no place in PostgreSQL's source.
func (t *Transcript) Difference(other *Transcript) string {
	if !slices.Equal(t.clients, other.clients) {
		return fmt.Sprintf("clients %q, not %q", other.clients, t.clients)
	}
	for _, client := range t.clients {
		a, b := t.lines[client], other.lines[client]
		for i := range max(len(a), len(b)) {
			if i < len(a) && i < len(b) && a[i].text == b[i].text && (a[i].source == b[i].source || b[i].source == "") {
				continue
			}
			var text strings.Builder
			fmt.Fprintf(&text, "client %s, message %d:", client, i+1)
			for j := max(0, i-3); j < i; j++ {
				fmt.Fprintf(&text, "\n      %.500s%s", a[j].text, a[j].source)
			}
			for j := i; j < min(len(a), i+3); j++ {
				fmt.Fprintf(&text, "\n want %.500s%s", a[j].text, a[j].source)
			}
			for j := i; j < min(len(b), i+3); j++ {
				fmt.Fprintf(&text, "\n  got %.500s%s", b[j].text, b[j].source)
			}
			return text.String()
		}
	}
	return ""
}
