// Package audit keeps the log of what was done with protected data: JSON lines, chained and signed, so that a change by
// anybody who can write the file but does not hold the signing key is found and named.
//
// Events become lines in batches. A batch ends in a line of its own, which holds the SHA-256 over the previous batch's
// hash and the exact bytes of the batch's lines, a short digest of each line, and an Ed25519 signature. The digests let
// Verify name the line that was changed. At most once in an interval the newest batch is also anchored: its number and
// hash are appended, signed, to a second file, which belongs on another machine or medium. What follows the last anchor
// can be cut off without a trace; nothing else can. DESIGN.md gives the format and the reasons.
//
// Log.Record returns when the event's batch is on the disk. Sessions that record at the same time share one write and
// one fsync. When the disk does not take events, sessions wait (OnFullBlock) or a counted gap is recorded as soon as it
// does again (OnFullGap).
//
// The package writes what it is given: that no event holds a literal, parameter, plaintext or key byte is the caller's
// promise. It does promise that no text of a client can forge a line or move the cursor of a terminal. A Log may be used
// concurrently; it locks its file against other processes, but for one that it is shared with (Log.Share).
package audit
