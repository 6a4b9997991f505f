package shard

import (
	"context"
	"math"
	"time"
)

// SnowflakeEpochMillis is 2016-11-01T00:00Z, in milliseconds of Unix time: what SNOWFLAKE counts from in UTC.
const SnowflakeEpochMillis = 1477958400000

// Bits of a key, from the lowest: sequence, worker, and all above for the milliseconds.
const (
	sequenceBits = 12
	workerBits   = 10
	sequenceMax  = 1<<sequenceBits - 1
	workerMax    = 1<<workerBits - 1
)

// SnowflakeParts is what a key of SNOWFLAKE is made of.
type SnowflakeParts struct {
	Millis   int64 // Unix time in milliseconds
	Worker   int   // 0..1023
	Sequence int   // 0..4095
}

// ComposeSnowflake returns the key of its parts: (Millis - epochMillis) << 22 | Worker << 12 | Sequence. Nothing is
// masked, as in ShardingSphere: times before the epoch give negative keys, and so do those from the year 2086 on.
func ComposeSnowflake(epochMillis int64, p SnowflakeParts) int64 {
	return (p.Millis-epochMillis)<<(workerBits+sequenceBits) | int64(p.Worker)<<sequenceBits | int64(p.Sequence)
}

// DecomposeSnowflake returns the parts of a key.
func DecomposeSnowflake(epochMillis, key int64) SnowflakeParts {
	return SnowflakeParts{
		Millis:   key>>(workerBits+sequenceBits) + epochMillis,
		Worker:   int(key>>sequenceBits) & workerMax,
		Sequence: int(key) & sequenceMax,
	}
}

// snowflake is SNOWFLAKE (SnowflakeKeyGenerateAlgorithm). Its properties:
//
//	worker-id                                  0..1023, default 0; two generators must never share one
//	max-vibration-offset                       0..4095, default 1
//	max-tolerate-time-difference-milliseconds  from 0 on, default 10
//	epoch-offset                               "+08:00", default "Z"
//
// The first sequence of a millisecond counts 0, 1, ..., max-vibration-offset, 0, ...: without it, keys at a low rate are
// all multiples of 4096, and one shard gets every row.
//
// ShardingSphere counts from midnight at the offset from UTC that its process has when it starts. epoch-offset, which
// ShardingSphere does not have, names that offset, so that keys follow those that it gave. A zone's name would not do:
// with daylight saving the offset depends on the day of the start.
type snowflake struct {
	clock         Clock
	epochMillis   int64
	worker        int
	vibrationMax  int
	toleranceMax  int64 // milliseconds
	lock          chan struct{}
	lastMillis    int64 // of the last key; the fields from here on are guarded by lock
	sequence      int
	firstSequence int // of the last millisecond
}

func newSnowflake(p *properties, clock Clock) (KeyGenerator, error) {
	g := &snowflake{
		clock:         clock,
		worker:        int(p.optionalInt("worker-id", 0, 0, workerMax)),
		vibrationMax:  int(p.optionalInt("max-vibration-offset", 1, 0, sequenceMax)),
		toleranceMax:  int64(p.optionalInt("max-tolerate-time-difference-milliseconds", 10, 0, math.MaxInt32)),
		epochMillis:   SnowflakeEpochMillis - p.offset("epoch-offset").Milliseconds(),
		lock:          make(chan struct{}, 1),
		firstSequence: -1,
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return g, nil
}

// offset returns a property that holds an offset from UTC: "Z", which is the default, or "+08:00", up to 18 hours as in
// Java (ZoneOffset).
func (p *properties) offset(property string) time.Duration {
	value, ok := p.lookup(property)
	if !ok || value == "Z" {
		return 0
	}
	if t, err := time.Parse("-07:00", value); err == nil {
		_, seconds := t.Zone()
		if offset := time.Duration(seconds) * time.Second; offset.Abs() <= 18*time.Hour {
			return offset
		}
	}
	p.fail(property, "must be an offset from UTC of at most 18 hours, like \"Z\" or \"+08:00\"")
	return 0
}

// Next waits where ShardingSphere waits: for a clock that stands less than the tolerance behind, once, and for the next
// millisecond when a millisecond's 4096 sequences are used up. It returns ErrClockBackwards for a clock further behind.
func (g *snowflake) Next(ctx context.Context) (int64, error) {
	// A channel is the lock, because those who wait for it may give up.
	select {
	case g.lock <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-g.lock }()

	now := g.millis()
	if behind := g.lastMillis - now; behind > 0 {
		if behind >= g.toleranceMax {
			return 0, ErrClockBackwards
		}
		if err := g.clock.Sleep(ctx, time.Duration(behind)*time.Millisecond); err != nil {
			return 0, err
		}
		now = g.millis() // not compared again: a clock that is still behind may repeat keys, as in ShardingSphere
	}
	sequence := g.sequence + 1
	switch {
	case now != g.lastMillis:
		g.firstSequence++
		if g.firstSequence > g.vibrationMax {
			g.firstSequence = 0
		}
		sequence = g.firstSequence
	case sequence > sequenceMax:
		sequence = 0
		var err error
		if now, err = g.nextMillis(ctx); err != nil {
			return 0, err
		}
	}
	g.lastMillis, g.sequence = now, sequence
	return ComposeSnowflake(g.epochMillis, SnowflakeParts{now, g.worker, sequence}), nil
}

func (g *snowflake) millis() int64 { return g.clock.Now().UnixMilli() }

// nextMillis waits until the clock stands behind the last key's millisecond.
func (g *snowflake) nextMillis(ctx context.Context) (int64, error) {
	next := time.UnixMilli(g.lastMillis + 1)
	for {
		now := g.clock.Now()
		if millis := now.UnixMilli(); millis > g.lastMillis {
			return millis, nil
		}
		if err := g.clock.Sleep(ctx, next.Sub(now)); err != nil {
			return 0, err
		}
	}
}
