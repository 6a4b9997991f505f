package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// writeReport writes docs/compatibility.md from the stored results.
func writeReport(store *store, known []difference) error {
	var b strings.Builder
	b.WriteString(reportHead)
	table(&b, store)
	versions(&b, store)
	listDifferences(&b, store, known)
	listSecond(&b, store)
	return os.WriteFile(reportPath, []byte(b.String()), 0o644)
}

const reportHead = `# Compatibility

Test suites of drivers and of PostgreSQL's own programs, run by ` + "`make conformance`" + ` against PostgreSQL and, on a database
that protects nothing, against the gateway in session mode and in transaction mode. The command writes this page; what it
is and how a suite is added says ` + "`e2e/conformance/doc.go`" + `.

## Results

Tests passed / failed / skipped. A test that fails directly too fails for reasons of the set-up (a role that is not a
superuser, most of all), and says nothing of the gateway. *Differences* counts the tests that pass directly and do not in
session mode, in transaction mode. Tests with short limits of time fail on a busy machine: what differs in a driver's own
suite was run a second time; (+n) says how many of the passed ones needed that, and the end of this page which.

`

// table writes a row for each suite.
func table(b *strings.Builder, store *store) {
	b.WriteString("| suite | direct | session mode | transaction mode | differences |\n|---|---|---|---|---|\n")
	for _, s := range suites() {
		fmt.Fprintf(b, "| %s |", s.Title)
		direct := store.get(s.Name, suite.Direct)
		if direct != nil && direct.NotRun != "" {
			fmt.Fprintf(b, " not run: %s | | | |\n", cell(direct.NotRun))
			continue
		}
		counts := "–"
		for _, setting := range suite.Settings() {
			o := store.get(s.Name, setting)
			if o == nil {
				b.WriteString(" – |")
				continue
			}
			passed := fmt.Sprint(o.Results.Count(suite.Passed))
			if len(o.Second) > 0 {
				passed += fmt.Sprintf(" (+%d)", len(o.Second))
			}
			fmt.Fprintf(b, " %s / %d / %d |", passed, o.Results.Count(suite.Failed), o.Results.Count(suite.Skipped))
			if setting == suite.Direct || direct == nil {
				continue
			}
			n := fmt.Sprint(len(differences(direct.Results, o.Results)))
			if setting == suite.Session {
				counts = n
			} else {
				counts += ", " + n
			}
		}
		fmt.Fprintf(b, " %s |\n", counts)
	}
}

// versions says what ran, and before which commit's gateway.
func versions(b *strings.Builder, store *store) {
	add := func(list []string, text string) []string {
		if text == "" || slices.Contains(list, text) {
			return list
		}
		return append(list, text)
	}
	var servers []string
	b.WriteString("\n## Versions\n\n")
	for _, s := range suites() {
		text := ""
		var gateways []string
		for _, setting := range suite.Settings() {
			o := store.get(s.Name, setting)
			if o == nil || o.NotRun != "" {
				continue
			}
			servers, text = add(servers, o.Server), o.Versions
			if setting != suite.Direct {
				gateways = add(gateways, o.Gateway)
			}
		}
		if len(gateways) > 0 {
			text += "; Portcullis at commit " + strings.Join(gateways, ", ")
		}
		if text != "" {
			fmt.Fprintf(b, "- %s: %s\n", s.Title, text)
		}
	}
	fmt.Fprintf(b, "- PostgreSQL %s; %s/%s\n", strings.Join(servers, ", "), runtime.GOOS, runtime.GOARCH)
}

// listDifferences names each difference with its reason.
func listDifferences(b *strings.Builder, store *store, known []difference) {
	b.WriteString("\n## Differences\n\nTests that pass directly and not through the gateway, by suite, with the reason.\n")
	for _, s := range suites() {
		direct := store.get(s.Name, suite.Direct)
		if direct == nil {
			continue
		}
		type entry struct {
			settings []string
			status   suite.Status
			test     string
			reason   string
		}
		var entries []entry
		for _, setting := range suite.Settings()[1:] {
			o := store.get(s.Name, setting)
			if o == nil {
				continue
			}
			for _, test := range differences(direct.Results, o.Results) {
				e := entry{[]string{string(setting)}, statusOf(o.Results, test), test, "not yet explained"}
				if d := knownAs(known, s.Name, setting, test); d != nil {
					e.reason = d.reason
				}
				i := slices.IndexFunc(entries, func(other entry) bool {
					return other.test == e.test && other.reason == e.reason && other.status == e.status
				})
				if i >= 0 {
					entries[i].settings = append(entries[i].settings, e.settings[0])
				} else {
					entries = append(entries, e)
				}
			}
		}
		if len(entries) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n### %s\n", s.Title)
		var reasons []string
		for _, e := range entries {
			if !slices.Contains(reasons, e.reason) {
				reasons = append(reasons, e.reason)
			}
		}
		for _, reason := range reasons {
			fmt.Fprintf(b, "\n%s\n\n", fold(reason))
			for _, e := range entries {
				if e.reason == reason {
					fmt.Fprintf(b, "- `%s` (%s: %s)\n", e.test, strings.Join(e.settings, ", "), e.status)
				}
			}
		}
	}
}

// cell makes a text fit for a table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}

// listSecond names the tests that passed on the second try only.
func listSecond(b *strings.Builder, store *store) {
	b.WriteString("\n## Second tries\n\n")
	none := true
	for _, s := range suites() {
		for _, setting := range suite.Settings() {
			if o := store.get(s.Name, setting); o != nil {
				for _, test := range o.Second {
					fmt.Fprintf(b, "- %s, %s: `%s`\n", s.Title, setting, test)
					none = false
				}
			}
		}
	}
	if none {
		b.WriteString("None.\n")
	}
}

// lineMax is how long lines of the report are, but for tables and names.
const lineMax = 120

// fold breaks a paragraph into lines.
func fold(text string) string {
	var b strings.Builder
	length := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case length+1+len(word) > lineMax:
			b.WriteByte('\n')
			length = 0
		default:
			b.WriteByte(' ')
			length++
		}
		b.WriteString(word)
		length += len(word)
	}
	return b.String()
}
