package shard

// Range is a range of a shard key. The zero Range holds every value.
type Range struct{ Lower, Upper Bound }

// Bound is one end of a range.
type Bound struct {
	Kind  BoundKind
	Value Value // unless Unbounded
}

// BoundKind says whether a range has an end, and whether the end belongs to it.
type BoundKind uint8

// The kinds of bound.
const (
	Unbounded BoundKind = iota
	Closed              // >=, <= and both ends of BETWEEN
	Open                // >, <
)
