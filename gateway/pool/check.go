package pool

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// serverVersionMin is the oldest server that is supported, as server_version_num gives it.
const serverVersionMin = 140000

// Errors of Dial.
var (
	ErrServerVersion  = errors.New("the server is older than PostgreSQL 14")
	ErrServerSetting  = errors.New("the server has a setting that the gateway cannot work with")
	ErrPrivilegedRole = errors.New("the backend role has rights that go around the gateway")
)

// roleQuery names, in one row, each right of the session's user for which it is refused as a backend role. Membership
// counts even if it is not inherited, because SET ROLE would use it. Before PostgreSQL 16 CREATEROLE can grant itself
// any role that is not a superuser, those that read files included.
const roleQuery = `
SELECT pg_catalog.current_setting('server_version_num'),
       pg_catalog.concat_ws(', ',
         CASE WHEN r.rolsuper THEN 'superuser' END,
         CASE WHEN r.rolreplication THEN 'REPLICATION' END,
         CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
         CASE WHEN r.rolcreaterole AND pg_catalog.current_setting('server_version_num')::pg_catalog.int4 < 160000
              THEN 'CREATEROLE' END,
         (SELECT pg_catalog.string_agg('member of ' || g.rolname, ', ' ORDER BY g.rolname)
            FROM pg_catalog.pg_roles g
           WHERE g.oid <> r.oid AND NOT r.rolsuper AND pg_catalog.pg_has_role(r.oid, g.oid, 'MEMBER')
             AND (g.rolsuper OR g.rolreplication OR g.rolbypassrls OR g.rolname IN
                  ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program'))),
         (SELECT pg_catalog.string_agg('EXECUTE on ' || p.oid::pg_catalog.regprocedure, ', ' ORDER BY p.oid)
            FROM pg_catalog.pg_proc p
           WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND NOT r.rolsuper
             AND p.proname IN ('pg_read_file', 'pg_read_binary_file', 'lo_import', 'lo_export')
             AND pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE')))
  FROM pg_catalog.pg_roles r WHERE r.rolname = session_user`

// settings are what printed statements and binary values rely on.
var settings = [...]struct{ name, value string }{
	{"standard_conforming_strings", "on"},
	{"integer_datetimes", "on"},
}

// check refuses servers and backend roles that the gateway must not stand before.
func check(ctx context.Context, pg *pgconn.PgConn, c *Config) error {
	for _, s := range settings {
		if got := pg.ParameterStatus(s.name); got != s.value && !c.AnySettings {
			return fmt.Errorf("%w: %s is %q, and must be %q", ErrServerSetting, s.name, got, s.value)
		}
	}
	result := pg.ExecParams(ctx, roleQuery, nil, nil, nil, nil).Read()
	if result.Err != nil {
		return fmt.Errorf("read the rights of the backend role: %w", result.Err)
	}
	if len(result.Rows) != 1 || len(result.Rows[0]) != 2 {
		return fmt.Errorf("read the rights of the backend role: it has %d rows", len(result.Rows))
	}
	version, err := strconv.Atoi(string(result.Rows[0][0]))
	if err != nil || version < serverVersionMin {
		return ErrServerVersion
	}
	if rights := string(result.Rows[0][1]); rights != "" && !c.InsecureAllowSuperuser {
		return fmt.Errorf("%w: %s", ErrPrivilegedRole, rights)
	}
	return nil
}
