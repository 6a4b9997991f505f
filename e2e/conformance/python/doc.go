// Package python has suites of Python's drivers: programs of ours (NAME_suite.py, which have harness.py in common), and the
// tests that drivers bring with them. What pip installs for a suite, with versions, is in NAME.txt.
package python
