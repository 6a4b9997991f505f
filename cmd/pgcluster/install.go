package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// Ensure is Find, and where that finds nothing, the process is root and the system has apt-get, it installs the newest
// server package of the distribution within VersionMin to VersionMax. What it does is told on progress. Elsewhere it
// returns Find's error, which says what to install.
func Ensure(ctx context.Context, progress io.Writer) (Binaries, error) {
	found, err := Find(ctx)
	if !errors.Is(err, ErrNotFound) {
		return found, err
	}
	if _, lookErr := exec.LookPath("apt-get"); lookErr != nil || os.Geteuid() != 0 {
		return Binaries{}, err
	}
	if err := install(ctx, "/etc/postgresql-common", progress); err != nil {
		return Binaries{}, fmt.Errorf("install PostgreSQL: %w", err)
	}
	return Find(ctx)
}

// install runs apt-get; its output goes to progress. configuration is the folder of Debian's postgresql-common: a file in
// it keeps the package from making and starting a cluster of its own (createcluster.conf), and is removed afterwards.
func install(ctx context.Context, configuration string, progress io.Writer) (err error) {
	noCluster := filepath.Join(configuration, "createcluster.d", "portcullis-install.conf")
	if err := os.MkdirAll(filepath.Dir(noCluster), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(noCluster, []byte("create_main_cluster = false\n"), 0o644); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(noCluster)) }()

	fmt.Fprintln(progress, "no PostgreSQL server found: installing the distribution's package with apt-get")
	if err := aptGet(ctx, progress, "update"); err != nil {
		return err
	}
	names, err := exec.CommandContext(ctx, "apt-cache", "search", "--names-only", `^postgresql-[0-9]+$`).Output()
	if err != nil {
		return fmt.Errorf("apt-cache search: %w", err)
	}
	name := newestPackage(string(names))
	if name == "" {
		return fmt.Errorf("the distribution has no PostgreSQL %d to %d; "+
			"add the PostgreSQL project's own package repository and run this again", VersionMin, VersionMax)
	}
	return aptGet(ctx, progress, "install", "--yes", "--no-install-recommends", name)
}

// newestPackage picks postgresql-17 out of the lines of apt-cache search; "" if none is within the versions.
func newestPackage(lines string) string {
	var versions []int
	for line := range strings.Lines(lines) {
		var version int
		if _, err := fmt.Sscanf(line, "postgresql-%d ", &version); err == nil && version >= VersionMin && version <= VersionMax {
			versions = append(versions, version)
		}
	}
	if len(versions) == 0 {
		return ""
	}
	sort.Ints(versions)
	return fmt.Sprintf("postgresql-%d", versions[len(versions)-1])
}

func aptGet(ctx context.Context, progress io.Writer, args ...string) error {
	command := exec.CommandContext(ctx, "apt-get", append([]string{"-q"}, args...)...)
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	command.Stdout, command.Stderr = progress, progress
	if err := command.Run(); err != nil {
		return fmt.Errorf("apt-get %s: %w", args[0], err)
	}
	return nil
}
