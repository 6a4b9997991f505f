// Package kektest is the suite of tests that every KEK passes. It is for tests alone.
package kektest
