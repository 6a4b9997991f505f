package pool

import (
	"maps"
	"slices"
	"strings"
)

// Startup is a set of startup parameters that connections are dialled with. It is immutable; equal Keys mean equal sets.
type Startup struct {
	Key    string
	Params map[string]string
}

// NewStartup returns the set that holds params, which it takes over.
func NewStartup(params map[string]string) *Startup {
	var key strings.Builder
	for _, name := range slices.Sorted(maps.Keys(params)) {
		// No startup parameter holds a zero byte: it ends strings in the startup packet.
		key.WriteString(name)
		key.WriteByte(0)
		key.WriteString(params[name])
		key.WriteByte(0)
	}
	return &Startup{Key: key.String(), Params: params}
}

// same reports whether two sets are equal; nil is the pool's own.
func (s *Startup) same(other *Startup) bool {
	return s == other || s != nil && other != nil && s.Key == other.Key
}

// Settings is a snapshot of what a session has set: parameters by name. It is immutable. Snapshots are compared by pointer
// first, so one that has not changed should stay the same one.
type Settings struct {
	Values map[string]string
}
