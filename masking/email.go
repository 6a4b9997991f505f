package masking

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// email is EMAIL. Its property:
//
//	style  first-letter (the default) or domain-hidden
//
// first-letter keeps the first code point: "alice@example.org" becomes "aXXX@XXXX.com" (SQL Server's email()). A value needs
// an "@" with something before it.
//
// domain-hidden keeps the first two code points before the first "@" and behind the last one, fewer if there are fewer,
// and the top-level domain: "david@gmail.com" becomes "da******@gm******.com" (PostgreSQL Anonymizer's partial_email). A
// value needs an "@" with something before it, and behind the last one a domain of at least two labels, the last of which
// is a letter and up to 62 letters, digits and hyphens.
//
// What stands between has a fixed length, so that the result does not tell that of the value. A value that lacks what
// its style needs is unmaskable (Options.OnUnmaskable); so is, with Hide, one that would come out as it went in.
type email struct {
	options      Options
	domainHidden bool
}

// What EMAIL puts in the place of the rest.
const (
	emailRest  = "XXX@XXXX.com" // behind the first letter
	emailStars = "******"
)

// emailKept is the number of code points that domain-hidden keeps of the local part and of the domain.
const emailKept = 2

// labelLengthMax is the length of one label of a domain name (RFC 1035, section 2.3.4).
const labelLengthMax = 63

func newEmail(p *properties, opt Options) (Mask, error) {
	m := &email{
		options:      opt,
		domainHidden: p.choice("style", "first-letter", "domain-hidden") == "domain-hidden",
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *email) Supports(kind Kind) bool { return kind == Text }

func (m *email) Apply(dst, text []byte) (out []byte, null bool) {
	if len(text) == 0 {
		return dst, false
	}
	if !utf8.Valid(text) {
		return m.options.appendHidden(dst, text), false
	}
	start := len(dst)
	appendStyle := appendFirstLetter
	if m.domainHidden {
		appendStyle = appendDomainHidden
	}
	out, ok := appendStyle(dst, text)
	if !ok {
		return m.options.appendUnmaskable(dst, text), false
	}
	out = m.options.cut(out, start)
	if m.options.isUnchanged(out, start, text) {
		return m.options.appendHidden(dst, text), false
	}
	return out, false
}

func appendFirstLetter(dst, text []byte) ([]byte, bool) {
	local, _, ok := bytes.Cut(text, []byte("@"))
	if !ok || len(local) == 0 {
		return dst, false
	}
	return append(append(dst, firstRunes(local, 1)...), emailRest...), true
}

func appendDomainHidden(dst, text []byte) ([]byte, bool) {
	local, _, ok := bytes.Cut(text, []byte("@"))
	if !ok || len(local) == 0 {
		return dst, false
	}
	domain := text[bytes.LastIndexByte(text, '@')+1:]
	dot := bytes.LastIndexByte(domain, '.')
	if dot <= 0 || !isTopLevel(domain[dot+1:]) {
		return dst, false
	}
	dst = append(append(dst, firstRunes(local, emailKept)...), emailStars...)
	dst = append(append(append(dst, '@'), firstRunes(domain[:dot], emailKept)...), emailStars...)
	return append(dst, domain[dot:]...), true
}

// firstRunes returns the first n code points of a text, or all if there are fewer.
func firstRunes(text []byte, n int) []byte {
	end := 0
	for ; n > 0 && end < len(text); n-- {
		_, size := utf8.DecodeRune(text[end:])
		end += size
	}
	return text[:end]
}

// isTopLevel reports whether a label can be a top-level domain, which is shown: not the rest of a number or a sentence.
func isTopLevel(label []byte) bool {
	if len(label) == 0 || utf8.RuneCount(label) > labelLengthMax {
		return false
	}
	for i, r := range string(label) {
		if !unicode.IsLetter(r) && (i == 0 || r != '-' && !('0' <= r && r <= '9')) {
			return false
		}
	}
	return true
}
