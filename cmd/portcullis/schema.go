package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/schema"
)

func schemaCommand(g *globals) *cobra.Command {
	return group("schema", "Bring logical database and shards to what the configuration wants",
		"  portcullis schema apply -c portcullis.yaml", &cobra.Command{
			Use:     "apply",
			Short:   "Make the logical database, the tables of every node, and what sealed columns need",
			Example: "  portcullis schema apply -c portcullis.yaml",
			Args:    noArguments,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return applySchemas(cmd, g)
			},
		}, &cobra.Command{
			Use:     "check",
			Short:   "Name everything that differs from what the configuration wants",
			Example: "  portcullis schema check -c portcullis.yaml --output json",
			Args:    noArguments,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return checkSchemas(cmd, g)
			},
		})
}

func eachDatabase(g *globals, work func(*config.Database, *policy.Database) error) error {
	c, p, err := g.load()
	if err != nil {
		return err
	}
	for _, d := range c.Databases {
		if err := work(d, p.Databases[d.Name]); err != nil {
			return fmt.Errorf("database %q: %w", d.Name, err)
		}
	}
	return nil
}

// endpoints says where the databases of one logical database are.
func endpoints(c *config.Database) schema.Databases {
	at := schema.Databases{Logical: schema.Endpoint{URL: c.Logical.Reveal(), Owner: c.Owner.Reveal()},
		Datasources: map[string]schema.Endpoint{}}
	for i := range c.Datasources {
		d := &c.Datasources[i]
		at.Datasources[d.Name] = schema.Endpoint{URL: d.URL.Reveal(), Owner: d.Owner.Reveal()}
	}
	return at
}

// applied is what schema apply did to one database, for programs.
type applied struct {
	Database string           `json:"database"`
	Changes  int              `json:"changes"`
	Warnings []schema.Finding `json:"warnings"`
}

func applySchemas(cmd *cobra.Command, g *globals) error {
	asJSON, err := g.json()
	if err != nil {
		return err
	}
	progress := func(step string) { fmt.Fprintln(cmd.OutOrStdout(), step) }
	if asJSON {
		progress = func(string) {}
	}
	all := []applied{}
	err = eachDatabase(g, func(c *config.Database, p *policy.Database) error {
		result, err := applySchema(cmd.Context(), c, p, progress)
		if err != nil {
			return err
		}
		all = append(all, applied{Database: c.Name, Changes: result.Changes,
			Warnings: append([]schema.Finding{}, result.Warnings...)})
		return nil
	})
	if err != nil || !asJSON {
		return err
	}
	return printJSON(cmd.OutOrStdout(), all)
}

func applySchema(ctx context.Context, c *config.Database, p *policy.Database, progress func(string)) (schema.Result, error) {
	d := schema.Deployment{Databases: endpoints(c), SchemaFile: c.Schema, SeedFile: c.Seed, Progress: progress}
	for _, file := range []struct {
		path string
		text *string
	}{{c.Schema, &d.Schema}, {c.Seed, &d.Seed}} {
		if file.path == "" {
			continue
		}
		text, err := os.ReadFile(file.path)
		if err != nil {
			return schema.Result{}, err
		}
		*file.text = string(text)
	}
	return schema.Apply(ctx, p, d)
}

func checkSchemas(cmd *cobra.Command, g *globals) error {
	asJSON, err := g.json()
	if err != nil {
		return err
	}
	all := []schema.Finding{}
	fatal := false
	err = eachDatabase(g, func(c *config.Database, p *policy.Database) error {
		findings, err := schema.Check(cmd.Context(), p, endpoints(c))
		all = append(all, findings...)
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range all {
		fatal = fatal || f.Severity == schema.Fatal
		if !asJSON {
			fmt.Fprintln(cmd.OutOrStdout(), f)
		}
	}
	if asJSON {
		if err := printJSON(cmd.OutOrStdout(), all); err != nil {
			return err
		}
	}
	if fatal {
		return errReported
	}
	if len(all) == 0 && !asJSON {
		fmt.Fprintln(cmd.OutOrStdout(), "everything is as the configuration wants it")
	}
	return nil
}
