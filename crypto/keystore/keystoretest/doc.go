// Package keystoretest is the suite of tests that every key store passes. It is for tests alone.
package keystoretest
