package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite/scan"
)

// fileLimits bounds schema.sql and seed.sql. They are PostgreSQL's to parse, so depth matters to no C stack of ours.
var fileLimits = scan.Limits{Bytes: 64 << 20, Tokens: 4 << 20, Depth: 1000, Chain: 100_000}

// fileStatement is one statement of a file.
type fileStatement struct {
	file  string
	line  int // of its first token, from 1
	text  string
	start int      // byte in text of its first token
	words []string // the first tokens: names that are not quoted in lower case, quoted ones with their quotes
}

// wordsMax is how many tokens of a statement are looked at.
const wordsMax = 16

// fileStatements cuts a file into statements; empty ones are left out.
func fileStatements(file, text string) ([]fileStatement, error) {
	found, failure := scan.Scan(text, fileLimits)
	if failure != nil {
		line := 1
		if failure.Position > 0 {
			line += newlines(text, characterOffset(text, failure.Position))
		}
		return nil, fmt.Errorf("%s:%d: %s", file, line, failure.Message)
	}
	var statements []fileStatement
	for _, s := range found {
		if s.Empty {
			continue
		}
		start := leadingBlank(s.Text)
		statements = append(statements, fileStatement{file: file, text: s.Text, start: start,
			line: 1 + newlines(text, s.Offset+start), words: words(s.Skeleton)})
	}
	return statements, nil
}

// fail makes an error about the statement at the place of a PostgreSQL error, if it has one.
func (s *fileStatement) fail(err error) error {
	line := s.line
	var server *pgconn.PgError
	if errors.As(err, &server) {
		if server.Position > 0 {
			line += newlines(s.text[s.start:], characterOffset(s.text, int(server.Position))-s.start)
		}
		err = errors.New(server.Message) // SQLSTATE and severity say nothing to the reader of a file
	}
	return fmt.Errorf("%s:%d: %w", s.file, line, err)
}

// kind names a statement for an error: its first words in capitals, as far as they are keywords of a command.
func (s *fileStatement) kind() string {
	n := 1
	if slices.Contains([]string{"create", "alter", "drop", "refresh", "comment", "security", "import"}, s.words[0]) {
		n = 2
		w := append(slices.Clone(s.words), "", "")
		switch w[1] {
		case "or": // OR REPLACE
			n = 4
		case "materialized", "foreign", "event", "temp", "temporary", "unlogged":
			n = 3
		}
	}
	return strings.ToUpper(strings.Join(s.words[:min(n, len(s.words))], " "))
}

// harmlessSettings are those that pg_dump sets at the head of a file and that change nothing of what is made, or nothing
// that Apply does not set itself.
var harmlessSettings = []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
	"transaction_timeout", "client_encoding", "standard_conforming_strings", "check_function_bodies", "xmloption",
	"client_min_messages", "row_security", "default_tablespace", "default_table_access_method"}

// emptySearchPath is a statement at the head of pg_dump's files, in lower case and without blanks.
const emptySearchPath = "selectpg_catalog.set_config('search_path','',false)"

// admitSchemaStatement says whether a statement may stand in schema.sql, and whether it is to be run. What a statement
// that may stand there has made beyond tables is found afterwards: see foreignObjects.
func admitSchemaStatement(s *fileStatement) (run bool, err error) {
	w := append(slices.Clone(s.words), make([]string, wordsMax)...) // so that every index below exists
	switch {
	case w[0] == "create" && (w[1] == "table" || w[1] == "index" || w[1] == "schema"),
		w[0] == "create" && w[1] == "unique" && w[2] == "index",
		w[0] == "comment" && w[1] == "on":
		return true, nil
	case w[0] == "alter" && w[1] == "table":
		if rest := afterName(afterKeywords(w[2:], "if", "exists", "only")); rest[0] == "add" && rest[1] == "constraint" {
			return true, nil
		}
		return false, s.fail(errors.New("ALTER TABLE may only ADD CONSTRAINT here"))
	case w[0] == "set" && w[1] == "search_path":
		return true, nil
	case w[0] == "set" && slices.Contains(harmlessSettings, w[1]):
		return false, nil
	case strings.Join(strings.Fields(strings.ToLower(s.text[s.start:])), "") == emptySearchPath:
		return true, nil
	}
	return false, s.fail(fmt.Errorf("%s may not stand here: only CREATE SCHEMA, CREATE TABLE, CREATE [UNIQUE] INDEX, "+
		"ALTER TABLE ... ADD CONSTRAINT, COMMENT ON and SET lines of pg_dump may", s.kind()))
}

// seedTarget returns the table that a statement of seed.sql inserts into.
func seedTarget(s *fileStatement) (policy.TableName, error) {
	w := append(slices.Clone(s.words), make([]string, wordsMax)...)
	if w[0] != "insert" || w[1] != "into" {
		return policy.TableName{}, s.fail(fmt.Errorf("%s may not stand here: only INSERT INTO may", s.kind()))
	}
	if w[3] == "." {
		return policy.TableName{Schema: unquoted(w[2]), Name: unquoted(w[4])}, nil
	}
	return policy.TableName{Schema: "public", Name: unquoted(w[2])}, nil
}

// afterKeywords leaves out optional keywords at the front.
func afterKeywords(w []string, keywords ...string) []string {
	for len(w) > 2 && slices.Contains(keywords, w[0]) {
		w = w[1:]
	}
	return w
}

// afterName leaves out a name, qualified or not, and the star of ALTER TABLE name *.
func afterName(w []string) []string {
	w = w[1:]
	if w[0] == "." {
		w = w[2:]
	}
	if w[0] == "*" {
		w = w[1:]
	}
	return w
}

// unquoted returns the name that a token of words stands for.
func unquoted(token string) string {
	if !strings.HasPrefix(token, `"`) {
		return token
	}
	return strings.ReplaceAll(strings.Trim(token, `"`), `""`, `"`)
}

// words returns the first wordsMax tokens of a skeleton: names, quoted names, and single other characters.
func words(skeleton string) []string {
	var tokens []string
	for i := 0; i < len(skeleton) && len(tokens) < wordsMax; {
		start := i
		switch c := skeleton[i]; {
		case c == ' ', c == '\t', c == '\n', c == '\r', c == '\f', c == '\v':
			i++
			continue
		case c == '"':
			for i++; i < len(skeleton); i++ {
				if skeleton[i] != '"' {
					continue
				}
				if i+1 < len(skeleton) && skeleton[i+1] == '"' {
					i++
					continue
				}
				break
			}
			i = min(i+1, len(skeleton))
			tokens = append(tokens, skeleton[start:i])
			continue
		case isNameByte(c):
			for i < len(skeleton) && isNameByte(skeleton[i]) {
				i++
			}
			tokens = append(tokens, asciiLower(skeleton[start:i]))
			continue
		}
		i++
		tokens = append(tokens, skeleton[start:i])
	}
	return tokens
}

func isNameByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
		c >= utf8.RuneSelf && c < 0xf8 // the scanner's marks of literals are beyond
}

// asciiLower folds a name as PostgreSQL does in a multi-byte encoding: only A to Z
// (src/backend/parser/scansup.c, downcase_identifier).
func asciiLower(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

// leadingBlank returns the length of the blanks and comments at the front of a statement.
func leadingBlank(text string) int {
	for i := 0; ; {
		rest := text[i:]
		switch trimmed := strings.TrimLeft(rest, " \t\n\r\f\v"); {
		case len(trimmed) < len(rest):
			i += len(rest) - len(trimmed)
		case strings.HasPrefix(rest, "--"):
			end := strings.IndexAny(rest, "\n\r")
			if end < 0 {
				return len(text)
			}
			i += end
		case strings.HasPrefix(rest, "/*"):
			i += commentLength(rest)
		default:
			return i
		}
	}
}

// commentLength returns the length of the block comment at the front of text; such comments nest.
func commentLength(text string) int {
	depth := 0
	for i := 0; i+1 < len(text); i++ {
		switch text[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// characterOffset returns the byte at which the character of that number, from 1, stands.
func characterOffset(text string, character int) int {
	offset := 0
	for n := 1; n < character && offset < len(text); n++ {
		_, size := utf8.DecodeRuneInString(text[offset:])
		offset += size
	}
	return offset
}

// newlines counts the ends of lines in the first bytes of text.
func newlines(text string, bytes int) int {
	return strings.Count(text[:max(0, min(bytes, len(text)))], "\n")
}
