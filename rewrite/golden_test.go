package rewrite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// goldenCase is one case of a file under testdata/plan:
//
//	# What the case shows.
//	plan role=service params=int8,text path=tricks,public
//	SELECT ...
//	----
//	what Plan.String prints, or the refusal
//
// Cases are separated by an empty line. Only the comment may be left out, and of the first line all but the role.
type goldenCase struct {
	line                 int
	comment, plan, sql   string
	role                 string
	params, path         []string
	want                 string
	roleGiven, pathGiven bool
}

func readCases(t testing.TB, path string) []*goldenCase {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []*goldenCase
	lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	for i := 0; i < len(lines); {
		if lines[i] == "" {
			i++
			continue
		}
		c := &goldenCase{line: i + 1}
		take := func(stop func(string) bool) string {
			start := i
			for i < len(lines) && !stop(lines[i]) {
				i++
			}
			return strings.Join(lines[start:i], "\n")
		}
		c.comment = take(func(l string) bool { return !strings.HasPrefix(l, "#") })
		if i < len(lines) && strings.HasPrefix(lines[i], "plan ") {
			c.plan = lines[i]
			i++
		} else if c.comment != "" {
			continue // a comment on the file
		}
		c.sql = take(func(l string) bool { return l == "----" })
		if i == len(lines) || c.plan == "" {
			t.Fatalf("%s:%d: not a case", path, c.line)
		}
		i++
		c.want = take(func(l string) bool { return l == "" })
		for _, word := range strings.Fields(c.plan)[1:] {
			name, value, _ := strings.Cut(word, "=")
			switch name {
			case "role":
				c.role, c.roleGiven = value, true
			case "params":
				c.params = strings.Split(value, ",")
			case "path":
				c.path, c.pathGiven = slices.DeleteFunc(strings.Split(value, ","), func(s string) bool { return s == "" }), true
			default:
				t.Fatalf("%s:%d: unknown word %q", path, c.line, word)
			}
		}
		cases = append(cases, c)
	}
	return cases
}

var paramTypes = map[string]uint32{"bool": 16, "bytea": 17, "int8": 20, "int2": 21, "int4": 23, "text": 25, "float8": 701,
	"unknown": 705, "bpchar": 1042, "varchar": 1043, "date": 1082, "timestamptz": 1184, "numeric": 1700, "uuid": 2950, "": 0}

// TestPlans compares the plan of each case with what was accepted. Run `make golden` to accept, then read the diff.
func TestPlans(t *testing.T) {
	w := shop(t)
	paths, err := filepath.Glob("testdata/plan/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			head := ""
			if before, _, ok := strings.Cut(string(content), "\n\n"); ok && !strings.Contains("\n"+before, "\nplan ") {
				head = before + "\n\n"
			}
			var accepted []string
			for _, c := range readCases(t, path) {
				env := w.env(c.role)
				if c.pathGiven {
					env.SearchPath = c.path
				}
				for _, name := range c.params {
					oid, ok := paramTypes[name]
					if !ok {
						t.Fatalf("%s:%d: unknown type %q", path, c.line, name)
					}
					env.ParamOIDs = append(env.ParamOIDs, oid)
				}
				got := strings.TrimRight(w.plan(t, w.planner(), c.sql, env), "\n")
				if !*update && got != c.want {
					t.Errorf("%s:%d:\n%s\n--- got\n%s\n--- want\n%s", path, c.line, c.sql, got, c.want)
				}
				comment := c.comment
				if comment != "" {
					comment += "\n"
				}
				accepted = append(accepted, fmt.Sprintf("%s%s\n%s\n----\n%s\n", comment, c.plan, c.sql, got))
			}
			if *update {
				if err := os.WriteFile(path, []byte(head+strings.Join(accepted, "\n")), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
