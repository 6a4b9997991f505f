package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/portcullisdb/portcullis/config/policy"
)

// verifier is of the password "portcullis".
const verifier = "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$" +
	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// fakes stand for packages that config does not know.
func fakes() Validators {
	return Validators{
		ExpandNodes: expandNodes,
		Algorithm: func(typ string, props map[string]string, logicTable string, targets []string) error {
			switch strings.ToUpper(typ) {
			case "COSID_MOD", "MOD":
				mod, err := strconv.Atoi(props["mod"])
				if err != nil || mod < 1 {
					return errors.New("property mod must be a positive number")
				}
				if len(targets) != mod {
					return fmt.Errorf("property mod is %d, but there are %d nodes", mod, len(targets))
				}
				return nil
			case "INLINE":
				return nil
			}
			return fmt.Errorf("unknown algorithm type %q", typ)
		},
		KeyGenerator: func(typ string, _ map[string]string) error {
			if !strings.EqualFold(typ, "SNOWFLAKE") {
				return fmt.Errorf("unknown key generator type %q", typ)
			}
			return nil
		},
		Mask: func(typ string, _ map[string]string, _ string, columnType string) error {
			switch {
			case typ == "NULLIFY":
				return nil
			case typ != "PARTIAL" && typ != "EMAIL":
				return fmt.Errorf("unknown mask type %q", typ)
			case typeFamily(columnType) != "text":
				return fmt.Errorf("mask %s is for text, not for %s", typ, columnType)
			}
			return nil
		},
		TypeClass: typeFamily,
		ColumnType: func(name string, equality, casefold, trim bool) error {
			known := []string{"text", "integer", "bigint", "numeric", "date", "uuid", "json", "jsonb", "boolean"}
			family := typeFamily(name)
			switch {
			case !slices.Contains(known, family):
				return fmt.Errorf("type %q cannot be sealed", name)
			case family == "json" && equality:
				return errors.New("type json has no equality")
			case family != "text" && (casefold || trim):
				return fmt.Errorf("casefold and trim are for text, not for %s", name)
			}
			return nil
		},
	}
}

var rangeExpression = regexp.MustCompile(`^(.*)\$\{(\d+)\.\.(\d+)\}(.*)$`)

func expandNodes(expr string) (nodes []policy.Node, err error) {
	for item := range strings.SplitSeq(expr, ",") {
		names := []string{strings.TrimSpace(item)}
		if m := rangeExpression.FindStringSubmatch(names[0]); m != nil {
			names = nil
			from, _ := strconv.Atoi(m[2])
			to, _ := strconv.Atoi(m[3])
			for i := from; i <= min(to, from+1000); i++ {
				names = append(names, m[1]+strconv.Itoa(i)+m[4])
			}
		}
		for _, name := range names {
			datasource, table, ok := strings.Cut(name, ".")
			if !ok {
				return nil, errors.New("a node is datasource.table")
			}
			nodes = append(nodes, policy.Node{Datasource: datasource, Table: table})
		}
	}
	return nodes, nil
}

// typeFamily returns a type's name without modifiers. varchar(n) and text are one.
func typeFamily(name string) string {
	name = strings.ToLower(name)
	if open := strings.IndexByte(name, '('); open >= 0 {
		end := strings.IndexByte(name[open:], ')')
		if end < 0 {
			return name
		}
		name = name[:open] + " " + name[open+end+1:]
	}
	name = strings.TrimPrefix(strings.Join(strings.Fields(name), " "), "pg_catalog.")
	if name == "varchar" {
		name = "text"
	}
	return name
}
