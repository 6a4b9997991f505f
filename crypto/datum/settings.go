package datum

import "time"

// Settings are the parts of a session's state that input and output depend on. DateStyle is always ISO on output.
type Settings struct {
	Location *time.Location // TimeZone; nil means UTC
	Order    DateOrder      // of DateStyle
	// ByteaEscape prints bytea in the escape format (bytea_output).
	ByteaEscape bool
	// Now is the start of the transaction, for 'now', 'today' and the like. They are refused while it is zero.
	Now time.Time
}

// DateOrder says how "1/2/3" is read.
type DateOrder int

// The orders; MDY is PostgreSQL's default.
const (
	MDY DateOrder = iota
	DMY
	YMD
)

// Default returns the settings of a session that set nothing and whose TimeZone is UTC.
func Default() *Settings { return &Settings{} }

func (s *Settings) location() *time.Location {
	if s == nil || s.Location == nil {
		return time.UTC
	}
	return s.Location
}
