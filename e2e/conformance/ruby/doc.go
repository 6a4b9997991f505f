// Package ruby has the suite of Ruby's pg: a program of ours, pg_suite.rb.
package ruby
