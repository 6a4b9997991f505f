package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/portcullisdb/portcullis/cmd/internal/demo"
	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/config/policy"
)

func demoCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Start two PostgreSQL clusters and the gateway, and tell a short story",
		Long: "Start two PostgreSQL clusters and the gateway with the example of examples/demo, load some rows through it, and\n" +
			"show what an application, a support agent and a database administrator see. Everything lives in private folders\n" +
			"that are gone when the command ends. With a terminal on standard input it keeps serving until Ctrl-C.",
		Example: "  portcullis demo\n  portcullis demo < /dev/null    # end after the story",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// A closed terminal or pipe ends the demo like Ctrl-C: it has folders to remove.
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP, syscall.SIGPIPE)
			defer stop()
			return demo.Run(ctx, demo.Options{
				Out:      cmd.OutOrStdout(),
				Terminal: isTerminal(cmd.OutOrStdout()),
				Stay:     isTerminal(cmd.InOrStdin()),
				Self:     p.self,
				Load: func(path string, environ []string) (*config.Config, *policy.Policy, error) {
					return (&globals{path: path, environ: environ}).load()
				},
				Command: func(ctx context.Context, environ []string, out io.Writer, args ...string) int {
					return program{in: eof{}, out: out, err: out, environ: environ, self: p.self}.run(ctx, args)
				},
			})
		},
	}
}

// isTerminal reports whether a stream of the process is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// eof is an empty standard input.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }
