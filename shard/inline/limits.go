package inline

// The limits of an expansion. What would go beyond one is refused with an error that wraps ErrLimit.
const (
	// ExpressionBytesMax is the length of an expression.
	ExpressionBytesMax = 64 << 10
	// NamesMax is the number of names that an expression gives, and of the elements of one range.
	NamesMax = 100_000
	// NamesBytesMax is the length of all names together.
	NamesBytesMax = 16 << 20

	depthMax       = 40      // nesting of brackets, closures and prefix operators
	stepsMax       = 8 << 20 // evaluated nodes, elements and bytes of text made on the way
	textBytesMax   = 4 << 10 // one text
	integerBitsMax = 4 << 10 // one number of arbitrary size
	scaleMax       = 1 << 10 // digits after a decimal point
)
