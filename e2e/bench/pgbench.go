package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

const (
	sampleInterval = 20 * time.Millisecond // between two looks at the proxy's CPU time
	attemptsMax    = 4                     // of a run that is void
)

// errVoid means that on a busy machine the clients needed most of the run to connect.
var errVoid = errors.New("too little of the run is left after all clients have connected")

// pgbench is one run of it.
type pgbench struct {
	protocol string   // its -M
	clients  int      // its -c
	script   []string // its arguments that say which statements
	url      string
	pid      int // of the proxy; 0: there is none
}

// pgbench runs it, and again for longer if the run is void.
func (s *stage) pgbench(ctx context.Context, p pgbench) (m measurement, err error) {
	for attempt := range attemptsMax {
		if m, err = s.pgbenchOnce(ctx, p, s.options.seconds<<attempt); !errors.Is(err, errVoid) {
			break
		}
	}
	return m, err
}

func (s *stage) pgbenchOnce(ctx context.Context, p pgbench, seconds int) (measurement, error) {
	dir, err := os.MkdirTemp(s.dir, "run-")
	if err != nil {
		return measurement{}, err
	}
	defer os.RemoveAll(dir)
	args := append([]string{"-n", "-M", p.protocol, "-c", strconv.Itoa(p.clients), "-j", "1", "-T", strconv.Itoa(seconds),
		"--log", "--log-prefix", filepath.Join(dir, "log")}, p.script...)
	cmd := exec.CommandContext(ctx, s.cluster.Binaries.Path("pgbench"), append(args, p.url)...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return measurement{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var samples []sample
	for ticker := time.NewTicker(sampleInterval); ; {
		samples = append(samples, sample{time.Now(), cpuTime(p.pid)})
		select {
		case err = <-ended:
			ticker.Stop()
		case <-ticker.C:
			continue
		}
		break
	}
	if err != nil {
		return measurement{}, fmt.Errorf("pgbench: %w: %s", err, output.Bytes())
	}

	var done []transaction
	files, err := filepath.Glob(filepath.Join(dir, "log*"))
	if err != nil {
		return measurement{}, err
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return measurement{}, err
		}
		done, err = readLog(done, f)
		f.Close()
		if err != nil {
			return measurement{}, fmt.Errorf("read pgbench's log: %w", err)
		}
	}
	return evaluate(done, samples, p.clients, time.Duration(seconds)*time.Second)
}

// sample is the CPU time that the proxy had used at a moment.
type sample struct {
	at  time.Time
	cpu time.Duration
}

// transaction is a line of pgbench's log.
type transaction struct {
	client  int64
	latency time.Duration
	end     time.Time
}

// evaluate counts between two samples: the first one when every client has finished a transaction, and the last one
// while they still work. It returns errVoid if less than a quarter of the run lies between them.
func evaluate(done []transaction, samples []sample, clients int, length time.Duration) (measurement, error) {
	first := make(map[int64]time.Time)
	var connected, last time.Time
	for _, d := range done {
		if at, seen := first[d.client]; !seen || d.end.Before(at) {
			first[d.client] = d.end
		}
		if d.end.After(last) {
			last = d.end
		}
	}
	for _, at := range first {
		if at.After(connected) {
			connected = at
		}
	}
	began := slices.IndexFunc(samples, func(s sample) bool { return s.at.After(connected) })
	after := slices.IndexFunc(samples, func(s sample) bool { return s.at.After(last) })
	if after < 0 {
		after = len(samples)
	}
	if len(first) < clients || began < 0 || after <= began || samples[after-1].at.Sub(samples[began].at) < length/4 {
		return measurement{}, errVoid
	}
	from, to := samples[began], samples[after-1]
	var latencies []time.Duration
	for _, d := range done {
		if d.end.After(from.at) && !d.end.After(to.at) {
			latencies = append(latencies, d.latency)
		}
	}
	if len(latencies) == 0 {
		return measurement{}, errVoid
	}
	slices.Sort(latencies)
	return measurement{
		perSecond: float64(len(latencies)) / to.at.Sub(from.at).Seconds(),
		cpu:       (to.cpu - from.cpu) / time.Duration(len(latencies)),
		p50:       percentile(latencies, 50),
		p99:       percentile(latencies, 99),
	}, nil
}

// readLog appends the transactions of a log. A line is "client transaction latency script seconds microseconds"
// (doc/src/sgml/ref/pgbench.sgml, Per-Transaction Logging).
func readLog(done []transaction, r io.Reader) ([]transaction, error) {
	const clientField, latencyField, secondsField, microsecondsField = 0, 2, 4, 5
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) <= microsecondsField {
			return nil, errors.New("a line is too short")
		}
		var numbers [microsecondsField + 1]int64
		for _, i := range []int{clientField, latencyField, secondsField, microsecondsField} {
			n, err := strconv.ParseInt(string(fields[i]), 10, 64)
			if err != nil {
				return nil, err
			}
			numbers[i] = n
		}
		done = append(done, transaction{numbers[clientField], time.Duration(numbers[latencyField]) * time.Microsecond,
			time.Unix(numbers[secondsField], numbers[microsecondsField]*1000)})
	}
	return done, lines.Err()
}

// percentile returns the smallest value that at least percent of them do not exceed. sorted is not empty.
func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[max((len(sorted)*percent+99)/100, 1)-1]
}
