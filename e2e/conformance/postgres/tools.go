package postgres

import (
	"context"
	"strings"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// toolRuns are runs of the other client programs, one after the other.
var toolRuns = []struct {
	name, program string
	args          []string
}{
	{"pg_isready", "pg_isready", nil},
	{"pg_isready, a database that is not", "pg_isready", []string{"-d", "missing"}},
	{"createdb", "createdb", []string{"-e", "made"}},
	{"createdb, again", "createdb", []string{"-e", "made"}},
	{"dropdb", "dropdb", []string{"-e", "made"}},
	{"dropdb --if-exists", "dropdb", []string{"-e", "--if-exists", "made"}},
	{"createuser", "createuser", []string{"-e", "made"}},
	{"dropuser", "dropuser", []string{"-e", "made"}},
	{"vacuumdb", "vacuumdb", []string{"-e", "-z", "-t", "public.first", "conformance"}},
	{"vacuumdb -j2 -z", "vacuumdb", []string{"-j2", "-z", "-q", "-t", "first", "-t", "second", "conformance"}},
	{"vacuumdb --analyze-in-stages", "vacuumdb", []string{"--analyze-in-stages", "-t", "first", "conformance"}},
	{"vacuumdb -f -t missing", "vacuumdb", []string{"-f", "-t", "missing", "conformance"}},
	{"reindexdb", "reindexdb", []string{"-e", "-t", "first", "-t", "second", "conformance"}},
	{"reindexdb -j2", "reindexdb", []string{"-j2", "-S", "public", "conformance"}},
	{"reindexdb --concurrently", "reindexdb", []string{"--concurrently", "-i", "first_pkey", "conformance"}},
	{"reindexdb -s", "reindexdb", []string{"-s", "conformance"}},
	{"clusterdb", "clusterdb", []string{"-e", "-t", "first", "conformance"}},
	{"clusterdb of nothing", "clusterdb", []string{"-t", "second", "conformance"}},
	{"vacuumlo", "vacuumlo", []string{"-v", "conformance"}},
	{"pg_dumpall of globals", "pg_dumpall", []string{"-g", "--no-role-passwords", "-l", "conformance"}},
}

// Tools are PostgreSQL's other client programs. A test passes as one of Psql does.
func Tools() suite.Suite {
	return suite.Suite{
		Name: "tools", Title: "createdb, vacuumdb, reindexdb, clusterdb and others", Attributes: []string{"CREATEDB"},
		Setup: `CREATE TABLE first (id int PRIMARY KEY, t text); INSERT INTO first SELECT g, g::text FROM generate_series(1, 1000) g;
			CREATE TABLE second (id int PRIMARY KEY, o oid); INSERT INTO second SELECT g, lo_create(0) FROM generate_series(1, 5) g;
			ALTER TABLE first CLUSTER ON first_pkey; ALTER TABLE first OWNER TO conform; ALTER TABLE second OWNER TO conform;`,
		Prepare: func(ctx context.Context, w *suite.Workspace) (string, error) {
			out, err := w.Must(ctx, suite.Program{Name: w.Binaries.Path("vacuumdb"), Args: []string{"--version"}})
			return strings.TrimSpace(out), err
		},
		Run: func(ctx context.Context, w *suite.Workspace, s *suite.Server) (suite.Results, error) {
			results := make(suite.Results)
			for _, r := range toolRuns {
				status, err := witness(ctx, w, s, r.name, suite.Program{Name: w.Binaries.Path(r.program), Args: r.args,
					Environ: append(s.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")})
				if err != nil {
					return nil, err
				}
				results.Add(r.name, status)
			}
			return results, nil
		},
	}
}
