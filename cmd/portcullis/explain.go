package main

import (
	"context"
	"errors"
	"fmt"

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
		fmt.Fprintln(cmd.OutOrStdout(), "relayed as written: the database protects and shards nothing")
		return nil
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
	text, refusal := explainText(ctx, rewrite.New(logical, rewrite.DefaultLimits()), sql, env)
	fmt.Fprint(cmd.OutOrStdout(), text)
	if refusal != nil {
		return errReported
	}
	return nil
}

var errNoStatement = errors.New("there is no statement")

// explainText prints each statement's plan, until one is refused.
func explainText(ctx context.Context, planner *rewrite.Planner, sql string, env *rewrite.Env) (string, error) {
	statements, refusal := planner.Prepare(ctx, sql)
	if refusal != nil {
		return refusalText(refusal), refusal
	}
	if len(statements) == 0 {
		return "", errNoStatement
	}
	text := ""
	for i, s := range statements {
		if i > 0 {
			text += "\n"
		}
		plan, refusal := planner.Plan(ctx, s, env)
		if refusal != nil {
			return text + refusalText(refusal), refusal
		}
		text += plan.String()
	}
	return text, nil
}

// refusalText prints a refusal as golden files do.
func refusalText(e *sqlstate.Error) string {
	text := fmt.Sprintf("%-8s %s\n", e.Code, e.Message)
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
