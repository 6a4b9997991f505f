package session

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // where the system has no time zones
	"unicode/utf8"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// A Settings is the session's model of its configuration parameters: what SET, SET LOCAL and RESET change, SHOW answers
// and the server connections are given before they are used. It follows the transaction as PostgreSQL's does
// (src/backend/utils/misc/guc.c, AtEOXact_GUC).
type Settings struct {
	defaults map[string]string // what RESET returns to: the server's, then the startup packet's
	session  map[string]string // never modified, but replaced
	local    map[string]string // SET LOCAL, until the transaction ends
	saved    map[string]string // session as it was when the transaction began
	version  uint64            // of the effective values
}

// setting is one parameter that the gateway knows.
type setting struct {
	name     string // as SHOW writes it
	value    string // default, when neither server nor startup packet gives one
	reported bool   // its changes are sent as ParameterStatus (GUC_REPORT)
	server   bool   // server connections are given it
	fixed    bool   // cannot be changed: 55P02
	parse    func(value string) (string, bool)
}

// settings are sorted by name. Those of a transaction (transaction_isolation and its kin) are the transaction's.
var settings = []setting{
	{name: "application_name", reported: true, server: true, parse: applicationName},
	{name: "bytea_output", value: "hex", server: true, parse: oneOf("hex", "escape")},
	{name: "client_encoding", value: "UTF8", reported: true, parse: clientEncoding},
	{name: "client_min_messages", value: "notice", server: true,
		parse: oneOf("debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error")},
	{name: "DateStyle", value: "ISO, MDY", reported: true, server: true, parse: dateStyle},
	{name: "default_transaction_deferrable", value: "off", server: true, parse: boolean},
	{name: "default_transaction_isolation", value: "read committed", server: true,
		parse: oneOf("serializable", "repeatable read", "read committed", "read uncommitted")},
	{name: "default_transaction_read_only", value: "off", reported: true, server: true, parse: boolean},
	{name: "extra_float_digits", value: "1", server: true, parse: integerBetween(-15, 3)},
	{name: "in_hot_standby", value: "off", reported: true, fixed: true},
	{name: "integer_datetimes", value: "on", reported: true, fixed: true},
	{name: "IntervalStyle", value: "postgres", reported: true, server: true,
		parse: oneOf("postgres", "postgres_verbose", "sql_standard", "iso_8601")},
	{name: "is_superuser", value: "off", reported: true, fixed: true},
	{name: "lock_timeout", value: "0", server: true, parse: duration},
	{name: "max_identifier_length", value: "63", fixed: true},
	{name: "max_index_keys", value: "32", fixed: true},
	{name: "plan_cache_mode", value: "auto", server: true,
		parse: oneOf("auto", "force_generic_plan", "force_custom_plan")},
	{name: "search_path", value: `"$user", public`, parse: searchPath},
	{name: "server_encoding", value: "UTF8", reported: true, fixed: true},
	{name: "server_version", value: "15.0", reported: true, fixed: true},
	{name: "server_version_num", value: "150000", fixed: true},
	{name: "session_authorization", reported: true, fixed: true},
	{name: "standard_conforming_strings", value: "on", reported: true, parse: mustBeOn},
	{name: "statement_timeout", value: "0", server: true, parse: duration},
	{name: "synchronous_commit", value: "on", server: true,
		parse: oneOf("on", "off", "local", "remote_write", "remote_apply")},
	{name: "TimeZone", value: "UTC", reported: true, server: true, parse: timeZone},
}

// findSetting looks a parameter up as PostgreSQL does, without regard to case; nil if it is not known.
func findSetting(name string) *setting {
	switch strings.ToLower(name) {
	case "timezone", "time zone":
		name = "TimeZone"
	case "names": // SET NAMES
		name = "client_encoding"
	}
	for i := range settings {
		if strings.EqualFold(settings[i].name, name) {
			return &settings[i]
		}
	}
	return nil
}

func unknownSetting(name string) *sqlstate.Error {
	return sqlstate.New(sqlstate.UndefinedObject, "unrecognized configuration parameter %q", name)
}

// newSettings starts a model. server holds what a datasource reported of itself at its start, by name.
func newSettings(user string, server map[string]string) *Settings {
	defaults := make(map[string]string, len(settings))
	for i := range settings {
		s := &settings[i]
		defaults[s.name] = s.value
		v, ok := server[s.name]
		if ok && s.name == "TimeZone" {
			v, ok = timeZone(v) // times are sealed by it: one that is not understood here must not be the servers' either
		}
		if ok && (s.parse == nil && s.name != "is_superuser" || s.name == "TimeZone") {
			defaults[s.name] = v
		}
	}
	defaults["session_authorization"] = user
	defaults["server_version_num"] = versionNumber(defaults["server_version"])
	return &Settings{defaults: defaults, session: map[string]string{}, version: 1}
}

// versionNumber turns "15.18 (Debian ...)" into "150018" and "18beta1" into "180000".
func versionNumber(version string) string {
	var numbers [2]int
	at := 0
	for _, r := range version {
		switch {
		case r >= '0' && r <= '9':
			numbers[at] = 10*numbers[at] + int(r-'0')
		case r == '.' && at == 0:
			at = 1
		default:
			return versionText(numbers)
		}
	}
	return versionText(numbers)
}

func versionText(numbers [2]int) string { return strconv.Itoa(10_000*numbers[0] + numbers[1]) }

// Startup takes one parameter of the startup packet: it becomes the value that RESET returns to.
func (s *Settings) Startup(name, value string) *sqlstate.Error {
	def := findSetting(name)
	if def == nil {
		return unknownSetting(name)
	}
	if def.fixed {
		return cannotBeChanged(def)
	}
	parsed, ok := def.parse(value)
	if !ok {
		return invalidValue(def)
	}
	s.defaults[def.name] = parsed
	s.version++
	return nil
}

// Get returns the effective value of a parameter that findSetting knows, by the name in its definition.
func (s *Settings) Get(name string) string {
	if v, ok := s.local[name]; ok {
		return v
	}
	if v, ok := s.session[name]; ok {
		return v
	}
	return s.defaults[name]
}

// Set changes a parameter. values are the words of SET, which join to one value; nil is DEFAULT. local lasts until
// the transaction ends.
func (s *Settings) Set(name string, values []string, local bool) (*setting, *sqlstate.Error) {
	def := findSetting(name)
	if def == nil {
		return nil, unknownSetting(name)
	}
	if def.fixed {
		return nil, cannotBeChanged(def)
	}
	parsed := s.defaults[def.name]
	if values != nil {
		joined := strings.Join(values, ", ")
		if def.name == "search_path" {
			joined = formatIdentifiers(values)
		} else if len(values) > 1 && def.name != "DateStyle" {
			return nil, sqlstate.New(sqlstate.InvalidParameterValue, "SET %s takes only one argument", def.name)
		}
		var ok bool
		if parsed, ok = def.parse(joined); !ok {
			return nil, invalidValue(def)
		}
	}
	if local {
		s.local = with(s.local, def.name, parsed)
	} else {
		s.session = with(s.session, def.name, parsed)
		if _, ok := s.local[def.name]; ok {
			s.local = maps.Clone(s.local)
			delete(s.local, def.name)
		}
	}
	s.version++
	return def, nil
}

// ResetAll is RESET ALL and part of DISCARD ALL.
func (s *Settings) ResetAll() {
	s.session, s.local = map[string]string{}, nil
	s.version++
}

func with(m map[string]string, name, value string) map[string]string {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]string{}
	}
	m[name] = value
	return m
}

// Begin marks where Rollback returns to.
func (s *Settings) Begin() { s.saved = s.session }

// Commit ends the transaction: what was set stays, what was set locally goes.
func (s *Settings) Commit() {
	s.saved = nil
	if s.local != nil {
		s.local = nil
		s.version++
	}
}

// Rollback ends the transaction and everything that was set in it.
func (s *Settings) Rollback() {
	if s.saved != nil {
		s.session = s.saved
	}
	s.saved, s.local = nil, nil
	s.version++
}

// settingsMark is what rollbackTo returns to: the values as they were at a savepoint.
type settingsMark struct{ session, local map[string]string }

func (s *Settings) mark() settingsMark { return settingsMark{s.session, s.local} }

// rollbackTo takes back what was set since a savepoint of the transaction.
func (s *Settings) rollbackTo(m settingsMark) {
	s.session, s.local = m.session, m.local
	s.version++
}

// reported lists what ParameterStatus tells, in PostgreSQL's alphabetical order.
func (s *Settings) reported(yield func(name, value string)) {
	for i := range settings {
		if settings[i].reported {
			yield(settings[i].name, s.Get(settings[i].name))
		}
	}
}

// forServers lists the parameters that server connections are given.
func (s *Settings) forServers(yield func(name, value string)) {
	for i := range settings {
		if settings[i].server {
			yield(settings[i].name, s.Get(settings[i].name))
		}
	}
}

// schemas returns the schemas of search_path in order, "$user" replaced, unfiltered.
func (s *Settings) schemas(user string) []string {
	names, _ := splitIdentifiers(s.Get("search_path"))
	for i, n := range names {
		if n == "$user" {
			names[i] = user
		}
	}
	return names
}

func cannotBeChanged(def *setting) *sqlstate.Error {
	return sqlstate.New(sqlstate.CantChangeRuntimeParam, "parameter %q cannot be changed", def.name)
}

func invalidValue(def *setting) *sqlstate.Error {
	e := sqlstate.New(sqlstate.InvalidParameterValue, "invalid value for parameter %q", def.name)
	switch def.name {
	case "client_encoding":
		e.WithHint("The gateway speaks UTF8 only.")
	case "DateStyle":
		e.WithHint("The gateway writes dates in ISO style only; the order of fields may be MDY, DMY or YMD.")
	case "standard_conforming_strings":
		e.WithHint("The gateway reads string literals with standard_conforming_strings on.")
	}
	return e
}

// applicationName keeps 63 bytes of printing ASCII, as PostgreSQL does (guc.c, GUC_IS_NAME; check_application_name): the
// name goes into logs, the audit log and activity views.
func applicationName(v string) (string, bool) {
	const nameBytesMax = 63 // NAMEDATALEN - 1
	end := min(len(v), nameBytesMax)
	for end > 0 && end < len(v) && !utf8.RuneStart(v[end]) {
		end--
	}
	clean := []byte(v[:end])
	for i, c := range clean {
		if c < 32 || c > 126 {
			clean[i] = '?'
		}
	}
	return string(clean), true
}

func oneOf(values ...string) func(string) (string, bool) {
	return func(v string) (string, bool) {
		v = strings.ToLower(v)
		return v, slices.Contains(values, v)
	}
}

func boolean(v string) (string, bool) {
	switch strings.ToLower(v) {
	case "on", "true", "yes", "1", "t", "y", "tru", "tr", "ye":
		return "on", true
	case "off", "false", "no", "0", "f", "n", "fals", "fal", "fa", "of":
		return "off", true
	}
	return "", false
}

func mustBeOn(v string) (string, bool) {
	v, ok := boolean(v)
	return v, ok && v == "on"
}

func integerBetween(low, high int) func(string) (string, bool) {
	return func(v string) (string, bool) {
		n, err := strconv.Atoi(strings.TrimSpace(v))
		return strconv.Itoa(n), err == nil && n >= low && n <= high
	}
}

// duration reads an integer of milliseconds with an optional unit and writes it as SHOW does
// (guc.c, convert_int_from_base_unit).
func duration(v string) (string, bool) {
	v = strings.TrimSpace(v)
	digits := strings.TrimRight(v, "abcdefghijklmnopqrstuvwxyz ")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return "", false
	}
	scale, ok := durationUnits[strings.TrimSpace(v[len(digits):])]
	const millisecondsMax = 1<<31 - 1
	if !ok || n > millisecondsMax/scale {
		return "", false
	}
	n *= scale
	for _, u := range []string{"d", "h", "min", "s"} {
		if n != 0 && n%durationUnits[u] == 0 {
			return strconv.FormatInt(n/durationUnits[u], 10) + u, true
		}
	}
	if n == 0 {
		return "0", true
	}
	return strconv.FormatInt(n, 10) + "ms", true
}

var durationUnits = map[string]int64{"": 1, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}

func clientEncoding(v string) (string, bool) {
	switch strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(v)) {
	case "utf8", "unicode":
		return "UTF8", true
	}
	return "", false
}

// dateStyle reads a list of a style, which must be ISO, and an order (src/backend/commands/variable.c, check_datestyle).
func dateStyle(v string) (string, bool) {
	order := "MDY"
	for word := range strings.SplitSeq(v, ",") {
		switch strings.ToUpper(strings.TrimSpace(word)) {
		case "ISO":
		case "MDY", "US", "NONEURO", "NONEUROPEAN":
			order = "MDY"
		case "DMY", "EURO", "EUROPEAN":
			order = "DMY"
		case "YMD":
			order = "YMD"
		case "DEFAULT":
			order = "MDY"
		default:
			return "", false
		}
	}
	return "ISO, " + order, true
}

// timeZone accepts the names of the time zone database.
func timeZone(v string) (string, bool) {
	if v == "" || strings.EqualFold(v, "local") {
		return "", false
	}
	if strings.EqualFold(v, "utc") || strings.EqualFold(v, "gmt") {
		return strings.ToUpper(v), true
	}
	_, err := time.LoadLocation(v)
	return v, err == nil
}

func searchPath(v string) (string, bool) {
	names, ok := splitIdentifiers(v)
	if !ok {
		return "", false
	}
	return formatIdentifiers(names), true
}

// splitIdentifiers reads a list of identifiers as PostgreSQL does (src/backend/utils/adt/varlena.c,
// SplitIdentifierString): unquoted ones are folded to lower case.
func splitIdentifiers(v string) (names []string, ok bool) {
	v = strings.TrimSpace(v)
	if v == "" {
		return nil, true
	}
	for {
		var name string
		if strings.HasPrefix(v, `"`) {
			v = v[1:]
			for {
				end := strings.IndexByte(v, '"')
				if end < 0 {
					return nil, false
				}
				name += v[:end]
				v = v[end+1:]
				if !strings.HasPrefix(v, `"`) {
					break
				}
				name += `"`
				v = v[1:]
			}
		} else {
			end := strings.IndexAny(v, ", \t\r\n")
			if end < 0 {
				end = len(v)
			}
			if end == 0 {
				return nil, false
			}
			name = strings.ToLower(v[:end])
			v = v[end:]
		}
		names = append(names, name)
		v = strings.TrimSpace(v)
		if v == "" {
			return names, true
		}
		if v[0] != ',' {
			return nil, false
		}
		v = strings.TrimSpace(v[1:])
	}
}

// formatIdentifiers is the inverse of splitIdentifiers; names are quoted only where they must be.
func formatIdentifiers(names []string) string {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		if plainIdentifier(n) {
			b.WriteString(n)
			continue
		}
		b.WriteString(`"` + strings.ReplaceAll(n, `"`, `""`) + `"`)
	}
	return b.String()
}

func plainIdentifier(n string) bool {
	for i, r := range n {
		if r != '_' && (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return n != ""
}

// parseOptions reads the startup parameter "options": -c name=value and --name=value, blanks escaped by a backslash
// (src/backend/utils/init/postinit.c, process_startup_options).
func parseOptions(options string, set func(name, value string) *sqlstate.Error) *sqlstate.Error {
	words := splitOptions(options)
	for i := 0; i < len(words); i++ {
		word, ok := "", false
		switch {
		case words[i] == "-c" && i+1 < len(words):
			i++
			word, ok = words[i], true
		case strings.HasPrefix(words[i], "-c"):
			word, ok = words[i][2:], true
		case strings.HasPrefix(words[i], "--"):
			word, ok = words[i][2:], true
		}
		name, value, found := strings.Cut(word, "=")
		if !ok || !found || name == "" {
			return sqlstate.New(sqlstate.SyntaxError, "invalid command-line argument for server process").
				WithHint("The gateway understands -c name=value and --name=value.")
		}
		if err := set(strings.ReplaceAll(name, "-", "_"), value); err != nil {
			return err
		}
	}
	return nil
}

func splitOptions(options string) []string {
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(options); i++ {
		switch c := options[i]; {
		case c == '\\' && i+1 < len(options):
			i++
			word.WriteByte(options[i])
			inWord = true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}
