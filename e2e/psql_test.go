package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var updateGolden = flag.Bool("update", false, "write what psql prints to testdata/psql")

// TestPsql runs the scripts of testdata/psql through the gateway by psql, in order, and compares what it prints with the
// file beside the script. The number of a script is followed by the user that runs it.
func TestPsql(t *testing.T) {
	s := theShop(t)
	scripts, err := filepath.Glob(filepath.Join("testdata", "psql", "*.sql"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".sql")
		_, user, _ := strings.Cut(name, "-")
		t.Run(name, func(t *testing.T) {
			got := plain(s.psql(t, user, "-a", "-f", script))
			golden := filepath.Join("testdata", "psql", name+".txt")
			if *updateGolden {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("psql prints otherwise than %s:\n%s", golden, difference(string(want), got))
			}
			for _, secret := range []string{"123-45", "987-65", "30 12", "12.50", "1990-01"} {
				if user == "support" && strings.Contains(withoutStatements(got), secret) {
					t.Errorf("support reads %q", secret)
				}
			}
			if rows := s.shards(t, "customers", "SELECT count(*)::text FROM %s WHERE id = 9001"); strings.Count(fmt.Sprint(rows), "1") != 1 {
				t.Errorf("the row stands on the nodes %v times", rows)
			}
			for _, row := range s.shards(t, "customers", "SELECT email, ssn, phone, birth_date, balance FROM %s WHERE id = 9001") {
				for i, cell := range row {
					if len(cell) < 30 || cell[0] != 1 || strings.Contains(cell, "987-65") || strings.Contains(strings.ToLower(cell), "ada@") {
						t.Errorf("column %d of the shard is not sealed", i+1)
					}
				}
			}
		})
	}
}

// scriptPlace is psql's prefix of messages: the path of the script and a line.
var scriptPlace = regexp.MustCompile(`(?m)^psql:[^ ]+: `)

// plain is psql's output without what depends on the machine.
func plain(out string) string { return scriptPlace.ReplaceAllString(out, "") }

// withoutStatements leaves out what psql repeats of the script, and of the statement in an error.
func withoutStatements(out string) string {
	var b strings.Builder
	for _, line := range strings.SplitAfter(out, "\n") {
		if !statementLine.MatchString(line) {
			b.WriteString(line)
		}
	}
	return b.String()
}

var statementLine = regexp.MustCompile(`^(SELECT|UPDATE|DELETE|INSERT|EXPLAIN|LINE) `)

// difference shows the first lines in which two texts differ.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := 0; i < max(len(a), len(b)); i++ {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return fmt.Sprintf("line %d\nwant:\n%s\ngot:\n%s", i+1, strings.Join(a[min(i, len(a)):min(i+8, len(a))], "\n"),
				strings.Join(b[min(i, len(b)):min(i+8, len(b))], "\n"))
		}
	}
	return "nothing"
}
