package wire

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Each message that a backend sends reads, by pgproto3, as what was written.
func TestBackendMessages(t *testing.T) {
	fields := []Field{
		{Name: "id", TableOID: 16400, Attnum: 1, TypeOID: 20, TypeLen: 8, Typmod: -1, Format: FormatBinary},
		{Name: "e-mail", TypeOID: 1043, TypeLen: -1, Typmod: 24},
	}
	refusal := sqlstate.New(sqlstate.InsufficientPrivilege, "column %q is masked", "ssn").
		WithDetail("A detail.").WithHint("A hint.").WithRule("masked-predicate").At(8)
	refusal.Schema, refusal.Table, refusal.Column = "public", "customers", "ssn"
	refusal.DataType, refusal.Constraint = "text", "customers_ssn_key"
	refused := pgproto3.ErrorResponse{
		Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: "42501", Message: `column "ssn" is masked`,
		Detail: "A detail.", Hint: "A hint.", Position: 8, SchemaName: "public", TableName: "customers",
		ColumnName: "ssn", DataTypeName: "text", ConstraintName: "customers_ssn_key", Routine: "rule:masked-predicate",
	}

	tests := []struct {
		write func(o *Output)
		want  pgproto3.BackendMessage
	}{
		{func(o *Output) { o.AuthenticationOK() }, &pgproto3.AuthenticationOk{}},
		{func(o *Output) { o.AuthenticationSASL("A", "B") },
			&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"A", "B"}}},
		{func(o *Output) { o.authenticationSASLContinue([]byte("r=1")) },
			&pgproto3.AuthenticationSASLContinue{Data: []byte("r=1")}},
		{func(o *Output) { o.authenticationSASLFinal([]byte("v=1")) }, &pgproto3.AuthenticationSASLFinal{Data: []byte("v=1")}},
		{func(o *Output) { o.BackendKeyData(7, []byte{1, 2, 3, 4}) },
			&pgproto3.BackendKeyData{ProcessID: 7, SecretKey: []byte{1, 2, 3, 4}}},
		{func(o *Output) { o.ParameterStatus("TimeZone", "UTC") },
			&pgproto3.ParameterStatus{Name: "TimeZone", Value: "UTC"}},
		{func(o *Output) { o.ReadyForQuery(StatusFailed) }, &pgproto3.ReadyForQuery{TxStatus: 'E'}},
		{func(o *Output) { o.ParseComplete() }, &pgproto3.ParseComplete{}},
		{func(o *Output) { o.BindComplete() }, &pgproto3.BindComplete{}},
		{func(o *Output) { o.CloseComplete() }, &pgproto3.CloseComplete{}},
		{func(o *Output) { o.NoData() }, &pgproto3.NoData{}},
		{func(o *Output) { o.PortalSuspended() }, &pgproto3.PortalSuspended{}},
		{func(o *Output) { o.EmptyQueryResponse() }, &pgproto3.EmptyQueryResponse{}},
		{func(o *Output) { o.CommandComplete("INSERT 0 1") },
			&pgproto3.CommandComplete{CommandTag: []byte("INSERT 0 1")}},
		{func(o *Output) { o.ParameterDescription([]uint32{23, 25}) },
			&pgproto3.ParameterDescription{ParameterOIDs: []uint32{23, 25}}},
		{func(o *Output) { o.RowDescription(fields) }, &pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{
			{Name: []byte("id"), TableOID: 16400, TableAttributeNumber: 1, DataTypeOID: 20, DataTypeSize: 8,
				TypeModifier: -1, Format: 1},
			{Name: []byte("e-mail"), DataTypeOID: 1043, DataTypeSize: -1, TypeModifier: 24}}}},
		{func(o *Output) {
			b := o.DataRow(4)
			b.Value([]byte("x"))
			b.Value(nil)
			b.Value([]byte{})
			b.End(append(b.Begin(), "grown"...))
			b.Finish()
		}, &pgproto3.DataRow{Values: [][]byte{[]byte("x"), nil, {}, []byte("grown")}}},
		{func(o *Output) { o.ErrorResponse(SeverityError, refusal) }, &refused},
		{func(o *Output) {
			o.NoticeResponse(SeverityWarning, sqlstate.New(sqlstate.NoActiveSQLTransaction, "none"))
		}, &pgproto3.NoticeResponse{Severity: "WARNING", SeverityUnlocalized: "WARNING", Code: "25P01", Message: "none"}},
		{func(o *Output) { o.negotiateProtocolVersion(3<<16, []string{"_pq_.x"}) },
			&pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: 3 << 16, UnrecognizedOptions: []string{"_pq_.x"}}},
	}
	for _, test := range tests {
		var o Output
		test.write(&o)
		front := pgproto3.NewFrontend(bytes.NewReader(o.Bytes()), nil)
		got, err := front.Receive()
		if err != nil {
			t.Errorf("%T: %v", test.want, err)
		} else if !reflect.DeepEqual(got, test.want) {
			t.Errorf("got  %#v\nwant %#v", got, test.want)
		}
	}
}

// Each message that a frontend sends reads, by pgproto3, as what was written.
func TestFrontendMessages(t *testing.T) {
	tests := []struct {
		write func(o *Output)
		want  pgproto3.FrontendMessage
	}{
		{func(o *Output) { o.Query("SELECT 1") }, &pgproto3.Query{String: "SELECT 1"}},
		{func(o *Output) { o.Query("cut\x00here") }, &pgproto3.Query{String: "cut"}},
		{func(o *Output) { o.Parse("s", "SELECT $1", []uint32{25}) },
			&pgproto3.Parse{Name: "s", Query: "SELECT $1", ParameterOIDs: []uint32{25}}},
		{func(o *Output) { o.Describe(KindPortal, "p") }, &pgproto3.Describe{ObjectType: 'P', Name: "p"}},
		{func(o *Output) { o.Close(KindStatement, "s") }, &pgproto3.Close{ObjectType: 'S', Name: "s"}},
		{func(o *Output) { o.Execute("p", 10) }, &pgproto3.Execute{Portal: "p", MaxRows: 10}},
		{func(o *Output) { o.Sync() }, &pgproto3.Sync{}},
		{func(o *Output) { o.FlushMessage() }, &pgproto3.Flush{}},
		{func(o *Output) { o.Terminate() }, &pgproto3.Terminate{}},
		{func(o *Output) {
			b := o.Bind("p", "s", []int16{0, 1}, 2)
			b.Value([]byte("a"))
			b.Null()
			b.Finish([]int16{1})
		}, &pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "s", ParameterFormatCodes: []int16{0, 1},
			Parameters: [][]byte{[]byte("a"), nil}, ResultFormatCodes: []int16{1}}},
	}
	for _, test := range tests {
		var o Output
		test.write(&o)
		back := pgproto3.NewBackend(bytes.NewReader(o.Bytes()), nil)
		got, err := back.Receive()
		if err != nil {
			t.Errorf("%T: %v", test.want, err)
		} else if !reflect.DeepEqual(got, test.want) {
			t.Errorf("got  %#v\nwant %#v", got, test.want)
		}
	}
}

func TestDecodersGiveBackWhatWasWritten(t *testing.T) {
	var o Output
	body := func(write func()) []byte { o.Reset(); write(); return o.Bytes()[headerBytes:] }

	if sql, err := DecodeQuery(body(func() { o.Query("SELECT 1") })); err != nil || string(sql) != "SELECT 1" {
		t.Errorf("Query: %q, %v", sql, err)
	}
	p, err := DecodeParse(body(func() { o.Parse("s", "SELECT $1, $2", []uint32{0, 1<<32 - 1}) }))
	if err != nil || string(p.Name) != "s" || string(p.SQL) != "SELECT $1, $2" || p.NumParams() != 2 ||
		!reflect.DeepEqual(p.ParamOIDs(nil), []uint32{0, 1<<32 - 1}) {
		t.Errorf("Parse: %+v, %v", p, err)
	}
	kind, name, err := DecodeDescribe(body(func() { o.Describe(KindStatement, "s") }))
	if err != nil || kind != KindStatement || string(name) != "s" {
		t.Errorf("Describe: %c %q, %v", kind, name, err)
	}
	kind, name, err = DecodeClose(body(func() { o.Close(KindPortal, "") }))
	if err != nil || kind != KindPortal || string(name) != "" {
		t.Errorf("Close: %c %q, %v", kind, name, err)
	}
	portal, rows, err := DecodeExecute(body(func() { o.Execute("p", 5) }))
	if err != nil || string(portal) != "p" || rows != 5 {
		t.Errorf("Execute: %q %d, %v", portal, rows, err)
	}
	if _, rows, err = DecodeExecute(body(func() { o.Execute("p", -1) })); err != nil || rows != 0 {
		t.Errorf("Execute without limit: %d, %v", rows, err)
	}
	fields := []Field{{Name: "a", TableOID: 1, Attnum: -2, TypeOID: 3, TypeLen: -1, Typmod: -1, Format: 1}, {}}
	if got, err := DecodeRowDescription(nil, body(func() { o.RowDescription(fields) })); err != nil ||
		!reflect.DeepEqual(got, fields) {
		t.Errorf("RowDescription: %+v, %v", got, err)
	}
	oids := []uint32{23, 0}
	if got, err := DecodeParameterDescription(nil, body(func() { o.ParameterDescription(oids) })); err != nil ||
		!reflect.DeepEqual(got, oids) {
		t.Errorf("ParameterDescription: %v, %v", got, err)
	}
	if tag, err := DecodeCommandComplete(body(func() { o.CommandComplete("SELECT 3") })); err != nil ||
		string(tag) != "SELECT 3" {
		t.Errorf("CommandComplete: %q, %v", tag, err)
	}
	if status, err := DecodeReadyForQuery(body(func() { o.ReadyForQuery(StatusInTx) })); err != nil ||
		status != StatusInTx {
		t.Errorf("ReadyForQuery: %c, %v", status, err)
	}
	if _, err := DecodeReadyForQuery([]byte{'?'}); err == nil {
		t.Error("ReadyForQuery: an unknown status passed")
	}
	name1, value, err := DecodeParameterStatus(body(func() { o.ParameterStatus("a", "b") }))
	if err != nil || name1 != "a" || value != "b" {
		t.Errorf("ParameterStatus: %q %q, %v", name1, value, err)
	}
}

func TestDecodeReport(t *testing.T) {
	sent := pgproto3.ErrorResponse{
		Severity: "FEHLER", SeverityUnlocalized: "ERROR", Code: "23505", Message: "m", Detail: "d", Hint: "h",
		Position: 3, InternalPosition: 4, InternalQuery: "q", Where: "w", SchemaName: "s", TableName: "t",
		ColumnName: "c", DataTypeName: "y", ConstraintName: "n", File: "f", Line: 5, Routine: "r",
		UnknownFields: map[byte]string{'x': "passed over"},
	}
	frame, err := sent.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Report{Severity: SeverityError, Code: sqlstate.FromServer("23505"), Message: "m", Detail: "d", Hint: "h",
		Position: 3, InternalPosition: 4, InternalQuery: "q", Where: "w", Schema: "s", Table: "t", Column: "c",
		DataType: "y", Constraint: "n", File: "f", Line: "5", Routine: "r"}
	got, problem := DecodeReport(frame[headerBytes:])
	if problem != nil || got != want {
		t.Errorf("got  %+v, %v\nwant %+v", got, problem, want)
	}
	if e := got.SQLState(); e.Code.String() != "23505" || e.Detail != "d" || e.Constraint != "n" || e.Position != 3 {
		t.Errorf("as an error: %+v", e)
	}
	old := pgproto3.ErrorResponse{Severity: "PANIC", Code: "bad"} // before 9.6 there was no field V
	frame, _ = old.Encode(nil)
	if got, _ = DecodeReport(frame[headerBytes:]); got.Severity != SeverityPanic || got.Code != sqlstate.InternalError {
		t.Errorf("got severity %q, code %v", got.Severity, got.Code)
	}
}

// Bodies that are cut or too long are errors in PostgreSQL's words.
func TestBrokenBodies(t *testing.T) {
	var o Output
	bind := o.Bind("p", "s", []int16{1}, 2)
	bind.Value([]byte("value"))
	bind.Null()
	bind.Finish([]int16{0, 1})
	bodies := map[string]struct {
		body   []byte
		decode func([]byte) *sqlstate.Error
	}{
		"Bind": {o.Bytes()[headerBytes:], func(b []byte) *sqlstate.Error { _, err := DecodeBind(b); return err }},
		"Parse": {[]byte("s\x00q\x00\x00\x01\x00\x00\x00\x19"), func(b []byte) *sqlstate.Error {
			_, err := DecodeParse(b)
			return err
		}},
		"Query":    {[]byte("q\x00"), func(b []byte) *sqlstate.Error { _, err := DecodeQuery(b); return err }},
		"Describe": {[]byte("Ss\x00"), func(b []byte) *sqlstate.Error { _, _, err := DecodeDescribe(b); return err }},
		"Close":    {[]byte("Ps\x00"), func(b []byte) *sqlstate.Error { _, _, err := DecodeClose(b); return err }},
		"Execute": {[]byte("p\x00\x00\x00\x00\x01"), func(b []byte) *sqlstate.Error {
			_, _, err := DecodeExecute(b)
			return err
		}},
		"DataRow": {[]byte("\x00\x02\x00\x00\x00\x01x\xff\xff\xff\xff"), func(b []byte) *sqlstate.Error {
			_, err := DecodeDataRow(b)
			return err
		}},
	}
	for name, test := range bodies {
		if err := test.decode(test.body); err != nil {
			t.Errorf("%s: whole: %v", name, err)
		}
		for end := range len(test.body) {
			if err := test.decode(test.body[:end]); err == nil || err.Code != sqlstate.ProtocolViolation {
				t.Errorf("%s cut at byte %d: %v", name, end, err)
			}
		}
		if err := test.decode(append(bytes.Clone(test.body), 0)); err == nil || err.Message != "invalid message format" {
			t.Errorf("%s with a byte more: %v", name, err)
		}
	}

	words := []struct {
		err  *sqlstate.Error
		want string
	}{
		{bodies["Query"].decode([]byte("q")), "invalid string in message"},
		{bodies["Execute"].decode([]byte("p\x00\x00")), "insufficient data left in message"},
		{bodies["Describe"].decode([]byte("Xs\x00")), "invalid DESCRIBE message subtype 88"},
		{bodies["Close"].decode([]byte("Xs\x00")), "invalid CLOSE message subtype 88"},
		{bodies["Bind"].decode([]byte("\x00\x00\x00\x02\x00\x00\x00\x01\x00\x01\xff\xff\xff\xff\x00\x00")),
			"bind message has 2 parameter formats but 1 parameters"},
		{bodies["Bind"].decode([]byte("\x00\x00\x00\x00\x00\x01\xff\xff\xff\xfe\x00\x00")),
			"insufficient data left in message"},
	}
	for _, w := range words {
		if w.err == nil || w.err.Message != w.want {
			t.Errorf("got %v, want %q", w.err, w.want)
		}
	}
}

func TestBindView(t *testing.T) {
	var o Output
	values := [][]byte{[]byte("a"), nil, {}, []byte(strings.Repeat("b", 1000))}
	b := o.Bind("portal", "statement", []int16{0, 1, 0, 1}, len(values))
	for _, v := range values {
		b.Value(v)
	}
	b.Finish([]int16{1})
	whole := bytes.Clone(o.Bytes())
	m, err := DecodeBind(whole[headerBytes:])
	if err != nil {
		t.Fatal(err)
	}
	if string(m.Portal) != "portal" || string(m.Statement) != "statement" {
		t.Errorf("names %q, %q", m.Portal, m.Statement)
	}
	if got := m.ParamFormats.Append(nil); !reflect.DeepEqual(got, []int16{0, 1, 0, 1}) {
		t.Errorf("formats %v", got)
	}
	if m.ResultFormats.Len() != 1 || m.ResultFormats.At(17) != FormatBinary {
		t.Error("one result format does not hold for all columns")
	}
	if got := m.Params.Append(nil); !reflect.DeepEqual(got, values) {
		t.Errorf("got %d values", len(got))
	}
	if m.Params.Len() != len(values) {
		t.Error("Append moved the view that it walked over a copy of")
	}

	o.Reset()
	o.BindRest([]byte("portal"), "statement", m.Rest)
	if !bytes.Equal(o.Bytes(), whole) {
		t.Error("BindRest with the same names is another message")
	}

	// The second value replaced, the others copied in spans.
	o.Reset()
	patched := o.Bind("portal", "statement", m.ParamFormats.Append(nil), m.Params.Len())
	walk := m.Params
	patched.Raw(1, walk.Span(1))
	walk.Next()
	patched.Value([]byte("new"))
	patched.Raw(2, walk.Span(2))
	patched.Finish(nil)
	again, err := DecodeBind(o.Bytes()[headerBytes:])
	if err != nil {
		t.Fatal(err)
	}
	want := [][]byte{values[0], []byte("new"), values[2], values[3]}
	if got := again.Params.Append(nil); !reflect.DeepEqual(got, want) {
		t.Errorf("patched: %q", got)
	}
}

func TestForwardOfAMessageThatWasNotRead(t *testing.T) {
	var o, want Output
	o.Forward(Message{Type: TypeQuery, Body: []byte("SELECT 1\x00")})
	want.Query("SELECT 1")
	if !bytes.Equal(o.Bytes(), want.Bytes()) {
		t.Errorf("got %q", o.Bytes())
	}
}

func TestManyParameters(t *testing.T) {
	var o Output
	b := o.Bind("", "", nil, ParamsMax)
	for range ParamsMax {
		b.Null()
	}
	b.Finish(nil)
	m, err := DecodeBind(o.Bytes()[headerBytes:])
	if err != nil || m.Params.Len() != ParamsMax {
		t.Errorf("%d parameters, %v", m.Params.Len(), err)
	}
}

func TestBuilderIsTakenBackWhole(t *testing.T) {
	var pool Buffers
	o := Output{buffers: &pool}
	o.Sync()
	before := bytes.Clone(o.Bytes())
	b := o.DataRow(2)
	b.Value([]byte("half a row"))
	b.Begin()
	b.Abort()
	if !bytes.Equal(o.Bytes(), before) {
		t.Error("Abort left something")
	}

	// A value that outgrows the buffer which it was appended to.
	big := bytes.Repeat([]byte("x"), 3*bufferLarge)
	b = o.DataRow(2)
	b.End(append(b.Begin(), big...))
	_ = append(b.Begin(), "dropped"...)
	b.EndNull()
	b.Finish()
	v, err := DecodeDataRow(o.Bytes()[len(before)+headerBytes:])
	if err != nil {
		t.Fatal(err)
	}
	first, _ := v.Next()
	second, ok := v.Next()
	if !bytes.Equal(first, big) || second != nil || !ok {
		t.Errorf("values of %d bytes and %q", len(first), second)
	}
}

func TestBuilderPanicsOnAWrongNumberOfValues(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a row with a value missing was finished")
		}
	}()
	var o Output
	b := o.DataRow(2)
	b.Null()
	b.Finish()
}
