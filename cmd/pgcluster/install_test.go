package pgcluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNewestPackage(t *testing.T) {
	for lines, want := range map[string]string{
		"postgresql-15 - The World's Most Advanced Open Source Relational Database\n":    "postgresql-15",
		"postgresql-9 - x\npostgresql-17 - x\npostgresql-14 - x\npostgresql-19 - x\n":    "postgresql-17",
		"postgresql-13 - object-relational SQL database, version 13 server\npostgresql-": "",
		"": "",
	} {
		if got := newestPackage(lines); got != want {
			t.Errorf("newestPackage(%q) = %q, want %q", lines, got, want)
		}
	}
}

// TestInstall lets apt-get and apt-cache be scripts that tell what they were asked and what they saw.
func TestInstall(t *testing.T) {
	for _, test := range []struct{ name, packages, fails, wantCalls, wantErr string }{
		{"newest", "postgresql-13 - x\npostgresql-15 - x\npostgresql-17 - x\n", "",
			"apt-get -q update\napt-get -q install --yes --no-install-recommends postgresql-17\nnoninteractive create_main_cluster = false\n", ""},
		{"too old", "postgresql-13 - x\n", "", "apt-get -q update\n", "no PostgreSQL 14 to 18"},
		{"no network", "", "update", "apt-get -q update\n", "apt-get update: exit status 100"},
		{"broken", "postgresql-16 - x\n", "install",
			"apt-get -q update\napt-get -q install --yes --no-install-recommends postgresql-16\n", "apt-get install: exit status 100"},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "-"), func(t *testing.T) {
			bin, configuration, calls := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "calls")
			program(t, filepath.Join(bin, "apt-get"), `echo "apt-get $*" >>`+calls+`
				[ "$2" != "`+test.fails+`" ] || exit 100
				[ "$2" != install ] || echo "$DEBIAN_FRONTEND $(cat `+configuration+`/createcluster.d/*)" >>`+calls)
			program(t, filepath.Join(bin, "apt-cache"), `printf '`+test.packages+`'`)
			t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			var progress strings.Builder
			err := install(t.Context(), configuration, &progress)
			if test.wantErr == "" && err != nil || test.wantErr != "" && (err == nil || !strings.Contains(err.Error(), test.wantErr)) {
				t.Errorf("got error %v", err)
			}
			if got, _ := os.ReadFile(calls); string(got) != test.wantCalls {
				t.Errorf("calls were\n%swant\n%s", got, test.wantCalls)
			}
			if left, _ := filepath.Glob(filepath.Join(configuration, "createcluster.d", "*")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
