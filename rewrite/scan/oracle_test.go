package scan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	pg_query "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// oracle compares what the scanner makes of sql with what libpg_query does. It reports whether sql is valid SQL.
func oracle(t testing.TB, sql string) (valid bool) {
	t.Helper()
	statements, scanErr := Scan(sql, DefaultLimits())
	if scanErr != nil && (scanErr.Code == sqlstate.StatementTooComplex || scanErr.Code == sqlstate.ProgramLimitExceeded ||
		scanErr.Code == sqlstate.CharacterNotInRepertoire || len(sql) > 2000) {
		return false // the parser may not survive it, or takes it for something else
	}
	if strings.IndexByte(sql, '\v') >= 0 {
		return false // white space since PostgreSQL 17; the parser is 16's
	}
	if scanErr == nil {
		compareTokens(t, sql)
	}
	tree, parseErr := pg_query.Parse(sql)
	if parseErr != nil {
		return false
	}
	if scanErr != nil {
		// libpg_query is laxer than PostgreSQL here.
		if !strings.Contains(scanErr.Message, "UESCAPE") && !strings.Contains(scanErr.Message, "parameter") {
			t.Errorf("%q: %v, but the parser takes it", sql, scanErr)
		}
		return false
	}
	statements = slices.DeleteFunc(statements, func(s Statement) bool { return s.Empty })
	if len(statements) != len(tree.Stmts) {
		t.Errorf("%q: %d statements, the parser found %d", sql, len(statements), len(tree.Stmts))
		return true
	}
	for i, raw := range tree.Stmts {
		s := &statements[i]
		start, end := int(raw.StmtLocation), int(raw.StmtLocation+raw.StmtLen)
		if raw.StmtLen == 0 {
			end = len(sql)
		}
		if want := strings.Trim(sql[start:end], " \t\n\r\f\v"); s.Text != want || !strings.HasPrefix(sql[s.Offset:], want) {
			t.Errorf("%q: statement %q at %d, the parser found %q", sql, s.Text, s.Offset, want)
		}
		compareConstants(t, s, raw)
		checkSkeleton(t, s)
	}
	return true
}

// compareTokens compares the ends of all tokens.
func compareTokens(t testing.TB, sql string) {
	t.Helper()
	result, err := pg_query.Scan(sql)
	if err != nil {
		t.Errorf("%q: scanned, but the parser's lexer says %v", sql, err)
		return
	}
	theirs := slices.DeleteFunc(result.Tokens, func(t *pg_query.ScanToken) bool {
		return t.Token == pg_query.Token_SQL_COMMENT || t.Token == pg_query.Token_C_COMMENT
	})
	l := lexer{sql: sql}
	for i := 0; ; i++ {
		ours, err := l.next()
		if err != nil {
			t.Errorf("%q: %v", sql, err)
			return
		}
		if ours.kind == kindEnd {
			if i < len(theirs) {
				t.Errorf("%q: no token at %d", sql, theirs[i].Start)
			}
			return
		}
		if i == len(theirs) || int(theirs[i].Start) != ours.start {
			t.Errorf("%q: token %q at %d is not the parser's %v", sql, sql[ours.start:ours.end], ours.start, theirs[i:min(i+1, len(theirs))])
			return
		}
		first := theirs[i]
		if first.Token == pg_query.Token_USCONST || first.Token == pg_query.Token_UIDENT {
			// These come without an end, and UESCAPE and its string are tokens of their own.
			if i+2 < len(theirs) && theirs[i+1].Token == pg_query.Token_UESCAPE {
				i += 2
				if int(theirs[i].End) != ours.end {
					t.Errorf("%q: token %q ends at %d", sql, sql[ours.start:ours.end], theirs[i].End)
				}
			}
			continue
		}
		if ours.class >= ClassString && strings.Contains(sql[ours.start:ours.end], "--") {
			// libpg_query makes tokens of comments, and does not continue a string behind one: it then finds two
			// strings side by side, which no statement allows.
			for i+1 < len(theirs) && int(theirs[i].End) < ours.end && theirs[i+1].Token == first.Token {
				i++
			}
			first = theirs[i]
		}
		if int(first.End) != ours.end {
			t.Errorf("%q: token %q is %q to the parser", sql, sql[ours.start:ours.end], sql[first.Start:first.End])
		}
		if got, want := ours.kind == kindLiteral, slices.Contains([]pg_query.Token{pg_query.Token_SCONST, pg_query.Token_BCONST,
			pg_query.Token_XCONST, pg_query.Token_ICONST, pg_query.Token_FCONST}, first.Token); got != want {
			t.Errorf("%q: token %q is %v to the parser", sql, sql[ours.start:ours.end], first.Token)
		}
		if ours.class == ClassInt4 && first.Token != pg_query.Token_ICONST || ours.class == ClassInt8 && first.Token != pg_query.Token_FCONST {
			t.Errorf("%q: class %d of token %q is %v to the parser", sql, ours.class, sql[ours.start:ours.end], first.Token)
		}
	}
}

// compareConstants compares values with those of the tree.
func compareConstants(t testing.TB, s *Statement, raw *pg_query.RawStmt) {
	t.Helper()
	visit(raw.Stmt.ProtoReflect(), func(m protoreflect.Message) {
		c, ok := m.Interface().(*pg_query.A_Const)
		if !ok || c.Isnull || c.GetBoolval() != nil || c.Location < 0 {
			return
		}
		at := int(c.Location) - s.Offset
		signed := at < len(s.Text) && (s.Text[at] == '-' || s.Text[at] == '+')
		i := slices.IndexFunc(s.Literals, func(l Literal) bool { return l.Start == at || signed && l.Start > at })
		if i < 0 {
			if strings.IndexByte("'$0123456789.", s.Text[at]) >= 0 {
				t.Errorf("%q: no literal at %d", s.Text, at)
			}
			return // a word that the grammar makes a constant of
		}
		var want string
		switch v := c.Val.(type) {
		case *pg_query.A_Const_Ival:
			want = fmt.Sprint(v.Ival.Ival)
		case *pg_query.A_Const_Fval:
			want = Decimal(v.Fval.Fval)
		case *pg_query.A_Const_Sval:
			want = v.Sval.Sval
		case *pg_query.A_Const_Bsval:
			want = v.Bsval.Bsval
		}
		l := s.Literals[i]
		if signed && l.Class < ClassString { // a string keeps its sign apart, though the minus is its place
			want = strings.TrimPrefix(want, "-")
		}
		if l.Value != want {
			t.Errorf("%q: literal %q has the value %q, the tree %q", s.Text, s.Text[l.Start:l.End], l.Value, want)
		}
	})
}

func visit(m protoreflect.Message, f func(protoreflect.Message)) {
	f(m)
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				visit(value.List().Get(i).Message(), f)
			}
		default:
			visit(value.Message(), f)
		}
		return true
	})
}

// examples are a literal of each class.
var examples = map[Class]string{ClassInt4: "7", ClassInt4Edge: "2147483648", ClassInt8: "5000000000",
	ClassInt8Edge: "9223372036854775808", ClassNumeric: "1.25", ClassString: "'z'", ClassBits: "b'1'", ClassHexBits: "x'A'"}

// render makes SQL of a skeleton.
func render(skeleton string) string {
	var b strings.Builder
	for i := range len(skeleton) {
		if c := skeleton[i]; c >= Class(1).mark() {
			b.WriteString(examples[Class(c-Class(1).mark()+1)])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// checkSkeleton checks that a statement's skeleton holds no literal, that other literals of the same classes have the
// same skeleton, and that they make the same tree.
func checkSkeleton(t testing.TB, s *Statement) {
	t.Helper()
	rest := []byte(s.Text)
	values := map[string]bool{}
	for _, l := range s.Literals {
		if l.Start < 0 || l.End > len(s.Text) || l.Start >= l.End {
			t.Fatalf("%q: literal from %d to %d", s.Text, l.Start, l.End)
		}
		for i := l.Start; i < l.End; i++ {
			rest[i] = ' '
		}
		values[l.Value], values["-"+l.Value] = true, true
		values[s.Text[l.Start:l.End]], values["-"+s.Text[l.Start:l.End]] = true, true // numbers stay as they are written
	}
	solid := strings.NewReplacer(" ", "", "\t", "", "\n", "", "\r", "", "\f", "")
	for _, l := range s.Literals {
		if v := solid.Replace(l.Value); len(v) >= 4 && strings.Contains(solid.Replace(s.Skeleton), v) &&
			!strings.Contains(solid.Replace(string(rest)), v) {
			t.Errorf("%q: skeleton %q holds %q", s.Text, s.Skeleton, l.Value)
		}
	}
	text := render(s.Skeleton)
	again, err := Scan(text, DefaultLimits())
	if err != nil || len(again) != 1 || again[0].Skeleton != s.Skeleton || len(again[0].Literals) != len(s.Literals) {
		t.Errorf("%q: skeleton %q, scanned again as %q: %+v, %v", s.Text, s.Skeleton, text, again, err)
		return
	}
	one, err1 := pg_query.Parse(s.Text)
	two, err2 := pg_query.Parse(text)
	if err1 != nil || err2 != nil {
		t.Errorf("%q: %v; as %q: %v", s.Text, err1, text, err2)
		return
	}
	if difference := compareTrees(one.Stmts[0].Stmt.ProtoReflect(), two.Stmts[0].Stmt.ProtoReflect(), values); difference != "" {
		t.Errorf("%q and %q have one skeleton, but not one tree: %s", s.Text, text, difference)
	}
}

// compareTrees names the first difference of two trees that is not one of numbers, or of a string in values.
func compareTrees(a, b protoreflect.Message, values map[string]bool) string {
	if a.Descriptor() != b.Descriptor() {
		return fmt.Sprintf("%s, %s", a.Descriptor().Name(), b.Descriptor().Name())
	}
	fields := a.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		name := string(field.FullName())
		if field.IsList() {
			x, y := a.Get(field).List(), b.Get(field).List()
			if x.Len() != y.Len() {
				return fmt.Sprintf("%s: lengths %d, %d", name, x.Len(), y.Len())
			}
			for j := range x.Len() {
				if field.Message() == nil {
					continue
				}
				if d := compareTrees(x.Get(j).Message(), y.Get(j).Message(), values); d != "" {
					return d
				}
			}
			continue
		}
		x, y := a.Get(field), b.Get(field)
		switch field.Kind() {
		case protoreflect.MessageKind:
			if a.Has(field) != b.Has(field) {
				return name
			}
			if a.Has(field) {
				if d := compareTrees(x.Message(), y.Message(), values); d != "" {
					return d
				}
			}
		case protoreflect.StringKind:
			if x.String() != y.String() && !values[x.String()] {
				return fmt.Sprintf("%s: %q, %q", name, x, y)
			}
		case protoreflect.BoolKind:
			if x.Bool() != y.Bool() {
				return name
			}
		case protoreflect.EnumKind:
			if x.Enum() != y.Enum() {
				return name
			}
		}
	}
	return ""
}

// TestRandomStatements compares the scanner with the parser on sentences of the whole grammar, and on what is left of
// them when bytes are changed.
func TestRandomStatements(t *testing.T) {
	g := mustGrammar(t)
	valid := 0
	for seed := range uint64(800) {
		r := rand.New(rand.NewPCG(seed, 3))
		sql := g.statement(r)
		for range r.IntN(3) {
			sql += ";" + g.statement(r)
		}
		if oracle(t, sql) {
			valid++
		}
		if len(sql) < 4 || len(sql) > 500 {
			continue
		}
		for range 3 {
			const bytes = "'\"$;-/*\\(.)[]eEuUxXbBnN&01_ \n:=<>+@ä"
			mutant := []byte(sql)
			at := r.IntN(len(mutant))
			switch b := bytes[r.IntN(len(bytes))]; r.IntN(3) {
			case 0:
				mutant[at] = b
			case 1:
				mutant = slices.Delete(mutant, at, at+1)
			default:
				mutant = slices.Insert(mutant, at, b)
			}
			oracle(t, string(mutant))
		}
	}
	if valid < 60 {
		t.Errorf("%d valid statements", valid)
	}
}
