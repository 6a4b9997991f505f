// Package e2e drives the built gateway with real drivers against real PostgreSQL servers. It imports nothing of the
// product but cmd/pgcluster, which starts the servers: what it sees is what an application and an administrator of the
// servers see.
//
// The protocol is tested by comparison. testdata/wire holds scripts of messages, in the form that package wirescript has;
// each runs against PostgreSQL and against the gateway in each mode, and all that is answered must be the same. Command
// record makes a script of what a driver does, and completes a draft with what PostgreSQL answers.
package e2e
