// Command portcullis is a PostgreSQL gateway that encrypts, masks and shards: see README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones, on machines that have none

	"github.com/spf13/cobra"
)

// Exit codes: a program that was understood but refused or found something says 1, a command line that was not
// understood 2.
const (
	exitFailed = 1
	exitUsage  = 2
)

// errReported ends a command whose findings have been printed already.
var errReported = errors.New("reported")

// usageError marks errors of the command line itself.
type usageError struct{ error }

// program is what a command has of its process.
type program struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	self     string // how the program was called, for commands that are shown to be typed
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := program{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ(), self: os.Args[0]}
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run runs one command line and returns its exit code.
func (p program) run(ctx context.Context, args []string) int {
	root := rootCommand(&p)
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintf(p.err, "portcullis: %v\nSee %q.\n", err, "portcullis help")
		return exitUsage
	}
	fmt.Fprintf(p.err, "portcullis: %v\n", err)
	return exitFailed
}

func rootCommand(p *program) *cobra.Command {
	g := &globals{environ: p.environ}
	root := group("portcullis", "A PostgreSQL gateway that encrypts, masks and shards",
		"  portcullis demo\n  portcullis serve -c portcullis.yaml",
		serveCommand(g), upgradeCommand(g), demoCommand(p), checkCommand(g), explainCommand(g), keysCommand(g), schemaCommand(g), userCommand(),
		auditCommand(g), versionCommand(g))
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		_, err := g.json() // also for commands that print no JSON
		return err
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&g.path, "config", "c", "portcullis.yaml", "configuration file")
	flags.StringVar(&g.output, "output", "text", "text or json")
	flags.StringArrayVar(&g.set, "set", nil, "override a key of the configuration: --set listen.address=127.0.0.1:7000")
	return root
}
