package pgcluster

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFindFindsThisMachinesServer(t *testing.T) {
	b, err := Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if b.Version < VersionMin || b.Version > VersionMax || !filepath.IsAbs(b.Dir) {
		t.Errorf("got %+v", b)
	}
}

// program writes a shell script under root.
func program(t *testing.T, path, script string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestCandidatesAreOrderedByPlaceThenVersion(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{
		"usr/lib/postgresql/9.6/bin", "usr/lib/postgresql/14/bin", "usr/lib/postgresql/17/bin",
		"opt/homebrew/opt/postgresql@16/bin", "usr/local/opt/postgresql@18/bin", "path",
	} {
		program(t, filepath.Join(root, dir, "postgres"), "")
	}
	program(t, filepath.Join(root, "config", "pg_config"), `[ "$1" = --bindir ] && echo /from/pg_config`)
	list := filepath.Join(root, "empty") + ":relative:" + filepath.Join(root, "path") + ":" + filepath.Join(root, "config") +
		":" + filepath.Join(root, "path")
	got := candidates(t.Context(), list, root)
	want := []string{
		filepath.Join(root, "path"), "/from/pg_config",
		filepath.Join(root, "usr/lib/postgresql/17/bin"), filepath.Join(root, "usr/lib/postgresql/14/bin"),
		filepath.Join(root, "usr/lib/postgresql/9.6/bin"),
		filepath.Join(root, "opt/homebrew/opt/postgresql@16/bin"), filepath.Join(root, "usr/local/opt/postgresql@18/bin"),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestProbe(t *testing.T) {
	for _, test := range []struct {
		name, says string
		version    int // 0: not accepted
	}{
		{"oldest", "postgres (PostgreSQL) 14.1", 14},
		{"debian", "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", 15},
		{"newest", "postgres (PostgreSQL) 18beta1", 18},
		{"too old", "postgres (PostgreSQL) 13.20", 0},
		{"too new", "postgres (PostgreSQL) 19devel", 0},
		{"something else", "EnterpriseThing 15", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			program(t, filepath.Join(dir, "postgres"), "echo '"+test.says+"'")
			program(t, filepath.Join(dir, "initdb"), "")
			if _, err := probe(t.Context(), dir); err == nil {
				t.Error("a folder without psql was accepted")
			}
			program(t, filepath.Join(dir, "psql"), "")
			b, err := probe(t.Context(), dir)
			if (err == nil) != (test.version != 0) || b.Version != test.version {
				t.Errorf("got version %d, error %v", b.Version, err)
			}
		})
	}
}

func TestFindSaysWhatToInstall(t *testing.T) {
	for goos, want := range map[string]string{"linux": "apt-get install postgresql", "darwin": "brew install postgresql@17"} {
		if got := advice(goos); !strings.Contains(got, want) {
			t.Errorf("advice on %s is %q", goos, got)
		}
	}
}
