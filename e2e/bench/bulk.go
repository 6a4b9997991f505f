package main

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// bulkRows is the length of a large result, and of what COPY moves: eight columns each.
const bulkRows = 100_000

// bulkTables are what is read, and what is written and emptied again.
const bulkTables = `
	CREATE TABLE bulk AS SELECT g AS id, g::bigint * 7919 AS number, md5(g::text) AS hash, (g % 1000) / 7.0 AS amount,
		timestamp '2024-01-01' + g * interval '1 minute' AS at, g % 3 = 0 AS flag, 'customer ' || g AS name, g * 1.5::float8 AS weight
		FROM generate_series(1, 100000) g;
	CREATE UNLOGGED TABLE bulk_in (LIKE bulk);`

// bulkTests move many rows on one connection, again and again until the time is over.
func (s *stage) bulkTests() (tests []*test) {
	for _, b := range []struct {
		name string
		once func(ctx context.Context, conn *pgconn.PgConn) error
	}{
		{"result of 100,000 rows, 8 columns", func(ctx context.Context, conn *pgconn.PgConn) error {
			result := conn.ExecParams(ctx, "SELECT * FROM bulk", nil, nil, nil, nil)
			for result.NextRow() {
			}
			_, err := result.Close()
			return err
		}},
		{"COPY out, 100,000 rows", func(ctx context.Context, conn *pgconn.PgConn) error {
			_, err := conn.CopyTo(ctx, io.Discard, "COPY bulk TO STDOUT")
			return err
		}},
		{"COPY in, 100,000 rows", func(ctx context.Context, conn *pgconn.PgConn) error {
			if err := s.cluster.Exec(ctx, string(plain), "TRUNCATE bulk_in"); err != nil {
				return err
			}
			_, err := conn.CopyFrom(ctx, bytes.NewReader(s.copyData), "COPY bulk_in FROM STDIN")
			return err
		}},
	} {
		t := &test{name: b.name, unit: "row", goal: goalBulk}
		s.ways(t, plain, func(w way) func(ctx context.Context) (measurement, error) {
			return func(ctx context.Context) (measurement, error) { return s.bulk(ctx, w, b.once) }
		})
		tests = append(tests, t)
	}
	return tests
}

// bulk counts rows from after the first time.
func (s *stage) bulk(ctx context.Context, w way, once func(ctx context.Context, conn *pgconn.PgConn) error) (m measurement, err error) {
	conn, err := pgconn.Connect(ctx, w.url(false))
	if err != nil {
		return m, err
	}
	defer conn.Close(ctx)
	if err := once(ctx, conn); err != nil {
		return m, err
	}
	began, before, times := time.Now(), cpuTime(w.pid), 0
	for time.Since(began) < time.Duration(s.options.seconds)*time.Second {
		if err := once(ctx, conn); err != nil {
			return m, err
		}
		times++
	}
	return each(times*bulkRows, time.Since(began), cpuTime(w.pid)-before), nil
}

// each divides what a run has taken by the number of things done.
func each(n int, took, cpu time.Duration) measurement {
	if n == 0 {
		return measurement{}
	}
	return measurement{perSecond: float64(n) / took.Seconds(), cpu: cpu / time.Duration(n)}
}

// fetchCopyData keeps what COPY in sends.
func (s *stage) fetchCopyData(ctx context.Context) error {
	conn, err := pgconn.Connect(ctx, s.waysTo(plain)[0].url(false))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var data bytes.Buffer
	if _, err := conn.CopyTo(ctx, &data, "COPY bulk TO STDOUT"); err != nil {
		return err
	}
	s.copyData = data.Bytes()
	return nil
}
