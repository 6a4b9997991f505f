// Package scan is the lexer that stands before the parser.
package scan
