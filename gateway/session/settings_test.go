package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

func TestSettingsAreListedOnceAndSorted(t *testing.T) {
	for i := range settings {
		if i > 0 && strings.ToLower(settings[i-1].name) >= strings.ToLower(settings[i].name) {
			t.Errorf("%s stands behind %s", settings[i].name, settings[i-1].name)
		}
		if s := &settings[i]; s.fixed == (s.parse != nil) {
			t.Errorf("%s: who cannot be set needs no parser, and who can needs one", s.name)
		}
	}
}

func TestSettingValues(t *testing.T) {
	for _, c := range []struct {
		name  string
		words []string
		want  string // "" is 22023
	}{
		{"DATESTYLE", []string{"ISO", "DMY"}, "ISO, DMY"},
		{"datestyle", []string{"iso, ymd"}, "ISO, YMD"},
		{"datestyle", []string{"German"}, ""},
		{"datestyle", []string{"SQL", "DMY"}, ""},
		{"TimeZone", []string{"Europe/Berlin"}, "Europe/Berlin"},
		{"timezone", []string{"utc"}, "UTC"},
		{"timezone", []string{"Europe/Atlantis"}, ""},
		{"timezone", []string{"../etc/passwd"}, ""},
		{"client_encoding", []string{"utf-8"}, "UTF8"},
		{"names", []string{"UNICODE"}, "UTF8"},
		{"client_encoding", []string{"LATIN1"}, ""},
		{"statement_timeout", []string{"90s"}, "90s"},
		{"statement_timeout", []string{"60000"}, "1min"},
		{"statement_timeout", []string{"1500"}, "1500ms"},
		{"statement_timeout", []string{"-1"}, ""},
		{"statement_timeout", []string{"30 d"}, ""},
		{"lock_timeout", []string{"0"}, "0"},
		{"timezone", []string{"-5.5"}, "<-05:30>+05:30"},
		{"timezone", []string{"0"}, "<+00>+00"},
		{"timezone", []string{"<+02>-02"}, "<+02>-02"},
		{"timezone", []string{"<+02>-03"}, ""},
		{"timezone", []string{"99"}, ""},
		{"timezone", []string{"NaN"}, ""},
		{"timezone", []string{"EST5EDT,M3.2.0,M11.1.0"}, ""},
		{"work_mem", []string{"1024"}, "1MB"},
		{"work_mem", []string{"63kB"}, ""},
		{"work_mem", []string{"4 GB"}, "4GB"},
		{"work_mem", []string{"4gb"}, ""},
		{"effective_cache_size", []string{"1024"}, "8MB"},
		{"random_page_cost", []string{"-1"}, ""},
		{"transform_null_equals", []string{"on"}, ""},
		{"bytea_output", []string{"ESCAPE"}, "escape"},
		{"bytea_output", []string{"base64"}, ""},
		{"extra_float_digits", []string{"3"}, "3"},
		{"extra_float_digits", []string{"4"}, ""},
		{"default_transaction_read_only", []string{"true"}, "on"},
		{"standard_conforming_strings", []string{"off"}, ""},
		{"search_path", []string{"Mixed", "plain", "$user"}, `"Mixed", plain, "$user"`},
		{"search_path", []string{"a, b"}, `"a, b"`},
		{"application_name", []string{"my 'app'"}, "my 'app'"},
		{"application_name", []string{"two", "words"}, ""},
	} {
		s := newSettings("app", nil)
		err := s.Set(c.name, c.words, false)
		switch {
		case c.want == "" && (err == nil || err.Code.String() != "22023"):
			t.Errorf("%s = %q: %v", c.name, c.words, err)
		case c.want != "" && err != nil:
			t.Errorf("%s = %q: %v", c.name, c.words, err)
		case c.want != "" && s.Get(findSetting(c.name).name) != c.want:
			t.Errorf("%s = %q is %q, not %q", c.name, c.words, s.Get(findSetting(c.name).name), c.want)
		}
		if err != nil && strings.Contains(err.Message, strings.Join(c.words, ", ")) {
			t.Errorf("the message holds the value: %s", err.Message)
		}
	}
	s := newSettings("app", map[string]string{"server_version": "16.2", "TimeZone": "Asia/Tokyo", "is_superuser": "on"})
	for name, want := range map[string]string{"server_version": "16.2", "server_version_num": "160002", "TimeZone": "Asia/Tokyo",
		"is_superuser": "off", "session_authorization": "app"} {
		if got := s.Get(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	// A zone that only the server understands is nobody's: times would be sealed in another one than they were written in.
	if got := newSettings("app", map[string]string{"TimeZone": "<ABC>-03"}).Get("TimeZone"); got != "UTC" {
		t.Errorf("TimeZone is %q, not UTC", got)
	}
	if err := s.Set("server_version", []string{"9"}, false); err == nil || err.Code.String() != "55P02" {
		t.Errorf("server_version: %v", err)
	}
	if err := s.Set("nonsense", []string{"9"}, false); err == nil || err.Code.String() != "42704" {
		t.Errorf("nonsense: %v", err)
	}
}

// Parameters with a dot in their names are bounded, and none of them is the gateway's.
func TestParametersOfTheClient(t *testing.T) {
	s := newSettings("app", nil)
	for i := range customSettingsMax {
		if err := s.Set(fmt.Sprintf("my.p%d", i), []string{"x"}, false); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"my.more": "54000", "portcullis.key": "42602", "my..p": "42602", "my.1": "42602", "my.p1": ""} {
		err := s.Set(name, []string{"y"}, false)
		if got := ""; err != nil && err.Code.String() != want || err == nil && want != got {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Set("my.p1", []string{strings.Repeat("x", customBytesMax+1)}, false); err == nil || err.Code.String() != "22023" {
		t.Errorf("a long value: %v", err)
	}
	given := map[string]string{}
	s.forServers(func(name, value string) { given[name] = value })
	if given["my.p1"] != "y" || given["my.p2"] != "x" {
		t.Errorf("servers are given %v", given)
	}
	if _, ok := given["work_mem"]; ok {
		t.Error("servers are given what the client has not set")
	}
	s.ResetAll()
	clear(given)
	s.forServers(func(name, value string) { given[name] = value })
	if _, ok := given["my.p1"]; ok {
		t.Error("servers are given what was reset")
	}
}

func TestVersionNumber(t *testing.T) {
	for version, want := range map[string]string{"15.18 (Debian 15.18-0+deb12u1)": "150018", "18beta1": "180000", "14.0": "140000", "": "0"} {
		if got := versionNumber(version); got != want {
			t.Errorf("%q: %s, not %s", version, got, want)
		}
	}
}

func TestSettingsFollowCommitAndRollback(t *testing.T) {
	s := newSettings("app", nil)
	set := func(value string, local bool) {
		if err := s.Set("application_name", []string{value}, local); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want string) {
		t.Helper()
		if got := s.Get("application_name"); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	set("one", false)
	s.Begin()
	set("two", false)
	set("three", true)
	check("three")
	set("four", false) // SET after SET LOCAL holds at once
	check("four")
	set("five", true)
	s.Commit()
	check("four")
	s.Begin()
	set("six", false)
	s.ResetAll()
	check("")
	s.Rollback()
	check("four")
	s.Begin()
	before := s.version
	s.Commit()
	if s.version != before {
		t.Error("an empty transaction changed the settings")
	}
}

func TestStartupOptions(t *testing.T) {
	for options, want := range map[string][]string{
		"-c timezone=UTC":                      {"timezone=UTC"},
		"-ctimezone=UTC --lock-timeout=5s":     {"timezone=UTC", "lock_timeout=5s"},
		`-c application_name=two\ words\\here`: {`application_name=two words\here`},
		"":                                     nil,
		"  -c   a=b  ":                         {"a=b"},
	} {
		var got []string
		err := parseOptions(options, func(name, value string) *sqlstate.Error { got = append(got, name+"="+value); return nil })
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q %v", options, got, err)
		}
	}
	for _, options := range []string{"-c", "-c nothing", "-x a=b", "word", "--=b"} {
		if err := parseOptions(options, func(string, string) *sqlstate.Error { return nil }); err == nil || err.Code.String() != "42601" {
			t.Errorf("%q: %v", options, err)
		}
	}
}

func TestIdentifierLists(t *testing.T) {
	for text, want := range map[string]string{
		`a, B ,"C""d"`: `a, b, "C""d"`, `"$user",public`: `"$user", public`, ``: ``, `"unclosed`: "!", `a,,b`: "!", `a b`: "!",
	} {
		names, ok := splitIdentifiers(text)
		if got := formatIdentifiers(names); ok != (want != "!") || ok && got != want {
			t.Errorf("%q: %q %v", text, got, ok)
		}
	}
}

func TestQuoteLiteral(t *testing.T) {
	for v, want := range map[string]string{`it's`: `'it''s'`, `a\b'c`: `E'a\\b''c'`, ``: `''`} {
		if got := quoteLiteral(v); got != want {
			t.Errorf("%q: %s", v, got)
		}
	}
}

// What a client sends as options or search_path is read without panics, and identifiers survive being written.
func FuzzStartupParameters(f *testing.F) {
	for _, seed := range []string{`-c search_path=a,"B"`, `--x=y`, `a\ b`, `"un`, "", `"$user", public`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_ = parseOptions(text, func(string, string) *sqlstate.Error { return nil })
		for i := range settings {
			if settings[i].parse != nil {
				if value, ok := settings[i].parse(text); ok && settings[i].name != "client_encoding" {
					if again, ok := settings[i].parse(value); !ok || again != value {
						t.Errorf("%s: %q becomes %q, and that %q", settings[i].name, text, value, again)
					}
				}
			}
		}
		names, ok := splitIdentifiers(text)
		if again, okAgain := splitIdentifiers(formatIdentifiers(names)); ok && (!okAgain || !slices.Equal(names, again)) {
			t.Errorf("%q: %q becomes %q", text, names, again)
		}
	})
}
