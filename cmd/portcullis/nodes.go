package main

import (
	"context"
	"slices"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
	"github.com/portcullisdb/portcullis/shard"
)

// literalNodes returns the nodes on which a plan would run, or the refusal of a statement that would write on several. It
// returns neither where they depend on more than the statement's text: on parameters, on keys that are drawn, or on what
// the session is near to.
func literalNodes(ctx context.Context, db *policy.Database, plan *rewrite.Plan,
	s *rewrite.Statement) ([]string, *sqlstate.Error) {
	if plan.Destination != rewrite.DestinationShards || plan.Route.Lead < 0 || !literalRows(plan.Route.Rows) ||
		!literalCondition(plan.Route.Condition) {
		return nil, nil
	}
	runner, err := execute.NewRunner(execute.Options{Database: db, Clock: shard.SystemClock{}})
	if err != nil {
		return nil, sqlstate.New(sqlstate.SystemError, "the tables cannot be routed: %v", err)
	}
	// Only the route is bound: without inputs and outputs there is nothing to seal or open, and no key is needed.
	routed := &rewrite.Plan{Destination: plan.Destination, Command: plan.Command, Text: plan.Text, Route: plan.Route,
		Merge: rewrite.Merge{LimitInput: -1, OffsetInput: -1}, Writes: plan.Writes}
	portal, refusal := runner.Bind(ctx, &execute.Request{Plan: routed, Literals: s.Literals, Settings: &datum.Settings{}})
	if refusal != nil {
		return nil, refusal
	}
	return portal.Routes(), nil
}

func literalRows(rows []rewrite.Operand) bool {
	return !slices.ContainsFunc(rows, func(o rewrite.Operand) bool { return !literal(o) })
}

func literalCondition(c *rewrite.Condition) bool {
	return c == nil || literalRows(c.Operands) &&
		!slices.ContainsFunc(c.Children, func(child *rewrite.Condition) bool { return !literalCondition(child) })
}

func literal(o rewrite.Operand) bool {
	return o.Source.Kind == rewrite.FromConstant || o.Source.Kind == rewrite.FromNull
}
