// Package program makes suites of programs that print a line for each test, "pass NAME", "fail NAME" or "skip NAME"
// (suite.ReadLines), and that stand in their language beside the package of that language. It also gets what such programs
// need from Debian's packages.
package program
