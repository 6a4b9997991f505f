// Package demo holds the example that `portcullis demo` tells its story with: a shop whose customers lie on two servers,
// with five columns sealed. The files can be read, copied and used without this package; it only carries them into the
// binary.
package demo

import "embed"

// Files holds portcullis.yaml, schema.sql and seed.sql.
//
//go:embed portcullis.yaml schema.sql seed.sql
var Files embed.FS
