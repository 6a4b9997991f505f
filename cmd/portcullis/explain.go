package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullisdb/portcullis/gateway/schema"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

func explainCommand(g *globals) *cobra.Command {
	var user, database string
	cmd := &cobra.Command{
		Use:     "explain SQL",
		Short:   "Print what would be done with a statement, or why it would be refused; nothing is executed",
		Example: "  portcullis explain --user support 'SELECT name, ssn FROM customers WHERE id = $1'",
		Args:    exactly(1, "one argument: the statement"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return explain(cmd, g, user, database, args[0])
		},
	}
	cmd.Flags().StringVarP(&user, "user", "U", "", "the user who would send it (the first of the configuration)")
	cmd.Flags().StringVarP(&database, "database", "d", "", "the database (the first of the configuration)")
	return cmd
}

func explain(cmd *cobra.Command, g *globals, user, database, sql string) error {
	asJSON, err := g.json()
	if err != nil {
		return err
	}
	c, p, err := g.load()
	if err != nil {
		return err
	}
	if user == "" && len(c.Users) > 0 {
		user = c.Users[0].Name
	}
	if database == "" && len(c.Databases) > 0 {
		database = c.Databases[0].Name
	}
	u, d := p.Users[user], c.Database(database)
	switch {
	case u == nil:
		return usageError{fmt.Errorf("user %q is not in the configuration", user)}
	case d == nil:
		return usageError{fmt.Errorf("database %q is not in the configuration", database)}
	case p.Databases[database].Transparent():
		return printExplained(cmd.OutOrStdout(), []explained{{Plan: relayed}}, asJSON)
	}
	logical, err := schema.OpenLogical(d.Logical.Reveal(), schema.LogicalOptions{})
	if err != nil {
		return err
	}
	defer logical.Close()
	ctx := cmd.Context()
	catalog, err := logical.LoadCatalog(ctx)
	if err != nil {
		return err
	}
	env := &rewrite.Env{Generation: p.Generation, Database: p.Databases[database], View: u.Views[database], Catalog: catalog,
		SearchPath: []string{"public"}}
	explained, err := explainAll(ctx, rewrite.New(logical, rewrite.DefaultLimits()), sql, env)
	if err != nil {
		return err
	}
	if err := printExplained(cmd.OutOrStdout(), explained, asJSON); err != nil {
		return err
	}
	if explained[len(explained)-1].Refusal != nil {
		return errReported
	}
	return nil
}

// relayed stands for a plan where none is made.
const relayed = "relayed as written: the database protects and shards nothing\n"

var errNoStatement = errors.New("there is no statement")

// explained is what would be done with one statement. Its JSON form is for programs.
type explained struct {
	Statement string   `json:"statement,omitempty"` // logical text without constants
	Plan      string   `json:"plan,omitempty"`      // as people read it
	Nodes     []string `json:"nodes,omitempty"`     // where they follow from the statement's text
	Touched   []touch  `json:"touched,omitempty"`
	Refusal   *refusal `json:"refusal,omitempty"`
}

// touch is one protected column that a statement reaches.
type touch struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Use    string `json:"use"`
	Rule   string `json:"rule"`
}

type refusal struct {
	SQLState string `json:"sqlstate"`
	Message  string `json:"message"`
	Detail   string `json:"detail,omitempty"`
	Hint     string `json:"hint,omitempty"`
	Rule     string `json:"rule,omitempty"`
	Position int    `json:"position,omitempty"` // characters, from 1
}

func refusalOf(e *sqlstate.Error) *refusal {
	return &refusal{SQLState: e.Code.String(), Message: e.Message, Detail: e.Detail, Hint: e.Hint, Rule: e.Rule, Position: e.Position}
}

// explainAll explains each statement, until one is refused. It returns at least one.
func explainAll(ctx context.Context, planner *rewrite.Planner, sql string, env *rewrite.Env) ([]explained, error) {
	statements, refused := planner.Prepare(ctx, sql)
	if refused != nil {
		return []explained{{Refusal: refusalOf(refused)}}, nil
	}
	if len(statements) == 0 {
		return nil, errNoStatement
	}
	var all []explained
	for _, s := range statements {
		plan, refused := planner.Plan(ctx, s, env)
		if refused != nil {
			return append(all, explained{Refusal: refusalOf(refused)}), nil
		}
		e := explained{Statement: plan.Logical, Plan: plan.String()}
		for _, t := range plan.Touched {
			e.Touched = append(e.Touched,
				touch{Table: t.Column.Table.String(), Column: t.Column.Column, Use: t.Use, Rule: t.Rule})
		}
		if e.Nodes, refused = literalNodes(ctx, env.Database, plan, s); refused != nil {
			e.Refusal = refusalOf(refused)
			return append(all, e), nil
		}
		all = append(all, e)
	}
	return all, nil
}

// printExplained prints statements, for people with an empty line between two.
func printExplained(out io.Writer, all []explained, asJSON bool) error {
	if asJSON {
		return printJSON(out, all)
	}
	for i, e := range all {
		text := e.Plan
		if len(e.Nodes) > 0 {
			text += fmt.Sprintf("%-8s %s\n", "nodes", strings.Join(e.Nodes, ", "))
		}
		if e.Refusal != nil {
			text += e.Refusal.text()
		}
		if i > 0 {
			text = "\n" + text
		}
		if _, err := io.WriteString(out, text); err != nil {
			return err
		}
	}
	return nil
}

// text prints a refusal as golden files do.
func (e *refusal) text() string {
	text := fmt.Sprintf("%-8s %s\n", e.SQLState, e.Message)
	if e.Detail != "" {
		text += fmt.Sprintf("%-8s %s\n", "detail", e.Detail)
	}
	if e.Hint != "" {
		text += fmt.Sprintf("%-8s %s\n", "hint", e.Hint)
	}
	if e.Rule != "" {
		text += fmt.Sprintf("%-8s %s\n", "rule", e.Rule)
	}
	return text
}
