package pool

import "time"

// Stats says what a Pool does and has done.
type Stats struct {
	// Datasource is Options.Datasource; Max and Reserve are the bounds.
	Datasource   string
	Max, Reserve int

	// Idle connections wait for a claim, Used ones are in somebody's hands, Dialling ones are being opened, Checking ones
	// asked for a sign of life.
	Idle, Used, Dialling, Checking int
	// Waiting is the number of claims that wait, Blocked of those whose user has as many connections as he may. OldestWait is
	// how long the first of them waits.
	Waiting, Blocked int
	OldestWait       time.Duration
	// Failing says that the last attempt to connect has failed.
	Failing bool

	// Acquired counts claims that were granted, Waited those of them that had to wait, TimedOut, Failed and Cancelled those
	// that waited in vain.
	Acquired, Waited, TimedOut, Failed, Cancelled uint64
	// WaitedFor is the sum of the waits of the claims that have waited, whatever came of it.
	WaitedFor time.Duration
	// Dials counts connections that were opened, DialFailures attempts that failed, Closed connections that were closed for
	// any reason; of them Stale ones were found dead while idle, Expired ones had reached Options.Life or Options.Idle.
	Dials, DialFailures, Closed, Stale, Expired uint64
}

// Stats says what the pool does.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Datasource, s.Max, s.Reserve = p.options.Datasource, p.options.Max, p.options.Reserve
	s.Idle, s.Waiting, s.Blocked, s.Failing = len(p.idle), p.arrivals.len, p.arrivals.len-p.queue.len, p.failures > 0
	for _, w := range p.works {
		if w.server == nil {
			s.Dialling++
		} else {
			s.Checking++
		}
	}
	s.Used = p.open - len(p.idle) - len(p.works) - p.closing
	if first := p.arrivals.first; first != nil {
		s.OldestWait = p.options.Clock().Sub(first.since)
	}
	return s
}
