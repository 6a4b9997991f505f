package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/portcullisdb/portcullis/gateway/wire"
)

func userCommand() *cobra.Command {
	return group("user", "What users of the configuration need", "  portcullis user verifier < password.txt", &cobra.Command{
		Use:     "verifier",
		Short:   "Make the SCRAM verifier of a password read from standard input",
		Long:    "Make the SCRAM verifier of a password read from standard input, in the form that PostgreSQL stores.",
		Example: "  portcullis user verifier < password.txt",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := readPassword(cmd)
			if err != nil {
				return err
			}
			verifier, err := wire.Verifier(password, rand.Reader)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), verifier)
			return nil
		},
	})
}

// readPassword asks at a terminal, without echo, or reads one line.
func readPassword(cmd *cobra.Command) (string, error) {
	if f, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(cmd.ErrOrStderr(), "password: ")
		typed, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		return string(typed), err
	}
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if line == "" && err != nil {
		return "", fmt.Errorf("no password on standard input")
	}
	return strings.TrimRight(line, "\r\n"), nil
}
