// Package pool makes and keeps connections to datasources.
//
// A Server is one authenticated connection, dialled by pgx (its understanding of URLs, TLS and authentication) and then
// framed by package wire. It promises that the server is one that the gateway may stand before: new enough, with the
// settings that printed statements rely on, and with a backend role that can neither go around the gateway's rules nor
// read files. It knows which prepared statements the server has, whatever errors came between, and how many answers are
// still to come.
//
// A Pool holds the Servers of one datasource: bounded, first come first served, without an allocation for a claim. It promises
// that who acquires one does not get a connection that has ended, or whose server has lost its role, while it was idle, and
// says in PostgreSQL's terms why there is none. DESIGN.md has its rules. It gives out what it was given back: whoever
// releases a Server has cleaned it.
//
// It leaves to others what is sent and what an answer means. No error here holds a URL or password. A Server belongs to
// one goroutine at a time; only Cancel and Kill may be called from any other. A Pool may be used concurrently.
package pool
