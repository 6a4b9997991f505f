package config

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/portcullisdb/portcullis/config/policy"
)

// nameBytesMax is the longest name of PostgreSQL: NAMEDATALEN - 1 (src/include/pg_config_manual.h).
const nameBytesMax = 63

// defaultSchema is the schema of tables that are written without one.
const defaultSchema = "public"

// parseTableName reads "customers" or "schema.table". Names are taken as the catalog holds them, without folding; one that
// contains a dot is written in double quotes.
func parseTableName(text string) (policy.TableName, error) {
	parts, err := nameParts(text)
	switch {
	case err != nil:
		return policy.TableName{}, err
	case len(parts) == 1:
		return policy.TableName{Schema: defaultSchema, Name: parts[0].text}, nil
	case len(parts) == 2:
		return policy.TableName{Schema: parts[0].text, Name: parts[1].text}, nil
	}
	return policy.TableName{}, fmt.Errorf("%q is not a table name: write table or schema.table", text)
}

// part is one name between dots.
type part struct {
	text   string
	quoted bool
}

// nameParts splits at dots outside double quotes; "" in quotes is one quote.
func nameParts(text string) (parts []part, err error) {
	bad := fmt.Errorf("%q is not a name", text)
	rest := text
	for {
		var one part
		if strings.HasPrefix(rest, `"`) {
			one.quoted = true
			rest = rest[1:]
			for {
				end := strings.IndexByte(rest, '"')
				if end < 0 {
					return nil, bad
				}
				one.text += rest[:end]
				rest = rest[end+1:]
				if !strings.HasPrefix(rest, `"`) {
					break
				}
				one.text += `"`
				rest = rest[1:]
			}
		} else {
			end := strings.IndexByte(rest, '.')
			if end < 0 {
				end = len(rest)
			}
			one.text, rest = rest[:end], rest[end:]
			if strings.ContainsRune(one.text, '"') {
				return nil, bad
			}
		}
		if err := checkName(one.text); err != nil {
			return nil, err
		}
		parts = append(parts, one)
		if rest == "" {
			return parts, nil
		}
		if rest[0] != '.' {
			return nil, bad
		}
		rest = rest[1:]
	}
}

// checkName accepts what PostgreSQL accepts as a quoted identifier, but for control characters.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("a name is empty")
	case len(name) > nameBytesMax:
		return fmt.Errorf("name %q has %d bytes, PostgreSQL allows %d", name, len(name), nameBytesMax)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("name %q holds a control character", name)
	}
	return nil
}

// isWord reports whether name is made of letters, digits, "_" and "-", and begins with a letter or "_": names that node
// expressions, messages and the audit log use bare.
func isWord(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return name != "" && len(name) <= nameBytesMax
}

// shortName returns a table's name as one would write it in the file.
func shortName(t policy.TableName) string {
	if t.Schema == defaultSchema {
		return t.Name
	}
	return t.String()
}
