package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/crypto/kek/file"
	"github.com/portcullisdb/portcullis/crypto/keyset"
	"github.com/portcullisdb/portcullis/crypto/keystore/folder"
	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/schema"
	"github.com/portcullisdb/portcullis/gateway/session"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/scan"
	"github.com/portcullisdb/portcullis/shard"
)

// generation is the whole state of one configuration, with what sessions do not see of it.
type generation struct {
	state     *session.State
	databases map[string]*database
	keysets   map[string]*keyset.Keyset
	// userQueries are those of the auth queries of state.
	userQueries []*pool.UserQuery
}

// database is one logical database of a generation.
type database struct {
	session.Database
	config   *config.Database
	logical  *schema.Logical // nil on a transparent database
	catalog  atomic.Pointer[catalog.Catalog]
	disabled atomic.Pointer[map[policy.TableName]string]
	sources  map[string]*source // by datasource, the logical database's under execute.LogicalDatasource
}

// build makes a generation. previous is the one before, nil at the start.
func (g *Gateway) build(ctx context.Context, c *config.Config, p *policy.Policy, previous *generation) (*generation, error) {
	keysets, err := openKeysets(ctx, c, p, previous)
	if err != nil {
		return nil, err
	}
	next := &generation{keysets: keysets, databases: map[string]*database{}, state: &session.State{Policy: p,
		Databases: map[string]*session.Database{}, UserPools: userPools(c)}}
	if err := g.buildLogins(c, next); err != nil {
		return nil, err
	}
	for _, dc := range c.Databases {
		d, err := g.buildDatabase(ctx, c, dc, p.Databases[dc.Name], keysets, previous)
		if err != nil {
			next.close()
			return nil, fmt.Errorf("database %q: %w", dc.Name, err)
		}
		next.databases[dc.Name] = d
		next.state.Databases[dc.Name] = &d.Database
	}
	return next, nil
}

// openKeysets unwraps the keysets that some column needs. One that has not changed since the previous generation is that
// one's: it goes on counting what its keys seal.
func openKeysets(ctx context.Context, c *config.Config, p *policy.Policy, previous *generation) (map[string]*keyset.Keyset,
	error) {
	names := map[string]bool{}
	for _, d := range p.Databases {
		for _, t := range d.Tables {
			for _, column := range t.Columns {
				if column.Encrypt != nil {
					names[column.Encrypt.Keyset] = true
				}
			}
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	if c.Keys.KEK == nil || c.Keys.Store == nil {
		return nil, errors.New("columns are encrypted, but keys.kek and keys.store are not configured")
	}
	wrapper, err := file.Open(c.Keys.KEK.Path)
	if err != nil {
		return nil, fmt.Errorf("open the key-encryption key: %w", err)
	}
	store, err := folder.Open(c.Keys.Store.Path)
	if err != nil {
		return nil, err
	}
	keysets := make(map[string]*keyset.Keyset, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if keysets[name], err = keyset.Open(ctx, wrapper, store, name); err != nil {
			return nil, fmt.Errorf("open keyset %q: %w", name, err)
		}
		if previous == nil || previous.keysets[name] == nil {
			continue
		}
		if before := previous.keysets[name]; reflect.DeepEqual(before.Info(), keysets[name].Info()) {
			keysets[name] = before
		}
	}
	return keysets, nil
}

func (g *Gateway) buildDatabase(ctx context.Context, c *config.Config, dc *config.Database, dp *policy.Database,
	keysets map[string]*keyset.Keyset, previous *generation) (*database, error) {
	d := &database{config: dc}
	d.Policy, d.Pooling = dp, pooling(&dc.Pool)
	g.openSources(c, dc, d, previous)
	if parameters, err := d.probe(ctx, dc); err == nil {
		d.Parameters = parameters
	} else {
		g.options.Log.Error("a datasource cannot be used", "database", dc.Name, "error", err)
	}
	if dp.Transparent() {
		return d, nil
	}
	var err error
	d.logical, err = schema.OpenLogical(dc.Logical.Reveal(), schema.LogicalOptions{Trouble: func(err error) {
		g.options.Log.Error("trouble with the logical database", "database", dc.Name, "error", err)
	}})
	if err == nil {
		err = g.readDatabase(ctx, c, dc, d, keysets, previous)
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// readDatabase fills in what needs the logical database and the shards.
func (g *Gateway) readDatabase(ctx context.Context, c *config.Config, dc *config.Database, d *database,
	keysets map[string]*keyset.Keyset, previous *generation) error {
	loaded, err := d.logical.LoadCatalog(ctx)
	if err != nil {
		return fmt.Errorf("load the catalog of the logical database: %w", err)
	}
	d.catalog.Store(loaded)
	d.Catalog = d.catalog.Load
	d.Planner = rewrite.New(d.logical, rewrite.Limits{
		Scan: scan.Limits{Bytes: c.Limits.StatementBytes, Tokens: c.Limits.StatementTokens, Depth: c.Limits.StatementDepth,
			Chain: c.Limits.StatementChain}.Within(scan.ThreadStackBytes()),
		Parses: parsesMax, CacheEntries: c.Limits.Plans})
	var before *execute.Runner
	if previous != nil && previous.databases[dc.Name] != nil {
		before = previous.databases[dc.Name].Runner
	}
	d.Runner, err = execute.NewRunner(execute.Options{Database: d.Policy, Keysets: keysets,
		Clock: shardClock{now: g.options.Clock},
		Names: schema.NewObjectNames(d.Policy), Previous: before,
		Limits: execute.Limits{MergeBytes: c.Limits.MergeBytes, Programs: c.Limits.Plans}})
	if err != nil {
		return err
	}
	d.Disabled = func() map[policy.TableName]string { return *d.disabled.Load() }
	return g.check(ctx, d)
}

// shardClock gives key generators the gateway's clock.
type shardClock struct {
	shard.SystemClock // Sleep
	now               func() time.Time
}

func (c shardClock) Now() time.Time { return c.now() }

// parsesMax bounds the statements that are parsed at one time: each holds a C stack.
const parsesMax = 4

// check compares what is there with the policy, and disables the tables that are not as it needs them.
func (g *Gateway) check(ctx context.Context, d *database) error {
	at := schema.Databases{Logical: schema.Endpoint{URL: d.config.Logical.Reveal()}, Datasources: map[string]schema.Endpoint{}}
	for i := range d.config.Datasources {
		at.Datasources[d.config.Datasources[i].Name] = schema.Endpoint{URL: d.config.Datasources[i].URL.Reveal()}
	}
	findings, err := schema.Check(ctx, d.Policy, at)
	if err != nil {
		return fmt.Errorf("check the tables: %w", err)
	}
	disabled := map[policy.TableName]string{}
	for _, f := range findings {
		if f.Severity == schema.Fatal {
			d.disable(disabled, f)
		}
	}
	if before := d.disabled.Swap(&disabled); before == nil || !maps.Equal(*before, disabled) {
		for _, f := range findings {
			g.options.Log.Warn("the databases are not as the policy wants them", "database", d.config.Name, "finding", f.String())
		}
		if before != nil && len(disabled) == 0 {
			g.options.Log.Info("the databases are as the policy wants them again", "database", d.config.Name)
		}
	}
	return nil
}

// disable enters the tables that a finding is about.
func (d *database) disable(disabled map[policy.TableName]string, f schema.Finding) {
	if f.Table != (policy.TableName{}) {
		disabled[f.Table] = f.String()
		return
	}
	for name, table := range d.Policy.Tables {
		there := func(n policy.Node) bool { return n.Datasource == f.Datasource }
		if f.Datasource == "" || slices.ContainsFunc(table.Nodes, there) {
			disabled[name] = f.String()
		}
	}
}

// probe asks the first datasource what it reports of itself.
func (d *database) probe(ctx context.Context, dc *config.Database) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, session.ConnectTimeoutDefault)
	defer cancel()
	p := d.sources[dc.Datasources[0].Name].service
	server, err := p.Acquire(ctx, &pool.Claim{})
	if err != nil {
		return nil, err
	}
	parameters := maps.Clone(server.Parameters())
	p.Release(server)
	return parameters, nil
}

// close gives the generation's connections back. No session may use it any more.
func (n *generation) close() {
	for _, d := range n.databases {
		d.close()
	}
	for _, q := range n.userQueries {
		q.Close()
	}
}

func (d *database) close() {
	for _, s := range d.sources {
		s.close()
	}
	if d.logical != nil {
		d.logical.Close()
	}
}

// catalogInterval is the time between two looks at the logical databases.
const catalogInterval = 5 * time.Second

// watch keeps the catalogs of the logical databases fresh: a plan is made for one version of them. Tables that are
// disabled are looked at again, generations that were replaced are closed, and keys that have sealed much are named.
func (g *Gateway) watch(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.life, cancel)()
	ticker := time.NewTicker(catalogInterval)
	defer ticker.Stop()
	warned := map[sealsKey]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		g.retire()
		for name, ks := range g.state.Load().keysets {
			g.warnOfSeals(name, ks.Seals(), warned)
		}
		for name, d := range g.state.Load().databases {
			for _, s := range d.sources {
				s.sweep()
			}
			if d.logical != nil {
				g.refresh(ctx, name, d)
			}
		}
	}
}

// sealsKey names a key whose seals are counted.
type sealsKey struct {
	keyset, column string
	id             uint32
}

// warnOfSeals logs, once for each key, that it should be rotated (keyset.SealsWarning).
func (g *Gateway) warnOfSeals(name string, counts []keyset.Seals, warned map[sealsKey]bool) {
	for _, c := range counts {
		key := sealsKey{name, c.Column, c.KeyID}
		if c.Count < keyset.SealsWarning || warned[key] {
			continue
		}
		warned[key] = true
		g.options.Log.Warn("a key has sealed so many values that it should be rotated: run \"portcullis keys rotate\" and reload",
			"keyset", name, "key", c.KeyID, "column", c.Column, "values", c.Count)
	}
}

func (g *Gateway) refresh(ctx context.Context, name string, d *database) {
	loaded, err := d.logical.LoadCatalog(ctx)
	if err != nil {
		g.options.Log.Warn("the catalog could not be loaded again", "database", name, "error", err)
		return
	}
	changed := loaded.Version() != d.catalog.Load().Version()
	if changed {
		d.catalog.Store(loaded)
		g.options.Log.Info("the catalog has changed", "database", name)
	}
	if changed || len(d.Disabled()) > 0 {
		if err := g.check(ctx, d); err != nil {
			g.options.Log.Warn("the tables could not be checked again", "database", name, "error", err)
		}
	}
}
