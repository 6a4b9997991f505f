// Package pool makes and keeps connections to datasources.
//
// A Server is one authenticated connection, dialled by pgx (its understanding of URLs, TLS and authentication) and then
// framed by package wire. It promises that the server is one that the gateway may stand before: new enough, with the
// settings that printed statements rely on, and with a backend role that can neither go around the gateway's rules nor
// read files. It knows which prepared statements the server has, whatever errors came between, and how many answers are
// still to come.
//
// It leaves to others what is sent and what an answer means. No error here holds a URL or password. A Server belongs to
// one goroutine at a time; only Cancel and Kill may be called from any other.
package pool
