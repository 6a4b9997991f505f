package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// loginsAtOnce is how many clients log in at one time.
const loginsAtOnce = 8

// loginTests log in by SCRAM-SHA-256 and leave, again and again. PgBouncer takes no server connection for a client that asks
// nothing; the gateway takes one in session mode. So there is one test in which clients ask something.
func (s *stage) loginTests() (tests []*test) {
	for _, l := range []struct {
		name   string
		secure bool
		query  string
	}{{"logins, without TLS", false, ""}, {"logins and one query, without TLS", false, "SELECT 1"}, {"logins, with TLS 1.3", true, ""}} {
		t := &test{name: l.name, unit: "login", goal: goalLogin}
		s.ways(t, plain, func(w way) func(ctx context.Context) (measurement, error) {
			if w.proxy == direct {
				return nil
			}
			return func(ctx context.Context) (measurement, error) { return s.logins(ctx, w, l.secure, l.query) }
		})
		tests = append(tests, t)
	}
	return tests
}

func (s *stage) logins(ctx context.Context, w way, secure bool, query string) (measurement, error) {
	config, err := pgconn.ParseConfig(w.url(secure))
	if err != nil {
		return measurement{}, err
	}
	login := func() error {
		conn, err := pgconn.ConnectConfig(ctx, config)
		if err != nil {
			return err
		}
		if query != "" {
			_, err = conn.Exec(ctx, query).ReadAll()
		}
		return errors.Join(err, conn.Close(ctx))
	}
	if err := login(); err != nil {
		return measurement{}, err
	}
	began, before := time.Now(), cpuTime(w.pid)
	end := began.Add(time.Duration(s.options.seconds) * time.Second)
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	for range loginsAtOnce {
		workers.Go(func() {
			for time.Now().Before(end) && failed.Load() == nil {
				if err := login(); err != nil {
					failed.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	workers.Wait()
	if err := failed.Load(); err != nil {
		return measurement{}, *err
	}
	return each(int(done.Load()), time.Since(began), cpuTime(w.pid)-before), nil
}
