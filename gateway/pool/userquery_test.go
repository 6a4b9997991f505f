package pool

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestUserQuery(t *testing.T) {
	for _, test := range []struct {
		query, user    string
		name, verifier string
		ok             bool
		err            string
	}{
		{"SELECT rolname, 'stored' FROM pg_roles WHERE rolname = $1", "postgres", "postgres", "stored", true, ""},
		{"SELECT rolname, 'stored' FROM pg_roles WHERE rolname = $1", "no'body", "", "", false, ""},
		{"SELECT $1::text, NULL", "app", "app", "", true, ""},
		{"SELECT NULL, $1::text", "app", "", "app", false, ""},
		{"SELECT $1::text, x FROM unnest(ARRAY['a', 'b']) x", "app", "", "", false, "more than one row"},
		{"SELECT $1::text", "app", "", "", false, "two columns"},
		{"SELECT nonsense($1)", "app", "", "", false, "nonsense"},
	} {
		q, err := NewUserQuery(UserQueryConfig{URL: cluster.URL("postgres"), Query: test.query})
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		for range 2 { // on a new connection and on the one that is kept
			name, verifier, ok, err := q.Find(testContext(t), test.user)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("%s: %v, want %s", test.query, err, test.err)
				}
				continue
			}
			if err != nil || name != test.name || verifier != test.verifier || ok != test.ok {
				t.Errorf("%s: %q, %q, %v, %v", test.query, name, verifier, ok, err)
			}
		}
	}
	if _, err := NewUserQuery(UserQueryConfig{URL: "postgres://%zz:secret@"}); !errors.Is(err, ErrURL) {
		t.Errorf("got %v", err)
	}
}

// Connections are kept, bounded, and replaced when the server has closed them.
func TestUserQueryKeepsItsConnections(t *testing.T) {
	var dialled atomic.Int32
	q, err := NewUserQuery(UserQueryConfig{URL: cluster.URL("postgres"), Query: "SELECT $1::text, pg_backend_pid()::text",
		DialNet: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}})
	if err != nil {
		t.Fatal(err)
	}
	var askers sync.WaitGroup
	for range 20 {
		askers.Go(func() {
			if _, _, ok, err := q.Find(testContext(t), "app"); !ok || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
		})
	}
	askers.Wait()
	before := dialled.Load()
	if before > userQueriesMax {
		t.Errorf("%d connections", before)
	}
	admin, err := pgx.Connect(testContext(t), cluster.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(context.Background()) }()
	if _, err := admin.Exec(testContext(t), "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "+
		"WHERE application_name = 'portcullis'"); err != nil {
		t.Fatal(err)
	}
	if _, _, ok, err := q.Find(testContext(t), "app"); !ok || err != nil {
		t.Errorf("after the server has closed the connections: %v, %v", ok, err)
	}
	if dialled.Load() == before {
		t.Error("no new connection")
	}
	q.Close()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, _, err := q.Find(gone, "app"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, _, ok, err := q.Find(testContext(t), "app"); !ok || err != nil || len(q.idle) != 0 {
		t.Errorf("after Close: %v, %v, %d connections kept", ok, err, len(q.idle))
	}
}
