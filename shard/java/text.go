package java

import (
	"strings"
	"unicode/utf8"
)

// Length returns String.length: the number of UTF-16 units of a UTF-8 text.
func Length(s string) int {
	n := 0
	for _, r := range s {
		n += units(r)
	}
	return n
}

// Substring returns s.substring(begin, end), counted in UTF-16 units. ok is false if 0 <= begin <= end <= Length(s) does
// not hold, or if a place lies within a surrogate pair: half a pair is no text in UTF-8.
func Substring(s string, begin, end int) (sub string, ok bool) {
	if begin < 0 || begin > end {
		return "", false
	}
	from, ok := unitOffset(s, begin)
	if !ok {
		return "", false
	}
	to, ok := unitOffset(s[from:], end-begin)
	if !ok {
		return "", false
	}
	return s[from : from+to], true
}

// Trim returns s.trim(): without the characters up to U+0020 on both sides.
func Trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}

// unitOffset returns the byte offset of the UTF-16 unit n of s.
func unitOffset(s string, n int) (int, bool) {
	for i, r := range s {
		if n == 0 {
			return i, true
		}
		if n -= units(r); n < 0 {
			return 0, false
		}
	}
	return len(s), n == 0
}

func units(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

// CutUnits returns s without its first start and last stop UTF-16 units, and false if nothing would be left. Half of a
// surrogate pair that a cut leaves becomes U+FFFD.
func CutUnits(s string, start, stop int) (string, bool) {
	// Both ends in 64 bits: start and stop go up to the largest int.
	if int64(Length(s))-int64(stop) <= int64(start) {
		return "", false
	}
	for start > 0 {
		r, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		if start -= units(r); start < 0 {
			s = string(utf8.RuneError) + s
		}
	}
	for stop > 0 {
		r, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
		if stop -= units(r); stop < 0 {
			s += string(utf8.RuneError)
		}
	}
	return s, true
}
