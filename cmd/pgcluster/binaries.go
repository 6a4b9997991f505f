package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
)

// The major versions of PostgreSQL that Portcullis is built for.
const (
	VersionMin = 14
	VersionMax = 18
)

// probeTimeout bounds one call of `postgres --version` or `pg_config --bindir`.
const probeTimeout = 10 * time.Second

// ErrNotFound is returned by Find, wrapped in a sentence that says what to install.
var ErrNotFound = errors.New("no server programs of PostgreSQL 14 to 18 found")

// Binaries is a folder with the programs of one PostgreSQL version.
type Binaries struct {
	Dir     string // absolute
	Version int    // major version, VersionMin to VersionMax
}

// programs are those that a folder must hold to be of use.
var programs = []string{"postgres", "initdb", "psql"}

// Path returns the absolute path of a program of this version, such as "psql" or "pg_dump".
func (b Binaries) Path(program string) string { return filepath.Join(b.Dir, program) }

// Find looks for server programs, without changing anything: in PATH, where pg_config says, in Debian's
// /usr/lib/postgresql, in the folders of Homebrew and of the PostgreSQL project's packages; newest version first within
// each place. It returns an error that wraps ErrNotFound if there are none.
func Find(ctx context.Context) (Binaries, error) {
	for _, dir := range candidates(ctx, os.Getenv("PATH"), "/") {
		if b, err := probe(ctx, dir); err == nil {
			return b, nil
		}
		if err := ctx.Err(); err != nil {
			return Binaries{}, err
		}
	}
	return Binaries{}, fmt.Errorf("%w; %s", ErrNotFound, advice(runtime.GOOS))
}

// candidates lists the folders to probe, in order and without repetition. root is "/" outside tests.
func candidates(ctx context.Context, pathList, root string) []string {
	var dirs []string
	for _, dir := range filepath.SplitList(pathList) {
		if !filepath.IsAbs(dir) {
			continue // a relative entry of PATH means a different folder to the server's user
		}
		if _, err := os.Stat(filepath.Join(dir, "postgres")); err == nil {
			dirs = append(dirs, dir)
		}
		if config := filepath.Join(dir, "pg_config"); executable(config) {
			ctx, cancel := context.WithTimeout(ctx, probeTimeout)
			out, err := exec.CommandContext(ctx, config, "--bindir").Output()
			cancel()
			if err == nil {
				dirs = append(dirs, strings.TrimSpace(string(out)))
			}
		}
	}
	for _, pattern := range []string{
		"usr/lib/postgresql/*/bin",          // Debian, Ubuntu
		"usr/pgsql-*/bin",                   // the PostgreSQL project's packages for Red Hat and its relatives
		"opt/homebrew/opt/postgresql@*/bin", // Homebrew on ARM
		"usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
		"usr/local/pgsql/bin",               // built from source
	} {
		found, _ := filepath.Glob(filepath.Join(root, pattern)) // the only error is a malformed pattern
		sort.SliceStable(found, func(i, j int) bool { return folderVersion(found[i]) > folderVersion(found[j]) })
		dirs = append(dirs, found...)
	}
	seen := make(map[string]bool)
	unique := dirs[:0]
	for _, dir := range dirs {
		if !seen[dir] {
			seen[dir] = true
			unique = append(unique, dir)
		}
	}
	return unique
}

var number = regexp.MustCompile(`[0-9]+`)

// folderVersion reads 17 out of .../postgresql/17/bin or .../postgresql@17/bin; 0 if there is no number.
func folderVersion(dir string) int {
	digits := number.FindString(filepath.Base(filepath.Dir(dir)))
	version, _ := strconv.Atoi(digits) // "" is 0, and that is meant
	return version
}

// probe asks the server program of dir for its version and checks that its companions are there.
func probe(ctx context.Context, dir string) (Binaries, error) {
	for _, program := range programs {
		if !executable(filepath.Join(dir, program)) {
			return Binaries{}, fmt.Errorf("%s has no program %q", dir, program)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("ask %s for its version: %w", filepath.Join(dir, "postgres"), err)
	}
	version, err := parseVersion(string(out))
	if err != nil {
		return Binaries{}, err
	}
	if version < VersionMin || version > VersionMax {
		return Binaries{}, fmt.Errorf("%s holds PostgreSQL %d, outside %d to %d", dir, version, VersionMin, VersionMax)
	}
	return Binaries{Dir: dir, Version: version}, nil
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) ([0-9]+)`)

// parseVersion reads the major version out of "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)".
func parseVersion(line string) (int, error) {
	m := versionLine.FindStringSubmatch(line)
	if m == nil {
		return 0, fmt.Errorf("cannot read a PostgreSQL version from %q", line)
	}
	return strconv.Atoi(m[1])
}

// executable reports that path is a file that somebody may execute.
func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// advice is the clause that says what to install on an operating system.
func advice(goos string) string {
	if goos == "darwin" {
		return `install them with "brew install postgresql@17" and run this again`
	}
	return `install the PostgreSQL server of your distribution (Debian and Ubuntu: "sudo apt-get install postgresql") ` +
		`and run this again`
}
