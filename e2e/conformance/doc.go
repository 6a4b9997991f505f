// Command conformance runs other people's test suites, of drivers and of PostgreSQL's own programs, against PostgreSQL
// and against the built gateway before it, and holds the results against each other. make conformance runs it.
//
// Each suite runs in each setting: directly, through the gateway in session mode, and through it in transaction mode; each
// time with a new cluster and a new gateway, so that what one run leaves behind meets no other. A test that passes directly
// and does not through the gateway is a difference. Differences that are understood stand with their reasons in
// known/SUITE.txt; any other makes the command fail. A run of every suite in every setting writes docs/compatibility.md.
//
// What suites need is kept in build/conformance, a folder for each; the logs of runs are in its folder logs, results in its
// folder results.
//
// # A new suite
//
// A suite is a value of type suite.Suite: what it wants to find (roles, extensions, settings), how it gets its toolchain
// (Prepare), and how it runs and is read (Run). It stands in a package of the language, e2e/conformance/LANGUAGE, in a file
// of its own, and in the list of suites.go. See golang/pq.go for one.
//
// Prepare gets things into the workspace, w.Dir, and nowhere else; w.Once keeps them from being got again. Where the
// machine lacks a program, it returns an error of w.Missing, or another that wraps suite.ErrMissing, and the table says
// "not run" with that reason. Run gives each program the connection by its environment (s.Environ) or URL (s.URL), and
// returns the status of each test by a name that is the same in all settings. What a driver's own suite does not print by
// test, a script beside the package does: a program in that language that prints "pass NAME", "fail NAME" or "skip NAME" for
// each thing it tries (suite.ReadLines).
//
//	go run ./e2e/conformance -suite pq -mode direct,session    two of the settings of one suite
//	go run ./e2e/conformance -suite pq -mode session -keep     leaves servers running until Ctrl-C, and says where they are
package main
