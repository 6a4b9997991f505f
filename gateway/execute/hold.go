package execute

import (
	"context"
	"encoding/binary"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// kept are the rows that a portal holds when its nodes have gone: as the nodes sent them, so that what is sealed stays sealed
// until it is read.
type kept struct {
	holding bool
	bytes   []byte // each row: length and bytes of each value, as in DataRow; -1 is NULL
	starts  []int  // of the rows in bytes
	next    int    // the row that Rows begins with
	back    bool   // and goes backwards from
	max     int    // of bytes, those for starts included
}

// Hold reads the rows that are left into memory, at most bytesMax of them. The portal needs no connection then, and Rows goes
// on from where it was. Errors: those of the nodes, 54000 for more bytes.
func (p *Portal) Hold(ctx context.Context, bytesMax int) *sqlstate.Error {
	if p.kept.holding {
		return nil
	}
	p.plain, p.kept.max = false, bytesMax
	w := &writer{keep: true}
	if _, err := p.rows(ctx, w, 0); err != nil {
		p.Abandon(ctx)
		return err
	}
	p.finish()
	p.kept.holding = true
	return nil
}

// Held reports that Hold has read the rows: Start is not needed any more.
func (p *Portal) Held() bool { return p.kept.holding }

// HeldBytes is what the rows take that Hold has read.
func (p *Portal) HeldBytes() int { return len(p.kept.bytes) + keptRowBytes*len(p.kept.starts) }

// keptRowBytes is what a row takes beside its values.
const keptRowBytes = 8

// HeldRows is the number of rows that Hold has read.
func (p *Portal) HeldRows() int { return len(p.kept.starts) }

// Seek makes Rows begin with a row that is held, counted from 0, and go on forwards or backwards.
func (p *Portal) Seek(row int, back bool) { p.kept.next, p.kept.back = row, back }

// keepRow appends a row.
func (p *Portal) keepRow(outputs [][]byte) *sqlstate.Error {
	k := &p.kept
	k.starts = append(k.starts, len(k.bytes))
	for _, v := range outputs {
		if v == nil {
			k.bytes = binary.BigEndian.AppendUint32(k.bytes, ^uint32(0))
			continue
		}
		k.bytes = append(binary.BigEndian.AppendUint32(k.bytes, uint32(len(v))), v...)
	}
	if p.HeldBytes() > k.max {
		return sqlstate.New(sqlstate.ProgramLimitExceeded,
			"the rows of the session's cursors WITH HOLD and SCROLL need more than %d bytes", p.runner.limits.MergeBytes).
			WithHint("Read the cursor in a transaction and forward only, or ask for fewer rows.")
	}
	return nil
}

// nextKept returns the next row. Its values alias what is kept.
func (p *Portal) nextKept() (values [][]byte, ok bool) {
	k := &p.kept
	if k.next < 0 || k.next >= len(k.starts) {
		return nil, false
	}
	at := k.starts[k.next]
	if k.next++; k.back {
		k.next -= 2
	}
	p.values = p.values[:0]
	for range p.program.outputs {
		size := int(int32(binary.BigEndian.Uint32(k.bytes[at:])))
		at += 4
		if size < 0 {
			p.values = append(p.values, nil)
			continue
		}
		p.values = append(p.values, k.bytes[at:at+size:at+size])
		at += size
	}
	return p.values, true
}

// keptRows sends rows that are held.
func (p *Portal) keptRows(ctx context.Context, w *writer, rowsMax int32) (suspended bool, err *sqlstate.Error) {
	for rowsMax == 0 || w.rows < int64(rowsMax) {
		values, ok := p.nextKept()
		if !ok {
			return false, nil
		}
		if err := p.writeRow(ctx, w, values); err != nil {
			return false, err
		}
	}
	return true, nil
}

// HeldBytesMax bounds the rows of all cursors WITH HOLD of one session.
func (r *Runner) HeldBytesMax() int { return r.limits.MergeBytes }
