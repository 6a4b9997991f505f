package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// lengthDefault bounds a run of a suite that says nothing of it.
const lengthDefault = 10 * time.Minute

// prepareLength bounds the fetching and building of what a suite needs.
const prepareLength = 30 * time.Minute

// Files and folders, relative to the root of the module.
const (
	buildPath  = "build/conformance"
	knownDir   = "e2e/conformance/known"
	reportPath = "docs/compatibility.md"
)

// options are the flags.
type options struct {
	binary   string
	dir      string // where toolchains, logs and results are kept
	suites   []suite.Suite
	settings []suite.Setting
	keep     bool
	report   bool // write the report from stored results, run nothing
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
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		stop()
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{dir: buildPath}
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(stderr)
	names := flags.String("suite", "", "names of suites, with commas; all if empty")
	modes := flags.String("mode", "", "direct, session, transaction, with commas; all if empty")
	flags.StringVar(&o.binary, "binary", "build/portcullis", "the gateway")
	flags.BoolVar(&o.keep, "keep", false, "after each run leave its servers until Ctrl-C")
	flags.BoolVar(&o.report, "report", false, "run nothing; write "+reportPath+" from the results of earlier runs")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	fail := func(format string, args ...any) (options, error) {
		err := fmt.Errorf(format, args...)
		fmt.Fprintln(stderr, err)
		return o, err
	}
	if flags.NArg() > 0 {
		return fail("what is %q?", flags.Arg(0))
	}
	o.suites, o.settings = suites(), suite.Settings()
	if *names != "" {
		all := o.suites
		o.suites = nil
		for _, name := range strings.Split(*names, ",") {
			i := slices.IndexFunc(all, func(s suite.Suite) bool { return s.Name == name })
			if i < 0 {
				return fail("-suite: there is no suite %q", name)
			}
			o.suites = append(o.suites, all[i])
		}
	}
	if *modes != "" {
		o.settings = nil
		for _, name := range strings.Split(*modes, ",") {
			if !slices.Contains(suite.Settings(), suite.Setting(name)) {
				return fail("-mode: %q is none of direct, session, transaction", name)
			}
			o.settings = append(o.settings, suite.Setting(name))
		}
	}
	return o, nil
}

// run runs what was asked for, tells results and differences on out, and writes the report if everything was run. Unknown
// differences and runs that could not be finished are an error.
func run(ctx context.Context, o options, out io.Writer) error {
	known, err := loadKnown(knownDir)
	if err != nil {
		return err
	}
	store, err := openStore(o.dir)
	if err != nil {
		return err
	}
	if o.report {
		return writeReport(store, known)
	}
	binaries, err := pgcluster.Find(ctx)
	if err != nil {
		return err
	}
	if o.binary, err = filepath.Abs(o.binary); err != nil {
		return err
	}
	gateway := store.gatewayVersion(ctx, o.binary)
	var problems []error
	for _, s := range o.suites {
		fill(&s)
		errs, err := runSuite(ctx, o, s, store, known, binaries, gateway, out)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		problems = append(problems, errs...)
	}
	if len(o.suites) == len(suites()) && len(o.settings) == len(suite.Settings()) {
		problems = append(problems, writeReport(store, known))
	}
	return errors.Join(problems...)
}

// fill puts in the defaults.
func fill(s *suite.Suite) {
	for _, d := range []struct {
		value   *string
		standIn string
	}{{&s.Database, "conformance"}, {&s.Role, "conform"}, {&s.Password, "conformance"}} {
		if *d.value == "" {
			*d.value = d.standIn
		}
	}
	if s.Length == 0 {
		s.Length = lengthDefault
	}
	if s.ServerConnections == 0 {
		s.ServerConnections = poolMax
	}
}

// runSuite prepares a suite and runs it in each setting. problems are what is wrong with the results; err ends the command.
func runSuite(ctx context.Context, o options, s suite.Suite, store *store, known []difference, binaries pgcluster.Binaries,
	gateway string, out io.Writer) (problems []error, err error) {
	source, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	w := &suite.Workspace{Dir: store.path(s.Name), Source: source, Binaries: binaries}
	if err := os.MkdirAll(w.Dir, 0o755); err != nil {
		return nil, err
	}
	versions, err := prepare(ctx, s, w, store)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, suite.ErrMissing):
		fmt.Fprintf(out, "%-12s not run: %v\n", s.Name, err)
		return nil, store.putMissing(s, err)
	case err != nil:
		return nil, fmt.Errorf("prepare: %w", err)
	}
	for _, setting := range o.settings {
		began := time.Now()
		results, second, err := runSetting(ctx, o, s, w, store, setting, known, out)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(out, "%-12s %-12s %v\n", s.Name, setting, err)
			problems = append(problems, fmt.Errorf("%s, %s: %w", s.Name, setting, err))
			if results == nil {
				continue
			}
		}
		r := &outcome{Suite: s.Name, Setting: setting, Versions: versions, Server: store.serverVersion(ctx, binaries),
			Gateway: gateway, Seconds: int(time.Since(began).Seconds()), Results: results, Second: second}
		if err := store.put(r); err != nil {
			return nil, err
		}
		fmt.Fprintf(out, "%-12s %-12s %5d passed %4d failed %4d skipped %5d s; %d passed on the second try\n", s.Name, setting,
			results.Count(suite.Passed), results.Count(suite.Failed), results.Count(suite.Skipped), r.Seconds, len(second))
		if setting != suite.Direct {
			problems = append(problems, compare(s, setting, store, known, out)...)
		}
	}
	return problems, nil
}

func prepare(ctx context.Context, s suite.Suite, w *suite.Workspace, store *store) (versions string, err error) {
	ctx, cancel := context.WithTimeout(ctx, prepareLength)
	defer cancel()
	log, err := store.log(s.Name + "-prepare")
	if err != nil {
		return "", err
	}
	defer log.Close()
	w.Log = log
	return s.Prepare(ctx, w)
}

// runSetting runs a suite in one setting. second are the tests that passed on the second try only.
func runSetting(ctx context.Context, o options, s suite.Suite, w *suite.Workspace, store *store, setting suite.Setting,
	known []difference, out io.Writer) (results suite.Results, second []string, err error) {
	name := s.Name + "-" + string(setting)
	log, err := store.log(name)
	if err != nil {
		return nil, nil, err
	}
	defer log.Close()
	gatewayLog, err := store.log(name + "-gateway")
	if err != nil {
		return nil, nil, err
	}
	defer gatewayLog.Close()
	w.Log = log
	g := &stage{binary: o.binary, log: gatewayLog}
	defer func() { err = errors.Join(err, g.stop()) }()
	server, err := g.start(ctx, s, w, setting)
	if err != nil {
		return nil, nil, err
	}
	running, cancel := context.WithTimeout(ctx, s.Length)
	defer cancel()
	var others *crowd
	if s.Crowd {
		others = startCrowd(running, server)
	}
	results, err = s.Run(running, w, server)
	if others != nil {
		status := suite.Passed
		if crowdErr := others.end(); crowdErr != nil {
			status = suite.Failed
			fmt.Fprintln(log, crowdErr)
		}
		if results != nil {
			results.Add(crowdTest, status)
		}
	}
	if err == nil && len(results) == 0 {
		err = errors.New("no test was run")
	}
	if err == nil && s.Again != nil {
		tests := results.Names(suite.Failed)
		if direct := store.get(s.Name, suite.Direct); setting != suite.Direct && direct != nil {
			tests = slices.DeleteFunc(differences(direct.Results, results), func(test string) bool {
				return knownAs(known, s.Name, setting, test) != nil
			})
		}
		second, err = tryAgain(running, s, w, server, tests, results)
	}
	if o.keep {
		fmt.Fprintf(out, "%s runs at %s; the server behind it at %s; files are in %s; Ctrl-C ends\n", setting, server.URL(),
			server.Cluster.URL(server.Database), g.dir)
		<-ctx.Done()
	}
	return results, second, err
}

// tryAgain runs tests once more: those that have failed directly, or differ from the direct run and are not known to. What
// passes now, and has not passed before, is passed in results, and second.
func tryAgain(ctx context.Context, s suite.Suite, w *suite.Workspace, server *suite.Server, tests []string, results suite.Results) (
	second []string, err error) {
	if len(tests) == 0 {
		return nil, nil
	}
	fmt.Fprintf(w.Log, "\n%d tests once more\n", len(tests))
	again, err := s.Again(ctx, w, server, tests)
	if err != nil {
		return nil, fmt.Errorf("the second try: %w", err)
	}
	for _, test := range again.Names(suite.Passed) {
		if before := statusOf(results, test); before == suite.Failed || before == suite.Missing {
			results[test] = suite.Passed
			second = append(second, test)
		}
	}
	return second, nil
}
