package masking

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// properties reads the properties of one mask and collects all that is wrong with them.
type properties struct {
	typ    string
	values map[string]string
	known  []string
	errs   []error
}

func (p *properties) fail(property, format string, args ...any) {
	p.errs = append(p.errs, &PropertyError{p.typ, property, fmt.Sprintf(format, args...)})
}

func (p *properties) lookup(property string) (string, bool) {
	p.known = append(p.known, property)
	value, ok := p.values[property]
	return value, ok
}

// count returns a number of code points from 0 to most, 0 by default.
func (p *properties) count(property string, most int) int {
	value, ok := p.lookup(property)
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil || n > uint64(most) {
		p.fail(property, "must be an integer from 0 to %d", most)
		return 0
	}
	return int(n)
}

// text returns a text that must be there and not be empty. PostgreSQL's text knows no NUL.
func (p *properties) text(property string, bytesMax int) string {
	value, ok := p.lookup(property)
	switch {
	case !ok:
		p.fail(property, "is missing")
	case value == "":
		p.fail(property, "must not be empty")
	case len(value) > bytesMax:
		p.fail(property, "must not be longer than %d bytes", bytesMax)
	case !utf8.ValidString(value) || strings.Contains(value, "\x00"):
		p.fail(property, "must be valid UTF-8 without NUL")
	}
	return value
}

// choice returns one of several words, the first by default.
func (p *properties) choice(property string, words ...string) string {
	value, ok := p.lookup(property)
	if !ok {
		return words[0]
	}
	if !slices.Contains(words, value) {
		p.fail(property, "must be %s", strings.Join(words, " or "))
	}
	return value
}

// err returns all that was wrong, unknown properties included. It is called after the last property was read.
func (p *properties) err() error {
	for _, property := range slices.Sorted(maps.Keys(p.values)) {
		if slices.Contains(p.known, property) {
			continue
		}
		if len(p.known) == 0 {
			p.fail(property, "is not known; the mask has no properties")
			continue
		}
		p.fail(property, "is not known; the properties are %s", strings.Join(p.known, ", "))
	}
	return errors.Join(p.errs...)
}
