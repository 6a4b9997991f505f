package session

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// faultyClient fails one read or write of the gateway's side of a client's socket.
type faultyClient struct {
	net.Conn
	left *atomic.Int64
}

var errFault = errors.New("a fault was injected")

func (c *faultyClient) fails() bool {
	if c.left.Add(-1) != 0 {
		return false
	}
	_ = c.Conn.Close()
	return true
}

func (c *faultyClient) Read(p []byte) (int, error) {
	if c.fails() {
		return 0, errFault
	}
	return c.Conn.Read(p)
}

func (c *faultyClient) Write(p []byte) (int, error) {
	if c.fails() {
		return 0, errFault
	}
	return c.Conn.Write(p)
}

// Whenever a client goes, its session ends, its transaction is rolled back, and its server connections are closed.
func TestClientFaultsLeaveNothingBehind(t *testing.T) {
	scenario := func(conn *pgx.Conn, insert string) error {
		ctx := testContext(t)
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insert, 8, "eight"); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for range 3 {
			batch.Queue("SHOW TimeZone")
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		return tx.Rollback(ctx)
	}
	for what, start := range map[string]func(testing.TB) *testGateway{"relay": plainGateway, "plans": shopGateway} {
		g := start(t)
		insert := "insert"
		if what == "relay" {
			insert = "INSERT INTO gone VALUES ($1, $2)"
			for _, sql := range []string{"DROP TABLE IF EXISTS gone", "CREATE TABLE gone (id bigint, name text)", "GRANT ALL ON gone TO " + backendRole} {
				if err := cluster.Exec(testContext(t), "plain", sql); err != nil {
					t.Fatal(err)
				}
			}
		}
		var left atomic.Int64
		wrap := func(nc net.Conn) net.Conn { return &faultyClient{nc, &left} }
		g.wrap.Store(&wrap)
		for n := int64(1); ; n++ {
			left.Store(n)
			conn, err := pgx.Connect(testContext(t), g.url())
			if err == nil {
				err = scenario(conn, insert)
				_ = conn.Close(testContext(t))
			}
			fired := left.Load() <= 0
			if !fired && err != nil {
				t.Fatalf("%s, without a fault: %v", what, err)
			}
			ended := make(chan struct{})
			go func() { g.options.Registry.Wait(); close(ended) }()
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Fatalf("%s, fault %d: the session does not end", what, n)
			}
			if !fired {
				t.Logf("%s: %d operations", what, n-1)
				break
			}
		}
		for datasource, p := range g.pools {
			if st := p.Stats(); st.Used != 0 {
				t.Errorf("%s: %d connections to %q are still used", what, st.Used, datasource)
			}
			p.Close()
		}
		if n := g.serverConnections(); n != 0 {
			t.Errorf("%s: %d server connections are left", what, n)
		}
	}
}

// serverConnections counts the gateway's connections to the cluster, once those that are ending have ended.
func (g *testGateway) serverConnections() (n int) {
	g.t.Helper()
	conn, err := pgx.Connect(testContext(g.t), cluster.URL("postgres"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for range 50 {
		err := conn.QueryRow(testContext(g.t), "SELECT count(*) FROM pg_stat_activity WHERE usename = $1", backendRole).Scan(&n)
		if err != nil {
			g.t.Fatal(err)
		}
		if n == 0 {
			return 0
		}
		time.Sleep(20 * time.Millisecond)
	}
	return n
}
