package session

import (
	"strings"
	"time"

	"github.com/portcullisdb/portcullis/crypto/datum"
)

// datumSettings is how the client writes and reads dates and the like in this transaction.
func (s *Session) datumSettings() *datum.Settings {
	if s.tx.began.IsZero() {
		s.tx.began = s.options.Clock()
	}
	if s.datum != nil && s.datumAt == s.settings.version && s.datum.Now.Equal(s.tx.began) {
		return s.datum
	}
	location, ok := zone(s.settings.Get("TimeZone"))
	if !ok {
		location = time.UTC
	}
	order := datum.MDY
	switch _, written, _ := strings.Cut(s.settings.Get("DateStyle"), ", "); written {
	case "DMY":
		order = datum.DMY
	case "YMD":
		order = datum.YMD
	}
	s.datumAt, s.datum = s.settings.version, &datum.Settings{Location: location, Order: order,
		ByteaEscape: s.settings.Get("bytea_output") == "escape", Now: s.tx.began}
	return s.datum
}
