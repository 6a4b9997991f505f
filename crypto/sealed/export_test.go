package sealed

// Folded is case folding, for the vectors.
func Folded(text []byte) []byte { return appendFolded(nil, text) }
