package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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
	clientsMax   = 128 // of one run
	poolMax      = 20  // server connections in transaction mode
	readyTimeout = 30 * time.Second
	stopTimeout  = 10 * time.Second
	loadBatch    = 1000 // rows sent before answers are read
	tpcbScale    = "10" // of pgbench -i: branches
)

// password is everybody's: nothing outlives the run, and everything listens on 127.0.0.1.
const password = "bench"

// accounts is pgbench's table with one column more.
const accounts = `CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84), note text);`

// process is a proxy that runs.
type process struct {
	pid     int // 0: it does not
	address string
}

// stage is everything that runs.
type stage struct {
	binary    string
	options   options
	dir       string
	cluster   *pgcluster.Cluster
	server    string // the cluster's address
	pgbouncer string // path; "": there is none
	verifier  string // of the password
	environ   []string
	processes []*exec.Cmd // in the order of their starts
	folders   []string    // beside dir

	bouncer         process
	bouncerPrepares bool // it knows prepared statements in transaction mode
	gateway         process
	protected       struct{ transparent, plain, audited way }
	scripts         map[string]string // files, by statement
	copyData        []byte
}

// start brings up the cluster, the gateways and PgBouncer and fills the tables.
func (s *stage) start(ctx context.Context) (err error) {
	if s.binary, err = filepath.Abs(s.binary); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "portcullis-bench-"); err != nil {
		return err
	}
	verifier, err := s.portcullis(ctx, password+"\n", "user", "verifier")
	if err != nil {
		return err
	}
	s.verifier = strings.TrimSpace(verifier)
	if err := s.startCluster(ctx); err != nil {
		return err
	}
	if err := s.configure(ctx); err != nil {
		return err
	}
	if s.gateway, err = s.startGateway(ctx, "portcullis.yaml"); err != nil {
		return err
	}
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		s.pgbouncer = path
		if s.bouncer, err = s.startPgBouncer(ctx); err != nil {
			return fmt.Errorf("start PgBouncer: %w", err)
		}
		s.bouncerPrepares = bouncerPrepares(s.bouncerVersion())
	}
	if s.options.has(partBulk) {
		if err := s.fetchCopyData(ctx); err != nil {
			return fmt.Errorf("read what COPY in sends: %w", err)
		}
	}
	if s.options.has(partProtected) {
		return s.startProtected(ctx)
	}
	return nil
}

// startProtected fills the protected table, starts a gateway with an audit log, and writes pgbench's scripts.
func (s *stage) startProtected(ctx context.Context) error {
	audited, err := s.startGateway(ctx, "audited.yaml")
	if err != nil {
		return err
	}
	to := func(p process, path string) way {
		return way{proxy: gateway, pid: p.pid, address: p.address, path: path}
	}
	s.protected.transparent = to(s.gateway, modeSession+"_"+string(plain))
	s.protected.plain = to(s.gateway, "sealed")
	s.protected.audited = to(audited, "sealed")
	if err := s.load(ctx, s.protected.plain.url(false)); err != nil {
		return fmt.Errorf("load accounts through the gateway: %w", err)
	}
	s.scripts = map[string]string{}
	for _, statement := range []string{selectOpen, selectSealed} {
		path := filepath.Join(s.dir, fmt.Sprintf("statement%d.sql", len(s.scripts)))
		text := fmt.Sprintf("\\set aid random(1, %d)\n%s\n", s.options.rows, statement)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		s.scripts[statement] = path
	}
	return nil
}

func (s *stage) startCluster(ctx context.Context) (err error) {
	s.cluster, err = pgcluster.Start(ctx, pgcluster.Options{Name: "bench", MaxConnections: 8 * clientsMax,
		Settings: map[string]string{"autovacuum": "off", "shared_buffers": "256MB"}})
	if err != nil {
		return err
	}
	s.server = fmt.Sprintf("127.0.0.1:%d", s.cluster.Port)
	for _, role := range []string{"owner", "gateway"} {
		if err := s.cluster.CreateRole(ctx, role, password); err != nil {
			return err
		}
	}
	// PgBouncer logs in to the server by the keys that the client's login has shown, so salt and iterations are the same.
	if err := s.cluster.Exec(ctx, "postgres", "CREATE ROLE app LOGIN PASSWORD '"+s.verifier+"'"); err != nil {
		return err
	}
	for _, database := range []string{string(plain), string(tpcb), "sealed", "logical", "nothing"} {
		if err := s.cluster.CreateDatabase(ctx, database, "owner"); err != nil {
			return err
		}
	}
	for name, scale := range map[database]string{plain: "1", tpcb: tpcbScale} {
		cmd := exec.CommandContext(ctx, s.cluster.Binaries.Path("pgbench"), "-i", "-I", "dtGvp", "-q", "-s", scale,
			s.cluster.URLFor("owner", password, string(name)))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("pgbench -i: %w: %s", err, out)
		}
	}
	if err := s.cluster.Exec(ctx, string(plain), bulkTables+
		"ALTER TABLE pgbench_accounts ADD note text; UPDATE pgbench_accounts SET note = md5(aid::text)"); err != nil {
		return err
	}
	for _, name := range []database{plain, tpcb} {
		if err := s.cluster.Exec(ctx, string(name), "GRANT ALL ON ALL TABLES IN SCHEMA public TO gateway, app"); err != nil {
			return err
		}
		if err := s.cluster.Exec(ctx, string(name), "VACUUM ANALYZE"); err != nil {
			return err
		}
	}
	return nil
}

// configuration of a gateway with transparent databases and a protected one; its %[1]q is the verifier of their user, and
// %[2]d and %[3]d are the bounds of pools.
const configuration = `
listen:
  address: 127.0.0.1:0
  tls: {cert: cert.pem, key: key.pem}
limits: {sessions: 20000}
users:
  - {name: app, verifier: %[1]q, roles: [service]}
keys:
  kek:     {type: file, path: kek.key}
  store:   {type: folder, path: keys}
  keysets: {pii: {}}
databases:
  session_plain:
    logical: "env:BENCH_NOTHING"
    datasources:
      ds: {url: "env:BENCH_PLAIN", pool: {max: %[2]d, idle: 10s}}
  transaction_plain:
    logical: "env:BENCH_NOTHING"
    pool: {mode: transaction}
    datasources:
      ds: {url: "env:BENCH_PLAIN", pool: {max: %[3]d, idle: 10s}}
  session_tpcb:
    logical: "env:BENCH_NOTHING"
    datasources:
      ds: {url: "env:BENCH_TPCB", pool: {max: %[2]d, idle: 10s}}
  transaction_tpcb:
    logical: "env:BENCH_NOTHING"
    pool: {mode: transaction}
    datasources:
      ds: {url: "env:BENCH_TPCB", pool: {max: %[3]d, idle: 10s}}
  sealed:
    logical: "env:BENCH_LOGICAL"
    owner:   "env:BENCH_LOGICAL_OWNER"
    datasources:
      ds: {url: "env:BENCH_SEALED", owner: "env:BENCH_SEALED_OWNER", pool: {max: %[2]d, idle: 10s}}
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
		"PLAIN":   s.cluster.URLFor("gateway", password, string(plain)),
		"TPCB":    s.cluster.URLFor("gateway", password, string(tpcb)),
		"LOGICAL": s.cluster.URLFor("gateway", password, "logical"), "LOGICAL_OWNER": s.cluster.URLFor("owner", password, "logical"),
		"SEALED": s.cluster.URLFor("gateway", password, "sealed"), "SEALED_OWNER": s.cluster.URLFor("owner", password, "sealed"),
	} {
		s.environ = append(s.environ, "BENCH_"+name+"="+u)
	}
	certificate, key, err := newCertificate(time.Now())
	if err != nil {
		return err
	}
	text := fmt.Sprintf(configuration, s.verifier, clientsMax+poolMax, poolMax)
	for name, content := range map[string]string{"schema.sql": accounts, "portcullis.yaml": text,
		"audited.yaml": text + "audit: {file: {path: audit.jsonl}}\n", "cert.pem": string(certificate), "key.pem": string(key)} {
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
func (s *stage) startGateway(ctx context.Context, config string) (process, error) {
	address, err := freeAddress()
	if err != nil {
		return process{}, err
	}
	cmd := exec.Command(s.binary, "serve", "-c", config, "--set", "listen.address="+address)
	cmd.Dir, cmd.Env = s.dir, s.environ
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return process{}, err
	}
	if err := s.launch(cmd); err != nil {
		return process{}, err
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
	return process{cmd.Process.Pid, address}, err
}

// startPgBouncer starts it with as many server connections as the gateway has. It does not run as root, and is told to become
// nobody.
func (s *stage) startPgBouncer(ctx context.Context) (process, error) {
	address, err := freeAddress()
	if err != nil {
		return process{}, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return process{}, err
	}
	dir, err := os.MkdirTemp("", "portcullis-bench-pgbouncer-")
	if err != nil {
		return process{}, err
	}
	s.folders = append(s.folders, dir)
	var config strings.Builder
	fmt.Fprintln(&config, "[databases]")
	for _, name := range []database{plain, tpcb} {
		for mode, size := range map[string]int{modeSession: clientsMax, modeTransaction: poolMax} {
			fmt.Fprintf(&config, "%s_%s = host=127.0.0.1 port=%d dbname=%s pool_mode=%s pool_size=%d\n",
				mode, name, s.cluster.Port, name, mode, size)
		}
	}
	fmt.Fprintf(&config, `[pgbouncer]
listen_addr = %s
listen_port = %s
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
max_client_conn = %d
server_idle_timeout = 10
server_tls_sslmode = disable
client_tls_sslmode = allow
client_tls_key_file = %s
client_tls_cert_file = %s
`, host, port, filepath.Join(dir, "users.txt"), idleFirst+s.options.idle+clientsMax, filepath.Join(dir, "key.pem"),
		filepath.Join(dir, "cert.pem"))
	if bouncerPrepares(s.bouncerVersion()) {
		fmt.Fprintln(&config, "max_prepared_statements = 200")
	}
	certificate, key, err := newCertificate(time.Now())
	if err != nil {
		return process{}, err
	}
	for name, text := range map[string]string{"users.txt": fmt.Sprintf("\"app\" \"%s\"\n", s.verifier), "pgbouncer.ini": config.String(),
		"cert.pem": string(certificate), "key.pem": string(key)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return process{}, err
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return process{}, err
	}
	args := []string{filepath.Join(dir, "pgbouncer.ini")}
	if os.Getuid() == 0 {
		args = append([]string{"-u", "nobody"}, args...)
	}
	cmd := exec.Command(s.pgbouncer, append([]string{"-q"}, args...)...)
	if err := s.launch(cmd); err != nil {
		return process{}, err
	}
	started := process{cmd.Process.Pid, address}
	w := way{proxy: pgBouncer, address: address, path: modeTransaction + "_" + string(plain)}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		conn, err := pgx.Connect(ctx, w.url(false))
		if err == nil {
			return started, conn.Close(ctx)
		}
		if ctx.Err() != nil || time.Since(began) > readyTimeout {
			return process{}, err
		}
	}
}

// bouncerVersion names it.
func (s *stage) bouncerVersion() string {
	if s.pgbouncer == "" {
		return "no PgBouncer in PATH"
	}
	out, err := exec.Command(s.pgbouncer, "--version").Output()
	if err != nil {
		return "PgBouncer of an unknown version"
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return first
}

// bouncerPrepares reports whether a version of PgBouncer has max_prepared_statements: from 1.21 on.
func bouncerPrepares(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "PgBouncer %d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 1 || major == 1 && minor >= 21
}

// load fills the protected table through the gateway.
func (s *stage) load(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for next := 1; next <= s.options.rows; {
		batch := &pgx.Batch{}
		batch.Queue("BEGIN")
		for ; next <= s.options.rows && batch.Len() < loadBatch; next++ {
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
	for _, dir := range s.folders {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// freeAddress returns an address of 127.0.0.1 on which nobody listens at this moment.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("look for a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
