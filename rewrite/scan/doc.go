// Package scan is the lexer that stands before the parser. It cuts a client's string into statements, makes the key
// under which their plans are kept, decodes their literals, and refuses what would overflow the stack of the C parser
// behind it. It leaves the grammar to the parser. Everything here is a pure function of its arguments and may be used
// concurrently.
//
// Tokens are those of PostgreSQL 16 (src/backend/parser/scan.l, parser.c) with standard_conforming_strings on and
// client_encoding UTF8, and with \v as the white space that it is since PostgreSQL 17. Brackets must match. Where
// libpg_query reads otherwise than the server it is taken from, it refuses the statement: it knows no \v, does not
// continue a string behind a line comment, and does not look past a comment for the second word of NOT IN and its like.
// The tests compare both on a corpus, on random sentences of the grammar and by fuzzing.
package scan
