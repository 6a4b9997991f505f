package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// badMark ends a bad file; what follows is what Open says about it, one commented line for each mistake.
const badMark = "# ----\n"

// TestBad opens each file of testdata/bad, which is named for its mistake, and compares all errors with those at its end.
func TestBad(t *testing.T) {
	t.Chdir("testdata/bad")
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			body, want, _ := strings.Cut(string(data), badMark)
			_, _, err = Open(Options{Path: file, Environ: []string{"VERIFIER=" + verifier, "PASSWORD=swordfish"}}, fakes())
			if err == nil {
				t.Fatal("accepted")
			}
			got := "# " + strings.ReplaceAll(err.Error(), "\n", "\n# ") + "\n"
			if strings.Contains(got, "swordfish") {
				t.Fatalf("an error holds a secret: %s", got)
			}
			if *update {
				if err := os.WriteFile(file, []byte(body+badMark+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}
