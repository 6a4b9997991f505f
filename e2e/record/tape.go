package main

import (
	"fmt"
	"strings"
	"sync"

	"github.com/portcullisdb/portcullis/e2e/wirescript"
)

// tape collects what is said, in the order in which the proxy hears it: a cause stands before its effect.
type tape struct {
	mu      sync.Mutex
	lines   []line
	clients []*voice
	cancels int
}

type line struct{ client, text string }

// voice is one client's on the tape.
type voice struct {
	tape  *tape
	name  string
	key   string // body of BackendKeyData
	ready bool   // ReadyForQuery came: it has logged in
	done  bool   // it said Terminate
}

// note writes a comment.
func (t *tape) note(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line{"", "# " + text})
}

func (t *tape) login(parameters []string) *voice {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := &voice{tape: t, name: fmt.Sprintf("client%d", len(t.clients)+1)}
	t.clients = append(t.clients, v)
	t.lines = append(t.lines, line{v.name, strings.Join(append([]string{"as", v.name}, parameters...), " ")})
	return v
}

// busy waits until there is something to cancel: a statement that waits for a time or a lock. That it is active is not
// enough, for it is so from Parse on.
const busy = `await "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND usename = '` + wirescript.Role +
	`' AND wait_event_type IN ('Timeout', 'Lock'))"`

// cancel writes down a cancel request with a client's key.
func (t *tape) cancel(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, v := range t.clients {
		if v.key == key {
			t.cancels++
			name := fmt.Sprintf("cancel%d", t.cancels)
			t.lines = append(t.lines, line{"", busy}, line{name, "open " + name}, line{name, "send CancelRequest " + v.name}, line{name, "expect Closed"})
		}
	}
}

// left reports that the client has said Terminate.
func (v *voice) left() bool {
	v.tape.mu.Lock()
	defer v.tape.mu.Unlock()
	return v.done
}

func (v *voice) said(kind byte, body []byte) {
	v.tape.mu.Lock()
	defer v.tape.mu.Unlock()
	v.done = v.done || kind == 'X'
	v.tape.lines = append(v.tape.lines, line{v.name, wirescript.Send(kind, body)})
	if v.done {
		v.tape.lines = append(v.tape.lines, line{v.name, "expect Closed"})
	}
}

func (v *voice) answered(m wirescript.Message) {
	v.tape.mu.Lock()
	defer v.tape.mu.Unlock()
	switch {
	case m.Type == 'K':
		v.key = string(m.Body)
	case !v.ready:
		v.ready = m.Type == 'Z'
	case m.Type != 'S' && !v.done:
		v.tape.lines = append(v.tape.lines, line{v.name, m.Expect()})
	}
}

// script is what was said. What a client sends while nothing has answered it yet stands before all answers.
func (t *tape) script() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var text strings.Builder
	speaking := ""
	for _, l := range t.lines {
		if l.client != "" && l.client != speaking && !strings.HasPrefix(l.text, "as ") && !strings.HasPrefix(l.text, "open ") {
			fmt.Fprintln(&text, "as", l.client)
		}
		if l.client != "" {
			speaking = l.client
		}
		fmt.Fprintln(&text, l.text)
	}
	return text.String()
}
