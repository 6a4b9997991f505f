package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	"github.com/portcullisdb/portcullis/gateway/audit"
	"github.com/portcullisdb/portcullis/gateway/wire"
)

const servicePassword = "s3rvice"

// service is a gateway in a process of its own, before a server.
type service struct {
	t       *testing.T
	folder  string
	binary  string
	address string // of the TCP listener
	admin   string
	lines   chan string // of the logs of all its processes
	first   *exec.Cmd
	done    chan error // takes the end of first
}

// newService starts PostgreSQL and writes the gateway's configuration, in which extra stands.
func newService(t *testing.T, extra string) *service {
	t.Helper()
	cluster, err := pgcluster.Start(context.Background(), pgcluster.Options{Name: "service"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	s := &service{t: t, folder: t.TempDir(), lines: make(chan string, 10_000), done: make(chan error, 1)}
	superuser, err := pgx.Connect(testContext(t), cluster.URL("postgres"))
	s.must(err)
	for _, sql := range []string{"CREATE ROLE gateway LOGIN PASSWORD 'g4teway'", "CREATE DATABASE data OWNER gateway"} {
		_, err = superuser.Exec(testContext(t), sql)
		s.must(err)
	}
	s.must(superuser.Close(testContext(t)))
	verifier, err := wire.Verifier(servicePassword, rand.Reader)
	s.must(err)
	s.configure(fmt.Sprintf(`listen: {address: "127.0.0.1:0", unix: {path: ., mode: "0700"}}
admin: {address: "127.0.0.1:0"}
users: [{name: app, verifier: "%s"}]
databases:
  plain:
    datasources: {only: {url: "%s"}}
audit: {file: {path: audit.jsonl, sync: false}}
%s`, verifier, cluster.URLFor("gateway", "g4teway", "data"), extra))
	self, err := os.Executable()
	s.must(err)
	s.binary = filepath.Join(s.folder, "portcullis")
	s.must(os.Symlink(self, s.binary))
	return s
}

// startService starts PostgreSQL and the gateway, with a configuration in which extra stands.
func startService(t *testing.T, extra string) *service {
	t.Helper()
	s := newService(t, extra)
	s.start(exec.Command(s.binary, s.arguments()...))
	return s
}

func (s *service) arguments() []string {
	return []string{"serve", "-c", s.path("portcullis.yaml"), "--pid-file", s.path("pid")}
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func (s *service) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *service) path(name string) string { return filepath.Join(s.folder, name) }

func (s *service) configure(text string) {
	s.must(os.WriteFile(s.path("portcullis.yaml"), []byte(text), 0o600))
}

// start starts the first process and waits until it serves. Its log, and those of the processes that it starts, go to one pipe.
func (s *service) start(first *exec.Cmd) {
	s.t.Helper()
	read, write, err := os.Pipe()
	s.must(err)
	s.first = first
	s.first.Stderr = write
	s.must(s.first.Start())
	_ = write.Close()
	go func() {
		scanner := bufio.NewScanner(read)
		for scanner.Scan() {
			s.lines <- scanner.Text()
		}
		close(s.lines)
	}()
	go func() { s.done <- s.first.Wait() }()
	s.t.Cleanup(func() {
		_ = s.first.Process.Kill()
		if pid, err := (pidFile{s.path("pid")}).read(); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	s.admin = s.attribute(s.await("serving administration"), "address")
	s.address = s.attribute(s.await("msg=serving address"), "address")
}

// await returns the first line of the log, of those that were not looked at, that holds a text.
func (s *service) await(text string) string {
	s.t.Helper()
	var before []string
	timeout := time.After(time.Minute)
	for {
		select {
		case line, ok := <-s.lines:
			if strings.Contains(line, text) {
				return line
			}
			if before = append(before, line); ok {
				continue
			}
		case <-timeout:
		}
		s.t.Fatalf("there is no line with %q in the log:\n%s", text, strings.Join(before, "\n"))
	}
}

func (s *service) attribute(line, name string) string {
	s.t.Helper()
	m := regexp.MustCompile(name + `=(\S+)`).FindStringSubmatch(line)
	if m == nil {
		s.t.Fatalf("%s: no %s", line, name)
	}
	return m[1]
}

// socketURL and tcpURL are how clients come.
func (s *service) socketURL() string {
	_, port, err := net.SplitHostPort(s.address)
	s.must(err)
	return fmt.Sprintf("postgres://app:%s@/plain?host=%s&port=%s&sslmode=disable", servicePassword, s.folder, port)
}

func (s *service) tcpURL() string {
	return fmt.Sprintf("postgres://app:%s@%s/plain?sslmode=disable", servicePassword, s.address)
}

func (s *service) connect(url string) *pgx.Conn {
	s.t.Helper()
	conn, err := pgx.Connect(testContext(s.t), url)
	s.must(err)
	s.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (s *service) signal(pid int, signal syscall.Signal) {
	s.t.Helper()
	s.must(syscall.Kill(pid, signal))
}

func (s *service) get(path string) (status int, body string) {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	answer, err := client.Get("http://" + s.admin + path)
	s.must(err)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	s.must(err)
	return answer.StatusCode, string(content)
}

// ready waits until the gateway says that it can serve.
func (s *service) ready() {
	s.t.Helper()
	for range 600 {
		if status, _ := s.get("/readyz"); status == http.StatusOK {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatal("the gateway is never ready")
}

// ended waits for the end of the first process.
func (s *service) ended() {
	s.t.Helper()
	select {
	case err := <-s.done:
		s.must(err)
	case <-time.After(time.Minute):
		s.t.Fatal("the process does not end")
	}
}

// comers connect, ask, and leave, one after the other, until stopped.
type comers struct {
	stop    atomic.Bool
	all     sync.WaitGroup
	served  atomic.Int64
	mu      sync.Mutex
	refused []error
}

func (c *comers) come(urls ...string) {
	for _, url := range urls {
		c.all.Go(func() {
			for !c.stop.Load() {
				if err := comeOnce(url); err != nil {
					c.mu.Lock()
					c.refused = append(c.refused, err)
					c.mu.Unlock()
				}
				c.served.Add(1)
			}
		})
	}
}

func comeOnce(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	var one int
	if err := conn.QueryRow(ctx, "SELECT 1", pgx.QueryExecModeSimpleProtocol).Scan(&one); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	return nil
}

// more waits until so many more have come.
func (c *comers) more(n int64) {
	for until := c.served.Load() + n; c.served.Load() < until; {
		time.Sleep(time.Millisecond)
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var server *pgconn.PgError
	if !errors.As(err, &server) || server.Code != code {
		t.Errorf("the error is %v, not one of %s", err, code)
	}
}

// Clients come in a loop while one process takes over from another, twice, and none is refused. A transaction ends in the
// process in which it began. The audit log is one chain with every login.
func TestUpgradeRefusesNobody(t *testing.T) {
	s := startService(t, "")
	var clients comers
	clients.come(s.tcpURL(), s.tcpURL(), s.socketURL(), s.socketURL())
	clients.more(20)
	for range 2 {
		old, err := (pidFile{s.path("pid")}).read()
		s.must(err)
		busy, idle := s.connect(s.tcpURL()), s.connect(s.socketURL())
		_, err = busy.Exec(testContext(t), "BEGIN")
		s.must(err)
		_, err = idle.Exec(testContext(t), "SELECT 1")
		s.must(err)

		out, err := exec.Command(s.binary, "upgrade", "-c", s.path("portcullis.yaml"), "--pid-file", s.path("pid")).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "in place of "+strconv.Itoa(old)) {
			t.Fatalf("%v: %s", err, out)
		}
		s.await("another process has taken over")
		clients.more(20)
		// The client that was idle is told so; that in a transaction goes on.
		if _, err := idle.Exec(testContext(t), "SELECT 1"); err == nil {
			t.Error("the old process goes on with idle clients")
		}
		_, err = busy.Exec(testContext(t), "CREATE TABLE IF NOT EXISTS during (i int); INSERT INTO during VALUES (1)")
		s.must(err)
		_, err = busy.Exec(testContext(t), "COMMIT")
		s.must(err)
		s.await("msg=ended")
		clients.more(20)
	}
	s.ended()
	s.ready()
	clients.stop.Store(true)
	clients.all.Wait()
	if len(clients.refused) > 0 {
		t.Errorf("%d of %d clients were refused: %v", len(clients.refused), clients.served.Load(), clients.refused)
	}
	conn := s.connect(s.socketURL()) // the file of the socket is still there
	var rows int
	s.must(conn.QueryRow(testContext(t), "SELECT count(*) FROM during").Scan(&rows))
	if rows != 2 {
		t.Errorf("%d rows were committed", rows)
	}
	s.must(conn.Close(testContext(t)))

	last, err := (pidFile{s.path("pid")}).read()
	s.must(err)
	s.signal(last, syscall.SIGTERM)
	s.await("msg=ended")
	for line := range s.lines { // until the last process has ended
		t.Log(line)
	}
	for _, left := range []string{"pid", ".s.PGSQL." + s.address[strings.LastIndexByte(s.address, ':')+1:]} {
		if _, err := os.Stat(s.path(left)); err == nil {
			t.Errorf("%s is left behind", left)
		}
	}
	log := s.verifyAudit(int(clients.served.Load()) + 5)
	if !strings.Contains(log, `"client":"[local]"`) || strings.Contains(log, `"client":"@"`) || strings.Contains(log, `"client":""`) {
		t.Error("clients by Unix socket are not named as PostgreSQL names them")
	}
}

// verifyAudit verifies the log, counts its logins and returns it.
func (s *service) verifyAudit(logins int) string {
	s.t.Helper()
	key, err := audit.ReadSigningKey(s.path("audit.jsonl.key"))
	s.must(err)
	report, err := audit.VerifyFiles(s.path("audit.jsonl"), s.path("audit.jsonl.anchors"), key.Public().(ed25519.PublicKey))
	s.must(err)
	if !report.Intact() {
		s.t.Errorf("%+v", report)
	}
	content, err := os.ReadFile(s.path("audit.jsonl"))
	s.must(err)
	for _, action := range []string{`"action":"login"`, `"action":"logout"`} {
		if n := strings.Count(string(content), action); n != logins {
			s.t.Errorf("%d events of %s, not %d", n, action, logins)
		}
	}
	return string(content)
}

// A transaction that does not end is cut off at the bound, in the old process alone.
func TestUpgradeIsBounded(t *testing.T) {
	s := startService(t, "timeouts: {drain: 500ms}\n")
	conn := s.connect(s.tcpURL())
	_, err := conn.Exec(testContext(t), "BEGIN")
	s.must(err)
	s.signal(s.first.Process.Pid, syscall.SIGUSR2)
	waiting, err := conn.PgConn().ReceiveMessage(testContext(t))
	if err == nil {
		t.Errorf("the client is told %T", waiting)
	}
	wantCode(t, err, "57P01")
	s.await("cut off")
	s.ended()
	s.must(comeOnce(s.tcpURL()))
	s.must(comeOnce(s.socketURL()))
}

// A program that does not serve takes nothing over: the old process goes on, and its log says why.
func TestUpgradeThatFails(t *testing.T) {
	s := startService(t, "")
	good, err := os.ReadFile(s.path("portcullis.yaml"))
	s.must(err)
	s.configure(strings.Replace(string(good), "users:", "uesrs:", 1))
	conn := s.connect(s.tcpURL())
	s.signal(s.first.Process.Pid, syscall.SIGUSR2)
	if line := s.await("no other process has taken over"); !strings.Contains(line, "uesrs") {
		t.Errorf("the log does not say why: %s", line)
	}
	_, err = conn.Exec(testContext(t), "SELECT 1")
	s.must(err)
	s.must(comeOnce(s.socketURL()))
	// A program that cannot go on with the audit log.
	s.configure(string(good))
	for _, suffix := range []string{"", ".pub"} {
		s.must(os.Rename(s.path("audit.jsonl.key"+suffix), s.path("key"+suffix)))
	}
	_, err = audit.CreateSigningKey(s.path("audit.jsonl.key"), rand.Reader)
	s.must(err)
	s.signal(s.first.Process.Pid, syscall.SIGUSR2)
	if line := s.await("no other process has taken over"); !strings.Contains(line, "audit log") {
		t.Errorf("the log does not say why: %s", line)
	}
	for _, suffix := range []string{"", ".pub"} {
		s.must(os.Rename(s.path("key"+suffix), s.path("audit.jsonl.key"+suffix)))
	}
	s.must(comeOnce(s.tcpURL()))
	s.signal(s.first.Process.Pid, syscall.SIGTERM)
	_, err = conn.PgConn().ReceiveMessage(testContext(t))
	wantCode(t, err, "57P01")
	s.ended()
	s.verifyAudit(3)
}

// A reload that cannot be read is told everywhere, and changes nothing; one that can be takes effect.
func TestReloadBySignal(t *testing.T) {
	s := startService(t, "log: {level: info}\n")
	s.ready()
	good, err := os.ReadFile(s.path("portcullis.yaml"))
	s.must(err)
	conn := s.connect(s.tcpURL())
	s.configure(strings.Replace(string(good), "users:", "uesrs:", 1))
	s.signal(s.first.Process.Pid, syscall.SIGHUP)
	s.await("the configuration was not reloaded")
	s.configure(string(good) + "timeouts: {idle_client: 1ms}\n")
	s.signal(s.first.Process.Pid, syscall.SIGHUP)
	s.await("msg=reloaded")
	if _, body := s.get("/metrics"); !strings.Contains(body, "\nportcullis_reloads_total{result=\"done\"} 1\n") ||
		!strings.Contains(body, "\nportcullis_reloads_total{result=\"failed\"} 1\n") {
		t.Errorf("the reloads are not counted")
	}
	waiting, err := conn.PgConn().ReceiveMessage(testContext(t))
	if err == nil {
		t.Errorf("an idle client is told %T", waiting)
	}
	wantCode(t, err, "57P05")
	s.configure(strings.Replace(string(good), "admin: {address: \"127.0.0.1:0\"}\n", "", 1))
	s.signal(s.first.Process.Pid, syscall.SIGHUP)
	if line := s.await("take effect with the next start"); !strings.Contains(line, "keys=[admin]") {
		t.Errorf("%s", line)
	}
	s.signal(s.first.Process.Pid, syscall.SIGTERM)
	s.ended()
	content, err := os.ReadFile(s.path("audit.jsonl"))
	s.must(err)
	if n := strings.Count(string(content), `"action":"reload"`); n != 3 {
		t.Errorf("%d events of reloads", n)
	}
}

// SIGTERM: who is logging in is told so, transactions may end, the rest is cut off, and a second signal ends at once.
func TestStopIsBounded(t *testing.T) {
	s := startService(t, "timeouts: {drain: 500ms}\n")
	conn := s.connect(s.tcpURL())
	_, err := conn.Exec(testContext(t), "BEGIN")
	s.must(err)
	s.signal(s.first.Process.Pid, syscall.SIGTERM)
	s.await("draining")
	waiting, err := conn.PgConn().ReceiveMessage(testContext(t))
	if err == nil {
		t.Errorf("the client is told %T", waiting)
	}
	wantCode(t, err, "57P01")
	s.await("cut off")
	s.ended()
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	s := startService(t, "timeouts: {drain: 1h}\n")
	conn := s.connect(s.tcpURL())
	_, err := conn.Exec(testContext(t), "BEGIN")
	s.must(err)
	s.signal(s.first.Process.Pid, syscall.SIGTERM)
	s.await("draining")
	status, body := s.get("/readyz")
	for range 500 { // it says that it drains before it begins to
		if status == http.StatusServiceUnavailable {
			break
		}
		time.Sleep(10 * time.Millisecond)
		status, body = s.get("/readyz")
	}
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "draining") {
		t.Errorf("a gateway that drains is ready: %d %q", status, body)
	}
	s.signal(s.first.Process.Pid, syscall.SIGTERM)
	select {
	case err := <-s.done:
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
			t.Errorf("the process ended otherwise: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the process does not end")
	}
}

// systemd opens the sockets, and is told when the process is ready, reloads and stops.
func TestSystemd(t *testing.T) {
	s := newService(t, "")
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path("notify"), Net: "unixgram"})
	s.must(err)
	defer notify.Close()
	told := func(want string) {
		t.Helper()
		_ = notify.SetReadDeadline(time.Now().Add(time.Minute))
		message := make([]byte, 4096)
		n, err := notify.Read(message)
		if err != nil || !strings.Contains(string(message[:n]), want) {
			t.Fatalf("systemd is told %q, not %q: %v", message[:n], want, err)
		}
	}
	var files []*os.File
	for _, network := range []string{"unix", "tcp", "tcp"} {
		l, err := net.Listen(network, map[string]string{"unix": s.path("socket"), "tcp": "127.0.0.1:0"}[network])
		s.must(err)
		defer l.Close()
		file, err := l.(interface{ File() (*os.File, error) }).File()
		s.must(err)
		files = append(files, file)
	}
	first := exec.Command("/bin/sh", append([]string{"-c",
		`LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=local:admin:clients exec "$0" "$@"`, s.binary}, s.arguments()...)...)
	first.ExtraFiles = files
	first.Env = append(os.Environ(), "NOTIFY_SOCKET="+s.path("notify"))
	s.start(first)
	told("READY=1\nMAINPID=" + strconv.Itoa(s.first.Process.Pid))
	s.must(comeOnce(s.tcpURL()))
	s.must(os.Symlink(s.path("socket"), s.path(".s.PGSQL."+s.address[strings.LastIndexByte(s.address, ':')+1:])))
	s.must(comeOnce(s.socketURL()))
	s.ready()
	s.signal(s.first.Process.Pid, syscall.SIGHUP)
	told("RELOADING=1\nMONOTONIC_USEC=")
	told("READY=1")
	s.signal(s.first.Process.Pid, syscall.SIGTERM)
	told("STOPPING=1")
	s.ended()
	if _, err := os.Stat(s.path("socket")); err != nil {
		t.Error("systemd's socket was removed:", err)
	}
}
