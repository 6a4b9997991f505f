package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullisdb/portcullis/gateway/audit"
)

// Defaults and limits of audit show.
const (
	showLast     = 20
	showLastMax  = 100_000
	lineBytesMax = 1 << 20 // of the log
)

// shownEvent are the fields of an event that a line for people has.
type shownEvent struct {
	Seq       uint64         `json:"seq"`
	Time      time.Time      `json:"time"`
	Kind      audit.Kind     `json:"kind"`
	Action    string         `json:"action"`
	User      string         `json:"user"`
	Decision  string         `json:"decision"`
	SQLState  string         `json:"sqlstate"`
	Rule      string         `json:"rule"`
	Statement string         `json:"statement"`
	Columns   []audit.Column `json:"columns"`
	Routes    []string       `json:"routes"`
}

func auditShowCommand(g *globals) *cobra.Command {
	var log string
	var last int
	var kinds []string
	show := &cobra.Command{
		Use:   "show",
		Short: "Print the last events of the audit log, one a line",
		Long: "Print the last events of the audit log, one a line: time, user, decision, columns or rule, statement. With\n" +
			"--output json the lines are those of the log. Nothing is verified: see audit verify.",
		Example: "  portcullis audit show --last 5 --kind refusal",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asJSON, err := g.json()
			if err != nil {
				return err
			}
			if last < 1 || last > showLastMax {
				return usageError{fmt.Errorf("--last is a number from 1 to %d", showLastMax)}
			}
			if log == "" {
				c, _, err := g.load()
				if err != nil {
					return err
				}
				if c.Audit.File == nil {
					return fmt.Errorf("%s configures no audit log", c.Path)
				}
				log = c.Audit.File.Path
			}
			file, err := os.Open(log)
			if err != nil {
				return err
			}
			defer file.Close()
			return showEvents(cmd.OutOrStdout(), file, last, kinds, asJSON)
		},
	}
	show.Flags().StringVar(&log, "log", "", "the log (that of the configuration)")
	show.Flags().IntVar(&last, "last", showLast, "how many events")
	show.Flags().StringSliceVar(&kinds, "kind", nil, "only events of these kinds: statement, refusal, session, admin, error")
	return show
}

// showEvents prints the last events of a log, of some kinds or of all that callers record.
func showEvents(out io.Writer, log io.Reader, last int, kinds []string, asJSON bool) error {
	if len(kinds) == 0 {
		for _, k := range []audit.Kind{audit.KindStatement, audit.KindRefusal, audit.KindSession, audit.KindAdmin,
			audit.KindError} {
			kinds = append(kinds, string(k))
		}
	}
	var lines []string
	scanner := bufio.NewScanner(log)
	scanner.Buffer(nil, lineBytesMax)
	for number := 1; scanner.Scan(); number++ {
		var e shownEvent
		if err := json.Unmarshal(scanner.Bytes(), &e); err != nil {
			return fmt.Errorf("line %d of the log is not JSON", number)
		}
		if !slices.Contains(kinds, string(e.Kind)) {
			continue
		}
		line := scanner.Text()
		if !asJSON {
			line = e.line()
		}
		if lines = append(lines, line); len(lines) > last {
			lines = lines[1:]
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	if len(lines) == 0 && !asJSON {
		return errors.New("the log has no such event")
	}
	return nil
}

// line is the event on one line.
func (e *shownEvent) line() string {
	what := e.Action
	switch {
	case e.SQLState != "":
		what = strings.TrimSpace(e.SQLState + " " + e.Rule)
	case len(e.Columns) > 0:
		what = columnUses(e.Columns)
	}
	line := fmt.Sprintf("%s %-8s %-7s %-24s %s", e.Time.UTC().Format(time.TimeOnly), e.User, e.Decision, what, e.Statement)
	return strings.TrimRight(line, " ")
}

// columnUses writes "search email, reveal ssn phone".
func columnUses(columns []audit.Column) string {
	var uses []string
	for _, c := range columns {
		if !slices.Contains(uses, c.Use) {
			uses = append(uses, c.Use)
		}
	}
	for i, use := range uses {
		names := []string{use}
		for _, c := range columns {
			if c.Use == use && !slices.Contains(names[1:], c.Column) {
				names = append(names, c.Column)
			}
		}
		uses[i] = strings.Join(names, " ")
	}
	return strings.Join(uses, ", ")
}
