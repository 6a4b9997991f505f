package audit

// match says what became of the lines that a batch line names: which of the lines found are they, in place or moved, and
// what is left over on either side.
type match struct {
	moved   []int    // indexes of found lines that stand in another order
	extra   []int    // indexes of found lines that the batch does not name, or names once and has twice
	missing []int    // indexes of named lines that are not there
	before  []int    // for each of missing: the index of the found line before which it is missing
	pairs   [][2]int // {index of a found line, index of a named line}: one stands where the other should
}

func (m *match) perfect() bool {
	return len(m.moved)+len(m.extra)+len(m.missing)+len(m.pairs) == 0
}

// align compares the digests that a batch line names with those of the lines found.
func align(named, found []digest) match {
	place := make(map[digest]int, len(named))
	for i, d := range named {
		place[d] = i
	}
	// at[j] is the place of found line j among the named ones, or -1; each named line is given out once.
	at := make([]int, len(found))
	for j, d := range found {
		at[j] = -1
		if i, ok := place[d]; ok {
			at[j] = i
			delete(place, d)
		}
	}
	present := make([]bool, len(named))
	for _, i := range at {
		if i >= 0 {
			present[i] = true
		}
	}
	inOrder := longestIncreasing(at)

	var m match
	for i, j := 0, 0; i < len(named) || j < len(found); {
		switch {
		case j < len(found) && at[j] >= 0 && !inOrder[j]:
			m.moved = append(m.moved, j)
			j++
		case i < len(named) && j < len(found) && at[j] == i:
			i, j = i+1, j+1
		case i < len(named) && present[i] && (j == len(found) || at[j] != -1 || !standsAt(at[j:], inOrder[j:], i)):
			i++ // a moved line, told of where it stands
		case i < len(named) && !present[i] && j < len(found) && at[j] == -1:
			m.pairs = append(m.pairs, [2]int{j, i})
			i, j = i+1, j+1
		case i < len(named) && !present[i]:
			m.missing, m.before = append(m.missing, i), append(m.before, j)
			i++
		default:
			m.extra = append(m.extra, j)
			j++
		}
	}
	return m
}

// standsAt reports that named line i comes later among the found ones, in order.
func standsAt(at []int, inOrder []bool, i int) bool {
	for j := range at {
		if at[j] == i {
			return inOrder[j]
		}
	}
	return false
}

// longestIncreasing marks the members of a longest increasing sub-sequence of the places that are not -1; of several the
// one that ends last, so that of two lines that changed places the first is called moved. A batch has at most
// batchEventsMax lines, so the square of their number is small.
func longestIncreasing(at []int) []bool {
	length, previous := make([]int, len(at)), make([]int, len(at))
	best := -1
	for j, place := range at {
		if place < 0 {
			continue
		}
		length[j], previous[j] = 1, -1
		for k := range j {
			if at[k] >= 0 && at[k] < place && length[k]+1 >= length[j] {
				length[j], previous[j] = length[k]+1, k
			}
		}
		if best < 0 || length[j] >= length[best] {
			best = j
		}
	}
	member := make([]bool, len(at))
	for j := best; j >= 0; j = previous[j] {
		member[j] = true
	}
	return member
}
