package e2e_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	endian "encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// rawStep sends bytes and reads messages; all until the end if messages is -1.
type rawStep struct {
	send     func(last []byte) []byte // last is the body of the last message
	messages int
}

// rawLogin is a conversation before authentication is done.
type rawLogin struct {
	tls   bool // after an SSLRequest
	steps []rawStep
}

const untilEnd = -1

// Codes of startup packets (src/include/libpq/pqcomm.h).
const (
	codeVersion30  = 3 << 16
	codeCancel     = 1234<<16 | 5678
	codeSSLRequest = 1234<<16 | 5679
	codeGSSRequest = 1234<<16 | 5680
)

func startupPacket(code uint32, rest string) []byte {
	b := endian.BigEndian.AppendUint32(nil, uint32(8+len(rest)))
	return append(endian.BigEndian.AppendUint32(b, code), rest...)
}

func say(send []byte, messages int) rawStep {
	return rawStep{send: func([]byte) []byte { return send }, messages: messages}
}

// loginScript is a login of a user on the database shop.
type loginScript struct{ user string }

func (l loginScript) begin(messages int) rawStep {
	return say(startupPacket(codeVersion30, "user\x00"+l.user+"\x00database\x00shop\x00\x00"), messages)
}

// saslInitial is a SASLInitialResponse.
func saslInitial(mechanism, data string) []byte {
	body := append([]byte(mechanism), 0)
	return frontendMessage('p', append(endian.BigEndian.AppendUint32(body, uint32(len(data))), data...))
}

func frontendMessage(kind byte, body []byte) []byte {
	return append(endian.BigEndian.AppendUint32([]byte{kind}, uint32(4+len(body))), body...)
}

// reply makes a SASLResponse of the nonce of the server's challenge.
func reply(format string, messages int) rawStep {
	return rawStep{messages: messages, send: func(last []byte) []byte {
		nonce := ""
		if len(last) > 6 {
			nonce, _, _ = strings.Cut(string(last[6:]), ",")
		}
		return frontendMessage('p', []byte(strings.ReplaceAll(format, "NONCE", nonce)))
	}}
}

var noProof = base64.StdEncoding.EncodeToString(make([]byte, 32))

func (l loginScript) wrongPassword() rawLogin {
	return rawLogin{steps: []rawStep{l.begin(1), say(saslInitial("SCRAM-SHA-256", "n,,n=,r=fyko"), 1),
		reply("c=biws,r=NONCE,p="+noProof, untilEnd)}}
}

// first is a login whose first message of the exchange is refused.
func (l loginScript) first(mechanism, data string) rawLogin {
	return rawLogin{steps: []rawStep{l.begin(1), say(saslInitial(mechanism, data), untilEnd)}}
}

// last is a login whose last message of the exchange is refused.
func (l loginScript) last(format string) rawLogin {
	return rawLogin{steps: []rawStep{l.begin(1), say(saslInitial("SCRAM-SHA-256", "n,,n=,r=fyko"), 1), reply(format, untilEnd)}}
}

func (l rawLogin) overTLS() rawLogin { l.tls = true; return l }

// rawLogins compares message by message what is answered to clients that do not do as libpq does.
func (s *loginStage) rawLogins(t *testing.T) {
	app := loginScript{"app"}
	once := func(packet []byte) rawLogin { return rawLogin{steps: []rawStep{say(packet, untilEnd)}} }
	startup := func(rest string) rawLogin { return once(startupPacket(codeVersion30, rest)) }
	negotiate := func(version uint32, rest string) rawLogin {
		return rawLogin{steps: []rawStep{say(startupPacket(version, "user\x00app\x00database\x00shop\x00"+rest+"\x00"), 2)}}
	}
	long := func(n int) string {
		return "user\x00app\x00database\x00shop\x00x\x00" + strings.Repeat("y", n-8-27) + "\x00\x00"
	}
	for name, script := range map[string]rawLogin{
		"no user":                     startup("database\x00shop\x00\x00"),
		"an empty user":               startup("user\x00\x00database\x00shop\x00\x00"),
		"a user twice":                startup("user\x00app\x00user\x00mallory\x00database\x00shop\x00\x00"),
		"no database":                 startup("user\x00mallory\x00\x00"),
		"an empty database":           startup("user\x00mallory\x00database\x00\x00\x00"),
		"no terminator":               startup("user\x00app\x00"),
		"more behind the terminator":  startup("user\x00app\x00\x00x"),
		"a name without value":        startup("user\x00app\x00x\x00"),
		"nothing but a version":       startup(""),
		"nothing but a terminator":    startup("\x00"),
		"a name that is no text":      startup("user\x00mall\xff\xfery\x00database\x00\xff\x00\x00"),
		"a long name":                 startup("user\x00mallory\x00database\x00" + strings.Repeat("d", 100) + "\x00\x00"),
		"a length of nothing":         once([]byte{0, 0, 0, 0, 0, 3, 0, 0}),
		"a length too short":          once([]byte{0, 0, 0, 7, 0, 3, 0, 0}),
		"a packet too long":           once(startupPacket(codeVersion30, long(10_005))),
		"a packet as long as may be":  {steps: []rawStep{say(startupPacket(codeVersion30, long(10_004)), 1)}},
		"another protocol":            once([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")),
		"version 4":                   once(startupPacket(4<<16, "user\x00app\x00\x00")),
		"version 3.1":                 negotiate(3<<16|1, ""),
		"version 3.2":                 negotiate(3<<16|2, ""),
		"version 3.9999 with options": negotiate(3<<16|9999, "_pq_.a\x001\x00_pq_.b\x00\x00_pq_\x00c\x00"),
		"an option of the protocol":   negotiate(codeVersion30, "_pq_.a\x001\x00"),
		"a cancel request":            once(startupPacket(codeCancel, "\x00\x00\x00\x00\x00\x00\x00\x00")),
		"a short cancel request":      once(startupPacket(codeCancel, "\x00\x00")),
		"an SSLRequest in TLS":        once(startupPacket(codeSSLRequest, "")).overTLS(),
		"a GSSENCRequest in TLS":      once(startupPacket(codeGSSRequest, "")).overTLS(),
		"a cancel request in TLS":     once(startupPacket(codeCancel, "\x00\x00\x00\x00\x00\x00\x00\x00")).overTLS(),
		"no user in TLS":              startup("database\x00shop\x00\x00").overTLS(),
		"refused in TLS":              startup("user\x00mallory\x00database\x00shop\x00\x00").overTLS(),
		"another message":             {steps: []rawStep{app.begin(1), say(frontendMessage('Q', []byte("SELECT 1\x00")), untilEnd)}},
		"what is no message":          {steps: []rawStep{app.begin(1), say([]byte{1, 0, 0, 0, 4}, untilEnd)}},
		"a message too long":          {steps: []rawStep{app.begin(1), say(saslInitial("SCRAM-SHA-256", strings.Repeat("x", 1100)), untilEnd)}},
		"a message far too long":      {steps: []rawStep{app.begin(1), say([]byte{'p', 0x7f, 0, 0, 0}, untilEnd)}},
		"no mechanism":                {steps: []rawStep{app.begin(1), say(frontendMessage('p', []byte("SCRAM-SHA-256")), untilEnd)}},
		"no length":                   {steps: []rawStep{app.begin(1), say(frontendMessage('p', []byte("SCRAM-SHA-256\x00")), untilEnd)}},
		"a length beyond":             {steps: []rawStep{app.begin(1), say(frontendMessage('p', []byte("SCRAM-SHA-256\x00\x00\x00\x00\x09n,,")), untilEnd)}},
		"more than the length":        {steps: []rawStep{app.begin(1), say(frontendMessage('p', []byte("SCRAM-SHA-256\x00\x00\x00\x00\x01n,,")), untilEnd)}},
		"no initial response": {steps: []rawStep{app.begin(1), say(frontendMessage('p', []byte("SCRAM-SHA-256\x00\xff\xff\xff\xff")), 1),
			say(frontendMessage('p', []byte("n,,n=,r=fyko")), 1), reply("c=biws,r=NONCE,p="+noProof, untilEnd)}},
		"mechanisms in TLS":        rawLogin{steps: []rawStep{loginScript{"someone"}.begin(1)}}.overTLS(),
		"PLAIN":                    app.first("PLAIN", "x"),
		"binding without TLS":      app.first("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=,r=x"),
		"an empty first message":   app.first("SCRAM-SHA-256", ""),
		"a zero byte":              app.first("SCRAM-SHA-256", "n,,n=\x00,r=x"),
		"nonsense":                 app.first("SCRAM-SHA-256", "nonsense"),
		"an authzid":               app.first("SCRAM-SHA-256", "n,a=x,n=,r=x"),
		"an extension":             app.first("SCRAM-SHA-256", "n,,m=x,n=,r=x"),
		"no nonce":                 app.first("SCRAM-SHA-256", "n,,n=x"),
		"binding, no mechanism":    app.first("SCRAM-SHA-256", "p=tls-server-end-point,,n=,r=x").overTLS(),
		"mechanism, no binding":    app.first("SCRAM-SHA-256-PLUS", "n,,n=,r=x").overTLS(),
		"an offer not seen":        app.first("SCRAM-SHA-256", "y,,n=,r=x").overTLS(),
		"an offer not seen, bound": app.first("SCRAM-SHA-256-PLUS", "y,,n=,r=x").overTLS(),
		"another binding":          app.first("SCRAM-SHA-256-PLUS", "p=tls-exporter,,n=,r=x").overTLS(),
		"another channel":          app.last("c=eSws,r=NONCE,p=" + noProof),
		"another nonce":            app.last("c=biws,r=NONCEx,p=" + noProof),
		"no proof":                 app.last("c=biws,r=NONCE"),
		"a short proof":            app.last("c=biws,r=NONCE,p=AAAA"),
		"more behind the proof":    app.last("c=biws,r=NONCE,p=" + noProof + ",x=y"),
		"a wrong proof":            app.last("c=biws,r=NONCE,p=" + noProof),
		"a wrong proof in TLS":     app.last("c=biws,r=NONCE,p=" + noProof).overTLS(),
		"another certificate": rawLogin{steps: []rawStep{app.begin(1), say(saslInitial("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=,r=x"), 1),
			reply("c="+base64.StdEncoding.EncodeToString(append([]byte("p=tls-server-end-point,,"), make([]byte, 32)...))+",r=NONCE,p="+noProof,
				untilEnd)}}.overTLS(),
	} {
		t.Run(name, func(t *testing.T) {
			direct := s.transcript(t, net.JoinHostPort("127.0.0.1", fmt.Sprint(s.clusters[0].Port)), script)
			if got := s.transcript(t, s.address, script); got != direct {
				t.Errorf("through the gateway:\n%s\ndirect:\n%s", got, direct)
			}
		})
	}
}

// exchange sends bytes, over TLS if config is not nil, and waits for the end.
func (s *loginStage) exchange(t *testing.T, address string, config *tls.Config, send []byte) {
	t.Helper()
	s.transcript(t, address, rawLogin{tls: config != nil, steps: []rawStep{say(send, untilEnd)}})
}

// transcript runs a conversation and tells in text what was answered.
func (s *loginStage) transcript(t *testing.T, address string, script rawLogin) string {
	t.Helper()
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(stepTimeout / 2)); err != nil {
		t.Fatal(err)
	}
	if script.tls {
		answer := make([]byte, 1)
		if _, err := conn.Write(startupPacket(codeSSLRequest, "")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 'S' {
			t.Fatalf("SSLRequest: %q, %v", answer, err)
		}
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	from := bufio.NewReader(conn)
	var b strings.Builder
	var last []byte
	for _, step := range script.steps {
		_, _ = conn.Write(step.send(last)) // the other side may have gone, which the read tells
		for n := 0; n != step.messages; n++ {
			kind, body, err := readMessage(from)
			if err != nil {
				if network := net.Error(nil); !asNetError(err, &network) || !network.Timeout() {
					b.WriteString("the end\n")
				} else {
					b.WriteString("nothing more\n")
				}
				return b.String()
			}
			last = body
			b.WriteString(messageText(kind, body))
		}
	}
	return b.String()
}

func asNetError(err error, target *net.Error) bool {
	network, ok := err.(net.Error)
	*target = network
	return ok
}

func readMessage(from *bufio.Reader) (kind byte, body []byte, err error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(from, head); err != nil {
		return 0, nil, err
	}
	body = make([]byte, endian.BigEndian.Uint32(head[1:])-4)
	_, err = io.ReadFull(from, body)
	return head[0], body, err
}

// messageText tells a message without nonces, salts and the places of an error in the server's source.
func messageText(kind byte, body []byte) string {
	switch {
	case kind == 'E':
		var fields []string
		for _, field := range bytes.Split(body, []byte{0}) {
			if len(field) > 0 && strings.IndexByte("SVCMDH", field[0]) >= 0 {
				fields = append(fields, string(field))
			}
		}
		return "error " + strings.Join(fields, " | ") + "\n"
	case kind == 'R' && len(body) >= 4 && endian.BigEndian.Uint32(body) == 11: // AuthenticationSASLContinue
		var keys []string
		for _, attribute := range strings.Split(string(body[4:]), ",") {
			key, value, _ := strings.Cut(attribute, "=")
			if key == "i" {
				key += "=" + value
			}
			keys = append(keys, fmt.Sprintf("%s (%d)", key, len(value)))
		}
		return "challenge " + strings.Join(keys, ", ") + "\n"
	}
	return fmt.Sprintf("%c %q\n", kind, body)
}

// salt returns the salt that a user's challenge has.
func (s *loginStage) salt(t *testing.T, user string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", s.address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"postgresql"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	from := bufio.NewReader(conn)
	var body []byte
	for _, send := range [][]byte{loginScript{user}.begin(1).send(nil), saslInitial("SCRAM-SHA-256", "n,,n=,r=fyko")} {
		if _, err := conn.Write(send); err != nil {
			t.Fatal(err)
		}
		if _, body, err = readMessage(from); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Split(string(body), ",")[1]
}
