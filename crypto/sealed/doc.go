// Package sealed is the stored form of the values of an encrypted column, described in docs/format.md:
//
//	version (1 B) | layout (1 B) | column tag (4 B) | tokens | Tink ciphertext
//
// It seals the binary form that package datum gives a value, opens it again, and makes the tokens by which equal values
// are found. It promises that a value which was changed in any bit, or stands in another column, or is read as another type
// does not open, and that its errors hold nothing of a value. Where values lie, and which column a value belongs to, is for
// others to know. A Sealer may be used concurrently.
package sealed
