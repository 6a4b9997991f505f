package rewrite

import (
	"context"
	"unicode/utf8"

	pg_query "github.com/pganalyze/pg_query_go/v5"

	"github.com/portcullisdb/portcullis/rewrite/scan"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// embed finds the statement that PREPARE and DECLARE CURSOR hold. It becomes a Statement of its own, with its own literals,
// and is planned like any other.
func (p *Planner) embed(s *Statement) *sqlstate.Error {
	tokens, ok := tokensOf(s.Text)
	if !ok || len(tokens) < 2 {
		return nil
	}
	var before pg_query.Token
	switch tokens[0].Token {
	case pg_query.Token_PREPARE:
		if tokens[1].Token == pg_query.Token_TRANSACTION {
			return nil
		}
		before = pg_query.Token_AS
	case pg_query.Token_DECLARE:
		before = pg_query.Token_FOR
	default:
		return nil
	}
	// Both words are reserved: neither the name nor a type before them is one. They are not within brackets either, so what
	// is counted is only made sure of.
	depth := 0
	for _, t := range tokens {
		switch t.Token {
		case pg_query.Token_ASCII_40:
			depth++
		case pg_query.Token_ASCII_41:
			depth--
		case before:
			if depth == 0 {
				return p.embedAt(s, int(t.End))
			}
		}
	}
	return disagreement("embedded statement")
}

func (p *Planner) embedAt(s *Statement, at int) *sqlstate.Error {
	scanned, refusal := scan.Scan(s.Text[at:], p.limits.Scan)
	if refusal != nil {
		return refusal
	}
	if len(scanned) != 1 {
		return disagreement("embedded statement")
	}
	s.Embedded = &Statement{Statement: scanned[0], start: s.start + utf8.RuneCountInString(s.Text[:at+scanned[0].Offset])}
	return nil
}

// embeds reports that a statement begins with a word behind which there may be another statement. It only saves the
// tokens of the others.
func (s *Statement) embeds() bool {
	const prepare, declare = "prepare", "declare"
	word := s.Skeleton[:min(len(s.Skeleton), len(prepare))]
	return equalFold(word, prepare) || equalFold(word, declare)
}

// equalFold compares ASCII without regard to case.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i]|0x20 != b[i] {
			return false
		}
	}
	return true
}

// An Argument is one value of EXECUTE: a constant, perhaps cast.
type Argument struct {
	// Source is a constant, or NULL. With Boolean it is neither, and Value holds true or false.
	Source  Source
	Boolean bool
	Value   bool
	// TypeOID is the type of the value: that of the cast, or of the constant.
	TypeOID uint32
	// Token is the number of the token at which it begins: see Statement.TokenPosition.
	Token int
	// cast is what TypeOID is to be found from.
	cast *pg_query.TypeName
}

// arguments reads the values of EXECUTE. They are expressions in PostgreSQL; here each is a constant, so that no server
// has to compute what may be meant for a protected column.
func (s *Statement) arguments(nodes []*pg_query.Node) ([]Argument, *sqlstate.Error) {
	arguments := make([]Argument, len(nodes))
	for i, n := range nodes {
		var refusal *sqlstate.Error
		if arguments[i], refusal = s.argument(clone(n)); refusal != nil {
			return nil, refusal
		}
		at := nodeLocation(n)
		if c := n.GetTypeCast(); c != nil {
			at = nodeLocation(c.Arg)
		}
		if position := s.position(at); position > 0 {
			arguments[i].Token = tokenAt(s.Text, position-s.start-1)
		}
	}
	return arguments, nil
}

func (s *Statement) argument(n *pg_query.Node) (Argument, *sqlstate.Error) {
	var a Argument
	if c := n.GetTypeCast(); c != nil {
		if len(c.TypeName.GetTypmods()) > 0 {
			return a, s.argumentRefusal("a cast with a type modifier", nodeLocation(n))
		}
		a.cast, n = c.TypeName, c.Arg
	}
	if e := n.GetAExpr(); e != nil && e.Lexpr == nil { // +1
		if name, ok := names(e.Name); ok && len(name) == 1 && name[0] == "+" && e.Rexpr.GetAConst().GetSval() == nil {
			n = e.Rexpr
		}
	}
	if p := n.GetParamRef(); p != nil {
		return a, sqlstate.New(sqlstate.UndefinedParameter, "there is no parameter $%d", p.Number).At(s.position(p.Location))
	}
	c := n.GetAConst()
	if c == nil {
		return a, s.argumentRefusal("an expression", nodeLocation(n))
	}
	a.TypeOID = oidUnknown
	if c.Isnull {
		a.Source = Source{Kind: FromNull, TypeOID: oidUnknown}
		return a, nil
	}
	if b, ok := c.Val.(*pg_query.A_Const_Boolval); ok {
		a.Boolean, a.Value, a.TypeOID = true, b.Boolval.GetBoolval(), oidBool
		return a, nil
	}
	pz := &parameteriser{statement: s, out: &parameterised{}}
	pz.constant(n, c)
	if pz.err != nil {
		return a, pz.err
	}
	if len(pz.out.operands) != 1 {
		return a, disagreement("constant of EXECUTE")
	}
	a.Source = pz.out.operands[0].source
	a.TypeOID = a.Source.TypeOID
	return a, nil
}

func (s *Statement) argumentRefusal(what string, location int32) *sqlstate.Error {
	return sqlstate.New(sqlstate.FeatureNotSupported, "%s as an argument of EXECUTE is not supported on a protected or sharded database", what).
		WithRule("execute-argument").WithHint("Constants and casts of constants may be written there.").At(s.position(location))
}

// resolveTypes finds the types that PREPARE and EXECUTE name. PostgreSQL says which they are: each is that of a parameter
// which is cast to it.
func (p *Planner) resolveTypes(ctx context.Context, s *Statement, tree *pg_query.Node, action *SessionAction, env *Env) *sqlstate.Error {
	var types []*pg_query.TypeName
	for _, n := range tree.GetPrepareStmt().GetArgtypes() {
		types = append(types, n.GetTypeName())
	}
	var cast []*Argument
	for i := range action.Arguments {
		if a := &action.Arguments[i]; a.cast != nil {
			types, cast = append(types, a.cast), append(cast, a)
			a.cast = nil // a plan holds no tree
		}
	}
	if len(types) == 0 {
		return nil
	}
	if len(types) > parametersMax {
		return tooManyParameters()
	}
	question := &pg_query.SelectStmt{LimitOption: pg_query.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg_query.SetOperation_SETOP_NONE}
	for i, t := range types {
		t = clone(t)
		t.Typmods = nil // PREPARE does not look at them
		question.TargetList = append(question.TargetList, &pg_query.Node{Node: &pg_query.Node_ResTarget{ResTarget: &pg_query.ResTarget{
			Val: &pg_query.Node{Node: &pg_query.Node_TypeCast{TypeCast: &pg_query.TypeCast{TypeName: t,
				Arg: &pg_query.Node{Node: &pg_query.Node_ParamRef{ParamRef: &pg_query.ParamRef{Number: int32(i + 1)}}}}}}}}})
	}
	asked := &pg_query.Node{Node: &pg_query.Node_SelectStmt{SelectStmt: question}}
	printed, refusal := printStatement(asked)
	if refusal != nil {
		return refusal
	}
	answer, refusal := p.describer.Describe(ctx, DescribeRequest{SQL: printed.text, ParamOIDs: make([]uint32, len(types)), SearchPath: env.SearchPath})
	if refusal != nil {
		out := *refusal
		out.Position = s.positionIn(refusal.Position, printed, asked)
		return &out
	}
	if len(answer.Params) != len(types) {
		return disagreement("number of types")
	}
	for i, oid := range answer.Params {
		if i < len(types)-len(cast) {
			action.ParamOIDs = append(action.ParamOIDs, oid)
		} else {
			cast[i-(len(types)-len(cast))].TypeOID = oid
		}
	}
	return nil
}
