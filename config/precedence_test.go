package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullisdb/portcullis/config/policy"
)

// precedenceBase has one column and users with the role sets {}, {a}, {a, b}.
const precedenceBase = `users:
  - {name: nobody, verifier: "env:VERIFIER"}
  - {name: a, verifier: "env:VERIFIER", roles: [a]}
  - {name: ab, verifier: "env:VERIFIER", roles: [b, a]}
keys: {kek: {type: file, path: kek}, store: {type: folder, path: keys}, keysets: {pii: {}}}
databases:
  d:
    logical: "postgres://127.0.0.1/d"
    datasources: {ds: {url: "postgres://127.0.0.1/ds"}}
    tables: {t: {columns: {c: {type: text, tags: [x], encrypt: {keyset: pii, search: [equality]}}}}}
    policies:
`

// TestPrecedence: which rule decides for a column and a set of roles. A rule is written without its braces; the decision
// ends with the number of the rule that made it.
func TestPrecedence(t *testing.T) {
	const reveal, deny = "reveal: true", "deny: true"
	const maskM, maskN = "mask: {type: PARTIAL}", "mask: {type: NULLIFY}"
	exact, pattern, tag := "columns: [t.c], ", `columns: ["t.*"], `, "tags: [x], "
	ofA, ofB := "roles: [a], ", "roles: [b], "
	for _, test := range []struct {
		name  string
		rules []string
		user  string
		want  string
	}{
		{"no rule denies", nil, "a", "deny (default)"},
		{"a rule for another role denies", []string{tag + ofB + reveal}, "a", "deny (default)"},
		{"a rule without roles fits a user without roles", []string{tag + reveal}, "nobody", "reveal (1)"},
		{"a rule with roles does not fit a user without roles", []string{tag + ofA + reveal}, "nobody", "deny (default)"},

		{"equal rules: deny beats mask", []string{exact + maskM, exact + deny}, "a", "deny (2)"},
		{"equal rules: deny beats reveal", []string{exact + reveal, exact + deny}, "a", "deny (2)"},
		{"equal rules: mask beats reveal", []string{exact + reveal, exact + maskM}, "a", "mask PARTIAL (2)"},
		{"order of writing does not matter", []string{exact + deny, exact + reveal}, "a", "deny (1)"},

		{"exact beats pattern", []string{exact + reveal, pattern + deny}, "a", "reveal (1)"},
		{"exact beats tag", []string{tag + deny, exact + reveal}, "a", "reveal (2)"},
		{"pattern beats tag", []string{pattern + reveal, tag + deny}, "a", "reveal (1)"},
		{"all columns are a pattern", []string{`columns: ["*"], ` + reveal, tag + deny}, "a", "reveal (1)"},
		{"a role beats none", []string{tag + deny, tag + ofA + reveal}, "a", "reveal (2)"},
		{"a role that the user lacks does not count", []string{tag + maskM, tag + ofB + reveal}, "a", "mask PARTIAL (1)"},
		{"exact with role beats exact", []string{exact + deny, exact + ofA + maskM}, "a", "mask PARTIAL (2)"},
		{"a rule that names a column in two ways counts by the better",
			[]string{`columns: [t.c, "*"], ` + reveal, pattern + deny}, "a", "reveal (1)"},

		{"column against role: the stricter wins", []string{exact + reveal, tag + ofA + maskM}, "a", "mask PARTIAL (2)"},
		{"column against role: the stricter wins, turned", []string{exact + maskM, tag + ofA + reveal}, "a", "mask PARTIAL (1)"},
		{"column against role: deny for all columns", []string{exact + deny, tag + ofA + reveal}, "a", "deny (1)"},
		{"a third rule beats both", []string{exact + deny, tag + ofA + deny, exact + ofA + reveal}, "a", "reveal (3)"},
		{"what is beaten does not come back", []string{exact + ofA + reveal, exact + deny, pattern + ofA + maskM}, "a", "reveal (1)"},

		{"two roles: the stricter", []string{tag + ofA + reveal, tag + ofB + maskM}, "ab", "mask PARTIAL (2)"},
		{"two roles: deny", []string{tag + ofA + maskM, tag + ofB + deny}, "ab", "deny (2)"},
		{"two roles: the more exact", []string{exact + ofA + reveal, tag + ofB + deny}, "ab", "reveal (1)"},
		{"two roles: one of them is silent", []string{tag + ofA + reveal}, "ab", "reveal (1)"},
		{"two roles in one rule are no more exact than one", []string{tag + "roles: [a, b], " + reveal, tag + ofA + deny}, "ab", "deny (2)"},
		{"equal masks are one", []string{tag + ofA + maskM, tag + ofB + maskM}, "ab", "mask PARTIAL (1)"},
		{"equal masks: rights that both give", []string{tag + ofA + maskM + ", predicates: [eq, in], write: true",
			tag + ofB + maskM + ", predicates: [eq, like]"}, "ab", "mask PARTIAL predicates eq (1)"},
		{"equal denials: rights that both give", []string{tag + ofA + deny + ", predicates: [eq]", tag + ofB + deny}, "ab", "deny (1)"},
		{"two masks for two roles that one user has", []string{tag + ofA + maskM, tag + ofB + maskN}, "a", "error"},
		{"two masks, one beaten", []string{tag + ofA + maskM, exact + ofB + maskN}, "ab", "mask NULLIFY (2)"},
		{"two masks, neither more exact", []string{exact + maskM, tag + ofA + maskN}, "a", "error"},
		{"two masks, but a denial", []string{tag + ofA + maskM, tag + ofA + maskN, tag + ofA + deny, tag + ofB + reveal}, "ab", "deny (3)"},

		{"a mask gives no right", []string{tag + maskM}, "a", "mask PARTIAL (1)"},
		{"rights of a mask", []string{tag + maskM + ", predicates: [eq, null], write: true"}, "a",
			"mask PARTIAL predicates eq, null write (1)"},
		{"rights of a denial", []string{tag + deny + ", predicates: [in, range, like], write: true"}, "a",
			"deny predicates in, range, like write (1)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := precedenceBase
			for _, rule := range test.rules {
				text += "      - {" + rule + "}\n"
			}
			if len(test.rules) == 0 {
				text = strings.TrimSuffix(text, "    policies:\n")
			}
			compiled, err := compileText(t, text)
			if err != nil {
				if test.want != "error" || !strings.Contains(err.Error(), "two masks") {
					t.Fatal(err)
				}
				return
			}
			view := compiled.Users[test.user].Views["d"]
			access := view.Access(policy.TableName{Schema: "public", Name: "t"}, "c")
			got := access.String()
			for i := range test.rules {
				at := Position{File: "portcullis.yaml", Line: strings.Count(precedenceBase, "\n") + 1 + i}
				got = strings.ReplaceAll(got, at.String(), string(rune('1'+i)))
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if access.Right == policy.Reveal && !access.Write {
				t.Error("a revealed column cannot be written")
			}
		})
	}
}

// TestEqualRoleSetsShareOneView: users with the same roles, in whatever order, share a view.
func TestEqualRoleSetsShareOneView(t *testing.T) {
	text := strings.Replace(precedenceBase, "keys:",
		"  - {name: ba, verifier: \"env:VERIFIER\", roles: [a, b]}\nkeys:", 1) + "      - {tags: [x], roles: [a], reveal: true}\n"
	compiled, err := compileText(t, text)
	if err != nil {
		t.Fatal(err)
	}
	if compiled.Users["ab"].Views["d"] != compiled.Users["ba"].Views["d"] {
		t.Error("two views for one set of roles")
	}
	if compiled.Users["ab"].Views["d"] == compiled.Users["a"].Views["d"] {
		t.Error("one view for two sets of roles")
	}
	for name, u := range compiled.Users {
		if u.Views["d"] == nil {
			t.Errorf("user %s has no view", name)
		}
	}
}

// compileText opens a configuration that stands in text.
func compileText(t *testing.T, text string) (*policy.Policy, error) {
	t.Helper()
	_, compiled, err := Open(Options{Path: write(t, text), Environ: []string{"VERIFIER=" + verifier}}, fakes())
	return compiled, err
}

// write puts text into a file named portcullis.yaml.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "portcullis.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
