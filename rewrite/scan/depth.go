package scan

// The tree's depth is bounded before there is a tree. libpg_query has no check_stack_depth: parser, protobuf writer,
// protobuf reader and deparser recurse on C's stack as deep as the tree goes, and what they recurse on need not be
// nested in the text: 1+1+1+... is a tree as deep as it is long.
//
// Every recursive production of src/backend/parser/gram.y either stands in brackets or between CASE and END, or holds a
// token that is counted here, or makes a list, which is flat. So the heaviest path from the root to a leaf weighs at
// most the sum, over the brackets that are open at the leaf, of what is counted at each level. At one level a comma
// ends what was before: its neighbours in a list are not above or below each other. So do AND and OR, because the
// grammar folds chains of them into one node (makeAndExpr, makeOrExpr) and everything that binds tighter is complete
// when they come; the AND of BETWEEN does not. Joins nest over the AND of their conditions, but not over the commas of
// FROM; set operations nest over commas.
//
// One unit is at most two nested messages of libpg_query's protobuf tree.

// The weights.
const (
	weightOperator = 1 // A_Expr, TypeCast, NullTest, BoolExpr, CollateClause, ...: prefix, infix and postfix
	weightJoin     = 2 // JoinExpr: the deparser takes twice the stack of an operator for it
	weightSet      = 1
	weightParen    = 1 // brackets behind another bracket, a comma, an operator: grouping, row, list of values
	weightCall     = 3 // brackets behind a word: calls, OVER, FILTER, type modifiers, AS (...)
	weightSquare   = 2
	weightCase     = 2
	weightQuery    = 2 // a query in brackets, over the brackets' own weight
	weightRoutine  = 6 // BEGIN ATOMIC
)

// frame is one open bracket or CASE, or the statement itself.
type frame struct {
	kind    kind // kindOpen, kindSquare; kindWord for CASE; kindEnd for the statement
	query   bool
	between int32 // BETWEENs whose AND has not come
	weight  int32 // of the bracket
	chain   int32 // operators since the last AND, OR or comma
	child   int32 // heaviest bracket closed since then
	terms   int32 // heaviest term between AND and OR, since the last comma
	joins   int32 // since the last comma
	items   int32 // heaviest item between commas
	sets    int32 // set operations
}

// endTerm begins a new operand of AND or OR.
func (f *frame) endTerm() {
	f.terms = max(f.terms, f.chain+f.child)
	f.chain, f.child = 0, 0
}

// endItem begins a new item of a list.
func (f *frame) endItem() {
	f.endTerm()
	f.items = max(f.items, f.joins+f.terms)
	f.joins, f.terms, f.between = 0, 0, 0
}

// total is the weight of the heaviest path below the frame and itself.
func (f *frame) total() int32 {
	f.endItem()
	return f.weight + f.sets + f.items
}

// path follows the open brackets of a statement.
type path struct {
	frames    frames
	brackets  int // frames that are brackets
	last      kind
	keyword   keyword // of the last token
	depthMax  int
	weightMax int
}

// frames is a stack of frames. The first ones need no memory of their own.
type frames struct {
	first  [8]frame
	others []frame
	count  int
}

func (f *frames) top() *frame {
	if f.count <= len(f.first) {
		return &f.first[f.count-1]
	}
	return &f.others[f.count-len(f.first)-1]
}

func (f *frames) push(top frame) {
	if f.count < len(f.first) {
		f.first[f.count] = top
	} else {
		f.others = append(f.others[:f.count-len(f.first)], top)
	}
	f.count++
}

type pathResult byte

const (
	pathFine pathResult = iota
	pathTooDeep
	pathUnbalanced
)

func (p *path) reset() {
	p.frames.count = 0
	p.frames.push(frame{kind: kindEnd})
	p.brackets, p.last, p.keyword = 0, kindEnd, wordNone
}

// finish closes the statement and reports whether it is within the limits.
func (p *path) finish() bool {
	p.closeCases()
	return int(p.frames.top().total()) <= p.weightMax
}

// token takes one token into account. ended reports that it ends the body of a routine.
func (p *path) token(k kind, w keyword, ended bool) pathResult {
	last, lastKeyword := p.last, p.keyword
	p.last, p.keyword = k, w
	f := p.frames.top()
	switch k {
	case kindOperator:
		f.chain += weightOperator
	case kindOpen:
		weight := int32(weightCall)
		if last == kindOpen || last == kindComma || last == kindOperator || last == kindWord &&
			(lastKeyword == wordAnd || lastKeyword == wordOr || lastKeyword == wordOperator) {
			weight = weightParen
		}
		return p.open(k, weight)
	case kindSquare:
		return p.open(k, weightSquare)
	case kindClose:
		return p.close(kindOpen)
	case kindUnsquare:
		return p.close(kindSquare)
	case kindComma, kindSemicolon:
		p.closeCases()
		p.frames.top().endItem()
	case kindWord:
		if lastKeyword == wordAs {
			return pathFine // a label
		}
		return p.word(f, w, ended)
	}
	return pathFine
}

func (p *path) word(f *frame, w keyword, ended bool) pathResult {
	switch w {
	case wordOperator:
		f.chain += weightOperator
	case wordBetween:
		f.chain += weightOperator
		f.between++
	case wordAnd:
		if f.between > 0 {
			f.between--
		} else {
			f.endTerm()
		}
	case wordOr:
		f.endTerm()
	case wordJoin:
		f.joins += weightJoin
	case wordSetOperation:
		p.closeCases()
		f = p.frames.top()
		f.endItem()
		f.sets += weightSet
	case wordCase:
		return p.open(kindWord, weightCase)
	case wordArm:
		f.endItem()
	case wordEnd:
		if f.kind == kindWord && !ended {
			return p.pop()
		}
	case wordQuery:
		if !f.query && f.kind == kindOpen {
			f.query = true
			f.weight += weightQuery
		}
	case wordAtomic:
		f.sets += weightRoutine
	}
	return pathFine
}

func (p *path) open(k kind, weight int32) pathResult {
	if p.frames.count > p.depthMax {
		return pathTooDeep
	}
	if k != kindWord {
		p.brackets++
	}
	p.frames.push(frame{kind: k, weight: weight})
	return pathFine
}

func (p *path) close(k kind) pathResult {
	p.closeCases()
	if p.frames.top().kind != k {
		return pathUnbalanced
	}
	p.brackets--
	return p.pop()
}

// pop folds the innermost frame into the one around it.
func (p *path) pop() pathResult {
	total := p.frames.top().total()
	p.frames.count--
	f := p.frames.top()
	f.child = max(f.child, total)
	if int(total) > p.weightMax {
		return pathTooDeep
	}
	return pathFine
}

// closeCases folds the CASEs that have no END: CASE was a label there.
func (p *path) closeCases() {
	for p.frames.top().kind == kindWord {
		p.pop()
	}
}
