package wire

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// testExchange starts an exchange for the password "secret" whose server nonce is all zeros.
func testExchange(t testing.TB, binding []byte) *exchange {
	t.Helper()
	v, err := Verifier("secret", bytes.NewReader(make([]byte, scramSaltBytes)))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := parseVerifier(v)
	if err != nil {
		t.Fatal(err)
	}
	return &exchange{keys: keys, binding: binding}
}

var testNonce = make([]byte, nonceBytes)

// testNonceText is the whole nonce of an exchange whose client's part is "fyko".
var testNonceText = "fyko" + base64.StdEncoding.EncodeToString(testNonce)

// What PostgreSQL 15 answers to messages that are not as they should be, word for word.
func TestExchangeRefusals(t *testing.T) {
	const (
		malformed = "08P01 malformed SCRAM message: "
		plain     = "SCRAM-SHA-256"
		plus      = "SCRAM-SHA-256-PLUS"
		begin     = "n,,n=,r=fyko"
		bindBegin = "p=tls-server-end-point,,n=,r=fyko"
	)
	binding := []byte("what the client saw")
	proof := ",p=" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	nonce := "r=" + testNonceText
	bound := func(data string) string {
		return "c=" + base64.StdEncoding.EncodeToString([]byte(data)) + "," + nonce + proof
	}
	for _, test := range []struct {
		name        string
		mechanism   string
		tls         bool
		first, last string
		want        string
	}{
		{"a mechanism that is not offered", plus, false, "", "", "08P01 client selected an invalid SASL authentication mechanism"},
		{"another mechanism", "PLAIN", true, "", "", "08P01 client selected an invalid SASL authentication mechanism"},
		{"nothing", plain, false, "", "", malformed + "The message is empty."},
		{"a zero byte", plain, false, "n,,n=\x00,r=x", "", malformed + "Message length does not match input length."},
		{"another flag", plain, false, "x", "", malformed + `Unexpected channel-binding flag "'x'".`},
		{"a flag that cannot be printed", plain, false, "\xff", "", malformed + `Unexpected channel-binding flag "0xff".`},
		{"the flag alone", plain, false, "n", "", malformed + `Comma expected, but found character "0x00".`},
		{"no comma", plain, false, "yx", "", malformed + `Comma expected, but found character "'x'".`},
		{"no authzid", plain, false, "n,x", "", malformed + `Unexpected attribute "'x'" in client-first-message.`},
		{"an authzid", plain, false, "n,a=b,n=,r=x", "", "0A000 client uses authorization identity, but it is not supported"},
		{"an extension that must be known", plain, false, "n,,m=1,n=,r=x", "", "0A000 client requires an unsupported SCRAM extension"},
		{"no name", plain, false, "n,,r=x", "", malformed + `Expected attribute "n" but found "'r'".`},
		{"a name without value", plain, false, "n,,nx", "", malformed + `Expected character "=" for attribute "n".`},
		{"no nonce", plain, false, "n,,n=x", "", malformed + `Expected attribute "r" but found "0x00".`},
		{"a nonce that cannot be printed", plain, false, "n,,n=,r=a\x01", "", "08P01 non-printable characters in SCRAM nonce"},
		{"an extension that is none", plain, false, "n,,n=,r=x,1=2", "", malformed + `Attribute expected, but found invalid character "'1'".`},
		{"an extension without value", plain, false, "n,,n=,r=x,z", "", malformed + `Expected character "=" for attribute "z".`},
		{"binding without its mechanism", plain, true, bindBegin, "", malformed +
			"The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data."},
		{"the mechanism without binding", plus, true, begin, "", malformed +
			"The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data."},
		{"somebody took the offer away", plain, true, "y,,n=,r=fyko", "", "28000 SCRAM channel binding negotiation error: " +
			"The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding."},
		{"another binding", plus, true, "p=tls-unique,,n=,r=x", "", `08P01 unsupported SCRAM channel-binding type "tls-unique"`},
		{"a long and strange binding", plus, true, "p=" + strings.Repeat("\xffx", 30) + ",,n=,r=x", "",
			`08P01 unsupported SCRAM channel-binding type "` + strings.Repeat("?x", 15) + `"`},
		{"an authzid behind a binding", plus, true, "p=tls-server-end-point,a=x,n=,r=x", "",
			"0A000 client uses authorization identity, but it is not supported"},

		{"another last message", plain, false, begin, "x", malformed + `Expected attribute "c" but found "'x'".`},
		{"an empty last message", plain, false, begin, "", malformed + "The message is empty."},
		{"another channel", plain, false, begin, "c=AAAA," + nonce + proof,
			"08P01 unexpected SCRAM channel-binding attribute in client-final-message"},
		{"another flag than before", plain, false, begin, "c=eSws," + nonce + proof,
			"08P01 unexpected SCRAM channel-binding attribute in client-final-message"},
		{"another nonce", plain, false, begin, "c=biws," + nonce + "x" + proof, "08P01 invalid SCRAM response: Nonce does not match."},
		{"no proof", plain, false, begin, "c=biws," + nonce, malformed + "Attribute expected, but found end of string."},
		{"an attribute that is none", plain, false, begin, "c=biws," + nonce + ",1=p", malformed +
			`Attribute expected, but found invalid character "'1'".`},
		{"a short proof", plain, false, begin, "c=biws," + nonce + ",p=AAAA", malformed + "Malformed proof in client-final-message."},
		{"a long proof", plain, false, begin, "c=biws," + nonce + ",p=" + base64.StdEncoding.EncodeToString(make([]byte, 33)),
			malformed + "Malformed proof in client-final-message."},
		{"a very long proof", plain, false, begin, "c=biws," + nonce + ",p=" + strings.Repeat("A", 400),
			malformed + "Malformed proof in client-final-message."},
		{"a proof that is no base64", plain, false, begin, "c=biws," + nonce + ",p=!!!!", malformed +
			"Malformed proof in client-final-message."},
		{"more behind the proof", plain, false, begin, "c=biws," + nonce + proof + ",x=y", malformed +
			"Garbage found at the end of client-final-message."},
		{"a wrong proof", plain, false, begin, "c=biws," + nonce + proof, "no proof"},
		{"a wrong proof behind an extension", plain, false, begin, "c=biws," + nonce + ",z=1" + proof, "no proof"},
		{"a wrong proof over TLS", plain, true, begin, "c=biws," + nonce + proof, "no proof"},
		{"another certificate", plus, true, bindBegin, bound("p=tls-server-end-point,,what the man in the middle has"),
			"28000 SCRAM channel binding check failed"},
		{"no certificate", plus, true, bindBegin, bound("p=tls-server-end-point,,"), "28000 SCRAM channel binding check failed"},
		{"our certificate, a wrong proof", plus, true, bindBegin, bound("p=tls-server-end-point,,what the client saw"), "no proof"},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := testExchange(t, nil)
			if test.tls {
				x.binding = binding
			}
			if got := runExchange(x, test.mechanism, test.first, test.last); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// runExchange returns the exchange's refusal in text, "no proof", or "proven".
func runExchange(x *exchange, mechanism, first, last string) string {
	text := func(e *sqlstate.Error) string {
		if e.Detail != "" {
			return e.Code.String() + " " + e.Message + ": " + e.Detail
		}
		return e.Code.String() + " " + e.Message
	}
	if err := x.choose(mechanism); err != nil {
		return text(err)
	}
	if _, err := x.first([]byte(first), testNonce); err != nil {
		return text(err)
	}
	key, err := x.final([]byte(last))
	switch {
	case err != nil:
		return text(err)
	case !x.proves(&key):
		return "no proof"
	}
	return "proven"
}

// proofOf answers an exchange as a client with the right keys does.
func proofOf(x *exchange, clientKey [32]byte, channel string) string {
	last := "c=" + base64.StdEncoding.EncodeToString([]byte(channel)) + ",r=" + string(x.nonce)
	signature := hmacOf(x.keys.storedKey[:], string(x.authMessage)+","+last)
	for i := range signature {
		signature[i] ^= clientKey[i]
	}
	return last + ",p=" + base64.StdEncoding.EncodeToString(signature)
}

// The proof of a client that knows the password gives its ClientKey, with each flag.
func TestExchangeGivesTheKeys(t *testing.T) {
	clientKey := sha256.Sum256([]byte("a client's key"))
	for name, test := range map[string]struct {
		mechanism, header, data string
		binding                 []byte
	}{
		"n":                {mechanismPlain, "n,,", "", nil},
		"y":                {mechanismPlain, "y,,", "", nil},
		"n, although p is": {mechanismPlain, "n,,", "", []byte("certificate")},
		"p":                {mechanismPlus, bindingHeader, "certificate", []byte("certificate")},
	} {
		x := &exchange{binding: test.binding, keys: storedKeys{iterations: 1, salt: []byte("salt"),
			storedKey: sha256.Sum256(clientKey[:]), serverKey: sha256.Sum256([]byte("server"))}}
		if err := x.choose(test.mechanism); err != nil {
			t.Fatal(err)
		}
		challenge, err := x.first([]byte(test.header+"n=,r=fyko"), testNonce)
		if err != nil || string(challenge) != "r="+testNonceText+",s=c2FsdA==,i=1" {
			t.Fatalf("%s: %s, %v", name, challenge, err)
		}
		got, err := x.final([]byte(proofOf(x, clientKey, test.header+test.data)))
		if err != nil || got != clientKey || !x.proves(&got) {
			t.Errorf("%s: %v, not the client's key", name, err)
		}
	}
}

func TestEndPointHash(t *testing.T) {
	for algorithm := x509.UnknownSignatureAlgorithm; algorithm <= x509.PureEd25519; algorithm++ {
		want := map[bool]crypto.Hash{true: crypto.SHA256}[strings.Contains(algorithm.String(), "SHA")]
		for text, hash := range map[string]crypto.Hash{"MD5": crypto.SHA256, "SHA384": crypto.SHA384, "SHA512": crypto.SHA512} {
			if strings.Contains(algorithm.String(), text) {
				want = hash
			}
		}
		if algorithm == x509.MD2WithRSA {
			want = 0 // crypto/x509 knows the name alone
		}
		if got := endPointHash(algorithm); got != want {
			t.Errorf("%v: %v, want %v", algorithm, got, want)
		}
	}
}

// The hash is that of the certificate's signature, whatever its key, and there is none where the type is not defined.
func TestEndPointOfCertificates(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate := func(key crypto.Signer, algorithm x509.SignatureAlgorithm) tls.Certificate {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), SignatureAlgorithm: algorithm}
		raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
	}
	for _, test := range []struct {
		key       crypto.Signer
		algorithm x509.SignatureAlgorithm
		hash      func([]byte) []byte
	}{
		{rsaKey, x509.SHA256WithRSA, func(b []byte) []byte { h := sha256.Sum256(b); return h[:] }},
		{rsaKey, x509.SHA384WithRSA, func(b []byte) []byte { h := sha512.Sum384(b); return h[:] }},
		{rsaKey, x509.SHA512WithRSAPSS, func(b []byte) []byte { h := sha512.Sum512(b); return h[:] }},
		{edKey, x509.PureEd25519, func([]byte) []byte { return nil }},
	} {
		shown := certificate(test.key, test.algorithm)
		c := NewConn(&memory{}, Limits{}, nil)
		if c.endPoint() != nil {
			t.Error("a binding without TLS")
		}
		c.certificate = shownCertificate(&tls.Config{Certificates: []tls.Certificate{shown}})
		if !bytes.Equal(c.endPoint(), test.hash(shown.Certificate[0])) {
			t.Errorf("%v: another hash", test.algorithm)
		}
		if shownCertificate(&tls.Config{Certificates: []tls.Certificate{shown, shown}}) != nil {
			t.Error("one of several certificates was taken for the one that was shown")
		}
	}
}

// Whatever a client says, the exchange ends in a refusal or without a proof, and says nothing of the keys.
func FuzzExchange(f *testing.F) {
	v, err := Verifier("secret", bytes.NewReader(make([]byte, scramSaltBytes)))
	if err != nil {
		f.Fatal(err)
	}
	keys, _ := parseVerifier(v)
	f.Add(mechanismPlain, "n,,n=,r=fyko", "c=biws,r="+testNonceText+",p=AAAA", true)
	f.Add(mechanismPlain, "y,,n=user,r=,m=1", "c=eSws,r=AAAAAAAAAAAAAAAAAAAAAAAA,x=y,p=", false)
	f.Add(mechanismPlus, bindingHeader+"n==2C,r=fyko", "c=cD10bHM=,r="+testNonceText+",p=AAAA", true)
	f.Fuzz(func(t *testing.T, mechanism, first, last string, bound bool) {
		x := &exchange{keys: keys}
		if bound {
			x.binding = []byte("certificate")
		}
		got := runExchange(x, mechanism, first, last)
		if got == "proven" {
			t.Fatal("proven without the password")
		}
		if x.bound && !bound {
			t.Fatal("bound to nothing")
		}
	})
}
