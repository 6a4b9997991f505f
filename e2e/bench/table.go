package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// table gathers measurements and prints them.
type table struct {
	options  options
	subjects []*subject
	cells    map[cell][]measurement
}

// cell is a row of the printed table.
type cell struct {
	subject *subject
	mode    string
	clients int
}

func newTable(o options, subjects []*subject) *table {
	return &table{options: o, subjects: subjects, cells: make(map[cell][]measurement)}
}

func (t *table) add(s *subject, mode string, clients int, m measurement) {
	c := cell{s, mode, clients}
	t.cells[c] = append(t.cells[c], m)
}

// print writes one table in Markdown for each mode and number of clients. A figure is the median of the rounds; CPU time
// has the minimum beside it, because what else the machine does can only add to it.
func (t *table) print(w io.Writer) {
	for _, mode := range t.options.modes {
		for _, clients := range t.options.clients {
			fmt.Fprintf(w, "**%s, %d %s**\n\n", mode, clients, plural(clients, "client"))
			fmt.Fprintln(w, "| | tps | CPU µs, median (min) | p50 µs | p99 µs |")
			fmt.Fprintln(w, "|---|--:|--:|--:|--:|")
			for _, s := range t.subjects {
				ms := t.cells[cell{s, mode, clients}]
				cpu := "–"
				if lowest := least(ms, cpuOf); lowest > 0 {
					cpu = fmt.Sprintf("%.1f (%.1f)", median(ms, cpuOf), lowest)
				}
				fmt.Fprintf(w, "| %s | %.0f | %s | %.0f | %.0f |\n", s.name, median(ms, func(m measurement) float64 { return m.perSecond }), cpu,
					median(ms, func(m measurement) float64 { return microseconds(m.p50) }),
					median(ms, func(m measurement) float64 { return microseconds(m.p99) }))
			}
			fmt.Fprintln(w)
		}
	}
}

func cpuOf(m measurement) float64 { return microseconds(m.cpu) }

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func figures(ms []measurement, of func(measurement) float64) []float64 {
	values := make([]float64, len(ms))
	for i, m := range ms {
		values[i] = of(m)
	}
	slices.Sort(values)
	return values
}

// median of an even number is the mean of the two in the middle.
func median(ms []measurement, of func(measurement) float64) float64 {
	values := figures(ms, of)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

func least(ms []measurement, of func(measurement) float64) float64 { return figures(ms, of)[0] }

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
