package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  portcullis version --output json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			version := buildVersion()
			asJSON, err := g.json()
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]string{"version": version, "go": runtime.Version()})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "portcullis %s (%s)\n", version, runtime.Version())
			return nil
		},
	}
}

// buildVersion is the version of the module that was built.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
