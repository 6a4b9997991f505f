package execute

import (
	"context"
	"errors"
	"strconv"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/crypto/sealed"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// maskSettings are how values are written for masks, and wherever else a text must not depend on the client's settings. A
// client that could choose the time zone would learn, from the part of a timestamp that the mask shows, the part that it
// hides.
var maskSettings = datum.Settings{}

// writeRow turns the outputs of a node into one row of the client's. A row that fails is taken back whole.
func (p *Portal) writeRow(ctx context.Context, w *writer, outputs [][]byte) *sqlstate.Error {
	if w.keep {
		w.rows++
		return p.keepRow(outputs)
	}
	row := w.conn.Out.DataRow(len(p.wanted))
	for i := range p.wanted {
		c := &p.program.plan.Columns[i]
		raw := outputs[c.Output]
		if raw == nil {
			row.Null()
			continue
		}
		o := &p.program.outputs[c.Output]
		if !o.transformed() && p.resultFormats[c.Output] == p.wanted[i] {
			row.Value(raw)
			continue
		}
		if err := p.writeValue(&row, o, raw, p.resultFormats[c.Output], p.wanted[i]); err != nil {
			row.Abort()
			return err
		}
	}
	row.Finish()
	w.rows++
	return w.flushIfFull(ctx)
}

// writeValue opens, masks and converts one value that is not NULL.
func (p *Portal) writeValue(row *wire.RowBuilder, o *output, raw []byte, format, wanted int16) *sqlstate.Error {
	value := raw
	if len(o.open) > 0 {
		column, err := openable(o.open, raw)
		if err != nil {
			return err
		}
		opened, failure := column.sealer.Open(p.opened[:0], raw)
		if failure != nil {
			return unopened(failure, column.name)
		}
		p.opened = opened
		value, format = opened, formatBinary
	}
	if o.mask != nil {
		masked, null, err := applyMask(o, value, format)
		if err != nil {
			return err
		}
		if null {
			row.Null()
			return nil
		}
		value = masked
	}
	if format == wanted {
		row.Value(value)
		return nil
	}
	buffer := row.Begin()
	buffer, ok := p.reformat(buffer, o, value, format)
	if !ok {
		row.EndNull()
		return sqlstate.New(sqlstate.FeatureNotSupported, "a value of type %d cannot be sent in format %d", o.PhysicalOID, wanted)
	}
	row.End(buffer)
	return nil
}

// reformat appends a value of the one format in the other. It reports false for types that the gateway does not know.
func (p *Portal) reformat(dst []byte, o *output, value []byte, from int16) ([]byte, bool) {
	switch {
	case o.known && from == formatBinary:
		return o.typ.AppendText(dst, value, p.settings), true
	case o.known:
		converted, err := o.typ.ParseText(dst, value, p.settings)
		return converted, err == nil
	case isText(o.PhysicalOID):
		return append(dst, value...), true
	case o.PhysicalOID == oidOID && from == formatBinary:
		return strconv.AppendUint(dst, uint64(uint32(signed(value))), 10), true
	}
	return dst, false
}

// openable chooses the sealed column whose tag a stored value carries. A value of a column that the plan does not expect
// here is not opened.
func openable(columns []*sealedColumn, stored []byte) (*sealedColumn, *sqlstate.Error) {
	tag, ok := sealed.TagOf(stored)
	if ok {
		for _, c := range columns {
			if c.tag == tag {
				return c, nil
			}
		}
	}
	return nil, corrupted(columns[0].name)
}

func unopened(err error, column policy.ColumnName) *sqlstate.Error {
	if errors.Is(err, sealed.ErrUnknownKey) {
		return sqlstate.New(sqlstate.SystemError, "a value of column %q of %q was sealed with a key that is not available",
			column.Column, column.Table.Name)
	}
	return corrupted(column)
}

func corrupted(column policy.ColumnName) *sqlstate.Error {
	e := sqlstate.New(sqlstate.DataCorrupted, "a stored value of column %q of %q does not authenticate", column.Column,
		column.Table.Name)
	e.Schema, e.Table, e.Column = column.Table.Schema, column.Table.Name, column.Column
	return e
}

// applyMask masks a value and makes the result a value of the column's type again, in the format it came in. What is no
// value of the type becomes NULL.
func applyMask(o *output, value []byte, format int16) (masked []byte, null bool, failure *sqlstate.Error) {
	text := value
	if format == formatBinary {
		text = o.typ.AppendText(nil, value, &maskSettings)
	}
	masked, null = o.mask.Apply(nil, text)
	if null {
		return nil, true, nil
	}
	if format == formatText {
		if !isText(o.PhysicalOID) {
			return nil, false, sqlstate.New(sqlstate.FeatureNotSupported,
				"the mask of column %q does not make values of its type", o.Output.Column.Column)
		}
		return masked, false, nil
	}
	parsed, err := o.typ.ParseText(nil, masked, &maskSettings)
	if err != nil {
		return nil, true, nil
	}
	return parsed, false, nil
}
