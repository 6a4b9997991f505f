package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

const upgradeLong = `Replace the process that serves by a new one, without refusing a connection.

The process whose id is in the file is sent SIGUSR2: it starts the program again from its own path, with its own
arguments, and ends when the new one serves. The configuration is checked first. The command waits until the file names
the new process. If that does not serve, the old one goes on, and its log says why.`

// upgradePoll is the time between two looks at the file of the process id.
const upgradePoll = 50 * time.Millisecond

func upgradeCommand(g *globals) *cobra.Command {
	var pidPath string
	cmd := &cobra.Command{
		Use:     "upgrade",
		Short:   "Replace the process that serves without refusing a connection",
		Long:    upgradeLong,
		Example: "  portcullis upgrade -c portcullis.yaml --pid-file /run/portcullis.pid",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return upgrade(cmd, g, pidFile{pidPath}) },
	}
	cmd.Flags().StringVar(&pidPath, "pid-file", "", "the file that serve was given")
	if err := cmd.MarkFlagRequired("pid-file"); err != nil {
		panic("portcullis: internal error: " + err.Error())
	}
	return cmd
}

func upgrade(cmd *cobra.Command, g *globals, file pidFile) error {
	if _, _, err := g.load(); err != nil {
		return err
	}
	old, err := file.read()
	if err != nil {
		return err
	}
	if err := syscall.Kill(old, syscall.SIGUSR2); err != nil {
		return fmt.Errorf("signal process %d: %w", old, err)
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), takeOverTimeout)
	defer cancel()
	for {
		if now, err := file.read(); err == nil && now != old {
			fmt.Fprintf(cmd.OutOrStdout(), "process %d serves in place of %d\n", now, old)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("process %d was not replaced; its log says why", old)
		case <-time.After(upgradePoll):
		}
	}
}
