package sealed

import (
	"sort"
	"unicode/utf8"
)

// appendFolded appends valid UTF-8 text with every character folded. ASCII letters become lower case.
func appendFolded(dst, text []byte) []byte {
	for len(text) > 0 {
		if c := text[0]; c < utf8.RuneSelf {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst, text = append(dst, c), text[1:]
			continue
		}
		r, size := utf8.DecodeRune(text)
		dst, text = utf8.AppendRune(dst, fold(r)), text[size:]
	}
	return dst
}

// fold maps one character. It never changes a length in characters.
func fold(r rune) rune {
	i := sort.Search(len(foldTable), func(i int) bool { return foldTable[i].last >= r })
	if i == len(foldTable) {
		return r
	}
	if f := foldTable[i]; r >= f.first && (r-f.first)%f.step == 0 {
		return r + f.delta
	}
	return r
}

// trimmed returns text without the blanks (U+0020) at its ends, as btrim(text) does in PostgreSQL.
func trimmed(text []byte) []byte {
	for len(text) > 0 && text[0] == ' ' {
		text = text[1:]
	}
	for len(text) > 0 && text[len(text)-1] == ' ' {
		text = text[:len(text)-1]
	}
	return text
}
