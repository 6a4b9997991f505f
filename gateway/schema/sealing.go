package schema

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// sealedType is the type of encrypted columns, as format_type prints it under an empty search_path.
const sealedType = "portcullis.sealed"

// The SQL that a datasource needs to hold sealed values. Layout of their header (docs/format.md): byte 0 version, byte 1
// layout with bit 0 for an equality token, bytes 2..5 column tag, then the token's 16 bytes.
//
// PostgreSQL inlines a function, and so uses an index on it, if its body is one expression, it is not STRICT while its
// body is not, and it carries no SET clause (src/backend/optimizer/util/clauses.c, inline_function). RETURN bodies are
// bound to pg_catalog's functions when they are made, whatever the search_path is later. Both functions read no more of
// a value than its first bytes, which a value stored EXTERNAL gives without being fetched whole. The domain has no
// constraint: with one, ADD COLUMN would rewrite the table.
const (
	createSealingSchema = `CREATE SCHEMA portcullis`

	createSealed = `CREATE DOMAIN portcullis.sealed AS pg_catalog.bytea`

	createEq1 = `CREATE FUNCTION portcullis.eq_1(portcullis.sealed) RETURNS pg_catalog.bytea
		LANGUAGE sql IMMUTABLE PARALLEL SAFE CALLED ON NULL INPUT
		RETURN CASE WHEN pg_catalog.octet_length($1) >= 22
			AND pg_catalog.get_byte(pg_catalog.substr($1, 2, 1), 0) & 1 = 1
			THEN pg_catalog.substr($1, 7, 16) END`

	// createIsSealed asks for version 1, no layout bit but that of the equality token, and room for the shortest
	// ciphertext: Tink's key-id prefix (5 bytes) and an authentication tag (16 bytes).
	createIsSealed = `CREATE FUNCTION portcullis.is_sealed(portcullis.sealed) RETURNS pg_catalog.bool
		LANGUAGE sql IMMUTABLE PARALLEL SAFE CALLED ON NULL INPUT
		RETURN CASE WHEN $1 IS NULL THEN true
			WHEN pg_catalog.octet_length($1) < 27 THEN false
			WHEN pg_catalog.substr($1, 1, 2) = pg_catalog.decode('0100', 'hex') THEN true
			WHEN pg_catalog.substr($1, 1, 2) = pg_catalog.decode('0101', 'hex') THEN pg_catalog.octet_length($1) >= 43
			ELSE false END`
)

// sealingState is what of it a datasource has.
type sealingState struct {
	schema, domain bool
	eq1, isSealed  bool
	// wrong says what is there but not as it is made here: "function portcullis.eq_1".
	wrong []string
}

// complete reports that nothing is missing; it may still be wrong.
func (s sealingState) complete() bool { return s.schema && s.domain && s.eq1 && s.isSealed }

const sealingObjects = `SELECT 'schema', true FROM pg_namespace WHERE nspname = 'portcullis'
	UNION ALL SELECT 'domain', t.typtype = 'd' AND t.typbasetype = 'bytea'::regtype AND NOT t.typnotnull
			AND NOT EXISTS (SELECT FROM pg_constraint WHERE contypid = t.oid)
		FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = 'portcullis' AND t.typname = 'sealed'
	UNION ALL SELECT p.proname, p.provolatile = 'i' AND p.proparallel = 's' AND NOT p.proisstrict AND NOT p.prosecdef
			AND p.proconfig IS NULL AND p.prosqlbody IS NOT NULL
			AND p.prorettype = CASE p.proname WHEN 'eq_1' THEN 'bytea'::regtype ELSE 'boolean'::regtype END
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		JOIN pg_type t ON t.oid = p.proargtypes[0] AND t.typnamespace = n.oid AND t.typname = 'sealed'
		WHERE n.nspname = 'portcullis' AND p.proname IN ('eq_1', 'is_sealed') AND p.pronargs = 1`

// sealingBehaviour tries the functions on made-up values: with and without a token, too short, and NULL.
const sealingBehaviour = `SELECT portcullis.eq_1(v) IS NOT DISTINCT FROM token, portcullis.is_sealed(v) = sealed
	FROM (VALUES
		(decode('0101aaaaaaaa' || repeat('07', 16) || repeat('00', 33), 'hex')::portcullis.sealed,
			decode(repeat('07', 16), 'hex'), true),
		(decode('0100aaaaaaaa' || repeat('07', 49), 'hex'), NULL, true),
		(decode('0101aaaaaaaa' || repeat('07', 20), 'hex'), decode(repeat('07', 16), 'hex'), false),
		(decode('0200aaaaaaaa' || repeat('07', 49), 'hex'), NULL, false),
		(decode('68656c6c6f', 'hex'), NULL, false),
		(decode('', 'hex'), NULL, false),
		(NULL, NULL, true)) t(v, token, sealed)`

// readSealing looks at schema portcullis of a datasource. The search_path must be empty. The functions are tried only if
// this role may call them.
func readSealing(ctx context.Context, q querier) (sealingState, error) {
	var s sealingState
	var object string
	var right bool
	names := map[string]string{"schema": "schema portcullis", "domain": "domain portcullis.sealed",
		"eq_1": "function portcullis.eq_1", "is_sealed": "function portcullis.is_sealed"}
	present := map[string]*bool{"schema": &s.schema, "domain": &s.domain, "eq_1": &s.eq1, "is_sealed": &s.isSealed}
	err := forEach(ctx, q, sealingObjects, []any{&object, &right}, func() {
		*present[object] = true
		if !right {
			s.wrong = append(s.wrong, names[object])
		}
	})
	if err != nil {
		return s, fmt.Errorf("look at schema portcullis: %w", err)
	}
	if !s.complete() || len(s.wrong) > 0 {
		return s, nil
	}
	usable, err := queryValue[bool](ctx, q, `SELECT has_schema_privilege('portcullis', 'USAGE')`)
	if err != nil || !usable {
		return s, err
	}
	var eq1, isSealed bool
	eq1Right, isSealedRight := true, true
	err = forEach(ctx, q, sealingBehaviour, []any{&eq1, &isSealed}, func() {
		eq1Right, isSealedRight = eq1Right && eq1, isSealedRight && isSealed
	})
	if err != nil {
		return s, fmt.Errorf("try the functions of schema portcullis: %w", err)
	}
	if !eq1Right {
		s.wrong = append(s.wrong, names["eq_1"])
	}
	if !isSealedRight {
		s.wrong = append(s.wrong, names["is_sealed"])
	}
	return s, nil
}

// missing returns the statements that complete it, in order.
func (s sealingState) missing() []string {
	var statements []string
	for _, part := range []struct {
		present bool
		create  string
	}{{s.schema, createSealingSchema}, {s.domain, createSealed}, {s.eq1, createEq1}, {s.isSealed, createIsSealed}} {
		if !part.present {
			statements = append(statements, part.create)
		}
	}
	return statements
}

// queryValue returns the only value of a query.
func queryValue[T any](ctx context.Context, q querier, sql string, args ...any) (T, error) {
	found, err := q.Query(ctx, sql, args...)
	if err != nil {
		var zero T
		return zero, err
	}
	return pgx.CollectExactlyOneRow(found, pgx.RowTo[T])
}
