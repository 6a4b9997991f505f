package inline

import (
	"math/big"
	"strings"

	"github.com/portcullisdb/portcullis/shard/java"
)

// call evaluates the methods of the language:
//
//	any value     toString()
//	list, range   collect {}  findAll {}  reverse()  toList()  size()  and of ranges step(n)
//	text          length()  size()  padLeft(n, text)  padRight(n, text)  substring(n)  substring(n, n)  toLowerCase()
//	              toUpperCase()  reverse()  trim()  toInteger()  toLong()  hashCode()
//	number        intdiv(n)  mod(n)  abs()  toInteger()  intValue()  toLong()  longValue()  hashCode()
//	Math          abs(n)
//	Integer       parseInt(text)
//	Long          parseLong(text)
func (m *machine) call(c *call) (value, error) {
	var receiver value
	var err error
	if c.class == "" {
		if receiver, err = m.eval(c.receiver); err != nil {
			return nil, err
		}
	}
	arguments, err := m.values(c.arguments)
	if err != nil {
		return nil, err
	}
	switch r := receiver.(type) {
	case nil:
		if c.class != "" {
			return m.static(c, arguments)
		}
		return nil, faultAt(c.offset(), "null has no method %q", clip(c.method))
	case string:
		return m.textMethod(c, r, arguments)
	case []value, span:
		return m.collectionMethod(c, r, arguments)
	}
	switch {
	case c.is("toString", 0):
		return m.text(receiver, c.offset())
	case isNumber(receiver):
		return m.numberMethod(c, receiver, arguments)
	}
	return nil, unknownMethod(c, receiver)
}

// is reports whether a call is one of a method with so many arguments and no closure.
func (c *call) is(method string, arguments int) bool {
	return c.method == method && len(c.arguments) == arguments && c.closure == nil
}

func unknownMethod(c *call, receiver value) error {
	form := "()"
	switch {
	case c.closure != nil:
		form = " {}"
	case len(c.arguments) > 0:
		form = "(" + strings.Repeat("_, ", len(c.arguments)-1) + "_)"
	}
	return faultAt(c.offset(), "the method %s%s of %s is not understood", clip(c.method), clip(form), className(receiver))
}

func (m *machine) static(c *call, arguments []value) (value, error) {
	if len(arguments) != 1 || c.closure != nil {
		return nil, faultAt(c.offset(), "the method %q of %s is not understood so", clip(c.method), c.class)
	}
	switch c.class + "." + c.method {
	case "Math.abs":
		if !isNumber(arguments[0]) {
			return nil, faultAt(c.offset(), "abs() takes a number, not %s", className(arguments[0]))
		}
		return m.abs(c.offset(), arguments[0])
	case "Integer.parseInt", "Long.parseLong":
		s, err := textArgument(c, arguments[0])
		if err != nil {
			return nil, err
		}
		return parse(c, s, c.class == "Long")
	}
	return nil, faultAt(c.offset(), "the method %q of %s is not understood", clip(c.method), c.class)
}

func parse(c *call, s string, long bool) (value, error) {
	var v value
	n, err := java.ParseLong(s)
	if v = n; !long {
		v, err = java.ParseInt(s)
	}
	if err != nil {
		return nil, faultAt(c.offset(), "%s() of a text that is no such number", c.method)
	}
	return v, nil
}

func (m *machine) textMethod(c *call, s string, arguments []value) (value, error) {
	switch {
	case c.is("toString", 0):
		return s, nil
	case c.is("length", 0), c.is("size", 0):
		return int32(java.Length(s)), nil
	case c.is("hashCode", 0):
		return java.HashString(s), nil
	case c.is("trim", 0):
		return java.Trim(s), nil
	case c.is("toInteger", 0), c.is("toLong", 0):
		return parse(c, java.Trim(s), c.method == "toLong")
	case c.is("toLowerCase", 0), c.is("toUpperCase", 0), c.is("reverse", 0):
		return m.asciiMethod(c, s)
	case c.is("padLeft", 1), c.is("padRight", 1):
		return m.pad(c, s, arguments[0], " ")
	case c.is("padLeft", 2), c.is("padRight", 2):
		return m.pad(c, s, arguments[0], arguments[1])
	case c.is("substring", 1):
		return substring(c, s, arguments[0], int32(java.Length(s)))
	case c.is("substring", 2):
		return substring(c, s, arguments[0], arguments[1])
	}
	return nil, unknownMethod(c, s)
}

// asciiMethod changes case or order. Beyond ASCII both depend on Java's tables.
func (m *machine) asciiMethod(c *call, s string) (value, error) {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return nil, faultAt(c.offset(), "%s() of a text beyond ASCII is not understood", c.method)
		}
	}
	switch c.method {
	case "toLowerCase":
		s = strings.ToLower(s)
	case "toUpperCase":
		s = strings.ToUpper(s)
	default:
		b := []byte(s)
		for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
		s = string(b)
	}
	return m.text(s, c.offset())
}

// pad fills a text up to a width with another one, cut where the width ends (StringGroovyMethods.padLeft).
func (m *machine) pad(c *call, s string, width, filling value) (value, error) {
	n, err := intArgument(c, width)
	if err != nil {
		return nil, err
	}
	f, err := textArgument(c, filling)
	if err != nil {
		return nil, err
	}
	missing := n - java.Length(s)
	if missing <= 0 {
		return s, nil
	}
	if f == "" {
		return nil, faultAt(c.offset(), "%s() needs a text to fill with", c.method)
	}
	if missing > textBytesMax {
		return nil, limitAt(c.offset(), "a text is longer than %d bytes", textBytesMax)
	}
	f, ok := java.Substring(strings.Repeat(f, missing/java.Length(f)+1), 0, missing)
	if !ok {
		return nil, faultAt(c.offset(), "%s() would cut a character in two", c.method)
	}
	if c.method == "padLeft" {
		return m.text(f+s, c.offset())
	}
	return m.text(s+f, c.offset())
}

func substring(c *call, s string, begin, end value) (value, error) {
	from, err := intArgument(c, begin)
	if err != nil {
		return nil, err
	}
	to, err := intArgument(c, end)
	if err != nil {
		return nil, err
	}
	sub, ok := java.Substring(s, from, to)
	if !ok {
		return nil, faultAt(c.offset(), "substring() reaches beyond the text")
	}
	return sub, nil
}

func (m *machine) numberMethod(c *call, n value, arguments []value) (value, error) {
	_, decimal := n.(java.Decimal)
	switch {
	case c.is("abs", 0):
		return m.abs(c.offset(), n)
	case c.is("intdiv", 1), c.is("mod", 1):
		if decimal || !isNumber(arguments[0]) || numberClass(arguments[0]) == 3 {
			return nil, faultAt(c.offset(), "%s() takes two integers", c.method)
		}
		if c.method == "mod" {
			return m.arithmetic(c.offset(), "%", n, arguments[0])
		}
		return m.intdiv(c.offset(), n, arguments[0])
	case c.is("toInteger", 0), c.is("intValue", 0):
		return int32(longValue(n)), nil
	case c.is("toLong", 0), c.is("longValue", 0):
		return longValue(n), nil
	case c.is("hashCode", 0):
		return hashCode(n), nil
	}
	return nil, unknownMethod(c, n)
}

func longValue(n value) int64 {
	switch n := n.(type) {
	case *big.Int:
		return java.LongValue(n)
	case java.Decimal:
		return n.LongValue()
	}
	return longOf(n)
}

func hashCode(n value) int32 {
	switch n := n.(type) {
	case int64:
		return java.HashLong(n)
	case *big.Int:
		return java.HashBigInteger(n)
	case java.Decimal:
		return java.HashDecimal(n)
	}
	return n.(int32)
}

// abs keeps the class: of the smallest Integer it is negative.
func (m *machine) abs(at int, n value) (value, error) {
	if decimalOf(n).Sign() >= 0 {
		return n, nil
	}
	return m.subtract(at, int32(0), n)
}

// intdiv divides and cuts toward zero.
func (m *machine) intdiv(at int, a, b value) (value, error) {
	if integerOf(b).Sign() == 0 {
		return nil, faultAt(at, "division by zero")
	}
	switch max(numberClass(a), numberClass(b)) {
	case 0:
		return a.(int32) / b.(int32), nil
	case 1:
		return longOf(a) / longOf(b), nil
	}
	n := new(big.Int).Quo(integerOf(a), integerOf(b))
	return n, m.bounded(at, n)
}

func (m *machine) collectionMethod(c *call, receiver value, arguments []value) (value, error) {
	if c.is("toString", 0) {
		return m.text(receiver, c.offset())
	}
	elements, err := m.elements(receiver, c.offset())
	if err != nil {
		return nil, err
	}
	if err := m.spend(c.offset(), len(elements)); err != nil {
		return nil, err
	}
	switch {
	case c.is("size", 0):
		return int32(len(elements)), nil
	case c.is("toList", 0):
		return elements, nil
	case c.is("reverse", 0):
		reversed := make([]value, len(elements))
		for i, e := range elements {
			reversed[len(elements)-1-i] = e
		}
		return reversed, nil
	case c.is("step", 1):
		return step(c, receiver, elements, arguments[0])
	case c.closure != nil && c.method == "collect":
		return m.collect(c.closure, elements)
	case c.closure != nil && c.method == "findAll":
		return m.findAll(c.closure, elements)
	}
	return nil, unknownMethod(c, receiver)
}

// step returns every n-th element of a range of integers.
func step(c *call, receiver value, elements []value, argument value) (value, error) {
	n, err := intArgument(c, argument)
	if err != nil {
		return nil, err
	}
	if s, ok := receiver.(span); !ok || s.class == spanText || n < 1 {
		return nil, faultAt(c.offset(), "step() takes a range of integers and a number from 1 on")
	}
	var steps []value
	for i := 0; i < len(elements); i += n {
		steps = append(steps, elements[i])
	}
	return steps, nil
}

func (m *machine) collect(c *closure, elements []value) (value, error) {
	results := make([]value, len(elements))
	for i, e := range elements {
		v, err := m.apply(c, e)
		if err != nil {
			return nil, err
		}
		results[i] = v
	}
	return results, nil
}

func (m *machine) findAll(c *closure, elements []value) (value, error) {
	var found []value
	for _, e := range elements {
		v, err := m.apply(c, e)
		if err != nil {
			return nil, err
		}
		if isTrue(v) {
			found = append(found, e)
		}
	}
	return found, nil
}
