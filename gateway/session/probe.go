package session

import (
	"errors"
	"maps"
	"strings"

	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/effect"
)

// leftovers is what a probe has found on a connection.
type leftovers struct {
	settings map[string]string // by name in lower case
	pins     effect.Effects
}

// probe asks the server what is on the connection.
func (l *lender) probe() (leftovers, error) {
	r := l.relay
	found := leftovers{settings: map[string]string{}}
	r.up.Out.Query(l.probeSQL())
	r.server.Asked()
	if err := r.up.Flush(r.untilKilled()); err != nil {
		return found, err
	}
	failed := false
	for {
		m, err := r.up.Read(r.untilKilled())
		if err != nil {
			return found, err
		}
		if m.Type == wire.TypeParameterStatus {
			l.change(m)
		}
		if _, err := r.server.Note(m); err != nil {
			return found, err
		}
		switch m.Type {
		case wire.TypeDataRow:
			err = found.row(m.Body)
		case wire.TypeErrorResponse:
			// It is not known what there is: all of it stays with the session.
			failed = true
		case wire.TypeNotificationResponse:
			l.notify(m)
		case wire.TypeReadyForQuery:
			if failed {
				if l.settings != nil {
					found.settings = maps.Clone(l.settings.Values)
				}
				found.pins |= effect.Unknown
			}
			return found, nil
		}
		if err != nil {
			return found, err
		}
	}
}

// probeSQL lists what outlives a transaction on a connection. Operators are named with their schema, because search_path is
// the client's.
func (l *lender) probeSQL() string {
	var names strings.Builder
	names.WriteString("'" + settingRole + "'")
	for _, name := range l.custom {
		names.WriteString(", " + quoteLiteral(name))
	}
	return probeHead + names.String() + probeTail
}

const (
	probeHead = `SELECT 'setting', pg_catalog.lower(s.name), pg_catalog.current_setting(s.name)
  FROM pg_catalog.pg_settings s
 WHERE s.source OPERATOR(pg_catalog.=) 'session' AND NOT pg_catalog.starts_with(s.name, 'transaction_')
UNION ALL SELECT 'setting', n, pg_catalog.current_setting(n, true)
  FROM pg_catalog.unnest(ARRAY[`
	probeTail = `]::pg_catalog.text[]) AS n
UNION ALL SELECT 'pin', 'listen', NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_listening_channels())
UNION ALL SELECT 'pin', 'temporary', NULL WHERE pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
  AND (EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema())
    OR EXISTS (SELECT FROM pg_catalog.pg_proc WHERE pronamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema())
    OR EXISTS (SELECT FROM pg_catalog.pg_type WHERE typnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()))
UNION ALL SELECT 'pin', 'hold', NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)
UNION ALL SELECT 'pin', 'advisory', NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_locks
  WHERE locktype OPERATOR(pg_catalog.=) 'advisory' AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid())
UNION ALL SELECT 'pin', 'prepared', NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql)`
)

const probeColumns = 3

// row takes one row of a probe's answer.
func (f *leftovers) row(body []byte) error {
	fields, problem := wire.DecodeDataRow(body)
	if problem != nil {
		return problem
	}
	if fields.Len() != probeColumns {
		return errors.New("the answer to a question of the gateway's has another shape")
	}
	var texts [probeColumns]string
	known := false
	for i := range texts {
		value, _ := fields.Next()
		texts[i], known = string(value), value != nil
	}
	switch {
	case texts[0] == "pin":
		for _, p := range pinReasons {
			if p.name == texts[1] {
				f.pins |= p.effect
			}
		}
	case !known, texts[1] == settingRole && texts[2] == "none":
	default:
		f.settings[texts[1]] = texts[2]
	}
	return nil
}
