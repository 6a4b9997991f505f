package effect

import "strings"

// SettingNames returns the names of the parameters that the statements of a text set or reset, as they are written there,
// unquoted names in lower case. known is false if set_config is called with a name that is not a plain constant.
func SettingNames(sql []byte) (names []string, known bool) {
	s := scanner{sql: sql, first: true}
	known = true
	for s.next() {
		switch {
		case s.kind != kindWord && s.kind != kindName:
		case s.first && (is(s.word(), "set") || is(s.word(), "reset")):
			if name := s.settingName(); name != "" {
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

// settingName reads the name behind SET or RESET; "" if the statement names none.
func (s *scanner) settingName() string {
	var name []string
	for s.peek() && (s.kind == kindWord || s.kind == kindName) {
		word := string(s.word())
		if s.kind == kindWord && len(name) == 0 {
			switch word {
			case "session", "local":
				continue
			case "time": // ZONE
				return "timezone"
			case "names":
				return "client_encoding"
			case "schema":
				return "search_path"
			case "all", "authorization", "characteristics", "transaction", "constraints":
				return ""
			}
		}
		name = append(name, word)
		if s.skipBlanks(); s.at(0) != '.' {
			break
		}
		s.peek()
	}
	return strings.Join(name, ".")
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

// StatementName finds the name of a prepared statement in a text of one statement: behind PREPARE, EXECUTE or DEALLOCATE, and
// behind EXECUTE in EXPLAIN and CREATE TABLE AS. It stands at sql[start:end], with its quotes. ok is false if there is none, or more
// than one statement.
func StatementName(sql []byte) (start, end int, name string, ok bool) {
	s := scanner{sql: sql, first: true}
	wanted := false
	for s.next() {
		switch {
		case s.kind == kindSemicolon:
			if s.skipBlanks(); s.pos < len(sql) {
				return 0, 0, "", false
			}
			return start, end, name, ok
		case wanted && s.kind == kindWord && is(s.word(), "prepare"): // DEALLOCATE PREPARE
		case wanted && (s.kind == kindWord || s.kind == kindName) && s.start < s.end:
			start, end, name, ok, wanted = s.start, s.end, string(s.word()), true, false
			if s.kind == kindName {
				start, end = start-1, end+1
			}
			if s.kind == kindName {
				name = strings.ReplaceAll(name, `""`, `"`)
			}
		case s.kind != kindWord:
		case s.first:
			wanted = is(s.word(), "execute") || is(s.word(), "deallocate") || is(s.word(), "prepare")
			if !wanted && !is(s.word(), "explain") && !is(s.word(), "create") {
				return 0, 0, "", false
			}
		case !ok && is(s.word(), "execute"):
			wanted = true
		}
	}
	return start, end, name, ok
}
