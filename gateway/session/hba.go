package session

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/config"
)

// HBA is the list of who may log in how. The first rule that fits decides, as in PostgreSQL's pg_hba.conf
// (src/backend/libpq/hba.c, check_hba); where none fits the client is refused. A nil HBA lets everybody in by SCRAM. It is
// immutable.
type HBA struct {
	rules      []hbaRule
	requireTLS bool
}

// hbaRule is one rule. A nil list fits all.
type hbaRule struct {
	kind      string // "any", "local", "host", "hostssl", "hostnossl"
	users     []string
	roles     []string // of which the user must have one, if users does not name it
	databases []string
	networks  []netip.Prefix
	method    method
	names     *CertMap // methodCert
}

// method is how a user is authenticated.
type method int

const (
	methodNone   method = iota // no rule fits: refused
	methodReject               // a rule refuses
	methodSCRAM
	methodCert
)

// NewHBA makes the list that a configuration asks for. Its errors are those that the configuration's own checks let pass.
func NewHBA(c *config.Config) (*HBA, error) {
	h := &HBA{requireTLS: c.Listen.TLS != nil && c.Listen.TLS.Require}
	if len(c.HBA) == 0 {
		h.rules = []hbaRule{{kind: "any", method: methodSCRAM}}
		return h, nil
	}
	maps := map[string]*CertMap{"": nil} // without a map the CN is the user
	for name, entries := range c.CertMaps {
		m, err := NewCertMap(entries)
		if err != nil {
			return nil, fmt.Errorf("certificate map %q: %w", name, err)
		}
		maps[name] = m
	}
	for i := range c.HBA {
		rule, err := newHBARule(&c.HBA[i])
		if err != nil {
			return nil, fmt.Errorf("hba rule %d: %w", i+1, err)
		}
		known := false
		if rule.names, known = maps[c.HBA[i].Map]; !known {
			return nil, fmt.Errorf("hba rule %d: there is no certificate map %q", i+1, c.HBA[i].Map)
		}
		h.rules = append(h.rules, rule)
	}
	return h, nil
}

func newHBARule(c *config.HBA) (hbaRule, error) {
	r := hbaRule{kind: c.Type, databases: hbaList(c.Databases)}
	methods := map[string]method{"reject": methodReject, "scram-sha-256": methodSCRAM, "cert": methodCert}
	var known bool
	if r.method, known = methods[c.Method]; !known {
		return r, fmt.Errorf("unknown method %q", c.Method)
	}
	for _, name := range hbaList(c.Users) {
		if role, isRole := strings.CutPrefix(name, "+"); isRole {
			r.roles = append(r.roles, role)
		} else {
			r.users = append(r.users, name)
		}
	}
	for _, text := range c.Networks {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return r, err
		}
		r.networks = append(r.networks, network.Masked())
	}
	return r, nil
}

// hbaList returns a list of names, nil if it fits all.
func hbaList(names []string) []string {
	if slices.Contains(names, "all") {
		return nil
	}
	return names
}

// attempt is what is known of a client before it is authenticated.
type attempt struct {
	local, encrypted bool
	address          netip.Addr // of clients that are not local; an IPv4 address mapped into IPv6 is the IPv4 address
	user, database   string
}

// remoteAddress returns the address of a client, and whether it has come by Unix socket.
func remoteAddress(a net.Addr) (address netip.Addr, local bool) {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap().WithZone(""), false
	case *net.UnixAddr:
		return netip.Addr{}, true
	}
	return netip.Addr{}, false
}

// host is what PostgreSQL's messages call the client.
func (a *attempt) host() string {
	switch {
	case a.local:
		return "[local]"
	case !a.address.IsValid():
		return "???" // pg_getnameinfo_all
	}
	return a.address.String()
}

// judgement is what the list says of an attempt.
type judgement struct {
	// unknown is the rule for a user without roles, as one who does not exist is; actual that for the roles given. nil is no
	// rule.
	unknown, actual *hbaRule
	// byRole: some rule may decide by the roles that a user has.
	byRole bool
	// password: some rule that may decide authenticates by password.
	password bool
}

// judge looks for the rule that decides on an attempt of a user who has these roles.
func (h *HBA) judge(a *attempt, roles []string) judgement {
	if h == nil {
		h = everybody
	}
	var j judgement
	if h.requireTLS && !a.local && !a.encrypted {
		return j
	}
	for i := range h.rules {
		r := &h.rules[i]
		if !r.fitsPlace(a) {
			continue
		}
		named := r.users == nil && r.roles == nil || slices.Contains(r.users, a.user)
		if !named && r.roles == nil {
			continue
		}
		j.byRole = j.byRole || !named
		j.password = j.password || r.method == methodSCRAM
		if j.actual == nil && (named || slices.ContainsFunc(r.roles, func(role string) bool { return slices.Contains(roles, role) })) {
			j.actual = r
		}
		if named {
			j.unknown = r
			break
		}
	}
	return j
}

// everybody is the list of a gateway that has none.
var everybody = &HBA{rules: []hbaRule{{kind: "any", method: methodSCRAM}}}

// fitsPlace reports whether a rule is for clients that come from there, in this way, to this database.
func (r *hbaRule) fitsPlace(a *attempt) bool {
	switch r.kind {
	case "local":
		if !a.local {
			return false
		}
	case "host":
		if a.local {
			return false
		}
	case "hostssl":
		if a.local || !a.encrypted {
			return false
		}
	case "hostnossl":
		if a.local || a.encrypted {
			return false
		}
	}
	if r.networks != nil && (a.local || !slices.ContainsFunc(r.networks, func(n netip.Prefix) bool { return n.Contains(a.address) })) {
		return false
	}
	return r.databases == nil || slices.Contains(r.databases, a.database)
}

// by returns the method of a rule; methodNone of no rule.
func (r *hbaRule) by() method {
	if r == nil {
		return methodNone
	}
	return r.method
}
