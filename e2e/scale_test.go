package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// scaleLong takes TestScale to what a production gateway has to bear: 500 clients for a minute, 10,000 idle ones.
var scaleLong = flag.Bool("scalelong", false, "run TestScale with 500 busy and 10,000 idle clients, and pgbench for a minute")

// TestScale: far more clients than server connections, busy and idle, and all of them at once at the door.
func TestScale(t *testing.T) {
	busy, idle, seconds := 200, 1000, 5
	if *scaleLong {
		busy, idle, seconds = 500, 10_000, 60
	}
	tr := startTransparent(t)
	lent := strings.Replace(tr.url("app"), "/shop?", "/lent?", 1)
	t.Run("busy clients", func(t *testing.T) { tr.testBusyClients(t, lent, busy, seconds) })
	t.Run("idle clients", func(t *testing.T) { testIdleClients(t, lent, idle) })
}

// testBusyClients runs pgbench with many clients over 20 server connections: no client sees an error, and no transaction is
// lost or done twice.
func (tr *transparent) testBusyClients(t *testing.T, url string, clients, seconds int) {
	pgbench := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(tr.clusters[0].Binaries.Path("pgbench"), append(args, url)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("pgbench %s: %v: %s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	pgbench("-i", "-q", "-s", "10")
	for _, mode := range []string{"simple", "extended", "prepared"} {
		out := pgbench("-n", "-M", mode, "-c", fmt.Sprint(clients), "-j", "4", "-T", fmt.Sprint(seconds))
		if strings.Contains(out, "aborted") || !strings.Contains(out, "number of failed transactions: 0 ") {
			t.Errorf("pgbench -M %s: %s", mode, out)
		}
	}
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var equal bool
	var servers int
	const serversMax, ofSessionMode = 20, 1
	for range 100 { // a server process may outlive its connection a little
		if err := conn.QueryRow(context.Background(), `SELECT
			(SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)
			AND (SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT sum(bbalance) FROM pgbench_branches),
			(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'gateway')`).
			Scan(&equal, &servers); err != nil {
			t.Fatal(err)
		}
		if servers <= serversMax+ofSessionMode {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if !equal || servers > serversMax+ofSessionMode {
		t.Errorf("sums equal: %v; %d server connections", equal, servers)
	}
}

// testIdleClients logs many clients in at once and keeps them: each is let in, and each is answered afterwards.
func testIdleClients(t *testing.T, url string, clients int) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	conns := make([]*pgconn.PgConn, clients)
	var wg sync.WaitGroup
	places := make(chan struct{}, 200) // more than the gateway lets log in at one time
	for i := range conns {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			conn, err := pgconn.ConnectConfig(ctx, config.Copy())
			if err != nil {
				t.Errorf("client %d: %v", i, err)
				return
			}
			conns[i] = conn
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	defer func() {
		for _, conn := range conns {
			_ = conn.Close(ctx)
		}
	}()
	for i := 0; i < clients; i += 7 {
		r := conns[i].ExecParams(ctx, "SELECT $1::int4", [][]byte{[]byte(fmt.Sprint(i))}, nil, nil, nil).Read()
		if r.Err != nil || string(r.Rows[0][0]) != fmt.Sprint(i) {
			t.Fatalf("client %d: %v", i, r.Err)
		}
	}
}
