package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/config/policy"
)

// globals are the flags that every command has.
type globals struct {
	path    string
	output  string
	set     []string
	environ []string
}

// load reads and compiles the configuration.
func (g *globals) load() (*config.Config, *policy.Policy, error) {
	o := config.Options{Path: g.path, Environ: g.environ}
	for _, s := range g.set {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, nil, usageError{fmt.Errorf("--set wants key=value")}
		}
		o.Overrides = append(o.Overrides, config.Override{Flag: "--set", Key: key, Value: value})
	}
	return config.Open(o, validators())
}

// json reports whether a program reads the output.
func (g *globals) json() (bool, error) {
	switch g.output {
	case "text":
		return false, nil
	case "json":
		return true, nil
	}
	return false, usageError{fmt.Errorf("--output is text or json")}
}

// printJSON writes one value as one indented document.
func printJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// group is a command that only holds others: alone it prints its help, and what it does not hold is a usage error.
func group(use, short, example string, members ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:     use,
		Short:   short,
		Example: example,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("there is no command %q", cmd.CommandPath()+" "+args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(members...)
	return cmd
}

// noArguments refuses arguments, as a usage error.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("no arguments are expected, but there is %q", args[0])}
	}
	return nil
}

// exactly demands n arguments, as a usage error.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("expected %s", what)}
		}
		return nil
	}
}
