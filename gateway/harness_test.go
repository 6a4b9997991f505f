package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/crypto/kek/file"
	"github.com/portcullisdb/portcullis/crypto/keyset"
	"github.com/portcullisdb/portcullis/crypto/keystore/folder"
	"github.com/portcullisdb/portcullis/gateway/schema"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/shard"
)

const (
	backendRole     = "gateway"
	backendPassword = "b4ckend"
	password        = "s3cret"
)

var cluster *pgcluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(func() int {
		ctx := context.Background()
		var err error
		if cluster, err = pgcluster.Start(ctx, pgcluster.Options{Name: "gateway"}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = cluster.Stop() }()
		if err := cluster.CreateRole(ctx, backendRole, backendPassword); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// shop is a gateway before two datasources, which lie in one cluster, with the tables of testdata/schema.sql.
type shop struct {
	t       testing.TB
	folder  string
	prefix  string // of its databases
	config  *config.Config
	policy  *policy.Policy
	gateway *Gateway
	address string
	log     *lockedBuffer
	served  chan error
}

// lockedBuffer takes the gateway's log.
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

var shops int

func newShop(t testing.TB) *shop { return newShopWith(t, Options{}) }

// newShopWith also replaces words of the configuration, given in pairs.
func newShopWith(t testing.TB, options Options, replace ...string) *shop {
	t.Helper()
	shops++
	s := &shop{t: t, folder: t.TempDir(), prefix: fmt.Sprintf("shop%d", shops), log: &lockedBuffer{}, served: make(chan error, 1)}
	ctx := testContext(t)
	for _, suffix := range []string{"", "_0", "_1"} {
		s.must(cluster.CreateDatabase(ctx, s.prefix+suffix, backendRole))
	}
	s.writeConfig(replace)
	s.load()
	s.createKeys(ctx)
	s.apply(ctx)
	var out io.Writer = s.log
	if os.Getenv("GATEWAY_TEST_LOG") != "" {
		out = io.MultiWriter(out, os.Stderr)
	}
	var err error
	options.Log = slog.New(slog.NewTextHandler(out, nil))
	s.gateway, err = New(ctx, s.config, s.policy, options)
	s.must(err)
	listener, err := s.gateway.Listen(ctx)
	s.must(err)
	s.address = listener.Addr().String()
	serving, stop := context.WithCancel(context.Background())
	go func() { s.served <- s.gateway.Serve(serving, listener) }()
	t.Cleanup(func() {
		stop()
		shutdown, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.gateway.Shutdown(shutdown)
	})
	return s
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) url(suffix string) string {
	return cluster.URLFor(backendRole, backendPassword, s.prefix+suffix)
}

func (s *shop) writeConfig(replace []string) {
	verifier, err := wire.Verifier(password, rand.Reader)
	s.must(err)
	for _, name := range []string{"schema.sql", "seed.sql"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		s.must(err)
		s.must(os.WriteFile(filepath.Join(s.folder, name), text, 0o600))
	}
	text, err := os.ReadFile(filepath.Join("testdata", "portcullis.yaml"))
	s.must(err)
	expanded := os.Expand(strings.NewReplacer(replace...).Replace(string(text)), func(name string) string {
		switch name {
		case "VERIFIER":
			return verifier
		case "DOLLAR":
			return "$"
		case "LOGICAL":
			return s.url("")
		case "DS_0":
			return s.url("_0")
		case "DS_1":
			return s.url("_1")
		}
		return "${" + name + "}"
	})
	s.must(os.WriteFile(s.path(), []byte(expanded), 0o600))
}

func (s *shop) path() string { return filepath.Join(s.folder, "portcullis.yaml") }

func (s *shop) load() {
	var err error
	s.config, err = config.Load(config.Options{Path: s.path()})
	s.must(err)
	s.policy, err = s.config.Compile(config.Validators{ExpandNodes: func(expr string) ([]policy.Node, error) {
		nodes, err := shard.ExpandNodes(expr)
		out := make([]policy.Node, len(nodes))
		for i, n := range nodes {
			out[i] = policy.Node{Datasource: n.Datasource, Table: n.Table}
		}
		return out, err
	}})
	s.must(err)
}

func (s *shop) createKeys(ctx context.Context) {
	s.must(file.Create(s.config.Keys.KEK.Path, rand.Reader))
	kek, err := file.Open(s.config.Keys.KEK.Path)
	s.must(err)
	store, err := folder.Create(s.config.Keys.Store.Path)
	s.must(err)
	_, err = keyset.Create(ctx, kek, store, "pii")
	s.must(err)
}

func (s *shop) apply(ctx context.Context) {
	schemaText, err := os.ReadFile(filepath.Join(s.folder, "schema.sql"))
	s.must(err)
	seedText, err := os.ReadFile(filepath.Join(s.folder, "seed.sql"))
	s.must(err)
	at := schema.Databases{Logical: schema.Endpoint{URL: s.url("")}, Datasources: map[string]schema.Endpoint{
		"ds_0": {URL: s.url("_0")}, "ds_1": {URL: s.url("_1")}}}
	_, err = schema.Apply(ctx, s.policy.Databases["shop"], schema.Deployment{Databases: at,
		Schema: string(schemaText), SchemaFile: "schema.sql", Seed: string(seedText), SeedFile: "seed.sql"})
	s.must(err)
}

// connect opens a client connection as one of the users of the configuration.
func (s *shop) connect(user string) *pgx.Conn {
	s.t.Helper()
	conn, err := pgx.Connect(testContext(s.t), s.clientURL(user))
	s.must(err)
	s.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (s *shop) clientURL(user string) string {
	return "postgres://" + user + ":" + password + "@" + s.address + "/shop?sslmode=disable"
}

// direct opens a connection that goes around the gateway.
func (s *shop) direct(suffix string) *pgx.Conn {
	s.t.Helper()
	conn, err := pgx.Connect(testContext(s.t), s.url(suffix))
	s.must(err)
	s.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func mustExec(t testing.TB, conn *pgx.Conn, sql string, args ...any) pgconn.CommandTag {
	t.Helper()
	tag, err := conn.Exec(testContext(t), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return tag
}

// rows returns what a query answers, as text: values separated by blanks, rows by lines; NULL is <null>.
func rows(t testing.TB, conn *pgx.Conn, sql string, args ...any) string {
	t.Helper()
	text, err := tryRows(t, conn, sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func tryRows(t testing.TB, conn *pgx.Conn, sql string, args ...any) (string, error) {
	t.Helper()
	result, err := conn.Query(testContext(t), sql, args...)
	if err != nil {
		return "", err
	}
	var lines []string
	for result.Next() {
		values, err := result.Values()
		if err != nil {
			return "", err
		}
		var words []string
		for _, v := range values {
			words = append(words, printed(v))
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return strings.Join(lines, "\n"), result.Err()
}

func printed(v any) string {
	switch v := v.(type) {
	case nil:
		return "<null>"
	case time.Time:
		return v.Format("2006-01-02")
	case fmt.Stringer:
		return v.String()
	case interface{ Value() (any, error) }:
		x, _ := v.Value()
		return fmt.Sprint(x)
	}
	if n, ok := v.(interface{ MarshalJSON() ([]byte, error) }); ok {
		text, _ := n.MarshalJSON()
		return string(text)
	}
	return fmt.Sprint(v)
}

// wantCode checks that an error has a SQLSTATE and returns it.
func wantCode(t testing.TB, err error, code string) *pgconn.PgError {
	t.Helper()
	var server *pgconn.PgError
	if !errors.As(err, &server) || server.Code != code {
		t.Fatalf("the error is %v, not one of %s", err, code)
	}
	return server
}
