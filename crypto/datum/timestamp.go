package datum

import (
	"encoding/binary"
	"math"
	"time"
)

// A timestamp is microseconds since 2000-01-01 00:00, of UTC if with time zone, in 8 bytes; the ends of the range are the
// infinities.
const (
	timestampSize             = 8
	timestampInfinity         = math.MaxInt64
	timestampNegativeInfinity = math.MinInt64
)

// parseTimestamp is timestamp_in of src/backend/utils/adt/timestamp.c: a time zone is read and ignored.
func parseTimestamp(dst, text []byte, s *Settings) ([]byte, error) {
	m, err := scanMoment(text, s, "timestamp")
	if err != nil {
		return nil, err
	}
	m.offset = 0
	return m.appendTimestamp(dst)
}

// parseTimestamptz is timestamptz_in.
func parseTimestamptz(dst, text []byte, s *Settings) ([]byte, error) {
	m, err := scanMoment(text, s, nameTimestamptz)
	if err != nil {
		return nil, err
	}
	return m.appendTimestamp(dst)
}

// appendTimestamp is tm2timestamp.
func (m *moment) appendTimestamp(dst []byte) ([]byte, error) {
	var usec int64
	switch m.special {
	case momentInfinity:
		usec = timestampInfinity
	case momentNegativeInfinity:
		usec = timestampNegativeInfinity
	case momentEpoch:
		usec = -unixEpochSeconds * microsPerSecond
	default:
		if !julianValid(m.year, m.month) {
			return nil, failTimestampRange()
		}
		days := int64(julianDay(m.year, m.month, m.day) - epochJulian)
		// Far from overflow in 64 bits, but for days that are out of range anyway.
		if days > timestampEnd/microsPerDay+1 {
			return nil, failTimestampRange()
		}
		seconds := int64((m.hour*60+m.minute)*60+m.second) - int64(m.offset)
		usec = days*microsPerDay + seconds*microsPerSecond + int64(m.usec)
		if !timestampValid(usec) {
			return nil, failTimestampRange()
		}
	}
	return binary.BigEndian.AppendUint64(dst, uint64(usec)), nil
}

func failTimestampRange() error { return fail(codeDatetimeOverflow, "timestamp out of range") }

func timestampValid(usec int64) bool { return usec >= timestampMin && usec < timestampEnd }

func timestampFinite(usec int64) bool {
	return usec != timestampInfinity && usec != timestampNegativeInfinity
}

// receiveTimestamp is timestamp_recv and timestamptz_recv.
func receiveTimestamp(dst, value []byte) ([]byte, error) {
	if len(value) != timestampSize {
		return nil, failLength(len(value), timestampSize)
	}
	if usec := timestamp(value); timestampFinite(usec) && !timestampValid(usec) {
		return nil, failTimestampRange()
	}
	return append(dst, value...), nil
}

func timestamp(value []byte) int64 { return int64(binary.BigEndian.Uint64(value)) }

// assignTimestamp is AdjustTimestampForTypmod: rounded half away from 2000-01-01.
func assignTimestamp(dst, value []byte, precision int) ([]byte, error) {
	usec := timestamp(value)
	if timestampFinite(usec) {
		unit := int64(1)
		for range secondPrecisionMax - precision {
			unit *= 10
		}
		if usec >= 0 {
			usec = (usec + unit/2) / unit * unit
		} else {
			usec = -((-usec + unit/2) / unit * unit)
		}
		if !timestampValid(usec) {
			return nil, failTimestampRange()
		}
	}
	return binary.BigEndian.AppendUint64(dst, uint64(usec)), nil
}

func appendTimestamp(dst, value []byte) []byte {
	usec := timestamp(value)
	if !timestampFinite(usec) {
		return appendInfinity(dst, usec)
	}
	dst, year := appendInstant(dst, usec)
	return appendEra(dst, year)
}

func appendTimestamptz(dst, value []byte, location *time.Location) []byte {
	usec := timestamp(value)
	if !timestampFinite(usec) {
		return appendInfinity(dst, usec)
	}
	_, offset := time.Unix(floorDiv64(usec, microsPerSecond)+unixEpochSeconds, 0).In(location).Zone()
	dst, year := appendInstant(dst, usec+int64(offset)*microsPerSecond)
	return appendEra(appendOffset(dst, offset), year)
}

func appendInfinity(dst []byte, usec int64) []byte {
	if usec == timestampInfinity {
		return append(dst, "infinity"...)
	}
	return append(dst, "-infinity"...)
}

// appendInstant prints day and time, with as many decimals of the second as it has.
func appendInstant(dst []byte, usec int64) (out []byte, year int) {
	days := floorDiv64(usec, microsPerDay)
	inDay := int(usec - days*microsPerDay)
	year, month, day := julianDate(int(days) + epochJulian)
	dst = append(appendDay(dst, year, month, day), ' ')
	seconds, fraction := inDay/microsPerSecond, inDay%microsPerSecond
	dst = appendPadded(dst, seconds/3600, 2)
	dst = appendPadded(append(dst, ':'), seconds/60%60, 2)
	dst = appendPadded(append(dst, ':'), seconds%60, 2)
	if fraction > 0 {
		dst = appendPadded(append(dst, '.'), fraction, 6)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return dst, year
}

// appendOffset is EncodeTimezone: minutes and seconds only if there are some.
func appendOffset(dst []byte, offset int) []byte {
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	dst = appendPadded(append(dst, sign), offset/3600, 2)
	if offset%3600 != 0 {
		dst = appendPadded(append(dst, ':'), offset/60%60, 2)
	}
	if offset%60 != 0 {
		dst = appendPadded(append(dst, ':'), offset%60, 2)
	}
	return dst
}

func floorDiv64(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
