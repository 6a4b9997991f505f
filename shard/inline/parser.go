package inline

import (
	"math"
	"math/big"
	"strings"

	"github.com/portcullisdb/portcullis/shard/java"
)

// parser reads by recursive descent, one function for each level of precedence, in Groovy's order (GroovyParser.g4):
//
//	?:  ||  &&  == !=  < <= > >=  .. ..<  + -  * / %  -x +x  **  !x  x.m() x[i]
//
// Operators of Groovy that are missing here are refused by whoever meets them as a token that cannot follow.
type parser struct {
	lexer
	tok   token    // the token that is looked at; the lexer stands behind it
	depth int      // nesting, at most depthMax
	scope []string // the parameters of the closures around, innermost last
}

// parseItems reads a whole expression from offset start on: items separated by commas. What follows the last comma is no
// item if it is nothing at all; other empty items are empty names, as in ShardingSphere.
func parseItems(source string, start int) ([]*item, error) {
	p := &parser{lexer: lexer{source: source, pos: start}}
	var items []*item
	for {
		item, more, err := p.item()
		if err != nil {
			return nil, err
		}
		if !more && item.start == p.pos {
			return items, nil
		}
		items = append(items, item)
		if !more {
			return items, nil
		}
	}
}

// item reads one item; more reports that a comma follows it.
func (p *parser) item() (it *item, more bool, err error) {
	it = &item{start: p.pos}
	starts := []int{p.pos} // of the texts
	for {
		for p.pos < len(p.source) && p.source[p.pos] != ',' && openerLength(p.source[p.pos:]) == 0 {
			p.pos++
		}
		it.texts = append(it.texts, p.source[starts[len(starts)-1]:p.pos])
		if p.pos == len(p.source) {
			break
		}
		if p.source[p.pos] == ',' {
			p.pos++
			more = true
			break
		}
		part, err := p.part()
		if err != nil {
			return nil, false, err
		}
		it.parts = append(it.parts, part)
		starts = append(starts, p.pos)
	}
	return it, more, it.trim(starts)
}

// trim takes the blanks and the quotes off both ends of an item, and refuses what Groovy would not take literally in
// the rest: to it, an item is the inside of a text in double quotes.
func (it *item) trim(starts []int) error {
	first, last := 0, len(it.texts)-1
	untrimmed := len(it.texts[first])
	it.texts[first] = strings.TrimLeftFunc(it.texts[first], isJavaBlank)
	starts[first] += untrimmed - len(it.texts[first])
	it.texts[last] = strings.TrimRightFunc(it.texts[last], isJavaBlank)
	if first == last && it.texts[first] == `"` {
		return faultAt(starts[first], "the quote has no end")
	}
	if quoted := strings.TrimPrefix(it.texts[first], `"`); quoted != it.texts[first] {
		it.texts[first] = quoted
		starts[first]++
	}
	it.texts[last] = strings.TrimSuffix(it.texts[last], `"`)
	for i, text := range it.texts {
		if err := checkTemplateText(text, starts[i]); err != nil {
			return err
		}
	}
	return nil
}

func isJavaBlank(r rune) bool { return r <= ' ' }

// checkTemplateText refuses characters that have a meaning in a Groovy text in double quotes.
func checkTemplateText(text string, start int) error {
	i := strings.IndexAny(text, "\"\\$\n\r")
	if i < 0 {
		return nil
	}
	switch text[i] {
	case '"':
		return faultAt(start+i, "a double quote within a name is not understood")
	case '\\':
		return faultAt(start+i, "a backslash is not understood")
	case '$':
		return faultAt(start+i, "\"$\" without \"{\" is not understood beside ${...}")
	}
	return faultAt(start+i, "a line break within a name is not understood")
}

// part reads ${ expression } and leaves the lexer behind the bracket.
func (p *parser) part() (node, error) {
	start := p.pos
	p.pos += openerLength(p.source[p.pos:])
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.is("}") {
		return nil, faultAt(start, "${} is empty")
	}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	if !p.tok.is("}") {
		if p.tok.kind == tokenEnd {
			return nil, faultAt(start, "\"${\" has no \"}\"")
		}
		return nil, p.unexpected()
	}
	return e, nil
}

func (p *parser) advance() (err error) {
	p.tok, err = p.next()
	return err
}

func (p *parser) unexpected() error {
	return faultAt(p.tok.offset, "%s is not understood here", p.tok.quote())
}

// expect goes over an operator.
func (p *parser) expect(operator string) error {
	if !p.tok.is(operator) {
		return faultAt(p.tok.offset, "%q is expected here, not %s", operator, p.tok.quote())
	}
	return p.advance()
}

// take goes over the first of the operators that the parser looks at; "" if it is none of them.
func (p *parser) take(operators ...string) (operator string, at int, err error) {
	for _, operator := range operators {
		if p.tok.is(operator) {
			at = p.tok.offset
			return operator, at, p.advance()
		}
	}
	return "", 0, nil
}

func (p *parser) expression() (node, error) {
	if p.depth++; p.depth > depthMax {
		return nil, limitAt(p.tok.offset, "the expression is nested more than %d deep", depthMax)
	}
	defer func() { p.depth-- }()

	condition, err := p.or()
	if err != nil {
		return nil, err
	}
	operator, at, err := p.take("?", "?:")
	if err != nil || operator == "" {
		return condition, err
	}
	c := &conditional{place: place(at), condition: condition}
	if operator == "?" {
		if c.then, err = p.expression(); err != nil {
			return nil, err
		}
		if err := p.expect(":"); err != nil {
			return nil, err
		}
	}
	if c.otherwise, err = p.expression(); err != nil {
		return nil, err
	}
	return c, nil
}

// chain reads operand (operator operand)*, grouped from the left.
func (p *parser) chain(operand func() (node, error), operators ...string) (node, error) {
	left, err := operand()
	for err == nil {
		var operator string
		var at int
		if operator, at, err = p.take(operators...); err != nil || operator == "" {
			break
		}
		var right node
		if right, err = operand(); err == nil {
			left = &binary{place(at), operator, left, right}
		}
	}
	return left, err
}

// pair reads operand or operand operator operand.
func (p *parser) pair(operand func() (node, error), operators ...string) (node, error) {
	left, err := operand()
	if err != nil {
		return nil, err
	}
	operator, at, err := p.take(operators...)
	if err != nil || operator == "" {
		return left, err
	}
	right, err := operand()
	if err != nil {
		return nil, err
	}
	if operator == ".." || operator == "..<" {
		return &rangeNode{place(at), left, right, operator == "..<"}, nil
	}
	return &binary{place(at), operator, left, right}, nil
}

func (p *parser) or() (node, error)         { return p.chain(p.and, "||") }
func (p *parser) and() (node, error)        { return p.chain(p.equality, "&&") }
func (p *parser) equality() (node, error)   { return p.pair(p.relational, "==", "!=") }
func (p *parser) relational() (node, error) { return p.pair(p.span, "<", "<=", ">", ">=") }
func (p *parser) span() (node, error)       { return p.pair(p.additive, "..", "..<") }
func (p *parser) additive() (node, error)   { return p.chain(p.factor, "+", "-") }
func (p *parser) factor() (node, error)     { return p.chain(p.sign, "*", "/", "%") }
func (p *parser) power() (node, error)      { return p.pair(p.not, "**") }

func (p *parser) sign() (node, error) { return p.prefix(p.power, "-", "+") }
func (p *parser) not() (node, error)  { return p.prefix(p.postfix, "!") }

// prefix reads prefix operators before an operand.
func (p *parser) prefix(operand func() (node, error), operators ...string) (node, error) {
	operator, at, err := p.take(operators...)
	if err != nil {
		return nil, err
	}
	if operator == "" {
		return operand()
	}
	if p.depth++; p.depth > depthMax {
		return nil, limitAt(at, "the expression is nested more than %d deep", depthMax)
	}
	defer func() { p.depth-- }()
	first := p.tok
	x, err := p.prefix(operand, operators...)
	if err != nil {
		return nil, err
	}
	// A minus before a bare number is part of it: -2147483648 is an Integer, although 2147483648 is a Long.
	bare, ok := x.(*literal)
	if ok && operator == "-" && bare.offset() == first.offset && first.text == "2147483648" && first.suffix == 0 {
		return &literal{place(at), int32(math.MinInt32)}, nil
	}
	return &unary{place(at), operator, x}, nil
}

func (p *parser) postfix() (node, error) {
	x, err := p.primary()
	if err != nil {
		return nil, err
	}
	return p.calls(x)
}

// calls reads .method(...) and .method { ... } behind a receiver.
func (p *parser) calls(receiver node) (node, error) {
	for p.tok.is(".") {
		c, err := p.call(receiver, "")
		if err != nil {
			return nil, err
		}
		receiver = c
	}
	if p.tok.is("[") {
		return nil, faultAt(p.tok.offset, "access by index is not understood")
	}
	return receiver, nil
}

// call reads .method(...) of a receiver, or of a class.
func (p *parser) call(receiver node, class string) (*call, error) {
	if err := p.expect("."); err != nil {
		return nil, err
	}
	if p.tok.kind != tokenName {
		return nil, p.unexpected()
	}
	c := &call{place: place(p.tok.offset), class: class, receiver: receiver, method: p.tok.text}
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch {
	case p.tok.is("{"):
		closure, err := p.closure()
		c.closure = closure
		return c, err
	case !p.tok.is("("):
		return nil, faultAt(c.offset(), "the property %q is not understood", clip(c.method))
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.is("{") {
		closure, err := p.closure()
		if err != nil {
			return nil, err
		}
		c.closure = closure
		return c, p.expect(")")
	}
	arguments, err := p.list(")")
	c.arguments = arguments
	return c, err
}

// closure reads { body } or { parameter -> body }.
func (p *parser) closure() (*closure, error) {
	c := &closure{place: place(p.tok.offset), parameter: "it"}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == tokenName {
		// Is it the parameter or the body? Only the next token tells; the lexer can go back to where it stands.
		name, behind := p.tok, p.pos
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.tok.is("->") {
			if isReserved(name.text) {
				return nil, faultAt(name.offset, "%q cannot be a parameter", clip(name.text))
			}
			c.parameter = name.text
			if err := p.advance(); err != nil {
				return nil, err
			}
		} else {
			p.tok, p.pos = name, behind
		}
	}
	p.scope = append(p.scope, c.parameter)
	body, err := p.expression()
	p.scope = p.scope[:len(p.scope)-1]
	if err != nil {
		return nil, err
	}
	c.body = body
	return c, p.expect("}")
}

// list reads expressions separated by commas up to the closing bracket, and goes over it.
func (p *parser) list(closing string) ([]node, error) {
	var elements []node
	for !p.tok.is(closing) {
		if len(elements) > 0 {
			if !p.tok.is(",") {
				return nil, faultAt(p.tok.offset, "\",\" or %q is expected here, not %s", closing, p.tok.quote())
			}
			if err := p.advance(); err != nil {
				return nil, err
			}
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		elements = append(elements, e)
	}
	return elements, p.advance()
}

func (p *parser) primary() (node, error) {
	tok := p.tok
	switch {
	case tok.kind == tokenQuote:
		return p.template()
	case tok.is("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		return e, p.expect(")")
	case tok.is("["):
		if err := p.advance(); err != nil {
			return nil, err
		}
		elements, err := p.list("]")
		return &listNode{place(tok.offset), elements}, err
	case tok.kind == tokenName:
		return p.name()
	}
	v, err := constant(tok)
	if err != nil {
		return nil, err
	}
	return &literal{place(tok.offset), v}, p.advance()
}

// constant returns the value of a number or a text.
func constant(tok token) (value, error) {
	switch tok.kind {
	case tokenText:
		return tok.text, nil
	case tokenDecimal:
		if len(tok.text) > scaleMax {
			return nil, limitAt(tok.offset, "a number has more than %d digits", scaleMax)
		}
		return java.ParseDecimal(tok.text)
	case tokenInteger:
		if len(tok.text) > scaleMax {
			return nil, limitAt(tok.offset, "a number has more than %d digits", scaleMax)
		}
		if n, err := java.ParseInt(tok.text); err == nil && tok.suffix == 0 {
			return n, nil
		}
		if n, err := java.ParseLong(tok.text); err == nil && tok.suffix != 'G' {
			return n, nil
		}
		if tok.suffix == 'L' {
			return nil, faultAt(tok.offset, "the number does not fit a Long")
		}
		n, _ := new(big.Int).SetString(tok.text, 10)
		return n, nil
	}
	return nil, faultAt(tok.offset, "a value is expected here, not %s", tok.quote())
}

// name reads true, false, null, a variable, or a class and its method.
func (p *parser) name() (node, error) {
	tok := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch tok.text {
	case "true":
		return &literal{place(tok.offset), true}, nil
	case "false":
		return &literal{place(tok.offset), false}, nil
	case "null":
		return &literal{place(tok.offset), nil}, nil
	case "Math", "Integer", "Long":
		if !p.tok.is(".") {
			return nil, p.unexpected()
		}
		return p.call(nil, tok.text)
	}
	for _, parameter := range p.scope {
		if parameter == tok.text {
			return &variable{place(tok.offset), tok.text}, nil
		}
	}
	return nil, faultAt(tok.offset, "the name %q is not understood", clip(tok.text))
}

func isReserved(name string) bool {
	switch name {
	case "true", "false", "null", "Math", "Integer", "Long", "it", "as", "in", "new", "def", "instanceof", "return":
		return true
	}
	return false
}

// template reads a text in double quotes, whose opening quote the parser looks at.
func (p *parser) template() (node, error) {
	t := &template{place: place(p.tok.offset)}
	start := p.pos
	for p.pos < len(p.source) {
		switch {
		case p.source[p.pos] == '"':
			if err := t.text(p.source[start:p.pos], start); err != nil {
				return nil, err
			}
			p.pos++
			return t, p.advance()
		case openerLength(p.source[p.pos:]) > 0:
			if err := t.text(p.source[start:p.pos], start); err != nil {
				return nil, err
			}
			part, err := p.part()
			if err != nil {
				return nil, err
			}
			t.parts = append(t.parts, part)
			start = p.pos
		default:
			p.pos++
		}
	}
	return nil, faultAt(t.offset(), "the quote has no end")
}

func (t *template) text(text string, start int) error {
	t.texts = append(t.texts, text)
	return checkTemplateText(text, start)
}
