package session

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"testing"

	"github.com/portcullisdb/portcullis/config"
)

func TestCertificateLetsIn(t *testing.T) {
	uri, _ := url.Parse("spiffe://corp/ns/shop/sa/app")
	alice := &x509.Certificate{Subject: pkix.Name{Names: []pkix.AttributeTypeAndValue{{Type: oidCommonName, Value: "alice"}}},
		DNSNames: []string{"One.svc", "a.b.svc"}, EmailAddresses: []string{"alice@corp.example"}}
	alice.URIs = append(alice.URIs, uri)
	cn := func(values ...string) *x509.Certificate {
		c := &x509.Certificate{}
		for _, v := range values {
			c.Subject.Names = append(c.Subject.Names, pkix.AttributeTypeAndValue{Type: oidCommonName, Value: v})
		}
		return c
	}
	entry := func(certificate, user string) []config.CertMap {
		return []config.CertMap{{Certificate: certificate, User: user}}
	}
	for _, test := range []struct {
		name        string
		entries     []config.CertMap // nil: no map
		certificate *x509.Certificate
		user        string
		want        bool
	}{
		{"the CN", nil, alice, "alice", true},
		{"another CN", nil, alice, "Alice", false},
		{"the name of a host is no CN", nil, alice, "one.svc", false},
		{"no CN", nil, cn(), "", false},
		{"an empty CN", nil, cn(""), "", false},
		{"two CNs, the first", nil, cn("app", "eve"), "app", false},
		{"two CNs, the last", nil, cn("app", "eve"), "eve", false},
		{"a CN with a zero byte", nil, cn("app\x00.eve"), "app\x00.eve", false},
		{"a map without the CN", entry("CN=bob", "alice"), alice, "alice", false},
		{"a map with the CN", entry("CN=alice", "app"), alice, "app", true},
		{"a map with the CN, for another user", entry("CN=alice", "app"), alice, "alice", false},
		{"a host", entry("DNS=one.SVC", "app"), alice, "app", true},
		{"hosts", entry("DNS=*.svc", "app"), &x509.Certificate{DNSNames: []string{"two.svc"}}, "app", true},
		{"a host below hosts", entry("DNS=*.svc", "app"), &x509.Certificate{DNSNames: []string{"a.b.svc"}}, "app", false},
		{"no label", entry("DNS=*.svc", "app"), &x509.Certificate{DNSNames: []string{".svc"}}, "app", false},
		{"the domain itself", entry("DNS=*.svc", "app"), &x509.Certificate{DNSNames: []string{"svc"}}, "app", false},
		{"a star elsewhere", entry("CN=*", "app"), alice, "app", false},
		{"mail", entry("EMAIL=alice@corp.example", "app"), alice, "app", true},
		{"a URI", entry("URI=spiffe://corp/ns/shop/sa/app", "app"), alice, "app", true},
		{"an expression", entry("/^EMAIL=(.*)@corp\\.example$/", `\1`), alice, "alice", true},
		{"an expression, for another user", entry("/^EMAIL=(.*)@corp\\.example$/", `\1`), alice, "bob", false},
		{"an expression with more around its group", entry("/sa/([a-z]+)$/", `svc_\1`), alice, "svc_app", true},
		{"an expression for one user", entry("/^CN=al/", "app"), alice, "app", true},
		{"an expression that does not fit", entry("/^CN=bob$/", "app"), alice, "app", false},
		{"an empty group", entry("/^CN=alice()$/", `\1`), alice, "", false},
		{"an empty map", []config.CertMap{}, alice, "alice", false},
	} {
		var m *CertMap
		if test.entries != nil {
			var err error
			if m, err = NewCertMap(test.entries); err != nil {
				t.Fatal(err)
			}
		}
		if got := m.lets(test.certificate, test.user); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
