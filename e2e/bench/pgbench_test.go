package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReadLog(t *testing.T) {
	got, err := readLog(nil, strings.NewReader("0 1 100 0 1000 999999\n1 1 200 0 1001 0\n"))
	want := []transaction{
		{0, 100 * time.Microsecond, time.Unix(1000, 999_999_000)},
		{1, 200 * time.Microsecond, time.Unix(1001, 0)},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for _, wrong := range []string{"0 1 100 0 1000\n", "0 1 failed 0 1000 0\n"} {
		if _, err := readLog(nil, strings.NewReader(wrong)); err == nil {
			t.Errorf("%q is read", wrong)
		}
	}
}

func TestEvaluate(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(1_000_000 + ms)) }
	var samples []sample
	for ms := 0; ms <= 1000; ms += 100 { // a tenth of a CPU
		samples = append(samples, sample{at(ms), time.Duration(ms) * time.Millisecond / 10})
	}
	var done []transaction
	for ms := 15; ms < 950; ms += 10 { // client 1 connects late
		done = append(done, transaction{0, time.Millisecond, at(ms)})
		if ms > 320 {
			done = append(done, transaction{1, 3 * time.Millisecond, at(ms)})
		}
	}
	got, err := evaluate(done, samples, 2, time.Second) // from 400 to 900 ms: 100 transactions
	want := measurement{perSecond: 200, cpu: 500 * time.Microsecond, p50: time.Millisecond, p99: 3 * time.Millisecond}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if _, err := evaluate(done, samples, 3, time.Second); !errors.Is(err, errVoid) {
		t.Errorf("a client that never worked: %v", err)
	}
	if _, err := evaluate(done, samples, 2, 3*time.Second); !errors.Is(err, errVoid) {
		t.Errorf("a sixth of a run: %v", err)
	}
	if _, err := evaluate(nil, samples, 2, time.Second); !errors.Is(err, errVoid) {
		t.Errorf("no transaction: %v", err)
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
