// Package postgres runs PostgreSQL's own programs: psql with scripts and flags, pg_dump with psql and pg_restore, pgbench.
// They have no test suites for use with a server that runs already; the scripts here take their place, and what is right is
// what the same program shows of a direct connection.
package postgres
