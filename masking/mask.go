package masking

import (
	"errors"
	"fmt"
	"strings"
)

// ErrType says that there is no mask of a type name.
var ErrType = errors.New("type is not available")

// PropertyError says what is wrong with one property of a mask.
type PropertyError struct {
	Type     string // "PARTIAL"
	Property string // "padding"
	Reason   string // "is missing"
}

// Error returns `PARTIAL: property "padding" is missing`.
func (e *PropertyError) Error() string {
	return fmt.Sprintf("%s: property %q %s", e.Type, e.Property, e.Reason)
}

// Mask is a mask with its properties.
type Mask interface {
	// Apply masks the text form of a value, which is not NULL, and appends the result to dst. With null, the masked
	// value is NULL and dst is returned as it was. text must not overlap dst; nothing of it is kept.
	Apply(dst, text []byte) (out []byte, null bool)
	// Supports reports whether the mask of a value of such a type is a value of that type.
	Supports(kind Kind) bool
}

// Kind tells types apart as far as masks do.
type Kind int

// The kinds of types.
const (
	Text  Kind = iota // text, varchar, name, citext, and unconstrained domains over them
	Other             // all others; char(n) too, whose values are as long as n
)

// OnUnmaskable says what happens to a value in which a mask finds nothing to replace, because it is too short or lacks
// a mark.
type OnUnmaskable int

const (
	// Hide replaces the whole value, by "xxxx" or, if the value is just that, by "****".
	Hide OnUnmaskable = iota
	// ShardingSphere returns the value unmasked, as the masks of ShardingSphere do: a value that is malformed is shown
	// in clear to those from whom it should be hidden. What is not valid UTF-8 is hidden all the same.
	ShardingSphere
)

// Options are those of all masks. The zero Options is the strict default.
type Options struct {
	OnUnmaskable OnUnmaskable
	// LengthMax is the largest number of code points of a result, the n of varchar(n). Longer results are cut. 0 is no
	// limit.
	LengthMax int
}

// New makes a mask of a type, whose name is matched without regard to case. All properties are checked, and unknown ones
// are refused; errors are joined *PropertyError, or wrap ErrType.
func New(typ string, props map[string]string, opt Options) (Mask, error) {
	p := &properties{typ: strings.ToUpper(typ), values: props}
	switch p.typ {
	case "EMAIL":
		return newEmail(p, opt)
	case "NULLIFY":
		return newNullify(p)
	case "PARTIAL":
		return newPartial(p, opt)
	}
	return nil, fmt.Errorf("mask %q: %w; available are EMAIL, NULLIFY and PARTIAL", typ, ErrType)
}
