package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Position is where something was written.
type Position struct {
	// File is the path as it was given to Load, or the name of the environment variable or flag that set the value.
	File string
	Line int // from 1; 0 if the source has no lines
}

// String returns "portcullis.yaml:41" with the path as it was given, or "PORTCULLIS_LISTEN__ADDRESS".
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// base returns the position with the last element of the path alone: it is the same wherever the gateway was started.
func (p Position) base() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", filepath.Base(p.File), p.Line)
}

// Error is one mistake of a configuration.
type Error struct {
	At      Position
	Message string // lower case, without full stop; names the key, never a secret
	Hint    string // what would work; may be empty
	// Err is the error of a validator or of the operating system beneath, nil if there is none. Message holds its text.
	Err error
}

// Error returns "portcullis.yaml:41: message (hint)".
func (e *Error) Error() string {
	text := e.Message
	if e.At.File != "" {
		text = e.At.String() + ": " + text
	}
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// Errors are all the mistakes of a configuration, in the order of the file. It is never empty.
type Errors []*Error

// Error returns one mistake a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the mistakes for errors.Is and errors.As.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// errorsMax bounds how many mistakes are kept: a file of a megabyte can hold one in each byte.
const errorsMax = 200

// problems collects mistakes.
type problems struct{ list Errors }

func (p *problems) add(at Position, hint, format string, args ...any) {
	p.addError(&Error{At: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// addCause records a mistake that another package found; its text follows the subject.
func (p *problems) addCause(at Position, subject string, err error, hint string) {
	text := strings.ReplaceAll(err.Error(), "\n", "; ") // errors.Join writes one a line
	p.addError(&Error{At: at, Message: subject + ": " + text, Hint: hint, Err: err})
}

func (p *problems) addError(e *Error) {
	if len(p.list) >= errorsMax {
		return
	}
	for _, known := range p.list {
		if known.At == e.At && known.Message == e.Message {
			return
		}
	}
	p.list = append(p.list, e)
}

// err returns the collected mistakes in the order of the file, nil if there are none.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(b.At.lineRank(), a.At.lineRank()), cmp.Compare(a.At.File, b.At.File),
			cmp.Compare(a.At.Line, b.At.Line))
	})
	return p.list
}

// lineRank puts what stands in the file before what stands elsewhere.
func (p Position) lineRank() int { return min(p.Line, 1) }
