package portcullis_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/portcullisdb/portcullis"

// rule says which packages of ours a package may import. A path that ends in "/..." stands for the package and all below
// it; the rule with the longest path that fits a package is its rule.
type rule struct {
	path  string
	may   []string
	tests []string // what its tests may import beside that, and beside itself
	why   string
}

// lattice is who may know whom. It only goes down: there is no way back from a leaf to what uses it.
var lattice = []rule{
	{"", nil, nil, "the root holds tests of the tree as a whole"},

	{"config/policy", nil, nil, "the compiled policy is the one form in which all others know what was configured"},
	{"config/...", []string{"config/policy"}, nil, "what was written is checked by functions that its caller passes in"},

	{"masking/...", []string{"masking/..."}, nil, "a mask knows text, not where it stands"},

	{"shard/...", []string{"shard/..."}, nil, "an algorithm knows values and targets, not statements"},

	{"crypto/datum/...", []string{"crypto/datum/..."}, nil, "types know nothing of keys"},
	{"crypto/kek/...", []string{"crypto/kek"}, []string{"crypto/kek/kektest"}, "one way of wrapping does not know the others"},
	{"crypto/keystore/...", []string{"crypto/keystore"}, []string{"crypto/keystore/keystoretest"}, "a store keeps bytes, wrapped by others"},
	{"crypto/keyset/...", []string{"crypto/kek", "crypto/keystore", "crypto/keyset/..."}, []string{"crypto/kek/...", "crypto/keystore/..."},
		"keysets are unwrapped by any KEK and kept in any store"},
	{"crypto/sealed/...", []string{"crypto/datum", "crypto/keyset", "crypto/sealed/..."}, []string{"crypto/kek/...", "crypto/keystore/..."},
		"sealing needs types and keys, and nothing of where keys come from"},

	{"rewrite/sqlstate", nil, nil, "an error is known to all and knows nobody"},
	{"rewrite/catalog", nil, nil, "the catalog is data"},
	{"rewrite/scan", []string{"rewrite/sqlstate"}, nil, "the scanner stands before everything, the parser too"},
	{"rewrite/...", []string{"config/policy", "rewrite/..."}, []string{"cmd/pgcluster", "config", "gateway/schema", "shard"},
		"planning knows SQL, catalog and policy: no socket, no key, not what a mask or an algorithm computes (its tests read a " +
			"policy as a user writes it, and record what a real server answers)"},

	{"gateway/audit", nil, nil, "the log takes events from anybody and knows nobody"},
	{"gateway/wire", []string{"rewrite/sqlstate"}, []string{"cmd/pgcluster"}, "framing knows messages, not their meaning"},
	{"gateway/pool", []string{"gateway/wire", "rewrite/sqlstate"}, []string{"cmd/pgcluster"}, "a server connection knows no plan"},
	{"gateway/schema", []string{"config/...", "crypto/datum", "rewrite/..."}, []string{"cmd/pgcluster", "crypto/...", "shard/..."},
		"the logical database is a client's affair: it needs no pool of ours and no key"},
	{"gateway/execute", []string{"config/...", "crypto/...", "gateway/pool", "gateway/wire", "masking/...", "rewrite/...", "shard/..."},
		[]string{"cmd/pgcluster"}, "a plan is executed without knowing whose session it is"},
	{"gateway/session", []string{"config/...", "crypto/...", "gateway/audit", "gateway/execute", "gateway/pool", "gateway/schema",
		"gateway/wire", "masking/...", "rewrite/...", "shard/..."}, []string{"cmd/pgcluster"}, "a session uses all below it"},
	{"gateway/admin", []string{"config/...", "crypto/...", "gateway/audit", "gateway/pool", "gateway/schema", "gateway/session"},
		[]string{"cmd/pgcluster"}, "administration looks at sessions; they do not look at it"},
	{"gateway", []string{"config/...", "crypto/...", "gateway/...", "masking/...", "rewrite/...", "shard/..."}, []string{"cmd/pgcluster"},
		"the gateway puts its parts together"},

	{"cmd/pgcluster", nil, nil, "end-to-end tests import it and must not come to know the product's insides through it"},
	{"cmd/...", []string{"..."}, nil, "assembly and flags"},

	{"examples/...", nil, nil, "examples are files to read; Go only carries them into the binary"},

	{"e2e/...", []string{"cmd/pgcluster", "e2e/..."}, nil, "it drives the built binary, as anybody else would"},
}

// home says where a module, or a package of the standard library, may be imported.
type home struct {
	path  string
	may   []string // packages of ours, as in rule
	tests bool     // everybody's tests may import it too
	why   string
}

// homes lists every import from outside that is not the standard library, and a few from inside it.
var homes = []home{
	{"github.com/cockroachdb/apd/v3", []string{"crypto/datum/...", "gateway/execute", "masking/...", "shard/..."}, true, "numeric is exact"},
	{"github.com/jackc/pgproto3/v2", []string{"gateway/wire"}, true, "decodes what wire has framed"},
	{"github.com/jackc/pgx/v5", []string{"cmd/...", "gateway/pool", "gateway/schema", "e2e/..."}, true,
		"we are a client of PostgreSQL where we dial it and where we ask it, and nowhere else"},
	{"github.com/knadh/koanf", []string{"config"}, false, "shows in no signature outside"},
	{"github.com/pganalyze/pg_query_go/v5", []string{"rewrite/..."}, false, "cgo and its parse trees stay in one place"},
	{"github.com/prometheus/client_golang", []string{"gateway/admin"}, false, "who counts does not know who asks"},
	{"github.com/rogpeppe/go-internal", nil, true, "testscript"},
	{"github.com/spf13/cobra", []string{"cmd/..."}, false, "flags are not the product's business"},
	{"github.com/spf13/pflag", []string{"cmd/...", "config"}, false, "flags override the file"},
	{"github.com/tink-crypto/tink-go/v2", []string{"crypto/..."}, false, "keys and ciphers stay in one place"},
	{"github.com/xdg-go/scram", []string{"gateway/wire"}, true, "authentication is part of the protocol"},
	{"go.yaml.in/yaml/v3", []string{"config"}, false, "one reader of what was written"},
	{"golang.org/x/sync", []string{"cmd/...", "gateway/...", "rewrite/...", "e2e/..."}, true, "semaphores and single flights where goroutines meet"},
	{"golang.org/x/sys", []string{"cmd/portcullis", "gateway"}, false, "sockets, as the system knows them and passes them on"},
	{"golang.org/x/term", []string{"cmd/..."}, false, "only a command has a terminal"},
	{"google.golang.org/protobuf", []string{"crypto/...", "rewrite/..."}, true, "Tink's and pg_query's messages"},

	{"net", []string{"cmd/...", "config", "crypto/kek/...", "gateway/...", "e2e/..."}, true, "only these dial or listen (config parses addresses)"},
	{"os/exec", []string{"cmd/...", "e2e/..."}, true, "the gateway starts no programs"},
	{"math/rand", nil, true, "what must not be guessed comes from crypto/rand"},
	{"math/rand/v2", nil, true, "what must not be guessed comes from crypto/rand"},
	{"unsafe", nil, false, "memory safety is worth more than a copy"},
	{"C", []string{"cmd/portcullis"}, false, "cgo is pg_query's alone, but for what has to happen before Go's runtime starts"},
}

// listed is what `go list -e -json` says of a package.
type listed struct {
	ImportPath   string
	Name         string
	Doc          string
	Imports      []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
	CgoFiles     []string
}

// path is the package's path below the root.
func (p *listed) path() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func listPackages(t *testing.T) []*listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-e", "-json=ImportPath,Name,Doc,Imports,TestImports,XTestImports,GoFiles,CgoFiles", "./...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var packages []*listed
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		p := new(listed)
		if err := decoder.Decode(p); err == io.EOF {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// fits reports that a pattern stands for a path.
func fits(pattern, path string) bool {
	if pattern == "..." {
		return true
	}
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == tree || strings.HasPrefix(path, tree+"/")
	}
	return path == pattern
}

func anyFits(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return fits(pattern, path) })
}

// ruleOf returns the rule of a package, or nil.
func ruleOf(path string) *rule {
	var best *rule
	for i := range lattice {
		r := &lattice[i]
		if fits(r.path, path) && (best == nil || len(r.path) > len(best.path) || r.path == path) {
			best = r
			if r.path == path {
				return r
			}
		}
	}
	return best
}

func TestImportsFollowTheLattice(t *testing.T) {
	for _, p := range listPackages(t) {
		path := p.path()
		r := ruleOf(path)
		if r == nil {
			t.Errorf("package %s has no rule: decide where it stands", path)
			continue
		}
		for _, imported := range p.Imports {
			other, ours := strings.CutPrefix(imported, module+"/")
			if ours && !anyFits(r.may, other) {
				t.Errorf("%s may not import %s: %s", path, other, r.why)
			}
		}
		for _, imported := range append(slices.Clone(p.TestImports), p.XTestImports...) {
			other, ours := strings.CutPrefix(imported, module+"/")
			if ours && other != path && !anyFits(r.may, other) && !anyFits(r.tests, other) {
				t.Errorf("tests of %s may not import %s: %s", path, other, r.why)
			}
		}
	}
}

func TestDependenciesStayAtHome(t *testing.T) {
	homeOf := func(imported string) *home {
		for i := range homes {
			if h := &homes[i]; imported == h.path || strings.Contains(h.path, ".") && strings.HasPrefix(imported, h.path+"/") {
				return h
			}
		}
		return nil
	}
	for _, p := range listPackages(t) {
		check := func(imported string, inTest bool) {
			first, _, _ := strings.Cut(imported, "/")
			if strings.HasPrefix(imported, module) {
				return
			}
			h := homeOf(imported)
			switch {
			case h == nil && strings.Contains(first, "."):
				t.Errorf("%s imports %s, which has no home: decide on one", p.path(), imported)
			case h == nil || inTest && h.tests || anyFits(h.may, p.path()):
			default:
				t.Errorf("%s may not import %s: %s", p.path(), imported, h.why)
			}
		}
		for _, imported := range p.Imports {
			check(imported, false)
		}
		for _, imported := range append(slices.Clone(p.TestImports), p.XTestImports...) {
			check(imported, true)
		}
	}
}

// TestLatticeHasNoCycle keeps the table honest: nobody who follows its rules comes back to where he began.
func TestLatticeHasNoCycle(t *testing.T) {
	const entered, left = 1, 2
	state := make(map[*rule]int)
	var visit func(r *rule, way []string)
	visit = func(r *rule, way []string) {
		way = append(slices.Clone(way), r.path)
		switch state[r] {
		case entered:
			t.Errorf("the lattice goes in a circle: %s", strings.Join(way, " -> "))
			return
		case left:
			return
		}
		state[r] = entered
		for i := range lattice {
			if other := &lattice[i]; other != r && r.reaches(other) {
				visit(other, way)
			}
		}
		state[r] = left
	}
	for i := range lattice {
		visit(&lattice[i], nil)
	}
}

// reaches reports that packages under r may import some under other.
func (r *rule) reaches(other *rule) bool {
	base := strings.TrimSuffix(other.path, "/...")
	return slices.ContainsFunc(r.may, func(pattern string) bool {
		return fits(pattern, base) || ruleOf(strings.TrimSuffix(pattern, "/...")) == other
	})
}
