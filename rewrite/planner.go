package rewrite

import (
	"context"
	"fmt"
	"unicode/utf8"

	pg_query "github.com/pganalyze/pg_query_go/v5"
	"golang.org/x/sync/semaphore"

	"github.com/portcullisdb/portcullis/rewrite/scan"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Limits bounds the work of a Planner.
type Limits struct {
	Scan         scan.Limits
	Parses       int // parses at one time; each holds a C stack
	CacheEntries int // plans and refusals kept
}

// DefaultLimits suits a gateway of a few cores.
func DefaultLimits() Limits {
	return Limits{Scan: scan.DefaultLimits(), Parses: 8, CacheEntries: 10_000}
}

// Planner plans the statements of one logical database.
type Planner struct {
	describer Describer
	limits    Limits
	parses    *semaphore.Weighted
	cache     *cache
}

// New makes a Planner that asks describer about the logical database.
func New(describer Describer, limits Limits) *Planner {
	return &Planner{describer: describer, limits: limits, parses: semaphore.NewWeighted(int64(limits.Parses)),
		cache: newCache(limits.CacheEntries)}
}

// Prepare cuts a client's string into statements and makes sure that all of them can be parsed, so that a syntax error
// in the last is found before the first runs, as PostgreSQL does. Positions count characters of sql.
func (p *Planner) Prepare(ctx context.Context, sql string) ([]*Statement, *sqlstate.Error) {
	scanned, refusal := scan.Scan(sql, p.limits.Scan)
	if refusal != nil {
		return nil, refusal
	}
	statements := make([]*Statement, 0, len(scanned))
	for _, s := range scanned {
		st := &Statement{Statement: s, start: utf8.RuneCountInString(sql[:s.Offset])}
		if !s.Empty && !p.cache.parses(s.Skeleton) {
			if _, refusal := p.parse(ctx, st); refusal != nil {
				return nil, refusal
			}
			p.cache.noteParses(s.Skeleton)
		}
		if st.embeds() {
			if refusal := p.embed(st); refusal != nil {
				return nil, refusal
			}
		}
		statements = append(statements, st)
	}
	return statements, nil
}

// parse parses one statement, few at a time.
func (p *Planner) parse(ctx context.Context, s *Statement) (*pg_query.Node, *sqlstate.Error) {
	if err := p.parses.Acquire(ctx, 1); err != nil {
		return nil, sqlstate.New(sqlstate.QueryCanceled, "canceling statement due to user request")
	}
	defer p.parses.Release(1)
	tree, refusal := parse(s.Text)
	if refusal != nil && refusal.Position > 0 {
		refusal.Position += s.start
	}
	return tree, refusal
}

// Plan returns the plan of one statement, or the refusal. Both come from the cache when the same question was answered
// before. Positions count characters of the string given to Prepare.
func (p *Planner) Plan(ctx context.Context, s *Statement, env *Env) (*Plan, *sqlstate.Error) {
	// Others may wait for this answer: the one who asked first must not take it away by giving up.
	ctx = context.WithoutCancel(ctx)
	return p.cache.plan(s, env, func() (answer, bool) {
		plan, pinned, refusal := p.plan(ctx, s, env)
		// Trouble that may be gone at the next try is not kept.
		keep := refusal == nil || refusal.Code != sqlstate.SystemError && refusal.Code != sqlstate.QueryCanceled
		token := -1
		if refusal != nil && refusal.Position > s.start {
			token = tokenAt(s.Text, refusal.Position-s.start-1)
		}
		return answer{plan: plan, refusal: refusal, token: token, pinned: pinned}, keep
	})
}

// plan does the work, in order: parse, parameterise, describe, analyze and check, seal, route, print.
func (p *Planner) plan(ctx context.Context, s *Statement, env *Env) (*Plan, []int, *sqlstate.Error) {
	every := allLiterals(s)
	if s.Empty {
		return sessionPlan(SessionAction{Kind: "EMPTY"}), every, nil
	}
	// 1. Parse.
	tree, refusal := p.parse(ctx, s)
	if refusal != nil {
		return nil, every, refusal
	}
	if plan, refusal, done := s.messaging(tree, env); done {
		if refusal != nil {
			return nil, every, refusal
		}
		return plan, nil, nil
	}
	if plan, refusal, done := s.utility(tree); done {
		if refusal != nil {
			return nil, every, refusal
		}
		switch plan.Session.Kind {
		case "PREPARE", "EXECUTE", "DECLARE": // good for all literals: they are of the embedded statement, or arguments
			if refusal := p.resolveTypes(ctx, s, tree, plan.Session, env); refusal != nil {
				return nil, every, refusal
			}
			return plan, nil, nil
		}
		return plan, every, nil
	}
	if plan, refusal := s.settingCalls(tree, env); plan != nil || refusal != nil {
		return plan, nil, refusal
	}
	if update := tree.GetUpdateStmt(); update != nil {
		for _, t := range update.TargetList {
			if t.GetResTarget().GetVal().GetMultiAssignRef() != nil { // the printer does not know it
				return nil, every, unsupportedCommand("an assignment to several columns at once").WithRule("multi-assign").
					WithHint("Write one assignment for each column.").At(s.position(t.GetResTarget().Location))
			}
		}
	}
	// 2. No constant of the client's stays in the text.
	pz, refusal := parameterise(tree, s, env.ParamOIDs)
	if refusal != nil {
		return nil, every, refusal
	}
	// 3. PostgreSQL itself types the statement, on the empty logical database.
	logical, refusal := printStatement(tree)
	if refusal != nil {
		return nil, pz.pinned, refusal
	}
	described, refusal := p.describe(ctx, s, pz, logical, env)
	if refusal != nil {
		return nil, pz.pinned, refusal
	}
	// 4. Analyse, check and seal; 5. route and merge; 6. print.
	plan, refusal := analyze(s, env, pz, described)
	if refusal != nil {
		return nil, pz.pinned, refusal
	}
	plan.Logical = logical.text
	plan.Params = described.Params[:pz.client:pz.client]
	return plan, pz.pinned, nil
}

// analyze turns the parameterised tree into a plan.
func analyze(s *Statement, env *Env, pz *parameterised, described Description) (*Plan, *sqlstate.Error) {
	a := &analysis{env: env, statement: s, operands: pz.operands, client: pz.client, described: described,
		open: map[int32]int32{}, hidden: map[int]string{}, sealedInputs: map[sealedUse]int32{}, visited: map[*pg_query.ParamRef]bool{}}
	if refusal := a.catalogFirst(); refusal != nil {
		return nil, refusal
	}
	plan := &Plan{Destination: DestinationShards, Route: Route{Lead: -1}, Merge: Merge{LimitInput: -1, OffsetInput: -1}}
	var refusal *sqlstate.Error
	switch x := pz.tree.Node.(type) {
	case *pg_query.Node_SelectStmt:
		plan.Command = CommandSelect
		if a.askOnly(x.SelectStmt) {
			return a.finishCatalogQuery(pz.tree, plan)
		}
		refusal = a.selectStatement(x.SelectStmt, plan)
	case *pg_query.Node_InsertStmt:
		plan.Command, plan.Writes = CommandInsert, true
		refusal = a.insert(x.InsertStmt, plan)
	case *pg_query.Node_UpdateStmt:
		plan.Command, plan.Writes = CommandUpdate, true
		refusal = a.update(x.UpdateStmt, plan)
	case *pg_query.Node_DeleteStmt:
		plan.Command, plan.Writes = CommandDelete, true
		refusal = a.delete(x.DeleteStmt, plan)
	default:
		refusal = unsupportedCommand(commandName(pz.tree))
	}
	if refusal == nil {
		refusal = a.allVisited(pz.tree)
	}
	if refusal == nil && len(a.inputs) > parametersMax {
		refusal = tooManyParameters()
	}
	if refusal == nil {
		plan.Text, refusal = a.cut(pz.tree, plan.Route)
	}
	if refusal != nil {
		return nil, refusal
	}
	plan.Inputs, plan.Sealed, plan.Touched = a.inputs, a.sealed, a.touched
	return plan, nil
}

// selectStatement plans SELECT over tables.
func (a *analysis) selectStatement(s *pg_query.SelectStmt, plan *Plan) *sqlstate.Error {
	q, sh, refusal := a.selectLevel(s, true)
	if refusal != nil {
		return refusal
	}
	route, pinned, refusal := a.route(q)
	if refusal != nil {
		return refusal
	}
	plan.Route = route
	plan.Columns, plan.Outputs, plan.Merge, refusal = a.finishSelect(s, q, sh, pinned)
	return refusal
}

// finishCatalogQuery makes the plan of a statement that runs on the logical database.
func (a *analysis) finishCatalogQuery(tree *pg_query.Node, plan *Plan) (*Plan, *sqlstate.Error) {
	if refusal := a.catalogQuery(tree); refusal != nil {
		return nil, refusal
	}
	if refusal := a.allVisited(tree); refusal != nil {
		return nil, refusal
	}
	p, refusal := printStatement(tree)
	if refusal != nil {
		return nil, refusal
	}
	plan.Destination = DestinationLogical
	plan.Holds, plan.Frees = heldBy(tree)
	plan.Text = Text{Fragments: []string{p.text}}
	plan.Inputs = a.inputs
	plan.Columns = []Column{} // rows of no columns are rows
	for i, f := range a.described.Columns {
		plan.Columns = append(plan.Columns, Column{f.Name, f.TableOID, f.Attnum, f.TypeOID, f.TypeLen, f.Typmod, i})
		plan.Outputs = append(plan.Outputs, Output{PhysicalOID: f.TypeOID})
	}
	return plan, nil
}

// describe asks the logical database for the types of a parameterised statement. Quoted constants are undeclared, so
// that PostgreSQL infers their types as it would from the literals; where it cannot, they are text.
func (p *Planner) describe(ctx context.Context, s *Statement, pz *parameterised, logical printed, env *Env) (Description, *sqlstate.Error) {
	oids := make([]uint32, len(pz.operands))
	for i, o := range pz.operands {
		oids[i] = o.declared
	}
	request := DescribeRequest{SQL: logical.text, ParamOIDs: oids, SearchPath: env.SearchPath}
	description, refusal := p.describer.Describe(ctx, request)
	for round := 0; refusal != nil && asText(refusal, pz.operands, oids, round == describeRoundsMax); round++ {
		var again *sqlstate.Error
		if description, again = p.describer.Describe(ctx, request); again == nil || again.Code == sqlstate.IndeterminateDatatype {
			refusal = again
			continue
		}
		break // the first error is the one that the client's text would have had
	}
	if refusal != nil {
		out := *refusal
		out.Position = s.positionIn(refusal.Position, logical, pz.tree)
		return Description{}, &out
	}
	if len(description.Params) != len(pz.operands) {
		// PostgreSQL numbers parameters to the highest one in use: all of ours are.
		return Description{}, disagreement("number of parameters")
	}
	return description, nil
}

// describeRoundsMax bounds the questions about one statement in which a single constant is declared text.
const describeRoundsMax = 8

// asText declares text those quoted constants whose type PostgreSQL cannot infer, and reports whether there were any. It
// names the parameter in 42P18 (src/backend/parser/parse_param.c), and in 42725 none; then, and with every, all of them
// are declared.
func asText(refusal *sqlstate.Error, operands []operand, oids []uint32, every bool) bool {
	var only int
	switch refusal.Code {
	case sqlstate.IndeterminateDatatype:
		if _, err := fmt.Sscanf(refusal.Message, "could not determine data type of parameter $%d", &only); err != nil {
			only = 0
		}
	case sqlstate.AmbiguousFunction:
	default:
		return false
	}
	if every {
		only = 0
	}
	changed := false
	for i, o := range operands {
		if o.source.Kind == FromConstant && oids[i] == 0 && (only == 0 || only == i+1) {
			oids[i], changed = oidText, true
		}
	}
	return changed
}

// position turns a byte offset in the statement's text into a character position in the client's string.
func (s *Statement) position(location int32) int {
	if location < 0 || int(location) > len(s.Text) {
		return 0
	}
	return s.start + utf8.RuneCountInString(s.Text[:location]) + 1
}

// positionIn maps a character position in the printed statement to one in the client's string: the two trees have the
// same shape, and each node knows its place in its own text.
func (s *Statement) positionIn(position int, p printed, tree *pg_query.Node) int {
	if position <= 0 {
		return 0
	}
	runes := []rune(p.text)
	if position > len(runes) {
		return 0
	}
	at := int32(len(string(runes[:position-1])))
	pairs, ok := places(tree, p.back)
	if !ok {
		return 0
	}
	for _, pair := range pairs {
		if pair[1] == at {
			return s.position(pair[0])
		}
	}
	return 0
}

func allLiterals(s *Statement) []int {
	out := make([]int, len(s.Literals))
	for i := range out {
		out[i] = i
	}
	return out
}
