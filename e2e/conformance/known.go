package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// toldMax bounds the differences of one run that the command prints.
const toldMax = 30

// difference is a paragraph of a file of known differences: tests that pass directly and not in some settings, and why.
type difference struct {
	suite    string
	settings []suite.Setting
	tests    []string // names; one that ends in * stands for all that begin so
	reason   string
	place    string // of its beginning, for people
}

// covers reports that the difference speaks of a test.
func (d *difference) covers(name string, setting suite.Setting, test string) bool {
	return d.suite == name && slices.Contains(d.settings, setting) &&
		slices.ContainsFunc(d.tests, func(pattern string) bool {
			if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
				return strings.HasPrefix(test, prefix)
			}
			return pattern == test
		})
}

// loadKnown reads the files of known differences in a folder, SUITE.txt for each suite that has any.
func loadKnown(dir string) ([]difference, error) {
	var known []difference
	for _, s := range suites() {
		path := filepath.Join(dir, s.Name+".txt")
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		of, err := readKnown(s.Name, path, string(content))
		if err != nil {
			return nil, err
		}
		known = append(known, of...)
	}
	return known, nil
}

// readKnown reads the known differences of a suite. Paragraphs have a line "settings NAME NAME", one or more "test NAME" and
// "reason TEXT"; indented lines go on with the reason. Lines that begin with # are comments.
func readKnown(name, path, content string) (known []difference, err error) {
	var current *difference
	end := func() error {
		if current == nil {
			return nil
		}
		if len(current.settings) == 0 || len(current.tests) == 0 || current.reason == "" {
			return fmt.Errorf("%s: a difference has settings, tests and a reason", current.place)
		}
		known = append(known, *current)
		current = nil
		return nil
	}
	number := 0
	for line := range strings.Lines(content) {
		number++
		place := fmt.Sprintf("%s:%d", path, number)
		line = strings.TrimRight(line, " \n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if line == "" {
			if err := end(); err != nil {
				return nil, err
			}
			continue
		}
		if current == nil {
			current = &difference{suite: name, place: place}
		}
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		switch word {
		case "":
			current.reason += " " + rest
		case "settings":
			for _, s := range strings.Fields(rest) {
				if s == string(suite.Direct) || !slices.Contains(suite.Settings(), suite.Setting(s)) {
					return nil, fmt.Errorf("%s: %q is neither session nor transaction", place, s)
				}
				current.settings = append(current.settings, suite.Setting(s))
			}
		case "test":
			current.tests = append(current.tests, rest)
		case "reason":
			current.reason = rest
		default:
			return nil, fmt.Errorf("%s: what is %q?", place, word)
		}
	}
	return known, end()
}

// differences lists the tests, sorted, that pass directly and do not in a setting.
func differences(direct, through suite.Results) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(direct)) {
		if direct[name] == suite.Passed && through[name] != suite.Passed {
			names = append(names, name)
		}
	}
	return names
}

// statusOf is a test's status in results that need not have it.
func statusOf(results suite.Results, test string) suite.Status {
	if status, ok := results[test]; ok {
		return status
	}
	return suite.Missing
}

// compare tells the differences of a suite's stored results in a setting. Those that are not known are errors.
func compare(s suite.Suite, setting suite.Setting, store *store, known []difference, out io.Writer) (problems []error) {
	direct, through := store.get(s.Name, suite.Direct), store.get(s.Name, setting)
	if direct == nil || through == nil {
		fmt.Fprintf(out, "%-12s %-12s there are no direct results to compare with\n", s.Name, setting)
		return nil
	}
	found, unknown := differences(direct.Results, through.Results), 0
	for i, test := range found {
		text := "UNKNOWN"
		if d := knownAs(known, s.Name, setting, test); d != nil {
			text = "known, " + d.place
		} else {
			unknown++
		}
		if i < toldMax {
			fmt.Fprintf(out, "%-12s %-12s %s %s; %s\n", s.Name, setting, test, statusOf(through.Results, test), text)
		} else if i == toldMax {
			fmt.Fprintf(out, "%-12s %-12s and %d more; -report names them all\n", s.Name, setting, len(found)-toldMax)
		}
	}
	for _, d := range known {
		if d.suite == s.Name && slices.Contains(d.settings, setting) &&
			!slices.ContainsFunc(found, func(test string) bool { return d.covers(s.Name, setting, test) }) {
			fmt.Fprintf(out, "%-12s %-12s %s speaks of no difference of this run\n", s.Name, setting, d.place)
		}
	}
	if unknown > 0 {
		problems = append(problems, fmt.Errorf("%s, %s: %d unknown differences", s.Name, setting, unknown))
	}
	return problems
}

// knownAs returns the known difference that a test is, or nil.
func knownAs(known []difference, name string, setting suite.Setting, test string) *difference {
	for i := range known {
		if known[i].covers(name, setting, test) {
			return &known[i]
		}
	}
	return nil
}
