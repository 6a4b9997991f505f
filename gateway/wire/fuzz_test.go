package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Whatever comes, and however it is split: the frames that are read are the stream's first bytes, none is beyond the
// limit, the buffer follows what came, and what ends the reading does not depend on the split.
func FuzzFrame(f *testing.F) {
	f.Add(batch(), uint16(3), true)
	f.Add([]byte{'Q', 0, 0, 0, 3}, uint16(1), true)
	f.Add([]byte{'Q', 255, 255, 255, 255, 0}, uint16(5), false)
	f.Add(append(frameOf(TypeDataRow, 2000), make([]byte, 1996)...), uint16(7), false)
	f.Fuzz(func(t *testing.T, stream []byte, chunk uint16, frontend bool) {
		limits := Limits{MessageBytes: 4096, SmallBytes: 100}
		read := func(readMax int) (frames [][]byte, err error) {
			c := NewConn(&faulty{Conn: &memory{input: stream}, readMax: readMax}, limits, nil)
			c.Authenticated()
			c.frontend = frontend
			frames, err = readAll(c)
			if most := max(bufferLarge, 2*len(stream)); len(c.in) > most {
				t.Fatalf("a buffer of %d bytes for a stream of %d", len(c.in), len(stream))
			}
			return frames, err
		}
		whole, wholeErr := read(0)
		split, splitErr := read(int(chunk) + 1)
		if !equalFrames(whole, split) {
			t.Fatalf("%d messages read at once, %d in chunks", len(whole), len(split))
		}
		if kind(wholeErr) != kind(splitErr) {
			t.Fatalf("ended with %v, in chunks with %v", wholeErr, splitErr)
		}
		if joined := bytes.Join(whole, nil); !bytes.HasPrefix(stream, joined) ||
			wholeErr == nil && len(joined) != len(stream) {
			t.Fatal("the messages are not what was sent")
		}
		for _, frame := range whole {
			if len(frame)-1 > limits.MessageBytes {
				t.Fatalf("a message of %d bytes passed", len(frame))
			}
		}
	})
}

// kind tells how reading ended. A frame that breaks the protocol may be cut before or behind the place that does.
func kind(err error) string {
	switch state := (*sqlstate.Error)(nil); {
	case err == nil:
		return "whole"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut"
	case errors.As(err, &state):
		return state.Message
	}
	return err.Error()
}

// A Bind that decodes is written back to the same bytes; and where pgproto3 reads it, it reads the same.
func FuzzBind(f *testing.F) {
	var o Output
	b := o.Bind("p", "s", []int16{0, 1}, 2)
	b.Value([]byte("x"))
	b.Null()
	b.Finish([]int16{1})
	f.Add(bytes.Clone(o.Bytes()[headerBytes:]))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := DecodeBind(body)
		if err != nil {
			return
		}
		var o Output
		b := o.Bind(string(m.Portal), string(m.Statement), m.ParamFormats.Append(nil), m.Params.Len())
		for walk := m.Params; ; {
			value, ok := walk.Next()
			if !ok {
				break
			}
			b.Value(value)
		}
		b.Finish(m.ResultFormats.Append(nil))
		if !bytes.Equal(o.Bytes()[headerBytes:], body) {
			t.Fatalf("read %q, wrote %q", body, o.Bytes()[headerBytes:])
		}
		o.Reset()
		o.BindRest(m.Portal, string(m.Statement), m.Rest)
		if !bytes.Equal(o.Bytes()[headerBytes:], body) {
			t.Fatalf("read %q, wrote %q from its rest", body, o.Bytes()[headerBytes:])
		}
		var theirs pgproto3.Bind
		if theirs.Decode(body) != nil {
			return
		}
		if theirs.DestinationPortal != string(m.Portal) || theirs.PreparedStatement != string(m.Statement) ||
			!sameValues(theirs.Parameters, m.Params.Append(nil)) {
			t.Fatalf("pgproto3 reads %+v", theirs)
		}
	})
}

// A DataRow that decodes is written back to the same bytes, value by value and in spans; pgproto3 reads the same.
func FuzzDataRow(f *testing.F) {
	f.Add([]byte("\x00\x02\x00\x00\x00\x01x\xff\xff\xff\xff"), uint8(1))
	f.Add([]byte("\x00\x00"), uint8(0))
	f.Add([]byte("\x00\x01\xff\xff\xff\xfe"), uint8(0))
	f.Fuzz(func(t *testing.T, body []byte, cut uint8) {
		row, err := DecodeDataRow(body)
		if err != nil {
			return
		}
		columns := row.Append(nil)
		var o Output
		b := o.DataRow(len(columns))
		for i, value := range columns {
			switch {
			case i%2 == 0:
				b.Value(value)
			case value == nil:
				b.Begin()
				b.EndNull()
			default:
				b.End(append(b.Begin(), value...))
			}
		}
		b.Finish()
		if !bytes.Equal(o.Bytes()[headerBytes:], body) {
			t.Fatalf("read %q, wrote %q", body, o.Bytes()[headerBytes:])
		}
		o.Reset()
		first := min(int(cut), row.Len())
		b = o.DataRow(row.Len())
		walk := row
		b.Raw(first, walk.Span(first))
		b.Raw(walk.Len(), walk.Span(walk.Len()))
		b.Finish()
		if !bytes.Equal(o.Bytes()[headerBytes:], body) {
			t.Fatalf("read %q, wrote %q in spans", body, o.Bytes()[headerBytes:])
		}
		var theirs pgproto3.DataRow
		if theirs.Decode(body) == nil && !sameValues(theirs.Values, columns) {
			t.Fatalf("pgproto3 reads %q, we %q", theirs.Values, columns)
		}
	})
}

// Other messages that decode are written back to the same bytes.
func FuzzParse(f *testing.F) {
	f.Add([]byte("s\x00SELECT $1\x00\x00\x01\x00\x00\x00\x19"))
	f.Add([]byte("\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("Sname\x00"))
	f.Add([]byte("p\x00\x00\x00\x00\x05"))
	f.Add([]byte("SERROR\x00C42601\x00Mx\x00\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var o Output
		same := func(message string, err *sqlstate.Error, write func()) {
			if err != nil {
				return
			}
			o.Reset()
			write()
			if !bytes.Equal(o.Bytes()[headerBytes:], body) {
				t.Fatalf("%s: read %q, wrote %q", message, body, o.Bytes()[headerBytes:])
			}
		}
		parse, err := DecodeParse(body)
		same("Parse", err, func() { o.Parse(string(parse.Name), string(parse.SQL), parse.ParamOIDs(nil)) })
		sql, err := DecodeQuery(body)
		same("Query", err, func() { o.Query(string(sql)) })
		kind, name, err := DecodeDescribe(body)
		same("Describe", err, func() { o.Describe(kind, string(name)) })
		portal, rows, err := DecodeExecute(body)
		if err == nil && rows > 0 {
			same("Execute", err, func() { o.Execute(string(portal), int32(rows)) })
		}
		fields, err := DecodeRowDescription(nil, body)
		same("RowDescription", err, func() { o.RowDescription(fields) })
		oids, err := DecodeParameterDescription(nil, body)
		same("ParameterDescription", err, func() { o.ParameterDescription(oids) })
		if report, err := DecodeReport(body); err == nil && report.Message != "" {
			o.Reset()
			o.ErrorResponse(report.Severity, report.SQLState())
			again, err := DecodeReport(o.Bytes()[headerBytes:])
			if err != nil || again.Message != report.Message || again.Code != report.Code {
				t.Fatalf("read %+v, again %+v, %v", report, again, err)
			}
		}
	})
}

func sameValues(a, b [][]byte) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

// A whole client batch, faulted at each operation of each side, never brings a message that was not sent.
func TestRelayWithFaults(t *testing.T) {
	stream := batch()
	for failAt := 1; failAt <= 60; failAt++ {
		from := authenticated(&faulty{Conn: &memory{input: stream}, readMax: 5, failAt: failAt}, Limits{})
		sink := &memory{}
		to := authenticated(&faulty{Conn: sink, failAt: failAt / 3}, Limits{})
		ctx := context.Background()
		for {
			m, err := from.Read(ctx)
			if err != nil {
				break
			}
			to.Out.Forward(m)
			if !from.Buffered() && to.Flush(ctx) != nil {
				break
			}
		}
		if !bytes.HasPrefix(stream, sink.output) {
			t.Fatalf("fault at operation %d: sent what did not come", failAt)
		}
	}
}
