// Package wire is PostgreSQL's frontend/backend protocol, version 3, over a socket: framing, the start of a connection,
// SCRAM-SHA-256, and the messages themselves, read as views of bytes and written into output buffers.
//
// A Conn frames one socket, on either side of the gateway. It promises that a limit holds before memory is taken: a
// frame that declares more than its limit, or less than the length of its own length, is an error (08P01) before any of
// its body is read, and a body's buffer grows with the bytes that have arrived, not with those that were announced. It
// reads as many messages as one system call brings, writes a batch with one system call, holds no buffer while it waits
// for the first byte of a message, and allocates nothing for a message that is relayed.
//
// Messages that are read are views: the bytes of a Message, and of whatever was decoded from it, belong to the Conn's
// input buffer and hold until the next Read. Messages that are written are appended whole to an Output; what is half
// built can be taken back, so that no half row is ever sent.
//
// What a message means is left to others: the states of a session, portals, statements and transactions are the
// session's, and nothing here looks into SQL. Errors of framing end a connection; errors of decoding are *sqlstate.Error
// in PostgreSQL's words, after which a session goes on.
//
// One goroutine may read from a Conn while another one writes to it; no more than one each. Buffers and SCRAM may be
// shared by any number of goroutines; everything else belongs to one at a time.
package wire
