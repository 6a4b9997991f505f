package wire

import (
	"bytes"
	"context"
	"testing"
)

// row8 is a DataRow of 8 columns, the third of which stands for a sealed value.
func row8() []byte {
	var o Output
	b := o.DataRow(8)
	for i := range 8 {
		if i == 2 {
			b.Value(make([]byte, 90))
			continue
		}
		b.Value([]byte("a value"))
	}
	b.Finish()
	return o.Bytes()
}

// BenchmarkRelayRow reads rows one by one and forwards each; a full output is flushed.
func BenchmarkRelayRow(b *testing.B) {
	from := authenticated(&endless{buffer: bytes.Repeat(row8(), 200)}, Limits{})
	to := authenticated(&endless{}, Limits{})
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		m, err := from.Read(ctx)
		if err != nil {
			b.Fatal(err)
		}
		to.Out.Forward(m)
		if to.Out.Full() {
			if err := to.Flush(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkRelayRun forwards what is buffered of the same rows in runs. One operation is one row.
func BenchmarkRelayRun(b *testing.B) {
	from := authenticated(&endless{buffer: bytes.Repeat(row8(), 200)}, Limits{})
	to := authenticated(&endless{}, Limits{})
	ctx := context.Background()
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		if rows > 0 {
			rows--
			continue
		}
		m, err := from.Read(ctx)
		if err != nil {
			b.Fatal(err)
		}
		to.Out.Forward(m)
		rows = from.ForwardRun(TypeDataRow, &to.Out)
		if to.Out.Full() {
			if err := to.Flush(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkPatchRow replaces one column of a row, as opening a sealed value does.
func BenchmarkPatchRow(b *testing.B) {
	body := row8()[headerBytes:]
	opened := []byte("the value in clear")
	var out Output
	b.ReportAllocs()
	for b.Loop() {
		row, err := DecodeDataRow(body)
		if err != nil {
			b.Fatal(err)
		}
		patched := out.DataRow(row.Len())
		patched.Raw(2, row.Span(2))
		row.Next()
		patched.End(append(patched.Begin(), opened...))
		patched.Raw(5, row.Span(5))
		patched.Finish()
		out.Truncate(0)
	}
}

// BenchmarkDecodeBind reads a Bind and renames its statement.
func BenchmarkDecodeBind(b *testing.B) {
	var o, out Output
	bind := o.Bind("", "S_1", []int16{FormatBinary}, 3)
	for range 3 {
		bind.Value([]byte("parameter"))
	}
	bind.Finish(nil)
	b.ReportAllocs()
	for b.Loop() {
		m, err := DecodeBind(o.Bytes()[headerBytes:])
		if err != nil {
			b.Fatal(err)
		}
		out.BindRest(nil, "portcullis_1", m.Rest)
		out.Truncate(0)
	}
}

// BenchmarkRelayTCP relays a batch over real sockets, with an echo behind it: what a gateway adds at the least.
func BenchmarkRelayTCP(b *testing.B) {
	client, clientSide := tcpPair(b)
	server, serverSide := tcpPair(b)
	ctx := context.Background()
	go func() { // the gateway: one goroutine owns both sockets in turn
		from, to := authenticated(clientSide, Limits{}), authenticated(server, Limits{})
		for {
			if relay(ctx, from, to) != nil || relay(ctx, to, from) != nil {
				return
			}
		}
	}()
	go func() { // the server: an echo
		c := authenticated(serverSide, Limits{})
		for relay(ctx, c, c) == nil {
		}
	}()
	stream := batch()
	answer := make([]byte, len(stream))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Write(stream); err != nil {
			b.Fatal(err)
		}
		for got := 0; got < len(answer); {
			n, err := client.Read(answer[got:])
			if err != nil {
				b.Fatal(err)
			}
			got += n
		}
	}
}

// relay moves one batch.
func relay(ctx context.Context, from, to *Conn) error {
	for {
		m, err := from.Read(ctx)
		if err != nil {
			return err
		}
		to.Out.Forward(m)
		if !from.Buffered() {
			return to.Flush(ctx)
		}
	}
}

// A patched row costs no allocation either.
func TestPatchAllocatesNothing(t *testing.T) {
	body := row8()[headerBytes:]
	opened := []byte("the value in clear")
	var out Output
	patch := func() {
		row, err := DecodeDataRow(body)
		if err != nil {
			t.Fatal(err)
		}
		patched := out.DataRow(row.Len())
		patched.Raw(2, row.Span(2))
		row.Next()
		patched.End(append(patched.Begin(), opened...))
		patched.Raw(5, row.Span(5))
		patched.Finish()
		out.Truncate(0)
	}
	patch()
	if n := testing.AllocsPerRun(1000, patch); n != 0 {
		t.Errorf("%v allocations for each row", n)
	}
}
