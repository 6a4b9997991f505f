package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func checkCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Short:   "Check the configuration and print all mistakes at once",
		Example: "  portcullis check -c portcullis.yaml",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, p, err := g.load()
			if err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), err)
				return errReported
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d database(s), %d user(s), no mistakes\n", c.Path, len(p.Databases), len(p.Users))
			return nil
		},
	}
}
