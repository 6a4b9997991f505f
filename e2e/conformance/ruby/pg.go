package ruby

import (
	"context"
	"path/filepath"

	"github.com/portcullisdb/portcullis/e2e/conformance/program"
	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// Pg is a suite of ours for Ruby's pg, of the version that Debian has.
func Pg() suite.Suite {
	s := suite.Suite{Name: "ruby-pg", Title: "Ruby pg", Prepare: func(ctx context.Context, w *suite.Workspace) (string, error) {
		check := suite.Program{Name: "ruby", Args: []string{"-rpg", "-e", `puts "pg #{PG::VERSION}, Ruby #{RUBY_VERSION}"`}}
		return program.Debian(ctx, w, check, "ruby", "ruby-pg")
	}}
	return program.Suite(s, func(w *suite.Workspace) suite.Program {
		return suite.Program{Name: "ruby", Args: []string{filepath.Join(w.Source, "e2e/conformance/ruby/pg_suite.rb")},
			Environ: []string{"LANG=C.UTF-8"}}
	})
}
