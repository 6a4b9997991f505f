package rewrite

import (
	"context"

	"github.com/portcullisdb/portcullis/rewrite/scan"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Limits bounds the work of a Planner.
type Limits struct {
	Scan         scan.Limits
	Parses       int // parses at one time; each holds a C stack
	CacheEntries int // plans and refusals kept
}

// Planner plans the statements of one logical database.
type Planner struct {
	describer Describer
	limits    Limits
}

// New makes a Planner that asks describer about the logical database.
func New(describer Describer, limits Limits) *Planner {
	return &Planner{describer: describer, limits: limits}
}

// Prepare cuts a client's string into statements and makes sure that all of them can be parsed, so that a syntax error
// in the last is found before the first runs, as PostgreSQL does. Positions count characters of sql.
func (p *Planner) Prepare(ctx context.Context, sql string) ([]*Statement, *sqlstate.Error) {
	panic("rewrite: not yet written")
}

// Plan returns the plan of one statement, or the refusal. Both come from the cache when the same question was answered
// before. Positions count characters of the string given to Prepare.
func (p *Planner) Plan(ctx context.Context, s *Statement, env *Env) (*Plan, *sqlstate.Error) {
	panic("rewrite: not yet written")
}
