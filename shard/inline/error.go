package inline

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrLimit is wrapped by the error of an expression that asks for more than a limit allows.
var ErrLimit = errors.New("limit of inline expressions exceeded")

// Error says what of an expression is not understood, and where.
type Error struct {
	// Character is the place in the expression as it was written, counted in code points from 1.
	Character int
	Message   string

	limit bool
}

// Error returns "character 7: ...".
func (e *Error) Error() string { return fmt.Sprintf("character %d: %s", e.Character, e.Message) }

// Unwrap returns ErrLimit if a limit was exceeded, else nil.
func (e *Error) Unwrap() error {
	if e.limit {
		return ErrLimit
	}
	return nil
}

// fault is an error on its way up: its place is a byte offset, which Expand makes a character of.
type fault struct {
	offset  int
	message string
	limit   bool
}

func (f *fault) Error() string { return f.message }

func faultAt(offset int, format string, args ...any) error {
	return &fault{offset: offset, message: fmt.Sprintf(format, args...)}
}

func limitAt(offset int, format string, args ...any) error {
	return &fault{offset: offset, message: fmt.Sprintf(format, args...), limit: true}
}

// locate makes an *Error of a fault in expression.
func locate(expression string, err error) error {
	var f *fault
	if !errors.As(err, &f) {
		return err
	}
	place := min(f.offset, len(expression))
	return &Error{Character: utf8.RuneCountInString(expression[:place]) + 1, Message: f.message, limit: f.limit}
}
