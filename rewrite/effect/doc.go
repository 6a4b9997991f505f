// Package effect tells, from its text alone, what a statement may do to the session that runs it: to what outlives its
// transaction on the server connection.
//
// A database that is relayed in transaction mode lends its server connections to one session after the other. The relay
// asks here before it sends a text, and asks the server afterwards only if the answer was not zero. So the answer
// may err on one side only: a statement that could leave something behind must never be called harmless, as far as a text
// can tell. What it cannot tell is what triggers, operators, casts, defaults and views do by functions of their own;
// docs/differences.md says so.
//
// Nothing here understands a statement. Words are found as src/backend/parser/scan.l finds tokens; a text that it would
// refuse gets any answer, because the server refuses it too. The text is read as bytes, so it may be in any encoding
// whose multi-byte characters hold no ASCII: see ASCIISafe.
package effect
