package datum

// wordKind says what a word in a date means.
type wordKind int

const (
	wordUnknown wordKind = iota
	wordIgnored
	wordMonth
	wordWeekday
	wordEra          // 1 for BC
	wordMeridian     // ante or post
	wordZone         // a name of UTC
	wordSpecial      // one of the specials
	wordJulian       // a Julian day follows
	wordTime         // a time follows
	wordAbbreviation // a time zone abbreviation whose meaning is the server's
)

// The special words. Those that depend on the clock come last: yesterday, today and tomorrow are their distance in days.
const (
	specialYesterday        = -1
	specialToday            = 0
	specialTomorrow         = 1
	specialNow              = 2
	specialEpoch            = 3
	specialInfinity         = 4
	specialNegativeInfinity = 5
	specialAllballs         = 6
)

// dateWord looks up a word in lower case (datetktbl in src/backend/utils/adt/datetime.c).
func dateWord(word string) (wordKind, int) {
	if month := monthWord(word); month > 0 {
		return wordMonth, month
	}
	switch word {
	case "at", "on":
		return wordIgnored, 0
	case "sun", "sunday", "mon", "monday", "tue", "tues", "tuesday", "wed", "weds", "wednesday", "thu", "thur", "thurs",
		"thursday", "fri", "friday", "sat", "saturday":
		return wordWeekday, 0
	case "ad":
		return wordEra, 0
	case "bc":
		return wordEra, 1
	case "am":
		return wordMeridian, int(ante)
	case "pm":
		return wordMeridian, int(post)
	case "z", "zulu", "utc", "uct", "ut", "gmt":
		return wordZone, 0
	case "yesterday":
		return wordSpecial, specialYesterday
	case "today":
		return wordSpecial, specialToday
	case "tomorrow":
		return wordSpecial, specialTomorrow
	case "now":
		return wordSpecial, specialNow
	case "epoch":
		return wordSpecial, specialEpoch
	case "infinity":
		return wordSpecial, specialInfinity
	case "-infinity":
		return wordSpecial, specialNegativeInfinity
	case "allballs":
		return wordSpecial, specialAllballs
	case "j", "jd", "julian":
		return wordJulian, 0
	case "t":
		return wordTime, 0
	}
	if zoneAbbreviation(word) {
		return wordAbbreviation, 0
	}
	return wordUnknown, 0
}

func monthWord(word string) int {
	switch word {
	case "jan", "january":
		return 1
	case "feb", "february":
		return 2
	case "mar", "march":
		return 3
	case "apr", "april":
		return 4
	case "may":
		return 5
	case "jun", "june":
		return 6
	case "jul", "july":
		return 7
	case "aug", "august":
		return 8
	case "sep", "sept", "september":
		return 9
	case "oct", "october":
		return 10
	case "nov", "november":
		return 11
	case "dec", "december":
		return 12
	}
	return 0
}

// zoneAbbreviation reports whether PostgreSQL's default set (src/timezone/tznames/Default) knows an abbreviation.
func zoneAbbreviation(word string) bool {
	switch word {
	case "acdt", "acsst", "acst", "act", "acwst", "adt", "aedt", "aesst", "aest", "aft", "akdt", "akst", "almst",
		"almt", "amst", "amt", "anast", "anat", "arst", "art", "ast", "awsst", "awst", "azost", "azot", "azst",
		"azt", "bdst", "bdt", "bnt", "bort", "bot", "bra", "brst", "brt", "bst", "btt", "cadt", "cast", "cct", "cdt",
		"cest", "cet", "cetdst", "chadt", "chast", "chut", "ckt", "clst", "clt", "cot", "cst", "cxt", "davt", "ddut",
		"easst", "east", "eat", "edt", "eest", "eet", "eetdst", "egst", "egt", "est", "fet", "fjst", "fjt", "fkst",
		"fkt", "fnst", "fnt", "galt", "gamt", "gest", "get", "gft", "gilt", "gyt", "hkt", "hst", "ict", "idt", "iot",
		"irkst", "irkt", "irt", "ist", "jayt", "jst", "kdt", "kgst", "kgt", "kost", "krast", "krat", "kst", "lhdt",
		"lhst", "ligt", "lint", "lkt", "magst", "magt", "mart", "mawt", "mdt", "mest", "mesz", "met", "metdst",
		"mez", "mht", "mmt", "mpt", "msd", "msk", "mst", "must", "mut", "mvt", "myt", "ndt", "nft", "novst", "novt",
		"npt", "nst", "nut", "nzdt", "nzst", "nzt", "omsst", "omst", "pdt", "pet", "petst", "pett", "pgt", "pht",
		"pkst", "pkt", "pmdt", "pmst", "pont", "pst", "pwt", "pyst", "pyt", "ret", "sadt", "sast", "sct", "sgt",
		"taht", "tft", "tjt", "tkt", "tmt", "tot", "trut", "tvt", "ulast", "ulat", "uyst", "uyt", "uzst", "uzt",
		"vet", "vlast", "vlat", "volt", "vut", "wadt", "wakt", "wast", "wat", "wdt", "wet", "wetdst", "wft", "wgst",
		"wgt", "xjt", "yakst", "yakt", "yapt", "yekst", "yekt":
		return true
	}
	return false
}
