package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// test is one table: something that is measured on several ways to the same data.
type test struct {
	name    string
	unit    string // of throughput and CPU time: transaction, row, login
	latency bool   // latencies are measured
	rows    []*row
	goal    float64 // of the ratio to PgBouncer's CPU time; 0: none
}

// row is one way.
type row struct {
	name    string
	versus  *row // PgBouncer's that it is compared with; nil: none
	measure func(ctx context.Context) (measurement, error)
	results []measurement
}

// measurement is what one run shows.
type measurement struct {
	perSecond float64       // transactions, rows, logins
	cpu       time.Duration // of the proxy for one of them; 0: not known
	p50, p99  time.Duration // of a transaction's latency
}

// print writes the table in Markdown. A figure is the median of the rounds; CPU time has the minimum beside it, because what
// else the machine does can only add to it. The ratio is that of the medians to PgBouncer's in the same pooling mode, in
// brackets that of the minima.
func (t *test) print(w io.Writer) {
	latency, line := "", ""
	if t.latency {
		latency, line = " p50 µs | p99 µs |", "--:|--:|"
	}
	fmt.Fprintf(w, "**%s**\n\n| | %ss/s | CPU µs, median (min) | x PgBouncer |%s\n|---|--:|--:|--:|%s\n", t.name, t.unit, latency, line)
	for _, r := range t.rows {
		cpu := "–"
		if lowest := least(r.results, cpuOf); lowest > 0 {
			cpu = fmt.Sprintf("%s (%s)", short(median(r.results, cpuOf)), short(lowest))
		}
		fmt.Fprintf(w, "| %s | %.0f | %s | %s |", r.name, median(r.results, perSecondOf), cpu, r.ratio())
		if t.latency {
			fmt.Fprintf(w, " %.0f | %.0f |", median(r.results, func(m measurement) float64 { return microseconds(m.p50) }),
				median(r.results, func(m measurement) float64 { return microseconds(m.p99) }))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}

// ratio is the row's CPU time in PgBouncer's.
func (r *row) ratio() ratio {
	if r.versus == nil {
		return ratio{}
	}
	return ratio{quotient(median(r.results, cpuOf), median(r.versus.results, cpuOf)),
		quotient(least(r.results, cpuOf), least(r.versus.results, cpuOf))}
}

// ratio compares with PgBouncer, by the median of the rounds and by the best of them; 0: not known.
type ratio struct{ median, best float64 }

// String is empty for what is not known.
func (r ratio) String() string {
	if r.median == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f (%.2f)", r.median, r.best)
}

func quotient(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// short writes a figure with about three digits.
func short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func cpuOf(m measurement) float64 { return microseconds(m.cpu) }

func perSecondOf(m measurement) float64 { return m.perSecond }

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func figures(ms []measurement, of func(measurement) float64) []float64 {
	values := make([]float64, len(ms))
	for i, m := range ms {
		values[i] = of(m)
	}
	slices.Sort(values)
	return values
}

// median of an even number is the mean of the two in the middle; of none it is 0.
func median(ms []measurement, of func(measurement) float64) float64 {
	values := figures(ms, of)
	if len(values) == 0 {
		return 0
	}
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

func least(ms []measurement, of func(measurement) float64) float64 {
	values := figures(ms, of)
	if len(values) == 0 {
		return 0
	}
	return values[0]
}

func most(ms []measurement, of func(measurement) float64) float64 {
	values := figures(ms, of)
	if len(values) == 0 {
		return 0
	}
	return values[len(values)-1]
}
