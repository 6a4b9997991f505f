package pool

import "time"

// Stats says what a Pool does and has done.
type Stats struct {
	// Datasource is Options.Datasource.
	Datasource string
	// Max and Reserve are the bounds.
	Max, Reserve int
	// Idle connections wait for a claim, Used ones are in somebody's hands, Dialling ones are being opened.
	Idle, Used, Dialling int
	// Waiting is the number of claims that wait; OldestWait is how long the first of them does.
	Waiting    int
	OldestWait time.Duration
	// Acquired, Waited and TimedOut count claims: granted, those of them that waited, and those that waited in vain.
	Acquired, Waited, TimedOut uint64
	// WaitedFor is the sum of the waits of all claims that have ended.
	WaitedFor time.Duration
	// Dials counts attempts to connect, DialFailures those that failed, Discarded the connections that were closed other than
	// at the end of the pool.
	Dials, DialFailures, Discarded uint64
}
