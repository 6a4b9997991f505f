package session

import (
	"maps"
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/effect"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// apply queues the settings in which the linked connection differs from the session.
func (l *lender) apply() {
	server := l.relay.server
	if server.Applied == l.settings && !server.Unknown {
		return
	}
	var have, want map[string]string
	if server.Applied != nil {
		have = server.Applied.Values
	}
	if l.settings != nil {
		want = l.settings.Values
	}
	if server.Unknown {
		l.command("RESET ALL")
		have = map[string]string{settingRole: have[settingRole]}
	}
	// First the role, which may not be allowed to set the others, then the encoding, which decides how they are read.
	for _, name := range []string{settingRole, settingEncoding} {
		if before, known := have[name]; known && before != want[name] {
			l.command("SELECT pg_catalog.set_config('" + name + "', NULL, false)")
			have = without(have, name)
		}
	}
	if value, ok := want[settingEncoding]; ok && have[settingEncoding] != value {
		l.command("SELECT pg_catalog.set_config('" + settingEncoding + "', " + quoteLiteral(value) + ", false)")
	}
	if calls := differences(have, want); len(calls) > 0 {
		l.command("SELECT " + strings.Join(calls, ", "))
	}
	server.Applied, server.Unknown = l.settings, false
}

func without(values map[string]string, name string) map[string]string {
	values = maps.Clone(values)
	delete(values, name)
	return values
}

// differences returns the calls that lead from one set of values to another, but for client_encoding. The role comes last.
func differences(have, want map[string]string) []string {
	var calls []string
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, kept := want[name]; !kept && name != settingEncoding {
			calls = append(calls, "pg_catalog.set_config("+quoteLiteral(name)+", NULL, false)")
		}
	}
	names := slices.Sorted(maps.Keys(want))
	set := func(name string) {
		if before, known := have[name]; name != settingEncoding && (!known || before != want[name]) {
			calls = append(calls, "pg_catalog.set_config("+quoteLiteral(name)+", "+quoteLiteral(want[name])+", false)")
		}
	}
	for _, name := range names {
		if name != settingRole {
			set(name)
		}
	}
	if _, ok := want[settingRole]; ok {
		set(settingRole)
	}
	return calls
}

// settle asks the server what the session has left on the connection: its settings become the session's, and the rest
// decides whether it can go.
func (l *lender) settle() error {
	r := l.relay
	found, err := l.probe()
	if err != nil {
		return err
	}
	settings := found.settings
	if l.startup != nil {
		for name, value := range l.startup.Values {
			if _, kept := found.settings[name]; !kept { // it was reset to the pool's own value, and not to the client's
				if len(settings) == len(found.settings) {
					settings = maps.Clone(settings)
				}
				settings[name] = value
			}
		}
	}
	if l.settings == nil || !maps.Equal(l.settings.Values, settings) {
		l.settings = r.session.database.welcomes.share(settings)
	}
	r.server.Applied = l.settings
	missing := len(settings) != len(found.settings)
	if missing {
		r.server.Applied = &pool.Settings{Values: found.settings}
	}
	r.server.Unknown = r.server.Unknown || l.effects&effect.Unknown != 0
	keep := l.pins & effect.Settings
	if l.effects&effect.Discard != 0 {
		keep = 0
	}
	if !readable(settings) {
		keep = effect.Settings
	}
	l.pins = found.pins | keep
	if l.pins&effect.Prepare == 0 {
		clear(l.statements.bySQL)
	}
	r.listening.Store(l.pins&effect.Listen != 0)
	if l.pins != 0 && r.session.database.Pooling.RefuseState {
		return cannotKeep()
	}
	if !missing {
		return nil
	}
	unknown := r.server.Unknown
	r.server.Unknown = false // what nobody knows of is reset when the connection goes
	l.apply()
	r.server.Unknown = unknown
	return l.reapply()
}

// readable reports whether the words of a text say under these settings what it does. Tables are temporary, and functions are
// not PostgreSQL's own, where search_path puts other schemas before its own.
func readable(settings map[string]string) bool {
	path := settings[settingPath]
	return effect.ASCIISafe(settings[settingEncoding]) && settings[settingStrings] != "off" && !strings.Contains(path, "pg_temp") &&
		strings.LastIndex(path, "pg_catalog") <= 0
}

func cannotKeep() *sqlstate.Error {
	return sqlstate.New(sqlstate.FeatureNotSupported,
		"the session left something on its server connection that transaction mode cannot keep").
		WithRule("session-state").WithHint(hintState)
}

// hintState is what a client can do that needs a connection for itself.
const hintState = "Connect to a database or as a user of pool.mode session, or set pool.session_state to pin."

// reapply sends the settings that apply has queued, and waits until they are there.
func (l *lender) reapply() error {
	r := l.relay
	if err := r.up.Flush(r.untilKilled()); err != nil {
		return err
	}
	for r.owed.count > 0 {
		m, err := r.up.Read(r.untilKilled())
		if err != nil {
			return err
		}
		if m.Type == wire.TypeParameterStatus {
			l.change(m)
		}
		if _, err := l.note(m); err != nil {
			return err
		}
	}
	if l.failure != nil {
		return l.failure
	}
	return nil
}
