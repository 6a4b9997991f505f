package audit

import (
	"fmt"
	"slices"
)

// Change is a kind of change to a log.
type Change string

// The kinds of changes that Verify tells apart.
const (
	ChangeEdit       Change = "edit"       // a line is not the one that was written
	ChangeDeletion   Change = "deletion"   // lines are missing before the named one
	ChangeInsertion  Change = "insertion"  // a line that was never written, or a second copy of one that was
	ChangeReordering Change = "reordering" // a line that was written, but elsewhere
	ChangeTruncation Change = "truncation" // the log ends before its last anchor
	// ChangeUnclosed names the first of the last lines that no batch line follows. A crash leaves such lines, until the
	// log is opened again; so does cutting off the batch line, if no anchor covers it, and so does writing lines there.
	ChangeUnclosed Change = "unclosed"
	ChangeAnchor   Change = "anchor" // the log and its anchors do not belong together, or an anchor was changed
)

// findingsMax bounds a report: who changes more has made his point.
const findingsMax = 1000

// Finding is one change.
type Finding struct {
	Line      int64  `json:"line"`                 // from 1; where something is missing at the end, one more than the log has
	InAnchors bool   `json:"in_anchors,omitempty"` // Line is one of the anchor file
	Change    Change `json:"change"`
	Detail    string `json:"detail"`
}

// String is the finding as a person reads it: "line 41: edit: ...".
func (f Finding) String() string {
	where := "line"
	if f.InAnchors {
		where = "anchors, line"
	}
	return fmt.Sprintf("%s %d: %s: %s", where, f.Line, f.Change, f.Detail)
}

// Report is what Verify found.
type Report struct {
	Lines       int64  `json:"lines"`
	Batches     int64  `json:"batches"`      // with a signature that holds
	Events      int64  `json:"events"`       // that such a batch vouches for
	LastSeq     uint64 `json:"last_seq"`     // number of the last batch line
	Anchors     int64  `json:"anchors"`      // with a signature that holds
	AnchoredSeq uint64 `json:"anchored_seq"` // number of the last batch that an anchor vouches for
	// Missed counts the events that the log itself says were lost (OnFullGap), Recoveries the crashes it recovered from.
	// Neither is a change.
	Missed     int64     `json:"missed"`
	Recoveries int64     `json:"recoveries"`
	Findings   []Finding `json:"findings"` // by line
	More       bool      `json:"more"`     // there were too many changes to tell of each
}

// Intact reports that nothing was changed.
func (r *Report) Intact() bool { return len(r.Findings) == 0 && !r.More }

func (r *Report) add(f Finding) {
	if len(r.Findings) == findingsMax {
		r.More = true
		return
	}
	r.Findings = append(r.Findings, f)
}

func (r *Report) sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		switch {
		case a.InAnchors != b.InAnchors:
			if a.InAnchors {
				return 1
			}
			return -1
		case a.Line < b.Line:
			return -1
		case a.Line > b.Line:
			return 1
		}
		return 0
	})
}
