package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoad: whatever the file, Open gives mistakes with positions or a policy that gives each user one view of each
// database, with a decision for each protected column; and Load and Compile agree with it.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data, "PORTCULLIS_LISTEN__ADDRESS=127.0.0.1:0")
		}
	}
	f.Add([]byte("a: &a [*a]\n<<: *a\n"), "PORTCULLIS_DATABASES__=")
	path := filepath.Join(f.TempDir(), "portcullis.yaml")
	f.Fuzz(func(t *testing.T, data []byte, variable string) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		o := Options{Path: path, Environ: []string{"VERIFIER=" + verifier, variable}}
		_, compiled, err := Open(o, fakes())
		if err != nil {
			checkErrors(t, err)
			return
		}
		c, err := Load(o)
		if err != nil {
			t.Fatalf("Open accepts what Load refuses: %v", err)
		}
		again, err := c.Compile(fakes())
		if err != nil || again.String() != compiled.String() {
			t.Fatalf("Open and Compile differ: %v", err)
		}
		for name, u := range compiled.Users {
			for database, d := range compiled.Databases {
				view := u.Views[database]
				if view == nil {
					t.Fatalf("user %q has no view of %q", name, database)
				}
				protected := 0
				for _, table := range d.Tables {
					protected += len(table.Columns)
					if len(table.Nodes) == 0 {
						t.Fatalf("table %s lies nowhere", table.Name)
					}
				}
				if len(view.Columns) != protected {
					t.Fatalf("user %q has %d decisions for %d columns", name, len(view.Columns), protected)
				}
			}
		}
	})
}

func checkErrors(t *testing.T, err error) {
	t.Helper()
	var all Errors
	if !errors.As(err, &all) || len(all) == 0 {
		t.Fatalf("error is %T", err)
	}
	for _, one := range all {
		if one.Message == "" || one.At.File == "" || strings.Contains(one.Error(), "\n") {
			t.Fatalf("a mistake without text or place, or of two lines: %q", one.Error())
		}
	}
}
