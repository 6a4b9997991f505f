package sealed

import (
	"testing"
	"unicode"
)

// Two characters fold alike if and only if the standard library, as long as it has the table's version of Unicode, holds
// them for case variants of each other. A later version has more variants.
func TestFoldAgreesWithUnicode(t *testing.T) {
	sameVersion := unicode.Version == "15.0.0"
	for r := rune(0); r <= unicode.MaxRune; r++ {
		folded := fold(r)
		if fold(folded) != folded {
			t.Errorf("%U folds to %U, which folds on to %U", r, folded, fold(folded))
		}
		variant := folded == r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			variant = variant || other == folded
			if sameVersion && fold(other) != folded {
				t.Errorf("%U and %U are variants, but fold to %U and %U", r, other, folded, fold(other))
			}
		}
		if !variant {
			t.Errorf("%U folds to %U, which is no variant of it", r, folded)
		}
	}
}

func TestFold(t *testing.T) {
	for from, want := range map[string]string{
		"":                 "",
		"Ada@Example.ORG":  "ada@example.org",
		"ÄÖÜ":              "äöü",
		"straße":           "straße", // not "strasse": simple folding keeps the length
		"ẞ":                "ß",
		"İIıi":             "İiıi", // no Turkish rules
		"ΣΑΣ":              "σασ",
		"ς":                "σ",
		"\u212A\u212B":     "kå", // KELVIN SIGN, ANGSTROM SIGN
		"\u13A0\uAB70":     "\u13A0\u13A0",
		"ǄǅǆA":             "ǆǆǆa",
		"\U00010400 blank": "\U00010428 blank",
	} {
		if got := string(appendFolded(nil, []byte(from))); got != want {
			t.Errorf("%q folds to %q, want %q", from, got, want)
		}
	}
}
