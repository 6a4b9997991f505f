// Package golang runs the test suites of Go's drivers: pgx, of the version in go.mod, and lib/pq.
package golang
