package psqltable

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// How much of a statement's line stands around an error's position (src/interfaces/libpq/fe-protocol3.c,
// reportErrorPosition).
const (
	displaySize = 60
	minRightCut = 10
)

// Error prints what psql prints on standard error when a server refuses sql.
func Error(e *pgconn.PgError, sql string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:  %s\n", e.Severity, e.Message)
	if e.Position > 0 {
		position(&b, []rune(sql), int(e.Position)-1)
	}
	if e.Detail != "" {
		fmt.Fprintf(&b, "DETAIL:  %s\n", e.Detail)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, "HINT:  %s\n", e.Hint)
	}
	if e.Where != "" {
		fmt.Fprintf(&b, "CONTEXT:  %s\n", e.Where)
	}
	return b.String()
}

// position writes the line that holds character at, shortened, and a caret below it.
func position(b *strings.Builder, sql []rune, at int) {
	if at > len(sql) {
		return
	}
	begin, end, number := 0, len(sql), 1
	for i, r := range sql {
		if r != '\n' {
			continue
		}
		if i >= at {
			end = i
			break
		}
		begin, number = i+1, number+1
	}
	cutLeft, cutRight := false, false
	if end-begin > displaySize {
		if begin+displaySize >= at+minRightCut {
			end, cutRight = begin+displaySize, true
		} else {
			if at+minRightCut < end {
				end, cutRight = at+minRightCut, true
			}
			if end-begin > displaySize {
				begin, cutLeft = end-displaySize, true
			}
		}
	}
	prefix := fmt.Sprintf("LINE %d: ", number)
	if cutLeft {
		prefix += "..."
	}
	b.WriteString(prefix + strings.ReplaceAll(string(sql[begin:end]), "\t", " "))
	if cutRight {
		b.WriteString("...")
	}
	b.WriteString("\n" + strings.Repeat(" ", len(prefix)+at-begin) + "^\n")
}
