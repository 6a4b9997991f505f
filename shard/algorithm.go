package shard

import (
	"fmt"
	"strings"
)

// Algorithm is a sharding algorithm with its properties.
type Algorithm interface {
	// Bind prepares the algorithm for a table. targets are the names of its physical tables (or datasources), in order
	// and without duplicates; it returns an error that wraps ErrTargets if there are none or one stands twice. A
	// target that no value reaches, or a value that no target takes, is none: see Check.
	Bind(logicTable string, targets []string) (Router, error)
}

// Router gives the places of rows.
type Router interface {
	// Route returns the index of the target in which a row with the shard key v lies; ok is false if there is none,
	// which a SELECT answers with no rows and an INSERT must refuse. It does not allocate for integers. Errors are
	// ErrNull, ErrValue and ErrNoTarget.
	Route(v Value) (target int, ok bool, err error)
	// RouteRange returns the indexes of the targets in which rows of a range can lie, ascending, without duplicates.
	// Errors as for Route.
	RouteRange(r Range) (targets []int, err error)
}

// AutoTable is an algorithm that says how many tables it needs; their names end with the numbers from 0 on.
type AutoTable interface {
	Algorithm
	Tables() int
}

// New makes an algorithm of a ShardingSphere type, whose name is matched without regard to case. All properties are
// checked, and unknown ones are refused; errors are joined *PropertyError, or wrap ErrType.
func New(typ string, props map[string]string) (Algorithm, error) {
	p := &properties{typ: strings.ToUpper(typ), values: props}
	switch p.typ {
	case "MOD":
		return newMod(p)
	case "COSID_MOD":
		return newCosIDMod(p)
	case "CLASS_BASED":
		return nil, fmt.Errorf("sharding algorithm CLASS_BASED: %w: it loads a Java class, which cannot run here", ErrType)
	}
	return nil, fmt.Errorf("sharding algorithm %q: %w; available are COSID_MOD and MOD", typ, ErrType)
}

// Check reports, as an error that wraps ErrTargets, what Bind allows because ShardingSphere does, although no sound
// configuration has it: a number that the algorithm gives and that is not among the targets, or a target that no value
// reaches.
func Check(a Algorithm, logicTable string, targets []string) error {
	router, err := a.Bind(logicTable, targets)
	if err != nil {
		return err
	}
	numbered, ok := router.(interface{ nodes() *nodes })
	if !ok {
		return nil
	}
	return numbered.nodes().check()
}
