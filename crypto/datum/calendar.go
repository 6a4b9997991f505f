package datum

// Days are counted from 2000-01-01 in the proleptic Gregorian calendar, microseconds from the midnight that begins it
// (src/include/datatype/timestamp.h).
const (
	epochJulian     = 2451545 // POSTGRES_EPOCH_JDATE
	unixEpochJulian = 2440588 // UNIX_EPOCH_JDATE
	// unixEpochSeconds is 2000-01-01 in seconds since 1970.
	unixEpochSeconds = (epochJulian - unixEpochJulian) * secondsPerDay

	secondsPerDay = 86400
	microsPerDay  = secondsPerDay * microsPerSecond

	microsPerSecond = 1000000

	dateMin      = -epochJulian             // 4714-11-24 BC
	dateEnd      = 2147483494 - epochJulian // 5874898-06-03, the first day beyond
	timestampMin = -211813488000000000      // 4714-11-24 BC
	timestampEnd = 9223371331200000000      // 294277-01-01, the first instant beyond
)

// julianDay is date2j of src/backend/utils/adt/datetime.c: the Julian day of a date, for years from -4713.
func julianDay(year, month, day int) int {
	if month > 2 {
		month, year = month+1, year+4800
	} else {
		month, year = month+13, year+4799
	}
	century := year / 100
	return year*365 - 32167 + year/4 - century + century/4 + 7834*month/256 + day
}

// julianDate is j2date: the date of a Julian day. Year 0 is 1 BC.
func julianDate(julian int) (year, month, day int) {
	n := uint64(julian) + 32044
	quad := n / 146097
	extra := (n-quad*146097)*4 + 3
	n += 60 + quad*3 + extra/146097
	quad = n / 1461
	n -= quad * 1461
	y := n * 4 / 1461
	if y != 0 {
		n = (n+305)%365 + 123
	} else {
		n = (n+306)%366 + 123
	}
	y += quad * 4
	quad = n * 2141 / 65536
	return int(y) - 4800, int(quad+10)%12 + 1, int(n - 7834*quad/256)
}

// julianValid is IS_VALID_JULIAN: the dates for which julianDay is right.
func julianValid(year, month int) bool {
	return (year > -4713 || year == -4713 && month >= 11) && (year < 5874898 || year == 5874898 && month < 6)
}

func daysInMonth(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}
