package psqltable

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
)

// TestLikePsql compares what is printed here with what psql prints on both of its outputs.
func TestLikePsql(t *testing.T) {
	ctx := context.Background()
	cluster, err := pgcluster.Start(ctx, pgcluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Stop()
	conn, err := pgconn.Connect(ctx, cluster.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, sql := range []string{
		"SELECT 1 AS id, 'Ada' AS name",
		"SELECT 1 AS a_long_name, 22222222222 AS n, 'x' AS y, 'last' AS a_longer_one",
		"SELECT * FROM (VALUES (1, 'one', true, 1.50), (22, NULL, false, NULL), (NULL, 'trois', NULL, 3)) AS t (i, name, yes, price)",
		"SELECT 1 AS id WHERE false",
		"SELECT 'Zoë Müller' AS name, '\\x01ab'::bytea AS raw, now()::date - now()::date AS days",
		"SELECT E'a\\x01b\\x7f' AS control, E'c\\rd' AS r",
		"SELECT 1.5::float8 AS f, 2::oid AS o, 3::smallint AS s, '4'::money AS m, '5'::xid AS x, '2020-01-01'::date AS d",
		"CREATE TEMP TABLE x (a int)",
		"SET search_path = public",
		"SELECT nothing",
		"SELEC 1",
		"SELECT 1/0",
		"SELECT 1,\n\tnothing,\n 3",
		"SELECT 1 AS aaaaaaaaaaaaaaaaaa, 2 AS bbbbbbbbbbbbbbbbbbbbbbbb, nothing, 4 AS cccccccccccccccccccccccccccccccccc",
		"SELECT nothing, 1 AS aaaaaaaaaaaaaaaaaa, 2 AS bbbbbbbbbbbbbbbbbbbbbbbb, 4 AS cccccccccccccccccccccccccccccccccc",
		"SELECT 1 AS aaaaaaaaaaaaaaaaaa, 2 AS bbbbbbbbbbbbbbbbbbbbbbbb, 4 AS cccccccccccccccccccccccccccccccccc, nothing",
		"SELECT lower(1)",
		"DO $$ BEGIN RAISE EXCEPTION 'no' USING DETAIL = 'a detail', HINT = 'a hint'; END $$",
	} {
		psql := exec.Command(cluster.Psql(), "-X", "-d", cluster.URL("postgres"), "-c", sql)
		var want bytes.Buffer
		psql.Stdout, psql.Stderr = &want, &want
		if err := psql.Run(); err != nil && psql.ProcessState == nil {
			t.Fatal(err)
		}
		got := ""
		results, err := Read(conn.Exec(ctx, sql))
		var refused *pgconn.PgError
		switch {
		case errors.As(err, &refused):
			got = Error(refused, sql)
		case err != nil:
			t.Fatal(err)
		default:
			for _, r := range results {
				got += Result(r)
			}
		}
		if got != want.String() {
			t.Errorf("%s\n--- got\n%s--- psql\n%s", sql, got, want.String())
		}
	}
}
