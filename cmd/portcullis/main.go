// Command portcullis is a PostgreSQL gateway that encrypts, masks and shards: see README.md.
package main

import (
	"context"
	"errors"
	"fmt"
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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "portcullis: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(os.Stderr, "portcullis: %v\n", err)
	return exitFailed
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "portcullis",
		Short:         "A PostgreSQL gateway that encrypts, masks and shards",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	g := &globals{}
	flags := root.PersistentFlags()
	flags.StringVarP(&g.path, "config", "c", "portcullis.yaml", "configuration file")
	flags.StringVar(&g.output, "output", "text", "text or json")
	flags.StringArrayVar(&g.set, "set", nil, "override a key of the configuration: --set listen.address=127.0.0.1:7000")
	root.AddCommand(serveCommand(g), checkCommand(g), explainCommand(g), keysCommand(g), schemaCommand(g), userCommand(g),
		auditCommand(g), versionCommand(g))
	return root
}
