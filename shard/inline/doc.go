// Package inline reads ShardingSphere's inline expressions, the little language in which configurations list names:
// "ds_${0..1}.t_${['a', 'b']}".
//
// In ShardingSphere such an expression is a Groovy script. Here it is data: a lexer, a parser and an evaluator of our own
// for the part of the language that lists names need, and no other code ever runs. What they understand means exactly
// what Groovy makes of it, down to 10/4 being "2.5" and 7 * 2147483647 wrapping; everything else is an error that points
// at the character. Work and output are bounded by the limits named in limits.go, so that an expression of a dozen
// characters cannot ask for a billion names.
//
// The way of an expression:
//
//	split -> lexer -> parser (nodes) -> evaluation (values) -> product (names)
//
// The language of expansions: integer, decimal and quoted literals, true, false, null, lists, ranges (a..b, a..<b),
// + - * / % **, comparisons, && || !, ?:, parentheses, closures of one parameter, and the methods listed in methods.go.
// Variables are the parameters of closures alone; the names of shard columns will join them in the same scope.
//
// Beside it stand plain lists (<LITERAL>) and steps of time (<INTERVAL>).
//
// Nothing here holds state; everything may be used concurrently.
package inline
