package php

import (
	"context"
	"path/filepath"

	"github.com/portcullisdb/portcullis/e2e/conformance/program"
	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// PDO is a suite of ours for PHP's PDO and pgsql functions, of the version that Debian has, with statements prepared by the
// server, by the driver and not at all.
func PDO() suite.Suite {
	s := suite.Suite{Name: "php-pdo", Title: "PHP PDO", Prepare: func(ctx context.Context, w *suite.Workspace) (string, error) {
		check := suite.Program{Name: "php", Args: []string{"-r",
			`extension_loaded("pdo_pgsql") || exit(1); echo "PHP ", PHP_VERSION, ", libpq ", PGSQL_LIBPQ_VERSION;`}}
		return program.Debian(ctx, w, check, "php-cli", "php-pgsql")
	}}
	return program.Suite(s, func(w *suite.Workspace) suite.Program {
		return suite.Program{Name: "php", Args: []string{"-d", "memory_limit=1G", filepath.Join(w.Source, "e2e/conformance/php/pdo_suite.php")}}
	})
}
