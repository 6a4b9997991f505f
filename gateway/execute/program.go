package execute

import (
	"slices"
	"sync/atomic"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/crypto/sealed"
	"github.com/portcullisdb/portcullis/masking"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
	"github.com/portcullisdb/portcullis/shard"
)

// program is a plan with what its execution needs looked up once: keys, types, masks, physical texts. Immutable but for
// its texts, which are printed when they are first needed.
type program struct {
	plan    *rewrite.Plan
	sealed  []sealedColumn // as plan.Sealed
	inputs  []input        // as plan.Inputs
	outputs []output       // as plan.Outputs
	// plain reports that rows of one node are the client's rows: nothing is opened, masked, hidden or moved.
	plain      bool
	opaque     bool         // some output is opened or masked
	router     shard.Router // of the lead; nil without one
	generator  shard.KeyGenerator
	statements []atomic.Pointer[statement] // by node of the driving table
}

type sealedColumn struct {
	name   policy.ColumnName
	sealer *sealed.Sealer
	tag    [4]byte
	typ    datum.Type
}

// input adds to rewrite.Input the type that its text is parsed as. known is false for types that cannot be sealed.
type input struct {
	*rewrite.Input
	typ   datum.Type
	known bool
}

type output struct {
	*rewrite.Output
	open  []*sealedColumn
	mask  masking.Mask
	typ   datum.Type // of the value once opened
	known bool       // typ is set
}

// transformed reports that the bytes of the node are not the client's.
func (o *output) transformed() bool { return len(o.open) > 0 || o.mask != nil }

// statement is one physical statement, for one choice of nodes.
type statement struct {
	text string

	oids       []uint32
	datasource string
	node       string // "ds_0.customers_1", for audit
}

func (r *Runner) compile(plan *rewrite.Plan) (*program, *sqlstate.Error) {
	p := &program{plan: plan}
	if err := r.compileSealed(p); err != nil {
		return nil, err
	}
	for i := range plan.Inputs {
		in := input{Input: &plan.Inputs[i]}
		in.typ, in.known = datum.TypeByOID(in.TypeOID, in.Typmod)
		p.inputs = append(p.inputs, in)
	}
	if err := p.compileOutputs(); err != nil {
		return nil, err
	}
	if err := r.compileRoute(p); err != nil {
		return nil, err
	}
	return p, nil
}

func (r *Runner) compileSealed(p *program) *sqlstate.Error {
	p.sealed = make([]sealedColumn, len(p.plan.Sealed))
	for i := range p.plan.Sealed {
		c := &p.plan.Sealed[i]
		keys := r.keysets[c.Encrypt.Keyset]
		if keys == nil {
			return sqlstate.New(sqlstate.SystemError, "the keys of column %q of %q are not available", c.Column, c.Table.Name)
		}
		typ, ok := datum.TypeByOID(c.TypeOID, c.Typmod)
		if !ok {
			return broken("column %q of %q has a type that cannot be sealed", c.Column, c.Table.Name)
		}
		sealer, err := sealed.NewSealer(keys, sealed.Column{ID: c.ID, Type: typ, Equality: c.Encrypt.Equality,
			Domain: c.Encrypt.Domain, Casefold: c.Encrypt.Casefold, Trim: c.Encrypt.Trim})
		if err != nil {
			return broken("column %q of %q has no sealer", c.Column, c.Table.Name)
		}
		p.sealed[i] = sealedColumn{name: policy.ColumnName{Table: c.Table, Column: c.Column}, sealer: sealer,
			tag: sealer.Tag(), typ: typ}
	}
	return nil
}

// lengthMax is the n of varchar(n) that the results of a mask must fit, 0 without one.
func lengthMax(plan *rewrite.Plan, output int) int {
	const varchar, header = 1043, 4 // src/include/catalog/pg_type.dat; VARHDRSZ is part of the typmod
	for _, c := range plan.Columns {
		if c.Output == output && c.TypeOID == varchar && c.Typmod > header {
			return int(c.Typmod) - header
		}
	}
	return 0
}

func (p *program) compileOutputs() *sqlstate.Error {
	plan := p.plan
	p.outputs = make([]output, len(plan.Outputs))
	for i := range plan.Outputs {
		o := &p.outputs[i]
		o.Output = &plan.Outputs[i]
		for _, s := range o.Output.Open {
			o.open = append(o.open, &p.sealed[s])
			o.typ, o.known = p.sealed[s].typ, true
		}
		if o.Output.Mask != nil {
			m := o.Output.Mask
			options := masking.Options{LengthMax: lengthMax(plan, i)}
			if m.OnUnmaskable == "shardingsphere" {
				options.OnUnmaskable = masking.ShardingSphere
			}
			mask, err := masking.New(m.Type, m.Props, options)
			if err != nil {
				return broken("the mask of column %q cannot be made", o.Output.Column.Column)
			}
			o.mask = mask
		}
	}
	p.plain = len(plan.Columns) == len(plan.Outputs)
	for i, c := range plan.Columns {
		if c.Output < 0 || c.Output >= len(p.outputs) {
			return broken("column %d of the plan has no output", i)
		}
		o := &p.outputs[c.Output]
		if len(o.open) == 0 {
			o.typ, o.known = datum.TypeByOID(c.TypeOID, c.Typmod)
		}
		p.opaque = p.opaque || o.transformed()
		p.plain = p.plain && c.Output == i && !o.transformed()
	}
	for i := range p.outputs { // hidden ones
		if o := &p.outputs[i]; !o.known {
			o.typ, o.known = datum.TypeByOID(o.PhysicalOID, -1)
		}
	}
	return nil
}

func (r *Runner) compileRoute(p *program) *sqlstate.Error {
	plan := p.plan
	if plan.Destination != rewrite.DestinationShards {
		p.statements = make([]atomic.Pointer[statement], 1)
		return nil
	}
	route := &plan.Route
	if len(route.Tables) == 0 || route.Lead >= len(route.Tables) {
		return broken("the plan has no table to route by")
	}
	driver := route.Tables[max(route.Lead, 0)].Table
	if route.Lead >= 0 {
		if p.router = r.routers[driver.Name]; p.router == nil {
			return broken("table %q is not sharded", driver.Name.Name)
		}
	}
	p.generator = r.generators[driver.Name]
	p.statements = make([]atomic.Pointer[statement], len(driver.Nodes))
	return nil
}

// statement returns the physical statement for the i-th node of the driving table.
func (p *program) statement(i int) (*statement, *sqlstate.Error) {
	if s := p.statements[i].Load(); s != nil {
		return s, nil
	}
	s := &statement{datasource: LogicalDatasource, node: "logical"}
	if p.plan.Destination == rewrite.DestinationShards {
		nodes, err := p.nodes(i)
		if err != nil {
			return nil, err
		}
		driver := nodes[max(p.plan.Route.Lead, 0)]
		s.text = physicalText(p.plan, nodes)
		s.datasource, s.node = driver.Datasource, driver.Datasource+"."+driver.Table
	} else {
		s.text = physicalText(p.plan, nil)
	}
	s.oids = make([]uint32, len(p.inputs))
	for j := range p.inputs {
		s.oids[j] = p.inputs[j].PhysicalOID
	}
	p.statements[i].Store(s)
	return s, nil
}

// nodes chooses the node of each table of the route for the i-th node of the driving table: bound tables follow by
// position, all others must lie in the same datasource.
func (p *program) nodes(i int) ([]policy.Node, *sqlstate.Error) {
	route := &p.plan.Route
	driver := route.Tables[max(route.Lead, 0)].Table
	at := driver.Nodes[i]
	nodes := make([]policy.Node, len(route.Tables))
	for t := range route.Tables {
		table := route.Tables[t].Table
		if table.Placement == policy.Sharded {
			if i >= len(table.Nodes) || table.Nodes[i].Datasource != at.Datasource {
				return nil, broken("the nodes of %q and %q do not lie together", driver.Name.Name, table.Name.Name)
			}
			nodes[t] = table.Nodes[i]
			continue
		}
		n := slices.IndexFunc(table.Nodes, func(n policy.Node) bool { return n.Datasource == at.Datasource })
		if n < 0 {
			return nil, sqlstate.New(sqlstate.FeatureNotSupported, "tables %q and %q do not lie on one server",
				driver.Name.Name, table.Name.Name).WithRule("second-shard")
		}
		nodes[t] = table.Nodes[n]
	}
	return nodes, nil
}

// broken is a plan that does not fit the policy or the program: ours to mend.
func broken(format string, args ...any) *sqlstate.Error {
	return sqlstate.New(sqlstate.InternalError, "execute: internal error: "+format, args...)
}
