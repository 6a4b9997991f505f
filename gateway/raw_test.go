package gateway

import (
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// raw speaks the protocol message by message, on a connection that pgx has authenticated.
type raw struct {
	t  testing.TB
	fe *pgproto3.Frontend
}

func dialRaw(t testing.TB, s *shop) *raw {
	t.Helper()
	conn := s.connect("app")
	hijacked, err := conn.PgConn().Hijack()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hijacked.Conn.Close() })
	return &raw{t: t, fe: pgproto3.NewFrontend(hijacked.Conn, hijacked.Conn)}
}

func (r *raw) parse(name, sql string) { r.fe.Send(&pgproto3.Parse{Name: name, Query: sql}) }
func (r *raw) bind(portal, statement string) {
	r.fe.Send(&pgproto3.Bind{DestinationPortal: portal, PreparedStatement: statement})
}
func (r *raw) execute(portal string, rows uint32) {
	r.fe.Send(&pgproto3.Execute{Portal: portal, MaxRows: rows})
}

func (r *raw) flush() {
	r.fe.Send(&pgproto3.Flush{})
	if err := r.fe.Flush(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) sync() {
	r.fe.Send(&pgproto3.Sync{})
	if err := r.fe.Flush(); err != nil {
		r.t.Fatal(err)
	}
	for {
		m := r.receive()
		if _, ok := m.(*pgproto3.ReadyForQuery); ok {
			return
		}
	}
}

func (r *raw) receive() pgproto3.BackendMessage {
	r.t.Helper()
	m, err := r.fe.Receive()
	if err != nil {
		r.t.Fatal(err)
	}
	if e, ok := m.(*pgproto3.ErrorResponse); ok {
		r.t.Fatalf("%s: %s", e.Code, e.Message)
	}
	return m
}

// rows counts the rows of one Execute.
func (r *raw) rows() (n int, suspended bool) {
	r.t.Helper()
	for {
		switch r.receive().(type) {
		case *pgproto3.DataRow:
			n++
		case *pgproto3.PortalSuspended:
			return n, true
		case *pgproto3.CommandComplete:
			return n, false
		}
	}
}
