// Package session is the life of one client: startup, authentication, the simple and the extended protocol, the state of
// its transaction and its settings, until it leaves.
//
// One goroutine owns the client's socket and the session's server connections in turn. The session owns the
// transaction: it knows what each server connection holds, and no error, the gateway's own included, leaves a block
// half done. On a protected database no text of a client reaches a server but through a plan; on a transparent one the
// session is a relay. It leaves planning to rewrite, execution to execute, connections to pool.
//
// A Registry, which finds sessions for cancel requests, may be used concurrently; a Session may not, but for Cancel.
package session
