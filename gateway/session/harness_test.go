package session

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/audit"
	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/scan"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
	"github.com/portcullisdb/portcullis/shard"
)

const (
	backendRole     = "gateway"
	backendPassword = "b4ckend"
	clientUser      = "app"
	clientPassword  = "s3cret"
)

// cluster is started by the first test that needs it, and stopped after the last.
var (
	cluster     *pgcluster.Cluster
	clusterOnce sync.Once
)

func TestMain(m *testing.M) {
	code := m.Run()
	if cluster != nil {
		_ = cluster.Stop()
	}
	os.Exit(code)
}

func startCluster(t testing.TB) {
	t.Helper()
	clusterOnce.Do(func() {
		ctx := context.Background()
		started, err := pgcluster.Start(ctx, pgcluster.Options{Name: "session"})
		if err != nil {
			t.Fatal(err)
		}
		cluster = started
		err = cluster.CreateRole(ctx, backendRole, backendPassword)
		for _, d := range []string{"plain", "shop", "shop_0", "shop_1"} {
			if err == nil {
				err = cluster.CreateDatabase(ctx, d, backendRole)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if cluster == nil {
		t.Fatal("the cluster did not start")
	}
}

// testGateway accepts clients and serves them, without the assembly of package gateway.
type testGateway struct {
	t        testing.TB
	options  Options
	address  string
	planner  *testPlanner
	events   *recorder
	dialNet  func(ctx context.Context, network, address string) (net.Conn, error)
	wrap     atomic.Pointer[func(net.Conn) net.Conn] // of clients
	database *Database
	pools    map[string]*pool.Pool
	names    map[string]string // of the datasources' databases
}

// recorder keeps audit events.
type recorder struct {
	mu     sync.Mutex
	events []audit.Event
	fail   error
}

func (r *recorder) Record(_ context.Context, e *audit.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return r.fail
	}
	r.events = append(r.events, *e)
	return nil
}

func (r *recorder) kinds(kind audit.Kind) []audit.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []audit.Event
	for _, e := range r.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// testPlanner knows the plans of a few texts, and how to read the commands of a session.
type testPlanner struct {
	mu    sync.Mutex
	plans map[string]*rewrite.Plan // by skeleton or text
}

func (p *testPlanner) Prepare(_ context.Context, sql string) ([]*rewrite.Statement, *sqlstate.Error) {
	scanned, err := scan.Scan(sql, scan.DefaultLimits())
	if err != nil {
		return nil, err
	}
	var statements []*rewrite.Statement
	for _, s := range scanned {
		st := &rewrite.Statement{Statement: s}
		if _, query, ok := strings.Cut(s.Text, " FOR "); ok && strings.HasPrefix(s.Text, "DECLARE ") {
			st.Embedded = &rewrite.Statement{Statement: scan.Statement{Text: query}}
		}
		statements = append(statements, st)
	}
	return statements, nil
}

func (p *testPlanner) Plan(_ context.Context, s *rewrite.Statement, _ *rewrite.Env) (*rewrite.Plan, *sqlstate.Error) {
	text := strings.TrimSpace(s.Text)
	words := strings.Fields(text)
	action := func(a rewrite.SessionAction) (*rewrite.Plan, *sqlstate.Error) {
		return &rewrite.Plan{Destination: rewrite.DestinationSession, Session: &a}, nil
	}
	switch strings.ToUpper(words[0]) {
	case "BEGIN":
		return action(rewrite.SessionAction{Kind: "BEGIN", Tag: "BEGIN"})
	case "SAVEPOINT", "RELEASE":
		return action(rewrite.SessionAction{Kind: strings.ToUpper(words[0]), Tag: strings.ToUpper(words[0]), Name: words[len(words)-1]})
	case "ROLLBACK":
		if len(words) >= 3 {
			return action(rewrite.SessionAction{Kind: "ROLLBACK TO", Tag: "ROLLBACK", Name: words[len(words)-1]})
		}
		return action(rewrite.SessionAction{Kind: "ROLLBACK", Tag: "ROLLBACK"})
	case "COMMIT":
		return action(rewrite.SessionAction{Kind: "COMMIT", Tag: "COMMIT"})
	case "SET":
		kind := "SET"
		words = words[1:]
		if strings.EqualFold(words[0], "LOCAL") {
			kind, words = "SET LOCAL", words[1:]
		}
		return action(rewrite.SessionAction{Kind: kind, Tag: "SET", Name: words[0], Values: []string{strings.Trim(words[2], "'")}})
	case "SHOW":
		return action(rewrite.SessionAction{Kind: "SHOW", Tag: "SHOW", Name: words[1]})
	case "DISCARD":
		return action(rewrite.SessionAction{Kind: "DISCARD ALL", Tag: "DISCARD ALL"})
	case "DECLARE": // name [SCROLL] [HOLD] FOR
		return action(rewrite.SessionAction{Kind: "DECLARE", Tag: "DECLARE CURSOR", Name: words[1],
			Hold: slices.Contains(words, "HOLD"), Scroll: slices.Contains(words, "SCROLL")})
	case "FETCH": // count name
		count, _ := strconv.Atoi(words[1])
		return action(rewrite.SessionAction{Kind: "FETCH", Name: words[2], Count: int64(count)})
	case "PANIC":
		panic("a planner gone wrong")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if plan := p.plans[text]; plan != nil {
		return plan, nil
	}
	return nil, sqlstate.New(sqlstate.FeatureNotSupported, "the statement is not understood").WithRule("unknown")
}

// newGateway serves a policy's database under its name.
func newGateway(t testing.TB, db *policy.Database, databases map[string]string) *testGateway {
	t.Helper()
	startCluster(t)
	g := &testGateway{t: t, planner: &testPlanner{plans: map[string]*rewrite.Plan{}}, events: &recorder{}}
	verifier, err := wire.Verifier(clientPassword, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	view := &policy.View{Roles: []string{"service"}, Columns: map[policy.ColumnName]policy.Access{}}
	user := &policy.User{Name: clientUser, Roles: view.Roles, Views: map[string]*policy.View{db.Name: view}}
	empty := catalog.New(1, []string{"public"}, nil, nil, nil)
	g.database = &Database{Policy: db, Planner: g.planner, Catalog: func() *catalog.Catalog { return empty },
		Disabled:   func() map[policy.TableName]string { return nil },
		Parameters: map[string]string{"server_version": "15.0", "TimeZone": "UTC"}}
	g.pools, g.names = map[string]*pool.Pool{}, map[string]string{}
	for datasource, name := range databases {
		g.names[datasource] = name
		g.pools[datasource] = g.newPool(datasource, 100)
	}
	g.database.Pool = func(datasource string, _ Identity) (*pool.Pool, *sqlstate.Error) { return g.pools[datasource], nil }
	if !db.Transparent() {
		if g.database.Runner, err = execute.NewRunner(execute.Options{Database: db, Clock: shard.SystemClock{}}); err != nil {
			t.Fatal(err)
		}
	}
	state := &State{Policy: &policy.Policy{Generation: 1, Databases: map[string]*policy.Database{db.Name: db},
		Users: map[string]*policy.User{clientUser: user}}, Databases: map[string]*Database{db.Name: g.database},
		Verifiers: map[string]string{clientUser: verifier}}
	g.options = Options{State: func() *State { return state }, Registry: NewRegistry(),
		SCRAM: wire.NewSCRAM([]byte("unknown users"), rand.Reader), Audit: g.events,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Clock: time.Now, Random: rand.Reader, Buffers: &wire.Buffers{}}
	if os.Getenv("SESSION_TEST_LOG") != "" {
		g.options.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	g.listen()
	return g
}

func (g *testGateway) listen() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		g.t.Fatal(err)
	}
	g.address = listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	var sessions sync.WaitGroup
	g.t.Cleanup(func() {
		_ = listener.Close()
		stop()
		sessions.Wait()
	})
	go func() {
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			if wrap := g.wrap.Load(); wrap != nil {
				nc = (*wrap)(nc)
			}
			sessions.Add(1)
			go func() {
				defer sessions.Done()
				Serve(ctx, nc, &g.options)
			}()
		}
	}()
}

func (g *testGateway) url() string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", clientUser, clientPassword, g.address, g.database.Policy.Name)
}

func (g *testGateway) connect(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(testContext(t), g.url())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// limitServers puts another bound on the connections to a datasource.
func (g *testGateway) limitServers(datasource string, limit int) {
	g.pools[datasource].Close()
	g.pools[datasource] = g.newPool(datasource, limit)
}

func (g *testGateway) newPool(datasource string, limit int) *pool.Pool {
	p := pool.New(pool.Options{Datasource: datasource, Max: limit,
		Dial: func(ctx context.Context, startup *pool.Startup) (*pool.Server, error) {
			c := pool.Config{Datasource: datasource, DialNet: g.dialNet,
				URL: cluster.URLFor(backendRole, backendPassword, g.names[datasource])}
			if startup != nil {
				c.Params = startup.Params
			}
			return pool.Dial(ctx, c)
		}})
	g.t.Cleanup(p.Close)
	return p
}
