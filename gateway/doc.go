// Package gateway is the server: it assembles, from a configuration and its compiled policy, everything that stands
// between a client's socket and the databases behind it, and runs it until it is told to stop.
//
// # Layers
//
// Each layer is a package, and knows only those to its left:
//
//	wire <- pool <- execute <- session <- gateway
//	            <- schema             audit, admin (leaves)
//
// wire frames the protocol and reads and writes its messages. pool dials a server, checks that the gateway may stand
// before it, and follows what the server knows of prepared statements. execute runs one plan: values in, sealed and
// tokenised; nodes computed; physical statements sent; rows opened, masked and merged. session is one client: startup,
// both query protocols, settings, and the state of its transaction. schema is the logical database and the check of the
// physical ones. audit keeps the log. What a statement means is decided outside, by package rewrite, which never sees a
// socket or a key; what a mask or a placement is, by masking and shard; what a sealed value is, by crypto.
//
// # Generations
//
// A configuration and its policy become one generation: a map of databases with planner, catalog, runner and keys, which
// nobody modifies. Reload builds the next one wholly, then swaps one pointer; if it cannot be built, nothing has
// changed. A session looks at the pointer between transactions, so a statement, and all of its transaction, keeps the
// generation that it began with. A generation that has been replaced is closed when no transaction goes by it any more, with
// the pools that the next one has not taken over. A user or database that the new generation does not have
// ends the session (57P01). The catalog of the logical database is looked at every few seconds and swapped in the same
// way; a plan names the version that it was made for.
//
// # Life of a connection
//
// Before authentication what is no startup packet, one of more than 10 KB, and silence for the startup time end the
// connection without an answer, as in PostgreSQL. SSLRequest is answered by the configured certificate or 'N',
// GSSENCRequest by 'N'; TLS may start without it. From its first bytes until it is authenticated a client holds one of the
// places that session.Gate has. The hba list decides, before anything is known of the user, whether it is refused or asked
// for a password or a certificate (session.HBA). A user is one of the configuration or else what the database's auth_query
// finds (session.AuthQuery). SCRAM-SHA-256 runs for users that do not exist as for those that do. Only then is the client
// told what it may not have: a rule that refuses one of its roles (28000), a database that does not
// exist (3D000), replication (42501), a startup parameter that the gateway does not know (42704), one session too many
// (53300). ParameterStatus tells what the session's own model of settings holds; BackendKeyData is the gateway's.
//
// A session on a transparent database (nothing protected, nothing sharded) is a relay: the client's batch goes to a
// server connection as it came, then the answers come back as they came, on one goroutine. Only where turns do not work, in
// COPY, in a batch that sockets cannot hold, after Flush and under LISTEN, a second one reads the server meanwhile. In every
// other database no byte of a client's text reaches a server, but through a plan.
//
// In session mode that server connection is the client's from its login to its end, and is cleaned by DISCARD ALL for the
// next one. In transaction mode it is taken from the pool with the first message of a transaction and goes back with the
// ReadyForQuery that ends it. What belongs to the client goes with the client: its settings are a snapshot that is put on
// whichever connection it gets, ahead of its first message and in the same write; its prepared statements have names of
// the gateway's on servers, where sessions that prepare the same text in the same scope share them. Each text is scanned for
// what it could leave on the connection (rewrite/effect); if it could, the server is asked before the connection
// goes, and what cannot be carried (LISTEN, temporary tables, cursors WITH HOLD, advisory locks, PREPARE by SQL) binds the
// connection to the session until it is cleared away.
//
// # Simple protocol
//
// All statements of a string are read before the first runs, so that a syntax error in the last is found in time. They
// run one after the other in one implicit transaction; an error stops the rest and undoes what ran. The last statement's
// CommandComplete is sent after that transaction has ended.
//
// # Extended protocol
//
// Parse plans, Bind gathers the values, seals and routes, Execute sends. Servers are always spoken to in the extended
// protocol, by named statements that pool keeps, in binary where a value must be opened and in the client's own format
// where rows pass as they are. While more of the client's batch is at hand, Execute sends without waiting: answers are
// read in the client's order when the batch ends in Sync or Flush, or when as much is under way as sockets surely hold.
// When Execute is followed by Sync and nothing else is under way, Sync goes to the server with it, so that a
// statement costs one exchange; but not for a statement that writes and whose rows have still to be opened, because what
// is found then must not come after the commit. A row limit makes a named portal on each node, which is read by parts.
//
// After an error everything is passed over until Sync. An error in the middle of a batch takes its place among the
// answers; what was sent behind it is read and dropped, and undone.
//
// # Transactions
//
// The session knows the transaction's state; no server does. BEGIN is sent to a server when the block first uses it, with
// its modes. Outside of a block, what runs between two Syncs is one transaction on each server. A second datasource that
// would be written on is refused before anything is sent. Any error, the gateway's own included, rolls back everywhere at
// once and leaves the block failed: 25P02 until its end, and COMMIT answers ROLLBACK. COMMIT goes first where rows were
// written, then to those that were only read; a connection that is lost in between is 08007, because nobody knows.
//
// A savepoint is sent to a server of the block together with the next statement that it runs, under a name of the gateway's
// own; one that joins late is given all that are open. While there is a savepoint, an error only marks the block: servers
// wait for ROLLBACK TO, which returns all of them, the session's settings, characteristics and portals, or for the end.
//
// What PREPARE and DECLARE CURSOR hold is a statement of its own, planned like any other. Both are the session's: a server
// sees portals, opened by DECLARE, and never a client's name. LISTEN, NOTIFY and advisory locks run on the logical database,
// whose connection stays with the session while it holds something of it.
//
// # Server connections
//
// Each datasource has a pool, and so has the logical database. A session takes a connection when its transaction first uses
// a datasource, and gives it back when the transaction has ended (what holds that of the logical database, see above); who waits for one waits in order of arrival. The settings
// of the session before are noted on the connection, and only differences are applied. A connection that was lost, that does
// not end its transaction, or that a session was using when its client went, is closed. A generation takes over the pools of
// the one before whose datasources have not changed. Where clients log in to servers themselves, by the keys of their own
// SCRAM exchange, each has a pool of his own, which is forgotten when he has not been there for some minutes.
//
// # Cancellation and the end
//
// A cancel request finds its session by the process id and secret that BackendKeyData gave, and becomes a cancel
// request on each server connection of that session. A panic ends the session in which it happened, with XX000 and never
// with half a row, and is logged without values.
//
// Each session says in which phase it is, and since when by a clock that all share. One goroutine looks at all of them ten
// times a second (session.Registry.Sweep): it cancels statements that take too long, which the client is told in PostgreSQL's
// words for a timeout (57014), and ends clients that say nothing for too long, in a transaction (25P03) or outside of one
// (57P05). No session has a timer. TCP peers that are gone are found by keep-alive, and by what the system knows of the
// connection while they owe an acknowledgement (keepalive.go).
//
// Shutdown closes the listeners, tells who is logging in 57P03, ends idle sessions with 57P01 and the others when their
// transactions end; when its context ends those are cut off, which rolls back. Retire does so for a gateway whose sockets
// another process has taken over: who has been accepted is served, and a session ends when it has had a transaction. The
// sockets are passed on open (Sockets.Named, Open), so no connection is refused; the audit log is written by both
// (audit.Log.Share).
//
// # Administration
//
// admin answers /livez, /readyz and /metrics on a listener of its own. Sessions count what they do for themselves, without a
// lock; it is added up when somebody asks (session.Registry.Census). docs/operations.md describes all of it.
package gateway
