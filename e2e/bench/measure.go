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

// warmUp passes between pgbench's start and the moment from which is counted: its clients have connected by then.
const warmUp = 300 * time.Millisecond

// measurement is what one run of pgbench shows.
type measurement struct {
	perSecond float64       // transactions
	cpu       time.Duration // of the proxy for a transaction; 0: not known
	p50, p99  time.Duration // of a transaction's latency
}

// measure runs pgbench and counts between two moments.
func (s *stage) measure(ctx context.Context, subject *subject, mode string, clients, seconds int) (measurement, error) {
	dir, err := os.MkdirTemp(s.dir, "run-")
	if err != nil {
		return measurement{}, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, s.cluster.Binaries.Path("pgbench"), "-n", "-M", mode, "-c", strconv.Itoa(clients), "-j", "1",
		"-T", strconv.Itoa(seconds), "-f", subject.script, "--log", "--log-prefix", filepath.Join(dir, "log"), subject.url)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return measurement{}, err
	}
	time.Sleep(warmUp)
	cpuBegan, began := cpuTime(subject.pid), time.Now()
	time.Sleep(time.Duration(seconds)*time.Second - warmUp)
	cpuEnded, ended := cpuTime(subject.pid), time.Now()
	if err := cmd.Wait(); err != nil {
		return measurement{}, fmt.Errorf("pgbench: %w: %s", err, output.Bytes())
	}

	var latencies []time.Duration
	files, err := filepath.Glob(filepath.Join(dir, "log*"))
	if err != nil {
		return measurement{}, err
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return measurement{}, err
		}
		found, err := readLog(f, began, ended)
		f.Close()
		if err != nil {
			return measurement{}, fmt.Errorf("read pgbench's log: %w", err)
		}
		latencies = append(latencies, found...)
	}
	if len(latencies) == 0 {
		return measurement{}, fmt.Errorf("no transaction was finished: %s", output.Bytes())
	}
	slices.Sort(latencies)
	return measurement{
		perSecond: float64(len(latencies)) / ended.Sub(began).Seconds(),
		cpu:       (cpuEnded - cpuBegan) / time.Duration(len(latencies)),
		p50:       percentile(latencies, 50),
		p99:       percentile(latencies, 99),
	}, nil
}

// readLog returns the latencies of the transactions that ended between two moments. A line of pgbench's log is
// "client transaction latency script seconds microseconds" (doc/src/sgml/ref/pgbench.sgml, Per-Transaction Logging).
func readLog(r io.Reader, began, ended time.Time) (latencies []time.Duration, err error) {
	const latencyField, secondsField, microsecondsField = 2, 4, 5
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) <= microsecondsField {
			return nil, errors.New("a line is too short")
		}
		var numbers [microsecondsField + 1]int64
		for _, i := range []int{latencyField, secondsField, microsecondsField} {
			if numbers[i], err = strconv.ParseInt(string(fields[i]), 10, 64); err != nil {
				return nil, err
			}
		}
		end := time.Unix(numbers[secondsField], numbers[microsecondsField]*1000)
		if end.Before(began) || end.After(ended) {
			continue
		}
		latencies = append(latencies, time.Duration(numbers[latencyField])*time.Microsecond)
	}
	return latencies, lines.Err()
}

// percentile returns the smallest value that at least percent of them do not exceed. sorted is not empty.
func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[max((len(sorted)*percent+99)/100, 1)-1]
}

// tick is the unit of /proc/PID/stat: USER_HZ is 100 on every architecture that Go runs on.
const tick = 10 * time.Millisecond

// cpuTime returns the user and system time that a process has used, 0 if there is no process or no /proc (proc(5)).
func cpuTime(pid int) time.Duration {
	if pid == 0 {
		return 0
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The second field is the program's name in brackets, which may hold anything; the third follows the last bracket.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const user, system = 14 - 3, 15 - 3
	if len(fields) <= system {
		return 0
	}
	total := time.Duration(0)
	for _, i := range []int{user, system} {
		n, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return 0
		}
		total += time.Duration(n) * tick
	}
	return total
}
