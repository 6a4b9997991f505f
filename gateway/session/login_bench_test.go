package session

import (
	"bufio"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkLogin logs in and leaves, over sockets of the loopback interface. Both sides are measured; the client derives its
// keys once.
func BenchmarkLogin(b *testing.B) {
	g := plainGateway(b)
	g.database.Pooling.Mode = ModeTransaction
	c := &loginClient{address: g.address, database: g.database.Policy.Name}
	c.login(b)
	b.ReportAllocs()
	for b.Loop() {
		c.login(b)
	}
}

// loginClient does the least that a client must.
type loginClient struct {
	address, database    string
	clientKey, storedKey []byte
}

func (c *loginClient) login(tb testing.TB) {
	conn, err := net.Dial("tcp", c.address)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	from := bufio.NewReaderSize(conn, 512)
	send := func(t string, body []byte) {
		packet := binary.BigEndian.AppendUint32([]byte(t), uint32(4+len(body)))
		if _, err := conn.Write(append(packet, body...)); err != nil {
			tb.Fatal(err)
		}
	}
	read := func() (byte, []byte) {
		head := make([]byte, 5)
		if _, err := io.ReadFull(from, head); err != nil {
			tb.Fatal(err)
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(from, body); err != nil {
			tb.Fatal(err)
		}
		if head[0] == 'E' {
			tb.Fatalf("%q", body)
		}
		return head[0], body
	}
	send("", []byte("\x00\x03\x00\x00user\x00"+clientUser+"\x00database\x00"+c.database+"\x00\x00"))
	read()
	const bare = "n=,r=fyko"
	send("p", []byte("SCRAM-SHA-256\x00\x00\x00\x00\x0cn,,"+bare))
	_, challenge := read()
	attributes := strings.Split(string(challenge[4:]), ",")
	if c.clientKey == nil {
		c.derive(tb, attributes[1][2:], attributes[2][2:])
	}
	final := "c=biws," + attributes[0]
	proof := hmacOf(c.storedKey, bare+","+string(challenge[4:])+","+final)
	for i := range proof {
		proof[i] ^= c.clientKey[i]
	}
	send("p", []byte(final+",p="+base64.StdEncoding.EncodeToString(proof)))
	for t := byte(0); t != 'Z'; {
		t, _ = read()
	}
	send("X", nil)
}

func (c *loginClient) derive(tb testing.TB, salt64, iterations string) {
	salt, err := base64.StdEncoding.DecodeString(salt64)
	if err != nil {
		tb.Fatal(err)
	}
	n, err := strconv.Atoi(iterations)
	if err != nil {
		tb.Fatal(err)
	}
	salted, err := pbkdf2.Key(sha256.New, clientPassword, salt, n, sha256.Size)
	if err != nil {
		tb.Fatal(err)
	}
	c.clientKey = hmacOf(salted, "Client Key")
	stored := sha256.Sum256(c.clientKey)
	c.storedKey = stored[:]
}

func hmacOf(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}
