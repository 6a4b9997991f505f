package inline

// item is one item of an expression: text, part, text, part, ..., text. It has one more texts than parts.
type item struct {
	texts []string
	parts []node
	start int // byte offset in the source
}

// node is one node of an expression's tree. Trees are immutable.
type node interface {
	offset() int // byte offset in the source, for messages
}

// place is the offset of a node.
type place int

func (p place) offset() int { return int(p) }

type (
	// literal is a number, a text in single quotes, true, false or null.
	literal struct {
		place
		value value
	}
	// template is a text in double quotes: it has one more texts than parts.
	template struct {
		place
		texts []string
		parts []node
	}
	// variable is the parameter of a closure around it.
	variable struct {
		place
		name string
	}
	listNode struct {
		place
		elements []node
	}
	rangeNode struct {
		place
		from, to  node
		exclusive bool // a..<b
	}
	// unary is -x, +x or !x.
	unary struct {
		place
		operator string
		operand  node
	}
	// binary is an operator between two operands; && and || look at the right one only at need.
	binary struct {
		place
		operator    string
		left, right node
	}
	// conditional is c ? a : b, and c ?: b, whose then is nil.
	conditional struct {
		place
		condition, then, otherwise node
	}
	// call is receiver.method(arguments), receiver.method { closure } or, with class set, Math.abs(arguments).
	call struct {
		place
		class     string
		receiver  node
		method    string
		arguments []node
		closure   *closure
	}
	// closure is { it * 2 } or { x -> x * 2 }.
	closure struct {
		place
		parameter string
		body      node
	}
)
