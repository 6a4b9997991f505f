package execute

import (
	"context"
	"errors"
	"strconv"

	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// A Backend is one server connection in the hands of a session, with what was sent on it and not yet answered. All runs
// by the extended protocol, as one implicit transaction until the session calls Sync.
type Backend struct {
	Server *pool.Server
	// Unsynced: something was sent since the last ReadyForQuery.
	Unsynced bool
	// Failed: an error was answered since; the server passes over everything until Sync.
	Failed bool
	// Notified, if set, is given each NotificationResponse; the message is good during the call.
	Notified func(wire.Message)

	portals uint64
	due     []answer // of what was queued since the last portal
}

// answer is what a queued command will be answered with.
type answer byte

const (
	answerCommand answer = iota // BindComplete, any rows, CommandComplete
	answerClose                 // CloseComplete of a portal
)

// NewBackend takes over an idle connection.
func NewBackend(server *pool.Server) *Backend { return &Backend{Server: server} }

// Broken reports that the connection is of no more use.
func (b *Backend) Broken() bool { return b.Server.Broken() }

// Command queues a statement without parameters, such as BEGIN, whose rows are of no interest. Its error, if there is
// one, is returned by whatever reads from the Backend next.
func (b *Backend) Command(sql string) {
	statement := b.Server.Prepare(sql, nil)
	bind := b.Server.Out().Bind("", statement.Name, nil, 0)
	bind.Finish(nil)
	b.Server.Out().Execute("", 0)
	b.due = append(b.due, answerCommand)
	b.Unsynced = true
}

// Sync queues Sync. Ready reads its answer.
func (b *Backend) Sync() {
	b.Server.Sync()
	b.Unsynced = true
}

// Send sends what is queued and asks the server for its answers.
func (b *Backend) Send(ctx context.Context) *sqlstate.Error {
	if b.Broken() {
		return b.lost()
	}
	if b.Server.Out().Len() > 0 && b.Server.Pending() == 0 {
		b.Server.Out().FlushMessage()
	}
	if err := b.Server.Flush(ctx); err != nil {
		return b.breaks(ctx)
	}
	return nil
}

// Ready sends what is queued, Sync included, and reads until each Sync has been answered. It returns the first error on
// the way, in the server's words.
func (b *Backend) Ready(ctx context.Context) *sqlstate.Error {
	if err := b.Server.Flush(ctx); err != nil {
		return b.breaks(ctx)
	}
	var first *sqlstate.Error
	for b.Server.Pending() > 0 {
		if _, err := b.receive(ctx); err != nil {
			if b.Broken() {
				return err
			}
			if first == nil {
				first = err
			}
		}
	}
	return first
}

// settle reads the answers to commands, so that the next message belongs to what follows them.
func (b *Backend) settle(ctx context.Context, due []answer) *sqlstate.Error {
	for len(due) > 0 {
		m, err := b.receive(ctx)
		if err != nil {
			return err
		}
		switch m.Type {
		case wire.TypeCommandComplete, wire.TypeEmptyQueryResponse, wire.TypeCloseComplete:
			if (m.Type == wire.TypeCloseComplete) != (due[0] == answerClose) {
				return b.unexpected(m)
			}
			due = due[1:]
		case wire.TypeBindComplete, wire.TypeDataRow:
		default:
			return b.unexpected(m)
		}
	}
	return nil
}

// receive returns the next message that belongs to the conversation. ErrorResponse becomes an error in the server's own
// words, which the caller must translate; a lost connection becomes 08006.
func (b *Backend) receive(ctx context.Context) (wire.Message, *sqlstate.Error) {
	for {
		m, err := b.Server.Read(ctx)
		if err != nil {
			return wire.Message{}, b.breaks(ctx)
		}
		switch m.Type {
		case wire.TypeNotificationResponse:
			if b.Notified != nil {
				b.Notified(m)
			}
		case wire.TypeNoticeResponse, wire.TypeParameterStatus:
			// None of them is forwarded from a protected database: they may hold anything.
		case wire.TypeErrorResponse:
			return wire.Message{}, b.failure(m)
		case wire.TypeReadyForQuery:
			if b.Server.Pending() == 0 {
				b.Unsynced, b.Failed, b.due = false, false, nil
			}
			return m, nil
		default:
			return m, nil
		}
	}
}

func (b *Backend) failure(m wire.Message) *sqlstate.Error {
	report, problem := wire.DecodeReport(m.Body)
	if problem != nil {
		return b.unexpected(m)
	}
	b.Failed, b.due = true, nil
	if report.Severity == wire.SeverityFatal || report.Severity == wire.SeverityPanic {
		b.lose()
		return b.lost()
	}
	return report.SQLState()
}

// portalName returns a name for a portal that is not in use.
func (b *Backend) portalName() string {
	b.portals++
	return pool.StatementPrefix + "p" + strconv.FormatUint(b.portals, 10)
}

// closePortal queues the end of a named portal.
func (b *Backend) closePortal(name string) {
	if b.Broken() || b.Failed {
		return // gone, or about to go
	}
	b.Server.ClosePortal(name)
	b.due = append(b.due, answerClose)
	b.Unsynced = true
}

// breaks gives the connection up after an error of its socket, or after ctx has ended in the middle of an answer.
func (b *Backend) breaks(ctx context.Context) *sqlstate.Error {
	b.lose()
	if cause := context.Cause(ctx); cause != nil {
		if e := (*sqlstate.Error)(nil); errors.As(cause, &e) {
			return e
		}
		return sqlstate.New(sqlstate.AdminShutdown, "terminating connection due to administrator command")
	}
	return b.lost()
}

// lose closes the connection, and makes sure that it counts as broken.
func (b *Backend) lose() {
	b.Server.Kill()
	for !b.Broken() { // what was buffered can still be read
		_, _ = b.Server.Read(context.Background())
	}
}

func (b *Backend) lost() *sqlstate.Error {
	return sqlstate.New(sqlstate.ConnectionFailure, "the connection to datasource %q was lost", b.Server.Datasource())
}

func (b *Backend) unexpected(m wire.Message) *sqlstate.Error {
	b.lose()
	return sqlstate.New(sqlstate.ProtocolViolation, "datasource %q sent a message of type %q out of turn",
		b.Server.Datasource(), rune(m.Type))
}
