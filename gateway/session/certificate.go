package session

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/config"
)

// CertMap says as whom the holder of a certificate may log in, as PostgreSQL's pg_ident.conf does. It is immutable; a nil
// CertMap says: as the user whose name is the certificate's CN.
type CertMap struct {
	entries []certEntry
}

type certEntry struct {
	kind, value string         // "CN" and "alice"
	expression  *regexp.Regexp // or over "CN=alice"
	user        string         // with \1 ... for the groups of expression
}

// NewCertMap makes a map. Errors: those of regular expressions, and patterns that are neither one nor "CN=...", "DNS=...",
// "EMAIL=...", "URI=...".
func NewCertMap(entries []config.CertMap) (*CertMap, error) {
	m := &CertMap{}
	for _, c := range entries {
		e := certEntry{user: c.User}
		if inner, ok := strings.CutPrefix(c.Certificate, "/"); ok && strings.HasSuffix(inner, "/") {
			var err error
			if e.expression, err = regexp.Compile(strings.TrimSuffix(inner, "/")); err != nil {
				return nil, err
			}
		} else if e.kind, e.value, ok = strings.Cut(c.Certificate, "="); !ok || !slices.Contains(certNameKinds, e.kind) {
			return nil, fmt.Errorf("certificate %q is not understood", c.Certificate)
		}
		m.entries = append(m.entries, e)
	}
	return m, nil
}

var certNameKinds = []string{"CN", "DNS", "EMAIL", "URI"}

// lets reports whether the holder of a verified certificate may log in as user.
func (m *CertMap) lets(certificate *x509.Certificate, user string) bool {
	names := certNames(certificate)
	if m == nil {
		return slices.Contains(names, certName{"CN", user})
	}
	for i := range m.entries {
		for _, name := range names {
			if m.entries[i].user == user && m.entries[i].fits(name) || m.entries[i].makes(name, user) {
				return true
			}
		}
	}
	return false
}

// certName is a name in a certificate.
type certName struct{ kind, value string }

// certNames returns the names by which a certificate's holder can be known. One with several CNs has none, because it is not
// clear which of them the authority has checked; neither is a name with a zero byte one (CVE-2009-4034).
func certNames(c *x509.Certificate) []certName {
	var names, common []certName
	for _, attribute := range c.Subject.Names {
		if value, ok := attribute.Value.(string); ok && attribute.Type.Equal(oidCommonName) {
			common = append(common, certName{"CN", value})
		}
	}
	if len(common) == 1 {
		names = common
	}
	for _, value := range c.DNSNames {
		names = append(names, certName{"DNS", value})
	}
	for _, value := range c.EmailAddresses {
		names = append(names, certName{"EMAIL", value})
	}
	for _, value := range c.URIs {
		names = append(names, certName{"URI", value.String()})
	}
	return slices.DeleteFunc(names, func(n certName) bool { return n.value == "" || strings.Contains(n.value, "\x00") })
}

var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// fits reports whether an entry that is no expression fits a name. DNS names are compared without regard to case, and
// "*" as the first label of a pattern stands for one label, as in certificates (RFC 6125, section 6.4).
func (e *certEntry) fits(n certName) bool {
	if e.expression != nil || e.kind != n.kind {
		return false
	}
	if e.kind != "DNS" {
		return e.value == n.value
	}
	if parent, any := strings.CutPrefix(e.value, "*."); any {
		label, rest, found := strings.Cut(n.value, ".")
		return found && label != "" && strings.EqualFold(rest, parent)
	}
	return strings.EqualFold(e.value, n.value)
}

// makes reports whether an expression fits a name and the groups that it found make this user's name.
func (e *certEntry) makes(n certName, user string) bool {
	if e.expression == nil {
		return false
	}
	groups := e.expression.FindStringSubmatch(n.kind + "=" + n.value)
	if groups == nil {
		return false
	}
	made := groupReference.ReplaceAllStringFunc(e.user, func(reference string) string {
		if n := int(reference[1] - '0'); n < len(groups) {
			return groups[n]
		}
		return ""
	})
	return made != "" && made == user
}

var groupReference = regexp.MustCompile(`\\[1-9]`)
