// Package scan is the lexer that stands before the parser. It cuts a client's string into statements, makes the key
// under which their plans are kept, decodes their literals, and refuses what would overflow the stack of the C parser
// behind it. It reads tokens exactly as PostgreSQL 16 does with standard_conforming_strings on and client_encoding UTF8
// (src/backend/parser/scan.l, parser.c), and is stricter where that costs no valid statement: brackets must match. It
// leaves the grammar to the parser. Everything here is a pure function of its arguments and may be used concurrently.
package scan
