package shard

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestNewKeyGeneratorRefuses(t *testing.T) {
	tests := []struct {
		typ   string
		props map[string]string
		want  string
	}{
		{"UUID", nil, `key generator "UUID": type is not available; available is SNOWFLAKE`},
		{"SNOWFLAKE", map[string]string{"worker-id": "1024"},
			`SNOWFLAKE: property "worker-id" must be an integer from 0 to 1023`},
		{"SNOWFLAKE", map[string]string{"epoch-offset": "Europe/Berlin"},
			`SNOWFLAKE: property "epoch-offset" must be an offset from UTC of at most 18 hours, like "Z" or "+08:00"`},
		{"SNOWFLAKE", map[string]string{"epoch-offset": "+19:00", "worker": "1"},
			`SNOWFLAKE: property "epoch-offset" must be an offset from UTC of at most 18 hours, like "Z" or "+08:00"` + "\n" +
				`SNOWFLAKE: property "worker" is not known; the properties are worker-id, max-vibration-offset, ` +
				"max-tolerate-time-difference-milliseconds, epoch-offset"},
	}
	for _, test := range tests {
		if _, err := NewKeyGenerator(test.typ, test.props, SystemClock{}); errorText(err) != test.want {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
	}
}

func TestSnowflakeEpochOffset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := map[string]int64{}
		for _, offset := range []string{"Z", "+00:00", "+08:00", "-05:30"} {
			g, err := NewKeyGenerator("SNOWFLAKE", map[string]string{"epoch-offset": offset}, SystemClock{})
			if err != nil {
				t.Fatal(err)
			}
			if keys[offset], err = g.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		hours := func(offset string) float64 { return float64(keys[offset]-keys["Z"]) / float64(3_600_000<<22) }
		if hours("+00:00") != 0 || hours("+08:00") != 8 || hours("-05:30") != -5.5 {
			t.Errorf("got %v", keys)
		}
	})
}

// Many goroutines draw more keys than a few milliseconds hold; none comes twice.
func TestSnowflakeKeysAreUnique(t *testing.T) {
	g, err := NewKeyGenerator("SNOWFLAKE", map[string]string{"max-vibration-offset": "3"}, SystemClock{})
	if err != nil {
		t.Fatal(err)
	}
	const goroutines, each = 8, 5000
	keys := make([][]int64, goroutines)
	var wg sync.WaitGroup
	for i := range goroutines {
		wg.Go(func() {
			for range each {
				key, err := g.Next(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				keys[i] = append(keys[i], key)
			}
		})
	}
	wg.Wait()
	seen := map[int64]bool{}
	for _, some := range keys {
		for i, key := range some {
			if i > 0 && key <= some[i-1] {
				t.Fatal("keys of one goroutine do not ascend")
			}
			if seen[key] {
				t.Fatal("a key came twice")
			}
			seen[key] = true
		}
	}
}

// The clock of a synctest bubble stands while a goroutine runs: the 4097th key must wait for the next millisecond.
func TestSnowflakeWaitsForTheNextMillisecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := NewKeyGenerator("SNOWFLAKE", nil, SystemClock{})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var key int64
		for range sequenceMax + 2 {
			if key, err = g.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		want := SnowflakeParts{start.UnixMilli() + 1, 0, 0}
		if got := DecomposeSnowflake(SnowflakeEpochMillis, key); got != want || time.Since(start) != time.Millisecond {
			t.Errorf("got %+v after %v, want %+v", got, time.Since(start), want)
		}
	})
}

// steppingClock is the system's clock with a step that a test sets.
type steppingClock struct {
	SystemClock
	step time.Duration
}

func (c *steppingClock) Now() time.Time { return time.Now().Add(c.step) }

func TestSnowflakeClockBackwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &steppingClock{}
		g, err := NewKeyGenerator("SNOWFLAKE", map[string]string{"max-tolerate-time-difference-milliseconds": "1000"}, clock)
		if err != nil {
			t.Fatal(err)
		}
		first, err := g.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}

		clock.step = -time.Second // the tolerance itself is beyond it
		if _, err := g.Next(t.Context()); !errors.Is(err, ErrClockBackwards) {
			t.Errorf("got %v", err)
		}

		clock.step = -999 * time.Millisecond
		waiting, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := g.Next(waiting); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}

		second, err := g.Next(t.Context())
		if err != nil || second <= first {
			t.Errorf("got %d after %d, %v", second, first, err)
		}
	})
}

// A goroutine that waits behind one that sleeps can give up.
func TestSnowflakeWaitingForTheLockEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &steppingClock{}
		g, err := NewKeyGenerator("SNOWFLAKE", map[string]string{"max-tolerate-time-difference-milliseconds": "5000"}, clock)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		clock.step = -4 * time.Second
		go g.Next(t.Context()) // sleeps with the lock
		synctest.Wait()
		waiting, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Next(waiting); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(4 * time.Second)
	})
}

// BenchmarkSnowflake draws keys from a clock that moves on by itself, so that it never waits.
func BenchmarkSnowflake(b *testing.B) {
	g, err := NewKeyGenerator("SNOWFLAKE", nil, &vectorClock{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Next(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
