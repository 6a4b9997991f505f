package rewrite

import (
	"fmt"
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// printed is a statement's text, with its tree as the parser reads it back.
type printed struct {
	text string
	back *pg_query.Node
}

// printStatement prints a tree and parses the text again: what the parser reads must be what was meant.
func printStatement(tree *pg_query.Node) (printed, *sqlstate.Error) {
	text, err := deparse(tree)
	if err != nil {
		return printed{}, sqlstate.New(sqlstate.InternalError, "the statement cannot be printed").WithRule("print-differs")
	}
	back, refusal := parse(text)
	if refusal != nil || back == nil || !sameTree(tree, back) {
		return printed{}, sqlstate.New(sqlstate.FeatureNotSupported, "the printed statement does not read as it was written").
			WithRule("print-differs").WithHint("The statement was refused to be safe. Please report its form.")
	}
	return printed{text, back}, nil
}

// nodeMark is the name that stands in the printed text for a node's table.
func nodeMark(i int) string { return fmt.Sprintf("portcullis_node_%d", i) }

// cut prints the physical statement and cuts its text at the names of nodes' tables.
func (a *analysis) cut(tree *pg_query.Node, route Route) (Text, *sqlstate.Error) {
	index := func(use tableUse) int {
		for i, t := range route.Tables {
			if t.Table == use.table {
				return i
			}
		}
		return -1
	}
	marks := map[*pg_query.RangeVar]int{}
	for _, use := range a.tables {
		i := index(use)
		use.node.Relname = nodeMark(i)
		marks[use.node] = i
	}
	p, refusal := printStatement(tree)
	if refusal != nil {
		return Text{}, refusal
	}
	ours, theirs := rangeVars(tree), rangeVars(p.back)
	if len(ours) != len(theirs) || len(ours) != len(a.tables) {
		return Text{}, sqlstate.New(sqlstate.InternalError, "a table of the printed statement is unknown").WithRule("print-differs")
	}
	var out Text
	at := 0
	for i, r := range theirs {
		table, known := marks[ours[i]]
		mark := "." + nodeMark(table)
		start := strings.Index(p.text[max(int(r.Location), at):], mark)
		if !known || start < 0 || int(r.Location) < at {
			return Text{}, sqlstate.New(sqlstate.InternalError, "a table of the printed statement is unknown").WithRule("print-differs")
		}
		start += max(int(r.Location), at) + 1
		out.Fragments = append(out.Fragments, p.text[at:start])
		out.Tables = append(out.Tables, table)
		at = start + len(mark) - 1
	}
	out.Fragments = append(out.Fragments, p.text[at:])
	return out, nil
}

// rangeVars lists the tables of a statement in the order of the text, which is also that of the grammar's fields.
func rangeVars(tree proto.Message) []*pg_query.RangeVar {
	var out []*pg_query.RangeVar
	var walk func(protoreflect.Message)
	walk = func(m protoreflect.Message) {
		if r, ok := m.Interface().(*pg_query.RangeVar); ok {
			out = append(out, r)
			return
		}
		below(m, walk)
	}
	walk(tree.ProtoReflect())
	return out
}

// allVisited makes sure that no parameter of the client's numbering is left in the physical tree.
func (a *analysis) allVisited(tree *pg_query.Node) *sqlstate.Error {
	complete := true
	visit(tree.ProtoReflect(), func(m protoreflect.Message) bool {
		if ref, ok := m.Interface().(*pg_query.ParamRef); ok && !a.visited[ref] {
			complete = false
		}
		return complete
	})
	if !complete {
		return sqlstate.New(sqlstate.InternalError, "a parameter was not analysed").WithRule("unvisited-parameter")
	}
	return nil
}
