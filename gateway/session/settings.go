package session

import (
	"fmt"
	"maps"
	"math"
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
	started  map[string]bool   // those of the startup packet
	custom   map[string]bool   // names with a dot that have been set once; a rollback leaves them, without a value
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
	optional bool   // but only what the client has set: servers have defaults of their own
	fixed    bool   // cannot be changed: 55P02
	parse    func(value string) (string, bool)
}

// settings are sorted by name. Those of a transaction (transaction_isolation and its kin) are the transaction's. What is
// optional is for servers alone to follow; the value here is PostgreSQL's default.
var settings = []setting{
	{name: "application_name", reported: true, server: true, parse: applicationName},
	{name: "bytea_output", value: "hex", server: true, parse: oneOf("hex", "escape")},
	{name: "check_function_bodies", value: "on", server: true, optional: true, parse: boolean},
	{name: "client_encoding", value: "UTF8", reported: true, parse: clientEncoding},
	{name: "client_min_messages", value: "notice", server: true,
		parse: oneOf("debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error")},
	{name: "constraint_exclusion", value: "partition", server: true, optional: true, parse: oneOf("partition", "on", "off")},
	{name: "cursor_tuple_fraction", value: "0.1", server: true, optional: true, parse: numberBetween(0, 1)},
	{name: "DateStyle", value: "ISO, MDY", reported: true, server: true, parse: dateStyle},
	{name: "default_transaction_deferrable", value: "off", server: true, parse: boolean},
	{name: "default_transaction_isolation", value: "read committed", server: true,
		parse: oneOf("serializable", "repeatable read", "read committed", "read uncommitted")},
	{name: "default_transaction_read_only", value: "off", reported: true, server: true, parse: boolean},
	{name: "effective_cache_size", value: "4GB", server: true, optional: true, parse: pages},
	{name: "enable_bitmapscan", value: "on", server: true, optional: true, parse: boolean},
	{name: "enable_hashagg", value: "on", server: true, optional: true, parse: boolean},
	{name: "enable_hashjoin", value: "on", server: true, optional: true, parse: boolean},
	{name: "enable_indexonlyscan", value: "on", server: true, optional: true, parse: boolean},
	{name: "enable_indexscan", value: "on", server: true, optional: true, parse: boolean},
	{name: "enable_material", value: "on", server: true, optional: true, parse: boolean},
	{name: "enable_mergejoin", value: "on", server: true, optional: true, parse: boolean},
	{name: "enable_nestloop", value: "on", server: true, optional: true, parse: boolean},
	{name: "enable_seqscan", value: "on", server: true, optional: true, parse: boolean},
	{name: "enable_sort", value: "on", server: true, optional: true, parse: boolean},
	{name: "escape_string_warning", value: "on", server: true, optional: true, parse: boolean},
	{name: "extra_float_digits", value: "1", server: true, parse: integerBetween(-15, 3)},
	{name: "from_collapse_limit", value: "8", server: true, optional: true, parse: integerBetween(1, 1<<31-1)},
	{name: "geqo", value: "on", server: true, optional: true, parse: boolean},
	{name: "geqo_threshold", value: "12", server: true, optional: true, parse: integerBetween(2, 1<<31-1)},
	{name: "idle_in_transaction_session_timeout", value: "0", server: true, optional: true, parse: duration},
	{name: "in_hot_standby", value: "off", reported: true, fixed: true},
	{name: "integer_datetimes", value: "on", reported: true, fixed: true},
	{name: "IntervalStyle", value: "postgres", reported: true, server: true,
		parse: oneOf("postgres", "postgres_verbose", "sql_standard", "iso_8601")},
	{name: "is_superuser", value: "off", reported: true, fixed: true},
	{name: "jit", value: "on", server: true, optional: true, parse: boolean},
	{name: "join_collapse_limit", value: "8", server: true, optional: true, parse: integerBetween(1, 1<<31-1)},
	{name: "lock_timeout", value: "0", server: true, parse: duration},
	{name: "maintenance_work_mem", value: "64MB", server: true, optional: true, parse: memory(1024)},
	{name: "max_identifier_length", value: "63", fixed: true},
	{name: "max_index_keys", value: "32", fixed: true},
	{name: "max_parallel_workers_per_gather", value: "2", server: true, optional: true, parse: integerBetween(0, 1024)},
	{name: "plan_cache_mode", value: "auto", server: true,
		parse: oneOf("auto", "force_generic_plan", "force_custom_plan")},
	{name: "random_page_cost", value: "4", server: true, optional: true, parse: numberBetween(0, 1.79769e+308)},
	{name: "role", value: "none", fixed: true},
	{name: "row_security", value: "on", server: true, optional: true, parse: boolean},
	{name: "search_path", value: `"$user", public`, parse: searchPath},
	{name: "seq_page_cost", value: "1", server: true, optional: true, parse: numberBetween(0, 1.79769e+308)},
	{name: "server_encoding", value: "UTF8", reported: true, fixed: true},
	{name: "server_version", value: "15.0", reported: true, fixed: true},
	{name: "server_version_num", value: "150000", fixed: true},
	{name: "session_authorization", reported: true, fixed: true},
	{name: "standard_conforming_strings", value: "on", reported: true, parse: mustBeOn},
	{name: "statement_timeout", value: "0", server: true, parse: duration},
	{name: "synchronize_seqscans", value: "on", server: true, optional: true, parse: boolean},
	{name: "synchronous_commit", value: "on", server: true,
		parse: oneOf("on", "off", "local", "remote_write", "remote_apply")},
	{name: "TimeZone", value: "UTC", reported: true, server: true, parse: timeZone},
	{name: "transform_null_equals", value: "off", parse: mustBeOff},
	{name: "work_mem", value: "4MB", server: true, optional: true, parse: memory(64)},
	{name: "xmloption", value: "content", server: true, optional: true, parse: oneOf("content", "document")},
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

// find looks a parameter up that may be set: one that is known, or any with a dot in its name, which is nobody's but the
// client's (src/backend/utils/misc/guc.c, valid_custom_variable_name). Errors: 42704, 42602.
func (s *Settings) find(name string) (*setting, *sqlstate.Error) {
	if def := findSetting(name); def != nil {
		return def, nil
	}
	name = strings.ToLower(name)
	prefix, _, ok := strings.Cut(name, ".")
	switch {
	case !ok:
		return nil, unknownSetting(name)
	case prefix == reservedPrefix:
		return nil, sqlstate.New(sqlstate.InvalidName, "invalid configuration parameter name %q", name).
			WithDetail("%q is a reserved prefix.", prefix)
	case !validCustomName(name):
		return nil, sqlstate.New(sqlstate.InvalidName, "invalid configuration parameter name %q", name).
			WithDetail("Custom parameter names must be two or more simple identifiers separated by dots.")
	case !s.custom[name] && len(s.custom) >= customSettingsMax:
		return nil, sqlstate.New(sqlstate.ProgramLimitExceeded, "the session has too many parameters of its own")
	}
	return &setting{name: name, server: true, optional: true, parse: customValue}, nil
}

const (
	// reservedPrefix is that of parameters which the gateway may set on servers.
	reservedPrefix = "portcullis"
	// customSettingsMax and customBytesMax bound a session's parameters with a dot in their names.
	customSettingsMax = 64
	customBytesMax    = 8 << 10
)

func validCustomName(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		for i, r := range part {
			letter := r == '_' || r >= 'a' && r <= 'z' || r >= utf8.RuneSelf
			if !letter && (i == 0 || r != '$' && (r < '0' || r > '9')) {
				return false
			}
		}
		if part == "" {
			return false
		}
	}
	return len(name) <= customBytesMax
}

func customValue(v string) (string, bool) { return v, len(v) <= customBytesMax }

// Known returns the effective value of a parameter by any spelling of its name, as SHOW and current_setting do.
func (s *Settings) Known(name string) (value string, ok bool) {
	if def := findSetting(name); def != nil {
		return s.Get(def.name), true
	}
	name = strings.ToLower(name)
	return s.Get(name), s.custom[name]
}

// note remembers that a parameter with a dot exists.
func (s *Settings) note(def *setting) {
	if strings.Contains(def.name, ".") {
		if s.custom == nil {
			s.custom = map[string]bool{}
		}
		s.custom[def.name] = true
	}
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
	def, err := s.find(name)
	if err != nil {
		return err
	}
	if def.fixed {
		return cannotBeChanged(def)
	}
	parsed, ok := def.parse(value)
	if !ok {
		return invalidValue(def)
	}
	s.note(def)
	if s.started == nil {
		s.started = map[string]bool{}
	}
	s.defaults[def.name], s.started[def.name] = parsed, true
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
func (s *Settings) Set(name string, values []string, local bool) *sqlstate.Error {
	def, err := s.find(name)
	switch {
	case err != nil:
		return err
	case values == nil:
		return s.change(def, nil, local)
	}
	joined := strings.Join(values, ", ")
	if def.name == "search_path" {
		joined = formatIdentifiers(values)
	} else if len(values) > 1 && def.name != "DateStyle" {
		return sqlstate.New(sqlstate.InvalidParameterValue, "SET %s takes only one argument", def.name)
	}
	return s.change(def, &joined, local)
}

// SetText is set_config: the value is one text, lists included; nil is DEFAULT.
func (s *Settings) SetText(name string, value *string, local bool) *sqlstate.Error {
	def, err := s.find(name)
	if err != nil {
		return err
	}
	return s.change(def, value, local)
}

func (s *Settings) change(def *setting, value *string, local bool) *sqlstate.Error {
	if def.fixed {
		return cannotBeChanged(def)
	}
	parsed := s.defaults[def.name]
	if value != nil {
		var ok bool
		if parsed, ok = def.parse(*value); !ok {
			return invalidValue(def)
		}
	}
	s.note(def)
	if local {
		s.local = with(s.local, def.name, parsed)
	} else {
		s.session = with(s.session, def.name, parsed)
		if value == nil {
			delete(s.session, def.name) // of the copy that with has made
		}
		if _, ok := s.local[def.name]; ok {
			s.local = maps.Clone(s.local)
			delete(s.local, def.name)
		}
	}
	s.version++
	return nil
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
		if name := settings[i].name; settings[i].server && (!settings[i].optional || s.chosen(name)) {
			yield(name, s.Get(name))
		}
	}
	for name := range s.custom {
		if s.chosen(name) {
			yield(name, s.Get(name))
		}
	}
}

// chosen reports that a parameter's value is the client's.
func (s *Settings) chosen(name string) bool {
	_, local := s.local[name]
	_, session := s.session[name]
	return local || session || s.started[name]
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
	case "TimeZone":
		e.WithHint("The gateway knows the names of the time zone database, and whole hours and minutes from UTC.")
	case "transform_null_equals":
		e.WithHint("The gateway reads comparisons with transform_null_equals off.")
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

func mustBeOff(v string) (string, bool) {
	v, ok := boolean(v)
	return v, ok && v == "off"
}

func numberBetween(low, high float64) func(string) (string, bool) {
	return func(v string) (string, bool) {
		n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return strconv.FormatFloat(n, 'g', -1, 64), err == nil && n >= low && n <= high
	}
}

// memory reads an amount of at least so many kilobytes and writes it as SHOW does.
func memory(least int64) func(string) (string, bool) {
	return func(v string) (string, bool) {
		n, ok := kilobytes(v, 1)
		return formatKilobytes(n), ok && n >= least
	}
}

// pages reads an amount of memory in blocks of 8 kB, if it has no unit.
func pages(v string) (string, bool) {
	n, ok := kilobytes(v, 8)
	n -= n % 8
	return formatKilobytes(n), ok && n >= 8
}

// kilobytes reads an amount of memory: a whole number, in a base unit of so many kilobytes if it names none.
func kilobytes(v string, base int64) (int64, bool) {
	v = strings.TrimSpace(v)
	digits := strings.TrimRight(v, "kMGTB ")
	n, err := strconv.ParseInt(digits, 10, 64)
	scale, ok := memoryUnits[strings.TrimSpace(v[len(digits):])]
	if scale == 0 {
		scale = base
	}
	const kilobytesMax = 1<<31 - 1
	if err != nil || !ok || n < 0 || n > kilobytesMax/scale {
		return 0, false
	}
	return n * scale, true
}

func formatKilobytes(n int64) string {
	for _, u := range []string{"TB", "GB", "MB"} {
		if n != 0 && n%memoryUnits[u] == 0 {
			return strconv.FormatInt(n/memoryUnits[u], 10) + u
		}
	}
	return strconv.FormatInt(n, 10) + "kB"
}

var memoryUnits = map[string]int64{"": 0, "kB": 1, "MB": 1 << 10, "GB": 1 << 20, "TB": 1 << 30}

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

// clientEncoding knows UTF8 by all of its names. Only letters and digits of a name count (src/common/encnames.c,
// clean_encoding_name): some drivers send quotes.
func clientEncoding(v string) (string, bool) {
	clean := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(v))
	return "UTF8", clean == "utf8" || clean == "unicode"
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

// timeZone accepts the names of the time zone database, and hours east of UTC.
func timeZone(v string) (string, bool) {
	if v == "" || strings.EqualFold(v, "local") {
		return "", false
	}
	if strings.EqualFold(v, "utc") || strings.EqualFold(v, "gmt") {
		return strings.ToUpper(v), true
	}
	if hours, err := strconv.ParseFloat(v, 64); err == nil {
		return fixedZone(hours)
	}
	_, ok := zone(v)
	return v, ok
}

// fixedZone names a zone as PostgreSQL does (src/timezone/pgtz.c, pg_tzset_offset): its offset twice, the second time in the
// sense of POSIX.
func fixedZone(hours float64) (string, bool) {
	minutes := int(math.Round(hours * 60))
	const minutesMax = 15 * 60
	if math.Abs(hours*60-float64(minutes)) > 1e-6 || minutes < -minutesMax || minutes > minutesMax {
		return "", false
	}
	text := func(minutes int, plus string) string {
		sign := plus
		if minutes < 0 {
			sign, minutes = "-", -minutes
		}
		if minutes%60 == 0 {
			return fmt.Sprintf("%s%02d", sign, minutes/60)
		}
		return fmt.Sprintf("%s%02d:%02d", sign, minutes/60, minutes%60)
	}
	return "<" + text(minutes, "+") + ">" + text(-minutes, "+"), true
}

// zone returns the time zone of a value of TimeZone.
func zone(v string) (*time.Location, bool) {
	if inner, ok := strings.CutPrefix(v, "<"); ok {
		offset, _, _ := strings.Cut(inner, ">")
		h, m, _ := strings.Cut(offset, ":")
		hours, err := strconv.Atoi(h)
		minutes := 0
		if err == nil && m != "" {
			minutes, err = strconv.Atoi(m)
		}
		if strings.HasPrefix(h, "-") {
			minutes = -minutes
		}
		if named, known := fixedZone(float64(60*hours+minutes) / 60); err != nil || !known || named != v {
			return nil, false
		}
		return time.FixedZone(offset, 60*(60*hours+minutes)), true
	}
	location, err := time.LoadLocation(v)
	return location, err == nil
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
