package execute

import (
	"context"
	"slices"

	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// mergeMode says how the rows of the sources become one stream.
type mergeMode int

const (
	mergeConcatenated mergeMode = iota // one source after the other, in node order
	mergeSorted                        // the least of the sources' next rows, by keys
	mergeGrouped                       // all rows are read first, grouped, combined, sorted
)

// merger is the state of a portal that runs on several nodes.
type merger struct {
	kind mergeMode
	keys []mergeKey
	// held: rows are fetched by parts into memory, because nodes share a connection or the portal may be suspended.
	held bool
	at   int // of mergeConcatenated: the source being read

	heads  []head // of mergeSorted: a binary heap of the sources' next rows
	begun  bool
	groups *groups
	nextAt int // of mergeGrouped: the group to be sent next
}

// mergeKey compares rows by one output.
type mergeKey struct {
	output     int
	compare    comparer
	descending bool
	nullsFirst bool
}

// head is the next row of a source; its values are good until the source is asked for another one.
type head struct {
	source *source
	order  int // of the source, to break ties
	values [][]byte
}

// bindMerge finds the comparers and asks for the formats that they read.
func (p *Portal) bindMerge() *sqlstate.Error {
	m := &p.program.plan.Merge
	key := func(out int, oid uint32) (comparer, *sqlstate.Error) {
		if out < 0 || out >= len(p.program.outputs) || p.program.outputs[out].transformed() {
			return nil, broken("the rows cannot be merged by output %d", out)
		}
		compare := comparerOf(oid)
		if compare == nil {
			return nil, sqlstate.New(sqlstate.FeatureNotSupported,
				"rows of several nodes cannot be ordered by a column of type %d", oid).WithRule("merge-type")
		}
		p.resultFormats[out] = formatBinary
		return compare, nil
	}
	switch m.Kind {
	case rewrite.MergeNone:
		return nil
	case rewrite.MergeSorted:
		p.merge.kind = mergeSorted
	case rewrite.MergeGrouped:
		p.merge.kind = mergeGrouped
	}
	for _, k := range m.Order {
		compare, err := key(k.Output, k.TypeOID)
		if err != nil {
			return err
		}
		p.merge.keys = append(p.merge.keys, mergeKey{k.Output, compare, k.Descending, k.NullsFirst})
	}
	if m.Kind == rewrite.MergeGrouped {
		p.merge.groups = &groups{portal: p, by: map[string]*group{}}
		return p.merge.groups.bind(m)
	}
	return nil
}

// prepareMerge gives the sources their connections, and their portals names if they must be read by parts.
func (p *Portal) prepareMerge(backend func(datasource string) *Backend, rowsMax int32) {
	shared := false
	seen := map[*Backend]bool{}
	for _, s := range p.sources {
		if s.backend == nil {
			s.backend = backend(s.statement.datasource)
		}
		shared = shared || seen[s.backend]
		seen[s.backend] = true
	}
	p.merge.held = p.merge.kind == mergeSorted && (shared || rowsMax > 0)
	if p.merge.held || p.merge.kind == mergeConcatenated && rowsMax > 0 {
		for _, s := range p.sources {
			s.name = s.backend.portalName()
		}
	}
}

// nextMerged returns the next row of a sorted or grouped merge.
func (p *Portal) nextMerged(ctx context.Context) (values [][]byte, ok bool, err *sqlstate.Error) {
	if p.merge.kind == mergeGrouped {
		return p.nextGroup(ctx)
	}
	if !p.merge.begun {
		p.merge.begun = true
		for i, s := range p.sources {
			h := head{source: s, order: i}
			if ok, err = h.advance(ctx, p); err != nil {
				return nil, false, err
			} else if ok {
				p.merge.heads = append(p.merge.heads, h)
			}
		}
		for i := len(p.merge.heads)/2 - 1; i >= 0; i-- {
			p.siftDown(i)
		}
	} else if len(p.merge.heads) > 0 { // the first head's row was given out before
		ok, err := p.merge.heads[0].advance(ctx, p)
		if err != nil {
			return nil, false, err
		}
		if !ok {
			last := len(p.merge.heads) - 1
			p.merge.heads[0] = p.merge.heads[last]
			p.merge.heads = p.merge.heads[:last]
		}
		p.siftDown(0)
	}
	if len(p.merge.heads) == 0 {
		return nil, false, nil
	}
	return p.merge.heads[0].values, true, nil
}

// advance reads the source's next row.
func (h *head) advance(ctx context.Context, p *Portal) (ok bool, err *sqlstate.Error) {
	s := h.source
	var body []byte
	if p.merge.held {
		if body, ok, err = s.nextHeld(ctx); err != nil || !ok {
			return false, err
		}
	} else {
		if !s.started {
			s.start(0)
			if err := s.backend.Send(ctx); err != nil {
				return false, err
			}
		}
		m, ok, err := s.message(ctx)
		if err != nil || !ok {
			return false, err
		}
		body = m.Body
	}
	if err := p.decodeRow(body); err != nil {
		return false, err
	}
	h.values = append(h.values[:0], p.values...)
	return true, nil
}

// nextHeld returns the next row in memory, and fetches the next part when there is none.
func (s *source) nextHeld(ctx context.Context) (body []byte, ok bool, err *sqlstate.Error) {
	for {
		if body, ok := s.heldRow(); ok {
			return body, true, nil
		}
		switch {
		case !s.started:
			s.start(heldRowsMax)
		case s.suspended:
			s.resume(heldRowsMax)
		case s.done:
			return nil, false, nil
		}
		if err := s.backend.Send(ctx); err != nil {
			return nil, false, err
		}
		if err := s.hold(ctx); err != nil {
			return nil, false, err
		}
	}
}

// siftDown restores the heap below position i.
func (p *Portal) siftDown(i int) {
	heads := p.merge.heads
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(heads); child++ {
			if p.less(&heads[child], &heads[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		heads[i], heads[least] = heads[least], heads[i]
		i = least
	}
}

func (p *Portal) less(a, b *head) bool {
	if c := compareRows(p.merge.keys, a.values, b.values); c != 0 {
		return c < 0
	}
	return a.order < b.order
}

// compareRows orders two rows by keys, the most significant first.
func compareRows(keys []mergeKey, a, b [][]byte) int {
	for i := range keys {
		k := &keys[i]
		x, y := a[k.output], b[k.output]
		if x == nil || y == nil {
			if (x == nil) == (y == nil) {
				continue
			}
			if (x == nil) == k.nullsFirst {
				return -1
			}
			return 1
		}
		c := k.compare(x, y)
		if c == 0 {
			continue
		}
		if k.descending {
			return -c
		}
		return c
	}
	return 0
}

// nextGroup returns the next group; the first call reads all nodes.
func (p *Portal) nextGroup(ctx context.Context) (values [][]byte, ok bool, err *sqlstate.Error) {
	m, g := &p.merge, p.merge.groups
	if !m.begun {
		m.begun = true
		for _, s := range p.sources {
			if err := g.read(ctx, s); err != nil {
				return nil, false, err
			}
		}
		slices.SortStableFunc(g.list, func(a, b *group) int { return compareRows(m.keys, a.values, b.values) })
	}
	if m.nextAt == len(g.list) {
		return nil, false, nil
	}
	values = g.list[m.nextAt].values
	m.nextAt++
	return values, true, nil
}
