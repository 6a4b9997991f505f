package datum

import (
	"testing"
)

func TestParseType(t *testing.T) {
	for text, want := range map[string]struct {
		oid    uint32
		typmod int32
		name   string
	}{
		"text":                            {25, -1, "text"},
		" TEXT ":                          {25, -1, "text"},
		"varchar":                         {1043, -1, "character varying"},
		"varchar(40)":                     {1043, 44, "character varying(40)"},
		"Character  Varying ( 40 )":       {1043, 44, "character varying(40)"},
		"smallint":                        {21, -1, "smallint"},
		"int":                             {23, -1, "integer"},
		"int8":                            {20, -1, "bigint"},
		"numeric":                         {1700, -1, "numeric"},
		"decimal(12)":                     {1700, 12<<16 + 4, "numeric(12,0)"},
		"numeric(12,2)":                   {1700, 12<<16 + 2 + 4, "numeric(12,2)"},
		"numeric(3, -4)":                  {1700, 3<<16 + 2044 + 4, "numeric(3,-4)"},
		"numeric(3,5)":                    {1700, 3<<16 + 5 + 4, "numeric(3,5)"},
		"numeric(1000,1000)":              {1700, 1000<<16 + 1000 + 4, "numeric(1000,1000)"},
		"bool":                            {16, -1, "boolean"},
		"date":                            {1082, -1, "date"},
		"timestamp":                       {1114, -1, "timestamp without time zone"},
		"timestamp(3)":                    {1114, 3, "timestamp(3) without time zone"},
		"timestamp (3) without time zone": {1114, 3, "timestamp(3) without time zone"},
		"timestamptz(0)":                  {1184, 0, "timestamp(0) with time zone"},
		"timestamp(9) with time zone":     {1184, 6, "timestamp(6) with time zone"},
		"uuid":                            {2950, -1, "uuid"},
		"bytea":                           {17, -1, "bytea"},
		"json":                            {114, -1, "json"},
		"jsonb":                           {3802, -1, "jsonb"},
	} {
		got, err := ParseType(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got.OID() != want.oid || got.Typmod() != want.typmod || got.String() != want.name {
			t.Errorf("%q is %d, %d, %q, want %d, %d, %q", text, got.OID(), got.Typmod(), got, want.oid, want.typmod, want.name)
		}
		if same, ok := TypeByOID(want.oid, want.typmod); !ok || same != got {
			t.Errorf("%q: TypeByOID gives %v, %v", text, same, ok)
		}
		if again, err := ParseType(got.String()); err != nil || again != got {
			t.Errorf("%q: its name is read as %v, %v", text, again, err)
		}
	}
}

func TestParseTypeRefuses(t *testing.T) {
	for _, text := range []string{"", "float8", "money", "text[]", "char(3)", "bpchar", "serial", "varchar(0)", "varchar(10485761)",
		"varchar(-1)", "varchar()", "varchar(a)", "varchar(1,2)", "varchar(40", "text(3)", "integer(4)", "numeric(0)",
		"numeric(1001)", "numeric(5,1001)", "numeric(5,-1001)", "numeric(1,2,3)", "timestamp(-1)", "date(3)", "uuid(1)"} {
		if got, err := ParseType(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestTypeByOIDRefuses(t *testing.T) {
	for _, test := range []struct {
		oid    uint32
		typmod int32
	}{
		{0, -1}, {701, -1}, {1042, -1}, {705, -1}, // no type, float8, char(n), unknown
		{25, 4}, {23, 0}, {1043, 4}, {1043, 0}, {1043, -2}, {1114, 7}, {1114, -2}, {1700, 3}, {1700, 4},
	} {
		if got, ok := TypeByOID(test.oid, test.typmod); ok {
			t.Errorf("%d, %d is %v", test.oid, test.typmod, got)
		}
	}
}

// Codes and classes stand in stored values: they must not change.
func TestCodesAndClassesAreFixed(t *testing.T) {
	for i, want := range []struct{ name, class string }{
		{"text", "text"}, {"varchar", "text"}, {"smallint", "number"}, {"integer", "number"}, {"bigint", "number"},
		{"numeric", "number"}, {"boolean", "boolean"}, {"date", "date"}, {"timestamp", "timestamp"},
		{"timestamptz", "timestamptz"}, {"uuid", "uuid"}, {"bytea", "bytea"}, {"json", ""}, {"jsonb", "jsonb"},
	} {
		got, err := ParseType(want.name)
		if err != nil || int(got.Code()) != i+1 || got.Class() != want.class {
			t.Errorf("%s has code %d and class %q (%v), want %d and %q", want.name, got.Code(), got.Class(), err, i+1, want.class)
		}
	}
}

// An empty value is not NULL, whatever way it takes.
func TestEmptyIsNotNil(t *testing.T) {
	for _, name := range []string{"text", "varchar(3)", "bytea"} {
		typ, err := ParseType(name)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := typ.ParseText(nil, nil, nil)
		if parsed == nil || err != nil {
			t.Errorf("%s: ParseText gives %v, %v", name, parsed, err)
		}
		received, err := typ.ParseBinary(nil, nil)
		if received == nil || err != nil {
			t.Errorf("%s: ParseBinary gives %v, %v", name, received, err)
		}
		assigned, err := typ.Assign(nil, parsed)
		if assigned == nil || err != nil {
			t.Errorf("%s: Assign gives %v, %v", name, assigned, err)
		}
		if canonical, err := typ.Canonical(nil, parsed); canonical == nil || err != nil {
			t.Errorf("%s: Canonical gives %v, %v", name, canonical, err)
		}
		if text := typ.AppendText(nil, parsed, nil); text == nil {
			t.Errorf("%s: AppendText gives nil", name)
		}
	}
}
