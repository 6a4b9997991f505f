package execute

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/crypto/kek/file"
	"github.com/portcullisdb/portcullis/crypto/keyset"
	"github.com/portcullisdb/portcullis/crypto/keystore/folder"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
)

// newKeyset makes a keyset that lives as long as the test.
func newKeyset(tb testing.TB) *keyset.Keyset {
	tb.Helper()
	dir := tb.TempDir()
	if err := file.Create(filepath.Join(dir, "kek"), rand.Reader); err != nil {
		tb.Fatal(err)
	}
	kek, err := file.Open(filepath.Join(dir, "kek"))
	if err != nil {
		tb.Fatal(err)
	}
	store, err := folder.Create(filepath.Join(dir, "keys"))
	if err != nil {
		tb.Fatal(err)
	}
	keys, err := keyset.Create(context.Background(), kek, store, "pii")
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

// sealedPortal is a portal of rows of columns columns, all text, of which the last is sealed as "people.email".
func sealedPortal(tb testing.TB, columns int, mask *policy.Mask) (*Portal, *sealedColumn) {
	tb.Helper()
	people := policy.TableName{Schema: "public", Name: "people"}
	plan := &rewrite.Plan{Destination: rewrite.DestinationLogical, Command: rewrite.CommandSelect,
		Sealed: []rewrite.SealedColumn{{Table: people, Column: "email", ID: "0123", TypeOID: oidText, Typmod: -1,
			Encrypt: policy.Encrypt{Keyset: "pii", Equality: true, Domain: "email"}}},
		Text: rewrite.Text{Fragments: []string{"SELECT"}}}
	for i := range columns {
		o := rewrite.Output{PhysicalOID: oidText}
		if i == columns-1 {
			o = rewrite.Output{PhysicalOID: oidBytea, Open: []int{0}, Mask: mask, Column: policy.ColumnName{Table: people, Column: "email"}}
		}
		plan.Outputs = append(plan.Outputs, o)
		plan.Columns = append(plan.Columns, rewrite.Column{Name: "c", TypeOID: oidText, TypeLen: -1, Typmod: -1, Output: i})
	}
	runner, err := NewRunner(Options{Database: &policy.Database{}, Keysets: map[string]*keyset.Keyset{"pii": newKeyset(tb)}})
	if err != nil {
		tb.Fatal(err)
	}
	portal, failure := runner.Bind(context.Background(), &Request{Plan: plan, Settings: &datum.Settings{}})
	if failure != nil {
		tb.Fatal(failure)
	}
	return portal, &portal.program.sealed[0]
}

// nowhere is a client that takes everything.
type nowhere struct{ net.Conn }

func (nowhere) Write(p []byte) (int, error)      { return len(p), nil }
func (nowhere) Read([]byte) (int, error)         { return 0, io.EOF }
func (nowhere) SetWriteDeadline(time.Time) error { return nil }

func seal(tb testing.TB, c *sealedColumn, text string) []byte {
	tb.Helper()
	sealed, err := c.sealer.Seal(nil, []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return sealed
}

// row writes one row and returns the message, nil if there was an error.
func row(p *Portal, values [][]byte) ([]byte, string) {
	client := wire.NewConn(nowhere{}, wire.Limits{}, nil)
	w := &writer{conn: client}
	if err := p.writeRow(context.Background(), w, values); err != nil {
		if client.Out.Len() > 0 {
			return client.Out.Bytes(), err.Code.String()
		}
		return nil, err.Code.String()
	}
	return client.Out.Bytes(), ""
}

func TestRowsAreOpenedAndMasked(t *testing.T) {
	plain, column := sealedPortal(t, 2, nil)
	masked, maskedColumn := sealedPortal(t, 2, &policy.Mask{Type: "NULLIFY", Props: map[string]string{}, OnUnmaskable: "hide"})
	for what, c := range map[string]struct {
		portal *Portal
		value  []byte
		want   string
	}{
		"opened":      {plain, seal(t, column, "a@b.c"), "D\x00\x00\x00\x14\x00\x02\x00\x00\x00\x01x\x00\x00\x00\x05a@b.c"},
		"NULL":        {plain, nil, "D\x00\x00\x00\x0f\x00\x02\x00\x00\x00\x01x\xff\xff\xff\xff"},
		"empty":       {plain, seal(t, column, ""), "D\x00\x00\x00\x0f\x00\x02\x00\x00\x00\x01x\x00\x00\x00\x00"},
		"masked":      {masked, seal(t, maskedColumn, "a@b.c"), "D\x00\x00\x00\x0f\x00\x02\x00\x00\x00\x01x\xff\xff\xff\xff"},
		"masked NULL": {masked, nil, "D\x00\x00\x00\x0f\x00\x02\x00\x00\x00\x01x\xff\xff\xff\xff"},
	} {
		if got, code := row(c.portal, [][]byte{[]byte("x"), c.value}); string(got) != c.want {
			t.Errorf("%s: %q %s", what, got, code)
		}
	}
}

// A row whose value does not open is taken back whole, at every byte that may be wrong.
func TestWrongBytesGiveNoRow(t *testing.T) {
	portal, column := sealedPortal(t, 2, nil)
	good := seal(t, column, "somebody@example.com")
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 1
		if got, code := row(portal, [][]byte{[]byte("x"), bad}); got != nil || code != "XX001" && code != "58000" {
			t.Errorf("byte %d: %q %s", i, got, code)
		}
		if got, code := row(portal, [][]byte{[]byte("x"), good[:i]}); got != nil || code != "XX001" && code != "58000" {
			t.Errorf("cut at %d: %q %s", i, got, code)
		}
	}
}

// BenchmarkWriteRow is a row of eight columns, one of which is opened.
func BenchmarkWriteRow(b *testing.B) {
	portal, column := sealedPortal(b, 8, nil)
	values := make([][]byte, 8)
	for i := range values {
		values[i] = []byte("some text")
	}
	values[7] = seal(b, column, "somebody@example.com")
	w := &writer{conn: wire.NewConn(nowhere{}, wire.Limits{}, nil)}
	b.ReportAllocs()
	for b.Loop() {
		if err := portal.writeRow(context.Background(), w, values); err != nil {
			b.Fatal(err)
		}
	}
}
