package inline

import (
	"strings"
)

// machine evaluates trees. It counts down its steps over a whole expansion; nothing else of it changes.
type machine struct {
	steps int
	scope *binding
}

// binding is the value of a closure's parameter, innermost first.
type binding struct {
	name  string
	value value
	outer *binding
}

// spend pays for n steps of work or elements of memory.
func (m *machine) spend(at, n int) error {
	if m.steps -= n; m.steps < 0 {
		return limitAt(at, "the expression needs more than %d steps", stepsMax)
	}
	return nil
}

func (m *machine) eval(n node) (value, error) {
	if err := m.spend(n.offset(), 1); err != nil {
		return nil, err
	}
	switch n := n.(type) {
	case *literal:
		return n.value, nil
	case *template:
		return m.template(n)
	case *variable:
		for b := m.scope; b != nil; b = b.outer {
			if b.name == n.name {
				return b.value, nil
			}
		}
	case *listNode:
		return m.values(n.elements)
	case *rangeNode:
		return m.span(n)
	case *unary:
		return m.unary(n)
	case *binary:
		return m.binary(n)
	case *conditional:
		return m.conditional(n)
	case *call:
		return m.call(n)
	}
	panic("inline: internal error: a node that the parser does not make")
}

func (m *machine) values(nodes []node) ([]value, error) {
	values := make([]value, len(nodes))
	for i, n := range nodes {
		v, err := m.eval(n)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

// template joins the parts of a text in double quotes; null is "null" there.
func (m *machine) template(t *template) (value, error) {
	var b strings.Builder
	for i, text := range t.texts {
		b.WriteString(text)
		if i == len(t.parts) {
			break
		}
		v, err := m.eval(t.parts[i])
		if err != nil {
			return nil, err
		}
		s, err := m.text(v, t.parts[i].offset())
		if err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	return m.text(b.String(), t.offset())
}

// span makes a range: of two integers, or of two letters or digits of one kind in quotes.
func (m *machine) span(n *rangeNode) (value, error) {
	from, err := m.eval(n.from)
	if err != nil {
		return nil, err
	}
	to, err := m.eval(n.to)
	if err != nil {
		return nil, err
	}
	s := span{exclusive: n.exclusive}
	switch {
	case isInteger(from) && isInteger(to):
		s.class = spanInteger
		for _, end := range []value{from, to} {
			if _, long := end.(int64); long {
				s.class = spanLong
			}
		}
		s.from, s.to = longOf(from), longOf(to)
	default:
		f, g := letter(from), letter(to)
		if f == 0 || g == 0 || kindOfLetter(f) != kindOfLetter(g) {
			return nil, faultAt(n.offset(), "a range runs between two integers or two quoted letters, not from %s to %s",
				className(from), className(to))
		}
		s.class, s.from, s.to = spanText, int64(f), int64(g)
	}
	if s.size() > NamesMax {
		return nil, limitAt(n.offset(), "the range has more than %d elements", NamesMax)
	}
	return s, nil
}

func isInteger(v value) bool {
	switch v.(type) {
	case int32, int64:
		return true
	}
	return false
}

// letter returns the one ASCII letter or digit that a text consists of, or 0.
func letter(v value) byte {
	s, ok := v.(string)
	if !ok || len(s) != 1 || kindOfLetter(s[0]) == 0 {
		return 0
	}
	return s[0]
}

func kindOfLetter(c byte) int {
	switch {
	case isDigit(c):
		return 1
	case 'a' <= c && c <= 'z':
		return 2
	case 'A' <= c && c <= 'Z':
		return 3
	}
	return 0
}

// elements returns the elements of a list or range.
func (m *machine) elements(v value, at int) ([]value, error) {
	s, ok := v.(span)
	if !ok {
		return v.([]value), nil
	}
	n := int(s.size()) // at most NamesMax
	if err := m.spend(at, n); err != nil {
		return nil, err
	}
	elements := make([]value, n)
	for i := range elements {
		elements[i] = s.at(i)
	}
	return elements, nil
}

func (m *machine) unary(n *unary) (value, error) {
	x, err := m.eval(n.operand)
	if err != nil {
		return nil, err
	}
	switch {
	case n.operator == "!":
		return !isTrue(x), nil
	case !isNumber(x):
		return nil, faultAt(n.offset(), "%q before %s is not understood", n.operator, className(x))
	case n.operator == "+":
		return x, nil
	}
	return m.subtract(n.offset(), int32(0), x)
}

func (m *machine) binary(n *binary) (value, error) {
	left, err := m.eval(n.left)
	if err != nil {
		return nil, err
	}
	switch n.operator {
	case "||", "&&":
		if isTrue(left) == (n.operator == "||") {
			return n.operator == "||", nil
		}
		right, err := m.eval(n.right)
		return isTrue(right), err
	}
	right, err := m.eval(n.right)
	if err != nil {
		return nil, err
	}
	if n.operator == "+" && (isCollection(left) || isCollection(right)) {
		return m.concatenate(n.offset(), left, right)
	}
	_, leftText := left.(string)
	_, rightText := right.(string)
	switch {
	case isNumber(left) && isNumber(right):
		return m.arithmetic(n.offset(), n.operator, left, right)
	case n.operator == "+" && (leftText || rightText && left != nil):
		return m.join(n.offset(), left, right)
	case n.operator == "==" || n.operator == "!=":
		return m.equality(n.offset(), n.operator, left, right)
	}
	return nil, faultAt(n.offset(), "%q between %s and %s is not understood", n.operator, className(left), className(right))
}

// equality compares what is not a pair of numbers. Groovy compares values of different kinds too, by rules that depend
// on their texts; that is refused, but for null.
func (m *machine) equality(at int, operator string, left, right value) (value, error) {
	var equal bool
	switch l := left.(type) {
	case nil:
		equal = right == nil
	case string:
		r, ok := right.(string)
		if !ok && right != nil {
			return nil, faultAt(at, "%q between %s and %s is not understood", operator, className(left), className(right))
		}
		equal = ok && l == r
	case bool:
		r, ok := right.(bool)
		if !ok && right != nil {
			return nil, faultAt(at, "%q between %s and %s is not understood", operator, className(left), className(right))
		}
		equal = ok && l == r
	default:
		if right != nil {
			return nil, faultAt(at, "%q between %s and %s is not understood", operator, className(left), className(right))
		}
	}
	return equal == (operator == "=="), nil
}

// join concatenates texts; what is no text is printed.
func (m *machine) join(at int, left, right value) (value, error) {
	l, err := m.text(left, at)
	if err != nil {
		return nil, err
	}
	r, err := m.text(right, at)
	if err != nil {
		return nil, err
	}
	return m.text(l+r, at)
}

// concatenate adds a list or an element to a list.
func (m *machine) concatenate(at int, left, right value) (value, error) {
	if !isCollection(left) {
		return nil, faultAt(at, "\"+\" between %s and %s is not understood", className(left), className(right))
	}
	head, err := m.elements(left, at)
	if err != nil {
		return nil, err
	}
	tail := []value{right}
	if isCollection(right) {
		if tail, err = m.elements(right, at); err != nil {
			return nil, err
		}
	}
	if err := m.spend(at, len(head)+len(tail)); err != nil {
		return nil, err
	}
	return append(append(make([]value, 0, len(head)+len(tail)), head...), tail...), nil
}

func (m *machine) conditional(n *conditional) (value, error) {
	c, err := m.eval(n.condition)
	switch {
	case err != nil:
		return nil, err
	case !isTrue(c):
		return m.eval(n.otherwise)
	case n.then == nil:
		return c, nil
	}
	return m.eval(n.then)
}

// apply calls a closure with one argument.
func (m *machine) apply(c *closure, argument value) (value, error) {
	outer := m.scope
	m.scope = &binding{c.parameter, argument, outer}
	v, err := m.eval(c.body)
	m.scope = outer
	return v, err
}

// intArgument returns an Integer argument.
func intArgument(c *call, v value) (int, error) {
	n, ok := v.(int32)
	if !ok {
		return 0, faultAt(c.offset(), "%s() takes an integer, not %s", c.method, className(v))
	}
	return int(n), nil
}

// textArgument returns a text argument.
func textArgument(c *call, v value) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", faultAt(c.offset(), "%s() takes a text, not %s", c.method, className(v))
	}
	return s, nil
}

// longOf returns an Integer or Long.
func longOf(v value) int64 {
	if n, ok := v.(int32); ok {
		return int64(n)
	}
	return v.(int64)
}
