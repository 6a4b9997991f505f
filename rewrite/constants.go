package rewrite

import (
	"slices"
	"strconv"
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portcullisdb/portcullis/rewrite/scan"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// The types of constants (src/include/catalog/pg_type.dat).
const (
	oidBool        = 16
	oidBytea       = 17
	oidName        = 19
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidOID         = 26
	oidVoid        = 2278
	oidFloat4      = 700
	oidFloat8      = 701
	oidUnknown     = 705
	oidBpchar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidBit         = 1560
	oidNumeric     = 1700
	oidUUID        = 2950
)

// firstUserOID is the first OID that the objects of an application can have (src/include/access/transam.h,
// FirstNormalObjectId).
const firstUserOID = 16384

// operand is what a parameter of a parameterised statement stands for. declared is the type given to Parse, 0 if
// PostgreSQL shall infer it.
type operand struct {
	source   Source
	declared uint32
}

// parameterised is a statement in which every constant of an expression has become a parameter of its own behind the
// client's. What is syntax stays: ordinals, type modifiers, NULL, true and false.
type parameterised struct {
	tree     *pg_query.Node
	operands []operand // of $1..$n; the first client ones are the client's
	client   int
	// pinned are the literals that stayed, or that must be equal to another: a plan is good only for the same values.
	pinned []int
}

// parameterise rewrites tree in place. declared are the parameter types that the client gave.
func parameterise(tree *pg_query.Node, s *Statement, declared []uint32) (*parameterised, *sqlstate.Error) {
	p := &parameteriser{statement: s, out: &parameterised{tree: tree}}
	client := len(declared)
	visit(tree.ProtoReflect(), func(m protoreflect.Message) bool {
		if ref, ok := m.Interface().(*pg_query.ParamRef); ok {
			client = max(client, int(ref.Number))
		}
		return true
	})
	if client > parametersMax {
		return nil, sqlstate.New(sqlstate.ProgramLimitExceeded, "number of parameters must be between 0 and %d", parametersMax)
	}
	p.out.client = client
	for i := range client {
		o := operand{source: Source{Kind: FromParam, Index: i}}
		if i < len(declared) {
			o.declared = declared[i]
		}
		p.out.operands = append(p.out.operands, o)
	}
	p.node(tree)
	p.noneLeft(tree)
	if p.err != nil {
		return nil, p.err
	}
	if len(p.out.operands) > parametersMax {
		return nil, tooManyParameters()
	}
	p.pinRest()
	return p.out, nil
}

// parametersMax is the number of parameters that the protocol can carry (Int16, src/backend/tcop/postgres.c).
const parametersMax = 65535

func tooManyParameters() *sqlstate.Error {
	return sqlstate.New(sqlstate.ProgramLimitExceeded, "the statement has more than %d parameters and constants", parametersMax).
		WithRule("parameters").WithHint("Send the rows in several statements.")
}

type parameteriser struct {
	statement *Statement
	out       *parameterised
	used      map[int]bool // literals that became parameters
	err       *sqlstate.Error
}

// node rewrites the constants below n. It walks by reflection: what it does not know it rewrites all the same, so that
// no constant can hide in a construct that nobody thought of.
func (p *parameteriser) node(n *pg_query.Node) {
	switch x := n.GetNode().(type) {
	case nil:
		return
	case *pg_query.Node_AConst:
		p.constant(n, x.AConst)
		return
	case *pg_query.Node_SqlvalueFunction:
		p.sessionValue(n, x.SqlvalueFunction)
		return
	case *pg_query.Node_FuncCall:
		if p.sessionFunction(n, x.FuncCall) {
			return
		}
		p.plainExtract(x.FuncCall)
	case *pg_query.Node_TypeName:
		return
	case *pg_query.Node_SelectStmt:
		p.selectStatement(x.SelectStmt)
		return
	case *pg_query.Node_ResTarget:
		p.keepName(x.ResTarget)
	case *pg_query.Node_TypeCast:
		p.intervalFields(x.TypeCast)
	}
	p.children(n.ProtoReflect())
}

func (p *parameteriser) children(m protoreflect.Message) {
	below(m, func(child protoreflect.Message) {
		switch c := child.Interface().(type) {
		case *pg_query.Node:
			p.node(c)
		case *pg_query.TypeName:
		case *pg_query.SelectStmt:
			p.selectStatement(c)
		default:
			p.children(child)
		}
	})
}

// selectStatement does the target list first: an expression that GROUP BY, DISTINCT ON or ORDER BY repeats gets the
// same parameters there, else PostgreSQL would no longer see that both are one expression.
func (p *parameteriser) selectStatement(s *pg_query.SelectStmt) {
	var before []*pg_query.Node
	alike := map[string][]int{} // targets by their form without constants
	for i, t := range s.TargetList {
		before = append(before, clone(t.GetResTarget().GetVal()))
		if before[i] != nil && len(s.DistinctClause)+len(s.GroupClause)+len(s.SortClause) > 0 {
			form := formWithoutConstants(before[i])
			alike[form] = append(alike[form], i)
		}
	}
	pinned := map[string]bool{}
	for _, t := range s.TargetList {
		p.node(t)
	}
	repeat := func(n *pg_query.Node, clause string) {
		if isOrdinal(n) {
			return
		}
		p.refuseConstantKey(n, clause)
		if len(alike) == 0 || !hasConstant(n) {
			p.node(n)
			return
		}
		form := formWithoutConstants(n)
		if len(alike[form]) > 0 {
			// Whether they are one expression depends on the values, so the answer is good for these alone.
			p.pinBelow(n)
		}
		for _, i := range alike[form] {
			if !pinned[form] {
				p.pinBelow(before[i])
			}
		}
		pinned[form] = true
		for _, i := range alike[form] {
			if sameTree(n, before[i]) {
				n.Node = clone(s.TargetList[i].GetResTarget().Val).Node
				return
			}
		}
		p.node(n)
	}
	for _, n := range s.DistinctClause {
		repeat(n, "DISTINCT ON")
	}
	for _, n := range s.GroupClause {
		repeat(n, "GROUP BY")
	}
	for _, n := range s.SortClause {
		if sort := n.GetSortBy(); sort != nil {
			repeat(sort.Node, "ORDER BY")
		}
	}
	rest := s.ProtoReflect()
	fields := rest.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		switch field.Name() {
		case "target_list", "distinct_clause", "group_clause", "sort_clause":
			continue
		}
		if field.Message() == nil || !rest.Has(field) {
			continue
		}
		if field.IsList() {
			list := rest.Get(field).List()
			for j := range list.Len() {
				if n, ok := list.Get(j).Message().Interface().(*pg_query.Node); ok {
					p.node(n)
				}
			}
			continue
		}
		switch m := rest.Get(field).Message().Interface().(type) {
		case *pg_query.Node:
			p.node(m)
		case *pg_query.SelectStmt:
			p.selectStatement(m)
		default:
			p.children(m.ProtoReflect())
		}
	}
}

// constant replaces one constant by a parameter.
func (p *parameteriser) constant(n *pg_query.Node, c *pg_query.A_Const) {
	if c.Isnull {
		return
	}
	var text string
	switch v := c.Val.(type) {
	case *pg_query.A_Const_Boolval:
		return
	case *pg_query.A_Const_Ival:
		text = strconv.Itoa(int(v.Ival.GetIval()))
	case *pg_query.A_Const_Fval:
		text = v.Fval.Fval
	case *pg_query.A_Const_Sval:
		text = v.Sval.Sval
	case *pg_query.A_Const_Bsval:
		text = v.Bsval.Bsval
	default: // an integer zero leaves the oneof's message empty
		text = "0"
	}
	i, ok := p.literalAt(c.Location)
	if !ok {
		return // the grammar's own: the 1 of FETCH FIRST ROW ONLY, the year of extract(year FROM ...)
	}
	literal := &p.statement.Literals[i]
	source := Source{Kind: FromConstant, Index: i}
	switch literal.Class {
	case scan.ClassString:
		source.TypeOID = oidUnknown
		if literal.Value != text {
			p.disagree()
		}
	case scan.ClassBits, scan.ClassHexBits:
		source.TypeOID = oidBit
		if literal.Value != text {
			p.disagree()
		}
	default:
		var bare string
		bare, source.Negate = strings.CutPrefix(text, "-")
		if plain := strings.TrimLeft(bare, "0"); !strings.ContainsAny(bare, "xXoObB_") && plain != strings.TrimLeft(literal.Value, "0") {
			p.disagree()
		}
		source.TypeOID = numberType(literal.Class, source.Negate)
	}
	o := operand{source: source, declared: source.TypeOID}
	if source.TypeOID == oidUnknown {
		o.declared = 0
	}
	p.replace(n, o, c.Location)
	if p.used == nil {
		p.used = map[int]bool{}
	}
	p.used[i] = true
}

// numberType is the type that PostgreSQL gives a number (src/backend/parser/parse_node.c, make_const).
func numberType(class scan.Class, negated bool) uint32 {
	switch {
	case class == scan.ClassInt4, class == scan.ClassInt4Edge && negated:
		return oidInt4
	case class == scan.ClassInt4Edge, class == scan.ClassInt8, class == scan.ClassInt8Edge && negated:
		return oidInt8
	}
	return oidNumeric
}

func (p *parameteriser) replace(n *pg_query.Node, o operand, location int32) {
	p.out.operands = append(p.out.operands, o)
	n.Node = &pg_query.Node_ParamRef{ParamRef: &pg_query.ParamRef{Number: int32(len(p.out.operands)), Location: location}}
}

// literalAt finds the literal of a constant: the token at its location, or the one behind the minus sign there, which the
// grammar has made part of it. A constant that no literal wrote has none.
func (p *parameteriser) literalAt(location int32) (int, bool) {
	if location < 0 || int(location) >= len(p.statement.Text) {
		return 0, false
	}
	literals := p.statement.Literals
	i, _ := slices.BinarySearchFunc(literals, int(location), func(l scan.Literal, at int) int { return l.End - at - 1 })
	if i == len(literals) {
		return 0, false
	}
	return i, literals[i].Start <= int(location) || p.statement.Text[location] == '-'
}

// refuseConstantKey says what PostgreSQL says of ORDER BY 'x', which as a parameter it would take for an expression
// (src/backend/parser/parse_clause.c, findTargetlistEntrySQL92). NULL, true and false stay in the text: it judges them.
func (p *parameteriser) refuseConstantKey(n *pg_query.Node, clause string) {
	c := n.GetAConst()
	if c.GetSval() == nil && c.GetFval() == nil && c.GetBsval() == nil || p.err != nil {
		return
	}
	p.err = sqlstate.New(sqlstate.SyntaxError, "non-integer constant in %s", clause).At(p.statement.position(c.Location))
}

// intervalFields refuses INTERVAL '1' HOUR. Interval is the one type whose modifier says how the text of a literal is read
// (src/backend/parser/parse_coerce.c, coerce_type): '1' as a parameter would be a second, of which no hour remains.
func (p *parameteriser) intervalFields(c *pg_query.TypeCast) {
	const everyField = 0x7FFF // src/include/utils/timestamp.h, INTERVAL_FULL_RANGE: an interval with a precision alone
	path, ok := names(c.TypeName.GetNames())
	if !ok || path[len(path)-1] != "interval" || len(c.TypeName.Typmods) == 0 || c.Arg.GetAConst().GetSval() == nil ||
		c.TypeName.Typmods[0].GetAConst().GetIval().GetIval() == everyField || p.err != nil {
		return
	}
	p.err = sqlstate.New(sqlstate.FeatureNotSupported, "an interval literal with fields is not supported").
		WithRule("interval-fields").WithHint("Write the unit into the literal, as in INTERVAL '1 hour'.").
		At(p.statement.position(c.Arg.GetAConst().Location))
}

// noneLeft makes sure that what stayed is syntax: integers and the grammar's own constants, but no text of the client's.
func (p *parameteriser) noneLeft(tree *pg_query.Node) {
	visit(tree.ProtoReflect(), func(m protoreflect.Message) bool {
		c, ok := m.Interface().(*pg_query.A_Const)
		if !ok || c.Isnull || p.err != nil {
			return p.err == nil
		}
		switch c.Val.(type) {
		case *pg_query.A_Const_Ival, *pg_query.A_Const_Boolval, nil:
			return true
		}
		if i, written := p.literalAt(c.Location); written {
			p.err = sqlstate.New(sqlstate.FeatureNotSupported, "a constant that is no integer is not supported in this place").
				WithRule("constant").At(p.statement.position(int32(p.statement.Literals[i].Start)))
		}
		return false
	})
}

func (p *parameteriser) disagree() {
	if p.err == nil {
		p.err = sqlstate.New(sqlstate.InternalError, "scanner and parser disagree on a constant").
			WithRule("scanner-disagrees")
	}
}

// sessionValue replaces current_user and its like, which only the session can answer.
func (p *parameteriser) sessionValue(n *pg_query.Node, v *pg_query.SQLValueFunction) {
	switch v.Op {
	case pg_query.SQLValueFunctionOp_SVFOP_CURRENT_ROLE, pg_query.SQLValueFunctionOp_SVFOP_CURRENT_USER,
		pg_query.SQLValueFunctionOp_SVFOP_USER, pg_query.SQLValueFunctionOp_SVFOP_SESSION_USER:
		p.sessionFact(n, SessionUser, oidName, v.Location)
	case pg_query.SQLValueFunctionOp_SVFOP_CURRENT_CATALOG:
		p.sessionFact(n, SessionDatabase, oidName, v.Location)
	case pg_query.SQLValueFunctionOp_SVFOP_CURRENT_SCHEMA:
		p.sessionFact(n, SessionSchema, oidName, v.Location)
	}
}

func (p *parameteriser) sessionFunction(n *pg_query.Node, f *pg_query.FuncCall) bool {
	name, ok := names(f.Funcname)
	if !ok || len(f.Args) > 0 || f.AggStar || len(name) == 2 && name[0] != "pg_catalog" || len(name) > 2 {
		return false
	}
	switch name[len(name)-1] {
	case "current_database":
		p.sessionFact(n, SessionDatabase, oidName, f.Location)
	case "current_schema":
		p.sessionFact(n, SessionSchema, oidName, f.Location)
	case "pg_backend_pid":
		p.sessionFact(n, SessionBackendPID, oidInt4, f.Location)
	default:
		return false
	}
	return true
}

// plainExtract prints extract('year' FROM x) as a call: its own syntax has no place for a parameter.
func (p *parameteriser) plainExtract(f *pg_query.FuncCall) {
	if f.Funcformat != pg_query.CoercionForm_COERCE_SQL_SYNTAX || len(f.Args) == 0 || f.Args[0].GetAConst() == nil {
		return
	}
	path, ok := names(f.Funcname)
	if _, written := p.literalAt(f.Args[0].GetAConst().Location); ok && written && path[len(path)-1] == "extract" {
		f.Funcformat = pg_query.CoercionForm_COERCE_EXPLICIT_CALL
	}
}

func (p *parameteriser) sessionFact(n *pg_query.Node, fact SessionFact, oid uint32, location int32) {
	p.replace(n, operand{source: Source{Kind: FromSession, Index: fact, TypeOID: oid}, declared: oid}, location)
}

// keepName gives an output that is a session's fact the name that PostgreSQL would (FigureColname, parse_target.c).
func (p *parameteriser) keepName(t *pg_query.ResTarget) {
	if t.Name != "" {
		return
	}
	switch x := t.GetVal().GetNode().(type) {
	case *pg_query.Node_SqlvalueFunction:
		t.Name = map[pg_query.SQLValueFunctionOp]string{
			pg_query.SQLValueFunctionOp_SVFOP_CURRENT_ROLE:    "current_role",
			pg_query.SQLValueFunctionOp_SVFOP_CURRENT_USER:    "current_user",
			pg_query.SQLValueFunctionOp_SVFOP_USER:            "user",
			pg_query.SQLValueFunctionOp_SVFOP_SESSION_USER:    "session_user",
			pg_query.SQLValueFunctionOp_SVFOP_CURRENT_CATALOG: "current_catalog",
			pg_query.SQLValueFunctionOp_SVFOP_CURRENT_SCHEMA:  "current_schema",
		}[x.SqlvalueFunction.Op]
	case *pg_query.Node_FuncCall:
		if name, ok := names(x.FuncCall.Funcname); ok && len(x.FuncCall.Args) == 0 {
			switch last := name[len(name)-1]; last {
			case "current_database", "current_schema", "pg_backend_pid":
				t.Name = last
			}
		}
	}
}

func (p *parameteriser) pinBelow(n *pg_query.Node) {
	visit(n.ProtoReflect(), func(m protoreflect.Message) bool {
		if c, ok := m.Interface().(*pg_query.A_Const); ok && !c.Isnull {
			if i, ok := p.literalAt(c.Location); ok {
				p.out.pinned = append(p.out.pinned, i)
			}
		}
		return true
	})
}

// pinRest pins the literals that stayed in the text.
func (p *parameteriser) pinRest() {
	for i := range p.statement.Literals {
		if !p.used[i] {
			p.out.pinned = append(p.out.pinned, i)
		}
	}
	slices.Sort(p.out.pinned)
	p.out.pinned = slices.Compact(p.out.pinned)
}

// isOrdinal reports whether n is an integer constant: in ORDER BY, GROUP BY and DISTINCT ON it names an output column.
func isOrdinal(n *pg_query.Node) bool {
	c := n.GetAConst()
	if c == nil || c.Isnull {
		return false
	}
	_, isInt := c.Val.(*pg_query.A_Const_Ival)
	return isInt
}

// formWithoutConstants is equal for two trees that are equal but for places and the values of constants.
func formWithoutConstants(n *pg_query.Node) string {
	n = clone(n)
	visit(n.ProtoReflect(), func(m protoreflect.Message) bool {
		if c, ok := m.Interface().(*pg_query.A_Const); ok {
			c.Val, c.Isnull = nil, false
		}
		if field := m.Descriptor().Fields().ByName("location"); field != nil {
			m.Clear(field)
		}
		return true
	})
	form, err := proto.MarshalOptions{Deterministic: true}.Marshal(n)
	if err != nil {
		return "" // what cannot be written is alike: its literals are pinned
	}
	return string(form)
}

func hasConstant(n *pg_query.Node) bool {
	found := false
	visit(n.ProtoReflect(), func(m protoreflect.Message) bool {
		switch c := m.Interface().(type) {
		case *pg_query.A_Const:
			found = found || !c.Isnull
		case *pg_query.SQLValueFunction:
			found = true
		}
		return !found
	})
	return found
}
