package inline

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/portcullisdb/portcullis/shard/java"
)

// value is a value of the language, by its Java class:
//
//	nil           null
//	bool          Boolean
//	int32, int64  Integer, Long
//	*big.Int      BigInteger
//	java.Decimal  BigDecimal
//	string        String (GString too: it is made a text where it stands)
//	[]value       List
//	span          Range
type value any

// span is a range of Integers or Longs, or of letters or digits in quotes.
type span struct {
	from, to  int64 // letters: their code points
	class     spanClass
	exclusive bool // without to
}

type spanClass int

const (
	spanInteger spanClass = iota
	spanLong
	spanText
)

// size returns the number of elements; it may be as large as 2^64-1.
func (s span) size() uint64 {
	n := uint64(s.to) - uint64(s.from)
	if s.from > s.to {
		n = -n
	}
	if !s.exclusive && n+1 != 0 {
		n++
	}
	return n
}

// at returns element i.
func (s span) at(i int) value {
	n := s.from + int64(i)
	if s.from > s.to {
		n = s.from - int64(i)
	}
	switch s.class {
	case spanInteger:
		return int32(n)
	case spanLong:
		return n
	}
	return string(rune(n))
}

func isCollection(v value) bool {
	switch v.(type) {
	case []value, span:
		return true
	}
	return false
}

// className names a value's kind for messages.
func className(v value) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case int32, int64, *big.Int:
		return "an integer"
	case java.Decimal:
		return "a decimal number"
	case string:
		return "a text"
	case []value:
		return "a list"
	}
	return "a range"
}

// isTrue is Groovy's truth: 0, "", null and what is empty are false.
func isTrue(v value) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case []value:
		return len(v) > 0
	case span:
		return v.size() > 0
	}
	return decimalOf(v).Sign() != 0
}

// text returns what toString() gives, as a part of ${...} needs it. at is the place of a message.
func (m *machine) text(v value, at int) (string, error) {
	s, err := m.format(v, at, 0)
	if err != nil {
		return "", err
	}
	if len(s) > textBytesMax {
		return "", limitAt(at, "a text is longer than %d bytes", textBytesMax)
	}
	return s, m.spend(at, len(s))
}

func (m *machine) format(v value, at, depth int) (string, error) {
	if depth > depthMax {
		return "", limitAt(at, "lists are nested more than %d deep", depthMax)
	}
	switch v := v.(type) {
	case nil:
		return "null", nil
	case bool:
		return strconv.FormatBool(v), nil
	case int32:
		return strconv.FormatInt(int64(v), 10), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case *big.Int:
		return v.String(), nil
	case java.Decimal:
		return v.String(), nil
	case string:
		return v, nil
	case span:
		// Groovy's versions differ in how they print the others.
		if v.exclusive || v.class == spanText {
			return "", faultAt(at, "the text of such a range is not understood; use toList()")
		}
		return strconv.FormatInt(v.from, 10) + ".." + strconv.FormatInt(v.to, 10), nil
	}
	list := v.([]value)
	var b strings.Builder
	b.WriteByte('[')
	for i, e := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		s, err := m.format(e, at, depth+1)
		if err != nil {
			return "", err
		}
		b.WriteString(s)
		if err := m.spend(at, len(s)+1); err != nil {
			return "", err
		}
		if b.Len() > textBytesMax {
			return "", limitAt(at, "a text is longer than %d bytes", textBytesMax)
		}
	}
	b.WriteByte(']')
	return b.String(), nil
}
