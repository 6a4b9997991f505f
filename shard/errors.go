package shard

import (
	"errors"
	"fmt"
)

var (
	// ErrType says that there is no algorithm or key generator of a type name.
	ErrType = errors.New("type is not available")
	// ErrTargets says that the targets do not fit the algorithm.
	ErrTargets = errors.New("targets do not fit the algorithm")
	// ErrNoTarget says that a value, or a value of a range, belongs to a node that is not among the targets.
	ErrNoTarget = errors.New("shard key belongs to a node that is not configured")
	// ErrNull says that a shard key is NULL, which no algorithm places.
	ErrNull = errors.New("shard key is NULL")
	// ErrValue says that the algorithm cannot place a value: its class or its text is not what it takes.
	ErrValue = errors.New("shard key cannot be placed by the algorithm")
	// ErrNodes says that an expression does not list nodes.
	ErrNodes = errors.New("expression does not list nodes")
	// ErrClockBackwards says that the clock stands further behind the last key than a generator tolerates.
	ErrClockBackwards = errors.New("clock moved backwards beyond the tolerance")
)

// PropertyError says what is wrong with one property of an algorithm or key generator.
type PropertyError struct {
	Type     string // "MOD"
	Property string // "sharding-count"
	Reason   string // "is missing"
}

// Error returns `MOD: property "sharding-count" is missing`.
func (e *PropertyError) Error() string {
	return fmt.Sprintf("%s: property %q %s", e.Type, e.Property, e.Reason)
}
