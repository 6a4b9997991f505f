package wire

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// packet makes a startup packet: its length, a code, and a rest.
func packet(code uint32, rest string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(rest)))
	return append(binary.BigEndian.AppendUint32(b, code), rest...)
}

const version30 = 3 << 16

func TestReadStartup(t *testing.T) {
	long := strings.Repeat("é", 40) // 80 bytes; 62 of them make whole characters
	tests := []struct {
		name  string
		input []byte
		want  *Startup
		reply string // what waits in Out or was sent
		code  sqlstate.Code
		text  string
		fails error // without an answer
	}{
		{name: "the least", input: packet(version30, "user\x00app\x00\x00"),
			want: &Startup{User: "app", Database: "app", Parameters: map[string]string{}}},
		{name: "all kinds of parameters",
			input: packet(version30, "user\x00app\x00database\x00shop\x00options\x00-c a=b\x00replication\x00true\x00\x00"),
			want: &Startup{User: "app", Database: "shop",
				Parameters: map[string]string{"options": "-c a=b", "replication": "true"}}},
		{name: "long names are cut between characters",
			input: packet(version30, "user\x00"+long+"\x00database\x00"+strings.Repeat("d", 70)+"\x00\x00"),
			want: &Startup{User: strings.Repeat("é", 31), Database: strings.Repeat("d", 63),
				Parameters: map[string]string{}}},
		{name: "a newer minor version", input: packet(3<<16|2, "user\x00app\x00\x00"),
			want:  &Startup{User: "app", Database: "app", Parameters: map[string]string{}},
			reply: "v\x00\x00\x00\x0c\x00\x03\x00\x00\x00\x00\x00\x00"},
		{name: "an option of the protocol", input: packet(version30, "user\x00app\x00_pq_.x\x001\x00\x00"),
			want:  &Startup{User: "app", Database: "app", Parameters: map[string]string{}},
			reply: "v\x00\x00\x00\x13\x00\x03\x00\x00\x00\x00\x00\x01_pq_.x\x00"},
		{name: "cancel", input: packet(codeCancelRequest, "\x00\x00\x00\x07abcd"),
			want: &Startup{Cancel: &CancelKey{PID: 7, Secret: []byte("abcd")}}},
		{name: "cancel without a secret", input: packet(codeCancelRequest, "\x00\x00\x00\x07"),
			fails: ErrStartupPacket},
		{name: "cancel with a secret too long", input: packet(codeCancelRequest, "\x00\x00\x00\x07"+strings.Repeat("s", 257)),
			fails: ErrStartupPacket},
		{name: "encryption of both kinds refused, one after the other",
			input: append(append(packet(codeSSLRequest, ""), packet(codeGSSENCRequest, "")...),
				packet(version30, "user\x00app\x00\x00")...),
			want:  &Startup{User: "app", Database: "app", Parameters: map[string]string{}},
			reply: "NN"},
		{name: "a second SSLRequest", input: append(packet(codeSSLRequest, ""), packet(codeSSLRequest, "")...),
			code: sqlstate.FeatureNotSupported,
			text: "unsupported frontend protocol 1234.5679: server supports 3.0 to 3.0"},
		{name: "version 2", input: packet(2<<16, "app"),
			code: sqlstate.FeatureNotSupported, text: "unsupported frontend protocol 2.0: server supports 3.0 to 3.0"},
		{name: "no user", input: packet(version30, "database\x00shop\x00\x00"),
			code: sqlstate.InvalidAuthorization, text: "no PostgreSQL user name specified in startup packet"},
		{name: "as long as may be", input: packet(version30, "user\x00app\x00x\x00"+strings.Repeat("x", 10_000-4-9-2-2)+"\x00\x00"),
			want: &Startup{User: "app", Database: "app", Parameters: map[string]string{"x": strings.Repeat("x", 10_000-4-9-2-2)}}},
		{name: "names twice", input: packet(version30, "user\x00a\x00user\x00b\x00x\x001\x00x\x002\x00\x00"),
			want: &Startup{User: "b", Database: "b", Parameters: map[string]string{"x": "2"}}},
		{name: "an empty database", input: packet(version30, "user\x00app\x00database\x00\x00\x00"),
			want: &Startup{User: "app", Database: "app", Parameters: map[string]string{}}},
		{name: "an empty user", input: packet(version30, "user\x00\x00database\x00x\x00\x00"),
			code: sqlstate.InvalidAuthorization, text: "no PostgreSQL user name specified in startup packet"},
		{name: "bytes that are no UTF-8", input: packet(version30, "user\x00\xff\xfe\x00\x00"),
			want: &Startup{User: "\xff\xfe", Database: "\xff\xfe", Parameters: map[string]string{}}},
		{name: "no terminator", input: packet(version30, "user\x00app\x00"),
			code: sqlstate.ProtocolViolation, text: "invalid startup packet layout: expected terminator as last byte"},
		{name: "a name without value", input: packet(version30, "user\x00app\x00database\x00"),
			code: sqlstate.ProtocolViolation, text: "invalid startup packet layout: expected terminator as last byte"},
		{name: "bytes behind the terminator", input: packet(version30, "user\x00app\x00\x00more"),
			code: sqlstate.ProtocolViolation, text: "invalid startup packet layout: expected terminator as last byte"},
		{name: "nothing but a version", input: packet(version30, ""),
			code: sqlstate.ProtocolViolation, text: "invalid startup packet layout: expected terminator as last byte"},
		{name: "too short", input: []byte{0, 0, 0, 7, 0, 3, 0, 0},
			fails: ErrStartupPacket},
		{name: "too long", input: binary.BigEndian.AppendUint32(nil, 10_005),
			fails: ErrStartupPacket},
		{name: "another protocol", input: []byte("GET / HTTP/1.1\r\n"),
			fails: ErrStartupPacket},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			// One byte at a time, as no request may come together with the next one; and each packet whole.
			for _, peer := range []net.Conn{
				&faulty{Conn: &memory{input: test.input}, readMax: 1},
				&memory{input: test.input, cuts: []int{8, 16}},
			} {
				c := NewConn(peer, Limits{}, nil)
				got, err := c.ReadStartup(context.Background(), nil)
				if test.fails != nil {
					if !errors.Is(err, test.fails) {
						t.Fatalf("got %v, want %v", err, test.fails)
					}
					continue
				}
				if test.text != "" {
					var state *sqlstate.Error
					if !errors.As(err, &state) || state.Code != test.code || state.Message != test.text {
						t.Fatalf("got %v, want %v %s", err, test.code, test.text)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got, test.want) {
					t.Errorf("got  %+v\nwant %+v", got, test.want)
				}
				sent := peer
				if f, ok := peer.(*faulty); ok {
					sent = f.Conn
				}
				if reply := string(sent.(*memory).output) + string(c.Out.Bytes()); reply != test.reply {
					t.Errorf("replied %q, want %q", reply, test.reply)
				}
			}
		})
	}
}

// What pgproto3 makes of a startup message is what is read.
func TestReadStartupOfPgproto3(t *testing.T) {
	message := pgproto3.StartupMessage{ProtocolVersion: version30, Parameters: map[string]string{
		"user": "carol", "database": "shop", "application_name": "psql", "client_encoding": "UTF8"}}
	input, err := message.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := NewConn(&memory{input: input}, Limits{}, nil).ReadStartup(context.Background(), nil)
	if err != nil || got.User != "carol" || got.Database != "shop" || len(got.Parameters) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// CVE-2021-23222: bytes in clear that come together with a request for encryption are not taken for the client's.
func TestSmuggledBytesAreRefused(t *testing.T) {
	config := serverTLS(t)
	for name, test := range map[string]struct {
		code   uint32
		config *tls.Config
		text   string
		answer string
	}{
		"TLS":    {codeSSLRequest, config, "received unencrypted data after SSL request", ""},
		"no TLS": {codeSSLRequest, nil, "received unencrypted data after SSL request", "N"},
		"GSS":    {codeGSSENCRequest, nil, "received unencrypted data after GSSAPI encryption request", "N"},
	} {
		input := append(packet(test.code, ""), packet(version30, "user\x00app\x00\x00")...)
		peer := &memory{input: input, cuts: []int{5}} // the second read brings the rest of both packets
		_, err := NewConn(peer, Limits{}, nil).ReadStartup(context.Background(), test.config)
		var state *sqlstate.Error
		if !errors.As(err, &state) || state.Code != sqlstate.ProtocolViolation || state.Message != test.text {
			t.Errorf("%s: got %v, want %s", name, err, test.text)
		}
		if string(peer.output) != test.answer {
			t.Errorf("%s: answered %q", name, peer.output)
		}
	}
}

func TestStartupOverTLS(t *testing.T) {
	config := serverTLS(t)
	trusting := func(protocols ...string) *tls.Config {
		return &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}
	}
	tls12 := trusting()
	tls12.MaxVersion = tls.VersionTLS12
	for name, client := range map[string]struct {
		config  *tls.Config
		direct  bool
		refused bool
	}{
		"after SSLRequest":             {config: trusting()},
		"after SSLRequest, with ALPN":  {config: trusting("postgresql")},
		"TLS 1.2":                      {config: tls12},
		"direct":                       {config: trusting("postgresql"), direct: true},
		"direct, without ALPN":         {config: trusting(), direct: true, refused: true},
		"direct, for another protocol": {config: trusting("h2"), direct: true, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := tcpPair(t)
			go func() {
				if !client.direct {
					_, _ = near.Write(packet(codeSSLRequest, ""))
					answer := make([]byte, 1)
					if _, err := io.ReadFull(near, answer); err != nil || answer[0] != 'S' {
						near.Close()
						return
					}
				}
				secure := tls.Client(near, client.config)
				_, _ = secure.Write(packet(version30, "user\x00app\x00\x00"))
				var o Output
				o.Query("SELECT 1")
				_, _ = secure.Write(o.Bytes())
				_, _ = io.Copy(secure, secure) // echo, until the end
			}()
			c := NewConn(far, Limits{}, nil)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			s, err := c.ReadStartup(ctx, config)
			if client.refused {
				if err == nil {
					t.Fatal("the connection started")
				}
				return
			}
			if err != nil || s.User != "app" {
				t.Fatalf("got %+v, %v", s, err)
			}
			if _, encrypted := c.TLS(); !encrypted {
				t.Error("the connection is not encrypted")
			}
			m, err := c.Read(ctx)
			if err != nil || m.Type != TypeQuery {
				t.Fatalf("read %c, %v", m.Type, err)
			}
			c.Out.Forward(m)
			if err := c.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			if m, err = c.Read(ctx); err != nil || m.Type != TypeQuery {
				t.Fatalf("read %c after an echo, %v", m.Type, err)
			}
		})
	}
}

func TestStartupEndsWithItsContext(t *testing.T) {
	for name, sent := range map[string][]byte{
		"nothing sent":          nil,
		"half a packet":         packet(version30, "user\x00")[:9],
		"no handshake":          packet(codeSSLRequest, ""),
		"half a direct request": {tlsRecordHandshake, 3, 1, 0, 200, 1},
	} {
		near, far := tcpPair(t)
		if _, err := near.Write(sent); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		_, err := NewConn(far, Limits{}, nil).ReadStartup(ctx, serverTLS(t))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, want the deadline", name, err)
		}
	}
}

// Every read and write of a startup may fail, and the failure is told.
func TestStartupFailsWithTheSocket(t *testing.T) {
	input := append(packet(codeSSLRequest, ""), packet(version30, "user\x00app\x00\x00")...)
	for failAt := 1; failAt <= len(input)+1; failAt++ {
		peer := &faulty{Conn: &memory{input: input}, readMax: 1, failAt: failAt}
		if _, err := NewConn(peer, Limits{}, nil).ReadStartup(context.Background(), nil); !errors.Is(err, errFault) {
			t.Fatalf("fault at operation %d: got %v", failAt, err)
		}
	}
}

func serverTLS(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}}
}

func TestCutName(t *testing.T) {
	for _, n := range []string{"", "short", strings.Repeat("x", 63)} {
		if cutName(n) != n {
			t.Errorf("%q was cut", n)
		}
	}
	if got := cutName(strings.Repeat("\x80", 100)); len(got) != 0 {
		t.Errorf("bytes that are no character: %d kept", len(got))
	}
}

func FuzzStartup(f *testing.F) {
	for _, seed := range [][]byte{
		packet(version30, "user\x00app\x00database\x00shop\x00\x00"), packet(3<<16|2, "user\x00a\x00_pq_.x\x001\x00\x00"),
		packet(codeCancelRequest, "\x00\x00\x00\x07abcd"), packet(codeSSLRequest, ""), packet(codeGSSENCRequest, ""),
		{tlsRecordHandshake, 3, 1}, packet(version30, "")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		c := NewConn(&faulty{Conn: &memory{input: input}, readMax: 1}, Limits{}, nil)
		s, err := c.ReadStartup(context.Background(), nil)
		if len(c.in) > bufferLarge {
			t.Fatalf("a buffer of %d bytes before authentication", len(c.in))
		}
		if err != nil {
			return
		}
		if s.Cancel != nil {
			return
		}
		// What was read, written again, reads the same.
		again := pgproto3.StartupMessage{ProtocolVersion: version30, Parameters: map[string]string{
			"user": s.User, "database": s.Database}}
		for name, value := range s.Parameters {
			again.Parameters[name] = value
		}
		encoded, err := again.Encode(nil)
		if err != nil || len(encoded) > StartupBytesDefault {
			return
		}
		s2, err := NewConn(&memory{input: encoded}, Limits{}, nil).ReadStartup(context.Background(), nil)
		if err != nil || !reflect.DeepEqual(s, s2) {
			t.Fatalf("read  %+v\nagain %+v, %v", s, s2, err)
		}
	})
}
