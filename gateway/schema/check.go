package schema

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/config/policy"
)

// checkLockTimeout bounds the waits of Check, which takes no lock but ACCESS SHARE on catalogs.
const checkLockTimeout = 5 * time.Second

// Check compares the logical database and every node with what db wants, using the gateway's own roles, and changes
// nothing. A datasource that cannot be reached or read is a fatal finding; an error means that the logical database could
// not be looked at.
//
// Findings come in a fixed order: logical database first, then datasource by datasource.
func Check(ctx context.Context, db *policy.Database, at Databases) ([]Finding, error) {
	if db.Transparent() {
		return nil, nil
	}
	if at.Logical.URL == "" {
		return nil, errNoLogical
	}
	conn, err := connect(ctx, at.Logical.URL, "logical database", checkLockTimeout)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	findings, tables, err := checkLogical(ctx, conn, db)
	if err != nil {
		return nil, err
	}
	for _, name := range db.Datasources {
		found, err := checkDatasource(ctx, db, name, at.Datasources[name], tables)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			f := about(policy.TableName{}, Fatal, "%s", err)
			f.Datasource = name
			found = append(found, f)
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

func checkLogical(ctx context.Context, conn *pgx.Conn, db *policy.Database) ([]Finding, map[policy.TableName]*definition,
	error) {
	types, findings, err := resolveTypes(ctx, conn, db)
	if err != nil {
		return nil, nil, fmt.Errorf("logical database: %w", err)
	}
	tables, err := readDefinitions(ctx, conn)
	if err != nil {
		return nil, nil, fmt.Errorf("logical database: read its tables: %w", err)
	}
	findings = append(findings, logicalFindings(db, types, tables)...)
	found, err := serverFindings(ctx, conn, "")
	if err != nil {
		return nil, nil, err
	}
	findings = append(findings, found...)
	found, err = columnIDFindings(ctx, conn, db)
	if err != nil {
		return nil, nil, err
	}
	findings = append(findings, found...)
	found, err = grantFindings(ctx, conn, "", logicalGrants(tables))
	return append(findings, found...), tables, err
}

// columnIDFindings names the encrypted columns without an id.
func columnIDFindings(ctx context.Context, conn *pgx.Conn, db *policy.Database) ([]Finding, error) {
	exists, err := queryValue[bool](ctx, conn, `SELECT EXISTS (`+columnIDsExist+`)`)
	if err != nil {
		return nil, fmt.Errorf("logical database: look for column ids: %w", err)
	}
	ids := make(map[policy.ColumnName]string)
	if exists {
		readable, err := queryValue[bool](ctx, conn, `SELECT has_schema_privilege(n.oid, 'USAGE')
				AND has_table_privilege(c.oid, 'SELECT')
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = 'portcullis' AND c.relname = 'columns'`)
		if err != nil {
			return nil, fmt.Errorf("logical database: look for column ids: %w", err)
		}
		if !readable {
			return nil, nil // the missing privilege is a finding of its own
		}
		if ids, err = readColumnIDs(ctx, conn); err != nil {
			return nil, err
		}
	}
	var findings []Finding
	for _, table := range sortedTables(db) {
		for _, column := range encryptedColumns(db.Tables[table]) {
			if ids[policy.ColumnName{Table: table, Column: column}] == "" {
				f := about(table, Fatal, "encrypted column %q of %q has no id", column, table)
				findings = append(findings, f.on(column).hint(applyHint))
			}
		}
	}
	return findings, nil
}

func checkDatasource(ctx context.Context, db *policy.Database, name string, endpoint Endpoint,
	tables map[policy.TableName]*definition) ([]Finding, error) {
	if endpoint.URL == "" {
		return nil, errors.New("its URL is not configured")
	}
	conn, err := connect(ctx, endpoint.URL, name, checkLockTimeout)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	actual, err := readDefinitions(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("read its tables: %w", err)
	}
	targets := nodeTargets(db, tables, name)
	grants, sealing := nodeGrants(targets)
	var gaps []gap
	if sealing {
		state, err := readSealing(ctx, conn)
		if err != nil {
			return nil, err
		}
		gaps = sealingGaps(name, state)
	}
	for _, target := range targets {
		gaps = append(gaps, target.gaps(actual[target.expected.name])...)
	}
	findings, err := serverFindings(ctx, conn, name)
	if err != nil {
		return nil, err
	}
	for _, g := range gaps {
		findings = append(findings, g.Finding)
	}
	found, err := grantFindings(ctx, conn, name, grants)
	return append(findings, found...), err
}

// grantFindings names the privileges that the connection's own role lacks. "" is the logical database.
func grantFindings(ctx context.Context, conn *pgx.Conn, datasource string, grants []grant) ([]Finding, error) {
	role := conn.Config().User
	missing, err := missingGrants(ctx, conn, role, grants)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	for _, g := range missing {
		f := about(policy.TableName{}, Fatal, "role %q lacks the privilege %s", role, g)
		f = f.hint(`"portcullis schema apply" grants it.`)
		f.Datasource = datasource
		findings = append(findings, f)
	}
	return findings, nil
}

// serverFindings looks at what a database is as a whole. "" is the logical database.
func serverFindings(ctx context.Context, q querier, datasource string) ([]Finding, error) {
	encoding, err := queryValue[string](ctx, q, `SELECT pg_encoding_to_char(encoding)::text FROM pg_database
		WHERE datname = current_database()`)
	if err != nil {
		return nil, fmt.Errorf("look at the database: %w", err)
	}
	if encoding == "UTF8" {
		return nil, nil
	}
	f := about(policy.TableName{}, Fatal, "the database's encoding is %s, not UTF8", encoding).
		hint("Text is sealed as UTF-8. Make the database anew with ENCODING 'UTF8'.")
	f.Datasource = datasource
	return []Finding{f}, nil
}

// logicalFindings compares the tables of the logical database with the configuration. types holds the printed form of
// each type that the configuration writes.
func logicalFindings(db *policy.Database, types map[string]string, tables map[policy.TableName]*definition) []Finding {
	var findings []Finding
	for _, name := range sortedTables(db) {
		t, d := db.Tables[name], tables[name]
		if d == nil {
			findings = append(findings, about(name, Fatal, "table %q does not exist", name).
				hint("Add it to schema.sql, or take it out of the configuration."))
			continue
		}
		for _, column := range sortedColumns(t) {
			written := t.Columns[column].Type
			wanted, known := types[written]
			switch found := d.column(column); {
			case found == nil:
				findings = append(findings, about(name, Fatal, "column %q of %q does not exist", column, name).on(column).
					hint("Add it to schema.sql, or take it out of the configuration."))
			case known && found.typ != wanted:
				findings = append(findings, about(name, Fatal, "column %q of %q is of type %s, but %s in the configuration",
					column, name, found.typ, written).on(column).hint("Write the same type in both places."))
			}
		}
		findings = append(findings, judge(db, t, d)...)
	}
	for _, name := range sortedDefinitions(tables) {
		if db.Tables[name] == nil {
			findings = append(findings, about(name, Fatal, "table %q is not in the configuration", name).
				hint("Name its nodes there: without them nobody knows where its rows are."))
		}
	}
	return findings
}

// typeText is what the name of a type may consist of.
var typeText = regexp.MustCompile(`^[A-Za-z0-9_ ,().]+$`)

// resolveTypes prints the types that the configuration writes as format_type does. PostgreSQL reads them: describing a
// NULL of a type gives its OID and modifier, and executes nothing.
func resolveTypes(ctx context.Context, conn *pgx.Conn, db *policy.Database) (map[string]string, []Finding, error) {
	types := make(map[string]string)
	var findings []Finding
	for _, table := range sortedTables(db) {
		for _, column := range sortedColumns(db.Tables[table]) {
			written := db.Tables[table].Columns[column].Type
			if _, known := types[written]; known || written == "" {
				continue
			}
			unknown := about(table, Fatal, "column %q of %q has the unknown type %q in the configuration",
				column, table, written).on(column)
			if !typeText.MatchString(written) {
				findings = append(findings, unknown)
				continue
			}
			described, err := conn.PgConn().Prepare(ctx, "", "SELECT NULL::"+written, nil)
			var server *pgconn.PgError
			if errors.As(err, &server) && !fatal(err) {
				findings = append(findings, unknown)
				continue
			}
			if err != nil {
				return nil, nil, fmt.Errorf("ask for the type %q: %w", written, err)
			}
			field := described.Fields[0]
			types[written], err = queryValue[string](ctx, conn, "SELECT format_type($1, $2)",
				field.DataTypeOID, field.TypeModifier)
			if err != nil {
				return nil, nil, fmt.Errorf("ask for the type %q: %w", written, err)
			}
		}
	}
	return types, findings, nil
}
