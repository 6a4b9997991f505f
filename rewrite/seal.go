package rewrite

import (
	"slices"

	pg_query "github.com/pganalyze/pg_query_go/v5"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// tokenComparison turns `column = value`, `value = column`, `column <> value` and `column [NOT] IN (values)` over an
// encrypted column into the same over its equality token. done is false if no side is a protected column, or if the
// column is stored in clear and may be compared: then the ordinary rules go on.
func (a *analysis) tokenComparison(x *pg_query.A_Expr, p place) (done bool, refusal *sqlstate.Error) {
	b, at := a.protectedColumn(x.Lexpr, p)
	column, other := x.Lexpr, x.Rexpr
	if b == nil {
		b, at = a.protectedColumn(x.Rexpr, p)
		column, other = x.Rexpr, x.Lexpr
		if b == nil || x.Kind == pg_query.A_Expr_Kind_AEXPR_IN {
			return false, nil
		}
	} else if second, place := a.protectedColumn(x.Rexpr, p); second != nil {
		if second.access.Right != policy.Reveal {
			b, at = second, place
		}
		return true, a.refuseUse(b, "predicate", "a comparison with another column", "", at)
	}
	need, right := policy.PredicateEq, "eq"
	if x.Kind == pg_query.A_Expr_Kind_AEXPR_IN {
		need, right = policy.PredicateIn, "in"
	}
	if b.access.Right != policy.Reveal && !b.access.Predicates.Has(need) {
		return true, a.refuseUse(b, p.rule, p.clause, right, at)
	}
	if p.rule != "predicate" && b.access.Right != policy.Reveal {
		return true, a.refuseUse(b, p.rule, p.clause, "", at)
	}
	if !b.sealed() {
		a.touch(b, "search")
		if refusal := a.columnReference(column.GetColumnRef(), p); refusal != nil {
			return true, refusal
		}
		return true, a.expression(other, p)
	}
	if !b.protected.Encrypt.Equality {
		return true, a.refuse(sqlstate.FeatureNotSupported, "no-search-token", at,
			"encrypted column %q of %q carries no equality token and may not be used in %s", b.column.Name,
			b.entry.table.Name.Name, p.clause).
			WithHint("\"search: [equality]\" in the column's encrypt block would give it one.")
	}
	a.touch(b, "search")
	values := []*pg_query.Node{other}
	if list := other.GetList(); list != nil {
		values = list.Items
	}
	for _, v := range values {
		if refusal := a.sealedOperand(v, b, EqualityToken); refusal != nil {
			return true, refusal
		}
	}
	if refusal := a.columnReference(column.GetColumnRef(), p); refusal != nil {
		return true, refusal
	}
	reference := clone(column)
	*column = pg_query.Node{Node: equalityOf(reference).Node}
	return true, nil
}

// sealedUse is what an input for a sealed column stands for. An expression that GROUP BY repeats gives the same use twice,
// and must stay the same expression.
type sealedUse struct {
	operand   int32
	sealed    int // index into analysis.sealed
	transform Transform
}

// equalityOf prints the expression whose value, and whose index, is a column's equality token.
func equalityOf(column *pg_query.Node) *pg_query.Node {
	return pg_query.MakeFuncCallNode([]*pg_query.Node{pg_query.MakeStrNode("portcullis"), pg_query.MakeStrNode("eq_1")},
		[]*pg_query.Node{column}, 0)
}

// sealedOperand turns n, which must be a parameter, a literal (cast or not) or NULL, into an input that is sealed or
// tokenised for column b.
func (a *analysis) sealedOperand(n *pg_query.Node, b *base, transform Transform) *sqlstate.Error {
	ref, casts := n, []uint32(nil)
	for ref.GetTypeCast() != nil {
		cast := ref.GetTypeCast()
		if len(cast.TypeName.Typmods) > 0 || len(cast.TypeName.ArrayBounds) > 0 {
			return a.refuse(sqlstate.FeatureNotSupported, "sealed-cast", cast.Location,
				"the value for encrypted column %q of %q is cast to a type with a modifier", b.column.Name, b.entry.table.Name.Name).
				WithHint("Cast to the plain type, or leave the cast out.")
		}
		if refusal := a.castType(cast.TypeName); refusal != nil {
			return refusal
		}
		path, _ := names(cast.TypeName.Names)
		casts = append(casts, builtinTypes[path[len(path)-1]])
		ref = cast.Arg
	}
	if c := ref.GetAConst(); c != nil && c.Isnull {
		n.Node = ref.Node
		return nil
	}
	if c := ref.GetAConst(); c != nil && b.column.TypeOID == oidBool && transform == Seal {
		return a.refuse(sqlstate.FeatureNotSupported, "sealed-boolean", c.Location,
			"encrypted column %q of %q may be set to a parameter or a quoted literal only", b.column.Name, b.entry.table.Name.Name).
			WithHint("Write 't' or 'f', or pass a parameter.")
	}
	parameter := ref.GetParamRef()
	if parameter == nil {
		if transform == Seal {
			return a.refuse(sqlstate.FeatureNotSupported, "sealed-write", nodeLocation(n),
				"encrypted column %q of %q may be set to a parameter, a literal, NULL or DEFAULT only", b.column.Name,
				b.entry.table.Name.Name).WithHint("Compute the value in the application.")
		}
		return a.refuse(sqlstate.FeatureNotSupported, "sealed-comparison", nodeLocation(n),
			"encrypted column %q of %q may be compared with parameters and literals only", b.column.Name,
			b.entry.table.Name.Name).WithHint("Compute the value in the application.")
	}
	o := &a.operands[parameter.Number-1]
	if o.source.Kind == FromSession {
		return a.refuse(sqlstate.FeatureNotSupported, "sealed-session-value", parameter.Location,
			"encrypted column %q of %q may not be used with a value of the session", b.column.Name, b.entry.table.Name.Name)
	}
	source := o.source
	if source.Kind == FromParam {
		source.TypeOID = a.typeOf(parameter)
		if a.open[parameter.Number] != 0 {
			return a.refuseMixed(source.Index, b.column.Name, parameter.Location)
		}
		a.hidden[source.Index] = b.column.Name
	}
	if !convertibleThrough(source.TypeOID, casts, b.column.TypeOID) {
		return a.refuseConversion(b, parameter.Location)
	}
	in := Input{Source: source, TypeOID: b.column.TypeOID, Typmod: -1, PhysicalOID: oidBytea, Transform: transform,
		Sealed: a.sealedIndex(b)}
	if transform == Seal {
		in.Assign, in.Typmod = true, b.column.Typmod
	}
	use := sealedUse{parameter.Number, in.Sealed, transform}
	number, ok := a.sealedInputs[use]
	if !ok {
		number = a.input(in)
		a.sealedInputs[use] = number
	}
	a.visited[parameter] = true
	parameter.Number = number
	n.Node = ref.Node
	return nil
}

func (a *analysis) refuseConversion(b *base, location int32) *sqlstate.Error {
	return a.refuse(sqlstate.FeatureNotSupported, "sealed-conversion", location,
		"the value for encrypted column %q of %q is of a type that would have to be converted", b.column.Name,
		b.entry.table.Name.Name).WithHint("Give the value in the column's own type.")
}

// convertible reports that every value of type from, written as text, means the same as a value of type to. Others
// would have to be rounded, trimmed or shifted by a server, which must not see them.
func convertible(from, to uint32) bool {
	if from == to || from == oidUnknown || from == 0 {
		return true
	}
	switch to {
	case oidText, oidVarchar:
		return from == oidText || from == oidVarchar // not bpchar: its blanks at the end do not count
	case oidInt2, oidInt4, oidInt8:
		return integerWidth(from) > 0
	case oidNumeric:
		return integerWidth(from) > 0
	}
	return false
}

// convertibleThrough is convertible for a value that is cast on its way. casts are in the order of the text's nodes, the
// outermost first. A cast to a narrower integer may fail, which is for PostgreSQL to say.
func convertibleThrough(from uint32, casts []uint32, to uint32) bool {
	for _, cast := range slices.Backward(casts) {
		if cast == 0 || !convertible(from, cast) || integerWidth(cast) < integerWidth(from) && integerWidth(cast) > 0 {
			return false
		}
		from = cast
	}
	return convertible(from, to)
}

// integerWidth is the number of bytes of an integer type, 0 for other types.
func integerWidth(oid uint32) int {
	switch oid {
	case oidInt2:
		return 2
	case oidInt4:
		return 4
	case oidInt8:
		return 8
	}
	return 0
}

// mayWrite checks the right to write a protected column.
func (a *analysis) mayWrite(b *base, location int32) *sqlstate.Error {
	if b.protected == nil {
		return nil
	}
	if b.access.Right != policy.Reveal {
		if !b.access.Write {
			return a.refuse(sqlstate.InsufficientPrivilege, "masked-write", location,
				"column %q of %q may not be written by role %q", b.column.Name, b.entry.table.Name.Name, a.env.View.RoleNames()).
				WithHint("The policy can give the right \"write: true\" to this role.")
		}
		if !b.access.Predicates.Has(policy.PredicateEq) && b.unique() {
			return a.refuse(sqlstate.InsufficientPrivilege, "write-oracle", location,
				"column %q of %q is unique: writing it tells role %q which values exist", b.column.Name,
				b.entry.table.Name.Name, a.env.View.RoleNames()).
				WithHint("Grant \"predicates: [eq]\" together with \"write: true\".")
		}
	}
	a.touch(b, "write")
	return nil
}

// unique reports that the column stands under a primary key or unique constraint.
func (b *base) unique() bool {
	return slices.ContainsFunc(b.entry.relation.Keys, func(k catalog.Key) bool { return slices.Contains(k.Columns, b.column.Name) })
}
