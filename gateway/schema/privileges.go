package schema

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/config/policy"
)

// grant is a privilege that the gateway's role needs.
type grant struct {
	kind      string // "SCHEMA", "TABLE" or "FUNCTION"
	object    policy.TableName
	privilege string
}

// String prints the grant for people: "SELECT on table public.customers_0".
func (g grant) String() string {
	name := g.object.String()
	if g.kind == "SCHEMA" {
		name = g.object.Schema
	}
	return g.privilege + " on " + strings.ToLower(g.kind) + " " + name
}

// sql prints GRANT.
func (g grant) sql(role string) string {
	object := qualified(g.object)
	switch g.kind {
	case "SCHEMA":
		object = identifier(g.object.Schema)
	case "FUNCTION":
		object += "(" + sealedType + ")"
	}
	return "GRANT " + g.privilege + " ON " + g.kind + " " + object + " TO " + identifier(role)
}

var (
	readPrivileges  = []string{"SELECT"}
	writePrivileges = []string{"SELECT", "INSERT", "UPDATE", "DELETE"}
)

// tableGrants lists what is needed to reach a table with these privileges. The grant on its schema comes along.
func tableGrants(grants []grant, table policy.TableName, privileges []string) []grant {
	inSchema := grant{kind: "SCHEMA", object: policy.TableName{Schema: table.Schema}, privilege: "USAGE"}
	if !slices.Contains(grants, inSchema) {
		grants = append(grants, inSchema)
	}
	for _, privilege := range privileges {
		grants = append(grants, grant{kind: "TABLE", object: table, privilege: privilege})
	}
	return grants
}

// sealingGrants lists what is needed to call the functions of schema portcullis.
func sealingGrants(grants []grant) []grant {
	grants = append(grants, grant{kind: "SCHEMA", object: policy.TableName{Schema: "portcullis"}, privilege: "USAGE"})
	for _, name := range []string{"eq_1", "is_sealed"} {
		function := policy.TableName{Schema: "portcullis", Name: name}
		grants = append(grants, grant{kind: "FUNCTION", object: function, privilege: "EXECUTE"})
	}
	return grants
}

// missingGrantsQuery finds objects by name without needing a right to their schema. $1 is the role, $2 to $5 are the
// grants; what does not exist lacks nothing.
const missingGrantsQuery = `SELECT g.place::int FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])
		WITH ORDINALITY g(kind, schema, name, privilege, place)
	JOIN pg_namespace n ON n.nspname = g.schema
	LEFT JOIN pg_class c ON g.kind = 'TABLE' AND c.relnamespace = n.oid AND c.relname = g.name
	LEFT JOIN pg_proc p ON g.kind = 'FUNCTION' AND p.pronamespace = n.oid AND p.proname = g.name
	WHERE CASE g.kind WHEN 'SCHEMA' THEN NOT has_schema_privilege($1::name, n.oid, g.privilege)
		WHEN 'TABLE' THEN NOT has_table_privilege($1::name, c.oid, g.privilege)
		ELSE NOT has_function_privilege($1::name, p.oid, g.privilege) END
	ORDER BY g.place`

// missingGrants returns those that the role does not have.
func missingGrants(ctx context.Context, q querier, role string, grants []grant) ([]grant, error) {
	columns := make([][]string, 4)
	for _, g := range grants {
		for i, value := range []string{g.kind, g.object.Schema, g.object.Name, g.privilege} {
			columns[i] = append(columns[i], value)
		}
	}
	found, err := q.Query(ctx, missingGrantsQuery, role, columns[0], columns[1], columns[2], columns[3])
	if err != nil {
		return nil, fmt.Errorf("look at the privileges of role %q: %w", role, err)
	}
	defer found.Close()
	var missing []grant
	for found.Next() {
		var place int
		if err := found.Scan(&place); err != nil {
			return nil, err
		}
		missing = append(missing, grants[place-1])
	}
	return missing, found.Err()
}
