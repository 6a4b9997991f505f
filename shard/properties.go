package shard

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/shard/java"
)

// properties reads the properties of one algorithm and collects all that is wrong with them.
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

// text returns a property that must be there; it may be empty.
func (p *properties) text(property string) string {
	value, ok := p.lookup(property)
	if !ok {
		p.fail(property, "is missing")
	}
	return value
}

// requiredInt returns an int property, in Java's form, that must be there.
func (p *properties) requiredInt(property string, least, most int32) int32 {
	value, ok := p.lookup(property)
	if !ok {
		p.fail(property, "is missing")
		return least
	}
	return p.parse(property, value, least, most)
}

// optionalInt returns an int property, in Java's form, or its default.
func (p *properties) optionalInt(property string, otherwise, least, most int32) int32 {
	value, ok := p.lookup(property)
	if !ok {
		return otherwise
	}
	return p.parse(property, value, least, most)
}

func (p *properties) parse(property, value string, least, most int32) int32 {
	n, err := java.ParseInt(value)
	if err == nil && least <= n && n <= most {
		return n
	}
	if most == math.MaxInt32 {
		p.fail(property, "must be an integer of at least %d", least)
	} else {
		p.fail(property, "must be an integer from %d to %d", least, most)
	}
	return least
}

// boolean returns a boolean property, false by default; as in Java everything but "true" is false.
func (p *properties) boolean(property string) bool {
	value, _ := p.lookup(property)
	return java.ParseBoolean(value)
}

// err returns all that was wrong, unknown properties included. It is called after the last property was read.
func (p *properties) err() error {
	for _, property := range slices.Sorted(maps.Keys(p.values)) {
		if slices.Contains(p.known, property) {
			continue
		}
		if len(p.known) == 0 {
			p.fail(property, "is not known; the type has no properties")
			continue
		}
		p.fail(property, "is not known; the properties are %s", strings.Join(p.known, ", "))
	}
	return errors.Join(p.errs...)
}
