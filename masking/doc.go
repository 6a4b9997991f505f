// Package masking replaces values by what may be shown of them.
//
// A Mask is made from a type name and properties (New), is immutable and may be used by any number of goroutines. It
// works on the text form of one value and appends to the caller's buffer; NULL is never given to it. It promises that
// its result is valid UTF-8, that it is no longer than Options.LengthMax, so that a value of varchar(40) is masked by a
// value of varchar(40), and, unless Options.OnUnmaskable is ShardingSphere, that no value but the empty text leaves it
// unchanged: a value in which a mask finds nothing to replace is hidden as a whole.
//
// An empty text stays empty under every mask but NULLIFY. How much of a value is replaced can often be guessed from
// the result; what is kept is shown to whoever may see the mask. Who that is, and where in a statement masked columns
// may stand, is left to others.
package masking
