package main

import (
	"context"
	"fmt"
)

// The statements of the protected database: pgbench's select-only one, and one more that asks for the sealed column.
const (
	selectOpen   = "SELECT abalance FROM pgbench_accounts WHERE aid = :aid;"
	selectSealed = "SELECT abalance, note FROM pgbench_accounts WHERE aid = :aid;"
)

// Goals: the gateway's CPU time in PgBouncer's.
const (
	goalOneClient = 2.5
	goalClients   = 1.5
	goalBulk      = 2.0
	goalLogin     = 2.0
)

// goalClientsFrom is the number of clients from which goalClients counts.
const goalClientsFrom = 32

// tests lists what is measured in each round, in its order.
func (s *stage) tests() (tests []*test) {
	o := &s.options
	if o.has(partPgbench) {
		for _, protocol := range []string{"simple", "extended", "prepared"} {
			for _, clients := range o.clients {
				t := s.pgbenchTest("pgbench -S, "+protocol, []string{"-b", "select-only"}, protocol, clients, plain)
				t.goal = goalOf(clients)
				tests = append(tests, t)
			}
		}
	}
	if o.has(partTPCB) {
		for _, clients := range o.clients {
			if clients == 8 || clients == 32 {
				tests = append(tests, s.pgbenchTest("TPC-B, simple", []string{"-b", "tpcb-like"}, "simple", clients, tpcb))
			}
		}
	}
	if o.has(partProtected) {
		for _, protocol := range []string{"prepared", "simple"} {
			for _, clients := range o.few {
				tests = append(tests, s.protectedTest(protocol, clients))
			}
		}
	}
	if o.has(partBulk) {
		tests = append(tests, s.bulkTests()...)
	}
	if o.has(partLogins) {
		tests = append(tests, s.loginTests()...)
	}
	return tests
}

func goalOf(clients int) float64 {
	switch {
	case clients == 1:
		return goalOneClient
	case clients == goalClientsFrom:
		return goalClients
	}
	return 0
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// ways makes a test's rows: one for each way to a database.
func (s *stage) ways(t *test, of database, with func(w way) func(ctx context.Context) (measurement, error)) {
	bouncer := map[string]*row{}
	for _, w := range s.waysTo(of) {
		r := &row{name: w.name, measure: with(w)}
		if r.measure == nil {
			continue
		}
		switch w.proxy {
		case pgBouncer:
			bouncer[w.mode] = r
		case gateway:
			r.versus = bouncer[w.mode]
		}
		t.rows = append(t.rows, r)
	}
}

// pgbenchTest runs pgbench on each way to a transparent database. A PgBouncer that does not know prepared statements in
// transaction mode is left out there: its figure in session mode stands for it.
func (s *stage) pgbenchTest(name string, script []string, protocol string, clients int, of database) *test {
	t := &test{name: fmt.Sprintf("%s, %d %s", name, clients, plural(clients, "client")), unit: "transaction", latency: true}
	var session, transaction *row
	s.ways(t, of, func(w way) func(ctx context.Context) (measurement, error) {
		if w.proxy == pgBouncer && w.mode == modeTransaction && protocol == "prepared" && !s.bouncerPrepares {
			return nil
		}
		return func(ctx context.Context) (measurement, error) {
			return s.pgbench(ctx, pgbench{protocol: protocol, clients: clients, script: script, url: w.url(false), pid: w.pid})
		}
	})
	for _, r := range t.rows {
		switch r.name {
		case wayName(pgBouncer, modeSession):
			session = r
		case wayName(gateway, modeTransaction):
			transaction = r
		}
	}
	if transaction != nil && transaction.versus == nil {
		transaction.versus = session
	}
	return t
}

// protectedTest compares a relayed statement with planned ones, without and with a sealed column.
func (s *stage) protectedTest(protocol string, clients int) *test {
	t := &test{name: fmt.Sprintf("protected, %s, %d %s", protocol, clients, plural(clients, "client")), unit: "transaction", latency: true}
	for _, r := range []struct {
		name, script string
		w            way
	}{
		{"transparent", selectOpen, s.protected.transparent},
		{"protected, open column", selectOpen, s.protected.plain},
		{"transparent, with note", selectSealed, s.protected.transparent},
		{"protected, sealed note", selectSealed, s.protected.plain},
		{"the same, audited", selectSealed, s.protected.audited},
	} {
		t.rows = append(t.rows, &row{name: r.name, measure: func(ctx context.Context) (measurement, error) {
			return s.pgbench(ctx, pgbench{protocol: protocol, clients: clients, script: []string{"-f", s.scripts[r.script]},
				url: r.w.url(false), pid: r.w.pid})
		}})
	}
	return t
}
