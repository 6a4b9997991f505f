package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

const (
	crowdClients = 3
	crowdPause   = time.Millisecond
)

// crowdTest is what the crowd is called among the results.
const crowdTest = "others keep what is theirs"

// crowd is clients that work while a suite runs, so that in transaction mode server connections go from hand to hand. Each
// has settings and a prepared statement of its own, and looks again and again whether they still are what they were.
type crowd struct {
	stop context.CancelFunc
	all  sync.WaitGroup
	mu   sync.Mutex
	errs []error
}

func startCrowd(ctx context.Context, s *suite.Server) *crowd {
	ctx, stop := context.WithCancel(ctx)
	c := &crowd{stop: stop}
	for i := range crowdClients {
		c.all.Go(func() {
			if err := mingle(ctx, s, i); err != nil && ctx.Err() == nil {
				c.mu.Lock()
				c.errs = append(c.errs, fmt.Errorf("client %d of the crowd: %w", i, err))
				c.mu.Unlock()
			}
		})
	}
	return c
}

// end stops the crowd and returns what went wrong.
func (c *crowd) end() error {
	c.stop()
	c.all.Wait()
	return errors.Join(c.errs...)
}

// mingle is one client of the crowd.
func mingle(ctx context.Context, s *suite.Server, number int) error {
	conn, err := pgx.Connect(ctx, s.URL(fmt.Sprintf("application_name=crowd %d", number)))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	memory := fmt.Sprintf("%dMB", 10+number)
	zone := []string{"Asia/Tokyo", "America/New_York", "Europe/Zurich"}[number%3]
	for _, sql := range []string{"SET work_mem = '" + memory + "'", "SET TimeZone = '" + zone + "'", "SET search_path = pg_catalog",
		"SET DateStyle = 'German'", "SET my.crowd = '" + memory + "'"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	const look = `SELECT current_setting('work_mem'), current_setting('TimeZone'), current_setting('application_name'),
		current_setting('search_path'), current_setting('my.crowd'), '2020-02-01'::date::text, pg_sleep(0.001)::text, $1::int`
	want := [...]string{memory, zone, fmt.Sprintf("crowd %d", number), "pg_catalog", memory, "01.02.2020"}
	if _, err := conn.Prepare(ctx, "look", look); err != nil {
		return err
	}
	for round := 0; ctx.Err() == nil; round++ {
		var got [len(want)]string
		var empty string
		var back int
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, "look", round).Scan(&got[0], &got[1], &got[2], &got[3], &got[4], &got[5], &empty, &back)
		})
		switch {
		case err != nil:
			return err
		case got != want || back != round:
			return fmt.Errorf("round %d: got %q and %d, want %q", round, got, back, want)
		}
		select {
		case <-ctx.Done():
		case <-time.After(crowdPause):
		}
	}
	return nil
}
