package config

// block keeps where a mapping of the file and its keys were written. Every type that is decoded from one embeds it.
type block struct {
	at   Position
	keys map[string]Position
	// broken says that the block or one in it has a mistake: what is missing in it may be the mistake's fault, and is not
	// reported again.
	broken bool
	// incomplete says that the block holds a key that nobody knows, or is no mapping: a key that seems missing may be there.
	incomplete bool
	// lost holds the keys whose value could not be read, or from which a part was left out.
	lost map[string]bool
}

// lacks reports whether what was decoded for the key may not be all that was meant.
func (b *block) lacks(key string) bool { return b.lost[key] || b.incomplete && !b.written(key) }

// At returns where a key of the block was written; without a key, or for a key that was not written, where the block was.
func (b *block) At(key ...string) Position {
	if len(key) > 0 {
		if at, ok := b.keys[key[0]]; ok {
			return at
		}
	}
	return b.at
}

// written reports whether the key stands in the block.
func (b *block) written(key string) bool {
	_, ok := b.keys[key]
	return ok
}

func (b *block) setBlock(other block) { *b = other }

// positioned is what every type that embeds block is.
type positioned interface {
	setBlock(block)
}
