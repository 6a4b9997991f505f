package shard

import (
	"context"
	"fmt"
	"strings"
)

// KeyGenerator draws the keys of rows that come without one.
type KeyGenerator interface {
	// Next returns the next key. It is safe for concurrent use, and returns the context's error when that is done
	// while it waits.
	Next(ctx context.Context) (int64, error)
}

// NewKeyGenerator makes a key generator of a ShardingSphere type, whose name is matched without regard to case. Errors
// are as for New. A generator that starts again must not do so within the millisecond of its last key.
func NewKeyGenerator(typ string, props map[string]string, clock Clock) (KeyGenerator, error) {
	p := &properties{typ: strings.ToUpper(typ), values: props}
	if p.typ == "SNOWFLAKE" {
		return newSnowflake(p, clock)
	}
	return nil, fmt.Errorf("key generator %q: %w; available is SNOWFLAKE", typ, ErrType)
}
