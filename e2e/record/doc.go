// Command record makes wire scripts, in the form that package wirescript has, from what drivers do.
//
//	go run ./e2e/record -o e2e/testdata/wire/psql_copy.txt -- psql -c "\copy countries to stdout"
//
// starts a PostgreSQL cluster with the database that scripts find, and runs the program with a proxy as its server. PGHOST,
// PGPORT, PGUSER, PGPASSWORD, PGDATABASE and PGSSLMODE say where that is, and DATABASE_URL as well; "{url}" in an argument
// is replaced by it. Each connection becomes one client of the script, in the order of their log-ins: startup parameters,
// every message that it sends and every message that it is sent, but for ParameterStatus. Authentication, user and
// database are left out: who runs the script has his own. Before the file is written, the script is run against the
// cluster, emptied for it. What is different in the second run, such as a time or a process id, becomes _ .
//
//	go run ./e2e/record -fill draft.txt -o e2e/testdata/wire/draft.txt
//
// puts what PostgreSQL answers in the places of a draft's lines that are "?".
//
// A script is worth keeping if it holds on every version of PostgreSQL: a session that reads system catalogs seldom does.
package main
