package masking

import "unicode/utf8"

// The limits of PARTIAL's properties.
const (
	keptMax         = 10_000 // code points of prefix and of suffix
	paddingBytesMax = 1_000
)

// partial is PARTIAL, after the masking function of that name in SQL Server. Its properties:
//
//	prefix   how many code points are kept at the start, from 0 on, default 0
//	padding  what stands for all between; not empty
//	suffix   how many code points are kept at the end, from 0 on, default 0
//
// A value "123-45-6789" with prefix 0, padding "***-**-" and suffix 4 becomes "***-**-6789". A value of prefix + suffix code
// points or fewer becomes the padding alone. So does, with Hide, one that would come out as it went in, because it has
// the padding in it already; if it is the padding, it is hidden.
//
// Positions are code points: a letter with a combining mark is two, and a cut may part them. The padding's length says
// nothing of the value's, but the kept ends are shown: prefix and suffix together should be much less than a value's
// length.
type partial struct {
	options        Options
	prefix, suffix int
	padding        string
}

func newPartial(p *properties, opt Options) (Mask, error) {
	m := &partial{
		options: opt,
		prefix:  p.count("prefix", keptMax),
		padding: p.text("padding", paddingBytesMax),
		suffix:  p.count("suffix", keptMax),
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *partial) Supports(kind Kind) bool { return kind == Text }

func (m *partial) Apply(dst, text []byte) (out []byte, null bool) {
	if len(text) == 0 {
		return dst, false
	}
	if !utf8.Valid(text) {
		return m.options.appendHidden(dst, text), false
	}
	start := len(dst)
	if head, tail, ok := m.ends(text); ok {
		out = append(append(append(dst, head...), m.padding...), tail...)
		out = m.options.cut(out, start)
		if !m.options.isUnchanged(out, start, text) {
			return out, false
		}
	}
	out = m.options.cut(append(dst, m.padding...), start)
	if m.options.isUnchanged(out, start, text) {
		return m.options.appendHidden(dst, text), false
	}
	return out, false
}

// ends returns what is kept of a text on both sides; ok is false if nothing would be left between.
func (m *partial) ends(text []byte) (head, tail []byte, ok bool) {
	from := 0
	for range m.prefix {
		if from == len(text) {
			return nil, nil, false
		}
		_, size := utf8.DecodeRune(text[from:])
		from += size
	}
	to := len(text)
	for range m.suffix {
		if to == from {
			return nil, nil, false
		}
		_, size := utf8.DecodeLastRune(text[from:to])
		to -= size
	}
	return text[:from], text[to:], from < to
}
