package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullisdb/portcullis/config"
)

func checkCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Short:   "Check the configuration and print all mistakes at once",
		Example: "  portcullis check -c portcullis.yaml\n  portcullis check -c portcullis.yaml --output json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return check(cmd, g) },
	}
}

// checked is the outcome of check, for programs.
type checked struct {
	Path     string    `json:"path"`
	Mistakes []mistake `json:"mistakes"`
}

type mistake struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // from 1; none for a mistake in the environment or in a flag
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func check(cmd *cobra.Command, g *globals) error {
	asJSON, err := g.json()
	if err != nil {
		return err
	}
	_, p, err := g.load()
	var found config.Errors
	if err != nil && !errors.As(err, &found) {
		return err
	}
	if asJSON {
		out := checked{Path: g.path, Mistakes: []mistake{}}
		for _, e := range found {
			out.Mistakes = append(out.Mistakes, mistake{File: e.At.File, Line: e.At.Line, Message: e.Message, Hint: e.Hint})
		}
		if err := printJSON(cmd.OutOrStdout(), out); err != nil {
			return err
		}
	}
	switch {
	case found != nil && !asJSON:
		fmt.Fprintln(cmd.ErrOrStderr(), found)
	case found == nil && !asJSON:
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %d database(s), %d user(s), no mistakes\n", g.path, len(p.Databases), len(p.Users))
	}
	if found != nil {
		return errReported
	}
	return nil
}
