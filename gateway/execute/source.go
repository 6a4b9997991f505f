package execute

import (
	"bytes"
	"context"
	"strconv"

	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// source is the answer of one node: a stream of rows, read from the node's connection when they are asked for.
type source struct {
	portal    *Portal
	statement *statement
	backend   *Backend
	name      string // of the server's portal; "" for the unnamed one, which cannot be suspended

	prepared  *pool.Statement
	describe  bool // Describe was sent and is to be answered first
	before    []answer
	started   bool // something is sent
	awaited   bool // an Execute is sent and not yet answered to its end
	opened    bool // BindComplete has come
	suspended bool // the last Execute ended at its row limit
	done      bool

	affected int64 // rows, by the node's command tag

	// held are the rows of the last Execute, for a merge of several nodes of one connection.
	held    []byte
	heldEnd []int
	heldAt  int
}

// start queues the statement: Parse if the server does not have it, Bind, Execute.
func (s *source) start(rowsMax int32) {
	s.bind()
	s.backend.Server.Out().Execute(s.name, rowsMax)
	s.awaited = true
}

// bind queues all of it but Execute.
func (s *source) bind() {
	p := s.portal
	s.before, s.backend.due = s.backend.due, nil
	s.prepared = s.backend.Server.Prepare(s.statement.text, s.statement.oids)
	out := s.backend.Server.Out()
	if !s.prepared.Described {
		s.describe = true
		out.Describe(wire.KindStatement, s.prepared.Name)
	}
	bind := out.Bind(s.name, s.prepared.Name, p.inputFormats, len(p.inputs))
	for i := range p.inputs {
		bind.Value(p.inputs[i].bytes)
	}
	bind.Finish(p.resultFormats)
	s.started, s.backend.Unsynced = true, true
}

// resume asks a suspended portal for more rows.
func (s *source) resume(rowsMax int32) {
	s.before, s.backend.due = s.backend.due, nil
	s.backend.Server.Out().Execute(s.name, rowsMax)
	s.suspended, s.awaited, s.backend.Unsynced = false, true, true
}

// open reads what comes before the rows and checks that the node's row shape is the plan's.
func (s *source) open(ctx context.Context) *sqlstate.Error {
	before := s.before
	s.before = nil
	if err := s.backend.settle(ctx, before); err != nil {
		return s.fails(err)
	}
	for !s.opened {
		m, err := s.backend.receive(ctx)
		if err != nil {
			return s.fails(err)
		}
		switch m.Type {
		case wire.TypeParameterDescription:
		case wire.TypeRowDescription, wire.TypeNoData:
			if err := s.check(m); err != nil {
				return err
			}
		case wire.TypeBindComplete:
			s.opened = true
		default:
			return s.backend.unexpected(m)
		}
	}
	return nil
}

// check compares the node's row shape with the plan's. A difference is a refusal: the plan was made for other tables.
func (s *source) check(m wire.Message) *sqlstate.Error {
	var fields []wire.Field
	if m.Type == wire.TypeRowDescription {
		var problem *sqlstate.Error
		if fields, problem = wire.DecodeRowDescription(nil, m.Body); problem != nil {
			return s.backend.unexpected(m)
		}
	}
	outputs := s.portal.program.outputs
	mismatch := len(fields) != len(outputs)
	for i := 0; !mismatch && i < len(fields); i++ {
		mismatch = fields[i].TypeOID != outputs[i].PhysicalOID
	}
	if mismatch {
		s.backend.Server.Forget(s.prepared)
		return sqlstate.New(sqlstate.ObjectNotInState, "the tables on datasource %q are not as the plan expects them",
			s.backend.Server.Datasource()).WithRule("physical-shape").
			WithHint("Run \"portcullis schema check\" and apply what it names.")
	}
	s.prepared.Described = true
	return nil
}

// fails translates an error of the node.
func (s *source) fails(err *sqlstate.Error) *sqlstate.Error {
	s.awaited, s.done = false, true
	if err.Code == sqlstate.FeatureNotSupported && s.prepared != nil {
		// "cached plan must not change result type": the next execution prepares and checks anew.
		s.backend.Server.Forget(s.prepared)
	}
	return s.portal.runner.translate(err, s.backend, s.portal)
}

// message returns the next message of the running Execute. ok is false at its end: s.done or s.suspended tells which.
func (s *source) message(ctx context.Context) (m wire.Message, ok bool, err *sqlstate.Error) {
	if !s.awaited {
		return wire.Message{}, false, nil
	}
	if !s.opened || len(s.before) > 0 {
		if err := s.open(ctx); err != nil {
			return wire.Message{}, false, err
		}
	}
	m, err = s.backend.receive(ctx)
	if err != nil {
		return wire.Message{}, false, s.fails(err)
	}
	switch m.Type {
	case wire.TypeDataRow:
		return m, true, nil
	case wire.TypePortalSuspended:
		s.awaited, s.suspended = false, true
	case wire.TypeCommandComplete:
		tag, _ := wire.DecodeCommandComplete(m.Body)
		s.affected = tagCount(tag)
		s.awaited, s.done = false, true
		if s.name != "" {
			s.backend.closePortal(s.name)
		}
	case wire.TypeEmptyQueryResponse:
		s.awaited, s.done = false, true
	default:
		return wire.Message{}, false, s.backend.unexpected(m)
	}
	return wire.Message{}, false, nil
}

// tagCount returns the number at the end of a command tag, 0 without one.
func tagCount(tag []byte) int64 {
	n, _ := strconv.ParseInt(string(tag[bytes.LastIndexByte(tag, ' ')+1:]), 10, 64)
	return n
}

// hold reads the rows of the running Execute into memory, so that the connection is free for other nodes of it.
func (s *source) hold(ctx context.Context) *sqlstate.Error {
	s.portal.heldBytes -= len(s.held)
	s.held, s.heldEnd, s.heldAt = s.held[:0], s.heldEnd[:0], 0
	for {
		m, ok, err := s.message(ctx)
		if err != nil || !ok {
			return err
		}
		if err := s.portal.take(len(m.Body)); err != nil {
			return err
		}
		s.held = append(s.held, m.Body...)
		s.heldEnd = append(s.heldEnd, len(s.held))
	}
}

// heldRow returns the next row in memory.
func (s *source) heldRow() (body []byte, ok bool) {
	if s.heldAt == len(s.heldEnd) {
		return nil, false
	}
	start := 0
	if s.heldAt > 0 {
		start = s.heldEnd[s.heldAt-1]
	}
	body = s.held[start:s.heldEnd[s.heldAt]]
	s.heldAt++
	return body, true
}

// abandonBytesMax is how much of an answer that nobody wants is read before its server is asked to stop.
const abandonBytesMax = 256 << 10

// abandon reads and drops what is still to come from this source, so that the connection is free. The error that ended
// the statement is known already.
func (s *source) abandon(ctx context.Context) {
	dropped, cancelled := 0, false
	for s.awaited && !s.backend.Failed && !s.backend.Broken() {
		m, _, err := s.message(ctx)
		if err != nil && s.opened {
			break
		}
		if dropped += len(m.Body); dropped > abandonBytesMax && !cancelled {
			cancelled = true
			_ = s.backend.Server.Cancel(ctx) // without it there is only more to read
		}
	}
	s.awaited = false
	if s.suspended && s.name != "" {
		s.backend.closePortal(s.name)
	}
	s.suspended, s.done = false, true
}
