package scan

// keyword is a word that the scanner knows: because it makes the tree deeper, because it begins something new, or
// because it decides where a statement ends.
type keyword byte

const (
	wordNone     keyword = iota
	wordOperator         // prefix, infix or postfix: one level
	wordBetween
	wordAnd
	wordOr
	wordJoin
	wordSetOperation
	wordCase
	wordArm // WHEN, THEN, ELSE
	wordEnd
	wordQuery // SELECT, VALUES and the other beginnings of a query
	wordAs
	wordFloat
	wordUescape
	wordCreate
	wordReplace
	wordRoutine // FUNCTION, PROCEDURE
	wordBegin
	wordAtomic
)

// keywordMax is the longest word that lookup knows, in bytes.
const keywordMax = 9

// lookup finds a word without regard to ASCII case, as src/common/kwlookup.c does.
func lookup(word string) keyword {
	if len(word) > keywordMax {
		return wordNone
	}
	var lower [keywordMax]byte
	for i := range len(word) {
		c := word[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	switch string(lower[:len(word)]) {
	case "not", "is", "isnull", "notnull", "like", "ilike", "similar", "in", "collate", "at", "operator", "overlaps",
		"escape":
		return wordOperator
	case "between":
		return wordBetween
	case "and":
		return wordAnd
	case "or":
		return wordOr
	case "join":
		return wordJoin
	case "union", "intersect", "except":
		return wordSetOperation
	case "case":
		return wordCase
	case "when", "then", "else":
		return wordArm
	case "end":
		return wordEnd
	case "select", "values", "table", "with", "insert", "update", "delete", "merge":
		return wordQuery
	case "as":
		return wordAs
	case "float":
		return wordFloat
	case "uescape":
		return wordUescape
	case "create":
		return wordCreate
	case "replace":
		return wordReplace
	case "function", "procedure":
		return wordRoutine
	case "begin":
		return wordBegin
	case "atomic":
		return wordAtomic
	}
	return wordNone
}
