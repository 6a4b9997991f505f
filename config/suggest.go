package config

import (
	"fmt"
	"slices"
	"strings"
)

// didYouMean returns the hint `did you mean "address"?` if one of the known names is close to the written one; otherwise it
// lists the known names if they are few, after the label ("known keys").
func didYouMean(written string, known []string, label string) string {
	switch best := closest(written, known); {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(known) > 0 && len(known) <= suggestionsMax:
		return label + ": " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
	}
	return ""
}

// closest returns the known name that the written one was probably meant to be, "" if none is close. Case is ignored.
func closest(written string, known []string) string {
	best, distanceBest := "", len(written)/3+2
	for _, name := range slices.Sorted(slices.Values(known)) {
		if d := editDistance(strings.ToLower(written), strings.ToLower(name)); d < distanceBest {
			best, distanceBest = name, d
		}
	}
	return best
}

// suggestionsMax is how many names a hint lists.
const suggestionsMax = 12

// suggestionBytesMax bounds the names that are compared: the distance costs the product of the lengths.
const suggestionBytesMax = 64

// editDistance is the number of single-byte insertions, deletions, replacements and swaps of neighbours between two names.
func editDistance(a, b string) int {
	if len(a) > suggestionBytesMax || len(b) > suggestionBytesMax {
		return suggestionBytesMax
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
