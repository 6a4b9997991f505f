// Package e2e drives the built gateway with real drivers against real PostgreSQL servers. It imports nothing of the
// product but cmd/pgcluster, which starts the servers: what it sees is what an application and an administrator of the
// servers see.
package e2e
