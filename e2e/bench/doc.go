// Command bench measures pgbench's select-only statement through the gateway beside a direct connection and PgBouncer.
//
// It starts a PostgreSQL cluster of its own with pgbench's accounts twice, as they are and with one column sealed, and
// the built gateway over both: without an audit log, and again with one. Then pgbench runs each statement on each of
// them in turn, so that what else the machine does meets all alike. For each it prints transactions a second, the CPU
// time of the proxy for a transaction, and latencies; all are counted from when every
// client has connected and done its first transaction. PgBouncer takes part if it is in PATH.
//
// CPU time is read from /proc; elsewhere than on Linux the column stays empty.
package main
