package psqltable

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
)

// Read reads all results of a string of statements. Unlike ReadAll of pgx it knows the columns of a result without rows.
func Read(reader *pgconn.MultiResultReader) ([]*pgconn.Result, error) {
	var results []*pgconn.Result
	for reader.NextResult() {
		fields := append([]pgconn.FieldDescription(nil), reader.ResultReader().FieldDescriptions()...)
		r := reader.ResultReader().Read()
		r.FieldDescriptions = fields
		results = append(results, r)
	}
	return results, reader.Close()
}

// Result prints what psql prints for one result: a table with its row count, or the command tag of a statement that
// returns no rows. The values of r must be in text format.
func Result(r *pgconn.Result) string {
	if len(r.FieldDescriptions) == 0 {
		return r.CommandTag.String() + "\n"
	}
	cells := make([][]string, len(r.Rows))
	widths := make([]int, len(r.FieldDescriptions))
	for i, f := range r.FieldDescriptions {
		widths[i] = utf8.RuneCountInString(f.Name)
	}
	for i, row := range r.Rows {
		cells[i] = make([]string, len(row))
		for j, value := range row {
			cells[i][j] = visible(value)
			widths[j] = max(widths[j], utf8.RuneCountInString(cells[i][j]))
		}
	}
	var b strings.Builder
	header(&b, r.FieldDescriptions, widths)
	for _, row := range cells {
		line(&b, row, r.FieldDescriptions, widths)
	}
	if len(cells) == 1 {
		b.WriteString("(1 row)\n\n")
	} else {
		fmt.Fprintf(&b, "(%d rows)\n\n", len(cells))
	}
	return b.String()
}

// header writes the names, centred, and the rule below them (src/fe_utils/print.c, print_aligned_text).
func header(b *strings.Builder, fields []pgconn.FieldDescription, widths []int) {
	for i, f := range fields {
		if i > 0 {
			b.WriteByte('|')
		}
		space := widths[i] - utf8.RuneCountInString(f.Name)
		fmt.Fprintf(b, " %*s%s%*s ", space/2, "", f.Name, (space+1)/2, "")
	}
	b.WriteByte('\n')
	for i, width := range widths {
		if i > 0 {
			b.WriteByte('+')
		}
		b.WriteString(strings.Repeat("-", width+2))
	}
	b.WriteByte('\n')
}

// line writes one row; the last column has no space behind it.
func line(b *strings.Builder, row []string, fields []pgconn.FieldDescription, widths []int) {
	for i, cell := range row {
		if i > 0 {
			b.WriteByte('|')
		}
		space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		last := i == len(row)-1
		switch {
		case alignsRight(fields[i].DataTypeOID):
			b.WriteString(" " + space + cell)
		case last:
			b.WriteString(" " + cell)
		default:
			b.WriteString(" " + cell + space)
		}
		if !last {
			b.WriteByte(' ')
		}
	}
	b.WriteByte('\n')
}

// alignsRight reports whether psql aligns a type to the right (src/fe_utils/print.c, column_type_alignment; numbers are
// those of src/include/catalog/pg_type.dat).
func alignsRight(oid uint32) bool {
	switch oid {
	case 20, 21, 23, 26, 28, 29, 700, 701, 790, 1700, 5069: // int8 int2 int4 oid xid cid float4 float8 money numeric xid8
		return true
	}
	return false
}

// visible escapes control characters, as psql does with all but line ends and tabs (src/fe_utils/mbprint.c, pg_wcsformat).
func visible(value []byte) string {
	if !strings.ContainsFunc(string(value), control) {
		return string(value)
	}
	var b strings.Builder
	for _, r := range string(value) {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case control(r):
			fmt.Fprintf(&b, `\x%02X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func control(r rune) bool { return r < ' ' || r == 0x7f }
