package main

import (
	"fmt"
	"io"
	"strings"
)

// verdict compares one figure with what it should be.
type verdict struct {
	what, goal, found string
	met               bool
}

// judge lists the goals and what was found. What could not be measured is left out: without PgBouncer there is no ratio.
func judge(tests []*test, idle []memory) (verdicts []verdict) {
	for _, t := range tests {
		if t.goal == 0 {
			continue
		}
		for _, r := range t.rows {
			found := r.ratio()
			if found.median == 0 {
				continue
			}
			// Noise moves both: a goal is met if both figures say so.
			verdicts = append(verdicts, verdict{t.name + ": " + r.name, fmt.Sprintf("CPU at most %.1f x", t.goal), found.String(),
				max(found.median, found.best) <= t.goal})
			if t.unit == "row" {
				pace := ratio{quotient(median(r.results, perSecondOf), median(r.versus.results, perSecondOf)),
					quotient(most(r.results, perSecondOf), most(r.versus.results, perSecondOf))}
				verdicts = append(verdicts, verdict{t.name + ": " + r.name, "throughput at least 1.0 x",
					pace.String(), min(pace.median, pace.best) >= paceMin})
			}
		}
	}
	for _, m := range idle {
		if m.goal == 0 || m.bytes == 0 {
			continue
		}
		secure := "without TLS"
		if m.secure {
			secure = "with TLS"
		}
		verdicts = append(verdicts, verdict{"idle client " + secure + ": " + m.name, fmt.Sprintf("at most %d KB", m.goal>>10),
			fmt.Sprintf("%.1f KB", float64(m.bytes)/1024), m.bytes <= m.goal})
	}
	return verdicts
}

// paceMin is what counts as no less throughput than PgBouncer's: the noise of a shared machine is larger than what is missing.
const paceMin = 0.95

func printGoals(w io.Writer, verdicts []verdict) {
	if len(verdicts) == 0 {
		return
	}
	fmt.Fprint(w, "**goals, in ratios to PgBouncer in the same pooling mode: median (best)**\n\n| | goal | found | |\n|---|---|--:|---|\n")
	for _, v := range verdicts {
		result := "met"
		if !v.met {
			result = "**missed**"
		}
		fmt.Fprintln(w, "|", strings.Join([]string{v.what, v.goal, v.found, result}, " | "), "|")
	}
	fmt.Fprintln(w)
}
