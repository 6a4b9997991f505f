// Package shard places rows: sharding algorithms, the expressions that list nodes, and key generators, under the names
// and with the behaviour of ShardingSphere 5.5.3 and CosId.
//
// It promises two things. A row is placed where ShardingSphere places it, bit for bit: Router.Route. And the answer to a
// range is a superset of the targets that Route gives for the values in it: Router.RouteRange; where ShardingSphere's
// own answer would miss rows, it is all targets. What ShardingSphere answers with an error is an error here.
// testdata/vectors holds what the promise is measured by.
//
// An Algorithm is made from a type name and properties (New), and bound to a table's targets once (Bind); the Router
// that comes out is what a statement uses. All of them are immutable and may be used concurrently; a KeyGenerator
// locks. Which column is the shard key, of which type, and what a statement says about it is left to others; values
// arrive typed by the Java class that ShardingSphere would see, because results depend on it: see Value.
//
// Errors never hold a value of a row.
package shard
