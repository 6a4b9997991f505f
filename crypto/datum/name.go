package datum

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseType reads a type as one writes it in SQL: "text", "varchar(40)", "numeric(12,2)", "timestamp(3) with time zone",
// in any case and spacing. Its error names the type.
func ParseType(text string) (Type, error) {
	name, modifiers, err := splitModifiers(strings.ToLower(text))
	if err != nil {
		return Type{}, fmt.Errorf("type %q: %w", text, err)
	}
	code := codeByName(name)
	if code == 0 {
		return Type{}, fmt.Errorf("type %q cannot be encrypted", text)
	}
	t := Type{code: code, typmod: typmodNone}
	if modifiers == nil {
		return t, nil
	}
	switch {
	case code == codeVarchar && len(modifiers) == 1 && modifiers[0] >= 1 && modifiers[0] <= varcharMax:
		t.typmod = int32(modifiers[0]) + typmodOffset
	case code == codeNumeric && len(modifiers) <= 2 && modifiers[0] >= 1 && modifiers[0] <= precisionMax:
		scale := 0
		if len(modifiers) == 2 {
			scale = modifiers[1]
		}
		if scale < -scaleMax || scale > scaleMax {
			return Type{}, fmt.Errorf("type %q: scale must be between -%d and %d", text, scaleMax, scaleMax)
		}
		t.typmod = int32(modifiers[0]<<16|scale&0x7ff) + typmodOffset
	case (code == codeTimestamp || code == codeTimestamptz) && len(modifiers) == 1 && modifiers[0] >= 0:
		t.typmod = int32(min(modifiers[0], secondPrecisionMax)) // PostgreSQL reduces it, with a warning
	default:
		return Type{}, fmt.Errorf("type %q has an impossible modifier", text)
	}
	return t, nil
}

// splitModifiers takes "(12,2)" out of a type; the name that is left has single blanks.
func splitModifiers(text string) (name string, modifiers []int, err error) {
	before, rest, found := strings.Cut(text, "(")
	if !found {
		return strings.Join(strings.Fields(text), " "), nil, nil
	}
	inside, after, found := strings.Cut(rest, ")")
	if !found {
		return "", nil, fmt.Errorf("a parenthesis is not closed")
	}
	for part := range strings.SplitSeq(inside, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(part), 10, 32)
		if err != nil {
			return "", nil, fmt.Errorf("modifier is not an integer")
		}
		modifiers = append(modifiers, int(n))
	}
	return strings.Join(strings.Fields(before+" "+after), " "), modifiers, nil
}

func codeByName(name string) byte {
	switch name {
	case "text":
		return codeText
	case "varchar", "character varying", "char varying":
		return codeVarchar
	case "smallint", "int2":
		return codeInt2
	case "integer", "int", "int4":
		return codeInt4
	case "bigint", "int8":
		return codeInt8
	case "numeric", "decimal", "dec":
		return codeNumeric
	case "boolean", "bool":
		return codeBool
	case "date":
		return codeDate
	case "timestamp", nameTimestamp:
		return codeTimestamp
	case "timestamptz", nameTimestamptz:
		return codeTimestamptz
	case "uuid":
		return codeUUID
	case "bytea":
		return codeBytea
	case "json":
		return codeJSON
	case "jsonb":
		return codeJSONB
	}
	return 0
}
