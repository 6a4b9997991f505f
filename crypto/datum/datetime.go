package datum

import (
	"math"
	"path"
	"strconv"
	"strings"
	"time"
)

// moment is a date and time as it was written.
type moment struct {
	special                    momentSpecial
	year, month, day           int // year 0 is 1 BC
	hour, minute, second, usec int // second may be 60, usec 1000000, hour 24 and more
	offset                     int // seconds east of UTC
}

type momentSpecial int

const (
	momentPlain momentSpecial = iota
	momentEpoch
	momentInfinity
	momentNegativeInfinity
)

// A decoder reads date, timestamp and timestamptz texts as ParseDateTime and DecodeDateTime of
// src/backend/utils/adt/datetime.c do. It leaves out what PostgreSQL 16 and 17 took away (labelled fields such as
// y2001m02d04, special values beside other fields), and refuses time zone abbreviations but those of UTC, whose meaning
// depends on the server's version and settings.
type decoder struct {
	settings  *Settings
	typeName  string // for messages
	seen      fieldSet
	m         moment
	doy       int
	textMonth bool // the month was a word
	twoDigits bool // the year has one or two digits
	julian    bool // the date is a Julian day
	bc        bool
	meridian  meridian
	prefix    prefix // what the word before said that the next field is
	zone      *time.Location
}

// fieldSet is the set of parts of a moment that were written.
type fieldSet uint

const (
	seenYear fieldSet = 1 << iota
	seenMonth
	seenDay
	seenDayOfYear
	seenTime
	seenZone
	seenSpecial
	seenWeekday
	seenMeridian
	seenEra

	seenDate = seenYear | seenMonth | seenDay
)

type meridian int

const (
	hour24 meridian = iota
	ante
	post
)

type prefix int

const (
	prefixNone prefix = iota
	prefixJulian
	prefixTime
)

// Limits of date and time texts (MAXDATELEN, MAXDATEFIELDS).
const (
	momentSizeMax   = 128 // of all fields, each with a byte more
	momentFieldsMax = 25
)

// scanMoment reads a date and time. typeName stands in messages.
func scanMoment(text []byte, s *Settings, typeName string) (moment, error) {
	if s == nil {
		s = Default()
	}
	d := decoder{settings: s, typeName: typeName}
	fields, err := d.split(string(text))
	if err != nil {
		return moment{}, err
	}
	for i := range fields {
		if err := d.field(fields, i); err != nil {
			return moment{}, err
		}
	}
	if err := d.finish(); err != nil {
		return moment{}, err
	}
	return d.m, nil
}

func (d *decoder) failFormat() error {
	return fail(codeDatetimeFormat, "invalid input syntax for type "+d.typeName)
}

func failField() error { return fail(codeDatetimeOverflow, "date/time field value out of range") }

// failMonthDay is failField for a month or day that may only stand in the wrong place.
func failMonthDay() error {
	return &Error{Code: codeDatetimeOverflow, Message: "date/time field value out of range",
		Hint: `Perhaps you need a different "datestyle" setting.`}
}

func failDisplacement() error {
	return fail(codeZoneDisplacement, "time zone displacement out of range")
}

type dateField struct {
	kind fieldKind
	text string // lower case
	raw  string // as written
}

type fieldKind int

const (
	fieldNumber fieldKind = iota // digits, perhaps with a fraction
	fieldDate                    // digits and words with separators; also a time zone's name
	fieldTime                    // digits with colons
	fieldZone                    // a sign and digits
	fieldWord
	fieldSigned // a sign and a word
)

// split cuts a text into fields (ParseDateTime).
func (d *decoder) split(text string) ([]dateField, error) {
	var fields []dateField
	size := 0
	for i := 0; i < len(text); {
		c := text[i]
		start := i
		var kind fieldKind
		switch {
		case isDigit(c):
			kind, i = splitNumeric(text, i)
		case c == '.':
			kind, i = fieldNumber, skip(text, i+1, isDigit)
		case isLetter(c):
			kind, i = splitWord(text, i)
		case c == '+' || c == '-':
			at := skip(text, i+1, isSpace)
			switch {
			case at < len(text) && isDigit(text[at]):
				kind, i = fieldZone, skip(text, at, func(c byte) bool { return isDigit(c) || c == ':' || c == '.' || c == '-' })
			case at < len(text) && isLetter(text[at]):
				kind, i = fieldSigned, skip(text, at, isLetter)
			default:
				return nil, d.failFormat()
			}
			start = at
		case isSpace(c) || c > ' ' && c < 0x7f: // blanks and other punctuation separate fields
			i++
			continue
		default:
			return nil, d.failFormat()
		}
		field := text[start:i]
		if kind == fieldZone || kind == fieldSigned {
			field = string(c) + field // without the blanks after the sign
		}
		if size += len(field) + 1; size > momentSizeMax || len(fields) == momentFieldsMax {
			return nil, d.failFormat()
		}
		fields = append(fields, dateField{kind: kind, text: strings.ToLower(field), raw: field})
	}
	return fields, nil
}

// splitNumeric reads a field that begins with a digit.
func splitNumeric(text string, i int) (fieldKind, int) {
	i = skip(text, i, isDigit)
	if i == len(text) {
		return fieldNumber, i
	}
	separator := text[i]
	switch {
	case separator == ':':
		return fieldTime, skip(text, i, func(c byte) bool { return isDigit(c) || c == ':' || c == '.' })
	case separator != '-' && separator != '/' && separator != '.':
		return fieldNumber, i
	}
	i++
	if i == len(text) || !isDigit(text[i]) {
		return fieldDate, skip(text, i, func(c byte) bool { return isDigit(c) || isLetter(c) || c == separator })
	}
	i = skip(text, i, isDigit)
	if i < len(text) && text[i] == separator {
		return fieldDate, skip(text, i, func(c byte) bool { return isDigit(c) || c == separator })
	}
	if separator == '.' {
		return fieldNumber, i
	}
	return fieldDate, i
}

// splitWord reads a field that begins with a letter: a word, a date that begins with its month, a time zone's name.
func splitWord(text string, i int) (fieldKind, int) {
	start := i
	i = skip(text, i, isLetter)
	if i == len(text) {
		return fieldWord, i
	}
	switch c := text[i]; {
	case c == '-' || c == '/' || c == '.':
	case c == '+' || isDigit(c):
		kind, _ := dateWord(strings.ToLower(text[start:i]))
		if kind != wordUnknown && kind != wordZone && kind != wordAbbreviation {
			return fieldWord, i
		}
	default:
		return fieldWord, i
	}
	return fieldDate, skip(text, i, func(c byte) bool {
		return isDigit(c) || isLetter(c) || strings.IndexByte("+-/_.:", c) >= 0
	})
}

func skip(text string, i int, class func(byte) bool) int {
	for i < len(text) && class(text[i]) {
		i++
	}
	return i
}

// field decodes the i-th field. No part may be written twice.
func (d *decoder) field(fields []dateField, i int) error {
	f := fields[i]
	var seen fieldSet
	var err error
	switch f.kind {
	case fieldDate:
		seen, err = d.dateOrZone(f)
	case fieldTime:
		if d.prefix == prefixJulian {
			return d.failFormat()
		}
		d.prefix = prefixNone
		if seen, err = d.time(f.text); err == nil && d.timeOverflows() {
			err = failField()
		}
	case fieldZone:
		seen = seenZone
		d.m.offset, err = d.displacement(f.text)
	case fieldNumber:
		seen, err = d.numberField(f.text)
	default:
		seen, err = d.word(fields, i)
	}
	if err != nil {
		return err
	}
	if seen&d.seen != 0 {
		return d.failFormat()
	}
	d.seen |= seen
	return nil
}

func (d *decoder) dateOrZone(f dateField) (fieldSet, error) {
	if d.prefix == prefixJulian { // "J2451187-05": a Julian day with a time zone
		day, rest, ok := scanInt(f.text)
		if !ok {
			return 0, failField()
		}
		offset, err := d.displacement(rest)
		if err != nil {
			return 0, err
		}
		d.setJulian(day)
		d.m.offset, d.prefix = offset, prefixNone
		return seenDate | seenTime | seenZone, nil
	}
	if d.prefix == prefixNone && d.seen&(seenMonth|seenDay) != seenMonth|seenDay {
		return d.date(f.text)
	}
	// There is a date already: this is a run-together time with a displacement, or a time zone's name.
	if !isDigit(f.text[0]) && d.prefix == prefixNone {
		return seenZone, d.loadZone(f, fail(codeParameterValue, "time zone not recognized"))
	}
	d.prefix = prefixNone
	at := strings.IndexByte(f.text, '-')
	if d.seen&seenTime != 0 || at < 0 {
		return 0, d.failFormat()
	}
	var err error
	if d.m.offset, err = d.displacement(f.text[at:]); err != nil {
		return 0, err
	}
	seen, err := d.runTogether(f.text[:at], d.seen)
	return seen | seenZone, err
}

// loadZone finds a time zone by the name as written; names are not folded.
func (d *decoder) loadZone(f dateField, unknown error) error {
	switch {
	case f.text == "local", f.text == "localtime", f.text == "posixrules": // whatever this machine's is
		return unknown
	case path.Clean(f.raw) != f.raw: // time.LoadLocation is less strict
		return unknown
	}
	zone, err := time.LoadLocation(f.raw)
	if err != nil {
		return unknown
	}
	d.zone = zone
	return nil
}

func (d *decoder) setJulian(day int) {
	d.m.year, d.m.month, d.m.day = julianDate(day)
	d.julian = true
}

// numberField decodes a field of digits, perhaps with a fraction, by what is there already.
func (d *decoder) numberField(text string) (fieldSet, error) {
	switch d.prefix {
	case prefixJulian:
		d.prefix = prefixNone
		return d.julianDay(text)
	case prefixTime:
		d.prefix = prefixNone
		seen, err := d.runTogether(text, d.seen|seenDate)
		if err == nil && seen != seenTime {
			err = d.failFormat()
		}
		return seen, err
	}
	point := strings.IndexByte(text, '.')
	switch {
	case point >= 0 && d.seen&seenDate == 0: // no part of a date yet
		return d.date(text)
	case point > 2, len(text) >= 6 && (d.seen&seenDate == 0 || d.seen&seenTime == 0):
		return d.runTogether(text, d.seen)
	}
	return d.number(text, d.seen)
}

func (d *decoder) julianDay(text string) (fieldSet, error) {
	day, rest, ok := scanInt(text)
	if !ok {
		return 0, failField()
	}
	d.setJulian(day)
	if rest == "" {
		return seenDate, nil
	}
	fraction, err := strconv.ParseFloat(rest, 64)
	if err != nil {
		return 0, d.failFormat()
	}
	usec := int(fraction * microsPerDay)
	d.m.hour, usec = usec/(3600*microsPerSecond), usec%(3600*microsPerSecond)
	d.m.minute, usec = usec/(60*microsPerSecond), usec%(60*microsPerSecond)
	d.m.second, d.m.usec = usec/microsPerSecond, usec%microsPerSecond
	return seenDate | seenTime, nil
}

// date decodes a field that holds a whole date (DecodeDate).
func (d *decoder) date(text string) (fieldSet, error) {
	var parts []string
	for i := 0; i < len(text); i++ {
		for i < len(text) && !isDigit(text[i]) && !isLetter(text[i]) {
			i++
		}
		if i == len(text) || len(parts) == momentFieldsMax {
			return 0, d.failFormat()
		}
		start := i
		if isDigit(text[i]) {
			i = skip(text, i, isDigit)
		} else {
			i = skip(text, i, isLetter)
		}
		parts = append(parts, text[start:i]) // and the character after it, a separator, is passed over
	}
	var got fieldSet
	add := func(seen fieldSet) error {
		if (d.seen|got)&seen != 0 {
			return d.failFormat()
		}
		got |= seen
		return nil
	}
	// A word first: it can only be the month. One outside of this field does not count here.
	defer func(outer bool) { d.textMonth = outer }(d.textMonth)
	d.textMonth = false
	for i, part := range parts {
		if isDigit(part[0]) {
			continue
		}
		kind, value := dateWord(part)
		if kind == wordIgnored {
			continue
		}
		if kind != wordMonth {
			return 0, d.failFormat()
		}
		d.m.month, d.textMonth = value, true
		if err := add(seenMonth); err != nil {
			return 0, err
		}
		parts[i] = ""
	}
	for _, part := range parts {
		if part == "" {
			continue
		}
		seen, err := d.number(part, d.seen|got)
		if err != nil {
			return 0, err
		}
		if err := add(seen); err != nil {
			return 0, err
		}
	}
	if (d.seen|got)&^(seenDayOfYear|seenZone) != seenDate {
		return 0, d.failFormat()
	}
	return got, nil
}

// number decodes one number of a date (DecodeNumber). seen is what was there before it.
func (d *decoder) number(text string, seen fieldSet) (fieldSet, error) {
	value, rest, ok := scanInt(text)
	if !ok {
		return 0, failField()
	}
	if len(rest) == len(text) {
		return 0, d.failFormat()
	}
	if rest != "" {
		if len(text)-len(rest) > 2 {
			return d.runTogether(text, seen|seenDate)
		}
		var err error
		if d.m.usec, err = d.fraction(rest); err != nil {
			return 0, err
		}
	}
	if len(text) == 3 && seen&seenDate == seenYear && value >= 1 && value <= 366 {
		d.doy = value
		return seenDayOfYear | seenMonth | seenDay, nil
	}
	order := d.settings.Order
	year := len(text) >= 3 || order == YMD // a number that may stand first and be a year
	switch seen & seenDate {
	case 0:
		switch {
		case year:
			return d.year(text, value), nil
		case order == DMY:
			d.m.day = value
			return seenDay, nil
		}
		d.m.month = value
		return seenMonth, nil
	case seenYear, seenDay:
		d.m.month = value
		return seenMonth, nil
	case seenMonth:
		if d.textMonth && year {
			return d.year(text, value), nil
		}
		d.m.day = value
		return seenDay, nil
	case seenYear | seenMonth:
		if d.textMonth && len(text) >= 3 && d.twoDigits { // what was taken for the year was the day
			d.m.day, d.m.year, d.twoDigits = d.m.year, value, false
			return seenDay, nil
		}
		d.m.day = value
		return seenDay, nil
	case seenMonth | seenDay:
		return d.year(text, value), nil
	case seenDate:
		return d.runTogether(text, seen)
	}
	return 0, d.failFormat()
}

func (d *decoder) year(text string, value int) fieldSet {
	d.m.year, d.twoDigits = value, len(text) <= 2
	return seenYear
}

// runTogether decodes yymmdd, yyyymmdd, hhmm, hhmmss and hhmmss.fraction (DecodeNumberField).
func (d *decoder) runTogether(text string, seen fieldSet) (fieldSet, error) {
	if point := strings.IndexByte(text, '.'); point >= 0 {
		fraction, err := strconv.ParseFloat("0"+text[point:], 64)
		if err != nil {
			return 0, d.failFormat()
		}
		d.m.usec = microseconds(fraction)
		text = text[:point]
	} else if seen&seenDate != seenDate && len(text) >= 6 {
		n := len(text)
		year, _, ok := scanInt(text[:n-4])
		if !ok {
			return 0, failField()
		}
		d.m.day, d.m.month, d.m.year = twoDigits(text[n-2:]), twoDigits(text[n-4:]), year
		d.twoDigits = d.twoDigits || n-4 == 2
		return seenDate, nil
	}
	if seen&seenTime != 0 || len(text) != 4 && len(text) != 6 || skip(text, 0, isDigit) != len(text) {
		return 0, d.failFormat()
	}
	d.m.hour, d.m.minute, d.m.second = twoDigits(text), twoDigits(text[2:]), 0
	if len(text) == 6 {
		d.m.second = twoDigits(text[4:])
	}
	return seenTime, nil
}

func twoDigits(text string) int { return int(text[0]-'0')*10 + int(text[1]-'0') }

// time decodes hh:mm, hh:mm:ss, hh:mm:ss.fraction and mm:ss.fraction (DecodeTime).
func (d *decoder) time(text string) (fieldSet, error) {
	var parts [3]int
	rest := text
	for i := range parts {
		n, after, ok := scanInt(rest)
		if !ok {
			return 0, failField()
		}
		parts[i], rest = n, after
		if i == len(parts)-1 || rest == "" || rest[0] != ':' {
			break
		}
		rest = rest[1:]
	}
	m := &d.m
	m.hour, m.minute, m.second, m.usec = parts[0], parts[1], parts[2], 0
	if rest != "" {
		if rest[0] != '.' {
			return 0, d.failFormat()
		}
		var err error
		if m.usec, err = d.fraction(rest); err != nil {
			return 0, err
		}
		if strings.Count(text, ":") == 1 {
			m.hour, m.minute, m.second = 0, parts[0], parts[1]
		}
	}
	if m.minute > 59 || m.second > 60 || m.usec > microsPerSecond {
		return 0, failField()
	}
	return seenTime, nil
}

// timeOverflows is time_overflows: 24:00:00 is the latest time.
func (d *decoder) timeOverflows() bool {
	m := &d.m
	return m.hour > 24 || ((m.hour*60+m.minute)*60+m.second)*microsPerSecond+m.usec > microsPerDay
}

// fraction decodes ".123456" to microseconds (ParseFractionalSecond).
func (d *decoder) fraction(text string) (int, error) {
	if skip(text, 1, isDigit) != len(text) {
		return 0, d.failFormat()
	}
	fraction, err := strconv.ParseFloat("0"+text, 64) // "." alone is 0
	if err != nil {
		return 0, d.failFormat()
	}
	return microseconds(fraction), nil
}

func microseconds(seconds float64) int { return int(math.RoundToEven(seconds * microsPerSecond)) }

// displacement decodes +hh, +hhmm, +hh:mm and +hh:mm:ss to seconds east of UTC (DecodeTimezone).
func (d *decoder) displacement(text string) (int, error) {
	if text == "" || text[0] != '+' && text[0] != '-' {
		return 0, d.failFormat()
	}
	hour, rest, ok := scanInt(text[1:])
	minute, second := 0, 0
	switch {
	case !ok:
	case strings.HasPrefix(rest, ":"):
		if minute, rest, ok = scanInt(rest[1:]); ok && strings.HasPrefix(rest, ":") {
			second, rest, ok = scanInt(rest[1:])
		}
	case rest == "" && len(text) > 3:
		hour, minute = hour/100, hour%100
	}
	const hourMax = 15 // MAX_TZDISP_HOUR
	if !ok || hour > hourMax || minute > 59 || second > 59 {
		return 0, failDisplacement()
	}
	if rest != "" {
		return 0, d.failFormat()
	}
	offset := (hour*60+minute)*60 + second
	if text[0] == '-' {
		offset = -offset
	}
	return offset, nil
}

// scanInt reads digits as strtoint does: no digits are 0. It reports false for a number beyond 32 bits.
func scanInt(text string) (n int, rest string, ok bool) {
	i := 0
	for ; i < len(text) && isDigit(text[i]); i++ {
		if n = n*10 + int(text[i]-'0'); n > math.MaxInt32 {
			return 0, "", false
		}
	}
	return n, text[i:], true
}

// word decodes a word that is a field of its own.
func (d *decoder) word(fields []dateField, i int) (fieldSet, error) {
	kind, value := dateWord(fields[i].text)
	switch kind {
	case wordIgnored:
		return 0, nil
	case wordSpecial:
		return d.specialWord(value)
	case wordMonth:
		seen := seenMonth
		if d.seen&seenMonth != 0 && !d.textMonth && d.seen&seenDay == 0 && d.m.month >= 1 && d.m.month <= 31 {
			d.m.day, seen = d.m.month, seenDay // the number before was the day
		}
		d.m.month, d.textMonth = value, true
		return seen, nil
	case wordZone:
		d.m.offset = 0
		return seenZone, nil
	case wordMeridian:
		d.meridian = meridian(value)
		return seenMeridian, nil
	case wordEra:
		d.bc = value != 0
		return seenEra, nil
	case wordWeekday:
		return seenWeekday, nil
	case wordJulian:
		if d.prefix != prefixNone {
			return 0, d.failFormat()
		}
		d.prefix = prefixJulian
		return 0, nil
	case wordTime:
		if d.seen&seenDate != seenDate || i+1 == len(fields) || d.prefix != prefixNone {
			return 0, d.failFormat()
		}
		if next := fields[i+1].kind; next != fieldNumber && next != fieldTime && next != fieldDate {
			return 0, d.failFormat()
		}
		d.prefix = prefixTime
		return 0, nil
	case wordAbbreviation:
		return 0, &Error{Code: codeNotSupported, Message: "time zone abbreviation is not supported here",
			Hint: "Write the offset from UTC, such as +01, or the full name of the time zone."}
	}
	if fields[i].kind == fieldSigned {
		return 0, d.failFormat()
	}
	return seenZone, d.loadZone(fields[i], d.failFormat())
}

func (d *decoder) specialWord(value int) (fieldSet, error) {
	switch value {
	case specialEpoch:
		d.m.special = momentEpoch
		return seenSpecial, nil
	case specialInfinity:
		d.m.special = momentInfinity
		return seenSpecial, nil
	case specialNegativeInfinity:
		d.m.special = momentNegativeInfinity
		return seenSpecial, nil
	case specialAllballs:
		d.m.hour, d.m.minute, d.m.second, d.m.usec, d.m.offset = 0, 0, 0, 0, 0
		return seenTime | seenZone, nil
	}
	if d.settings.Now.IsZero() {
		return 0, &Error{Code: codeNotSupported, Message: "the current date or time cannot be written as a word here",
			Hint: "Write the date and time itself."}
	}
	now := d.settings.Now.In(d.settings.location())
	m := &d.m
	if value == specialNow {
		now = now.Round(time.Microsecond)
		_, m.offset = now.Zone()
		m.year, m.month, m.day = now.Year(), int(now.Month()), now.Day()
		m.hour, m.minute, m.second, m.usec = now.Hour(), now.Minute(), now.Second(), now.Nanosecond()/1000
		d.julian = true // the year is right as it is
		return seenDate | seenTime | seenZone, nil
	}
	m.year, m.month, m.day = julianDate(julianDay(now.Year(), int(now.Month()), now.Day()) + value)
	d.julian = true
	return seenDate, nil
}

// finish checks the whole and completes it (ValidateDate and the end of DecodeDateTime).
func (d *decoder) finish() error {
	m := &d.m
	if d.prefix != prefixNone {
		return d.failFormat()
	}
	if m.special != momentPlain {
		if d.seen != seenSpecial {
			return d.failFormat()
		}
		return nil
	}
	if err := d.finishDate(); err != nil {
		return err
	}
	if d.meridian != hour24 && m.hour > 12 {
		return failField()
	}
	switch {
	case d.meridian == ante && m.hour == 12:
		m.hour = 0
	case d.meridian == post && m.hour != 12:
		m.hour += 12
	}
	if d.seen&seenDate != seenDate {
		return d.failFormat()
	}
	if d.zone == nil && d.seen&seenZone == 0 {
		d.zone = d.settings.location()
	}
	if d.zone != nil && julianValid(m.year, m.month) {
		m.offset = zoneOffset(m, d.zone)
	}
	return nil
}

func (d *decoder) finishDate() error {
	m := &d.m
	if d.seen&seenYear != 0 && !d.julian {
		switch {
		case d.bc:
			if m.year <= 0 {
				return failField()
			}
			m.year = 1 - m.year
		case d.twoDigits && m.year < 70:
			m.year += 2000
		case d.twoDigits && m.year < 100:
			m.year += 1900
		case m.year <= 0:
			return failField()
		}
	}
	if d.seen&seenDayOfYear != 0 {
		m.year, m.month, m.day = julianDate(julianDay(m.year, 1, 1) + d.doy - 1)
	}
	if d.seen&seenMonth != 0 && (m.month < 1 || m.month > 12) {
		return failMonthDay()
	}
	if d.seen&seenDay != 0 && (m.day < 1 || m.day > 31) {
		return failMonthDay()
	}
	if d.seen&seenDate == seenDate && m.day > daysInMonth(m.year, m.month) {
		return failField()
	}
	return nil
}

// zoneOffset finds the offset of a local time (DetermineTimeZoneOffset): a time that does not exist or exists twice
// because clocks were changed has the offset from before the change if they went forward, and from after it if they went
// back.
func zoneOffset(m *moment, zone *time.Location) int {
	const day = secondsPerDay
	seconds := int64(julianDay(m.year, m.month, m.day)-unixEpochJulian)*day + int64((m.hour*60+m.minute)*60+m.second)
	earlier := time.Unix(seconds-day, 0).In(zone)
	_, before := earlier.Zone()
	_, change := earlier.ZoneBounds()
	if change.IsZero() {
		return before
	}
	_, after := change.Zone()
	boundary := change.Unix()
	withBefore, withAfter := seconds-int64(before), seconds-int64(after)
	switch {
	case withBefore < boundary && withAfter < boundary:
		return before
	case withBefore > boundary && withAfter >= boundary:
		return after
	case withBefore > withAfter:
		return before
	}
	return after
}
