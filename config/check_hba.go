package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// listAll stands in a list of an hba rule for every user or database.
const listAll = "all"

// rolePrefix begins an entry of HBA.Users that means the users who have a role.
const rolePrefix = "+"

// listed reports whether a list of an hba rule holds the name or fits all.
func listed(list []string, name string) bool {
	return len(list) == 0 || slices.Contains(list, listAll) || slices.Contains(list, name)
}

// checkLogins checks who may log in how: the hba list and the maps of certificates.
func checkLogins(c *Config, found *problems) {
	if c.written("hba") && len(c.HBA) == 0 && !c.lacks("hba") {
		found.add(c.At("hba"), "remove the key to let everybody in by scram-sha-256", "hba is empty: nobody could log in")
	}
	var catchAll *HBA
	for i := range c.HBA {
		r := &c.HBA[i]
		if r.broken {
			continue
		}
		if catchAll != nil {
			found.add(r.At(), "the first rule that fits decides",
				"this hba rule is never reached: that of line %d fits everybody", catchAll.At().Line)
			break
		}
		if c.checkRule(r, found); r.fitsEverybody() {
			catchAll = r
		}
	}
	for name, entries := range c.CertMaps {
		if !isWord(name) {
			found.add(c.At("cert_maps"), roleHint, "the name %q of a certificate map is not a plain word", name)
		}
		for i := range entries {
			c.checkCertMap(&entries[i], found)
		}
	}
	c.checkMapsUsed(found)
	c.checkVerifiers(found)
}

func (r *HBA) fitsEverybody() bool {
	all := func(key string, list []string) bool { return !r.written(key) || slices.Contains(list, listAll) }
	return r.Type == "any" && !r.written("networks") && all("users", r.Users) && all("databases", r.Databases)
}

// checkRule checks one rule of the hba list.
func (c *Config) checkRule(r *HBA, found *problems) {
	t, tlsKnown := c.Listen.TLS, !c.Listen.lacks("tls")
	switch {
	case r.Type == "local" && c.Listen.Unix == nil && !c.Listen.lacks("unix"):
		found.add(r.At("type"), "add listen.unix", "an hba rule for local clients, but there is no listen.unix")
	case r.Type == "local" && len(r.Networks) > 0:
		found.add(r.At("networks"), "", "an hba rule for local clients has no networks")
	case r.Method == "cert" && r.Type != "hostssl":
		found.add(r.At("type"), "write type: hostssl", "method cert is only for type hostssl, not %s", r.Type)
	case r.Type == "hostssl" && t == nil && tlsKnown:
		at := r.At("type")
		if r.Method == "cert" {
			at = r.At("method")
		}
		found.add(at, "add listen.tls", "an hba rule for clients with TLS, but there is no listen.tls")
	case r.Type == "hostnossl" && t != nil && t.Require:
		found.add(r.At("type"), "", "an hba rule for clients without TLS, but listen.tls.require refuses them")
	case r.Method == "cert" && t != nil && t.ClientCA == "" && !t.lacks("client_ca"):
		found.add(r.At("method"), "add listen.tls.client_ca", "method cert needs the authorities of client certificates")
	}
	switch {
	case r.Map == "":
	case r.Method != "cert":
		found.add(r.At("map"), "", "an hba rule of method %s has no map", r.Method)
	case !c.lacks("cert_maps") && c.CertMaps[r.Map] == nil:
		found.add(r.At("map"), didYouMean(r.Map, sortedKeys(c.CertMaps), "known maps"), "there is no certificate map %q", r.Map)
	}
	for _, network := range r.Networks {
		if _, err := netip.ParsePrefix(network); err != nil {
			found.add(r.At("networks"), `it looks like "10.0.0.0/8" or "2001:db8::/32"; one address ends in /32 or /128`,
				"network %q of an hba rule is not an address with the length of its prefix", network)
		}
	}
	for _, list := range []struct {
		key   string
		names []string
	}{{"users", r.Users}, {"databases", r.Databases}, {"networks", r.Networks}} {
		if r.written(list.key) && len(list.names) == 0 {
			found.add(r.At(list.key), "remove the key for a rule that fits all", "the %s of an hba rule are empty", list.key)
		}
	}
	c.checkRuleNames(r, found)
}

// checkRuleNames reports users, roles and databases that there are not: a misspelt name would leave a rule, and what it
// refuses, without effect.
func (c *Config) checkRuleNames(r *HBA, found *problems) {
	if !c.lacks("databases") {
		var known []string
		for _, d := range c.Databases {
			known = append(known, d.Name)
		}
		for _, name := range r.Databases {
			if name != listAll && !slices.Contains(known, name) {
				found.add(r.At("databases"), didYouMean(name, known, "known databases"), "there is no database %q", name)
			}
		}
	}
	for _, name := range r.Users {
		role, isRole := strings.CutPrefix(name, rolePrefix)
		known, all := c.roles()
		switch {
		case name == listAll:
		case !isRole:
			c.checkUserNamed(r.At("users"), name, found)
		case all && !slices.Contains(known, role):
			found.add(r.At("users"), didYouMean(role, known, "known roles"), "no user has the role %q", role)
		}
	}
}

// checkUserNamed reports a user that there is not, unless users may be found elsewhere.
func (c *Config) checkUserNamed(at Position, name string, found *problems) {
	if c.User(name) != nil || c.lacks("users") || c.findsUsers() {
		return
	}
	var known []string
	for i := range c.Users {
		if c.Users[i].Name == "" {
			return // it may be this one
		}
		known = append(known, c.Users[i].Name)
	}
	found.add(at, didYouMean(name, known, "known users"), "there is no user %q", name)
}

// roles returns the roles that users have, sorted; all is false if a mistake may have hidden some.
func (c *Config) roles() (known []string, all bool) {
	all = !c.lacks("users") && !c.lacks("databases")
	for i := range c.Users {
		known = append(known, c.Users[i].Roles...)
		all = all && !c.Users[i].lacks("roles")
	}
	for _, d := range c.Databases {
		if q := d.AuthQuery; q != nil {
			known = append(known, q.Roles...)
			all = all && !q.lacks("roles")
		}
		all = all && !d.lacks("auth_query")
	}
	return sortedSet(known), all
}

// certificateNames are the kinds of name that a certificate may be recognised by.
var certificateNames = []string{"CN", "DNS", "EMAIL", "URI"}

// groupReference is a reference to a group of a regular expression in CertMap.User.
var groupReference = regexp.MustCompile(`\\(\d)`)

func (c *Config) checkCertMap(m *CertMap, found *problems) {
	if m.broken {
		return
	}
	groups := 0
	if expression, ok := m.expression(); ok {
		compiled, err := regexp.Compile(expression)
		if err != nil {
			found.addCause(m.At("certificate"), "the certificate of a map", err, "")
			return
		}
		groups = compiled.NumSubexp()
	} else if kind, value, ok := strings.Cut(m.Certificate, "="); !ok || value == "" || !slices.Contains(certificateNames, kind) {
		found.add(m.At("certificate"), `it looks like "CN=alice", "DNS=*.svc", "EMAIL=...", "URI=..." or "/^CN=(.*)@corp$/"`,
			"certificate %q of a map is not understood", m.Certificate)
		return
	}
	references := groupReference.FindAllStringSubmatch(m.User, -1)
	for _, reference := range references {
		if n, _ := strconv.Atoi(reference[1]); n < 1 || n > groups {
			found.add(m.At("user"), "", "user '%s' of a certificate map means a group that the certificate does not have", m.User)
			return
		}
	}
	if len(references) == 0 {
		c.checkUserNamed(m.At("user"), m.User, found)
	}
}

// expression returns the regular expression of "/.../".
func (m *CertMap) expression() (string, bool) {
	inner, ok := strings.CutPrefix(m.Certificate, "/")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, "/")
}

// checkMapsUsed reports maps that no rule goes by.
func (c *Config) checkMapsUsed(found *problems) {
	if c.lacks("hba") {
		return
	}
	used := map[string]bool{}
	for i := range c.HBA {
		if c.HBA[i].broken {
			return
		}
		used[c.HBA[i].Map] = true
		if c.HBA[i].Map != "" && c.CertMaps[c.HBA[i].Map] == nil {
			return // it may be this one that was meant
		}
	}
	for _, name := range sortedKeys(c.CertMaps) {
		if !used[name] && len(c.CertMaps[name]) > 0 {
			found.add(c.At("cert_maps"), "", "no hba rule uses the certificate map %q", name)
		}
	}
}

// checkVerifiers reports users that could not log in: without a verifier and without a rule that takes certificates.
func (c *Config) checkVerifiers(found *problems) {
	for i := range c.Users {
		u := &c.Users[i]
		if u.broken || u.Name == "" || !u.Verifier.Empty() || c.lacks("hba") {
			continue
		}
		if !slices.ContainsFunc(c.HBA, func(r HBA) bool { return r.broken || r.Method == "cert" && r.names(u) }) {
			found.add(u.At(), "make a verifier with: portcullis user verifier; or add an hba rule of method cert",
				"%s", fmt.Sprintf("user %q has no verifier, and no hba rule lets it log in by certificate", u.Name))
		}
	}
}

// names reports whether the rule is for this user.
func (r *HBA) names(u *User) bool {
	return listed(r.Users, u.Name) ||
		slices.ContainsFunc(u.Roles, func(role string) bool { return slices.Contains(r.Users, rolePrefix+role) })
}
