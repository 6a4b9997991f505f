package session

import (
	"context"
	"reflect"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// environment is what the meaning of a statement depends on beside its text, as it was last computed.
type environment struct {
	state      *State
	catalog    *catalog.Catalog
	path       string   // search_path
	schemas    []string // those of path that exist
	generation uint64   // counts the changes
}

// refresh takes the newest state, between transactions. It reports false if the session may not go on.
func (s *Session) refresh() bool {
	newest := s.use()
	if newest == s.state {
		return true
	}
	user := newest.userOf(s.user.Name, s.startup.Database, s.found)
	database := newest.Databases[s.startup.Database]
	if user == nil || database == nil || user.Views[s.startup.Database] == nil || database.Policy.Transparent() {
		s.fatal(shutdown())
		return false
	}
	s.state, s.user, s.database, s.view = newest, user, database, user.Views[s.startup.Database]
	return true
}

// use marks the newest state as used, and returns it. It is still the newest after it was marked: Registry.Uses, asked once it
// has been replaced, does not miss it.
func (s *Session) use() *State {
	for {
		newest := s.options.State()
		s.using.Store(newest)
		if s.options.State() == newest {
			return newest
		}
	}
}

// overtaken refuses a portal that was planned by a policy which has been replaced by one that gives its user other rights.
// A transaction keeps the state that it began with, and a portal its plan, and a client may hold both for as long as it
// likes: what was taken from it must not be had that way.
func (s *Session) overtaken(p *portal) *sqlstate.Error {
	newest := s.options.State()
	if newest == s.state && p.view == s.view {
		return nil
	}
	user, database := newest.userOf(s.user.Name, s.startup.Database, s.found), newest.Policy.Databases[s.startup.Database]
	if user != nil && database != nil && sameRights(p.view, user.Views[s.startup.Database]) &&
		reflect.DeepEqual(s.database.Policy.Tables, database.Tables) { // what is encrypted now must not be sent in clear any more
		return nil
	}
	err := sqlstate.New(sqlstate.InsufficientPrivilege, "the policy was changed while the transaction was open").
		WithRule("policy-changed").WithHint("Roll the transaction back and begin it anew.")
	s.recordFailure(p.statement.parsed, p.plan, nil, err)
	return err
}

// sameRights reports that two views give the same; which rule of a file gave it does not matter.
func sameRights(a, b *policy.View) bool {
	if a == b {
		return true
	}
	if b == nil || len(a.Columns) != len(b.Columns) {
		return false
	}
	for name, x := range a.Columns {
		y, ok := b.Columns[name]
		x.Rule, y.Rule = "", ""
		if !ok || !reflect.DeepEqual(x, y) {
			return false
		}
	}
	return true
}

// environment brings s.environ up to date.
func (s *Session) environment() *environment {
	e := &s.environ
	newest := s.database.Catalog()
	path := s.settings.Get("search_path")
	if e.state == s.state && e.catalog == newest && e.path == path {
		return e
	}
	*e = environment{state: s.state, catalog: newest, path: path, generation: e.generation + 1}
	for _, schema := range s.settings.schemas(s.user.Name) {
		if newest.HasSchema(schema) || schema == "pg_catalog" {
			e.schemas = append(e.schemas, schema)
		}
	}
	return e
}

// plan returns the plan of a statement, anew if what it depends on has changed.
func (s *Session) plan(ctx context.Context, st *statement) *sqlstate.Error {
	e := s.environment()
	if st.plan != nil && st.generation == e.generation {
		return nil
	}
	plan, err := s.database.Planner.Plan(ctx, st.parsed, &rewrite.Env{
		Generation: s.state.Policy.Generation, Database: s.database.Policy, View: s.view, Catalog: e.catalog,
		SearchPath: e.schemas, ParamOIDs: st.oids})
	if err != nil {
		return err
	}
	if st.plan != nil && !sameShape(st.plan.Columns, plan.Columns) {
		return sqlstate.New(sqlstate.FeatureNotSupported, "cached plan must not change result type")
	}
	st.plan, st.generation = plan, e.generation
	return nil
}

func sameShape(a, b []rewrite.Column) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].TypeOID != b[i].TypeOID || a[i].Name != b[i].Name {
			return false
		}
	}
	return true
}

// usable refuses plans over tables that a check has found not to be what the policy needs.
func (s *Session) usable(plan *rewrite.Plan) *sqlstate.Error {
	disabled := s.database.Disabled()
	if len(disabled) == 0 {
		return nil
	}
	for _, t := range plan.Route.Tables {
		if why, ok := disabled[t.Table.Name]; ok {
			return sqlstate.New(sqlstate.ObjectNotInState, "table %q is not as the policy needs it", t.Table.Name.Name).
				WithDetail("%s", why).WithHint("Run \"portcullis schema check\".").WithRule("schema-drift")
		}
	}
	return nil
}

func (s *Session) facts() execute.Facts {
	f := execute.Facts{User: s.user.Name, Database: s.startup.Database, PID: s.pid}
	if e := s.environment(); len(e.schemas) > 0 {
		f.Schema = e.schemas[0]
	}
	return f
}

// restricted reports whether errors of servers are reduced to their codes.
func (s *Session) restricted() bool { return s.view.Restricted() }
