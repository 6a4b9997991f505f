// Package node has suites of Node.js's drivers: programs of ours, NAME_suite.js, which have harness.js in common. What npm
// installs for them, with versions, is in package.json.
package node
