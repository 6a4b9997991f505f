// Package rewrite turns the text of one SQL statement into a Plan, or refuses it.
//
//	scan -> parse -> analyze -> check -> seal -> route -> print
//
// Each step is a function from one immutable value to the next. There is no third outcome beside a plan and a refusal:
// what the analysis does not know it refuses, with a SQLSTATE, a message that names column and construct, a hint and
// the id of the rule that refused.
//
// The package knows SQL, the catalog of the logical database and the compiled policy. It holds no socket and no key:
// what it wants to know of the logical database it asks through Describer. It never sees the value of a parameter, and
// hands on the values of literals beside the plan, never in it.
//
// A Planner may be used concurrently; plans and statements are immutable.
package rewrite
