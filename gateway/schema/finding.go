package schema

import (
	"fmt"
	"strings"

	"github.com/portcullisdb/portcullis/config/policy"
)

// Severity says what a finding means for its table.
type Severity int

// The severities.
const (
	Warning Severity = iota // works, but not as one may expect
	Fatal                   // statements that reach the table must not run
)

// String returns "warning" or "fatal".
func (s Severity) String() string {
	if s == Fatal {
		return "fatal"
	}
	return "warning"
}

// MarshalText makes JSON show the word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is one difference between what the configuration wants and what is there. It names objects and holds no value.
type Finding struct {
	Severity Severity
	// Table is the logical table; zero if the finding is about a whole database, and then about all of its tables.
	Table policy.TableName
	// Datasource and NodeTable say where; Datasource is empty for the logical database, NodeTable for a whole datasource.
	Datasource, NodeTable string
	Column                string // logical; may be empty
	Message               string // in PostgreSQL's manner
	Hint                  string // a sentence that says what would help; may be empty
}

// String prints the finding in one line.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.Severity.String() + ": " + f.place() + ": " + f.Message)
	if f.Hint != "" {
		b.WriteString(" (" + f.Hint + ")")
	}
	return b.String()
}

// place names where the finding is: "ds_0.customers_0", "ds_0", or "logical database".
func (f Finding) place() string {
	switch {
	case f.Datasource == "":
		return "logical database"
	case f.NodeTable == "":
		return f.Datasource
	}
	return f.Datasource + "." + f.NodeTable
}

// about makes a finding on a logical table.
func about(table policy.TableName, severity Severity, format string, args ...any) Finding {
	return Finding{Severity: severity, Table: table, Message: fmt.Sprintf(format, args...)}
}

// hint sets Hint and returns the finding.
func (f Finding) hint(format string, args ...any) Finding {
	f.Hint = fmt.Sprintf(format, args...)
	return f
}

// on sets Column and returns the finding.
func (f Finding) on(column string) Finding { f.Column = column; return f }

// RefusedError is the error of an Apply that changed nothing, because something stands in the way.
type RefusedError struct{ Findings []Finding } // the fatal ones, at least one

// Error lists the findings, one a line.
func (e *RefusedError) Error() string {
	lines := make([]string, len(e.Findings))
	for i, f := range e.Findings {
		lines[i] = f.place() + ": " + f.Message
		if f.Hint != "" {
			lines[i] += "\n  hint: " + f.Hint
		}
	}
	return strings.Join(lines, "\n")
}

// fatalOf returns the fatal findings.
func fatalOf(findings []Finding) []Finding {
	var fatal []Finding
	for _, f := range findings {
		if f.Severity == Fatal {
			fatal = append(fatal, f)
		}
	}
	return fatal
}
