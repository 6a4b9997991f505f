package wirescript

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// mainClient is the client of a script that names none.
const mainClient = "main"

// awaitInterval is between two looks at what is awaited.
const awaitInterval = 5 * time.Millisecond

// Target is a server to run scripts against.
type Target struct {
	Address, User, Password, Database string

	// Superuser is a libpq URL of a superuser of the PostgreSQL database itself, for await. It may be empty.
	Superuser string
}

// TargetOf is the target of a libpq URL with user and password.
func TargetOf(libpqURL string) (Target, error) {
	u, err := url.Parse(libpqURL)
	if err != nil {
		return Target{}, err
	}
	password, _ := u.User.Password()
	return Target{Address: u.Host, User: u.User.Username(), Password: password, Database: strings.TrimPrefix(u.Path, "/")}, nil
}

// run is a script that is being run.
type run struct {
	script     *Script
	target     Target
	clients    map[string]*client
	now        *client
	superuser  *pgx.Conn
	transcript *Transcript
	hooks      hooks
}

// hooks are for those who make scripts. Each may be nil.
type hooks struct {
	fill   func(line int, answer string) // an answer to "?"
	steady func(line int, expect string) // what the line should expect, as the answer is another
}

// Run goes through the script. The error names the line. ctx must have a deadline: it bounds every wait.
func (s *Script) Run(ctx context.Context, target Target) (*Transcript, error) {
	return s.run(ctx, target, hooks{})
}

func (s *Script) run(ctx context.Context, target Target, hooks hooks) (*Transcript, error) {
	r := &run{script: s, target: target, clients: map[string]*client{}, transcript: newTranscript(), hooks: hooks}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer r.close()
	for _, st := range s.steps {
		if err := r.step(ctx, st); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", s.file, st.line, err)
		}
	}
	if err := r.leave(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", s.file, err)
	}
	return r.transcript, nil
}

func (r *run) close() {
	for _, c := range r.clients {
		_ = c.conn.Close()
	}
	if r.superuser != nil {
		_ = r.superuser.Close(context.Background())
	}
}

func (r *run) step(ctx context.Context, st step) error {
	if r.now != nil && (st.verb == "as" || st.verb == "open") {
		if err := r.now.flush(); err != nil {
			return fmt.Errorf("before this line: %w", err)
		}
	}
	switch st.verb {
	case "as":
		return r.as(ctx, st.message, st.args)
	case "open":
		return r.open(ctx, st.message)
	case "await":
		return r.await(ctx, st.message)
	}
	if r.now == nil {
		if err := r.as(ctx, mainClient, nil); err != nil {
			return err
		}
	}
	c := r.now
	switch st.verb {
	case "cut":
		n, err := strconv.Atoi(st.message)
		c.cut = n
		return err
	case "send":
		env := environment{r.target.User, r.target.Database, func(name string) []byte {
			if other := r.clients[name]; other != nil {
				return other.key
			}
			return nil
		}}
		waiting, err := st.encode(c.waiting, env)
		c.waiting = waiting
		c.closed = c.closed || st.message == "Terminate"
		return err
	}
	if err := c.flush(); err != nil && st.message != "Closed" {
		return fmt.Errorf("before this line: %w", err)
	}
	switch st.verb {
	case "authenticate":
		password := r.target.Password
		if st.message != "" {
			var err error
			if password, err = unquote(st.message); err != nil {
				return err
			}
		}
		return r.authenticate(ctx, password)
	case "expect", "until":
		return r.expect(ctx, st)
	case "?":
		return r.question(ctx, st.line)
	}
	return nil
}

// as makes a client the one that is speaking, and logs it in if it is new.
func (r *run) as(ctx context.Context, name string, parameters []string) error {
	if c := r.clients[name]; c != nil {
		r.now = c
		if len(parameters) != 0 {
			return fmt.Errorf("client %s has logged in already", name)
		}
		return nil
	}
	if err := r.open(ctx, name); err != nil {
		return err
	}
	startup := step{message: "Startup", args: parameters}
	packet, err := startup.encode(nil, environment{user: r.target.User, database: r.target.Database})
	if err != nil {
		return err
	}
	if _, err := r.now.conn.Write(packet); err != nil {
		return err
	}
	if err := r.authenticate(ctx, r.target.Password); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	if refusal := r.now.unread; refusal != nil {
		return fmt.Errorf("log in: %s", refusal.text())
	}
	return nil
}

// open connects a new client.
func (r *run) open(ctx context.Context, name string) error {
	if r.clients[name] != nil {
		return fmt.Errorf("there is a client %s already", name)
	}
	c, err := connect(ctx, name, r.target.Address)
	if err != nil {
		return err
	}
	r.clients[name], r.now = c, c
	return nil
}

// authenticate goes on to ReadyForQuery, or to an error, which is left to be read.
func (r *run) authenticate(ctx context.Context, password string) error {
	c := r.now
	last, err := c.authenticate(ctx, password, func(m Message) { r.transcript.message(c.name, m) })
	if err != nil {
		return err
	}
	var messages []Message
	for last.Type != 'E' && last.Type != 'Z' {
		if last, err = c.receive(ctx); err != nil {
			return err
		}
		if last.Type != 'E' {
			messages = append(messages, last)
		}
	}
	r.transcript.startup(c.name, messages)
	if last.Type == 'E' {
		c.unread = &last
	}
	return nil
}

// await asks until the answer is true.
func (r *run) await(ctx context.Context, sql string) error {
	text, err := unquote(sql)
	if err != nil {
		return err
	}
	for _, c := range r.clients {
		if err := c.flush(); err != nil {
			return err
		}
	}
	if r.superuser == nil {
		if r.superuser, err = pgx.Connect(ctx, r.target.Superuser); err != nil {
			return err
		}
	}
	for {
		var is bool
		if err := r.superuser.QueryRow(ctx, text).Scan(&is); err != nil || is {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(awaitInterval):
		}
	}
}

// expect reads the message that the step is about.
func (r *run) expect(ctx context.Context, st step) error {
	c := r.now
	if st.message == "Byte" {
		b, err := c.reader.ReadByte()
		if err == nil {
			r.transcript.add(c.name, fmt.Sprintf("byte %q", b))
			err = same(st.args, []string{string(b)})
		}
		return err
	}
	for {
		m, err := c.receive(ctx)
		if st.message == "Closed" {
			if isClosed(err) {
				c.closed = true
				r.transcript.add(c.name, "closed")
				return nil
			}
			if st.verb == "until" && err == nil {
				r.transcript.message(c.name, m)
				continue
			}
			return fmt.Errorf("want the connection closed, got %s, %v", m.text(), err)
		}
		if err != nil {
			return fmt.Errorf("want %s: %w", st.message, err)
		}
		name := m.Name()
		passed := st.verb == "until" || slices.Contains([]string{"ParameterStatus", "NotificationResponse", "NoticeResponse"}, name)
		if name != st.message {
			if !passed {
				return fmt.Errorf("want %s, got %s", st.message, m.text())
			}
			r.transcript.message(c.name, m)
			continue
		}
		masked, err := st.compare(m)
		if err != nil && r.hooks.steady != nil {
			if st, err = st.steadied(m); err == nil {
				r.hooks.steady(st.line, st.text())
			}
		}
		if err != nil {
			return fmt.Errorf("%w, in %s", err, m.text())
		}
		if !st.own {
			r.transcript.message(c.name, masked)
		}
		return nil
	}
}

func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, net.ErrClosed)
}

// leave says Terminate for every client and reads what is left, to the end.
func (r *run) leave(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(r.clients)) {
		c := r.clients[name]
		if len(c.waiting) > 0 && !c.closed {
			return errors.New("the script ends with messages that nothing answers")
		}
		if c.closed || c.messages == nil {
			_ = c.flush()
			continue
		}
		if err := c.send('X', nil); err != nil {
			return fmt.Errorf("client %s leaves: %w", name, err)
		}
		for {
			m, err := c.receive(ctx)
			if isClosed(err) {
				break
			}
			if err != nil {
				return fmt.Errorf("client %s leaves: %w", name, err)
			}
			r.transcript.message(name, m)
		}
	}
	return nil
}
