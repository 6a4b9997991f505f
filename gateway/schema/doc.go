// Package schema is the gateway's knowledge of the databases behind it: the logical database, which it asks, and the
// physical ones, which it makes to fit.
//
// Logical is a client of the logical database. It describes statements (and so is the planner's type checker) without
// executing anything, and loads catalogs.
//
// Apply builds the logical database from schema.sql and the tables of each node from the logical database: it reads
// back what PostgreSQL made of schema.sql and derives from that description, never from the text, what each node has
// to contain. The derivation (physical.go) is a function from one description to another; comparing its result with
// what a node has (difference.go) gives both the steps of Apply and the findings of Check. Apply does nothing twice, and
// it refuses before it changes anything: a sealed column is never made from one that holds plaintext, and nothing is
// dropped but the empty tables of a logical database whose schema.sql has changed.
//
// ObjectNames maps the names of a node back to logical ones, for the errors that clients see.
//
// The package leaves to others when to ask (the planner), when to load a catalog again and what to do about findings
// (the gateway). A Logical and an ObjectNames may be used concurrently.
package schema
