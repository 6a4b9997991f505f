package perl

import (
	"context"
	"path/filepath"

	"github.com/portcullisdb/portcullis/e2e/conformance/program"
	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// DBDPg is a suite of ours for DBD::Pg, of the version that Debian has, with statements prepared by the server and not.
func DBDPg() suite.Suite {
	s := suite.Suite{Name: "dbd-pg", Title: "Perl DBD::Pg", Prepare: func(ctx context.Context, w *suite.Workspace) (string, error) {
		check := suite.Program{Name: "perl", Args: []string{"-MDBD::Pg", "-e", `printf "DBD::Pg %s, Perl %vd", $DBD::Pg::VERSION, $^V`}}
		return program.Debian(ctx, w, check, "perl", "libdbd-pg-perl")
	}}
	return program.Suite(s, func(w *suite.Workspace) suite.Program {
		return suite.Program{Name: "perl", Args: []string{filepath.Join(w.Source, "e2e/conformance/perl/dbd_suite.pl")},
			Environ: []string{"LANG=C.UTF-8"}}
	})
}
