package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	"github.com/portcullisdb/portcullis/e2e/wirescript"
)

// runTimeout bounds everything, the program included.
const runTimeout = 2 * time.Minute

const database = "wire_postgres"

func main() {
	output := flag.String("o", "", "file to write; standard output if not given")
	draft := flag.String("fill", "", "complete this draft; no program is run")
	comment := flag.String("comment", "", "first line of the script; what was run if not given")
	flag.Parse()
	if err := run(*output, *draft, *comment, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(output, draft, comment string, program []string) error {
	if (draft == "") == (len(program) == 0) {
		return fmt.Errorf("want either a program behind -- or -fill")
	}
	ctx, cancel := context.WithTimeout(context.Background(), runTimeout)
	defer cancel()
	cluster, err := startCluster(ctx, draft == "")
	if err != nil {
		return err
	}
	defer cluster.Stop()
	var script string
	if draft != "" {
		script, err = wirescript.Fill(ctx, draft, target(cluster))
	} else {
		script, err = record(ctx, cluster, comment, program)
	}
	if err != nil {
		return err
	}
	if output == "" {
		_, err = os.Stdout.WriteString(script)
		return err
	}
	return os.WriteFile(output, []byte(script), 0o644)
}

// startCluster starts one with what scripts find in it. A trusting one asks nobody for a password, so that the proxy need
// not know any.
func startCluster(ctx context.Context, trusting bool) (*pgcluster.Cluster, error) {
	cluster, err := pgcluster.Start(ctx, pgcluster.Options{Name: "record", MaxPreparedTransactions: 10})
	if err != nil {
		return nil, err
	}
	if err := stage(ctx, cluster, trusting); err != nil {
		_ = cluster.Stop()
		return nil, err
	}
	return cluster, nil
}

func stage(ctx context.Context, cluster *pgcluster.Cluster, trusting bool) error {
	if err := wirescript.Stage(ctx, cluster, database); err != nil {
		return err
	}
	if trusting {
		if err := os.WriteFile(filepath.Join(cluster.DataDir(), "pg_hba.conf"), []byte("host all all 127.0.0.1/32 trust\n"), 0o600); err != nil {
			return err
		}
		if err := cluster.Exec(ctx, "postgres", "SELECT pg_reload_conf()"); err != nil {
			return err
		}
	}
	return wirescript.Reset(ctx, cluster.URL(database))
}

func target(cluster *pgcluster.Cluster) wirescript.Target {
	return wirescript.Target{Address: fmt.Sprintf("127.0.0.1:%d", cluster.Port), User: wirescript.Role,
		Password: wirescript.Password, Database: database, Superuser: cluster.URL(database)}
}

// record runs the program and returns the script of what it did.
func record(ctx context.Context, cluster *pgcluster.Cluster, comment string, program []string) (string, error) {
	to := target(cluster)
	p, err := listen(to)
	if err != nil {
		return "", err
	}
	url := fmt.Sprintf("postgres://%s:any@127.0.0.1:%d/%s?sslmode=disable", to.User, p.port(), to.Database)
	for i, arg := range program {
		program[i] = strings.ReplaceAll(arg, "{url}", url)
	}
	command := exec.CommandContext(ctx, program[0], program[1:]...)
	command.Env = append(os.Environ(), "PGHOST=127.0.0.1", fmt.Sprintf("PGPORT=%d", p.port()), "PGUSER="+to.User, "PGPASSWORD=any",
		"PGDATABASE="+to.Database, "PGSSLMODE=disable", "DATABASE_URL="+url)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "record: the program ended with:", err)
	}
	p.close()
	if comment == "" {
		comment = "What " + filepath.Base(program[0]) + " does."
	}
	script := "# " + comment + "\n" + p.tape.script()
	return steady(ctx, cluster, script)
}

// steady runs a script until it holds, and puts _ in the place of what is different from the recording.
func steady(ctx context.Context, cluster *pgcluster.Cluster, script string) (string, error) {
	dir, err := os.MkdirTemp("", "record-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "recorded.txt")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return "", err
	}
	if err := wirescript.Reset(ctx, cluster.URL(database)); err != nil {
		return "", err
	}
	return wirescript.Steady(ctx, file, target(cluster))
}
