package execute

import (
	"fmt"
	"maps"
	"sync"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/crypto/keyset"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
	"github.com/portcullisdb/portcullis/shard"
)

// LogicalDatasource names the connection to the logical database, where other datasources have the names of the policy.
const LogicalDatasource = ""

// Limits bounds what an execution may hold. Zero means the default.
type Limits struct {
	// MergeBytes bounds the rows that one statement holds to merge or group the answers of several nodes; beyond: 54000.
	MergeBytes int
	// Programs bounds the plans whose compiled form is kept.
	Programs int
}

// The defaults of Limits.
const (
	MergeBytesDefault = 64 << 20
	ProgramsDefault   = 4096
)

// Options are what a Runner is made of.
type Options struct {
	Database *policy.Database
	Keysets  map[string]*keyset.Keyset // by the name in policy.Encrypt
	Clock    shard.Clock               // of key generators
	Names    NameMapper                // nil: errors keep the names of the node
	Limits   Limits
	// Previous is the Runner of the generation before, nil for the first: key generators go on where they were.
	Previous *Runner
}

// Runner compiles plans of one logical database for execution. It holds the database's routers, key generators and
// keysets. It may be used concurrently.
type Runner struct {
	database   *policy.Database
	keysets    map[string]*keyset.Keyset
	routers    map[policy.TableName]shard.Router
	generators map[policy.TableName]shard.KeyGenerator
	names      NameMapper
	limits     Limits

	mu       sync.RWMutex
	programs map[*rewrite.Plan]*program
}

// NewRunner binds the algorithms of the policy. Errors name the table and the algorithm.
func NewRunner(o Options) (*Runner, error) {
	r := &Runner{database: o.Database, keysets: o.Keysets, limits: o.Limits,
		routers:    map[policy.TableName]shard.Router{},
		generators: map[policy.TableName]shard.KeyGenerator{},
		names:      o.Names,
		programs:   map[*rewrite.Plan]*program{}}
	if r.limits.MergeBytes <= 0 {
		r.limits.MergeBytes = MergeBytesDefault
	}
	if r.limits.Programs <= 0 {
		r.limits.Programs = ProgramsDefault
	}
	for name, table := range o.Database.Tables {
		if table.Placement == policy.Sharded {
			router, err := bindRouter(table)
			if err != nil {
				return nil, fmt.Errorf("bind algorithm %q of table %s: %w", table.Shard.Algorithm.Name, name, err)
			}
			r.routers[name] = router
		}
		if table.Key != nil {
			g := table.Key.Generator
			if r.generators[name] = o.Previous.generator(name, g); r.generators[name] != nil {
				continue
			}
			generator, err := shard.NewKeyGenerator(g.Type, g.Props, o.Clock)
			if err != nil {
				return nil, fmt.Errorf("make key generator %s of table %s: %w", g.Type, name, err)
			}
			r.generators[name] = generator
		}
	}
	return r, nil
}

// generator returns the generator that r has for a table, if it is made the same way: a new one could draw the numbers of
// this millisecond a second time.
func (r *Runner) generator(name policy.TableName, as policy.Algorithm) shard.KeyGenerator {
	if r == nil {
		return nil
	}
	table := r.database.Tables[name]
	if table == nil || table.Key == nil || table.Key.Generator.Type != as.Type ||
		!maps.Equal(table.Key.Generator.Props, as.Props) {
		return nil
	}
	return r.generators[name]
}

func bindRouter(table *policy.Table) (shard.Router, error) {
	algorithm, err := shard.New(table.Shard.Algorithm.Type, table.Shard.Algorithm.Props)
	if err != nil {
		return nil, err
	}
	targets := make([]string, len(table.Nodes))
	for i, n := range table.Nodes {
		targets[i] = n.Table
	}
	return algorithm.Bind(table.Name.Name, targets)
}

// program returns the compiled form of a plan. Errors: XX000 for a plan that does not fit the policy, 58000 for a
// missing keyset.
func (r *Runner) program(plan *rewrite.Plan) (*program, *sqlstate.Error) {
	r.mu.RLock()
	p := r.programs[plan]
	r.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	p, err := r.compile(plan)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.programs[plan]; known != nil {
		return known, nil
	}
	if len(r.programs) >= r.limits.Programs {
		clear(r.programs)
	}
	r.programs[plan] = p
	return p, nil
}
