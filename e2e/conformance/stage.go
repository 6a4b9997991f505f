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
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

const (
	readyTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second
	cancelsMax   = 10_000 // in a second
	poolMax      = 150    // server connections where a suite says nothing; suites open fewer connections than that
)

// loopback is where clusters and gateways listen: passwords of suites are no secret.
const loopback = "127.0.0.1"

// stage is what one suite runs against in one setting: a new cluster, and before it, but for the direct setting, a
// gateway with one transparent database.
type stage struct {
	binary  string // the gateway
	dir     string
	log     io.Writer // of the gateway
	cluster *pgcluster.Cluster
	gateway *exec.Cmd
	logged  sync.WaitGroup
}

// users are a suite's users, its role first.
func users(s suite.Suite) []suite.User {
	return append([]suite.User{{Name: s.Role, Attributes: s.Attributes}}, s.Users...)
}

// start brings up everything. What has been started when it fails, stop ends.
func (g *stage) start(ctx context.Context, s suite.Suite, w *suite.Workspace, setting suite.Setting) (*suite.Server, error) {
	var err error
	if g.dir, err = os.MkdirTemp("", "portcullis-conformance-"); err != nil {
		return nil, err
	}
	if err := os.Chmod(g.dir, 0o755); err != nil { // the gateway's socket is in it
		return nil, err
	}
	if err := g.startCluster(ctx, s); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	server := &suite.Server{Setting: setting, Host: loopback, Port: g.cluster.Port, User: s.Role, Password: s.Password, Database: s.Database,
		SocketDir: g.cluster.SocketDir(), CertDir: g.dir, Cluster: g.cluster}
	certificates, err := g.certificates(s, w)
	if err != nil {
		return nil, fmt.Errorf("make certificates: %w", err)
	}
	server.CAFile = certificates.CA
	if err := g.secureCluster(ctx, s, certificates); err != nil {
		return nil, fmt.Errorf("give PostgreSQL its certificate: %w", err)
	}
	if setting == suite.Direct {
		return server, nil
	}
	server.SocketDir = g.dir
	if server.Port, err = g.startGateway(ctx, s, setting, certificates); err != nil {
		return nil, fmt.Errorf("start the gateway: %w", err)
	}
	return server, nil
}

func (g *stage) startCluster(ctx context.Context, s suite.Suite) (err error) {
	options := pgcluster.Options{Name: "conformance", MaxConnections: poolMax + 50, MaxPreparedTransactions: 20, Settings: s.Settings}
	if g.cluster, err = pgcluster.Start(ctx, options); err != nil {
		return err
	}
	for _, u := range users(s) {
		if err := g.cluster.CreateRole(ctx, u.Name, s.Password, u.Attributes...); err != nil {
			return err
		}
	}
	for _, database := range append([]string{s.Database, logicalOf(s.Database)}, s.Databases...) {
		if err := g.cluster.CreateDatabase(ctx, database, s.Role); err != nil {
			return err
		}
	}
	if s.Setup == "" {
		return nil
	}
	return g.cluster.Exec(ctx, s.Database, s.Setup)
}

// logicalOf names the logical database, which a transparent database has too, and which stays empty.
func logicalOf(database string) string { return database + "_logical" }

// certificates asks the suite for them, or makes them in the stage's folder.
func (g *stage) certificates(s suite.Suite, w *suite.Workspace) (suite.Certificates, error) {
	if s.Certificates != nil {
		return s.Certificates(w), nil
	}
	var names []string
	for _, u := range users(s) {
		if u.Certificate {
			names = append(names, u.Name)
		}
	}
	return makeCertificates(g.dir, names)
}

// secureCluster gives the cluster the certificate and the rules that the gateway gets by its configuration. PostgreSQL
// takes both without a restart.
func (g *stage) secureCluster(ctx context.Context, s suite.Suite, c suite.Certificates) error {
	owner, err := os.Stat(g.cluster.DataDir())
	if err != nil {
		return err
	}
	account, ok := owner.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("the system does not say who owns a file")
	}
	var sql strings.Builder
	write := func(name string, content []byte) error {
		path := filepath.Join(g.cluster.DataDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
		return os.Chown(path, int(account.Uid), int(account.Gid))
	}
	for _, f := range []struct{ setting, name, from string }{
		{"ssl_cert_file", "conformance.crt", c.Cert}, {"ssl_key_file", "conformance.key", c.Key}, {"ssl_ca_file", "conformance-ca.crt", c.CA},
	} {
		content, err := os.ReadFile(f.from)
		if err != nil {
			return err
		}
		if err := write(f.name, content); err != nil {
			return err
		}
		fmt.Fprintf(&sql, "ALTER SYSTEM SET %s = '%s';\n", f.setting, f.name)
	}
	var rules strings.Builder
	for _, u := range users(s) {
		method := "scram-sha-256"
		if u.Certificate {
			method = "cert"
		}
		if u.TLS || u.Certificate {
			fmt.Fprintf(&rules, "hostnossl all %[1]q all reject\nhostssl all %[1]q all %[2]s\n", u.Name, method)
		}
	}
	rules.WriteString("local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n")
	if err := write("pg_hba.conf", []byte(rules.String())); err != nil {
		return err
	}
	sql.WriteString("ALTER SYSTEM SET ssl = on;")
	// ALTER SYSTEM does not run in a transaction block, and several statements in one string are one.
	for statement := range strings.Lines(sql.String()) {
		if err := g.cluster.Exec(ctx, "postgres", statement); err != nil {
			return err
		}
	}
	if err := g.cluster.Exec(ctx, "postgres", "SELECT pg_reload_conf()"); err != nil {
		return err
	}
	return g.awaitTLS(ctx)
}

// awaitTLS waits until the server offers TLS: it reads its files again some time after it was told to.
func (g *stage) awaitTLS(ctx context.Context) error {
	request := []byte{0, 0, 0, 8, 4, 210, 22, 47} // SSLRequest (src/include/libpq/pqcomm.h, NEGOTIATE_SSL_CODE)
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(g.cluster.Port)))
		if err != nil {
			return err
		}
		var answer [1]byte
		_, err = conn.Write(request)
		if err == nil {
			_, err = io.ReadFull(conn, answer[:])
		}
		conn.Close()
		switch {
		case err == nil && answer[0] == 'S':
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Since(began) > readyTimeout:
			return fmt.Errorf("PostgreSQL does not offer TLS; its log is %s", g.cluster.LogPath())
		}
	}
}

// configuration of the gateway.
func (g *stage) configuration(s suite.Suite, setting suite.Setting, c suite.Certificates, port int, verifier string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "listen:\n  address: \"%s:%d\"\n  tls: {cert: %q, key: %q, client_ca: %q, client_cert: optional}\n", loopback, port,
		c.Cert, c.Key, c.CA)
	fmt.Fprintf(&b, "  unix: {path: %q}\n", g.dir)
	b.WriteString("users:\n")
	for _, u := range users(s) {
		fmt.Fprintf(&b, "  - {name: %q, verifier: %q}\n", u.Name, verifier)
	}
	b.WriteString("hba:\n")
	for _, u := range users(s) {
		method := "scram-sha-256"
		if u.Certificate {
			method = "cert"
		}
		if u.TLS || u.Certificate {
			fmt.Fprintf(&b, "  - {type: hostssl, users: [%q], method: %s}\n  - {users: [%q], method: reject}\n", u.Name, method, u.Name)
		}
	}
	b.WriteString("  - {method: scram-sha-256}\n")
	of := func(database string) string {
		u := g.cluster.URLFor(s.Role, s.Password, database)
		if s.ServerTLS {
			return strings.Replace(u, "sslmode=disable", "sslmode=verify-ca&sslrootcert="+url.QueryEscape(c.CA), 1)
		}
		return u
	}
	// Suites cancel more often than the gateway lets one address do if it is not told otherwise.
	fmt.Fprintf(&b, "limits: {cancels_per_second: %d}\n", cancelsMax)
	b.WriteString("databases:\n")
	for _, database := range append([]string{s.Database, "postgres"}, s.Databases...) { // tools look for postgres
		fmt.Fprintf(&b, "  %s:\n    logical: %q\n    pool: {mode: %s}\n    datasources:\n      server: {url: %q, pool: {max: %d}}\n",
			database, of(logicalOf(s.Database)), setting, of(database), s.ServerConnections)
	}
	return b.String()
}

// startGateway configures and starts a gateway and returns its port when it serves.
func (g *stage) startGateway(ctx context.Context, s suite.Suite, setting suite.Setting, c suite.Certificates) (port int, err error) {
	if port, err = freePort(); err != nil {
		return 0, err
	}
	verifier := exec.CommandContext(ctx, g.binary, "user", "verifier")
	verifier.Dir, verifier.Stdin = g.dir, strings.NewReader(s.Password+"\n")
	out, err := verifier.Output()
	if err != nil {
		return 0, fmt.Errorf("portcullis user verifier: %w", err)
	}
	config := filepath.Join(g.dir, "portcullis.yaml")
	if err := os.WriteFile(config, []byte(g.configuration(s, setting, c, port, strings.TrimSpace(string(out)))), 0o600); err != nil {
		return 0, err
	}
	g.gateway = exec.Command(g.binary, "serve", "-c", config)
	g.gateway.Dir = g.dir
	g.gateway.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PG") || strings.HasPrefix(v, "PORTCULLIS_") })
	stderr, err := g.gateway.StderrPipe()
	if err == nil {
		err = g.gateway.Start()
	}
	if err != nil {
		g.gateway = nil
		return 0, err
	}
	serving := make(chan error, 1)
	g.logged.Go(func() {
		lines, last, ready := bufio.NewScanner(stderr), "", false
		for lines.Scan() {
			last = lines.Text()
			fmt.Fprintln(g.log, last)
			if !ready && strings.Contains(last, "msg=serving") {
				ready = true
				serving <- nil
			}
		}
		if !ready {
			serving <- fmt.Errorf("the gateway does not serve: %s", last)
		}
	})
	select {
	case err = <-serving:
	case <-time.After(readyTimeout):
		err = errors.New("the gateway does not get ready")
	case <-ctx.Done():
		err = ctx.Err()
	}
	return port, err
}

// stop ends the gateway and the cluster and removes their files. It returns an error if the gateway had ended before.
func (g *stage) stop() (err error) {
	if g.gateway != nil {
		if g.gateway.Process.Signal(syscall.SIGTERM) != nil {
			err = errors.New("the gateway ended during the run")
		}
		timer := time.AfterFunc(stopTimeout, func() { _ = g.gateway.Process.Kill() })
		g.logged.Wait()
		_ = g.gateway.Wait() // how it ends does not matter any more
		timer.Stop()
	}
	if g.cluster != nil {
		err = errors.Join(err, g.cluster.Stop())
	}
	if g.dir != "" {
		err = errors.Join(err, os.RemoveAll(g.dir))
	}
	return err
}

// freePort returns a port of this machine on which nobody listens at this moment.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, fmt.Errorf("look for a free port: %w", err)
	}
	_, text, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return 0, errors.Join(err, listener.Close())
	}
	port, err := strconv.Atoi(text)
	return port, errors.Join(err, listener.Close())
}
