package inline

import (
	"fmt"
	"strings"
	"time"

	"github.com/portcullisdb/portcullis/shard/java"
)

// interval is an expression of type INTERVAL (IntervalInlineExpressionParser), "P=t_;SP=yyyyMM;DIA=1;DIU=Months;DL=202311;
// DU=202402": a prefix before each step from a lower to an upper time, in the form of a pattern. Of Java's patterns those
// are understood that name year, month, day, hour, minute, second and millisecond in this order, as far as they go, each
// at its full width. The calendar is ISO's.
type interval struct {
	prefix       string
	pattern      datePattern
	amount       int
	unit         dateUnit
	lower, upper time.Time // in UTC: wall-clock time, without a zone
}

// names lists the steps, each counted from the lower time: from January 31 on they are the last days of the months.
func (v *interval) names(at int) ([]string, error) {
	count := v.unit.between(v.lower, v.upper)/v.amount + 1
	if count > NamesMax {
		return nil, limitAt(at, "the expression lists more than %d names", NamesMax)
	}
	names := make([]string, count)
	total := 0
	for i := range names {
		names[i] = v.prefix + v.pattern.format(v.unit.add(v.lower, i*v.amount))
		if total += len(names[i]); total > NamesBytesMax {
			return nil, limitAt(at, "the names of the expression are longer than %d bytes together", NamesBytesMax)
		}
	}
	return names, nil
}

// parseInterval reads key=value entries, separated by semicolons, in any order.
func parseInterval(source string, start int) (*interval, error) {
	entries, err := parseEntries(source, start)
	if err != nil {
		return nil, err
	}
	if c, ok := entries["C"]; ok && c.value != "ISO" {
		return nil, faultAt(c.offset, "the calendar %q is not understood; the calendar is ISO", clip(c.value))
	}
	v := &interval{prefix: entries["P"].value}
	pattern := entries["SP"]
	if v.pattern, err = parseDatePattern(pattern.value, pattern.offset); err != nil {
		return nil, err
	}
	amount, numberErr := java.ParseInt(entries["DIA"].value)
	if numberErr != nil || amount < 1 {
		return nil, faultAt(entries["DIA"].offset, "DIA is an integer of at least 1")
	}
	v.amount = int(amount)
	if v.unit, err = parseDateUnit(entries["DIU"], v.pattern.fields); err != nil {
		return nil, err
	}
	if v.lower, err = v.pattern.parse(entries["DL"]); err != nil {
		return nil, err
	}
	if v.upper, err = v.pattern.parse(entries["DU"]); err != nil {
		return nil, err
	}
	if v.upper.Before(v.lower) {
		return nil, faultAt(entries["DU"].offset, "DU is before DL")
	}
	return v, nil
}

// entry is the value of one key, with its place.
type entry struct {
	value  string
	offset int
}

func parseEntries(source string, start int) (map[string]entry, error) {
	entries := map[string]entry{}
	offset := start
	for text := range strings.SplitSeq(source[start:], ";") {
		key, value, _ := strings.Cut(text, "=")
		switch {
		case text == "" && offset == len(source): // a semicolon at the end
			continue
		case !strings.Contains(" P SP DIA DIU DL DU C ", " "+key+" ") || key == "":
			return nil, faultAt(offset, "%q is not understood; the keys are P, SP, DIA, DIU, DL, DU and C", clip(key))
		case value == "" || strings.Contains(value, "="):
			return nil, faultAt(offset, "%s has no value, or more than one", key)
		case entries[key].value != "":
			return nil, faultAt(offset, "%s stands twice", key)
		}
		entries[key] = entry{value, offset + len(key) + 1}
		offset += len(text) + 1
	}
	for _, key := range [...]string{"P", "SP", "DIA", "DIU", "DL", "DU"} {
		if entries[key].value == "" {
			return nil, faultAt(start, "%s is missing", key)
		}
	}
	return entries, nil
}

// datePattern is a pattern cut into fields and the texts between them.
type datePattern struct {
	elements []patternElement
	fields   int // how many of dateFields it has, from the year on
}

// patternElement is a field, or a text that stands for itself.
type patternElement struct {
	field int // index into dateFields, or -1
	text  string
}

// dateFields are the fields that a pattern may have, in their order, as Java writes them. It is a constant.
var dateFields = [...]string{"yyyy", "MM", "dd", "HH", "mm", "ss", "SSS"}

// Numbers of fields that make a date and a time.
const (
	fieldsOfYear = 1
	fieldsOfDate = 3
)

func parseDatePattern(pattern string, at int) (datePattern, error) {
	var p datePattern
	for i := 0; i < len(pattern); {
		end := i + 1
		for end < len(pattern) && pattern[end] == pattern[i] {
			end++
		}
		run := pattern[i:end]
		switch c := pattern[i]; {
		case c == '_' || c != '\'' && !isLetter(c) && !strings.ContainsRune("[]{}#", rune(c)):
			p.elements = append(p.elements, patternElement{-1, run})
		case p.fields < len(dateFields) && (run == dateFields[p.fields] || run == "uuuu" && p.fields == 0):
			p.elements = append(p.elements, patternElement{field: p.fields})
			p.fields++
		default:
			return p, faultAt(at+i, "%q is not understood here; a pattern has %s in this order, as far as it goes", clip(run),
				strings.Join(dateFields[:], ", "))
		}
		i = end
	}
	if p.fields == 0 {
		return p, faultAt(at, "the pattern has no year")
	}
	return p, nil
}

// parse reads a time that has the pattern's form exactly.
func (p datePattern) parse(e entry) (time.Time, error) {
	fields := [len(dateFields)]int{0, 1, 1}
	rest := e.value
	for _, element := range p.elements {
		var ok bool
		if element.field < 0 {
			rest, ok = strings.CutPrefix(rest, element.text)
		} else {
			width := len(dateFields[element.field])
			if ok = len(rest) >= width; ok {
				fields[element.field], ok = digitsOf(rest[:width])
				rest = rest[width:]
			}
		}
		if !ok {
			return time.Time{}, faultAt(e.offset, "the time does not have the form of the pattern")
		}
	}
	t := time.Date(fields[0], time.Month(fields[1]), fields[2], fields[3], fields[4], fields[5], fields[6]*1e6, time.UTC)
	if rest != "" || p.format(t) != e.value || t.Year() < 1 {
		return time.Time{}, faultAt(e.offset, "the time does not have the form of the pattern, or is none")
	}
	return t, nil
}

func digitsOf(s string) (n int, ok bool) {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

func (p datePattern) format(t time.Time) string {
	fields := [len(dateFields)]int{
		t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond() / 1e6,
	}
	var b strings.Builder
	for _, element := range p.elements {
		if element.field < 0 {
			b.WriteString(element.text)
		} else {
			fmt.Fprintf(&b, "%0*d", len(dateFields[element.field]), fields[element.field])
		}
	}
	return b.String()
}

// dateUnit is a java.time.temporal.ChronoUnit: so many months, days or milliseconds.
type dateUnit struct{ months, days, millis int }

// parseDateUnit finds a unit, by its exact name, and refuses one that is too small for a pattern of so many fields.
func parseDateUnit(e entry, fields int) (dateUnit, error) {
	u, ok := map[string]dateUnit{
		"Millis": {millis: 1}, "Seconds": {millis: 1_000}, "Minutes": {millis: 60_000}, "Hours": {millis: 3_600_000},
		"HalfDays": {millis: 43_200_000}, "Days": {days: 1}, "Weeks": {days: 7}, "Months": {months: 1}, "Years": {months: 12},
		"Decades": {months: 120}, "Centuries": {months: 1200},
	}[e.value]
	switch {
	case !ok:
		return u, faultAt(e.offset, "the unit %q is not understood; units are Millis, Seconds, Minutes, Hours, HalfDays, Days, "+
			"Weeks, Months, Years, Decades and Centuries", clip(e.value))
	case u.millis > 0 && fields <= fieldsOfDate, u.days > 0 && fields < fieldsOfDate, u.months%12 > 0 && fields == fieldsOfYear:
		return u, faultAt(e.offset, "%s are too small for times of this pattern", e.value)
	}
	return u, nil
}

// between returns how many whole units lie between two times, of which lower is not the later one (ChronoUnit.between).
func (u dateUnit) between(lower, upper time.Time) int {
	if u.millis > 0 {
		return int(upper.UnixMilli()-lower.UnixMilli()) / u.millis // a Duration would end after 292 years
	}
	if timeOfDay(upper) < timeOfDay(lower) {
		upper = upper.AddDate(0, 0, -1) // the last day is not whole
	}
	if u.days > 0 {
		return int(dayOf(upper)-dayOf(lower)) / u.days
	}
	packed := func(t time.Time) int { return (t.Year()*12+int(t.Month()))*32 + t.Day() }
	return (packed(upper) - packed(lower)) / 32 / u.months
}

// dayOf returns the day since 1970-01-01 (LocalDate.toEpochDay).
func dayOf(t time.Time) int64 { return (t.Unix() - int64(timeOfDay(t)/time.Second)) / 86_400 }

func timeOfDay(t time.Time) time.Duration {
	return t.Sub(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC))
}

// add returns a time n units later; a day that the month does not have becomes its last one.
func (u dateUnit) add(t time.Time, n int) time.Time {
	switch {
	case u.millis > 0:
		return time.UnixMilli(t.UnixMilli() + int64(n*u.millis)).UTC()
	case u.days > 0:
		return t.AddDate(0, 0, n*u.days)
	}
	month := time.Date(t.Year(), t.Month()+time.Month(n*u.months), 1, 0, 0, 0, 0, time.UTC)
	lastDay := month.AddDate(0, 1, -1).Day()
	return month.AddDate(0, 0, min(t.Day(), lastDay)-1).Add(timeOfDay(t))
}
