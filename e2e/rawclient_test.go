package e2e_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
)

// client speaks the protocol message by message and keeps every byte that it is sent.
type client struct {
	conn     *recordingConn
	frontend *pgproto3.Frontend
	pid      uint32
	secret   []byte
	types    *pgtype.Map
	broken   bool
	custom   bool // logged in with parameters of its own
}

// recordingConn keeps what is read.
type recordingConn struct {
	net.Conn
	read bytes.Buffer
}

func (c *recordingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Write(p[:n])
	return n, err
}

// stepTimeout is the longest that any answer may take.
const stepTimeout = time.Minute

// open logs in.
func (s *shop) open(user string, parameters map[string]string) (*client, error) {
	config, err := pgconn.ParseConfig(s.url(user))
	if err != nil {
		return nil, err
	}
	for name, value := range parameters {
		config.RuntimeParams[name] = value
	}
	var recording *recordingConn
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		recording = &recordingConn{Conn: conn}
		return recording, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		return nil, err
	}
	return &client{conn: recording, frontend: hijacked.Frontend, pid: hijacked.PID, secret: hijacked.SecretKey, types: pgtype.NewMap()}, nil
}

// login opens a client for a test.
func (s *shop) login(t *testing.T, user string, parameters map[string]string) *client {
	t.Helper()
	c, err := s.open(user, parameters)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func (c *client) close() { c.conn.Close() }

// outcome is what a client was answered, up to ReadyForQuery.
type outcome struct {
	raw     []byte // every byte
	rows    [][]string
	fields  []pgproto3.FieldDescription
	params  []uint32
	tags    []string
	code    string // of the first error
	message string
	rule    string
	errors  []string // everything in errors and notices
	copied  []byte
	status  byte
	// sequence is the kinds of messages, for tests that look at order.
	sequence []string
}

// everything is all that the client can read, as bytes and as text.
func (o *outcome) everything() string {
	var b strings.Builder
	b.Write(o.raw)
	for _, row := range o.rows {
		b.WriteString("\n" + strings.Join(row, "\t"))
	}
	b.WriteString("\n" + strings.Join(o.errors, "\n") + "\n")
	b.Write(o.copied)
	return b.String()
}

func (o *outcome) lastColumn() string {
	var b strings.Builder
	for _, row := range o.rows {
		b.WriteString(row[len(row)-1])
	}
	return b.String()
}

// observable is what an attacker can compare, without the literals that he wrote himself.
func (o *outcome) observable() string {
	if o.code != "" {
		return o.code + " " + literals.ReplaceAllString(o.message, "?")
	}
	return fmt.Sprint(o.tags, o.rows)
}

var literals = regexp.MustCompile(`'[^']*'|"[^"]*"|[0-9]+`)

// send sends messages and reads the answers up to ReadyForQuery.
func (c *client) send(messages ...pgproto3.FrontendMessage) *outcome {
	for _, m := range messages {
		c.frontend.Send(m)
	}
	c.conn.SetDeadline(time.Now().Add(stepTimeout))
	o := &outcome{}
	if err := c.frontend.Flush(); err != nil {
		return c.lost(o, err)
	}
	return c.receive(o, "", 0)
}

// write sends bytes as they are.
func (c *client) write(p []byte) *outcome {
	c.conn.SetDeadline(time.Now().Add(stepTimeout))
	o := &outcome{}
	if _, err := c.conn.Write(p); err != nil {
		return c.lost(o, err)
	}
	return c.receive(o, "", 0)
}

func (c *client) simple(sql, copyData string, chunk int) *outcome {
	c.frontend.Send(&pgproto3.Query{String: sql})
	c.conn.SetDeadline(time.Now().Add(stepTimeout))
	o := &outcome{}
	if err := c.frontend.Flush(); err != nil {
		return c.lost(o, err)
	}
	return c.receive(o, copyData, chunk)
}

func (c *client) lost(o *outcome, err error) *outcome {
	c.broken = true
	if o.code == "" {
		o.code, o.message = "closed", err.Error()
	}
	o.raw = append(o.raw, c.conn.read.Bytes()...)
	c.conn.read.Reset()
	return o
}

// receive reads up to ReadyForQuery, or to the end of the connection.
func (c *client) receive(o *outcome, copyData string, chunk int) *outcome {
	for {
		m, err := c.frontend.Receive()
		if err != nil {
			return c.lost(o, err)
		}
		o.sequence = append(o.sequence, strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3."))
		switch m := m.(type) {
		case *pgproto3.RowDescription:
			o.fields = append([]pgproto3.FieldDescription(nil), m.Fields...)
			for i := range o.fields {
				o.fields[i].Name = bytes.Clone(m.Fields[i].Name)
			}
		case *pgproto3.ParameterDescription:
			o.params = append([]uint32(nil), m.ParameterOIDs...)
		case *pgproto3.DataRow:
			o.rows = append(o.rows, c.row(o.fields, m.Values))
		case *pgproto3.CommandComplete:
			o.tags = append(o.tags, string(m.CommandTag))
		case *pgproto3.ErrorResponse:
			if o.code == "" {
				o.code, o.message, o.rule = m.Code, m.Message, strings.TrimPrefix(m.Routine, "rule:")
			}
			o.errors = append(o.errors, fmt.Sprintf("%+v", *m))
		case *pgproto3.NoticeResponse:
			o.errors = append(o.errors, fmt.Sprintf("%+v", *m))
		case *pgproto3.CopyData:
			o.copied = append(o.copied, m.Data...)
		case *pgproto3.CopyInResponse:
			if chunk <= 0 {
				chunk = max(len(copyData), 1)
			}
			for at := 0; at < len(copyData); at += chunk {
				c.frontend.Send(&pgproto3.CopyData{Data: []byte(copyData[at:min(at+chunk, len(copyData))])})
			}
			c.frontend.Send(&pgproto3.CopyDone{})
			if err := c.frontend.Flush(); err != nil {
				return c.lost(o, err)
			}
		case *pgproto3.ReadyForQuery:
			o.status = m.TxStatus
			o.raw = append(o.raw, c.conn.read.Bytes()...)
			c.conn.read.Reset()
			return o
		}
	}
}

// row turns values into text, also those that came in binary.
func (c *client) row(fields []pgproto3.FieldDescription, values [][]byte) []string {
	row := make([]string, len(values))
	for i, v := range values {
		switch {
		case v == nil:
			row[i] = "NULL"
		case i < len(fields) && fields[i].Format == 1:
			row[i] = hex.EncodeToString(v)
			if typ, ok := c.types.TypeForOID(fields[i].DataTypeOID); ok {
				if value, err := typ.Codec.DecodeDatabaseSQLValue(c.types, fields[i].DataTypeOID, 1, v); err == nil {
					row[i] = fmt.Sprint(value)
				}
			}
		default:
			row[i] = string(v)
		}
	}
	return row
}

// step runs one step of a red-team case.
func (c *client) step(s *redStep) *outcome {
	switch s.Proto {
	case "raw":
		return c.rawStep(s.Messages)
	case "extended":
		return c.extendedStep(s)
	}
	return c.simple(s.text(), s.CopyData, s.CopyChunk)
}

func (c *client) extendedStep(s *redStep) *outcome {
	if s.Close != "" {
		c.frontend.Send(&pgproto3.Close{ObjectType: 'S', Name: s.Close})
		if s.text() == "" {
			return c.send(&pgproto3.Sync{})
		}
	}
	if s.text() != "" {
		c.frontend.Send(&pgproto3.Parse{Name: s.Name, Query: s.text(), ParameterOIDs: s.ParamOIDs})
	}
	bind := &pgproto3.Bind{PreparedStatement: s.Name, ParameterFormatCodes: []int16{s.ParamFormat},
		ResultFormatCodes: []int16{s.ResultFormat}}
	if len(s.ResultFormats) > 0 {
		bind.ResultFormatCodes = s.ResultFormats
	}
	for _, p := range s.Params {
		bind.Parameters = append(bind.Parameters, []byte(p))
	}
	c.frontend.Send(bind)
	c.frontend.Send(&pgproto3.Describe{ObjectType: 'P'})
	executes := 1
	if s.MaxRows > 0 {
		executes = 20
	}
	for range executes {
		c.frontend.Send(&pgproto3.Execute{MaxRows: s.MaxRows})
	}
	return c.send(&pgproto3.Sync{})
}

// rawStep sends the messages of a case in the words of testdata/redteam/README.md.
func (c *client) rawStep(messages []string) *outcome {
	all := &outcome{}
	for _, m := range messages {
		kind, rest, _ := strings.Cut(m, ":")
		var o *outcome
		switch kind {
		case "Parse":
			c.frontend.Send(&pgproto3.Parse{Query: strings.TrimPrefix(rest, ":")})
		case "Bind":
			c.frontend.Send(&pgproto3.Bind{})
		case "Execute":
			c.frontend.Send(&pgproto3.Execute{})
		case "Describe":
			c.frontend.Send(&pgproto3.Describe{ObjectType: rest[0]})
		case "Flush":
			c.frontend.Send(&pgproto3.Flush{})
		case "Sync":
			o = c.send(&pgproto3.Sync{})
		case "Query":
			o = c.simple(rest, "", 0)
		case "FunctionCall":
			o = c.send(&pgproto3.FunctionCall{Function: 16384, ArgFormatCodes: []uint16{0}, Arguments: [][]byte{[]byte("1")}})
		case "Abort":
			c.close()
			o = c.lost(&outcome{}, errors.New("aborted"))
		case "LyingLength":
			typ, text, _ := strings.Cut(rest, ":")
			o = c.write(append([]byte{typ[0], 0x7f, 0xff, 0xff, 0xff}, text...))
		default:
			continue // SSLRequest+PlainStartup: the log-in did that
		}
		if o == nil {
			continue
		}
		all.raw, all.rows = append(all.raw, o.raw...), append(all.rows, o.rows...)
		all.errors, all.tags = append(all.errors, o.errors...), append(all.tags, o.tags...)
		if all.code == "" {
			all.code, all.message = o.code, o.message
		}
		if c.broken {
			break
		}
	}
	return all
}

// freeAddress returns an address of this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
