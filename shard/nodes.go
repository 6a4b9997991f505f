package shard

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/portcullisdb/portcullis/shard/java"
)

// nodes maps the numbers 0..count-1 that an algorithm gives to targets.
type nodes struct {
	count   int32
	name    naming
	targets []string
	numbers []int32 // of each target; -1: no number has its name
	dense   []int32 // by number, if count is small: the index of the target, or -1
	sparse  map[int32]int
	found   int // targets that have a number
}

// naming makes the name of a node: the prefix, and the number with zeros before it up to a width.
type naming struct {
	prefix string
	width  int
}

func (n naming) of(number int32) string {
	digits := strconv.Itoa(int(number))
	return n.prefix + strings.Repeat("0", max(n.width-len(digits), 0)) + digits
}

// denseMax is the largest count for which nodes holds a table of all numbers. Beyond it stands a map of the targets.
const denseMax = 1 << 12

// newNodes finds the number of each target. Names are compared exactly.
func newNodes(count int32, name naming, targets []string) (*nodes, error) {
	if err := checkTargets(targets); err != nil {
		return nil, err
	}
	n := &nodes{count: count, name: name, targets: targets, numbers: make([]int32, len(targets))}
	if count <= denseMax {
		n.dense = make([]int32, count)
		for i := range n.dense {
			n.dense[i] = -1
		}
	} else {
		n.sparse = make(map[int32]int, len(targets))
	}
	for i, target := range targets {
		n.numbers[i] = -1
		digits, ok := strings.CutPrefix(target, name.prefix)
		if !ok {
			continue
		}
		number, err := java.ParseInt(digits)
		if err != nil || number < 0 || number >= count || name.of(number) != target {
			continue
		}
		n.numbers[i] = number
		n.found++
		if n.dense != nil {
			n.dense[number] = int32(i)
		} else {
			n.sparse[number] = i
		}
	}
	return n, nil
}

// checkTargets refuses lists in which an index would mean nothing or two things.
func checkTargets(targets []string) error {
	if len(targets) == 0 {
		return fmt.Errorf("%w: there are none", ErrTargets)
	}
	seen := make(map[string]bool, len(targets))
	for _, target := range targets {
		if seen[target] {
			return fmt.Errorf("%w: %q stands twice", ErrTargets, target)
		}
		seen[target] = true
	}
	return nil
}

// target returns the index of the target with a number.
func (n *nodes) target(number int32) (int, bool) {
	if n.dense != nil {
		i := n.dense[number]
		return int(i), i >= 0
	}
	i, ok := n.sparse[number]
	return i, ok
}

// run returns the targets whose numbers are among length numbers from first on, counting on from 0 behind count - 1.
func (n *nodes) run(first int32, length int64) []int {
	var targets []int
	for i, number := range n.numbers {
		if number >= 0 && int64(java.FloorMod(int64(number)-int64(first), n.count)) < length {
			targets = append(targets, i)
		}
	}
	return targets
}

// all returns every target.
func (n *nodes) all() []int {
	targets := make([]int, len(n.targets))
	for i := range targets {
		targets[i] = i
	}
	return targets
}

// complete reports whether each number has a target.
func (n *nodes) complete() bool { return int64(n.found) == int64(n.count) }

func (n *nodes) check() error {
	for i, number := range n.numbers {
		if number < 0 {
			return fmt.Errorf("%w: no row can lie in %q; the names are %q to %q", ErrTargets, n.targets[i],
				n.name.of(0), n.name.of(n.count-1))
		}
	}
	// Each target has a number of its own: if one is missing, it is among the first len(targets) + 1.
	for number := range n.count {
		if _, ok := n.target(number); !ok {
			return fmt.Errorf("%w: %d tables are needed, and %q is not among the %d given", ErrTargets, n.count,
				n.name.of(number), len(n.targets))
		}
	}
	return nil
}
