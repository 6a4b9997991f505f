package effect

import "strings"

// SettingNames returns the names of the parameters that the statements of a text set or reset, as they are written there,
// unquoted names in lower case. known is false if a name is not written plainly: in an expression of set_config, or with escapes.
func SettingNames(sql []byte) (names []string, known bool) {
	s := scanner{sql: sql, first: true}
	known = true
	for s.next() {
		switch {
		case s.kind != kindWord && s.kind != kindName:
		case s.first && (is(s.word(), "set") || is(s.word(), "reset")):
			name, readable := s.settingName()
			if known = known && readable; name != "" {
				names = append(names, name)
			}
		case is(s.word(), "set_config") && s.builtin() && s.call():
			name, constant := s.firstArgument()
			if known = known && constant; constant {
				names = append(names, name)
			}
		}
	}
	return names, known
}

// settingName reads the name behind SET or RESET; "" if the statement names none. known is false if it cannot be read.
func (s *scanner) settingName() (text string, known bool) {
	var name []string
	for s.peek() && (s.kind == kindWord || s.kind == kindName) {
		word := string(s.word())
		if s.kind == kindName && s.start == s.end {
			return "", false // Unicode escapes
		}
		if s.kind == kindWord && len(name) == 0 {
			switch word {
			case "session", "local":
				continue
			case "time": // ZONE
				return "timezone", true
			case "names":
				return "client_encoding", true
			case "schema":
				return "search_path", true
			case "all", "authorization", "characteristics", "transaction", "constraints":
				return "", true
			}
		}
		name = append(name, word)
		if s.skipBlanks(); s.at(0) != '.' {
			break
		}
		s.peek()
	}
	return strings.Join(name, "."), true
}

// firstArgument reads what stands behind the bracket of a call, if it is a string constant without escapes and nothing else.
func (s *scanner) firstArgument() (value string, constant bool) {
	s.peek() // the bracket
	s.skipBlanks()
	if s.at(0) != '\'' {
		return "", false
	}
	s.peek()
	value = string(s.sql[s.start:s.end])
	s.skipBlanks()
	return value, s.at(0) == ',' && !strings.Contains(value, "'")
}

// peek is next, but does not go over the end of the statement.
func (s *scanner) peek() bool {
	if s.skipBlanks(); s.at(0) == ';' {
		return false
	}
	return s.next()
}

// StatementName is a name of a prepared statement in a text: behind PREPARE, EXECUTE or DEALLOCATE, or behind EXECUTE in EXPLAIN
// and CREATE TABLE AS.
type StatementName struct {
	Verb       Effects // Prepare, Execute or Deallocate
	Start, End int     // where it stands, with its quotes
	Name       string
}

// StatementNames finds the names of prepared statements in the statements of a text, at most one in each.
func StatementNames(sql []byte) []StatementName {
	s := scanner{sql: sql, first: true}
	var names []StatementName
	verb := Effects(0) // that the next name belongs to
	nested := false    // EXECUTE may follow
	for s.next() {
		if s.first {
			verb, nested = 0, false
			switch string(s.word()) {
			case "prepare":
				verb = Prepare
			case "execute":
				verb = Execute
			case "deallocate":
				verb = Deallocate
			case "explain", "create":
				nested = true
			}
			continue
		}
		switch {
		case verb != 0 && s.kind == kindWord && is(s.word(), "prepare"): // DEALLOCATE PREPARE
		case verb == Prepare && s.kind == kindWord && is(s.word(), "transaction"):
			verb = 0
		case verb != 0 && (s.kind == kindWord || s.kind == kindName) && s.start < s.end:
			n := StatementName{Verb: verb, Start: s.start, End: s.end, Name: string(s.word())}
			verb = 0
			if s.kind == kindName {
				if s.end == len(sql) {
					return names // the closing quote is missing: the server refuses the text
				}
				n.Start, n.End, n.Name = n.Start-1, n.End+1, strings.ReplaceAll(n.Name, `""`, `"`)
			}
			names = append(names, n)
		case nested && s.kind == kindWord && is(s.word(), "execute"):
			verb, nested = Execute, false
		}
	}
	return names
}
