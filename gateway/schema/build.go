package schema

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/config/policy"
)

// The tables of schema portcullis in the logical database. columns holds the identity of each encrypted column, which is
// associated data of its values: a row is written once and never changed. applied holds the hash of the schema.sql that
// the application's tables were made from.
const (
	createColumns = `CREATE TABLE portcullis.columns (
		schema_name text NOT NULL, table_name text NOT NULL, column_name text NOT NULL,
		id text NOT NULL UNIQUE CHECK (id <> ''),
		PRIMARY KEY (schema_name, table_name, column_name))`
	createApplied = `CREATE TABLE portcullis.applied (name text PRIMARY KEY, sha256 text NOT NULL)`
)

var columnsTable = policy.TableName{Schema: "portcullis", Name: "columns"}

// appliedSchema is the row of portcullis.applied for schema.sql.
const appliedSchema = "schema"

// buildLogical makes the logical database in a transaction that stays open, and describes its tables.
func (a *application) buildLogical(ctx context.Context) error {
	types, findings, err := resolveTypes(ctx, a.logical, a.db)
	if err != nil {
		return fmt.Errorf("logical database: %w", err)
	}
	a.findings = append(a.findings, findings...)
	if a.tx, err = a.logical.Begin(ctx); err != nil {
		return fmt.Errorf("logical database: begin: %w", err)
	}
	if err := a.buildOwnTables(ctx); err != nil {
		return err
	}
	if err := a.buildApplicationTables(ctx); err != nil {
		return err
	}
	if a.tables, err = readDefinitions(ctx, a.tx); err != nil {
		return fmt.Errorf("logical database: read its tables: %w", err)
	}
	a.findings = append(a.findings, logicalFindings(a.db, types, a.tables)...)
	findings, err = serverFindings(ctx, a.logical, "")
	a.findings = append(a.findings, findings...)
	return err
}

// buildOwnTables makes schema portcullis in the logical database.
func (a *application) buildOwnTables(ctx context.Context) error {
	for _, part := range []struct{ exists, create, done string }{
		{`SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'portcullis')`, createSealingSchema,
			"create schema portcullis"},
		{`SELECT EXISTS (` + columnIDsExist + `)`, createColumns, "create table portcullis.columns"},
		{`SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = 'portcullis' AND c.relname = 'applied')`, createApplied, "create table portcullis.applied"},
	} {
		exists, err := queryValue[bool](ctx, a.tx, part.exists)
		if err != nil {
			return fmt.Errorf("logical database: look at schema portcullis: %w", err)
		}
		if exists {
			continue
		}
		if err := run(ctx, a.logical, "logical database: "+part.done, part.create); err != nil {
			return err
		}
		a.pending = append(a.pending, "logical database: "+part.done)
	}
	return nil
}

// buildApplicationTables runs schema.sql, unless the database was made from this very text. If it was made from another
// one, its tables, which hold no rows, are made anew.
func (a *application) buildApplicationTables(ctx context.Context) error {
	sum := sha256.Sum256([]byte(a.deployment.Schema))
	hash := hex.EncodeToString(sum[:])
	found, err := a.tx.Query(ctx, "SELECT sha256 FROM portcullis.applied WHERE name = $1", appliedSchema)
	if err != nil {
		return fmt.Errorf("logical database: look at what was applied: %w", err)
	}
	before, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("logical database: look at what was applied: %w", err)
	}
	if slices.Equal(before, []string{hash}) {
		return nil
	}
	old, err := readDefinitions(ctx, a.tx)
	if err != nil {
		return fmt.Errorf("logical database: read its tables: %w", err)
	}
	if len(before) == 0 && len(old) > 0 {
		return fmt.Errorf("logical database: it has tables that schema apply did not make, such as %q; "+
			"use a database of its own, without tables", sortedDefinitions(old)[0])
	}
	if err := a.dropEmpty(ctx, old); err != nil {
		return err
	}
	for i := range a.schema {
		if err := a.runSchemaStatement(ctx, &a.schema[i], len(before) > 0); err != nil {
			return err
		}
	}
	if err := run(ctx, a.logical, "logical database", "SET search_path = ''"); err != nil {
		return err
	}
	if err := a.refuseForeignObjects(ctx); err != nil {
		return err
	}
	_, err = a.tx.Exec(ctx, `INSERT INTO portcullis.applied VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256`, appliedSchema, hash)
	if err != nil {
		return fmt.Errorf("logical database: remember what was applied: %w", err)
	}
	a.pending = append(a.pending, fmt.Sprintf("logical database: run %d statements of %s", len(a.schema), a.schemaFile()))
	return nil
}

// dropEmpty drops the tables of an earlier schema.sql. What somebody else has hung on them stops it: there is no CASCADE.
func (a *application) dropEmpty(ctx context.Context, tables map[policy.TableName]*definition) error {
	if len(tables) == 0 {
		return nil
	}
	if err := a.refuseRows(ctx, tables); err != nil {
		return err
	}
	var names []string
	for _, name := range sortedDefinitions(tables) {
		names = append(names, qualified(name))
	}
	return run(ctx, a.logical, "logical database: make the tables of a changed schema.sql anew",
		"DROP TABLE "+strings.Join(names, ", "))
}

// refuseRows makes sure that the logical database has no rows: nothing would ever read or protect them.
func (a *application) refuseRows(ctx context.Context, tables map[policy.TableName]*definition) error {
	for _, name := range sortedDefinitions(tables) {
		filled, err := queryValue[bool](ctx, a.tx, "SELECT EXISTS (SELECT FROM "+qualified(name)+")")
		if err != nil {
			return fmt.Errorf("logical database: look for rows in %q: %w", name, err)
		}
		if filled {
			return fmt.Errorf("logical database: table %q has rows; the logical database holds none", name)
		}
	}
	return nil
}

// runSchemaStatement runs one statement of schema.sql. Unqualified names are of schema public until the file says
// otherwise. When the tables are made anew, the schemas are still there.
func (a *application) runSchemaStatement(ctx context.Context, s *fileStatement, again bool) error {
	if s == &a.schema[0] {
		if err := run(ctx, a.logical, "logical database", "SET search_path = public"); err != nil {
			return err
		}
	}
	point, err := a.tx.Begin(ctx) // a savepoint
	if err != nil {
		return err
	}
	_, err = a.logical.Exec(ctx, s.text, pgx.QueryExecModeExec)
	var server *pgconn.PgError
	switch {
	case err == nil:
		return point.Commit(ctx)
	case again && errors.As(err, &server) && server.Code == codeDuplicateSchema:
		return point.Rollback(ctx)
	}
	return s.fail(err)
}

// foreignObjects lists what schema.sql may have made beside tables, indexes, constraints and comments. What belongs to an
// extension was there before.
const foreignObjects = `WITH app AS (SELECT oid, nspname FROM pg_namespace
		WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'portcullis') AND nspname !~ '^pg_')
	SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
			WHEN 'S' THEN 'sequence (of serial or identity)'
			WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'composite type' ELSE 'partitioned table' END
			|| ' "' || app.nspname || '.' || c.relname || '"'
		FROM pg_class c JOIN app ON app.oid = c.relnamespace
		WHERE c.relkind IN ('v', 'm', 'S', 'f', 'c', 'p')
			AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
	UNION ALL SELECT 'function "' || app.nspname || '.' || p.proname || '"'
		FROM pg_proc p JOIN app ON app.oid = p.pronamespace
		WHERE NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
	UNION ALL SELECT 'type "' || app.nspname || '.' || t.typname || '"'
		FROM pg_type t JOIN app ON app.oid = t.typnamespace WHERE t.typtype IN ('d', 'e', 'r')
			AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_type'::regclass AND objid = t.oid AND deptype = 'e')
	UNION ALL SELECT 'trigger "' || t.tgname || '" of "' || app.nspname || '.' || c.relname || '"'
		FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN app ON app.oid = c.relnamespace WHERE NOT t.tgisinternal
	UNION ALL SELECT 'rule "' || r.rulename || '" of "' || app.nspname || '.' || c.relname || '"'
		FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN app ON app.oid = c.relnamespace
		WHERE r.rulename <> '_RETURN'
	UNION ALL SELECT 'row-level security of "' || app.nspname || '.' || c.relname || '"'
		FROM pg_class c JOIN app ON app.oid = c.relnamespace
		WHERE c.relrowsecurity OR EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)
	UNION ALL SELECT 'inheritance of "' || app.nspname || '.' || c.relname || '"'
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN app ON app.oid = c.relnamespace WHERE c.relkind = 'r'
	ORDER BY 1`

// refuseForeignObjects makes sure that schema.sql has made nothing that cannot be built on nodes, and no rows.
func (a *application) refuseForeignObjects(ctx context.Context) error {
	found, err := a.tx.Query(ctx, foreignObjects)
	if err != nil {
		return fmt.Errorf("logical database: look at what was made: %w", err)
	}
	objects, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("logical database: look at what was made: %w", err)
	}
	if len(objects) > 0 {
		return fmt.Errorf("%s: only schemas, tables, indexes and constraints can be built on nodes; refused: %s",
			a.schemaFile(), strings.Join(objects, ", "))
	}
	tables, err := readDefinitions(ctx, a.tx)
	if err != nil {
		return fmt.Errorf("logical database: read its tables: %w", err)
	}
	return a.refuseRows(ctx, tables)
}

// commitLogical writes the column ids, gives the gateway its privileges, and commits.
func (a *application) commitLogical(ctx context.Context) error {
	if err := a.writeColumnIDs(ctx); err != nil {
		return err
	}
	role := ""
	if a.deployment.Logical.URL != "" {
		var err error
		if role, err = a.deployment.Logical.role(); err != nil {
			return fmt.Errorf("logical database: read its URL: %w", err)
		}
		if err := roleExists(ctx, a.logical, "logical database", role); err != nil {
			return err
		}
	}
	if role != "" {
		granted, err := grantMissing(ctx, a.logical, "logical database", role, logicalGrants(a.tables))
		if err != nil {
			return err
		}
		a.pending = append(a.pending, granted...)
	}
	err := a.tx.Commit(ctx)
	a.tx = nil
	if err != nil {
		return fmt.Errorf("logical database: commit: %w", err)
	}
	for _, done := range a.pending {
		a.report.did("%s", done)
	}
	return nil
}

// logicalGrants lists what describing statements needs: PostgreSQL checks privileges when a statement runs, and the
// gateway sends some there (a client's look at has_table_privilege). The tables are empty.
func logicalGrants(tables map[policy.TableName]*definition) []grant {
	var grants []grant
	for _, name := range sortedDefinitions(tables) {
		grants = tableGrants(grants, name, writePrivileges)
	}
	return tableGrants(grants, columnsTable, readPrivileges)
}

// readColumnIDs returns the ids of encrypted columns.
func readColumnIDs(ctx context.Context, q querier) (map[policy.ColumnName]string, error) {
	ids := make(map[policy.ColumnName]string)
	var column policy.ColumnName
	var id string
	err := forEach(ctx, q, "SELECT schema_name, table_name, column_name, id FROM portcullis.columns",
		[]any{&column.Table.Schema, &column.Table.Name, &column.Column, &id}, func() { ids[column] = id })
	if err != nil {
		return nil, fmt.Errorf("logical database: read column ids: %w", err)
	}
	return ids, nil
}

// writeColumnIDs gives an id to each encrypted column that has none yet.
func (a *application) writeColumnIDs(ctx context.Context) error {
	ids, err := readColumnIDs(ctx, a.tx)
	if err != nil {
		return err
	}
	for _, table := range sortedTables(a.db) {
		for _, name := range encryptedColumns(a.db.Tables[table]) {
			if ids[policy.ColumnName{Table: table, Column: name}] != "" {
				continue
			}
			id, err := newColumnID(a.deployment.Random)
			if err != nil {
				return err
			}
			_, err = a.tx.Exec(ctx, "INSERT INTO portcullis.columns VALUES ($1, $2, $3, $4)", table.Schema, table.Name, name, id)
			if err != nil {
				return fmt.Errorf("logical database: write the id of column %q of %q: %w", name, table, err)
			}
			a.pending = append(a.pending, fmt.Sprintf("logical database: give encrypted column %s of %s its id", name, table))
		}
	}
	return nil
}

// sortedDefinitions returns the names of the tables in a fixed order.
func sortedDefinitions(tables map[policy.TableName]*definition) []policy.TableName {
	return slices.SortedFunc(maps.Keys(tables), policyOrder)
}
