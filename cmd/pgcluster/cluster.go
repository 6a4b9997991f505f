package pgcluster

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Limits of starting and stopping.
const (
	startTimeout    = 60 * time.Second      // from the fork of the server until it accepts connections
	stopTimeout     = 15 * time.Second      // for a fast shutdown, before the server is killed
	pollInterval    = 10 * time.Millisecond // between two looks at postmaster.pid
	portAttemptsMax = 10                    // ports tried when others take them between our look and the server's bind
	logTailBytes    = 4096                  // of the server's log, in the error of a start that failed
)

// Superuser is the role that owns the cluster; its password is random and part of Cluster.URL.
const Superuser = "postgres"

// host is where clusters listen; nothing outside the machine can reach them.
const host = "127.0.0.1"

// Options say how a cluster is to be. The zero Options are ready to use.
type Options struct {
	Binaries                Binaries // zero: those that Find finds
	Name                    string   // cluster_name: shown in process titles; may be empty
	Durable                 bool     // wait for the disk (fsync); off by default, because the clusters are thrown away
	LogStatement            string   // log_statement: "none" (default), "ddl", "mod" or "all"
	MaxPreparedTransactions int      // 0 (PostgreSQL's default) disables PREPARE TRANSACTION
	MaxConnections          int      // 0: PostgreSQL's default, 100
	// Settings are further settings of postgresql.conf by name. They win over what the other options say, but for the
	// port and the addresses.
	Settings map[string]string
}

// Cluster is a running PostgreSQL cluster. The exported fields do not change after Start.
type Cluster struct {
	Port     int // on 127.0.0.1, and of the socket in SocketDir
	Binaries Binaries

	folder   *folder
	password string
	settings []string // arguments of the server but for the port

	mutex   sync.Mutex
	server  *exec.Cmd     // nil when none runs
	exited  chan struct{} // closed when server has been waited for
	stopped bool
}

// Start makes a cluster and returns when it accepts connections. Cancelling ctx ends the attempt; once Start has
// returned, ctx has no more influence. The caller owns the cluster and calls Stop.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	if options.Binaries.Dir == "" {
		found, err := Find(ctx)
		if err != nil {
			return nil, err
		}
		options.Binaries = found
	}
	folder, err := newFolder()
	if err != nil {
		return nil, fmt.Errorf("make the cluster's folder: %w", err)
	}
	c := &Cluster{Binaries: options.Binaries, folder: folder, settings: settings(options, folder.path)}
	if c.password, err = copyTemplate(ctx, options.Binaries, folder, c.dataDir()); err != nil {
		return nil, errors.Join(fmt.Errorf("initialize the cluster: %w", err), folder.remove())
	}
	if err := c.startOnFreePort(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w", err), folder.remove())
	}
	return c, nil
}

// URL returns a connection URL of the superuser for one database, password included.
func (c *Cluster) URL(database string) string { return c.URLFor(Superuser, c.password, database) }

// URLFor returns a connection URL for a role of the cluster. An empty password leaves it out.
func (c *Cluster) URLFor(role, password, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(role),
		Host:     net.JoinHostPort(host, strconv.Itoa(c.Port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	if password != "" {
		u.User = url.UserPassword(role, password)
	}
	return u.String()
}

// SocketDir is the folder of the cluster's Unix socket, for libpq's host parameter. Only the server's user and root may
// enter it.
func (c *Cluster) SocketDir() string { return c.folder.path }

// LogPath is the server's log file. It lives as long as the cluster.
func (c *Cluster) LogPath() string { return filepath.Join(c.folder.path, "server.log") }

// DataDir is the cluster's data directory. It lives as long as the cluster.
func (c *Cluster) DataDir() string { return c.dataDir() }

// Psql is the path of the psql that belongs to the cluster's version.
func (c *Cluster) Psql() string { return c.Binaries.Path("psql") }

// Stop shuts the server down, in PostgreSQL's fast mode, and removes the cluster's folder. Calls after the first do
// nothing and return nil.
func (c *Cluster) Stop() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.stopped {
		return nil
	}
	c.stopped = true
	if c.server != nil {
		c.stopServer()
	}
	return c.folder.remove()
}

// Restart stops the server as with an immediate shutdown (a crash: open transactions are lost, the log is replayed) and
// starts it again on the same port with the same data. After an error no server runs; the caller still calls Stop.
func (c *Cluster) Restart(ctx context.Context) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.server == nil {
		return errors.New("no server runs")
	}
	_ = c.server.Process.Signal(syscall.SIGQUIT) // it may have ended already
	<-c.exited
	return c.startServer(ctx, c.Port)
}

func (c *Cluster) dataDir() string { return filepath.Join(c.folder.path, "data") }

// startOnFreePort starts the server on a port that was free a moment ago, again with another if it no longer is.
func (c *Cluster) startOnFreePort(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		port, err := freePort()
		if err != nil {
			return err
		}
		err = c.startServer(ctx, port)
		if err == nil {
			c.Port = port
			return nil
		}
		if !errors.Is(err, errPortTaken) || attempt == portAttemptsMax {
			return err
		}
	}
}

var errPortTaken = errors.New("the port is taken")

// startServer forks the server and waits until postmaster.pid says that it is ready, as pg_ctl does
// (src/bin/pg_ctl/pg_ctl.c, wait_for_postmaster_start).
func (c *Cluster) startServer(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	log, err := os.OpenFile(c.LogPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	logStart, err := log.Seek(0, 2)
	if err != nil {
		return err
	}

	args := append([]string{"-D", c.dataDir(), "-c", "port=" + strconv.Itoa(port)}, c.settings...)
	server := c.folder.command(c.Binaries.Path("postgres"), args...)
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		_ = server.Wait() // the exit status says less than the log
		close(exited)
	}()
	c.server, c.exited = server, exited

	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-exited:
			c.server = nil
			return startFailure(c.LogPath(), logStart)
		case <-ctx.Done():
			c.stopServer()
			return fmt.Errorf("wait for the server to accept connections: %w", ctx.Err())
		case <-ticker.C:
			if ready(filepath.Join(c.dataDir(), "postmaster.pid"), server.Process.Pid) {
				return nil
			}
		}
	}
}

// stopServer ends the server and waits for it: SIGINT is PostgreSQL's fast shutdown (src/backend/postmaster/
// postmaster.c), SIGQUIT its immediate one.
func (c *Cluster) stopServer() {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		_ = c.server.Process.Signal(signal) // the only failure is that it has ended
		select {
		case <-c.exited:
			c.server = nil
			return
		case <-time.After(stopTimeout):
		}
	}
	c.server = nil
}

// settings turns options into arguments of the server. The port is not among them: it changes from attempt to attempt.
func settings(options Options, socketDir string) []string {
	values := map[string]string{
		"log_statement":             "none",
		"log_line_prefix":           "%m [%p] %q%u@%d ",
		"max_prepared_transactions": strconv.Itoa(options.MaxPreparedTransactions),
		"cluster_name":              options.Name,
		"timezone":                  "UTC",
		"log_timezone":              "UTC",
	}
	if options.LogStatement != "" {
		values["log_statement"] = options.LogStatement
	}
	if options.MaxConnections != 0 {
		values["max_connections"] = strconv.Itoa(options.MaxConnections)
	}
	if !options.Durable {
		for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
			values[name] = "off"
		}
	}
	for name, value := range options.Settings {
		values[name] = value
	}
	values["listen_addresses"] = host
	values["unix_socket_directories"] = socketDir
	values["logging_collector"] = "off" // the log is the server's standard error, at LogPath
	delete(values, "port")

	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	var args []string
	for _, name := range names {
		args = append(args, "-c", name+"="+values[name])
	}
	return args
}

// freePort returns a port of 127.0.0.1 that nobody listens on at this moment.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, fmt.Errorf("look for a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}

// ready reads postmaster.pid: line 1 is the server's process id, line 8 its state, "standby" for one that answers queries while
// it recovers (src/include/utils/pidfile.h).
func ready(path string, pid int) bool {
	content, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	var lines []string
	for scanner := bufio.NewScanner(bytes.NewReader(content)); scanner.Scan(); {
		lines = append(lines, strings.TrimSpace(scanner.Text()))
	}
	const pidLine, statusLine = 0, 7
	return len(lines) > statusLine && lines[pidLine] == strconv.Itoa(pid) &&
		(lines[statusLine] == "ready" || lines[statusLine] == "standby")
}

// startFailure explains with the server's own words why it ended.
func startFailure(logPath string, logStart int64) error {
	content, err := os.ReadFile(logPath)
	if err != nil {
		return fmt.Errorf("the server ended, and its log cannot be read: %w", err)
	}
	text := content[min(logStart, int64(len(content))):]
	if len(text) > logTailBytes {
		text = text[len(text)-logTailBytes:]
	}
	if bytes.Contains(text, []byte("could not create any TCP/IP sockets")) || bytes.Contains(text, []byte("Address already in use")) {
		return fmt.Errorf("%w: %s", errPortTaken, bytes.TrimSpace(text))
	}
	return fmt.Errorf("the server ended: %s", bytes.TrimSpace(text))
}

// newPassword draws a password with 128 bits of randomness and no character that a URL would have to quote.
func newPassword() string { return rand.Text() }
