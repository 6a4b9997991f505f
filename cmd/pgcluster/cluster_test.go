package pgcluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// childVariable tells the test binary that it is the child of TestServerDiesWithItsParent.
const childVariable = "PGCLUSTER_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		startAndSleep()
	}
	os.Exit(m.Run())
}

// startAndSleep starts a cluster, prints its address and folder, and waits to be killed.
func startAndSleep() {
	c, err := Start(context.Background(), Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(c.Port, c.SocketDir())
	select {}
}

func start(t *testing.T, options Options) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func queryText(t *testing.T, url, sql string) string {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(context.Background())
	var text string
	if err := connection.QueryRow(t.Context(), sql).Scan(&text); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func TestClusterServesRolesAndDatabases(t *testing.T) {
	c := start(t, Options{Name: "first", LogStatement: "all", MaxPreparedTransactions: 7,
		Settings: map[string]string{"work_mem": "3MB", "port": "1"}})
	if err := c.CreateRole(t.Context(), `o"brien`, `it's`, "NOSUPERUSER"); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateDatabase(t.Context(), "shop", `o"brien`); err != nil {
		t.Fatal(err)
	}
	if err := c.Exec(t.Context(), "shop", "CREATE TABLE t (a int); INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	if err := c.CopyDatabase(t.Context(), "shop_copy", "shop", ""); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		"SELECT count(*)::text FROM t":                                   "1",
		"SELECT current_setting('max_prepared_transactions')":            "7",
		"SELECT current_setting('work_mem')":                             "3MB",
		"SELECT current_setting('fsync')":                                "off",
		"SELECT current_setting('server_encoding')":                      "UTF8",
		"SELECT current_setting('cluster_name')":                         "first",
		"SELECT current_setting('port')":                                 fmt.Sprint(c.Port),
		"SELECT datcollate FROM pg_database WHERE datname = 'shop_copy'": "C.UTF-8",
	} {
		if got := queryText(t, c.URL("shop_copy"), sql); got != want {
			t.Errorf("%s: got %q, want %q", sql, got, want)
		}
	}
	if got := queryText(t, c.URLFor(`o"brien`, "it's", "shop"), "SELECT current_user::text"); got != `o"brien` {
		t.Errorf("current_user is %q", got)
	}
	if _, err := pgx.Connect(t.Context(), c.URLFor(`o"brien`, "wrong", "shop")); err == nil {
		t.Error("a wrong password was accepted")
	}
	log, err := os.ReadFile(c.LogPath())
	if err != nil || !strings.Contains(string(log), "CREATE TABLE t") {
		t.Errorf("log_statement = all has not logged a statement (%v)", err)
	}
	out, err := exec.Command(c.Psql(), "-At", "-c", "SELECT 1 + 1", c.URL("shop")).CombinedOutput()
	if err != nil || string(out) != "2\n" {
		t.Errorf("psql printed %q (%v)", out, err)
	}
}

func TestClustersAreApart(t *testing.T) {
	first, second := start(t, Options{}), start(t, Options{})
	if first.Port == second.Port || first.DataDir() == second.DataDir() {
		t.Fatalf("both clusters are on port %d in %s", first.Port, first.DataDir())
	}
	for _, c := range []*Cluster{first, second} {
		info, err := os.Stat(c.SocketDir())
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			t.Errorf("folder has mode %v", info.Mode())
		}
		if os.Geteuid() == 0 && info.Sys().(*syscall.Stat_t).Uid == 0 {
			t.Error("folder belongs to root")
		}
	}
}

func TestStopLeavesNothing(t *testing.T) {
	c := start(t, Options{})
	// A client that stays connected must not hold up a fast shutdown.
	connection, err := pgx.Connect(t.Context(), c.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(context.Background())
	for range 2 {
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	gone(t, c.Port, c.SocketDir(), 0)
}

func TestRestartKeepsPortAndData(t *testing.T) {
	c := start(t, Options{Durable: true})
	if err := c.Exec(t.Context(), "postgres", "CREATE TABLE kept AS SELECT 'here' AS word"); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := queryText(t, c.URL("postgres"), "SELECT word FROM kept"); got != "here" {
		t.Errorf("got %q", got)
	}
}

func TestStopAfterAFailedRestartLeavesNothing(t *testing.T) {
	c := start(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Restart(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	gone(t, c.Port, c.SocketDir(), 0)
}

func TestServerDiesWithItsParent(t *testing.T) {
	for _, signal := range []os.Signal{os.Kill, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), childVariable+"=1")
			stdout, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(stdout).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			var port int
			var dir string
			if _, err := fmt.Sscan(line, &port, &dir); err != nil {
				t.Fatalf("the child said %q: %v", line, err)
			}
			if err := child.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = child.Wait() // it was killed
			gone(t, port, dir, 20*time.Second)
		})
	}
}

// gone waits until nobody listens on the port and the folder is removed.
func gone(t *testing.T, port int, dir string, patience time.Duration) {
	t.Helper()
	address := net.JoinHostPort(host, fmt.Sprint(port))
	deadline := time.Now().Add(patience)
	for {
		connection, dialErr := net.Dial("tcp", address)
		if dialErr == nil {
			connection.Close()
		}
		_, statErr := os.Stat(dir)
		if dialErr != nil && errors.Is(statErr, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still there: server %v, folder %v", dialErr == nil, statErr == nil)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestTakenPortIsNoticed(t *testing.T) {
	listener, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := start(t, Options{})
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.stopServer()
	err = c.startServer(t.Context(), listener.Addr().(*net.TCPAddr).Port)
	if !errors.Is(err, errPortTaken) {
		t.Fatalf("got %v", err)
	}
	if err := c.startServer(t.Context(), c.Port); err != nil {
		t.Fatal(err)
	}
}

func TestStartExplainsAnUnknownSetting(t *testing.T) {
	_, err := Start(t.Context(), Options{Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), `unrecognized configuration parameter "no_such_setting"`) {
		t.Fatalf("got %v", err)
	}
}

func TestStartStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}
