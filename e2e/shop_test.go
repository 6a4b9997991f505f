package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
)

// shop is the example of examples/demo, served by the built binary over two clusters: the logical database and ds_0 are
// on the first, ds_1 on the second.
type shop struct {
	dir      string
	clusters [2]*pgcluster.Cluster
	environ  []string
	address  string
	gateway  *exec.Cmd
	log      *lockedBuffer
}

const (
	appPassword     = "app secret"
	supportPassword = "support secret"
	backendPassword = "backend secret"
)

var (
	sharedOnce sync.Once
	shared     *shop
	sharedErr  error
)

func TestMain(m *testing.M) {
	code := m.Run()
	if shared != nil {
		shared.stop()
	}
	os.Exit(code)
}

// theShop returns the shop that the tests of this binary share, started at the first call. Tests use ids of their own.
func theShop(t *testing.T) *shop {
	t.Helper()
	sharedOnce.Do(func() { shared, sharedErr = startShop(context.Background()) })
	if sharedErr != nil {
		t.Fatal(sharedErr)
	}
	return shared
}

// binary returns the gateway's binary, built once if PORTCULLIS_BINARY does not name one.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("PORTCULLIS_BINARY"); path != "" {
		return path, nil
	}
	path := filepath.Join(os.TempDir(), fmt.Sprintf("portcullis-e2e-%d", os.Getpid()))
	out, err := exec.Command("go", "build", "-o", path, "../cmd/portcullis").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the gateway: %w: %s", err, out)
	}
	return path, nil
})

// startShop brings everything up: clusters, keys, schema, gateway.
func startShop(ctx context.Context) (*shop, error) {
	s := &shop{log: &lockedBuffer{}}
	if err := s.start(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *shop) start(ctx context.Context) (err error) {
	if s.dir, err = os.MkdirTemp("", "portcullis-e2e-"); err != nil {
		return err
	}
	if err := s.startClusters(ctx); err != nil {
		return err
	}
	if err := s.writeConfig(); err != nil {
		return err
	}
	for _, args := range [][]string{{"check"}, {"keys", "init"}, {"schema", "apply"}, {"schema", "check"}} {
		if out, code := s.run("", args...); code != 0 {
			return fmt.Errorf("portcullis %s: exit code %d: %s", strings.Join(args, " "), code, out)
		}
	}
	return s.startGateway()
}

func (s *shop) startClusters(ctx context.Context) error {
	for i := range s.clusters {
		c, err := pgcluster.Start(ctx, pgcluster.Options{LogStatement: "all"})
		if err != nil {
			return err
		}
		s.clusters[i] = c
		if err := c.CreateRole(ctx, "shop_owner", backendPassword); err != nil {
			return err
		}
		if err := c.CreateRole(ctx, "gateway", backendPassword); err != nil {
			return err
		}
		if err := c.CreateDatabase(ctx, fmt.Sprintf("shop_%d", i), "shop_owner"); err != nil {
			return err
		}
	}
	return s.clusters[0].CreateDatabase(ctx, "shop", "shop_owner")
}

// writeConfig copies the example and sets the environment that it reads.
func (s *shop) writeConfig() error {
	for _, name := range []string{"portcullis.yaml", "schema.sql", "seed.sql"} {
		text, err := os.ReadFile(filepath.Join("..", "examples", "demo", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(s.dir, name), text, 0o600); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.address = listener.Addr().String()
	listener.Close()
	s.environ = append(os.Environ(), "PORTCULLIS_LISTEN__ADDRESS="+s.address,
		"SHOP_LOGICAL_URL="+s.clusters[0].URLFor("gateway", backendPassword, "shop"),
		"SHOP_LOGICAL_OWNER_URL="+s.clusters[0].URLFor("shop_owner", backendPassword, "shop"))
	for i, c := range s.clusters {
		database := fmt.Sprintf("shop_%d", i)
		s.environ = append(s.environ,
			fmt.Sprintf("SHOP_DS_%d_URL=%s", i, c.URLFor("gateway", backendPassword, database)),
			fmt.Sprintf("SHOP_DS_%d_OWNER_URL=%s", i, c.URLFor("shop_owner", backendPassword, database)))
	}
	for name, password := range map[string]string{"APP": appPassword, "SUPPORT": supportPassword} {
		verifier, code := s.run(password+"\n", "user", "verifier")
		if code != 0 {
			return fmt.Errorf("portcullis user verifier: exit code %d: %s", code, verifier)
		}
		s.environ = append(s.environ, "SHOP_"+name+"_VERIFIER="+strings.TrimSpace(verifier))
	}
	return nil
}

// run runs one command of the binary and returns what it printed and its exit code.
func (s *shop) run(stdin string, args ...string) (string, int) {
	path, err := binary()
	if err != nil {
		return err.Error(), -1
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = s.dir, s.environ, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		return err.Error(), -1
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (s *shop) startGateway() error {
	path, err := binary()
	if err != nil {
		return err
	}
	s.gateway = exec.Command(path, "serve")
	s.gateway.Dir, s.gateway.Env = s.dir, s.environ
	stderr, err := s.gateway.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.gateway.Start(); err != nil {
		return err
	}
	ready := make(chan struct{})
	go func() {
		var once sync.Once
		lines := bufio.NewScanner(io.TeeReader(stderr, s.log))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "msg=serving") {
				once.Do(func() { close(ready) })
			}
		}
		once.Do(func() { close(ready) })
	}()
	select {
	case <-ready:
	case <-time.After(30 * time.Second):
	}
	if !strings.Contains(s.log.String(), "msg=serving") {
		return fmt.Errorf("the gateway does not serve: %s", s.log)
	}
	return nil
}

func (s *shop) stop() {
	if s.gateway != nil && s.gateway.Process != nil {
		s.gateway.Process.Signal(syscall.SIGTERM)
		done := make(chan struct{})
		go func() { s.gateway.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			s.gateway.Process.Kill()
		}
	}
	for _, c := range s.clusters {
		if c != nil {
			c.Stop()
		}
	}
	os.RemoveAll(s.dir)
}

// url returns the gateway's URL for a user of the example.
func (s *shop) url(user string) string {
	password := map[string]string{"app": appPassword, "support": supportPassword}[user]
	return fmt.Sprintf("postgres://%s:%s@%s/shop?sslmode=disable", user, strings.ReplaceAll(password, " ", "%20"), s.address)
}

// connect opens a pgx connection through the gateway in one of pgx's query modes.
func (s *shop) connect(t *testing.T, user string, mode pgx.QueryExecMode) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(s.url(user))
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = mode
	conn, err := pgx.ConnectConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// shards runs a query as superuser on each shard, once for each physical table of a logical one ("%s"), and returns all
// rows as text.
func (s *shop) shards(t *testing.T, table, query string, args ...any) [][]string {
	t.Helper()
	var rows [][]string
	for i, c := range s.clusters {
		conn, err := pgx.Connect(context.Background(), c.URL(fmt.Sprintf("shop_%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{2 * i, 2*i + 1} {
			r, err := conn.Query(context.Background(), fmt.Sprintf(query, fmt.Sprintf("public.%s_%d", table, n)), args...)
			if err != nil {
				t.Fatal(err)
			}
			for r.Next() {
				values, err := r.Values()
				if err != nil {
					t.Fatal(err)
				}
				row := make([]string, len(values))
				for i, v := range values {
					row[i] = fmt.Sprint(v)
					if b, ok := v.([]byte); ok {
						row[i] = string(b)
					}
				}
				rows = append(rows, row)
			}
			if err := r.Err(); err != nil {
				t.Fatal(err)
			}
		}
		conn.Close(context.Background())
	}
	return rows
}

// psql runs psql through the gateway and returns what it prints on both outputs.
func (s *shop) psql(t *testing.T, user string, args ...string) string {
	t.Helper()
	cmd := exec.Command(s.clusters[0].Psql(), append([]string{"-X", "-d", s.url(user)}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out)
}

// lockedBuffer collects a process's output while tests read it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
