// Package suite says what a conformance suite is: somebody's tests of a driver or a tool, run against one server after
// the other, of which one is PostgreSQL itself and the others are the gateway before it. It holds what suites have in
// common: a folder of their own, the running of programs, the reading of results. It starts no server; the command
// conformance does that. A suite is used by one goroutine at a time.
package suite
