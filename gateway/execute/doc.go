// Package execute runs plans: it gathers the values of one execution, seals and tokenises them, computes the nodes,
// sends the physical statements, and turns the answers of the nodes back into one answer for the client.
//
// A Runner belongs to one logical database and one generation of its policy; it is immutable but for its caches and may
// be used concurrently. A Portal and a Backend belong to one session and to one goroutine at a time.
//
// The package promises: a value that is to be sealed never leaves in clear; a sealed value that does not authenticate,
// or that belongs to a column which the plan does not expect, ends the statement with XX001 and its bytes are not
// handed out; rows are sent whole; memory for merging has a limit with a name. It leaves to package session what a
// transaction is and which connection a datasource has.
package execute
