package postgres

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// Length of runs of pgbench.
const (
	pgbenchClients      = "8"
	pgbenchTransactions = "150" // of each client
)

// Pgbench is pgbench: its tables are made, its three scripts run in each protocol, and some of our own that go to the
// corners. A run passes if pgbench says that no transaction failed and, at the end, the balances add up.
func Pgbench() suite.Suite {
	return suite.Suite{
		Name: "pgbench", Title: "pgbench",
		Prepare: func(ctx context.Context, w *suite.Workspace) (string, error) {
			out, err := w.Must(ctx, suite.Program{Name: w.Binaries.Path("pgbench"), Args: []string{"--version"}})
			return strings.TrimSpace(out), err
		},
		Run: runPgbench,
	}
}

// pgbenchScripts are scripts of our own.
var pgbenchScripts = []struct{ name, text string }{
	{"pipeline", `\startpipeline
SELECT 1;
UPDATE pgbench_branches SET filler = 'x' WHERE bid = 1;
SELECT abalance FROM pgbench_accounts WHERE aid = 7;
\endpipeline
`},
	{"gset", `\set aid random(1, 1000)
SELECT abalance AS a, bid AS b FROM pgbench_accounts WHERE aid = :aid \gset
BEGIN;
SELECT :a::int + :b AS c \gset x_
END;
`},
	{"several statements", `\set aid random(1, 1000)
SELECT 1 \; SELECT abalance FROM pgbench_accounts WHERE aid = :aid \; SELECT 3;
`},
	{"large result", `SELECT aid, filler FROM pgbench_accounts WHERE aid <= 2000;
`},
}

// finished is what pgbench prints when no client was aborted: all transactions.
var finished = regexp.MustCompile(`number of transactions actually processed: ([0-9]+)/([0-9]+)`)

func runPgbench(ctx context.Context, w *suite.Workspace, s *suite.Server) (suite.Results, error) {
	results := make(suite.Results)
	run := func(name string, stdin string, args ...string) error {
		out, err := w.Run(ctx, suite.Program{Name: w.Binaries.Path("pgbench"), Environ: s.Environ(), Stdin: stdin, Args: args})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		status := suite.Passed
		if m := finished.FindStringSubmatch(out); err != nil || strings.Contains(out, "rror:") || !strings.HasPrefix(name, "-i") &&
			(m == nil || m[1] != m[2]) {
			status = suite.Failed
		}
		results.Add(name, status)
		return nil
	}
	for _, args := range [][]string{{"-i", "-s", "2", "--foreign-keys"}, {"-i", "-s", "2", "-I", "dtGvpf"}, {"-i", "-s", "2", "--partitions=3"}, {"-i", "-s", "2"}} {
		if err := run(strings.Join(args, " "), "", args...); err != nil {
			return nil, err
		}
	}
	for _, mode := range []string{"simple", "extended", "prepared"} {
		for _, script := range []struct{ name, flag string }{{"TPC-B-like", "tpcb-like"}, {"-N", "simple-update"}, {"-S", "select-only"}} {
			if err := run(fmt.Sprintf("%s, -M %s", script.name, mode), "", "-n", "-M", mode, "-c", pgbenchClients, "-j", "2", "-t",
				pgbenchTransactions, "-b", script.flag); err != nil {
				return nil, err
			}
		}
		if err := run("-C -S, -M "+mode, "", "-n", "-C", "-M", mode, "-c", "4", "-t", "20", "-S"); err != nil {
			return nil, err
		}
		for _, script := range pgbenchScripts {
			if mode == "simple" && strings.Contains(script.text, "pipeline") || mode != "simple" && strings.Contains(script.text, `\;`) {
				continue // pgbench refuses them
			}
			if err := run(fmt.Sprintf("%s, -M %s", script.name, mode), script.text, "-n", "-M", mode, "-c", "4", "-t", "50", "-f", "-"); err != nil {
				return nil, err
			}
		}
	}
	// Each TPC-B-like transaction adds one amount to an account, a teller, a branch and the history; -N to account and
	// history alone.
	out, err := w.Must(ctx, suite.Program{Name: w.Binaries.Path("psql"), Environ: s.Environ(), Args: []string{"-X", "-A", "-t", "-c",
		`SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history),
			(SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT sum(bbalance) FROM pgbench_branches),
			(SELECT count(*) FROM pgbench_history) = 2 * 3 * ` + pgbenchClients + ` * ` + pgbenchTransactions}})
	if err != nil {
		return nil, err
	}
	status := suite.Failed
	if strings.TrimSpace(out) == "t|t|t" {
		status = suite.Passed
	}
	results.Add("balances add up", status)
	return results, nil
}
