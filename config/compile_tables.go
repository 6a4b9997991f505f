package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/portcullisdb/portcullis/config/policy"
)

// databaseCompiler compiles one database: tables first, then what speaks of them.
type databaseCompiler struct {
	config     *Config
	source     *Database
	validators Validators
	problems   *problems

	tables  []tableEntry // in written order; those whose name was no name are left out
	domains map[string]domainUse
	// usedTables holds which table each physical table belongs to.
	usedTables map[policy.Node]map[string]policy.TableName
}

// tableEntry is a table's written form beside its meaning.
type tableEntry struct {
	source  *Table
	table   *policy.Table
	columns []columnEntry
	// placed is false if the placement was not understood, and then reported.
	placed bool
}

// compile returns the database with all its tables. Columns of its tables are filled by rules.
func (c *databaseCompiler) compile() *policy.Database {
	d := &policy.Database{Name: c.source.Name, Tables: map[policy.TableName]*policy.Table{}}
	for _, s := range c.source.Datasources {
		d.Datasources = append(d.Datasources, s.Name)
	}
	c.domains = map[string]domainUse{}
	c.usedTables = map[policy.Node]map[string]policy.TableName{}
	for _, source := range c.source.Tables {
		name, err := parseTableName(source.Key)
		if err != nil {
			c.problems.addCause(source.At(), "tables of "+c.source.Name, err, "")
			continue
		}
		if other := c.entry(name); other != nil {
			c.problems.add(source.At(), fmt.Sprintf("the other stands in line %d", other.source.At().Line),
				"tables %q and %q are the same table", other.source.Key, source.Key)
			continue
		}
		t := &policy.Table{Name: name, Columns: map[string]*policy.Column{}, Binding: -1}
		entry := tableEntry{source: source, table: t}
		entry.placed = c.place(source, t)
		entry.columns = c.columns(source, t)
		d.Tables[name] = t
		c.tables = append(c.tables, entry)
	}
	c.unusedAlgorithms()
	d.Bindings = c.bindings()
	return d
}

// entry returns the table of this name, nil if there is none.
func (c *databaseCompiler) entry(name policy.TableName) *tableEntry {
	for i := range c.tables {
		if c.tables[i].table.Name == name {
			return &c.tables[i]
		}
	}
	return nil
}

func (c *databaseCompiler) hasDatasource(name string) bool {
	return slices.Contains(c.datasourceNames(), name)
}

func (c *databaseCompiler) datasourceNames() []string {
	names := make([]string, 0, len(c.source.Datasources))
	for _, s := range c.source.Datasources {
		names = append(names, s.Name)
	}
	return names
}

// place fills the table's placement, nodes, shard key and key generator.
func (c *databaseCompiler) place(source *Table, t *policy.Table) (ok bool) {
	before := len(c.problems.list)
	switch {
	case source.Broadcast:
		c.placeBroadcast(source, t)
	case source.Shard != nil:
		c.placeSharded(source, t)
	default:
		c.placeSingle(source, t)
	}
	c.claimNodes(source, t)
	c.keyGenerator(source, t)
	return len(c.problems.list) == before && !source.broken
}

func (c *databaseCompiler) placeBroadcast(source *Table, t *policy.Table) {
	t.Placement = policy.Broadcast
	for _, key := range []string{"nodes", "shard", "datasource", "key"} {
		if source.written(key) {
			c.problems.add(source.At(key), "remove one of them", "table %q has both broadcast and %s", source.Key, key)
		}
	}
	for _, name := range c.datasourceNames() {
		t.Nodes = append(t.Nodes, policy.Node{Datasource: name, Table: t.Name.Name})
	}
}

func (c *databaseCompiler) placeSharded(source *Table, t *policy.Table) {
	t.Placement = policy.Sharded
	if source.written("datasource") {
		c.problems.add(source.At("datasource"), "nodes says where the table lies", "table %q has both shard and datasource",
			source.Key)
	}
	if !source.written("nodes") {
		c.problems.add(source.At("shard"), `add nodes: "ds_0.`+t.Name.Name+`_${0..1}"`, "table %q has a shard key but no nodes",
			source.Key)
		return
	}
	t.Nodes = c.nodes(source)
	c.uniqueNames(source, t)
	shard := source.Shard
	if shard.broken {
		return
	}
	algorithm := c.algorithm(shard.Algorithm)
	if algorithm == nil {
		c.problems.add(shard.At("algorithm"), didYouMean(shard.Algorithm, c.algorithmNames(), "known algorithms"),
			"table %q: unknown algorithm %q", source.Key, shard.Algorithm)
		return
	}
	t.Shard = &policy.ShardKey{Column: shard.Column, Algorithm: policy.Algorithm{
		Name: algorithm.Name, Type: algorithm.Type, Props: maps.Clone(algorithm.Props)}}
	c.columnName(shard.At("column"), source, shard.Column)
	if len(t.Nodes) == 0 || algorithm.broken || algorithm.Type == "" {
		return
	}
	targets := make([]string, len(t.Nodes))
	for i, n := range t.Nodes {
		targets[i] = n.Table
	}
	if err := c.validators.Algorithm(algorithm.Type, maps.Clone(algorithm.Props), t.Name.Name, targets); err != nil {
		c.problems.addCause(algorithm.At("props"), fmt.Sprintf("algorithm %q for table %q", algorithm.Name, source.Key), err, "")
	}
}

func (c *databaseCompiler) placeSingle(source *Table, t *policy.Table) {
	t.Placement = policy.Single
	switch {
	case source.written("nodes") && source.written("datasource"):
		c.problems.add(source.At("datasource"), "remove one of them", "table %q has both nodes and datasource", source.Key)
	case source.written("nodes"):
		t.Nodes = c.nodes(source)
		if len(t.Nodes) > 1 && !source.broken {
			c.problems.add(source.At("nodes"), "add shard: {column: ..., algorithm: ...}",
				"table %q has %d nodes but no shard key", source.Key, len(t.Nodes))
		}
	case source.Datasource != "":
		if !c.hasDatasource(source.Datasource) {
			c.problems.add(source.At("datasource"), didYouMean(source.Datasource, c.datasourceNames(), "known datasources"),
				"table %q: unknown datasource %q", source.Key, source.Datasource)
			return
		}
		t.Nodes = []policy.Node{{Datasource: source.Datasource, Table: t.Name.Name}}
	case len(c.source.Datasources) == 1:
		t.Nodes = []policy.Node{{Datasource: c.source.Datasources[0].Name, Table: t.Name.Name}}
	case len(c.source.Datasources) > 1 && !source.broken:
		c.problems.add(source.At(), "add datasource, broadcast: true, or nodes and shard",
			"table %q does not say where it lies", source.Key)
	}
}

// nodes expands the table's node expression and checks what it names.
func (c *databaseCompiler) nodes(source *Table) []policy.Node {
	if source.Nodes == "" {
		return nil // reported
	}
	at := source.At("nodes")
	nodes, err := c.validators.ExpandNodes(source.Nodes)
	if err != nil {
		c.problems.addCause(at, fmt.Sprintf("nodes of table %q", source.Key), err, "")
		return nil
	}
	if len(nodes) == 0 {
		c.problems.add(at, "", "nodes of table %q names no physical table", source.Key)
	}
	whole := true
	for _, n := range nodes {
		if !c.hasDatasource(n.Datasource) {
			c.problems.add(at, didYouMean(n.Datasource, c.datasourceNames(), "known datasources"),
				"nodes of table %q: unknown datasource %q", source.Key, n.Datasource)
			whole = false
		}
		if err := checkName(n.Table); err != nil {
			c.problems.addCause(at, fmt.Sprintf("nodes of table %q", source.Key), err, "")
			whole = false
		}
	}
	if !whole {
		return nil
	}
	return nodes
}

// uniqueNames reports a physical name that stands in two nodes: routing tells nodes apart by their names alone.
func (c *databaseCompiler) uniqueNames(source *Table, t *policy.Table) {
	first := map[string]policy.Node{}
	for _, n := range t.Nodes {
		other, twice := first[n.Table]
		switch {
		case twice && other == n:
			c.problems.add(source.At("nodes"), "", "nodes of table %q: %s.%s stands there twice", source.Key, n.Datasource, n.Table)
		case twice:
			c.problems.add(source.At("nodes"), "number the tables through, as in ds_0.t_${0..1},ds_1.t_${2..3}",
				"nodes of table %q: physical table %q stands in %q and in %q", source.Key, n.Table, other.Datasource, n.Datasource)
		default:
			first[n.Table] = n
		}
	}
}

// claimNodes reports a physical table that belongs to two logical tables.
func (c *databaseCompiler) claimNodes(source *Table, t *policy.Table) {
	for _, n := range t.Nodes {
		owners := c.usedTables[n]
		if owners == nil {
			owners = map[string]policy.TableName{}
			c.usedTables[n] = owners
		}
		if other, taken := owners[t.Name.Schema]; taken && other != t.Name {
			c.problems.add(source.At(), "", "physical table %s.%s belongs to %q and to %q", n.Datasource, n.Table,
				shortName(other), shortName(t.Name))
			return
		}
		owners[t.Name.Schema] = t.Name
	}
}

func (c *databaseCompiler) keyGenerator(source *Table, t *policy.Table) {
	key := source.Generator
	if key == nil || key.broken || source.Broadcast {
		return
	}
	c.columnName(key.At("column"), source, key.Column)
	if err := c.validators.KeyGenerator(key.Generator, maps.Clone(key.Props)); err != nil {
		c.problems.addCause(key.At("generator"), fmt.Sprintf("key generator of table %q", source.Key), err, "")
	}
	for _, column := range source.Columns {
		if column.Name == key.Column && column.Encrypt != nil {
			c.problems.add(key.At("column"), "generate the key of a column that is not encrypted",
				"table %q: key column %q is encrypted", source.Key, key.Column)
		}
	}
	t.Key = &policy.KeyGenerator{Column: key.Column, Generator: policy.Algorithm{
		Type: key.Generator, Props: maps.Clone(key.Props)}}
}

func (c *databaseCompiler) columnName(at Position, source *Table, name string) {
	if err := checkName(name); err != nil {
		c.problems.addCause(at, fmt.Sprintf("table %q", source.Key), err, "")
	}
}

func (c *databaseCompiler) algorithm(name string) *Algorithm {
	for i := range c.source.Algorithms {
		if c.source.Algorithms[i].Name == name {
			return &c.source.Algorithms[i]
		}
	}
	return nil
}

func (c *databaseCompiler) algorithmNames() []string {
	var names []string
	for _, a := range c.source.Algorithms {
		names = append(names, a.Name)
	}
	return names
}

// unusedAlgorithms reports algorithms that no table uses: nothing has checked their properties.
func (c *databaseCompiler) unusedAlgorithms() {
	if c.anyTableLost() || slices.ContainsFunc(c.tables, func(e tableEntry) bool { return !e.placed }) {
		return
	}
	for i := range c.source.Algorithms {
		a := &c.source.Algorithms[i]
		used := slices.ContainsFunc(c.source.Tables, func(t *Table) bool { return t.Shard != nil && t.Shard.Algorithm == a.Name })
		if !used {
			c.problems.add(a.At(), "remove it", "algorithm %q is used by no table", a.Name)
		}
	}
}
