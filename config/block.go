package config

// block keeps where a mapping of the file and its keys were written. Every type that is decoded from one embeds it.
type block struct {
	at   Position
	keys map[string]Position
	// broken says that the block or one in it has a mistake: what is missing in it may be the mistake's fault, and is not
	// reported again.
	broken bool
}

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

func (b *block) setBlock(at Position, keys map[string]Position, broken bool) {
	b.at, b.keys, b.broken = at, keys, broken
}

// positioned is what every type that embeds block is.
type positioned interface {
	setBlock(at Position, keys map[string]Position, broken bool)
}
