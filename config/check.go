package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// check finds the contradictions outside the databases.
func check(c *Config, found *problems) {
	checkListen(c, found)
	checkUsers(c, found)
	checkKeys(c, found)
	checkAudit(c, found)
	if l := &c.Limits; l.StatementBytes > l.MessageBytes && !l.broken {
		at := l.At("statement_bytes")
		if !l.written("statement_bytes") {
			at = l.At("message_bytes")
		}
		found.add(at, "a statement travels in one message", "limits.statement_bytes is greater than limits.message_bytes")
	}
	if len(c.Databases) == 0 && c.written("databases") && !c.lacks("databases") {
		found.add(c.At("databases"), "", "databases is empty")
	}
	for _, d := range c.Databases {
		checkDatasources(d, found)
	}
}

func checkListen(c *Config, found *problems) {
	at := c.Listen.At("address")
	if c.Listen.Address == "" {
		return // reported
	}
	host, port, err := net.SplitHostPort(c.Listen.Address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		found.add(at, `it looks like "127.0.0.1:6432" or "[::1]:6432"`, "listen.address %q is not an address with a port",
			c.Listen.Address)
		return
	}
	if c.Production && c.Listen.TLS == nil && !c.Listen.lacks("tls") && !isLoopback(host) {
		found.add(at, "add listen.tls, or listen on a loopback address",
			"production does not listen on %q without tls", c.Listen.Address)
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func checkUsers(c *Config, found *problems) {
	if len(c.Users) == 0 && c.written("users") && !c.lacks("users") {
		found.add(c.At("users"), "", "users is empty")
	}
	first := map[string]*User{}
	for i := range c.Users {
		u := &c.Users[i]
		if u.Name != "" {
			if err := checkName(u.Name); err != nil {
				found.addCause(u.At("name"), "users", err, "")
			} else if other := first[u.Name]; other != nil {
				found.add(u.At("name"), fmt.Sprintf("the other stands in line %d", other.At("name").Line),
					"two users are named %q", u.Name)
			} else {
				first[u.Name] = u
			}
		}
		if !u.Verifier.Empty() && !isSCRAMVerifier(u.Verifier.Reveal()) {
			found.add(u.At("verifier"), "make one with: portcullis user verifier",
				"the verifier of user %q is not in PostgreSQL's SCRAM-SHA-256 form", u.Name)
		}
		seen := map[string]bool{}
		for _, role := range u.Roles {
			switch {
			case role == "": // reported
			case !isWord(role):
				u.lost["roles"] = true
				found.add(u.At("roles"), roleHint, "role %q of user %q is not a plain word", role, u.Name)
			case seen[role]:
				found.add(u.At("roles"), "", "user %q has role %q twice", u.Name, role)
			}
			seen[role] = true
		}
	}
}

// roleHint says what a role's name is made of.
const roleHint = `letters, digits, "_" and "-", beginning with a letter, at most 63 bytes`

func checkKeys(c *Config, found *problems) {
	k := &c.Keys
	if c.Production && k.KEK != nil && k.KEK.Type == "file" {
		found.add(k.KEK.At("type"), "", "production does not accept a local key file as KEK")
	}
	if len(k.Keysets) > 0 {
		if k.KEK == nil && !k.lacks("kek") {
			found.add(k.At("keysets"), `add kek: {type: file, path: ...}`, "there are keysets but no keys.kek to wrap them")
		}
		if k.Store == nil && !k.lacks("store") {
			found.add(k.At("keysets"), `add store: {type: folder, path: ...}`, "there are keysets but no keys.store to keep them")
		}
	}
	for name := range k.Keysets {
		if !isWord(name) {
			found.add(k.At("keysets"), roleHint, "keyset name %q is not a plain word", name)
		}
	}
}

func checkAudit(c *Config, found *problems) {
	if c.Audit.File == nil && !c.Audit.lacks("file") {
		for _, key := range []string{"all", "on_full"} {
			if c.Audit.written(key) {
				found.add(c.Audit.At(key), "add audit.file", "audit.%s has no effect without audit.file", key)
			}
		}
	}
	if f := c.Audit.File; f != nil && f.Path != "" {
		for _, other := range []struct{ key, path string }{{"key", f.Key}, {"anchors", f.Anchors}} {
			if other.path == f.Path {
				found.add(f.At(other.key), "", "audit.file.%s and audit.file.path are the same file", other.key)
			}
		}
		if f.Key != "" && f.Key == f.Anchors {
			found.add(f.At("anchors"), "", "audit.file.key and audit.file.anchors are the same file")
		}
	}
}

func checkDatasources(d *Database, found *problems) {
	if err := checkName(d.Name); err != nil {
		found.addCause(d.At(), "databases", err, "")
	}
	if len(d.Datasources) == 0 && d.written("datasources") && !d.lacks("datasources") {
		found.add(d.At("datasources"), "", "databases.%s.datasources is empty", d.Name)
	}
	for i := range d.Datasources {
		s := &d.Datasources[i]
		if !isWord(s.Name) {
			found.add(s.At(), roleHint, "datasource name %q is not a plain word", s.Name)
		}
		if s.URL.Empty() {
			continue
		}
		if strings.TrimSpace(s.URL.Reveal()) == d.Logical.Reveal() {
			found.add(s.At("url"), "the logical database is a database of its own, without rows",
				"datasource %q is the logical database", s.Name)
		}
		for j := range d.Datasources[:i] {
			if d.Datasources[j].URL.Reveal() == s.URL.Reveal() {
				found.add(s.At("url"), "", "datasources %q and %q are the same database", d.Datasources[j].Name, s.Name)
			}
		}
	}
}
