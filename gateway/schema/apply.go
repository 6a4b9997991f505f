package schema

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/config/policy"
)

// Deployment is what Apply works on.
type Deployment struct {
	Databases
	// Schema and Seed are the texts of schema.sql and the seed file; SchemaFile and SeedFile name them in errors. Without
	// Seed nothing is seeded.
	Schema, SchemaFile string
	Seed, SeedFile     string
	Random             io.Reader     // of column ids; nil: crypto/rand
	LockTimeout        time.Duration // of each wait for a lock; 0: 5 s
	Progress           func(string)  // told each step when it is done, and each warning; may be nil
}

const lockTimeoutDefault = 5 * time.Second

// Result says what an Apply did.
type Result struct {
	Changes  int       // steps that changed something
	Warnings []Finding // what works, but not as one may expect
}

// Apply brings the logical database and every node to what db wants: it may be run any number of times, and does nothing
// where nothing is to be done.
//
// It looks at everything first, and changes nothing if something stands in the way: *RefusedError, or an error that names
// file and line. Then it changes the logical database in one transaction, and each datasource in one; constraints over
// rows that were there before are validated afterwards. The databases and roles must exist. A database that is served as
// it is (Transparent) needs nothing.
func Apply(ctx context.Context, db *policy.Database, d Deployment) (Result, error) {
	if db.Transparent() {
		report := &reporter{progress: d.Progress}
		report.say("nothing to do: database %s is served as it is", db.Name)
		return Result{}, nil
	}
	if d.Random == nil {
		d.Random = rand.Reader
	}
	if d.LockTimeout <= 0 {
		d.LockTimeout = lockTimeoutDefault
	}
	a := &application{db: db, deployment: d, report: &reporter{progress: d.Progress}}
	defer a.close()
	for _, step := range []func(context.Context) error{
		a.readFiles,       // schema.sql and the seed hold what they may hold
		a.openLogical,     // one Apply at a time
		a.buildLogical,    // in a transaction that is still open
		a.openDatasources, // what each has, what it lacks
		a.decide,          // refuse, or go on
		a.commitLogical,
		a.buildDatasources,
	} {
		if err := step(ctx); err != nil {
			return Result{Changes: a.report.changes, Warnings: a.warnings}, err
		}
	}
	if a.report.changes == 0 {
		a.report.nothing()
	}
	return Result{Changes: a.report.changes, Warnings: a.warnings}, nil
}

// reporter counts and tells what was done.
type reporter struct {
	progress func(string)
	changes  int
}

func (r *reporter) say(format string, args ...any) {
	if r.progress != nil {
		r.progress(fmt.Sprintf(format, args...))
	}
}

func (r *reporter) did(format string, args ...any) { r.changes++; r.say(format, args...) }

func (r *reporter) nothing() {
	r.say("nothing to do: the logical database and all nodes are as the configuration wants them")
}

// application is one Apply under way.
type application struct {
	db         *policy.Database
	deployment Deployment
	report     *reporter

	schema, seed []fileStatement
	seedTables   []policy.TableName // of each statement of seed

	logical *pgx.Conn
	tx      pgx.Tx // on logical, from buildLogical to commitLogical
	pending []string
	tables  map[policy.TableName]*definition

	sources  []*datasource
	findings []Finding
	warnings []Finding
}

// datasource is one physical database under way.
type datasource struct {
	name    string
	role    string
	conn    *pgx.Conn
	gaps    []gap
	grants  []grant // all that role needs
	sealing bool    // some node here holds an encrypted column
	seed    []int   // statements of the seed whose tables are empty
}

func (a *application) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if a.tx != nil {
		_ = a.tx.Rollback(ctx) // closing the connection does the same
	}
	if a.logical != nil {
		_ = a.logical.Close(ctx) // all that mattered was committed
	}
	for _, s := range a.sources {
		_ = s.conn.Close(ctx) // likewise
	}
}

const closeTimeout = 5 * time.Second

func (a *application) readFiles(context.Context) error {
	var err error
	if a.schema, err = fileStatements(a.schemaFile(), a.deployment.Schema); err != nil {
		return err
	}
	if a.seed, err = fileStatements(a.seedFile(), a.deployment.Seed); err != nil {
		return err
	}
	var failures []error
	var admitted []fileStatement
	for i := range a.schema {
		run, err := admitSchemaStatement(&a.schema[i])
		if err != nil {
			failures = append(failures, err)
		}
		if run {
			admitted = append(admitted, a.schema[i])
		}
	}
	a.schema = admitted
	for i := range a.seed {
		table, err := seedTarget(&a.seed[i])
		if err == nil {
			err = a.judgeSeed(&a.seed[i], table)
		}
		if err != nil {
			failures = append(failures, err)
		}
		a.seedTables = append(a.seedTables, table)
	}
	return errors.Join(failures...)
}

// judgeSeed allows seeding of broadcast tables without encrypted columns.
func (a *application) judgeSeed(s *fileStatement, name policy.TableName) error {
	t := a.db.Tables[name]
	switch {
	case t == nil:
		return s.fail(fmt.Errorf("the configuration has no table %q", name))
	case t.Placement != policy.Broadcast:
		return s.fail(fmt.Errorf("table %q is not a broadcast table; its rows are written through the gateway", name))
	case len(encryptedColumns(t)) > 0:
		return s.fail(fmt.Errorf("table %q has encrypted columns; its rows are written through the gateway", name))
	}
	return nil
}

func (a *application) schemaFile() string { return cmp.Or(a.deployment.SchemaFile, "schema.sql") }
func (a *application) seedFile() string   { return cmp.Or(a.deployment.SeedFile, "seed.sql") }

// applyLock is the advisory lock that keeps two runs of Apply apart. The number is arbitrary, and fixed for ever.
const applyLock = 0x706f7274 // "port"

var errNoLogical = errors.New(
	"the database has protected or sharded tables, and needs a logical database: its URL is not configured")

func (a *application) openLogical(ctx context.Context) error {
	if a.deployment.Logical.owner() == "" {
		return errNoLogical
	}
	var err error
	a.logical, err = connect(ctx, a.deployment.Logical.owner(), "logical database", a.deployment.LockTimeout)
	if err != nil {
		return err
	}
	if _, err := a.logical.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(applyLock)); err != nil {
		return fmt.Errorf("logical database: wait for another run of schema apply: %w", err)
	}
	return nil
}

func (a *application) openDatasources(ctx context.Context) error {
	for _, name := range a.db.Datasources {
		endpoint, found := a.deployment.Datasources[name]
		if !found {
			return fmt.Errorf("%s: its URL is not configured", name)
		}
		role, err := endpoint.role()
		if err != nil {
			return fmt.Errorf("%s: read its URL: %w", name, err)
		}
		conn, err := connect(ctx, endpoint.owner(), name, a.deployment.LockTimeout)
		if err != nil {
			return err
		}
		s := &datasource{name: name, role: role, conn: conn}
		a.sources = append(a.sources, s)
		if err := roleExists(ctx, conn, name, role); err != nil {
			return err
		}
	}
	if len(fatalOf(a.findings)) > 0 {
		return nil // what the nodes shall be is not certain
	}
	for _, s := range a.sources {
		if err := a.inspect(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// inspect compares a datasource with what it shall be.
func (a *application) inspect(ctx context.Context, s *datasource) error {
	actual, err := readDefinitions(ctx, s.conn)
	if err != nil {
		return err
	}
	targets := nodeTargets(a.db, a.tables, s.name)
	s.grants, s.sealing = nodeGrants(targets)
	if s.sealing {
		state, err := readSealing(ctx, s.conn)
		if err != nil {
			return err
		}
		s.gaps = sealingGaps(s.name, state)
	}
	schemas, err := missingSchemas(ctx, s.conn, targets)
	if err != nil {
		return err
	}
	for _, schema := range schemas {
		s.gaps = append(s.gaps, gap{steps: []string{"CREATE SCHEMA " + identifier(schema)},
			done: s.name + ": create schema " + schema})
	}
	for _, target := range targets {
		s.gaps = append(s.gaps, target.gaps(actual[target.expected.name])...)
	}
	sort.SliceStable(s.gaps, func(i, j int) bool { return s.gaps[i].stage < s.gaps[j].stage })
	for _, g := range s.gaps {
		if len(g.steps)+len(g.late) == 0 {
			a.findings = append(a.findings, g.Finding)
		}
	}
	findings, err := serverFindings(ctx, s.conn, s.name)
	if err != nil {
		return err
	}
	a.findings = append(a.findings, findings...)
	for i, table := range a.seedTables {
		if actual[table] != nil {
			filled, err := queryValue[bool](ctx, s.conn, "SELECT EXISTS (SELECT FROM "+qualified(table)+")")
			if err != nil {
				return err
			}
			if filled {
				continue
			}
		}
		s.seed = append(s.seed, i)
	}
	return nil
}

// nodeTargets says what the tables of a datasource shall be, in a fixed order.
func nodeTargets(db *policy.Database, tables map[policy.TableName]*definition, datasource string) []*nodeTarget {
	var targets []*nodeTarget
	for _, name := range sortedTables(db) {
		t := db.Tables[name]
		for position, node := range t.Nodes {
			if node.Datasource == datasource && tables[name] != nil {
				targets = append(targets, &nodeTarget{table: t, node: node,
					expected: physicalDefinition(db, t, position, tables[name])})
			}
		}
	}
	return targets
}

// nodeGrants lists what the gateway needs on these nodes, and whether they hold sealed values. Broadcast tables are
// written by Apply alone.
func nodeGrants(targets []*nodeTarget) (grants []grant, sealing bool) {
	for _, target := range targets {
		privileges := writePrivileges
		if target.table.Placement == policy.Broadcast {
			privileges = readPrivileges
		}
		grants = tableGrants(grants, target.expected.name, privileges)
		sealing = sealing || len(encryptedColumns(target.table)) > 0
	}
	if sealing {
		grants = sealingGrants(grants)
	}
	return grants, sealing
}

// missingSchemas returns the schemas of the targets that do not exist.
func missingSchemas(ctx context.Context, conn *pgx.Conn, targets []*nodeTarget) ([]string, error) {
	var wanted []string
	for _, target := range targets {
		if schema := target.expected.name.Schema; !slices.Contains(wanted, schema) {
			wanted = append(wanted, schema)
		}
	}
	found, err := conn.Query(ctx, `SELECT s FROM unnest($1::text[]) s
		WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = s)`, wanted)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, pgx.RowTo[string])
}

// decide tells the warnings and refuses if something fatal was found.
func (a *application) decide(context.Context) error {
	for _, f := range a.findings {
		if f.Severity == Warning {
			a.warnings = append(a.warnings, f)
			a.report.say("%s", f)
		}
	}
	if fatal := fatalOf(a.findings); len(fatal) > 0 {
		return &RefusedError{fatal}
	}
	return nil
}

func (a *application) buildDatasources(ctx context.Context) error {
	for _, s := range a.sources {
		if err := a.buildDatasource(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// buildDatasource closes the gaps of a datasource in one transaction, but for constraints that wait to be validated.
func (a *application) buildDatasource(ctx context.Context, s *datasource) error {
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("%s: begin: %w", s.name, err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // after Commit it does nothing
	var done []string
	for _, g := range s.gaps {
		for _, step := range g.steps {
			if err := run(ctx, s.conn, g.done, step); err != nil {
				return err
			}
		}
		if len(g.steps) > 0 && len(g.late) == 0 {
			done = append(done, g.done)
		}
	}
	seeded, err := a.runSeed(ctx, s)
	if err != nil {
		return err
	}
	done = append(done, seeded...)
	granted, err := grantMissing(ctx, s.conn, s.name, s.role, s.grants)
	if err != nil {
		return err
	}
	done = append(done, granted...)
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("%s: commit: %w", s.name, err)
	}
	for _, d := range done {
		a.report.did("%s", d)
	}
	return a.finishDatasource(ctx, s)
}

// finishDatasource runs what takes long and needs weak locks only.
func (a *application) finishDatasource(ctx context.Context, s *datasource) error {
	for _, g := range s.gaps {
		for _, step := range g.late {
			if err := run(ctx, s.conn, g.done, step); err != nil {
				return err
			}
		}
		if len(g.late) > 0 {
			a.report.did("%s", g.done)
		}
	}
	return nil
}

// runSeed fills broadcast tables that were empty, and makes sure that nothing else was written.
func (a *application) runSeed(ctx context.Context, s *datasource) ([]string, error) {
	if len(s.seed) == 0 {
		return nil, nil
	}
	if err := run(ctx, s.conn, s.name, "SET LOCAL search_path = public"); err != nil {
		return nil, err
	}
	rows := make(map[string]int64)
	for _, i := range s.seed {
		tag, err := s.conn.Exec(ctx, a.seed[i].text, pgx.QueryExecModeExec)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, a.seed[i].fail(err))
		}
		rows[a.seedTables[i].String()] += tag.RowsAffected()
	}
	if err := run(ctx, s.conn, s.name, "SET LOCAL search_path = ''"); err != nil {
		return nil, err
	}
	found, err := s.conn.Query(ctx, `SELECT schemaname || '.' || relname FROM pg_stat_xact_user_tables
		WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 AND schemaname || '.' || relname <> ALL ($1)`,
		slices.Collect(maps.Keys(rows)))
	if err != nil {
		return nil, fmt.Errorf("%s: look at what the seed changed: %w", s.name, err)
	}
	others, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("%s: look at what the seed changed: %w", s.name, err)
	}
	if len(others) > 0 {
		return nil, fmt.Errorf("%s: %s changes %s, which no INSERT of it names", s.name,
			a.seedFile(), strings.Join(others, ", "))
	}
	var done []string
	for _, table := range slices.Sorted(maps.Keys(rows)) {
		done = append(done, fmt.Sprintf("%s: seed %s with %d rows", s.name, table, rows[table]))
	}
	return done, nil
}

// grantMissing gives a role what it lacks.
func grantMissing(ctx context.Context, conn *pgx.Conn, where, role string, grants []grant) ([]string, error) {
	missing, err := missingGrants(ctx, conn, role, grants)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	for _, g := range missing {
		if err := run(ctx, conn, where+": grant "+g.String(), g.sql(role)); err != nil {
			return nil, err
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	if len(missing) == 1 {
		return []string{fmt.Sprintf("%s: grant %s to role %s", where, missing[0], role)}, nil
	}
	return []string{fmt.Sprintf("%s: grant %d privileges to role %s", where, len(missing), role)}, nil
}

// roleExists explains what to do about a role that does not exist.
func roleExists(ctx context.Context, conn *pgx.Conn, where, role string) error {
	exists, err := queryValue[bool](ctx, conn, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role)
	if err != nil {
		return fmt.Errorf("%s: look for role %q: %w", where, role, err)
	}
	if !exists {
		return fmt.Errorf("%s: role %q does not exist; create it first, by CREATE ROLE %s LOGIN and a password",
			where, role, identifier(role))
	}
	return nil
}

// sortedTables returns the names of the database's tables in a fixed order.
func sortedTables(db *policy.Database) []policy.TableName {
	return slices.SortedFunc(maps.Keys(db.Tables), policyOrder)
}

func policyOrder(a, b policy.TableName) int {
	return cmp.Or(strings.Compare(a.Schema, b.Schema), strings.Compare(a.Name, b.Name))
}
