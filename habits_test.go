package portcullis_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestPackagesHaveADocComment(t *testing.T) {
	for _, p := range listPackages(t) {
		if len(p.GoFiles)+len(p.CgoFiles) == 0 {
			continue // tests only
		}
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command " + filepath.Base(p.path()) + " "
		}
		if !strings.HasPrefix(p.Doc, want) {
			t.Errorf("%s: the package comment begins %q, not %q", p.path(), p.Doc, want)
		}
	}
}

// textFiles calls f with each file of the tree that is text, whether it is Go's or not.
func textFiles(t *testing.T, f func(path string, content []byte)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path == ".git" || path == "build" || path == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.IndexByte(content, 0) < 0 {
			f(filepath.ToSlash(path), content)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTreeSpeaksOfTheProduct: what belongs to one machine or one package registry has no place in the tree. The words are
// put together here, so that this file does not hold them.
func TestTreeSpeaksOfTheProduct(t *testing.T) {
	var words []string
	for _, parts := range [][]string{
		{"/wo", "rk/"}, {"/ro", "ot/"}, {"/home", "/runner"},
		{"proxy.go", "lang.org"}, {"sum.go", "lang.org"}, {"registry.np", "mjs.org"}, {"py", "pi.org"}, {"crates", ".io"},
		{"deb.deb", "ian.org"}, {"archive.ubu", "ntu.com"}, {"repo.maven", ".apache.org"}, {"ruby", "gems.org"},
	} {
		words = append(words, regexp.QuoteMeta(strings.Join(parts, "")))
	}
	forbidden := regexp.MustCompile(strings.Join(words, "|"))
	textFiles(t, func(path string, content []byte) {
		for number, line := range bytes.Split(content, []byte("\n")) {
			if found := forbidden.Find(line); found != nil {
				t.Errorf("%s:%d names %s", path, number+1, found)
			}
		}
	})
}

// TestNothingIsLeftToDo: what is not built is refused with an error that says so; a note to ourselves is not an error.
func TestNothingIsLeftToDo(t *testing.T) {
	note := regexp.MustCompile(`//.*\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)
	textFiles(t, func(path string, content []byte) {
		if !strings.HasSuffix(path, ".go") {
			return
		}
		for number, line := range bytes.Split(content, []byte("\n")) {
			if found := note.Find(line); found != nil {
				t.Errorf("%s:%d: %s", path, number+1, found)
			}
		}
	})
}

// licences are those that we may build upon, each with a text that only it has.
var licences = []struct {
	name string
	mark *regexp.Regexp
}{
	{"Apache-2.0", regexp.MustCompile(`(?i)Apache License\s+Version 2\.0|Licensed under the Apache License, Version 2\.0`)},
	{"BSD-3-Clause", regexp.MustCompile(`(?s)Redistribution and use in source and binary forms.*to\s+endorse\s+or\s+promote\s+products`)},
	{"BSD-2-Clause", regexp.MustCompile(`Redistribution and use in source and binary forms`)},
	{"MIT", regexp.MustCompile(`Permission is hereby granted, free of charge, to any\s+person obtaining`)},
	{"ISC", regexp.MustCompile(`Permission to use, copy, modify, and(/or)? distribute this software for any`)},
}

const dependencyList = "docs/decisions/dependencies.md"

// TestDependenciesAreListed: each module of go.mod has a line in the list with its licence, which is what the module's own
// file says, and the list has no others.
func TestDependenciesAreListed(t *testing.T) {
	content, err := os.ReadFile(dependencyList)
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]string)
	row := regexp.MustCompile("^\\| `([^`]+)` \\| ([^|]+) \\|")
	for line := range strings.Lines(string(content)) {
		if m := row.FindStringSubmatch(line); m != nil {
			if _, ok := listed[m[1]]; ok {
				t.Errorf("%s lists %s twice", dependencyList, m[1])
			}
			listed[m[1]] = m[2]
		}
	}
	for _, required := range requiredModules(t) {
		licence, ok := listed[required]
		delete(listed, required)
		if !ok {
			t.Errorf("%s has no line for %s", dependencyList, required)
			continue
		}
		if dir := moduleDir(t, required); dir != "" {
			if found := licencesIn(t, dir); !slices.Contains(found, licence) {
				t.Errorf("%s says that %s is under %s; its files say %v", dependencyList, required, licence, found)
			}
		}
	}
	for left := range listed {
		t.Errorf("%s lists %s, which go.mod does not require", dependencyList, left)
	}
}

// requiredModules returns the paths of go.mod's require directives.
func requiredModules(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Require []struct{ Path string } }
	if err := json.Unmarshal(out, &file); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, r := range file.Require {
		paths = append(paths, r.Path)
	}
	return paths
}

// moduleDir returns the folder of a module's source, or "" if it has not been downloaded: nothing of ours needs it then.
func moduleDir(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	if err != nil {
		t.Fatal(fmt.Errorf("go list -m %s: %w", path, err))
	}
	return strings.TrimSpace(string(out))
}

// licencesIn returns the licences that the files of a module's folder name.
func licencesIn(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"LICEN[CS]E*", "COPYING*"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range licences {
				if l.mark.Match(text) {
					found = append(found, l.name)
				}
			}
		}
	}
	return found
}
