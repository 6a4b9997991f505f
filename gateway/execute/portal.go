package execute

import (
	"context"
	"strconv"

	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

const (
	// queuedBytesMax bounds what is sent to one server before its answers are read: a server that cannot send its answer
	// stops reading, and then a longer text would never leave. Sockets take more than this.
	queuedBytesMax = 32 << 10
	// heldRowsMax is the number of rows that are fetched at once from a node whose connection other nodes share.
	heldRowsMax = 256
)

// A Portal is one statement with its values: sealed, routed, and ready to run. It is made by Bind, sent by Start and read
// by Rows; with a row limit Start and Rows may be repeated until Rows reports that it is not suspended.
type Portal struct {
	runner  *Runner
	program *program

	inputs        []value
	inputFormats  []int16 // nil: all are text
	resultFormats []int16 // asked of the nodes, by output
	wanted        []int16 // by the client, by column
	settings      *datum.Settings
	restricted    bool

	sources []*source
	merge   merger
	plain   bool // rows can be forwarded as they come
	// forwardable is plain but for formats; discard: rows are not sent.
	forwardable, discard bool

	skip, left int64 // OFFSET and LIMIT still to be applied here; left -1: no limit
	heldBytes  int
	values     [][]byte // of the row at hand
	opened     []byte   // of the value at hand
	finished   bool
	kept       kept
}

// Bind gathers and converts the values of one execution and computes its nodes. Nothing is sent. Errors: those of
// PostgreSQL's input functions with the name of the column, 0A000 for what would write on several nodes.
func (r *Runner) Bind(ctx context.Context, request *Request) (*Portal, *sqlstate.Error) {
	program, err := r.program(request.Plan)
	if err != nil {
		return nil, err
	}
	b := &binder{ctx: ctx, program: program, request: request}
	p := &Portal{runner: r, program: program, settings: request.Settings, restricted: request.Restricted, left: -1}
	if p.inputs, err = b.inputs(); err != nil {
		return nil, err
	}
	nodes, err := b.route()
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		s, err := program.statement(n)
		if err != nil {
			return nil, err
		}
		p.sources = append(p.sources, &source{portal: p, statement: s})
	}
	if err := p.bindFormats(request); err != nil {
		return nil, err
	}
	if len(nodes) > 1 {
		if err := p.bindLimits(b); err != nil {
			return nil, err
		}
	}
	p.bindInputFormats()
	p.discard = request.Plan.Columns == nil && len(request.Plan.Outputs) > 0 // NOTIFY by a function
	return p, nil
}

// bindLimits replaces the client's LIMIT and OFFSET by what several nodes must send, and keeps them to be applied here.
func (p *Portal) bindLimits(b *binder) *sqlstate.Error {
	m := &p.program.plan.Merge
	offset, _, err := b.count(m.Offset, codeOffset, "OFFSET")
	if err != nil {
		return err
	}
	limit, unlimited, err := b.count(m.Limit, codeLimit, "LIMIT")
	if err != nil {
		return err
	}
	p.skip = offset
	if !unlimited {
		p.left = limit
	}
	if m.Limit != nil && m.LimitInput >= 0 {
		p.inputs[m.LimitInput] = value{}
		if !unlimited && m.Kind != rewrite.MergeGrouped {
			p.inputs[m.LimitInput].bytes = strconv.AppendInt(nil, saturatingSum(limit, offset), 10)
		}
	}
	if m.Offset != nil && m.OffsetInput >= 0 {
		p.inputs[m.OffsetInput] = value{bytes: []byte("0")}
	}
	return nil
}

func (p *Portal) bindInputFormats() {
	for i := range p.inputs {
		if p.inputs[i].format != formatText {
			p.inputFormats = make([]int16, len(p.inputs))
			for j := range p.inputs {
				p.inputFormats[j] = p.inputs[j].format
			}
			return
		}
	}
}

// bindFormats chooses the format in which each output is asked for.
func (p *Portal) bindFormats(request *Request) *sqlstate.Error {
	plan := p.program.plan
	var err *sqlstate.Error
	if p.wanted, err = columnFormats(request.ResultFormats, len(plan.Columns)); err != nil {
		return err
	}
	if len(plan.Outputs) == 0 {
		return nil
	}
	p.resultFormats = make([]int16, len(plan.Outputs))
	for i := range p.resultFormats {
		p.resultFormats[i] = formatBinary // hidden
	}
	for i, c := range plan.Columns {
		p.resultFormats[c.Output] = p.wanted[i]
	}
	for i := range p.program.outputs {
		if o := &p.program.outputs[i]; o.transformed() {
			p.resultFormats[i] = formatBinary
			if len(o.open) == 0 && !o.known {
				p.resultFormats[i] = formatText // for a mask that needs no type
			}
		}
	}
	if len(p.sources) > 1 {
		if err := p.bindMerge(); err != nil {
			return err
		}
	}
	p.forwardable, p.plain = p.program.plain, p.program.plain
	for i, c := range plan.Columns {
		p.plain = p.plain && p.resultFormats[c.Output] == p.wanted[i]
	}
	return nil
}

// Datasources returns where the portal will run, each once.
func (p *Portal) Datasources() []string {
	statements := make([]*statement, len(p.sources))
	for i, s := range p.sources {
		statements[i] = s.statement
	}
	return datasources(statements)
}

// Routes names the nodes for the audit log: "ds_0.customers_1".
func (p *Portal) Routes() []string {
	names := make([]string, len(p.sources))
	for i, s := range p.sources {
		names[i] = s.statement.node
	}
	return names
}

// Formats returns the format of each column as the client gets it.
func (p *Portal) Formats() []int16 { return p.wanted }

// Start sends the portal to its nodes. backend returns the session's connection to a datasource. rowsMax 0 means all rows.
// With last, ReadyForQuery is asked for in the same breath where that is safe: the statement's transaction then ends with
// it on the server, and Backend.Ready reads the answers. Errors are transport errors.
func (p *Portal) Start(ctx context.Context, backend func(datasource string) *Backend, rowsMax int32,
	last bool) *sqlstate.Error {
	if p.finished {
		return nil
	}
	if p.sources[0].started { // it was suspended: Rows goes on from there
		return nil
	}
	p.prepareMerge(backend, rowsMax)
	used := map[*Backend]bool{}
	for _, s := range p.sources {
		if !p.startsAtOnce(s, rowsMax) {
			continue
		}
		if used[s.backend] && s.backend.Server.Out().Len()+p.inputBytes() > queuedBytesMax {
			continue
		}
		used[s.backend] = true
		s.start(p.executeLimit(rowsMax))
	}
	last = last && p.Started() && p.syncSafe()
	for b := range used {
		if last {
			b.Sync()
		}
	}
	for b := range used {
		if err := b.Send(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Open binds the portal on all its nodes under names, without asking for a row, and waits until they have it: rows that are
// changed from now on do not show. Start and Rows go on from there. Errors: those of the nodes, transport errors.
func (p *Portal) Open(ctx context.Context, backend func(datasource string) *Backend) *sqlstate.Error {
	p.prepareMerge(backend, 1)
	used := map[*Backend]bool{}
	for _, s := range p.sources {
		s.name = s.backend.portalName()
		if used[s.backend] && s.backend.Server.Out().Len()+p.inputBytes() > queuedBytesMax {
			if err := s.backend.Send(ctx); err != nil {
				return err
			}
		}
		used[s.backend] = true
		s.bind()
	}
	for b := range used {
		if err := b.Send(ctx); err != nil {
			return err
		}
	}
	for _, s := range p.sources {
		if err := s.open(ctx); err != nil {
			p.Abandon(ctx)
			return err
		}
		s.suspended = true
	}
	return nil
}

// Want sets the formats of the columns from the next row on, as Request.ResultFormats gives them. Values that the nodes send
// in the other format are converted; 0A000 when Rows meets one that cannot be. With discard rows are read, opened and
// masked, and not sent.
func (p *Portal) Want(formats []int16, discard bool) *sqlstate.Error {
	wanted, err := columnFormats(formats, len(p.wanted))
	if err != nil {
		return err
	}
	p.wanted, p.discard, p.plain = wanted, discard, p.forwardable && !discard
	for i, c := range p.program.plan.Columns {
		p.plain = p.plain && p.resultFormats[c.Output] == wanted[i]
	}
	return nil
}

// columnFormats spells out the formats of so many columns.
func columnFormats(formats []int16, columns int) ([]int16, *sqlstate.Error) {
	wanted := make([]int16, columns)
	for i := range wanted {
		switch len(formats) {
		case 0:
		case 1:
			wanted[i] = formats[0]
		case columns:
			wanted[i] = formats[i]
		default:
			return nil, sqlstate.New(sqlstate.ProtocolViolation,
				"bind message has %d result formats but query has %d columns", len(formats), columns)
		}
		if wanted[i] != formatText && wanted[i] != formatBinary {
			return nil, sqlstate.New(sqlstate.InvalidParameterValue, "unsupported format code: %d", wanted[i])
		}
	}
	return wanted, nil
}

// startsAtOnce reports whether a source is to be sent before others are read: with a row limit that goes through the
// nodes one after the other, only the first is.
func (p *Portal) startsAtOnce(s *source, rowsMax int32) bool {
	return rowsMax == 0 || p.merge.kind != mergeConcatenated || s == p.sources[0]
}

// executeLimit is the row limit of the Executes that Start and the merge send.
func (p *Portal) executeLimit(rowsMax int32) int32 {
	if p.merge.held {
		return heldRowsMax
	}
	if p.merge.kind == mergeConcatenated {
		return rowsMax
	}
	return 0
}

// Size returns about how many bytes Start sends to each node.
func (p *Portal) Size() int { return p.inputBytes() }

func (p *Portal) inputBytes() int {
	n := len(p.sources[0].statement.text)
	for i := range p.inputs {
		n += len(p.inputs[i].bytes) + 4
	}
	return n
}

// Started reports that everything has been sent, so that another portal may be started before this one is read.
func (p *Portal) Started() bool {
	for _, s := range p.sources {
		if !s.started || s.name != "" {
			return false
		}
	}
	return true
}

// Opened reports that every node has the portal: nothing more is opened there by reading on.
func (p *Portal) Opened() bool {
	for _, s := range p.sources {
		if !s.started {
			return false
		}
	}
	return true
}

// syncSafe reports that nothing which the gateway could find wrong with the answer would come too late: a statement that
// writes must not be committed before its rows were opened and their shape seen.
func (p *Portal) syncSafe() bool {
	if !p.program.plan.Writes {
		return true
	}
	for _, s := range p.sources {
		if s.describe {
			return false
		}
	}
	return !p.program.opaque
}

// Answer is what a statement came to.
type Answer struct {
	Tag       string // of CommandComplete; "" if suspended
	Rows      int64  // sent by this Execute, or changed
	Suspended bool
}

// Rows reads the answers and writes the client's rows. client.Out is flushed when it is full, but release is called
// before the first row leaves, once, and at the end: an error of release is the statement's. After an error, rows that
// have not left are taken back and the nodes' connections are free or broken.
func (p *Portal) Rows(ctx context.Context, client *wire.Conn, rowsMax int32,
	release func(rows int64) *sqlstate.Error) (Answer, *sqlstate.Error) {
	w := &writer{conn: client, start: client.Out.Len(), release: release, discard: p.discard}
	suspended, err := p.rows(ctx, w, rowsMax)
	if err == nil {
		err = w.done()
	}
	if err != nil {
		w.takeBack()
		if err == ClientLost {
			p.kill()
		}
		p.Abandon(ctx)
		return Answer{}, err
	}
	if p.discard {
		w.takeBack()
	}
	if suspended {
		return Answer{Rows: w.rows, Suspended: true}, nil
	}
	p.finish()
	return p.answer(w.rows), nil
}

func (p *Portal) rows(ctx context.Context, w *writer, rowsMax int32) (suspended bool, err *sqlstate.Error) {
	if p.kept.holding {
		return p.keptRows(ctx, w, rowsMax)
	}
	if p.finished {
		return false, nil
	}
	if p.merge.kind == mergeConcatenated {
		return p.concatenate(ctx, w, rowsMax)
	}
	for rowsMax == 0 || w.rows < int64(rowsMax) {
		if p.left == 0 {
			return false, p.skipRest(ctx)
		}
		values, ok, err := p.nextMerged(ctx)
		if err != nil || !ok {
			return false, err
		}
		if p.skip > 0 {
			p.skip--
			continue
		}
		if p.left > 0 {
			p.left--
		}
		if err := p.writeRow(ctx, w, values); err != nil {
			return false, err
		}
	}
	return true, nil
}

// skipRest reads and drops the rows that LIMIT leaves over, so that the nodes' connections are free for what comes next in
// the transaction. An error among them is the statement's: it has ended the transaction on its node.
func (p *Portal) skipRest(ctx context.Context) *sqlstate.Error {
	for _, s := range p.sources {
		for more := true; more; {
			var err *sqlstate.Error
			if _, more, err = s.message(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// concatenate sends the rows of one node after the other.
func (p *Portal) concatenate(ctx context.Context, w *writer, rowsMax int32) (suspended bool, err *sqlstate.Error) {
	for ; p.merge.at < len(p.sources); p.merge.at++ {
		s := p.sources[p.merge.at]
		for first := true; first || s.suspended; first = false {
			limit := int32(0)
			if rowsMax > 0 {
				limit = rowsMax - int32(w.rows)
			}
			switch {
			case !s.started:
				s.start(limit)
			case s.suspended:
				s.resume(limit)
			}
			if err := s.backend.Send(ctx); err != nil {
				return false, err
			}
			if err := p.drain(ctx, w, s); err != nil {
				return false, err
			}
			// A client may take a suspended portal with fewer rows than it asked for to be at its end: rows that OFFSET
			// skips do not count, and behind LIMIT there are none.
			switch {
			case s.suspended && w.rows >= int64(rowsMax):
				return true, nil
			case s.suspended && p.left == 0:
				return false, nil
			}
		}
	}
	return false, nil
}

// drain sends the rows of one source, up to its end or row limit.
func (p *Portal) drain(ctx context.Context, w *writer, s *source) *sqlstate.Error {
	forward := p.plain && p.skip == 0 && p.left < 0
	for {
		m, ok, err := s.message(ctx)
		if err != nil || !ok {
			return err
		}
		switch {
		case p.skip > 0:
			p.skip--
			continue
		case p.left == 0:
			continue
		case p.left > 0:
			p.left--
		}
		if forward {
			w.conn.Out.Forward(m)
			w.rows += 1 + int64(s.backend.Server.ForwardRows(&w.conn.Out))
			if err := w.flushIfFull(ctx); err != nil {
				return err
			}
			continue
		}
		if err := p.decodeRow(m.Body); err != nil {
			return s.backend.unexpected(m)
		}
		if err := p.writeRow(ctx, w, p.values); err != nil {
			return err
		}
	}
}

func (p *Portal) decodeRow(body []byte) *sqlstate.Error {
	values, err := wire.DecodeDataRow(body)
	if err != nil {
		return err
	}
	if values.Len() != len(p.program.outputs) {
		return broken("a row has %d values", values.Len())
	}
	p.values = values.Append(p.values[:0])
	return nil
}

func (p *Portal) answer(rows int64) Answer {
	plan := p.program.plan
	switch plan.Command {
	case rewrite.CommandListen, rewrite.CommandUnlisten, rewrite.CommandNotify:
		return Answer{Tag: string(plan.Command)}
	}
	if plan.Command == rewrite.CommandSelect {
		return Answer{Tag: "SELECT " + strconv.FormatInt(rows, 10), Rows: rows}
	}
	var affected int64
	for _, s := range p.sources {
		affected += s.affected
	}
	tag := string(plan.Command) + " "
	if plan.Command == rewrite.CommandInsert {
		tag += "0 "
	}
	return Answer{Tag: tag + strconv.FormatInt(affected, 10), Rows: affected}
}

// finish ends the portal after its last row. What the nodes still hold is closed.
func (p *Portal) finish() {
	p.finished = true
	p.merge.groups = nil
	for _, s := range p.sources {
		s.held = nil
		if s.suspended {
			s.backend.closePortal(s.name)
			s.suspended = false
		}
	}
}

// Abandon reads and drops what the nodes have still to say, so that their connections are free for Sync.
func (p *Portal) Abandon(ctx context.Context) {
	if p.finished {
		return
	}
	p.finished = true
	for _, s := range p.sources {
		if s.started {
			s.abandon(ctx)
		}
	}
}

// kill gives up the connections of the nodes: nobody is left to want what they still send.
func (p *Portal) kill() {
	for _, s := range p.sources {
		if s.awaited {
			s.backend.lose()
		}
	}
}

// take accounts for bytes of rows that are held for a merge.
func (p *Portal) take(n int) *sqlstate.Error {
	p.heldBytes += n
	if p.heldBytes > p.runner.limits.MergeBytes {
		return sqlstate.New(sqlstate.ProgramLimitExceeded, "merging the rows of several nodes needs more than %d bytes",
			p.runner.limits.MergeBytes).WithHint("Fix the shard key by equality, or ask for fewer rows.")
	}
	return nil
}
