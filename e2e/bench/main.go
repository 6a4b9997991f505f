package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	binary  string
	modes   []string // of pgbench's -M
	clients []int
	rounds  int
	seconds int
	rows    int
}

func main() {
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // the flag set has said why
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
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	modes := flags.String("modes", "prepared,simple", "how pgbench sends statements")
	clients := flags.String("clients", "1,8,32", "connections at one time")
	flags.StringVar(&o.binary, "binary", "build/portcullis", "the gateway")
	flags.IntVar(&o.rounds, "rounds", 2, "runs of each row of the table")
	flags.IntVar(&o.seconds, "seconds", 2, "length of a run, connecting included")
	flags.IntVar(&o.rows, "rows", 50_000, "accounts")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.modes = strings.Split(*modes, ",")
	for _, text := range strings.Split(*clients, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > clientsMax {
			err := fmt.Errorf("-clients: %q is not a number from 1 to %d", text, clientsMax)
			fmt.Fprintln(stderr, err)
			return o, err
		}
		o.clients = append(o.clients, n)
	}
	if o.rounds < 1 || o.seconds < 1 || o.rows < 1 {
		err := errors.New("-rounds, -seconds and -rows are at least 1")
		fmt.Fprintln(stderr, err)
		return o, err
	}
	return o, nil
}

// run brings everything up, measures, prints the table and takes everything down.
func run(ctx context.Context, o options, out, progress io.Writer) (err error) {
	began := time.Now()
	s := &stage{binary: o.binary, rows: o.rows}
	defer func() { err = errors.Join(err, s.stop()) }()
	fmt.Fprintf(progress, "starting servers and loading %d accounts, once through the gateway ...\n", o.rows)
	subjects, err := s.start(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, "ready after %.0f s; each of %d rounds takes about %d s\n", time.Since(began).Seconds(), o.rounds,
		len(subjects)*len(o.modes)*len(o.clients)*(o.seconds*1000+300)/1000)

	results := newTable(o, subjects)
	for round := range o.rounds {
		fmt.Fprintf(progress, "round %d of %d\n", round+1, o.rounds)
		for _, mode := range o.modes {
			for _, clients := range o.clients {
				for _, subject := range subjects {
					m, err := s.measure(ctx, subject, mode, clients, o.seconds)
					if err != nil {
						return fmt.Errorf("%s, %s, %d clients: %w", subject.name, mode, clients, err)
					}
					results.add(subject, mode, clients, m)
				}
			}
		}
	}
	fmt.Fprintf(out, "PostgreSQL %d, %s, %s/%s, %d CPUs; %d rounds of %d s, in %.0f s\n\n", s.cluster.Binaries.Version, s.versions(),
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.rounds, o.seconds, time.Since(began).Seconds())
	results.print(out)
	return nil
}

// versions names the proxies.
func (s *stage) versions() string {
	if s.pgbouncer == "" {
		return "no PgBouncer in PATH"
	}
	out, err := exec.Command(s.pgbouncer, "--version").Output()
	if err != nil {
		return "PgBouncer of an unknown version"
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return first
}
