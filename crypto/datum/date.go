package datum

import (
	"encoding/binary"
	"math"
)

// A date is days since 2000-01-01 in 4 bytes; the ends of the range are the infinities.
const (
	dateSize             = 4
	dateInfinity         = math.MaxInt32
	dateNegativeInfinity = math.MinInt32
)

// parseDate is date_in of src/backend/utils/adt/date.c.
func parseDate(dst, text []byte, s *Settings) ([]byte, error) {
	m, err := scanMoment(text, s, "date")
	if err != nil {
		return nil, err
	}
	days := 0
	switch m.special {
	case momentInfinity:
		days = dateInfinity
	case momentNegativeInfinity:
		days = dateNegativeInfinity
	case momentEpoch:
		days = unixEpochJulian - epochJulian
	default:
		if !julianValid(m.year, m.month) {
			return nil, failDateRange()
		}
		if days = julianDay(m.year, m.month, m.day) - epochJulian; !dateValid(days) {
			return nil, failDateRange()
		}
	}
	return binary.BigEndian.AppendUint32(dst, uint32(int32(days))), nil
}

func failDateRange() error { return fail(codeDatetimeOverflow, "date out of range") }

func dateValid(days int) bool { return days >= dateMin && days < dateEnd }

// receiveDate is date_recv.
func receiveDate(dst, value []byte) ([]byte, error) {
	if len(value) != dateSize {
		return nil, failLength(len(value), dateSize)
	}
	days := int(int32(binary.BigEndian.Uint32(value)))
	if days != dateInfinity && days != dateNegativeInfinity && !dateValid(days) {
		return nil, failDateRange()
	}
	return append(dst, value...), nil
}

func appendDate(dst, value []byte) []byte {
	switch days := int32(binary.BigEndian.Uint32(value)); days {
	case dateInfinity:
		return append(dst, "infinity"...)
	case dateNegativeInfinity:
		return append(dst, "-infinity"...)
	default:
		year, month, day := julianDate(int(days) + epochJulian)
		return appendEra(appendDay(dst, year, month, day), year)
	}
}

// appendDay prints year, month and day; the era comes after the time (EncodeDateOnly, EncodeDateTime).
func appendDay(dst []byte, year, month, day int) []byte {
	if year <= 0 {
		year = 1 - year
	}
	dst = appendPadded(dst, year, 4)
	dst = appendPadded(append(dst, '-'), month, 2)
	return appendPadded(append(dst, '-'), day, 2)
}

func appendEra(dst []byte, year int) []byte {
	if year <= 0 {
		return append(dst, " BC"...)
	}
	return dst
}

func appendPadded(dst []byte, n, width int) []byte {
	var digits [20]byte
	i := len(digits)
	for ; n > 0 || len(digits)-i < width; n /= 10 {
		i--
		digits[i] = byte('0' + n%10)
	}
	return append(dst, digits[i:]...)
}
