package main

import (
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	of := func(m measurement) float64 { return m.perSecond }
	if got := median([]measurement{{perSecond: 9}, {perSecond: 1}, {perSecond: 2}}, of); got != 2 {
		t.Errorf("got %v, want 2", got)
	}
	if got := median([]measurement{{perSecond: 4}, {perSecond: 1}}, of); got != 2.5 {
		t.Errorf("got %v, want 2.5", got)
	}
}

// relayTest is a table in which the gateway costs half as much again as PgBouncer, by the best rounds twice as much.
func relayTest() *test {
	bouncer := &row{name: "PgBouncer", results: []measurement{
		{perSecond: 100, cpu: 10 * time.Microsecond}, {perSecond: 300, cpu: 20 * time.Microsecond}, {perSecond: 200, cpu: 30 * time.Microsecond}}}
	gateway := &row{name: "gateway", versus: bouncer, results: []measurement{
		{perSecond: 150, cpu: 20 * time.Microsecond}, {perSecond: 150, cpu: 40 * time.Microsecond}, {perSecond: 150, cpu: 30 * time.Microsecond}}}
	return &test{name: "rows", unit: "row", goal: 1.6, rows: []*row{bouncer, gateway}}
}

func TestPrint(t *testing.T) {
	var b strings.Builder
	relayTest().print(&b)
	const want = `**rows**

| | rows/s | CPU µs, median (min) | x PgBouncer |
|---|--:|--:|--:|
| PgBouncer | 200 | 20.0 (10.0) |  |
| gateway | 150 | 30.0 (20.0) | 1.50 (2.00) |

`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestJudge(t *testing.T) {
	got := judge([]*test{relayTest()}, []memory{{name: "PgBouncer", bytes: 1}, {name: "gateway", bytes: goalIdle + 1, goal: goalIdle}})
	want := []verdict{
		{"rows: gateway", "CPU at most 1.6 x", "1.50 (2.00)", false},
		{"rows: gateway", "throughput at least 1.0 x", "0.75 (0.50)", false},
		{"idle client without TLS: gateway", "at most 12 KB", "12.0 KB", false},
	}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
}

func TestBouncerPrepares(t *testing.T) {
	for version, want := range map[string]bool{"PgBouncer 1.18.0": false, "PgBouncer 1.20.1": false, "PgBouncer 1.21.0": true,
		"PgBouncer 1.25.2": true, "PgBouncer 2.0.0": true, "no PgBouncer in PATH": false} {
		if got := bouncerPrepares(version); got != want {
			t.Errorf("%s: %v", version, got)
		}
	}
}

func TestParse(t *testing.T) {
	var stderr strings.Builder
	o, err := parse([]string{"-quick", "-seconds", "3", "-only", "bulk,idle"}, &stderr)
	if err != nil || o.rounds != 2 || o.seconds != 3 || !o.has(partIdle) || o.has(partLogins) {
		t.Errorf("got %+v, %v", o, err)
	}
	if _, err := parse([]string{"-only", "bulk,nonsense"}, &stderr); err == nil || !strings.Contains(stderr.String(), "nonsense") {
		t.Errorf("a part that does not exist: %v, %q", err, stderr.String())
	}
}
