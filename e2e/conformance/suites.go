package main

import (
	"github.com/portcullisdb/portcullis/e2e/conformance/golang"
	"github.com/portcullisdb/portcullis/e2e/conformance/java"
	"github.com/portcullisdb/portcullis/e2e/conformance/node"
	"github.com/portcullisdb/portcullis/e2e/conformance/odbc"
	"github.com/portcullisdb/portcullis/e2e/conformance/perl"
	"github.com/portcullisdb/portcullis/e2e/conformance/php"
	"github.com/portcullisdb/portcullis/e2e/conformance/postgres"
	"github.com/portcullisdb/portcullis/e2e/conformance/python"
	"github.com/portcullisdb/portcullis/e2e/conformance/ruby"
	"github.com/portcullisdb/portcullis/e2e/conformance/rust"
	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// suites lists all of them in the order of the table.
func suites() []suite.Suite {
	return []suite.Suite{
		golang.Pgx(),
		golang.Pq(),
		golang.Smoke(),
		postgres.Psql(),
		postgres.Dump(),
		postgres.Tools(),
		postgres.Pgbench(),
		python.Psycopg3(),
		python.Psycopg2(),
		python.Asyncpg(),
		java.JDBC(),
		node.Pg(),
		node.PostgresJS(),
		rust.TokioPostgres(),
		ruby.Pg(),
		perl.DBDPg(),
		php.PDO(),
		odbc.PsqlODBC(),
	}
}
