package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	binary  string
	only    []string // parts to run
	clients []int    // of pgbench
	few     []int    // of pgbench, for what needs no more
	rounds  int
	seconds int
	rows    int // of the protected table
	idle    int // clients whose memory is looked at
}

// The parts, as -only names them.
const (
	partPgbench   = "pgbench"
	partTPCB      = "tpcb"
	partProtected = "protected"
	partBulk      = "bulk"
	partLogins    = "logins"
	partIdle      = "idle"
)

var parts = [...]string{partPgbench, partTPCB, partProtected, partBulk, partLogins, partIdle}

func main() {
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // it has been said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{clients: []int{1, 8, 32, 128}, few: []int{1, 32}, rounds: 3, seconds: 2, rows: 50_000, idle: 2000}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "fewer clients and shorter runs: 4 minutes instead of 15")
	only := flags.String("only", strings.Join(parts[:], ","), "parts to run")
	flags.StringVar(&o.binary, "binary", "build/portcullis", "the gateway")
	rounds := flags.Int("rounds", 0, "runs of each row of a table; 0: 3, or 2 with -quick")
	seconds := flags.Int("seconds", 0, "length of a run, connecting included; 0: 2, or 1 with -quick")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if *quick {
		o.clients, o.rounds, o.seconds, o.rows, o.idle = o.few, 2, 1, 20_000, 1000
	}
	for _, override := range []struct {
		flag  int
		value *int
	}{{*rounds, &o.rounds}, {*seconds, &o.seconds}} {
		if override.flag > 0 {
			*override.value = override.flag
		}
	}
	o.only = strings.Split(*only, ",")
	for _, part := range o.only {
		if !slices.Contains(parts[:], part) {
			err := fmt.Errorf("-only: there is no part %q; there are %s", part, strings.Join(parts[:], ", "))
			fmt.Fprintln(stderr, err)
			return o, err
		}
	}
	return o, nil
}

func (o *options) has(part string) bool { return slices.Contains(o.only, part) }

// run brings everything up, measures, prints the tables and takes everything down.
func run(ctx context.Context, o options, out, progress io.Writer) (err error) {
	began := time.Now()
	s := &stage{binary: o.binary, options: o}
	defer func() { err = errors.Join(err, s.stop()) }()
	fmt.Fprintf(progress, "starting servers and loading tables, one with %d rows through the gateway ...\n", o.rows)
	if err := s.start(ctx); err != nil {
		return err
	}
	tests := s.tests()
	runs := 0
	for _, t := range tests {
		runs += len(t.rows)
	}
	fmt.Fprintf(progress, "ready after %.0f s; each of %d rounds takes about %d s\n", time.Since(began).Seconds(), o.rounds,
		runs*(o.seconds*1000+400)/1000)
	failure := measureAll(ctx, o, tests, progress)
	var idle []memory
	if failure == nil && o.has(partIdle) {
		fmt.Fprintf(progress, "memory of %d idle clients\n", o.idle)
		if idle, failure = s.idleMemory(ctx); failure != nil {
			failure = fmt.Errorf("memory of idle clients: %w", failure)
		}
	}
	fmt.Fprintf(out, "PostgreSQL %d, %s, %s/%s, %d CPUs; %d %s of %d s, in %.0f s\n\n", s.cluster.Binaries.Version,
		s.bouncerVersion(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.rounds, plural(o.rounds, "round"), o.seconds,
		time.Since(began).Seconds())
	for _, t := range tests {
		t.print(out)
	}
	printMemory(out, idle)
	printGoals(out, judge(tests, idle))
	return failure // what was measured before has been printed
}

// measureAll runs every row of every test, round by round.
func measureAll(ctx context.Context, o options, tests []*test, progress io.Writer) error {
	for round := range o.rounds {
		fmt.Fprintf(progress, "round %d of %d\n", round+1, o.rounds)
		for _, t := range tests {
			for _, r := range t.rows {
				m, err := r.measure(ctx)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", t.name, r.name, err)
				}
				r.results = append(r.results, m)
			}
		}
	}
	return nil
}
