package rewrite

import (
	"errors"
	"fmt"
	"slices"

	pg_query "github.com/pganalyze/pg_query_go/v5"
	"github.com/pganalyze/pg_query_go/v5/parser"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// parse returns the one statement of text. Positions of a syntax error count characters of text.
func parse(text string) (*pg_query.Node, *sqlstate.Error) {
	result, err := pg_query.Parse(text)
	if err != nil {
		var syntax *parser.Error
		if errors.As(err, &syntax) && syntax.Cursorpos > 0 {
			return nil, syntaxError(text, syntax.Cursorpos)
		}
		return nil, sqlstate.New(sqlstate.SyntaxError, "syntax error").WithHint(newerSyntaxHint)
	}
	switch len(result.Stmts) {
	case 0:
		return nil, nil
	case 1:
		return result.Stmts[0].Stmt, nil
	}
	return nil, sqlstate.New(sqlstate.InternalError, "the parser found more statements than the scanner").
		WithRule("scanner-disagrees")
}

const newerSyntaxHint = "The statement is read with the grammar of PostgreSQL 16; syntax of later versions is not understood."

// syntaxError words an error as PostgreSQL does, but quotes the token at the position only if it is a keyword or
// punctuation: anything else may be a piece of a literal whose quoting went wrong.
func syntaxError(text string, position int) *sqlstate.Error {
	e := sqlstate.New(sqlstate.SyntaxError, "syntax error").At(position)
	runes := []rune(text)
	if position > len(runes) {
		e.Message = "syntax error at end of input"
		return e
	}
	if token := harmlessToken(text, int32(len(string(runes[:position-1])))); token != "" {
		e.Message = fmt.Sprintf("syntax error at or near %q", token)
	}
	return e.WithHint(newerSyntaxHint)
}

// harmlessToken returns the keyword or punctuation that starts at the byte, or nothing.
func harmlessToken(text string, start int32) string {
	result, err := pg_query.Scan(text)
	if err != nil {
		return ""
	}
	for _, t := range result.Tokens {
		if t.Start != start {
			continue
		}
		if t.KeywordKind != pg_query.KeywordKind_NO_KEYWORD || t.Token < 256 {
			return text[t.Start:t.End]
		}
	}
	return ""
}

// tokenAt returns the number of the token that holds a character of text, or of the last before it; the number of tokens
// if it is the end of the text, -1 if there is no telling.
func tokenAt(text string, character int) int {
	tokens, ok := tokensOf(text)
	if !ok {
		return -1
	}
	at := -1
	for i := range text {
		if character == 0 {
			at = i
			break
		}
		character--
	}
	if at < 0 {
		return len(tokens)
	}
	number, found := slices.BinarySearchFunc(tokens, int32(at), func(t *pg_query.ScanToken, at int32) int { return int(t.Start - at) })
	if !found {
		number--
	}
	return number
}

// tokenStart returns the byte at which a token starts, the text's length for the number of tokens.
func tokenStart(text string, number int) (int32, bool) {
	tokens, ok := tokensOf(text)
	switch {
	case !ok || number > len(tokens):
		return 0, false
	case number == len(tokens):
		return int32(len(text)), true
	}
	return tokens[number].Start, true
}

// tokensOf returns the tokens of a text without its comments.
func tokensOf(text string) ([]*pg_query.ScanToken, bool) {
	result, err := pg_query.Scan(text)
	if err != nil {
		return nil, false
	}
	return slices.DeleteFunc(result.Tokens, func(t *pg_query.ScanToken) bool {
		return t.Token == pg_query.Token_SQL_COMMENT || t.Token == pg_query.Token_C_COMMENT
	}), true
}

// deparse prints a statement.
func deparse(statement *pg_query.Node) (string, error) {
	return pg_query.Deparse(&pg_query.ParseResult{Stmts: []*pg_query.RawStmt{{Stmt: statement}}})
}

// below calls f for each message directly below m, in the order of the grammar's fields: what is numbered on the way has
// the same numbers each time.
func below(m protoreflect.Message, f func(protoreflect.Message)) {
	if _, isNode := m.Interface().(*pg_query.Node); isNode { // one of some 260 fields
		if field := m.WhichOneof(m.Descriptor().Oneofs().Get(0)); field != nil {
			f(m.Get(field).Message())
		}
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.Message() == nil || !m.Has(field) {
			continue
		}
		if !field.IsList() {
			f(m.Get(field).Message())
			continue
		}
		for list, j := m.Get(field).List(), 0; j < list.Len(); j++ {
			f(list.Get(j).Message())
		}
	}
}

// visit calls f for every message below m, m included, parents first, in the order of below. f returning false leaves out
// what lies below.
func visit(m protoreflect.Message, f func(protoreflect.Message) bool) {
	if m.IsValid() && f(m) {
		below(m, func(child protoreflect.Message) { visit(child, f) })
	}
}

// sameTree reports whether two trees are equal but for the places in the text that their nodes came from.
func sameTree(a, b proto.Message) bool { return sameMessage(a.ProtoReflect(), b.ProtoReflect()) }

func sameMessage(a, b protoreflect.Message) bool {
	if a.Descriptor() != b.Descriptor() || a.IsValid() != b.IsValid() {
		return false
	}
	if _, isNode := a.Interface().(*pg_query.Node); isNode {
		oneof := a.Descriptor().Oneofs().Get(0)
		x, y := a.WhichOneof(oneof), b.WhichOneof(oneof)
		return x == y && (x == nil || sameMessage(a.Get(x).Message(), b.Get(y).Message()))
	}
	fields := a.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		switch {
		case isPlace(field) || !a.Has(field) && !b.Has(field):
		case a.Has(field) != b.Has(field):
			return false
		case field.IsList():
			x, y := a.Get(field).List(), b.Get(field).List()
			if x.Len() != y.Len() {
				return false
			}
			for j := range x.Len() {
				if field.Message() != nil && !sameMessage(x.Get(j).Message(), y.Get(j).Message()) ||
					field.Message() == nil && !x.Get(j).Equal(y.Get(j)) {
					return false
				}
			}
		case field.Message() != nil:
			if !sameMessage(a.Get(field).Message(), b.Get(field).Message()) {
				return false
			}
		case !a.Get(field).Equal(b.Get(field)):
			return false
		}
	}
	return len(a.GetUnknown()) == 0 && len(b.GetUnknown()) == 0
}

// isPlace: the field holds a place in the text.
func isPlace(field protoreflect.FieldDescriptor) bool {
	if field.Kind() != protoreflect.Int32Kind {
		return false
	}
	switch field.Name() {
	case "location", "stmt_location", "stmt_len":
		return true
	}
	return false
}

// location returns the place of m in the text it was parsed from, if it has one.
func location(m protoreflect.Message) (int32, bool) {
	field := m.Descriptor().Fields().ByName("location")
	if field == nil || field.Kind() != protoreflect.Int32Kind {
		return 0, false
	}
	return int32(m.Get(field).Int()), true
}

// places lists the locations of two trees of one shape, side by side. ok is false if the shapes differ.
func places(a, b proto.Message) (pairs [][2]int32, ok bool) {
	list := func(m proto.Message) (places []int32, names []protoreflect.FullName) {
		var walk func(protoreflect.Message)
		walk = func(m protoreflect.Message) {
			if l, has := location(m); has {
				places = append(places, l)
				names = append(names, m.Descriptor().FullName())
			}
			below(m, walk)
		}
		walk(m.ProtoReflect())
		return places, names
	}
	pa, na := list(a)
	pb, nb := list(b)
	if !slices.Equal(na, nb) {
		return nil, false
	}
	for i := range pa {
		pairs = append(pairs, [2]int32{pa[i], pb[i]})
	}
	return pairs, true
}

// names returns the strings of a list of String nodes, and whether it holds nothing else.
func names(list []*pg_query.Node) ([]string, bool) {
	out := make([]string, 0, len(list))
	for _, n := range list {
		s, ok := n.GetNode().(*pg_query.Node_String_)
		if !ok {
			return nil, false
		}
		out = append(out, s.String_.Sval)
	}
	return out, true
}

// construct names a node for messages, in SQL's words where it has some.
func construct(n *pg_query.Node) string {
	kind := nodeKind(n)
	if words, ok := constructs[kind]; ok {
		return words
	}
	return kind
}

var constructs = map[string]string{
	"RowExpr": "a row value", "A_Indirection": "a field or subscript of a value", "RangeTableSample": "TABLESAMPLE",
	"RangeTableFunc": "XMLTABLE", "GroupingFunc": "GROUPING", "NamedArgExpr": "a named argument", "XmlExpr": "an XML expression",
	"XmlSerialize": "XMLSERIALIZE", "CurrentOfExpr": "WHERE CURRENT OF", "JsonIsPredicate": "IS JSON",
	"JsonObjectConstructor": "JSON_OBJECT", "JsonArrayConstructor": "JSON_ARRAY", "JsonArrayQueryConstructor": "JSON_ARRAY",
	"JsonAggConstructor": "JSON_OBJECTAGG or JSON_ARRAYAGG", "MultiAssignRef": "an assignment to several columns at once",
	"A_Star": "*", "ParamRef": "a parameter",
}

// nodeKind names a node: "SubLink", "CommonTableExpr".
func nodeKind(n *pg_query.Node) string {
	m := n.ProtoReflect()
	if f := m.WhichOneof(m.Descriptor().Oneofs().Get(0)); f != nil {
		return string(f.Message().Name())
	}
	return "empty node"
}

// nodeLocation returns the location of a node, -1 if it has none.
func nodeLocation(n *pg_query.Node) int32 {
	m := n.ProtoReflect()
	f := m.WhichOneof(m.Descriptor().Oneofs().Get(0))
	if f == nil {
		return -1
	}
	if l, ok := location(m.Get(f).Message()); ok {
		return l
	}
	return -1
}

func clone[M proto.Message](m M) M { return proto.Clone(m).(M) }
