package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullisdb/portcullis/gateway/audit"
)

func auditCommand(g *globals) *cobra.Command {
	var log, anchors, key string
	verify := &cobra.Command{
		Use:   "verify",
		Short: "Find any edit, deletion, insertion, reordering or truncation of the audit log",
		Example: "  portcullis audit verify -c portcullis.yaml\n" +
			"  portcullis audit verify --log copy.jsonl --anchors audit.jsonl.anchors --key audit.jsonl.key.pub",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if log == "" || anchors == "" || key == "" {
				c, _, err := g.load()
				if err != nil {
					return err
				}
				if c.Audit.File == nil {
					return fmt.Errorf("%s configures no audit log", c.Path)
				}
				log, anchors, key = or(log, c.Audit.File.Path), or(anchors, c.Audit.File.Anchors), or(key, c.Audit.File.Key)
			}
			return verifyAudit(cmd, g, log, anchors, key)
		},
	}
	verify.Flags().StringVar(&log, "log", "", "the log (that of the configuration)")
	verify.Flags().StringVar(&anchors, "anchors", "", "the anchor file (that of the configuration)")
	verify.Flags().StringVar(&key, "key", "", "the signing key, or its public part (that of the configuration)")
	return group("audit", "Read the audit log", "  portcullis audit verify -c portcullis.yaml", verify, auditShowCommand(g))
}

func or(given, otherwise string) string {
	if given != "" {
		return given
	}
	return otherwise
}

func verifyAudit(cmd *cobra.Command, g *globals, log, anchors, key string) error {
	asJSON, err := g.json()
	if err != nil {
		return err
	}
	public, err := audit.ReadPublicKey(key)
	if err != nil {
		return err
	}
	report, err := audit.VerifyFiles(log, anchors, public)
	if err != nil {
		return err
	}
	if asJSON {
		if err := printJSON(cmd.OutOrStdout(), report); err != nil {
			return err
		}
	} else {
		for _, f := range report.Findings {
			fmt.Fprintln(cmd.OutOrStdout(), f)
		}
		if report.Intact() {
			fmt.Fprintf(cmd.OutOrStdout(), "%s is intact: %d lines, %d events\n", log, report.Lines, report.Events)
		}
	}
	if !report.Intact() {
		return errReported
	}
	return nil
}
