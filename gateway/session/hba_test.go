package session

import (
	"net"
	"net/netip"
	"testing"

	"github.com/portcullisdb/portcullis/config"
)

func testHBA(t *testing.T, rules ...config.HBA) *HBA {
	t.Helper()
	for i := range rules {
		if rules[i].Type == "" {
			rules[i].Type = "any"
		}
	}
	h, err := NewHBA(&config.Config{HBA: rules, CertMaps: map[string][]config.CertMap{
		"people": {{Certificate: "CN=alice", User: "app"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHBAFirstMatchDecides(t *testing.T) {
	h := testHBA(t,
		config.HBA{Users: []string{"mallory"}, Method: "reject"},
		config.HBA{Type: "local", Method: "scram-sha-256"},
		config.HBA{Type: "hostssl", Networks: []string{"10.1.2.3/8", "2001:db8::/32"}, Method: "cert", Map: "people"},
		config.HBA{Type: "hostnossl", Databases: []string{"open"}, Method: "scram-sha-256"},
		config.HBA{Type: "host", Users: []string{"all"}, Databases: []string{"all"}, Networks: []string{"127.0.0.0/8"}, Method: "scram-sha-256"},
	)
	for _, test := range []struct {
		name    string
		address net.Addr
		tls     bool
		user    string
		base    string
		want    method
		host    string
	}{
		{"a user refused", tcp("127.0.0.1"), false, "mallory", "open", methodReject, "127.0.0.1"},
		{"by Unix socket", &net.UnixAddr{Net: "unix"}, false, "app", "shop", methodSCRAM, "[local]"},
		{"by certificate", tcp("10.9.9.9"), true, "app", "shop", methodCert, "10.9.9.9"},
		{"by certificate, IPv6", tcp("2001:db8::7"), true, "app", "shop", methodCert, "2001:db8::7"},
		{"an IPv4 address in IPv6", tcp("::ffff:10.9.9.9"), true, "app", "shop", methodCert, "10.9.9.9"},
		{"an address with a zone", &net.TCPAddr{IP: net.ParseIP("2001:db8::7"), Zone: "eth0"}, true, "app", "shop", methodCert, "2001:db8::7"},
		{"without TLS", tcp("10.9.9.9"), false, "app", "shop", methodNone, "10.9.9.9"},
		{"without TLS, to one database", tcp("10.9.9.9"), false, "app", "open", methodSCRAM, "10.9.9.9"},
		{"from this machine", tcp("127.0.0.9"), true, "app", "shop", methodSCRAM, "127.0.0.9"},
		{"from elsewhere", tcp("11.0.0.1"), true, "app", "shop", methodNone, "11.0.0.1"},
		{"from nowhere", nil, false, "app", "shop", methodNone, "???"},
	} {
		a := attempt{encrypted: test.tls, user: test.user, database: test.base}
		a.address, a.local = remoteAddress(test.address)
		j := h.judge(&a, nil)
		if j.actual.by() != test.want || j.unknown != j.actual || a.host() != test.host {
			t.Errorf("%s: method %d for %s, want %d for %s", test.name, j.actual.by(), a.host(), test.want, test.host)
		}
	}
}

func tcp(address string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(address)} }

func TestHBAAbsentLetsEverybodyTryAPassword(t *testing.T) {
	empty, err := NewHBA(&config.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []*HBA{nil, empty} {
		for _, a := range []attempt{{local: true}, {address: netip.MustParseAddr("::1")}, {encrypted: true}} {
			if j := h.judge(&a, nil); j.actual.by() != methodSCRAM || !j.password || j.byRole {
				t.Errorf("%+v: %+v", a, j)
			}
		}
	}
}

func TestTLSRequired(t *testing.T) {
	h, err := NewHBA(&config.Config{Listen: config.Listen{TLS: &config.TLS{Require: true}}})
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[attempt]method{
		{address: netip.MustParseAddr("127.0.0.1"), user: "app", database: "shop"}:                  methodNone,
		{address: netip.MustParseAddr("127.0.0.1"), user: "app", database: "shop", encrypted: true}: methodSCRAM,
		{local: true, user: "app", database: "shop"}:                                                methodSCRAM,
	} {
		if got := h.judge(&a, nil).actual.by(); got != want {
			t.Errorf("%+v: %d, want %d", a, got, want)
		}
	}
	a := attempt{address: netip.MustParseAddr("127.0.0.1"), user: "app", database: "shop"}
	const want = `no pg_hba.conf entry for host "127.0.0.1", user "app", database "shop", no encryption`
	if got := a.refuse(h.judge(&a, nil).actual, nil); got.Message != want || got.Code.String() != "28000" {
		t.Errorf("got %v", got)
	}
}

// A rule for a role decides only for users who have it, and what others are told does not depend on it.
func TestHBARolesAreNotTold(t *testing.T) {
	a := attempt{address: netip.MustParseAddr("127.0.0.1"), encrypted: true, user: "x", database: "shop"}
	password := config.HBA{Method: "scram-sha-256"}
	for name, test := range map[string]struct {
		rules            []config.HBA
		unknown, withIt  method
		byRole, password bool
	}{
		"a role is refused": {[]config.HBA{{Users: []string{"+guests"}, Method: "reject"}, password},
			methodSCRAM, methodReject, true, true},
		"only a role is let in": {[]config.HBA{{Users: []string{"+guests"}, Method: "scram-sha-256"}},
			methodNone, methodSCRAM, true, true},
		"a role is let in by certificate": {[]config.HBA{{Users: []string{"+guests"}, Type: "hostssl", Method: "cert"}, password},
			methodSCRAM, methodCert, true, true},
		"a role by certificate, others not at all": {[]config.HBA{{Users: []string{"+guests"}, Type: "hostssl", Method: "cert"}},
			methodNone, methodCert, true, false},
		"the name comes first": {[]config.HBA{{Users: []string{"x"}, Method: "reject"},
			{Users: []string{"+guests"}, Method: "scram-sha-256"}}, methodReject, methodReject, false, false},
		"name and role in one rule": {[]config.HBA{{Users: []string{"+guests", "x"}, Method: "reject"}, password},
			methodReject, methodReject, false, false},
		"a rule behind the one that decides": {[]config.HBA{password, {Users: []string{"+guests"}, Method: "reject"}},
			methodSCRAM, methodSCRAM, false, true},
	} {
		h := testHBA(t, test.rules...)
		none := h.judge(&a, nil)
		if none.unknown.by() != test.unknown || none.actual != none.unknown || none.byRole != test.byRole || none.password != test.password {
			t.Errorf("%s: without roles %+v", name, none)
		}
		with := h.judge(&a, []string{"guests", "others"})
		if with.actual.by() != test.withIt || with.unknown != none.unknown || with.password != none.password {
			t.Errorf("%s: with the role %+v", name, with)
		}
	}
}

func TestHBARefusalsInPostgreSQLsWords(t *testing.T) {
	a := attempt{local: true, user: "app", database: "shop"}
	for want, rule := range map[string]*hbaRule{
		`pg_hba.conf rejects connection for host "[local]", user "app", database "shop", no encryption`: {method: methodReject},
		`no pg_hba.conf entry for host "[local]", user "app", database "shop", no encryption`:           nil,
		`connection requires a valid client certificate`:                                                {method: methodCert},
	} {
		if got := a.refuse(rule, nil); got.Message != want || got.Code.String() != "28000" {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	a.encrypted = true
	if got := a.refuse(nil, nil).Message; got != `no pg_hba.conf entry for host "[local]", user "app", database "shop", SSL encryption` {
		t.Errorf("got %s", got)
	}
}

func TestHBAWithoutItsMap(t *testing.T) {
	for _, c := range []config.Config{
		{HBA: []config.HBA{{Type: "any", Method: "cert", Map: "missing"}}},
		{HBA: []config.HBA{{Type: "any", Method: "trust"}}},
		{HBA: []config.HBA{{Type: "any", Method: "reject", Networks: []string{"10.0.0.0"}}}},
		{HBA: []config.HBA{{Type: "any", Method: "reject"}}, CertMaps: map[string][]config.CertMap{"m": {{Certificate: "/(/"}}}},
		{HBA: []config.HBA{{Type: "any", Method: "reject"}}, CertMaps: map[string][]config.CertMap{"m": {{Certificate: "OU=x"}}}},
	} {
		if _, err := NewHBA(&c); err == nil {
			t.Errorf("%+v: taken", c)
		}
	}
}
