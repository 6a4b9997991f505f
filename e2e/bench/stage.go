package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
)

const (
	clientsMax   = 200 // of one run
	readyTimeout = 30 * time.Second
	stopTimeout  = 10 * time.Second
	loadBatch    = 1000 // rows sent before answers are read
)

// password is everybody's: nothing outlives the run, and everything listens on 127.0.0.1.
const password = "bench"

// The statements measured: pgbench's select-only one, and one more that asks for the column that is sealed too.
const (
	selectOpen   = "SELECT abalance FROM pgbench_accounts WHERE aid = :aid;"
	selectSealed = "SELECT abalance, note FROM pgbench_accounts WHERE aid = :aid;"
)

// accounts is pgbench's table with one column more.
const accounts = `CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84), note text);`

// subject is what one row of the table measures: a statement, sent to something.
type subject struct {
	name      string
	statement string
	script    string // file with the statement
	url       string
	pid       int // of the proxy; 0: there is none
}

// stage is everything that runs.
type stage struct {
	binary    string
	rows      int
	dir       string
	cluster   *pgcluster.Cluster
	pgbouncer string // path; "": there is none
	environ   []string
	processes []*exec.Cmd // in the order of their starts
}

// start brings up the cluster, the gateways and PgBouncer and fills the tables.
func (s *stage) start(ctx context.Context) (subjects []*subject, err error) {
	if s.binary, err = filepath.Abs(s.binary); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "portcullis-bench-"); err != nil {
		return nil, err
	}
	if err := s.startCluster(ctx); err != nil {
		return nil, err
	}
	if err := s.configure(ctx); err != nil {
		return nil, err
	}
	plain, plainPid, err := s.startGateway(ctx, "portcullis.yaml")
	if err != nil {
		return nil, err
	}
	audited, auditedPid, err := s.startGateway(ctx, "audited.yaml")
	if err != nil {
		return nil, err
	}
	if err := s.load(ctx, gatewayURL(plain, "sealed")); err != nil {
		return nil, fmt.Errorf("load accounts through the gateway: %w", err)
	}

	direct := s.cluster.URLFor("gateway", password, "plain")
	subjects = append(subjects, &subject{name: "direct", statement: selectOpen, url: direct})
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		address, pid, err := s.startPgBouncer(ctx, path)
		if err != nil {
			return nil, fmt.Errorf("start PgBouncer: %w", err)
		}
		s.pgbouncer = path
		subjects = append(subjects, &subject{name: "PgBouncer", statement: selectOpen, url: gatewayURL(address, "plain"), pid: pid})
	}
	subjects = append(subjects,
		&subject{name: "transparent", statement: selectOpen, url: gatewayURL(plain, "plain"), pid: plainPid},
		&subject{name: "protected, open column", statement: selectOpen, url: gatewayURL(plain, "sealed"), pid: plainPid},
		&subject{name: "direct, with note", statement: selectSealed, url: direct},
		&subject{name: "transparent, with note", statement: selectSealed, url: gatewayURL(plain, "plain"), pid: plainPid},
		&subject{name: "protected, sealed note", statement: selectSealed, url: gatewayURL(plain, "sealed"), pid: plainPid},
		&subject{name: "the same, audited", statement: selectSealed, url: gatewayURL(audited, "sealed"), pid: auditedPid})
	for i, subject := range subjects {
		subject.script = filepath.Join(s.dir, fmt.Sprintf("statement%d.sql", i))
		text := fmt.Sprintf("\\set aid random(1, %d)\n%s\n", s.rows, subject.statement)
		if err := os.WriteFile(subject.script, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return subjects, nil
}

func (s *stage) startCluster(ctx context.Context) (err error) {
	s.cluster, err = pgcluster.Start(ctx, pgcluster.Options{Name: "bench", MaxConnections: clientsMax + 100,
		Settings: map[string]string{"autovacuum": "off", "shared_buffers": "256MB"}})
	if err != nil {
		return err
	}
	for _, role := range []string{"owner", "gateway"} {
		if err := s.cluster.CreateRole(ctx, role, password); err != nil {
			return err
		}
	}
	for _, database := range []string{"plain", "sealed", "logical", "nothing"} {
		if err := s.cluster.CreateDatabase(ctx, database, "owner"); err != nil {
			return err
		}
	}
	if err := s.cluster.Exec(ctx, "plain", accounts+fmt.Sprintf(`
		INSERT INTO pgbench_accounts SELECT g, 1, 0, '', md5(g::text) FROM generate_series(1, %d) g;
		GRANT SELECT ON pgbench_accounts TO gateway;`, s.rows)); err != nil {
		return err
	}
	return s.cluster.Exec(ctx, "plain", "VACUUM ANALYZE pgbench_accounts")
}

// configuration of a gateway with a transparent database and a protected one; its %q is the verifier of their user.
const configuration = `
users:
  - {name: app, verifier: %q, roles: [service]}
keys:
  kek:     {type: file, path: kek.key}
  store:   {type: folder, path: keys}
  keysets: {pii: {}}
databases:
  plain:
    logical: "env:BENCH_NOTHING"
    datasources:
      ds: {url: "env:BENCH_PLAIN", pool: {max: 200}}
  sealed:
    logical: "env:BENCH_LOGICAL"
    owner:   "env:BENCH_LOGICAL_OWNER"
    datasources:
      ds: {url: "env:BENCH_SEALED", owner: "env:BENCH_SEALED_OWNER", pool: {max: 200}}
    tables:
      pgbench_accounts:
        columns:
          note: {type: text, tags: [pii], encrypt: {keyset: pii}}
    schema: schema.sql
    policies:
      - {tags: [pii], roles: [service], reveal: true, write: true}
`

// configure writes the configurations, makes keys and builds the protected database.
func (s *stage) configure(ctx context.Context) error {
	s.environ = os.Environ()
	for name, u := range map[string]string{
		"NOTHING": s.cluster.URLFor("gateway", password, "nothing"),
		"PLAIN":   s.cluster.URLFor("gateway", password, "plain"),
		"LOGICAL": s.cluster.URLFor("gateway", password, "logical"), "LOGICAL_OWNER": s.cluster.URLFor("owner", password, "logical"),
		"SEALED": s.cluster.URLFor("gateway", password, "sealed"), "SEALED_OWNER": s.cluster.URLFor("owner", password, "sealed"),
	} {
		s.environ = append(s.environ, "BENCH_"+name+"="+u)
	}
	verifier, err := s.portcullis(ctx, password+"\n", "user", "verifier")
	if err != nil {
		return err
	}
	text := fmt.Sprintf(configuration, strings.TrimSpace(verifier))
	for name, content := range map[string]string{"schema.sql": accounts, "portcullis.yaml": text,
		"audited.yaml": text + "audit: {file: {path: audit.jsonl}}\n"} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	for _, args := range [][]string{{"keys", "init"}, {"schema", "apply"}} {
		if _, err := s.portcullis(ctx, "", args...); err != nil {
			return err
		}
	}
	return nil
}

// portcullis runs one command of the gateway's binary.
func (s *stage) portcullis(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = s.dir, s.environ, strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("portcullis %s: %w: %s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out), nil
}

// startGateway starts a gateway with one of the configurations and waits until it serves.
func (s *stage) startGateway(ctx context.Context, config string) (address string, pid int, err error) {
	if address, err = freeAddress(); err != nil {
		return "", 0, err
	}
	cmd := exec.Command(s.binary, "serve", "-c", config, "--set", "listen.address="+address)
	cmd.Dir, cmd.Env = s.dir, s.environ
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return "", 0, err
	}
	if err := s.launch(cmd); err != nil {
		return "", 0, err
	}
	serving := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		last := ""
		for lines.Scan() {
			if last = lines.Text(); strings.Contains(last, "msg=serving") {
				serving <- nil
				_, _ = io.Copy(io.Discard, stderr) // what it says later is of no use here
				return
			}
		}
		serving <- fmt.Errorf("the gateway does not serve: %s", last)
	}()
	select {
	case err = <-serving:
	case <-time.After(readyTimeout):
		err = errors.New("the gateway does not get ready")
	case <-ctx.Done():
		err = ctx.Err()
	}
	return address, cmd.Process.Pid, err
}

// startPgBouncer starts it with a server connection for each client, as the gateway has it on a transparent database. It
// does not run as root, and is told to become nobody.
func (s *stage) startPgBouncer(ctx context.Context, path string) (address string, pid int, err error) {
	if address, err = freeAddress(); err != nil {
		return "", 0, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	dir, err := os.MkdirTemp("", "portcullis-bench-pgbouncer-")
	if err != nil {
		return "", 0, err
	}
	link := filepath.Join(s.dir, "pgbouncer") // removed with what it points to
	if err := os.Symlink(dir, link); err != nil {
		return "", 0, err
	}
	config := fmt.Sprintf(`[databases]
plain = host=127.0.0.1 port=%d dbname=plain user=gateway password=%s
[pgbouncer]
listen_addr = %s
listen_port = %s
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = session
default_pool_size = %d
max_client_conn = %d
server_tls_sslmode = disable
`, s.cluster.Port, password, host, port, filepath.Join(dir, "users.txt"), clientsMax, clientsMax)
	for name, text := range map[string]string{"users.txt": fmt.Sprintf("\"app\" %q\n", password), "pgbouncer.ini": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return "", 0, err
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", 0, err
	}
	args := []string{filepath.Join(dir, "pgbouncer.ini")}
	if os.Getuid() == 0 {
		args = append([]string{"-u", "nobody"}, args...)
	}
	cmd := exec.Command(path, append([]string{"-q"}, args...)...)
	if err := s.launch(cmd); err != nil {
		return "", 0, err
	}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		conn, err := pgx.Connect(ctx, gatewayURL(address, "plain"))
		if err == nil {
			return address, cmd.Process.Pid, conn.Close(ctx)
		}
		if ctx.Err() != nil || time.Since(began) > readyTimeout {
			return "", 0, err
		}
	}
}

// load fills the protected table through the gateway.
func (s *stage) load(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for next := 1; next <= s.rows; {
		batch := &pgx.Batch{}
		batch.Queue("BEGIN")
		for ; next <= s.rows && batch.Len() < loadBatch; next++ {
			batch.Queue("INSERT INTO pgbench_accounts (aid, bid, abalance, filler, note) VALUES ($1, 1, 0, '', $2)", next,
				fmt.Sprintf("%032x", next))
		}
		batch.Queue("COMMIT")
		if err := conn.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
	}
	return s.cluster.Exec(ctx, "sealed", "VACUUM ANALYZE pgbench_accounts")
}

// launch starts a process that stop ends.
func (s *stage) launch(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	s.processes = append(s.processes, cmd)
	return nil
}

// stop ends everything and removes its files.
func (s *stage) stop() (err error) {
	var ends sync.WaitGroup
	for _, cmd := range s.processes {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		ends.Add(1)
		go func() {
			defer ends.Done()
			timer := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
			_ = cmd.Wait() // how it ends does not matter any more
		}()
	}
	ends.Wait()
	if s.cluster != nil {
		err = s.cluster.Stop()
	}
	if s.dir == "" {
		return err
	}
	if dir, linkErr := os.Readlink(filepath.Join(s.dir, "pgbouncer")); linkErr == nil {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

func gatewayURL(address, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("app", password), Host: address, Path: "/" + database,
		RawQuery: "sslmode=disable"}
	return u.String()
}

// freeAddress returns an address of 127.0.0.1 on which nobody listens at this moment.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("look for a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
