package shard

import (
	"strings"

	"github.com/portcullisdb/portcullis/shard/java"
)

// autoTableNaming returns how ShardingSphere finds the targets of an automatic table (ShardingTable.createDataNodeInfo,
// ShardingAutoTableAlgorithmUtils): the prefix is the first target's name without the digits at its end, of which those
// that belong to the logical table's name stay; numbers are filled up with zeros to the length that the shortest target
// has behind the prefix, in UTF-16 units.
func autoTableNaming(logicTable string, targets []string) naming {
	const digits = "0123456789"
	prefix := strings.TrimRight(targets[0], digits)
	if rest, ok := strings.CutPrefix(targets[0], logicTable); ok {
		prefix = logicTable + strings.TrimRight(rest, digits)
	}
	shortest := java.Length(targets[0])
	for _, target := range targets[1:] {
		shortest = min(shortest, java.Length(target))
	}
	return naming{prefix, shortest - java.Length(prefix)}
}
