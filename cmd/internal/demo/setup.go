package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	example "github.com/portcullisdb/portcullis/examples/demo"
	"github.com/portcullisdb/portcullis/gateway"
	"github.com/portcullisdb/portcullis/gateway/wire"
)

// Names in the clusters. The first holds the logical database and ds_0, the second ds_1.
const (
	ownerRole       = "shop_owner" // makes tables
	backendRole     = "gateway"    // what the gateway logs in as: no superuser
	logicalDatabase = "shop"
	environmentFile = "env"
)

func shardDatabase(i int) string { return fmt.Sprintf("shop_%d", i) }

// secrets are the passwords of one run.
type secrets struct {
	owner, backend string
	users          map[string]string
}

func newSecrets() secrets {
	return secrets{owner: rand.Text(), backend: rand.Text(),
		users: map[string]string{"app": rand.Text(), "support": rand.Text()}}
}

// setUp brings everything up, in the order in which one would do it by hand.
func (d *demo) setUp(ctx context.Context) error {
	d.secrets = newSecrets()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"starting two PostgreSQL clusters", d.startClusters},
		{"writing the example's configuration", d.writeFiles},
		{"making a key file and a keyset", func(ctx context.Context) error { return d.command(ctx, "keys", "init") }},
		{"making the logical database and the tables of every node",
			func(ctx context.Context) error { return d.command(ctx, "schema", "apply") }},
		{"starting the gateway", d.serve},
	} {
		p := d.progress(step.name)
		if err := step.do(ctx); err != nil {
			fmt.Fprintln(d.Out)
			return fmt.Errorf("%s: %w", step.name, err)
		}
		p.done()
	}
	return nil
}

func (d *demo) startClusters(ctx context.Context) error {
	binaries, err := pgcluster.Ensure(ctx, d.Out)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for i := range d.clusters {
		group.Go(func() error {
			c, err := pgcluster.Start(ctx, pgcluster.Options{Binaries: binaries, Name: fmt.Sprintf("portcullis-demo-%d", i)})
			if err != nil {
				return err
			}
			d.clusters[i] = c
			return errors.Join(c.CreateRole(ctx, ownerRole, d.secrets.owner), c.CreateRole(ctx, backendRole, d.secrets.backend),
				c.CreateDatabase(ctx, shardDatabase(i), ownerRole))
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return d.clusters[0].CreateDatabase(context.WithoutCancel(ctx), logicalDatabase, ownerRole)
}

// writeFiles copies the example into a private folder and gathers the environment that its configuration refers to.
func (d *demo) writeFiles(context.Context) (err error) {
	if d.folder, err = newFolder(); err != nil {
		return err
	}
	d.dir = d.folder.path
	names, err := fs.Glob(example.Files, "*")
	if err != nil {
		return err
	}
	for _, name := range names {
		content, err := example.Files.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(d.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	d.environ = []string{"PORTCULLIS_LISTEN__ADDRESS=127.0.0.1:0",
		"SHOP_LOGICAL_URL=" + d.clusters[0].URLFor(backendRole, d.secrets.backend, logicalDatabase),
		"SHOP_LOGICAL_OWNER_URL=" + d.clusters[0].URLFor(ownerRole, d.secrets.owner, logicalDatabase)}
	for i, c := range d.clusters {
		d.environ = append(d.environ,
			fmt.Sprintf("SHOP_DS_%d_URL=%s", i, c.URLFor(backendRole, d.secrets.backend, shardDatabase(i))),
			fmt.Sprintf("SHOP_DS_%d_OWNER_URL=%s", i, c.URLFor(ownerRole, d.secrets.owner, shardDatabase(i))))
	}
	for user, password := range d.secrets.users {
		verifier, err := wire.Verifier(password, rand.Reader)
		if err != nil {
			return err
		}
		d.environ = append(d.environ, "SHOP_"+strings.ToUpper(user)+"_VERIFIER="+verifier)
	}
	d.log, err = os.OpenFile(filepath.Join(d.dir, "gateway.log"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	return err
}

// configPath is the configuration's path.
func (d *demo) configPath() string { return filepath.Join(d.dir, "portcullis.yaml") }

// command runs a command of portcullis whose output matters only if it fails.
func (d *demo) command(ctx context.Context, args ...string) error {
	var out bytes.Buffer
	if code := d.Command(ctx, d.environ, &out, append(args, "-c", d.configPath())...); code != 0 {
		return fmt.Errorf("exit code %d: %s", code, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}

// serve starts the gateway in this process, on a free port.
func (d *demo) serve(ctx context.Context) error {
	c, p, err := d.Load(d.configPath(), d.environ)
	if err != nil {
		return err
	}
	g, err := gateway.New(ctx, c, p, gateway.Options{Log: slog.New(slog.NewTextHandler(d.log, nil))})
	if err != nil {
		return err
	}
	d.gateway = g
	listener, err := g.Listen(ctx)
	if err != nil {
		return err
	}
	d.address = listener.Addr().String()
	d.served = make(chan error, 1)
	go func() { d.served <- g.Serve(context.WithoutCancel(ctx), listener) }()
	return d.writeEnvironment()
}

// writeEnvironment writes what the commands of the story refer to, for a shell.
func (d *demo) writeEnvironment() error {
	var b strings.Builder
	for _, line := range append(d.environ, "DEMO="+d.dir, "APP="+d.url("app"), "SUPPORT="+d.url("support"),
		"DS_0="+d.clusters[0].URL(shardDatabase(0)), "DS_1="+d.clusters[1].URL(shardDatabase(1))) {
		name, value, _ := strings.Cut(line, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", name, value)
	}
	return os.WriteFile(filepath.Join(d.dir, environmentFile), []byte(b.String()), 0o600)
}

// url is the gateway's URL for a user.
func (d *demo) url(user string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", user, d.secrets.users[user], d.address, logicalDatabase)
}

// psqlCommand is a command line of psql for a user of the gateway.
func (d *demo) psqlCommand(user string) string {
	psql := "psql"
	if _, err := exec.LookPath(psql); err != nil {
		psql = d.clusters[0].Psql()
	}
	host, port, _ := net.SplitHostPort(d.address) // a listener's address has both
	return fmt.Sprintf("%s -h %s -p %s -U %s %s", psql, host, port, user, logicalDatabase)
}
