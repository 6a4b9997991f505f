// Command bench measures the gateway beside a direct connection and PgBouncer, in session and in transaction mode.
//
// It starts a PostgreSQL cluster of its own, with pgbench's tables and others, the built gateway, and PgBouncer if it is in
// PATH. Each thing that is measured runs on each of them in turn, so that what else the machine does meets all alike:
// pgbench's select-only statement by each protocol, TPC-B, results of 100,000 rows, COPY out and in, and logins with and
// without TLS; and pgbench on a database with a sealed column, with and without an audit log. For each it prints throughput
// and the CPU time of the proxy for a transaction, row or login; of pgbench also latencies, all counted from when every client
// has connected and done its first transaction. Then it looks at how much memory idle clients take in a process that nothing
// else has used. The last table compares ratios to PgBouncer with what the gateway should reach.
//
// CPU time and memory are read from /proc; elsewhere than on Linux those columns stay empty.
package main
