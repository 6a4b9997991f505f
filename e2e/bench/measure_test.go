package main

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReadLog(t *testing.T) {
	const log = `0 1 100 0 1000 999999
1 1 200 0 1001 0
0 2 300 0 1001 500000
1 2 400 0 1002 0
1 3 500 0 1002 1
`
	got, err := readLog(strings.NewReader(log), time.Unix(1001, 0), time.Unix(1002, 0))
	want := []time.Duration{200 * time.Microsecond, 300 * time.Microsecond, 400 * time.Microsecond}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for _, wrong := range []string{"0 1 100 0 1000\n", "0 1 failed 0 1000 0\n"} {
		if _, err := readLog(strings.NewReader(wrong), time.Unix(0, 0), time.Unix(1002, 0)); err == nil {
			t.Errorf("%q is read", wrong)
		}
	}
}

func TestPercentile(t *testing.T) {
	var values []time.Duration
	for i := range 200 {
		values = append(values, time.Duration(i+1))
	}
	for _, test := range []struct{ n, percent, want int }{{200, 50, 100}, {200, 99, 198}, {1, 50, 1}, {1, 99, 1}, {3, 50, 2}, {2, 99, 2}} {
		if got := percentile(values[:test.n], test.percent); got != time.Duration(test.want) {
			t.Errorf("%d%% of %d values: got %d, want %d", test.percent, test.n, got, test.want)
		}
	}
}

func TestMedian(t *testing.T) {
	of := func(m measurement) float64 { return m.perSecond }
	if got := median([]measurement{{perSecond: 9}, {perSecond: 1}, {perSecond: 2}}, of); got != 2 {
		t.Errorf("got %v, want 2", got)
	}
	if got := median([]measurement{{perSecond: 4}, {perSecond: 1}}, of); got != 2.5 {
		t.Errorf("got %v, want 2.5", got)
	}
}

func TestCPUTime(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // there is no /proc to read
	}
	before := cpuTime(os.Getpid())
	for began := time.Now(); time.Since(began) < 2*time.Second && cpuTime(os.Getpid()) < before+5*tick; {
	}
	if after := cpuTime(os.Getpid()); after < before+5*tick {
		t.Errorf("two seconds of work took %v to %v", before, after)
	}
	if got := cpuTime(0); got != 0 {
		t.Errorf("no process has used %v", got)
	}
}
