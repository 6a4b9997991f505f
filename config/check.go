package config

import (
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"strings"
)

// check finds the contradictions outside the databases.
func check(c *Config, found *problems) {
	checkListen(c, found)
	checkAdmin(c, found)
	checkUsers(c, found)
	checkLogins(c, found)
	checkKeys(c, found)
	checkAudit(c, found)
	checkLimits(c, found)
	if len(c.Databases) == 0 && c.written("databases") && !c.lacks("databases") {
		found.add(c.At("databases"), "", "databases is empty")
	}
	for _, d := range c.Databases {
		checkLogical(d, found)
		checkDatasources(d, found)
		checkPools(c, d, found)
		checkAuthQuery(d, found)
	}
}

func checkLimits(c *Config, found *problems) {
	l := &c.Limits
	if l.broken {
		return
	}
	if l.StatementBytes > l.MessageBytes {
		at := l.At("statement_bytes")
		if !l.written("statement_bytes") {
			at = l.At("message_bytes")
		}
		found.add(at, "a statement travels in one message", "limits.statement_bytes is greater than limits.message_bytes")
	}
	if l.LoginsPerAddress > l.Logins {
		found.add(l.At("logins_per_address"), "", "limits.logins_per_address is greater than limits.logins")
	}
}

func checkListen(c *Config, found *problems) {
	at := c.Listen.At("address")
	if c.Listen.Address == "" {
		return // reported
	}
	host, port, err := splitAddress(c.Listen.Address)
	if err != nil {
		found.add(at, `it looks like "127.0.0.1:6432" or "[::1]:6432"`, "listen.address %q is not an address with a port",
			c.Listen.Address)
		return
	}
	t := c.Listen.TLS
	if c.Production && t == nil && !c.Listen.lacks("tls") && !isLoopback(host) {
		found.add(at, "add listen.tls, or listen on a loopback address",
			"production does not listen on %q without tls", c.Listen.Address)
	}
	if t != nil && t.ClientCA == "" && t.written("client_cert") && !t.lacks("client_ca") {
		found.add(t.At("client_cert"), "add listen.tls.client_ca", "listen.tls.client_cert has no effect without client_ca")
	}
	if u := c.Listen.Unix; u != nil {
		checkUnix(u, port, found)
	}
}

// unixPathBytesMax is the longest path of a socket: sun_path of Linux's sockaddr_un without its NUL (unix(7)).
const unixPathBytesMax = 107

func checkUnix(u *Unix, port string, found *problems) {
	if u.Path != "" {
		if n := len(u.Path) + len("/.s.PGSQL.") + len(port); n > unixPathBytesMax {
			found.add(u.At("path"), "", "listen.unix.path: the socket's path has %d bytes, the system allows %d", n, unixPathBytesMax)
		}
	}
	if _, ok := parseMode(u.Mode); u.Mode != "" && !ok {
		found.add(u.At("mode"), `permissions of the socket in octal: "0777", "0770", "0700"`,
			"listen.unix.mode %q is not a mode", u.Mode)
	}
}

// parseMode reads permission bits in octal.
func parseMode(text string) (fs.FileMode, bool) {
	mode, err := strconv.ParseUint(text, 8, 32)
	return fs.FileMode(mode), err == nil && mode <= uint64(fs.ModePerm)
}

func splitAddress(address string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return host, port, err
}

func checkAdmin(c *Config, found *problems) {
	if c.Admin == nil || c.Admin.Address == "" {
		return
	}
	_, port, err := splitAddress(c.Admin.Address)
	switch {
	case err != nil:
		found.add(c.Admin.At("address"), `it looks like "127.0.0.1:9187" or "[::1]:9187"`,
			"admin.address %q is not an address with a port", c.Admin.Address)
	case c.Admin.Address == c.Listen.Address && port != "0":
		found.add(c.Admin.At("address"), "administration has a listener of its own",
			"admin.address and listen.address are the same")
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func checkUsers(c *Config, found *problems) {
	if len(c.Users) == 0 && !c.lacks("users") && !c.findsUsers() {
		if c.written("users") {
			found.add(c.At("users"), "", "users is empty")
		} else {
			found.add(c.At(), "", `key "users" is missing`)
		}
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
		checkRoles(&u.block, u.Roles, fmt.Sprintf("user %q", u.Name), found)
	}
}

// checkRoles checks the roles that a block gives to its subject.
func checkRoles(b *block, roles []string, subject string, found *problems) {
	seen := map[string]bool{}
	for _, role := range roles {
		switch {
		case role == "": // reported
		case !isWord(role):
			b.lost["roles"] = true
			found.add(b.At("roles"), roleHint, "role %q of %s is not a plain word", role, subject)
		case seen[role]:
			found.add(b.At("roles"), "", "%s has role %q twice", subject, role)
		}
		seen[role] = true
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

// checkLogical reports a database that is planned for and has no logical database to plan by.
func checkLogical(d *Database, found *problems) {
	if d.Logical.Empty() && !d.lacks("logical") && (len(d.Tables) > 0 || d.written("owner") || d.written("schema")) {
		found.add(d.At(), "only a database without tables, which is relayed as it is, may do without",
			`key "logical" is missing in databases.%s`, d.Name)
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
